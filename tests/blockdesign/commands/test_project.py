"""Legal forms of the recorded commands (UG835) that our own script does not use: build scripts of others do."""

import pytest

from mlfpga.blockdesign import ScriptError, dry_run


def test_every_command_may_be_quiet_or_verbose(run_lines):
    design = run_lines("""
        set_property -quiet CONFIG.c_include_sg 0 $dma
        connect_bd_net -verbose [get_bd_pins -quiet ps/pl_clk0] [get_bd_pins -verbose net/ap_clk]
        save_bd_design -quiet
    """)
    assert design.cells["dma"].values["c_include_sg"] == "0" and len(design.nets) == 1


def test_properties_may_be_named_and_set_on_several_objects(run_lines):
    design = run_lines("""
        set second [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma second]
        set_property CONFIG.c_include_sg 0 $dma $second
        set_property -name CONFIG.c_sg_length_width -value 26 -objects [list $dma $second]
        set_property -dict [list CONFIG.c_m_axi_s2mm_data_width.VALUE_SRC USER CONFIG.c_m_axi_s2mm_data_width 64] $dma
    """)
    for name in ("dma", "second"):
        values = design.cells[name].values
        assert (values["c_include_sg"], values["c_sg_length_width"]) == ("0", "26")
    assert design.cells["dma"].values["c_m_axi_s2mm_data_width"] == "64"


def test_pins_may_be_found_by_pattern(run_lines):
    design = run_lines("connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins dma/*aclk] [get_bd_pins net/ap_clk]")
    (net,) = design.nets
    assert {str(pin) for pin in net.pins} == {
        "ps/pl_clk0",
        "dma/s_axi_lite_aclk",
        "dma/m_axi_mm2s_aclk",
        "dma/m_axi_s2mm_aclk",
        "net/ap_clk",
    }


def test_a_whole_build_in_other_words(run_lines):
    """Wrapper without -import, no generate_target, both runs launched at once, the platform's file named."""
    design = run_lines("""
        make_wrapper -files [get_files *.bd] -top
        launch_runs synth_1 impl_1 -to_step write_bitstream -jobs 4
        wait_on_run impl_1
        if {[get_property PROGRESS [get_runs impl_*]] != "100%"} { error "not complete" }
        open_run impl_1 -name impl_1
        report_timing_summary -max_paths 10 -report_unconstrained -warn_on_violation -file timing.rpt
        report_utilization -hierarchical -hierarchical_depth 3 -file utilization.rpt
        write_hw_platform -fixed -include_bit -force -file demo.xsa
        file copy -force work/demo.gen/sources_1/bd/demo_bd/hw_handoff/demo_bd.hwh demo.hwh
        foreach path {work/demo.runs/impl_1/demo_bd_wrapper.bit demo.hwh demo.xsa timing.rpt} {
            puts [file exists $path]
        }
    """)
    assert design.output == ["1", "1", "1", "1"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set_property CONFIG.c_include_sg $dma", "set_property: expected a name, a value and one or more objects"),
        (
            "report_timing_summary -max_pats 10",
            "report_timing_summary: unknown option -max_pats; did you mean -max_paths?",
        ),
        ("current_project -loud", "current_project: unknown option -loud"),
    ],
)
def test_what_is_wrong_is_still_refused(run_lines, line, message):
    with pytest.raises(ScriptError) as caught:
        run_lines(line)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("get_files other.bd", 'get_files: there is no file "other.bd" in the project'),
        ("get_runs place_1", 'get_runs: there is no run "place_1"; a new project has synth_1 and impl_1'),
        ("get_bd_pins dma/*nothing", 'get_bd_pins: dma (axi_dma) has no pin "*nothing"'),
    ],
)
def test_what_is_not_found_is_a_warning_unless_something_fails_for_it(run_lines, line, message):
    found = [str(finding) for finding in run_lines(line).check()]
    assert [text for text in found if text.endswith(message)] == [f"script.tcl:10: warning: {message}"]
    with pytest.raises(ScriptError) as caught:
        run_lines(f"\nset_property NAME other [{line}]")
    assert str(caught.value) == f"script.tcl:11: {message}"


def test_only_all_tells_replaced_versions(run_lines):
    newest, every = run_lines("""
        puts [get_ipdefs xilinx.com:ip:zynq_ultra_ps_e]
        puts [get_ipdefs -all -filter {NAME == zynq_ultra_ps_e}]
    """).output
    assert newest == "xilinx.com:ip:zynq_ultra_ps_e:3.5"
    assert "xilinx.com:ip:zynq_ultra_ps_e:3.4" in every.split() and newest in every.split()


