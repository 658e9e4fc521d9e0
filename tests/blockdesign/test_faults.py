"""Faults seeded into the course's own build script: each is caught, with its message and the line of the script."""

import pytest

from mlfpga.blockdesign import DesignError, ScriptError, accelerator_ip

VLNV = "mlfpga:hls:digits_mlp_axi:1.0"

DESIGN = "block_design.tcl"

# Faults that stop the script: file, what stands there, what is put there, the message.
STOPPED = {
    "misspelt command": (
        DESIGN,
        "    validate_bd_design",
        "    validate_design",
        'unknown command "validate_design"',
    ),
    "misspelt pin": (
        DESIGN,
        "axi_dma_0/axi_resetn",
        "axi_dma_0/axi_reset_n",
        'get_bd_pins: axi_dma_0 (axi_dma) has no pin "axi_reset_n"; did you mean axi_resetn?',
    ),
    "misspelt interface": (
        DESIGN,
        "axi_dma_0/S_AXI_LITE]",
        "axi_dma_0/S_AXI_LIGHT]",
        'get_bd_intf_pins: axi_dma_0 (axi_dma) has no interface "S_AXI_LIGHT"; did you mean S_AXI_LITE?',
    ),
    "misspelt cell": (
        DESIGN,
        "get_bd_pins reset_0/slowest_sync_clk",
        "get_bd_pins reset_O/slowest_sync_clk",
        'get_bd_pins: there is no cell "reset_O"; did you mean reset_0?',
    ),
    "unknown IP": (
        DESIGN,
        "[newest_ip xilinx.com:ip:axi_dma:*]",
        "xilinx.com:ip:axi_dma:8.0",
        'create_bd_cell: there is no IP "xilinx.com:ip:axi_dma:8.0"; the dry run knows xilinx.com:ip:axi_dma:7.1',
    ),
    "value out of range": (
        DESIGN,
        "CONFIG.NUM_SI 2 CONFIG.NUM_MI 1]",
        "CONFIG.NUM_SI 2 CONFIG.NUM_MI 17]",
        "set_property: memory_smc: smartconnect: NUM_MI cannot be 17; choose 1 to 16",
    ),
    "computed parameter": (
        DESIGN,
        "CONFIG.NUM_SI 1 CONFIG.NUM_MI 2]",
        "CONFIG.NUM_SI 1 CONFIG.NUM_MI 2 CONFIG.NUM_CLOCKS 1]",
        'set_property: registers_smc: smartconnect has no parameter "NUM_CLOCKS"; did you mean NUM_CLKS?',
    ),
    "two interfaces of one kind": (
        DESIGN,
        "[get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins $accelerator/s_axis]",
        "[get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins $accelerator/m_axis]",
        "connect_bd_intf_net: axi_dma_0/M_AXIS_MM2S and accelerator_0/m_axis are both initiators; "
        "one must be the other kind",
    ),
    "stream to a register port": (
        DESIGN,
        "[get_bd_intf_pins registers_smc/M01_AXI] [get_bd_intf_pins $accelerator/s_axi_control]",
        "[get_bd_intf_pins registers_smc/M01_AXI] [get_bd_intf_pins $accelerator/s_axis]",
        "connect_bd_intf_net: registers_smc/M01_AXI is aximm and accelerator_0/s_axis is axis; "
        "they cannot be connected",
    ),
    "two drivers": (
        DESIGN,
        "connect_bd_net $interconnect_reset [get_bd_pins registers_smc/aresetn]",
        "connect_bd_net $interconnect_reset [get_bd_pins reset_0/peripheral_aresetn]",
        "connect_bd_net: reset_0/interconnect_aresetn and reset_0/peripheral_aresetn would drive the same wire",
    ),
    "misspelt segment": (
        DESIGN,
        "ps/SAXIGP2/HP0_DDR_LOW",
        "ps/SAXIGP2/HP0_DDR_LOV",
        'get_bd_addr_segs: there is no address segment "ps/SAXIGP2/HP0_DDR_LOV"; did you mean ps/SAXIGP2/HP0_DDR_LOW?',
    ),
    "unknown option": (
        DESIGN,
        "assign_bd_address -offset 0x80000000",
        "assign_bd_address -ofset 0x80000000",
        "assign_bd_address: unknown option -ofset; did you mean -offset?",
    ),
    "no wrapper": (
        "build.tcl",
        "    make_wrapper -files $design -top -import\n",
        "\n",
        "launch_runs: the design has no top module; make_wrapper makes one",
    ),
    "handoff looked for in the wrong place": (
        "build.tcl",
        "foreach sources {gen srcs}",
        "foreach sources {generated}",
        "no hardware handoff (.hwh) under vivado_project",
    ),
}

# The line that is pointed at is not always the line of the fault: what was set wrong may fail where it is used.
ELSEWHERE = {
    "no wrapper": ("build.tcl", "    launch_runs $run {*}$args"),
    "handoff looked for in the wrong place": ("build.tcl", '    error "no hardware handoff'),
}


