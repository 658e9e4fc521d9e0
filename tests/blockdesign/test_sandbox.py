"""A script from the net must not be able to harm the machine, and an error must say where it is."""

import pytest

from mlfpga.blockdesign.sandbox import CommandError, Sandbox, ScriptError


def run(path, commands=None, seconds=20, files=()):
    sandbox = Sandbox(commands or {}, [path.parent], set(files), seconds)
    sandbox.run(path)
    return sandbox


def fails(path, **options):
    with pytest.raises(ScriptError) as caught:
        run(path, **options)
    return str(caught.value)


@pytest.mark.parametrize("command", ["exec ls", "socket localhost 80", "load x.so", "encoding system utf-8"])
def test_commands_that_reach_the_machine_are_refused(script, command):
    message = fails(script(f"puts hello\n{command}\n"))
    name = command.split()[0]
    assert message == (
        f"script.tcl:2: {name}: refused in a dry run: a script cannot start programs or reach the network"
    )


@pytest.mark.parametrize("command", ["open /etc/passwd", "open ../outside w", "cd /", "cd .."])
def test_files_outside_the_folder_are_refused(script, command):
    name, path = command.split()[:2]
    what = "stays" if name == "cd" else "reads only files"
    assert fails(script(command)) == (
        f'script.tcl:1: {name}: "{path}" is refused: a dry run {what} in the folder of its script'
    )


def test_a_pipe_is_refused(script):
    assert fails(script("open |ls")) == "script.tcl:1: open: refused in a dry run: a script cannot start programs"


def test_files_in_the_folder_can_be_read_and_found(script):
    script("set first 1\nset second 2\n", name="data.txt")
    main = script("""
set channel [open data.txt]
puts [gets $channel]
close $channel
puts [glob *.txt]
puts [glob -nocomplain *.xci]
file mkdir made
cd [pwd]
puts [lsort [glob -directory [file dirname [file normalize [info script]]] -tails *]]
""")
    assert run(main).output == ["set first 1", "data.txt", "", "data.txt script.tcl"]


def test_what_a_script_writes_can_be_read_back_and_is_gone_afterwards(script):
    script("old", name="log.txt")
    main = script("""
set channel [open log.txt a]
puts $channel { new}
close $channel
set channel [open log.txt]
puts [read -nonewline $channel]
close $channel
puts -nonewline [file exists other.txt]
close [open other.txt w]
puts [file exists other.txt]
""")
    assert run(main).output == ["old new", "0", "1"]
    assert (main.parent / "log.txt").read_text() == "old"
    assert not (main.parent / "other.txt").exists()


def test_a_trusted_script_may_start_programs_and_read_elsewhere(script, tmp_path):
    (tmp_path / "outside.tcl").write_text("puts sourced")
    main = script("puts [exec echo started]\nsource ../outside.tcl")
    sandbox = Sandbox({}, [main.parent], set(), trusted=True)
    sandbox.run(main)
    assert sandbox.output == ["started", "sourced"]


def test_hidden_commands_cannot_be_brought_back(script):
    for text in ("interp expose {} exec", "interp invokehidden {} exec ls", "after 10 {}"):
        name = text.split()[0]
        assert f'unknown command "{name}"' in fails(script(text)), text


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.tcl"])
def test_source_reads_only_inside_the_folder_of_the_script(script, path, tmp_path):
    (tmp_path / "outside.tcl").write_text("puts escaped")
    message = fails(script(f"source {path}"))
    assert message == (
        f'script.tcl:1: source "{path}" is refused: a dry run reads only files in the folder of its script'
    )


def test_a_link_that_leaves_the_folder_is_refused(script, tmp_path):
    (tmp_path / "outside.tcl").write_text("puts escaped")
    main = script("source link.tcl")
    (main.parent / "link.tcl").symlink_to(tmp_path / "outside.tcl")
    assert "is refused" in fails(main)


def test_files_outside_do_not_even_exist(script):
    assert run(script("puts [file exists /etc/passwd]")).output == ["0"]


def test_the_commands_behind_file_are_closed_too(script):
    assert fails(script("::tcl::file::delete x")) == "script.tcl:1: not allowed to invoke subcommand delete of file"


def test_nothing_is_written(script):
    main = script("file mkdir made\nfile delete script.tcl\nputs [file exists script.tcl]")
    assert run(main).output == ["1"]
    assert [path.name for path in main.parent.iterdir()] == ["script.tcl"]