def test_a_quiet_command_succeeds_whatever_happens(run_lines):
    design = run_lines("""
        set_property -quiet -dict {CONFIG.no_such 1 CONFIG.c_sg_length_width 20} $dma
        delete_bd_objs -quiet nothing
        connect_bd_net -quiet [get_bd_pins -quiet ps/none] [get_bd_pins net/ap_clk]
    """)
    assert design.cells["dma"].values["c_sg_length_width"] == "20" and not design.nets


def test_a_command_may_be_cut_short_if_only_one_is_meant(run_lines):
    assert run_lines("puts [get_bd_cell dma]\nputs [llength [get_bd_intf_pin dma/S_AXI_LITE]]").output == ["/dma", "1"]
    with pytest.raises(ScriptError, match='script.tcl:10: unknown command "get_b"'):
        run_lines("get_b dma")


def test_files_that_were_added_are_found_however_their_place_is_told(run_lines):
    output = run_lines("""
        add_files -fileset constrs_1 -norecurse ./pins.xdc
        puts [get_files *work/pins.xdc]
        puts [get_files /elsewhere/demo_bd.bd]
    """).output
    assert output == ["./pins.xdc", "demo_bd.bd"]


def test_boards_are_found_that_are_known_or_called_by_their_full_names(run_lines):
    output = run_lines("""
        puts [get_board_parts -quiet *:aup-zu3-8gb:*]
        puts [get_board_parts xilinx.com:kv260_som:part0:1.4]
        puts [get_board_parts -quiet *:nothing:*]
    """).output
    assert output == ["realdigital.org:aup-zu3-8gb:part0:1.0", "xilinx.com:kv260_som:part0:1.4", ""]


def test_scripts_may_ask_for_what_surrounds_a_build(run_lines):
    output = run_lines("""
        puts [get_property TARGET_LANGUAGE [current_project]]
        set_property BOARD_PART_REPO_PATHS [get_property BOARD_PART_REPO_PATHS [current_project]] [current_project]
        set_param board.repoPaths [get_property LOCAL_ROOT_DIR [xhub::get_xstores xilinx_board_store]]
        puts [expr {$env(HOME) eq [pwd] && [info exists env(XILINX_VIVADO)]}]
        set wns [get_property SLACK [get_timing_paths -delay_type max]]
        puts [expr {$wns < 0}]
    """).output
    assert output[:2] == ["Verilog", "1"]


def test_a_script_that_expects_an_open_project_runs_and_is_told_so(script):
    design = dry_run(script("create_bd_design d\n"), check=False)
    assert [str(finding) for finding in design.check()][0] == (
        "script.tcl:1: warning: there is no open project; the one that the script expects is taken to be empty"
    )


def test_a_project_that_is_opened_holds_things_that_are_not_seen(script):
    design = dry_run(script("open_project made/old.xpr\nlaunch_runs impl_1 -to_step write_bitstream\n"), check=False)
    assert [str(finding) for finding in design.check() if "old.xpr" in str(finding)] == [
        "script.tcl:1: warning: the dry run does not see what old.xpr holds already, only what the script adds"
    ]


def test_a_top_module_of_the_script_s_own_needs_no_wrapper(run_lines):
    run_lines("set_property top own_top [current_fileset]\nlaunch_runs synth_1")
    with pytest.raises(ScriptError, match="the design has no top module"):
        run_lines("set_property top demo_bd_wrapper [current_fileset]\nlaunch_runs synth_1")


def test_a_board_that_is_not_known_is_the_cause_of_what_fails_for_it(run_lines):
    with pytest.raises(ScriptError) as caught:
        run_lines("get_property PART_NAME [get_board_parts -filter {BOARD_NAME == kr260_som}]")
    assert caught.value.message.startswith('get_board_parts: the dry run knows no board "BOARD_NAME == kr260_som"; it ')
    known = run_lines("puts [get_board_parts -filter {BOARD_NAME == aup-zu3-4gb}]").output
    assert known == ["realdigital.org:aup-zu3-4gb:part0:1.0"]


def test_an_opened_design_gives_its_results_their_names(script):
    dry_run(
        script("""
        open_project ./base/base.xpr
        open_bd_design ./base/base.srcs/sources_1/bd/main/main.bd
        make_wrapper -files [get_files main.bd] -top
        launch_runs impl_1 -to_step write_bitstream
        file copy -force ./base/base.runs/impl_1/main_wrapper.bit base.bit
        file copy -force ./base/base.runs/impl_1/main_wrapper.sysdef base.hdf
        file copy -force ./base/base.gen/sources_1/bd/main/hw_handoff/main.hwh base.hwh
    """),
        check=False,
    )
