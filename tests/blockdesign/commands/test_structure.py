"""Hierarchies, their pins and the design's ports: other levels of the design, the same hardware."""

import pytest

from mlfpga.blockdesign import ScriptError

# As write_bd_tcl writes a hierarchy.
HIERARCHY = """
proc create_hier_cell_mover {parentCell nameHier} {
    set parentObj [get_bd_cells $parentCell]
    if {[get_property TYPE $parentObj] ne "hier"} { error "not a hierarchy" }
    set oldCurInst [current_bd_instance .]
    current_bd_instance $parentObj
    set hier_obj [create_bd_cell -type hier $nameHier]
    current_bd_instance $hier_obj
    create_bd_intf_pin -mode Slave -vlnv xilinx.com:interface:aximm_rtl:1.0 S_AXI
    create_bd_intf_pin -mode Master -vlnv xilinx.com:interface:axis_rtl:1.0 M_AXIS
    create_bd_pin -dir I -type clk clk
    create_bd_pin -dir I -from 0 -to 0 -type rst resetn
    set inner [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma inner]
    set_property -dict {CONFIG.c_include_sg {0} CONFIG.c_include_s2mm {0}} $inner
    connect_bd_intf_net -intf_net Conn1 [get_bd_intf_pins S_AXI] [get_bd_intf_pins inner/S_AXI_LITE]
    connect_bd_intf_net -intf_net Conn2 [get_bd_intf_pins M_AXIS] [get_bd_intf_pins inner/M_AXIS_MM2S]
    connect_bd_net -net clk_1 [get_bd_pins clk] [get_bd_pins inner/s_axi_lite_aclk] [get_bd_pins inner/m_axi_mm2s_aclk]
    connect_bd_net -net resetn_1 [get_bd_pins resetn] [get_bd_pins inner/axi_resetn]
    current_bd_instance $oldCurInst
}
create_hier_cell_mover [current_bd_instance .] mover
"""


def flat(design):
    nets = {frozenset(map(str, net.pins)) for net in design.nets}
    return nets, {(str(link.source), str(link.target)) for link in design.links}


def test_wires_go_through_the_pins_of_a_hierarchy(run_lines):
    design = run_lines(
        HIERARCHY
        + """
        connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins mover/clk] [get_bd_pins net/ap_clk]
        connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins mover/S_AXI]
        connect_bd_intf_net [get_bd_intf_pins mover/M_AXIS] [get_bd_intf_pins net/s_axis]
        """
    )
    nets, links = flat(design)
    clock = {"ps/pl_clk0", "net/ap_clk", "mover/inner/s_axi_lite_aclk", "mover/inner/m_axi_mm2s_aclk"}
    assert clock in nets
    assert links == {("ps/M_AXI_HPM0_LPD", "mover/inner/S_AXI_LITE"), ("mover/inner/M_AXIS_MM2S", "net/s_axis")}
    assert set(design.cells) == {"dma", "net", "ps", "mover/inner"}
    assert design.cells["mover/inner"].instance == "mover_inner"


def test_a_wire_that_ends_at_a_hierarchy_connects_nothing(run_lines):
    design = run_lines(
        HIERARCHY
        + "connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins mover/S_AXI]\n"
        + "disconnect_bd_intf_net [get_bd_intf_nets mover/Conn1]"
    )
    assert flat(design)[1] == set()


def test_two_drivers_are_found_through_a_hierarchy(run_lines):
    with pytest.raises(ScriptError) as caught:
        run_lines(
            HIERARCHY
            + "connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins mover/clk]\n"
            + "connect_bd_net [get_bd_pins mover/inner/mm2s_introut] [get_bd_pins mover/clk]"
        )
    assert (
        caught.value.message == ("connect_bd_net: mover/inner/mm2s_introut and ps/pl_clk0 would drive the same wire")
        or caught.value.message == "connect_bd_net: ps/pl_clk0 and mover/inner/mm2s_introut would drive the same wire"
    )


def test_levels_are_not_skipped(run_lines):
    with pytest.raises(ScriptError) as caught:
        run_lines(HIERARCHY + "connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins mover/inner/m_axi_mm2s_aclk]")
    assert "lie in different hierarchies" in caught.value.message