def test_a_copy_exists_from_then_on(script):
    main = script(
        "file copy script.tcl copy.tcl\nputs [file exists copy.tcl]\nfile delete copy.tcl\nputs [file exists copy.tcl]"
    )
    assert run(main).output == ["1", "0"]
    assert [path.name for path in main.parent.iterdir()] == ["script.tcl"]


def test_a_copy_needs_a_file_that_a_tool_would_have_made(script):
    main = script("file copy -force made.bit copy.bit\nputs [file exists copy.bit]")
    assert fails(main) == 'script.tcl:1: file: there is no file "made.bit" to copy'
    assert run(main, files={str(main.parent / "made.bit")}).output == ["1"]


def test_an_endless_loop_ends(script):
    assert "stopped after 0.1 s: is there an endless loop?" in fails(script("while 1 {}"), seconds=0.1)


def test_an_endless_loop_that_catches_its_errors_ends_too(script):
    assert "stopped after 0.1 s" in fails(script("while 1 {catch {while 1 {}}}"), seconds=0.1)


def test_a_plain_tcl_error_has_its_line(script):
    assert fails(script("set a 1\nputs $b")) == 'script.tcl:2: can\'t read "b": no such variable'


def test_a_tcl_error_in_a_procedure_has_its_line_in_the_file(script):
    text = "# first\nproc outer {} {\n    set a \\\n        1\n    error wrong\n}\nouter\n"
    assert fails(script(text)) == "script.tcl:5: wrong"


def test_an_error_in_a_sourced_file_is_found_there(script):
    script("\n\nmisspelt 1\n", name="other.tcl")
    assert fails(script("source other.tcl")) == 'other.tcl:3: unknown command "misspelt"'


def test_a_script_may_catch_an_error_and_go_on(script):
    assert run(script("catch {misspelt} message\nputs $message")).output == ['unknown command "misspelt"']


def test_an_exit_code_is_an_error_at_the_line_that_caused_it(script):
    main = script("if {[catch {\n  tool good\n  tool bad\n} message]} {\n  puts $message\n  exit 1\n}")

    def tool(word):
        if word == "bad":
            raise CommandError("no")

    assert fails(main, commands={"tool": tool}) == "script.tcl:3: tool: no"


def test_nothing_runs_after_an_exit(script):
    assert run(script("puts before\nexit\nputs after")).output == ["before"]


def test_a_command_knows_the_line_it_comes_from(script):
    seen = []
    main = script("proc inner {} {\n  mark\n}\nmark\nforeach i {1 2} {\n  mark\n}\ninner\n")
    sandbox = Sandbox({"mark": lambda: seen.append(sandbox.where.line)}, [main.parent], set())
    sandbox.run(main)
    assert seen == [4, 6, 6, 2]


def test_wrong_arguments_are_an_error_of_the_script(script):
    assert fails(script("mark 1 2"), commands={"mark": lambda: None}).startswith("script.tcl:1: mark: wrong arguments")


def test_a_failure_of_a_command_is_told_with_its_line(script):
    def broken(*words):
        raise KeyError("lost")

    assert fails(script("puts a\nbroken b\n"), commands={"broken": broken}) == (
        "script.tcl:2: broken: the dry run cannot do this (KeyError: 'lost')"
    )


@pytest.mark.parametrize("trick", ["rename ::dry::locate {}", "proc ::dry::locate {} {return {a b}}"])
def test_a_script_that_replaces_what_finds_its_lines_only_loses_them(script, trick):
    assert fails(script(f"{trick}\nunknown_one\n")) == 'unknown command "unknown_one"'


def test_bits_of_a_bus_need_no_backslash(script):
    assert run(script("puts leds[3]\nputs leds[7:0]\nputs leds[*]")).output == ["leds[3]", "leds[7:0]", "leds[*]"]


def test_a_search_through_all_folders_ends(script):
    script("", name="data.txt")
    main = script("""
proc find {start} {
    set found [glob -nocomplain -type {f r} -path $start *.txt]
    foreach folder [glob -nocomplain -type {d r} -path $start *] {
        lappend found {*}[find $folder/]
    }
    return $found
}
puts [lmap file [find [file normalize ./]/] {file tail $file}]
puts [llength [find [file normalize ..]/]]
""")
    (main.parent / "deep" / "deeper").mkdir(parents=True)
    (main.parent / "deep" / "deeper" / "more.txt").touch()
    assert run(main).output == ["data.txt more.txt", "2"]
