"""Faults: each that is put into a sound script is found, with message and line; and so in the course's own script."""

import functools

import pytest

from mlfpga.blockdesign import DesignError, ScriptError, accelerator_ip, dry_run, faults

VLNV = "mlfpga:hls:digits_mlp_axi:1.0"
DESIGN = "block_design.tcl"


def test_the_sound_design_has_no_fault():
    assert faults.said(faults.SOUND) == []


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """told(name) -> what the dry run says of a fault; each fault is seeded once."""
    return functools.cache(lambda name: faults.said(faults.seed(name, tmp_path_factory.mktemp("faulty"))))


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_seeded_fault_is_found_at_its_line(name, told):
    assert any(line.startswith(faults.answer(name)) for line in told(name)), told(name)


# In this design two of these bring an error with them: the engine of scatter-gather has a clock of its own, and a
# segment without a bus has an address.
BROUGHT = {
    "scatter-gather": "clock axi_dma_0/m_axi_sg_aclk is not connected",
    "bus left out": "ps/Data has no way to gpio_0/S_AXI/Reg",
}


@pytest.mark.parametrize("name", [name for name, fault in faults.FAULTS.items() if fault.severity == "warning"])
def test_what_vivado_builds_is_no_error(name, told):
    errors = [line.partition(": error: ")[2] for line in told(name) if ": error: " in line]
    assert errors == ([BROUGHT[name]] if name in BROUGHT else [])


def test_there_are_enough_kinds_of_faults_and_no_two_say_the_same():
    answers = {fault.message for fault in faults.FAULTS.values()}
    assert len(answers) >= 30
    assert {fault.severity for fault in faults.FAULTS.values()} == {"refused", "error", "warning"}


def test_a_fault_that_fits_no_longer_is_told(tmp_path, monkeypatch):
    stale = faults.Fault("stale", "no such text", "", "error", "")
    monkeypatch.setitem(faults.FAULTS, "stale", stale)
    with pytest.raises(ValueError) as caught:
        faults.seed("stale", tmp_path)
    assert str(caught.value) == "fault 'stale': 'no such text' stands 0 times in sound.tcl, not once"


def test_a_fault_that_is_not_found_is_said_to_be_missed(tmp_path, monkeypatch):
    harmless = faults.Fault("harmless", "save_bd_design\n", "\n", "warning", "the design is not saved")
    monkeypatch.setitem(faults.FAULTS, "harmless", harmless)
    assert not faults.is_found("harmless", tmp_path)


# The course's own script, with its loops and settings.


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            DESIGN,
            "connect_bd_net $data_clock [get_bd_pins $name/ap_clk]",
            "connect_bd_net $data_clock [get_bd_pins $name/ap_clock]",
            'get_bd_pins: accelerator_0 (digits_mlp_axi) has no pin "ap_clock"; did you mean ap_clk?',
        ),
        (
            DESIGN,
            "ps/SAXIGP2/HP0_DDR_LOW",
            "ps/SAXIGP2/HP0_DDR_LOV",
            'get_bd_addr_segs: there is no address segment "ps/SAXIGP2/HP0_DDR_LOV"; '
            "did you mean ps/SAXIGP2/HP0_DDR_LOW?",
        ),
        (
            "board.tcl",
            "PSU__DDRC__SPEED_BIN",
            "PSU__DDRC__SPEED_BEAN",
            'set_property: ps: zynq_ultra_ps_e has no parameter "PSU__DDRC__SPEED_BEAN"; '
            "did you mean PSU__DDRC__SPEED_BIN?",
        ),
    ],
)
def test_a_fault_stops_the_course_s_script_at_its_line(run, seed_fault, file, old, new, message):
    build, line = seed_fault(file, old, new)
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert str(caught.value) == f"{file}:{line}: {message}"


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (
            "    make_wrapper -files $design -top -import\n",
            "\n",
            "    launch_runs $run {*}$args",
            "launch_runs: the design has no top module; make_wrapper makes one",
        ),
        (
            "foreach sources {gen srcs}",
            "foreach sources {generated}",
            '    error "no hardware handoff',
            "no hardware handoff (.hwh) under vivado_project",
        ),
    ],
)
def test_a_step_left_out_fails_where_its_result_is_needed(run, seed_fault, old, new, place, message):
    build, _ = seed_fault("build.tcl", old, new)
    line = build.read_text().split(place)[0].count("\n") + 1
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert str(caught.value) == f"build.tcl:{line}: {message}"


