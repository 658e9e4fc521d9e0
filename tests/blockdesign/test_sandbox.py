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


@pytest.mark.parametrize(
    "command", ["exec ls", "open /etc/passwd", "socket localhost 80", "load x.so", "cd /", "glob *"]
)
def test_commands_that_reach_the_machine_are_refused(script, command):
    message = fails(script(f"puts hello\n{command}\n"))
    name = command.split()[0]
    assert message == (
        f"script.tcl:2: {name}: refused in a dry run: a script cannot start programs or reach files and the network"
    )


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