@pytest.mark.parametrize("name", STOPPED)
def test_a_fault_stops_the_script_at_its_line(run, name, seed_fault):
    file, old, new, message = STOPPED[name]
    build, line = seed_fault(file, old, new)
    if name in ELSEWHERE:
        file, text = ELSEWHERE[name]
        line = build.with_name(file).read_text().split(text)[0].count("\n") + 1
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert str(caught.value) == f"{file}:{line}: {message}"


def test_a_misspelt_ps_parameter_is_found_in_the_file_that_has_it(run, seed_fault):
    build, line = seed_fault("board.tcl", "PSU__DDRC__SPEED_BIN", "PSU__DDRC__SPEED_BEAN")
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert str(caught.value) == (
        f'board.tcl:{line}: set_property: ps: zynq_ultra_ps_e has no parameter "PSU__DDRC__SPEED_BEAN"; '
        "did you mean PSU__DDRC__SPEED_BIN?"
    )


def test_hp0_switched_off_says_which_parameter_switches_it_on(run, seed_fault):
    build, _ = seed_fault("board.tcl", "PSU__USE__S_AXI_GP2      1", "PSU__USE__S_AXI_GP2      0")
    with pytest.raises(ScriptError) as caught:
        run(build)
    assert caught.value.message == (
        'get_bd_pins: ps (zynq_ultra_ps_e) has no pin "saxihp0_fpd_aclk"; '
        "it exists if PSU__USE__S_AXI_GP2 (now it does not)"
    )


# Faults that leave a script that runs: file, what stands there, what is put there, the one finding. {line} is the line
# of the fault, {make X} the line where the cell X is made.
BUILT_WRONG = {
    "dropped clock": (
        "    connect_bd_net $clock [get_bd_pins axi_dma_0/m_axi_mm2s_aclk]\n",
        "",
        "block_design.tcl:{axi_dma_0}: error: clock axi_dma_0/m_axi_mm2s_aclk is not connected",
    ),
    "dropped reset": (
        "    connect_bd_net $peripheral_reset [get_bd_pins $accelerator/ap_rst_n]\n",
        "",
        "block_design.tcl:{accelerator}: error: reset accelerator_0/ap_rst_n is not connected",
    ),
    "reset of the wrong kind": (
        "set peripheral_reset [get_bd_pins reset_0/peripheral_aresetn]",
        "set peripheral_reset [get_bd_pins reset_0/peripheral_reset]",
        "block_design.tcl:{reset2}: error: reset axi_dma_0/axi_resetn is driven by reset_0/peripheral_reset: "
        "they are active high and low",
    ),
    "clock on a reset": (
        "connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_0/ext_reset_in]",
        "connect_bd_net $clock [get_bd_pins reset_0/ext_reset_in]",
        "block_design.tcl:{line}: error: reset reset_0/ext_reset_in is driven by ps/pl_clk0, which is not a reset",
    ),
    "dropped stream": (
        "    connect_bd_intf_net [get_bd_intf_pins $accelerator/m_axis] [get_bd_intf_pins axi_dma_0/S_AXIS_S2MM]\n",
        "",
        "block_design.tcl:{axi_dma_0}: error: stream axi_dma_0/S_AXIS_S2MM is not connected",
    ),
    "scatter-gather on": (
        "CONFIG.c_include_sg               0",
        "CONFIG.c_include_sg               1",
        "block_design.tcl:{line}: error: axi_dma_0 has scatter-gather on; the driver needs it off: "
        "set c_include_sg to 0",
    ),
    "memory port too narrow": (
        "CONFIG.c_m_axi_s2mm_data_width    64",
        "CONFIG.c_m_axi_s2mm_data_width    32",
        "block_design.tcl:{line}: error: axi_dma_0: c_m_axi_s2mm_data_width is 32, narrower than its stream of 64 bits",
    ),
    "overlap": (
        "-offset 0x80010000 -range 0x10000",
        "-offset 0x80000000 -range 0x20000",
        "block_design.tcl:{line}: error: accelerator_0/s_axi_control/Reg at 0x80000000 to 0x8001FFFF overlaps "
        "axi_dma_0/S_AXI_LITE/Reg at 0x80000000 to 0x8000FFFF in ps/Data",
    ),
    "misaligned": (
        "-offset 0x80010000 -range 0x10000",
        "-offset 0x80018000 -range 0x10000",
        "block_design.tcl:{line}: error: accelerator_0/s_axi_control/Reg: 0x80018000 is not a multiple "
        "of its range, 64K",
    ),
    "odd range": (
        "-offset 0x80010000 -range 0x10000",
        "-offset 0x80010000 -range 0x3000",
        "block_design.tcl:{line}: error: accelerator_0/s_axi_control/Reg: range 12K is not a power of two "
        "of at least 4K",
    ),
    "out of reach": (
        "-offset 0x80010000 -range 0x10000",
        "-offset 0xA0010000 -range 0x10000",
        "block_design.tcl:{line}: error: accelerator_0/s_axi_control/Reg at 0xA0010000 to 0xA001FFFF is out of reach "
        "of ps/M_AXI_HPM0_LPD, which sees 0x80000000 to 0x9FFFFFFF",
    ),
    "no address": (
        "foreach channel {Data_MM2S Data_S2MM}",
        "foreach channel {Data_MM2S}",
        "block_design.tcl:{ps}: error: ps/SAXIGP2/HP0_DDR_LOW has no address in axi_dma_0/Data_S2MM",
    ),
}
PLACES = {
    "axi_dma_0": "    set dma [create_bd_cell",
    "accelerator": "    create_bd_cell -type ip -vlnv [newest_ip $settings(accelerator_vlnv)]",
    "ps": "    set ps [create_bd_cell",
    "reset2": "    connect_bd_net $peripheral_reset [get_bd_pins axi_dma_0",
}