GROUPED = """
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins dma/m_axi_mm2s_aclk] [get_bd_pins net/ap_clk]
connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins net/s_axis]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins dma/S_AXI_LITE]
assign_bd_address -offset 0x80000000 -range 64K -target_address_space ps/Data [get_bd_addr_segs dma/S_AXI_LITE/Reg]
"""


def test_grouping_changes_names_and_no_wire(run_lines):
    before, after = run_lines(GROUPED), run_lines(GROUPED + "group_bd_cells box [get_bd_cells dma] [get_bd_cells net]")
    renamed = {pin: pin if pin.startswith("ps/") else f"box/{pin}" for net in flat(before)[0] for pin in net}
    renamed |= {pin: pin if pin.startswith("ps/") else f"box/{pin}" for link in flat(before)[1] for pin in link}
    assert flat(after)[0] == {frozenset(renamed[pin] for pin in net) for net in flat(before)[0]}
    assert flat(after)[1] == {tuple(renamed[pin] for pin in link) for link in flat(before)[1]}
    assert [str(row) for row in after.address_map()] == [
        str(row).replace("dma/S", "box/dma/S") for row in before.address_map()
    ]


def test_ports_of_the_design_drive_the_logic(run_lines):
    design = run_lines("""
        create_bd_port -dir I -type clk -freq_hz 50000000 board_clock
        connect_bd_net [get_bd_ports board_clock] [get_bd_pins net/ap_clk]
        puts [get_property CONFIG.FREQ_HZ [get_bd_pins net/ap_clk]]
        make_bd_pins_external [get_bd_pins net/interrupt]
        make_bd_intf_pins_external -name STREAM [get_bd_intf_pins net/m_axis]
    """)
    (clock,) = [net for net in design.nets if any(str(pin) == "board_clock" for pin in net.pins)]
    assert str(design.driver(clock)) == "board_clock"
    assert design.output == ["50000000"]
    assert ("net/m_axis", "STREAM") in flat(design)[1]
    assert "interrupt_0" in design.hierarchies[""].ports


def test_copies_of_cells_have_their_parameters_and_the_next_free_name(run_lines):
    design = run_lines("""
        create_bd_cell -type hier inner
        puts [copy_bd_objs / [get_bd_cells dma]]
        puts [copy_bd_objs / [get_bd_cells {dma dma_0}]]
        puts [copy_bd_objs -prefix my_ inner [get_bd_cells dma]]
    """)
    assert design.output == ["/dma_0", "/dma_1 /dma_2", "/inner/my_dma"]
    assert design.cells["inner/my_dma"].values["c_sg_length_width"] == "26"


def test_deleting_takes_wires_and_addresses_along(run_lines):
    design = run_lines(GROUPED + "delete_bd_objs [get_bd_cells dma]")
    assert set(design.cells) == {"net", "ps"} and flat(design)[1] == set() and design.mappings == []
    assert flat(design)[0] == {frozenset({"ps/pl_clk0", "net/ap_clk"})}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("create_bd_pin -dir I lonely", 'create_bd_pin: "lonely": pins are made on hierarchies only'),
        ("create_bd_port -dir X p", 'create_bd_port: -dir "X" is none of I, O, IO'),
        ("create_bd_cell -type hier dma", 'create_bd_cell: there is already a cell "dma" (script.tcl:4)'),
        ("create_bd_cell -type ip x", "create_bd_cell: which IP? -vlnv vendor:library:name:version says it"),
        ("delete_bd_objs nothing", 'delete_bd_objs: there is no object "nothing"'),
        ("current_bd_instance nowhere", 'current_bd_instance: there is no hierarchy "nowhere"'),
        ("delete_bd_objs [get_bd_pins net/ap_clk]", "delete_bd_objs: /net/ap_clk is a pin of an IP; only the IP's"),
    ],
)
def test_what_cannot_be_made_is_refused(run_lines, line, message):
    with pytest.raises(ScriptError) as caught:
        run_lines(line)
    assert caught.value.message.startswith(message)
