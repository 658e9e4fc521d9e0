"""Checks: what Vivado builds has no error, however unusual; what only looks like a fault is not reported."""

import pytest

from mlfpga.blockdesign import Finding, accelerator_ip, dry_run, faults
from mlfpga.blockdesign.checks import check
from mlfpga.blockdesign.design import Where

IP = accelerator_ip("mlfpga:hls:accelerator_axi:1.0", 32, 32)


@pytest.fixture
def changed(tmp_path):
    """changed(old, new, …) -> the findings of the sound design with these changes, as "severity: message"."""

    def run(*changes):
        text = faults.SOUND.read_text()
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "changed.tcl"
        path.write_text(text)
        return [f"{finding.severity}: {finding.message}" for finding in dry_run(path, ips=[IP], check=False).check()]

    return run


def test_the_course_s_design_is_clean_in_all_variants(run):
    vlnv = "mlfpga:hls:digits_mlp_axi:1.0"
    for settings in (
        {},
        {"board_variant": "4GB"},
        {"accelerator_clock_mhz": 150},
        {"more_accelerators": f"{{a1 {vlnv} 32}} {{a2 {vlnv} 32}}", "accelerator_clock_mhz": 200},
    ):
        assert run(**settings).check() == []


def test_errors_come_first_and_say_file_and_line(tmp_path):
    path = tmp_path / "two.tcl"
    text = faults.SOUND.read_text().replace("-offset 0x80020000", "-offset 0x80010000")
    path.write_text(text.replace("c_sg_length_width 26", "c_sg_length_width 14"))
    found = dry_run(path, ips=[IP], check=False).check()
    assert [finding.severity for finding in found] == ["error", "warning"]
    assert str(found[0]).startswith("two.tcl:103: error: gpio_0/S_AXI/Reg at 0x80010000")
    assert str(found[1]).startswith("two.tcl:26: warning: axi_dma_0 moves at most 16383 bytes")


def test_a_finding_without_a_line_has_none():
    assert str(Finding("warning", "words", None)) == "warning: words"
    assert str(Finding("error", "words", Where("/a/b.tcl", 7))) == "b.tcl:7: error: words"


def test_a_polarity_that_the_ip_takes_on_is_no_fault(changed):
    """proc_sys_reset takes the polarity of its input from what drives it."""
    assert changed("[get_bd_pins ps/pl_resetn0] [get_bd_pins reset_1/ext_reset_in]",
                   "[get_bd_pins reset_0/peripheral_reset] [get_bd_pins reset_1/ext_reset_in]")[:1] == [
        "warning: reset reset_1/ext_reset_in comes from reset_0/peripheral_reset, "
        "which is in step with ps/pl_clk0, not with ps/pl_clk1"
    ]  # fmt: skip


def test_the_memory_side_of_a_dma_may_be_left_to_vivado(changed):
    """Vivado widens it to the stream where the script does not set it."""
    wider = "CONFIG.c_s_axis_s2mm_tdata_width 128 [get_bd_cells axi_dma_0]"
    messages = changed("CONFIG.c_m_axi_s2mm_data_width 64 [get_bd_cells axi_dma_0]", wider)
    assert not [message for message in messages if "narrower" in message]


def test_outputs_of_a_clocking_wizard_with_one_frequency_are_one_domain(changed):
    wizard = (
        "create_bd_cell -type ip -vlnv xilinx.com:ip:clk_wiz:6.0 wizard\n"
        "set_property -dict {CONFIG.CLKOUT2_USED true CONFIG.CLKOUT1_REQUESTED_OUT_FREQ 200 "
        "CONFIG.CLKOUT2_REQUESTED_OUT_FREQ %s CONFIG.USE_RESET false CONFIG.USE_LOCKED false} [get_bd_cells wizard]\n"
        "connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins wizard/clk_in1]\n"
        "connect_bd_net [get_bd_pins wizard/clk_out1] [get_bd_pins accelerator_0/ap_clk]\n"
        "connect_bd_net [get_bd_pins wizard/clk_out2] [get_bd_pins results/clk]\n"
    )
    old = "".join(
        f"connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins {pin}]\n"
        for pin in ("accelerator_0/ap_clk", "results/clk")
    )
    between = "accelerator_0/m_axis and results/fifo/S_AXIS run on different clocks"
    assert not [message for message in changed(old, wizard % 200) if between in message]
    assert [message for message in changed(old, wizard % 100) if between in message]


def test_a_port_of_the_design_may_bring_a_clock_a_reset_and_a_stream(tmp_path):
    path = tmp_path / "ports.tcl"
    path.write_text(
        "create_project p p -part xczu3eg-sfvc784-2-e\ncreate_bd_design d\n"
        "create_bd_port -dir I -type clk -freq_hz 100000000 clk\ncreate_bd_port -dir I -type rst resetn\n"
        "create_bd_cell -type ip -vlnv xilinx.com:ip:axis_data_fifo:2.0 fifo\n"
        "connect_bd_net [get_bd_ports clk] [get_bd_pins fifo/s_axis_aclk]\n"
        "connect_bd_net [get_bd_ports resetn] [get_bd_pins fifo/s_axis_aresetn]\n"
        "make_bd_intf_pins_external [get_bd_intf_pins fifo/S_AXIS]\n"
        "make_bd_intf_pins_external [get_bd_intf_pins fifo/M_AXIS]\nvalidate_bd_design\n"
    )
    assert dry_run(path).check() == []


def test_memory_above_what_a_master_can_address_needs_no_address(changed):
    """Of a DMA with 32 bits of address the DDR above 4 GB is out of sight; with 40 bits it is seen."""
    assert changed() == []
    more = "CONFIG.c_addr_width 40 [get_bd_cells axi_dma_0]\nset_property CONFIG.c_include_sg 0"
    wide = changed("CONFIG.c_include_sg 0", more)
    assert wide == [
        f"warning: ps/SAXIGP2/HP0_DDR_HIGH has no address in axi_dma_0/{space}" for space in ("Data_MM2S", "Data_S2MM")
    ]


def test_checking_changes_nothing(design):
    assert check(design) == check(design) == []


def test_a_clock_that_an_open_interface_would_bring_is_no_error(tmp_path):
    path = tmp_path / "memory.tcl"
    path.write_text("""create_project p p -part xczu3eg-sfvc784-2-e; create_bd_design d
create_bd_cell -type ip -vlnv xilinx.com:ip:blk_mem_gen memory
set_property CONFIG.Memory_Type True_Dual_Port_RAM [get_bd_cells memory]
""")
    found = [str(finding) for finding in dry_run(path, check=False).check()]
    assert "memory.tcl:2: warning: clock memory/clkb is not connected: its interface is open" in found
    assert not [finding for finding in found if "error" in finding]
