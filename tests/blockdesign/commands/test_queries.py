"""get_… commands find what Vivado would, and properties say what it would say."""

import pytest

WIRED = """
connect_bd_net -net clock [get_bd_pins ps/pl_clk0] [get_bd_pins net/ap_clk] [get_bd_pins dma/m_axi_mm2s_aclk]
connect_bd_intf_net -intf_net words [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins net/s_axis]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins dma/S_AXI_LITE]
assign_bd_address
"""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("get_bd_cells", "/dma /net /ps"),
        ("get_bd_cells d*", "/dma"),
        ("get_bd_cells -filter {VLNV =~ *:axi_dma:*}", "/dma"),
        ("get_bd_cells -of_objects [get_bd_nets clock]", "/ps /net /dma"),
        ("get_bd_cells -of [get_bd_intf_pins net/s_axis]", "/net"),
        ("get_bd_pins -of_objects [get_bd_cells net]", "/net/ap_clk /net/ap_rst_n /net/interrupt"),
        ("get_bd_pins -of_objects [get_bd_cells net] -filter {TYPE == clk}", "/net/ap_clk"),
        ("get_bd_pins -of_objects [get_bd_cells net] -filter {DIR == O && TYPE == intr}", "/net/interrupt"),
        ("get_bd_pins -of_objects [get_bd_nets clock]", "/ps/pl_clk0 /net/ap_clk /dma/m_axi_mm2s_aclk"),
        ("get_bd_intf_pins -of_objects [get_bd_cells net]", "/net/s_axi_control /net/s_axis /net/m_axis"),
        ("get_bd_intf_pins -of_objects [get_bd_cells net] -filter {MODE == Master}", "/net/m_axis"),
        ("get_bd_intf_pins -of_objects [get_bd_intf_nets words]", "/dma/M_AXIS_MM2S /net/s_axis"),
        ("get_bd_nets -of_objects [get_bd_pins net/ap_clk]", "/clock"),
        ("get_bd_intf_nets -of_objects [get_bd_intf_pins net/s_axis]", "/words"),
        ("get_bd_addr_segs -of_objects [get_bd_intf_pins dma/S_AXI_LITE]", "/dma/S_AXI_LITE/Reg"),
        ("get_bd_addr_spaces -of_objects [get_bd_cells dma]", "/dma/Data_MM2S /dma/Data_S2MM"),
        ("get_bd_addr_segs ps/Data/SEG*", "/ps/Data/SEG_dma_Reg"),
        ("find_bd_objs -relation connected_to [get_bd_intf_pins net/s_axis]", "/dma/M_AXIS_MM2S"),
        ("get_bd_cells -quiet nothing", ""),
        ("get_bd_intf_ports", ""),
    ],
)
def test_it_finds(told, query, found):
    assert told(f"{WIRED}puts [{query}]") == [found]


def test_names_start_at_the_current_instance(told):
    assert told("""
        create_bd_cell -type hier box
        current_bd_instance box
        create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma inner
        puts [get_bd_cells]
        puts [get_bd_cells /dma]
        puts [current_bd_instance .]
        current_bd_instance /
        puts [get_bd_cells -hierarchical inner]
    """) == ["/box/inner", "/dma", "/box", "/box/inner"]


def test_segments_are_found_however_the_interface_is_spelt(run_lines):
    output = run_lines("""
        puts [get_bd_addr_segs dma/s_axi_lite/reg]
        puts [get_bd_addr_segs /dma/S_AXI_LITE/Reg]
    """).output
    assert output == ["/dma/S_AXI_LITE/Reg"] * 2


def test_a_known_board_tells_its_part(run_lines):
    output = run_lines("puts [get_property PART_NAME [get_board_parts *:aup-zu3-8gb:*]]").output
    assert output == ["xczu3eg-sfvc784-2-e"]
