"""Properties say what Vivado would say, and setting them changes what they stand for."""

import pytest

from mlfpga.blockdesign import ScriptError

WIRED = """
connect_bd_net -net clock [get_bd_pins ps/pl_clk0] [get_bd_pins net/ap_clk] [get_bd_pins dma/m_axi_mm2s_aclk]
connect_bd_intf_net -intf_net words [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins net/s_axis]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins dma/S_AXI_LITE]
assign_bd_address
"""


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("NAME [get_bd_cells dma]", "dma"),
        ("PATH [get_bd_cells dma]", "/dma"),
        ("TYPE [get_bd_cells dma]", "ip"),
        ("TYPE [get_bd_cells /]", "hier"),
        ("VLNV [get_bd_cells dma]", "xilinx.com:ip:axi_dma:7.1"),
        ("CONFIG.c_sg_length_width [get_bd_cells dma]", "26"),
        ("CONFIG.nothing [get_bd_cells dma]", ""),
        ("DIR [get_bd_pins net/ap_clk]", "I"),
        ("TYPE [get_bd_pins net/interrupt]", "intr"),
        ("MODE [get_bd_intf_pins net/s_axis]", "Slave"),
        ("VLNV [get_bd_intf_pins net/s_axis]", "xilinx.com:interface:axis_rtl:1.0"),
        ("OFFSET [get_bd_addr_segs ps/Data/SEG_dma_Reg]", "0x80000000"),
        ("RANGE [get_bd_addr_segs ps/Data/SEG_dma_Reg]", "0x00010000"),
        ("NAME [current_project]", "demo"),
        ("PART [current_project]", "xczu3eg-sfvc784-2-e"),
        ("-quiet NOTHING [get_bd_cells dma]", ""),
    ],
)
def test_properties_say(told, query, value):
    assert told(f"{WIRED}puts [get_property {query}]") == [value]


def test_a_quiet_setting_of_what_does_not_exist_changes_nothing(run_lines):
    quiet = run_lines("set_property -quiet -dict {CONFIG.C_FAMILY zynquplus CONFIG.c_sg_length_width 20} $dma")
    assert quiet.cells["dma"].values["c_sg_length_width"] == "20"
    with pytest.raises(ScriptError):
        run_lines("set_property CONFIG.C_NOTHING 1 $dma")
