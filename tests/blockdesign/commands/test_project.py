"""Legal forms of the recorded commands (UG835) that our own script does not use: build scripts of others do."""

import pytest

from mlfpga.blockdesign import ScriptError


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