@pytest.mark.parametrize("name", BUILT_WRONG)
def test_a_fault_in_the_design_is_found_with_its_line(run, name, seed_fault):
    old, new, message = BUILT_WRONG[name]
    build, line = seed_fault(DESIGN, old, new)
    text = build.with_name(DESIGN).read_text()
    lines = {key: text.split(place)[0].count("\n") + 1 for key, place in PLACES.items()}
    with pytest.raises(DesignError) as caught:
        run(build, bits_out=64)
    assert str(caught.value.findings[0]) == message.format(line=line, **lines)


def test_streams_of_different_widths_are_found(run):
    with pytest.raises(DesignError) as caught:
        run(bits_in=64, stream_bits=32)
    (finding,) = caught.value.findings
    assert finding.message == (
        "TDATA of axi_dma_0/M_AXIS_MM2S is 32 bits wide, of accelerator_0/s_axis 64; make them equal"
    )
    assert finding.where.file.endswith(DESIGN)


def test_an_output_stream_without_tlast_is_found(run):
    accelerator = accelerator_ip(VLNV, 32, 32)
    accelerator["interfaces"][2]["signals"] = "TDATA TKEEP TVALID TREADY"
    with pytest.raises(DesignError) as caught:
        run(ips=[accelerator])
    (finding,) = caught.value.findings
    assert finding.message == "accelerator_0/m_axis has no TLAST, and axi_dma_0/S_AXIS_S2MM waits for it for ever"


@pytest.mark.parametrize("part", ["xczu3eg-sbva484-1-e", "xc7z020clg400-1"])
def test_a_wrong_part_is_found(run, part):
    with pytest.raises(DesignError) as caught:
        run(part=part)
    (finding,) = caught.value.findings
    assert finding.message == f'part "{part}" is not the AUP-ZU3\'s; choose xczu3eg-sfvc784-2-e'
    assert finding.where.file.endswith("build.tcl")


def test_mixed_clocks_are_found(run, seed_fault):
    build, _ = seed_fault(
        DESIGN,
        "connect_bd_net $clock [get_bd_pins $accelerator/ap_clk]",
        "set_property CONFIG.PSU__FPGA_PL1_ENABLE 1 [get_bd_cells ps]\n"
        "    connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins $accelerator/ap_clk]",
    )
    with pytest.raises(DesignError) as caught:
        run(build)
    assert [finding.message for finding in caught.value.findings] == [
        "registers_smc/M01_AXI and accelerator_0/s_axi_control run on different clocks (ps/pl_clk0 and ps/pl_clk1)",
        "axi_dma_0/M_AXIS_MM2S and accelerator_0/s_axis run on different clocks (ps/pl_clk0 and ps/pl_clk1)",
        "accelerator_0/m_axis and axi_dma_0/S_AXIS_S2MM run on different clocks (ps/pl_clk1 and ps/pl_clk0)",
    ]


def test_a_short_length_register_is_a_warning(run, seed_fault):
    build, _ = seed_fault(DESIGN, "CONFIG.c_sg_length_width          26", "CONFIG.c_sg_length_width          14")
    (finding,) = run(build).check()
    assert finding.severity == "warning"
    assert finding.message == "axi_dma_0 moves at most 16383 bytes at a time; set c_sg_length_width to 26"


def test_an_unused_port_of_an_interconnect_is_a_warning(run, seed_fault):
    build, _ = seed_fault(DESIGN, "CONFIG.NUM_SI 1 CONFIG.NUM_MI 2]", "CONFIG.NUM_SI 1 CONFIG.NUM_MI 3]")
    (finding,) = run(build).check()
    assert (finding.severity, finding.message) == ("warning", "registers_smc/M02_AXI is not connected")


def test_errors_are_left_to_check_if_asked(run, seed_fault):
    build, _ = seed_fault(DESIGN, "CONFIG.c_include_sg               0", "CONFIG.c_include_sg               1")
    design = run(build, check=False)
    assert "error" in {finding.severity for finding in design.check()}


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
