"""Automation makes the cells and connections that Vivado's assistants make, under the same names."""

import pytest

from mlfpga.blockdesign import ScriptError

AXI = "apply_bd_automation -rule xilinx.com:bd_rule:axi4 -config"
BOTH_WAYS = f"""
{AXI} {{Clk_master {{Auto}} Clk_slave {{Auto}} Clk_xbar {{Auto}} Master {{/ps/M_AXI_HPM0_LPD}} Slave {{/dma/S_AXI_LITE}}
    ddr_seg {{Auto}} intc_ip {{New AXI Interconnect}} master_apm {{0}}}} [get_bd_intf_pins dma/S_AXI_LITE]
{AXI} {{Master /ps/M_AXI_HPM0_LPD intc_ip {{New AXI Interconnect}}}} [get_bd_intf_pins net/s_axi_control]
{AXI} {{Master {{/dma/M_AXI_MM2S}} intc_ip {{New AXI SmartConnect}}}} [get_bd_intf_pins ps/S_AXI_HP0_FPD]
{AXI} {{Clk_xbar {{/ps/pl_clk0 (99 MHz)}} Slave {{/ps/S_AXI_HP0_FPD}} intc_ip {{/axi_smc}}}} \\
    [get_bd_intf_pins dma/M_AXI_S2MM]
connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins net/s_axis]
connect_bd_intf_net [get_bd_intf_pins net/m_axis] [get_bd_intf_pins dma/S_AXIS_S2MM]
"""


def test_a_design_made_by_automation_has_no_errors(run_lines):
    design = run_lines(BOTH_WAYS)
    assert [str(finding) for finding in design.check() if finding.severity == "error"] == []
    assert set(design.cells) == {"dma", "net", "ps", "ps8_0_axi_periph", "rst_ps8_0_99M", "axi_smc"}
    assert design.cells["ps8_0_axi_periph"].values["NUM_MI"] == "2"
    assert design.cells["axi_smc"].values["NUM_SI"] == "2"
    assert {(row.slave, row.base) for row in design.address_map() if row.master == "ps/Data"} == {
        ("dma/S_AXI_LITE", 0x8000_0000),
        ("net/s_axi_control", 0x8001_0000),
    }


def test_a_clock_is_connected_with_its_reset(run_lines):
    design = run_lines(
        "apply_bd_automation -rule xilinx.com:bd_rule:clkrst -config {Clk {/ps/pl_clk0 (100 MHz)} Freq {100}} "
        "[get_bd_pins net/ap_clk]"
    )
    wires = {frozenset(map(str, net.pins)) for net in design.nets}
    assert frozenset({"ps/pl_clk0", "net/ap_clk", "rst_ps8_0_99M/slowest_sync_clk"}) in wires
    assert frozenset({"rst_ps8_0_99M/peripheral_aresetn", "net/ap_rst_n"}) in wires


def test_a_preset_that_is_not_known_is_a_warning(run_lines):
    design = run_lines(
        "apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} [get_bd_cells ps]"
    )
    assert any("preset of no board is not known here; ps keeps" in str(finding) for finding in design.check())


def test_a_rule_that_is_not_modelled_is_an_error(run_lines):
    with pytest.raises(ScriptError) as caught:
        run_lines("apply_bd_automation -rule xilinx.com:bd_rule:microblaze -config {} [get_bd_cells net]")
    assert caught.value.message == (
        'apply_bd_automation: rule "xilinx.com:bd_rule:microblaze" is not modelled; write its connections out'
    )


def test_the_preset_of_an_unknown_board_turns_on_what_most_do(run_lines):
    design = run_lines("""
        set_property board_part example.org:other:part0:1.0 [current_project]
        set other [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e other]
        apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset "1"} $other
    """)
    assert list(design.cells["other"].shape.interfaces) == ["M_AXI_HPM0_FPD", "M_AXI_HPM1_FPD"]
    assert any("the preset of example.org:other:part0:1.0 is not known here" in str(found) for found in design.check())