def test_streams_of_different_widths_are_found(run):
    (finding,) = run(bits_in=64, stream_bits=32, check=False).check()
    assert (finding.severity, finding.message) == (
        "error",
        "TDATA of axi_dma_0/M_AXIS_MM2S is 32 bits wide, of accelerator_0/s_axis 64; make them equal",
    )
    assert finding.where.file.endswith(DESIGN)


def test_an_output_stream_without_tlast_is_found(run):
    accelerator = accelerator_ip(VLNV, 32, 32)
    accelerator["interfaces"][2]["signals"] = "TDATA TKEEP TVALID TREADY"
    (finding,) = run(ips=[accelerator]).check()
    assert (finding.severity, finding.message) == (
        "warning",
        "accelerator_0/m_axis has no TLAST, and axi_dma_0/S_AXIS_S2MM waits for it for ever: the transfer hangs",
    )


@pytest.mark.parametrize("part", ["xczu3eg-sbva484-1-e", "xc7z020clg400-1"])
def test_a_wrong_part_is_a_warning_with_both_names(run, part):
    (finding,) = run(part=part).check()
    assert finding.severity == "warning"
    assert finding.message == f'part "{part}" is not the AUP-ZU3\'s; choose xczu3eg-sfvc784-2-e'
    assert finding.where.file.endswith("build.tcl")


def test_a_forgotten_reset_of_every_accelerator_is_found(run, seed_fault):
    build, _ = seed_fault(
        DESIGN, "connect_bd_net [get_bd_pins $data_reset/peripheral_aresetn] [get_bd_pins $name/ap_rst_n]", ""
    )
    design = run(build, more_accelerators=f"{{cnn_0 {VLNV} 32}}")
    assert [finding.message for finding in design.check()] == [
        f"reset {name}/ap_rst_n is not connected; tied to 0, it holds {name} in reset"
        for name in ("accelerator_0", "cnn_0")
    ]


def test_faults_of_two_clocks_are_found_in_the_course_s_script(run, seed_fault):
    build, _ = seed_fault(DESIGN, "connect_bd_net $data_clock [get_bd_pins $dma/m_axi_s2mm_aclk]",
                          "connect_bd_net $clock [get_bd_pins $dma/m_axi_s2mm_aclk]")  # fmt: skip
    assert run(build).check() == []  # one clock: the same wire
    errors = [f for f in run(build, accelerator_clock_mhz=200, check=False).check() if f.severity == "error"]
    assert [finding.message for finding in errors] == [
        "accelerator_0/m_axis and axi_dma_0/S_AXIS_S2MM run on different clocks (ps/pl_clk1 and ps/pl_clk0)",
        "axi_dma_0/M_AXI_S2MM and memory_smc/S01_AXI run on different clocks (ps/pl_clk0 and ps/pl_clk1)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("[get_property STATS.WNS $run]", "-0.312", "setup -0.312 ns, hold  ns"),
        ("[get_property STATS.WHS $run]", "-0.004", "setup  ns, hold -0.004 ns"),
        ("[get_property STATUS $run]]", '"write_bitstream Complete, Failed Timing!"]', "setup  ns, hold  ns"),
    ],
)
def test_an_overlay_that_misses_timing_is_an_error_or_a_warning_if_asked(run, seed_fault, old, new, found):
    build, _ = seed_fault("build.tcl", old, new)
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert caught.value.message == (
        f"timing is not met (worst slack: {found}): see vivado_output/timing.rpt; lower settings(clock_mhz), or give "
        "the slowest layer a larger reuse factor"
    )
    output = run(build, require_timing=0).output
    assert f"mlfpga: warning: timing is not met (worst slack: {found})" in output
    assert output[-1].startswith("mlfpga: done")


def test_a_design_with_errors_is_raised_with_its_findings(tmp_path):
    script = faults.seed("overlap", tmp_path)
    with pytest.raises(DesignError) as caught:
        dry_run(script, ips=[accelerator_ip("mlfpga:hls:accelerator_axi:1.0", 32, 32)])
    assert [str(finding) for finding in caught.value.findings] == str(caught.value).splitlines()
    assert caught.value.findings[0].where.line == 103 and len(caught.value.design.cells) == 11
