"""Pins, wires and interfaces in the handoff of a design with hierarchies, ports of its own, and wires of every kind.

What is expected was learned from handoffs that Vivado wrote for other designs; the rules stand in `hwh_wires`.
"""

from xml.etree import ElementTree

import pytest

from mlfpga.blockdesign import ScriptError, dry_run
from mlfpga.blockdesign.catalogue import load_catalogue
from mlfpga.blockdesign.design import Cell
from mlfpga.blockdesign.dry_design import DryDesign

SCRIPT = """
set scripts_vivado_version 2022.1
create_project lab lab -part xczu3eg-sfvc784-2-e
create_bd_design rig
proc cell {kind name args} {
    set made [create_bd_cell -type ip -vlnv xilinx.com:ip:$kind:* $name]
    if {[llength $args]} { set_property -dict $args $made }
    return $made
}
proc wire {from args} {
    foreach to $args { connect_bd_net [get_bd_pins $from] [get_bd_pins $to] }
}
proc link {from to} { connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to] }
cell zynq_ultra_ps_e ps CONFIG.PSU__USE__M_AXI_GP0 0 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 1 \\
    CONFIG.PSU__USE__S_AXI_GP2 1 CONFIG.PSU__USE__IRQ0 1
cell proc_sys_reset reset
cell axi_interconnect registers CONFIG.NUM_SI 1 CONFIG.NUM_MI 2
cell axi_gpio lights CONFIG.C_GPIO_WIDTH 4 CONFIG.C_ALL_OUTPUTS 1
cell xlconcat interrupts CONFIG.NUM_PORTS 3

create_bd_cell -type hier mover
foreach {name mode} {S_AXI Slave M_AXI Master} {
    create_bd_intf_pin -mode $mode -vlnv xilinx.com:interface:aximm_rtl:1.0 mover/$name
}
create_bd_pin -dir I -type clk mover/clk
create_bd_pin -dir I -type rst mover/rst_n
create_bd_pin -dir O -type intr mover/done
cell axi_dma mover/dma CONFIG.c_include_sg 0
cell axis_register_slice mover/a_slice
cell smartconnect mover/memory CONFIG.NUM_SI 2
link mover/S_AXI mover/dma/S_AXI_LITE
link mover/dma/M_AXI_MM2S mover/memory/S00_AXI
link mover/dma/M_AXI_S2MM mover/memory/S01_AXI
link mover/memory/M00_AXI mover/M_AXI
link mover/dma/M_AXIS_MM2S mover/a_slice/S_AXIS
link mover/a_slice/M_AXIS mover/dma/S_AXIS_S2MM
foreach pin {dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk a_slice/aclk memory/aclk} {
    wire mover/clk mover/$pin
}
foreach pin {dma/axi_resetn a_slice/aresetn memory/aresetn} { wire mover/rst_n mover/$pin }
wire mover/dma/mm2s_introut mover/done

wire ps/pl_clk0 reset/slowest_sync_clk mover/clk lights/s_axi_aclk registers/ACLK registers/S00_ACLK \\
    registers/M00_ACLK registers/M01_ACLK ps/maxihpm0_lpd_aclk ps/saxihp0_fpd_aclk
wire ps/pl_resetn0 reset/ext_reset_in
wire reset/peripheral_aresetn mover/rst_n lights/s_axi_aresetn registers/ARESETN registers/S00_ARESETN \\
    registers/M00_ARESETN registers/M01_ARESETN
link ps/M_AXI_HPM0_LPD registers/S00_AXI
link registers/M00_AXI mover/S_AXI
link registers/M01_AXI lights/S_AXI
link mover/M_AXI ps/S_AXI_HP0_FPD
wire mover/done interrupts/In0
create_bd_port -dir I button
connect_bd_net [get_bd_ports button] [get_bd_pins interrupts/In2]
wire interrupts/dout ps/pl_ps_irq0
create_bd_intf_port -mode Master -vlnv xilinx.com:interface:gpio_rtl:1.0 leds
connect_bd_intf_net [get_bd_intf_ports leds] [get_bd_intf_pins lights/GPIO]
assign_bd_address
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """The design of the script above, and its handoff."""
    folder = tmp_path_factory.mktemp("rig")
    (folder / "rig.tcl").write_text(SCRIPT, encoding="utf-8")
    design = dry_run(folder / "rig.tcl", check=False)
    return design, ElementTree.parse(design.write_hwh(folder / "rig.hwh")).getroot()


@pytest.fixture(scope="module")
def modules(rig):
    return {item.get("INSTANCE"): item for item in rig[1].iter("MODULE")}


def port(item, name):
    return next(each for each in item.iter("PORT") if each.get("NAME") == name)


def bus(item, name):
    return next(each for each in item.iter("BUSINTERFACE") if each.get("NAME") == name)


def ends(port):
    return {(end.get("INSTANCE"), end.get("PORT")) for end in port.iter("CONNECTION")}


def test_modules_stand_in_the_order_of_their_names_and_hierarchies_have_none(rig):
    told = [(item.get("FULLNAME"), item.get("INSTANCE")) for item in rig[1].iter("MODULE")]
    assert told == [
        ("/interrupts", "interrupts"),
        ("/lights", "lights"),
        ("/mover/a_slice", "mover_a_slice"),
        ("/mover/dma", "mover_dma"),
        ("/mover/memory", "mover_memory"),
        ("/ps", "ps"),
        ("/registers", "registers"),
        ("/reset", "reset"),
    ]


def test_wires_go_through_hierarchies(modules):
    clock = port(modules["mover_dma"], "s_axi_lite_aclk")
    assert (clock.get("SIGNAME"), ends(clock)) == ("ps_pl_clk0", {("ps", "pl_clk0")})
    driven = ends(port(modules["ps"], "pl_clk0"))
    assert ("mover_a_slice", "aclk") in driven and len(driven) == 13
    assert ends(port(modules["mover_dma"], "mm2s_introut")) == {("interrupts", "In0")}


def test_a_wire_of_an_interface_is_named_after_the_first_module(modules):
    for instance, name in (("mover_dma", "s_axi_lite_awvalid"), ("registers", "M00_AXI_awvalid")):
        assert port(modules[instance], name).get("SIGNAME") == "mover_dma_s_axi_lite_awvalid"
    assert ends(port(modules["registers"], "M00_AXI_awvalid")) == {("mover_dma", "s_axi_lite_awvalid")}


def test_interface_connections_are_named_after_the_master(modules):
    assert bus(modules["mover_dma"], "S_AXI_LITE").get("BUSNAME") == "registers_M00_AXI"
    assert bus(modules["ps"], "S_AXI_HP0_FPD").get("BUSNAME") == "mover_memory_M00_AXI"
    assert bus(modules["lights"], "GPIO").get("BUSNAME") == "lights_GPIO"


@pytest.mark.parametrize(
    ("instance", "interface", "role"),
    [
        ("ps", "M_AXI_HPM0_LPD", "MASTER"),
        ("lights", "S_AXI", "SLAVE"),
        ("lights", "GPIO", "INITIATOR"),
        # The register slice, a BUS, comes first in the order of names; so all its streams have masters and slaves.
        ("mover_dma", "M_AXIS_MM2S", "MASTER"),
        ("mover_a_slice", "S_AXIS", "SLAVE"),
        ("mover_a_slice", "M_AXIS", "MASTER"),
        ("mover_dma", "S_AXIS_S2MM", "SLAVE"),
    ],
)
def test_roles_on_buses(modules, instance, interface, role):
    assert bus(modules[instance], interface).get("TYPE") == role


def test_streams_without_a_bus_in_front_have_initiators(run, tmp_path):
    root = ElementTree.parse(run().write_hwh(tmp_path / "course.hwh")).getroot()
    roles = {item.get("TYPE") for item in root.iter("BUSINTERFACE") if "axis" in item.get("VLNV")}
    assert roles == {"INITIATOR", "TARGET"}


def test_data_widths_are_told_of_memory_mapped_interfaces_only(modules):
    expected = {
        ("mover_dma", "S_AXI_LITE"): "32",
        ("registers", "M00_AXI"): "32",
        ("mover_dma", "M_AXIS_MM2S"): None,
        ("lights", "GPIO"): None,
    }
    assert {pair: bus(modules[pair[0]], pair[1]).get("DATAWIDTH") for pair in expected} == expected


def test_the_ports_of_the_design_are_told_with_what_is_behind_them(rig, modules):
    outer = {item.get("NAME"): item for item in rig[1].find("EXTERNALPORTS")}
    assert set(outer) == {"button", "leds_tri_o"}
    assert outer["button"].attrib == {
        "DIR": "I",
        "NAME": "button",
        "SIGIS": "undef",
        "SIGNAME": "External_Ports_button",
    }
    assert ends(outer["button"]) == {("interrupts", "In2")}
    assert ends(port(modules["interrupts"], "In2")) == {("External_Ports", "button")}
    assert (outer["leds_tri_o"].get("LEFT"), outer["leds_tri_o"].get("SIGNAME")) == ("3", "lights_gpio_io_o")
    assert ends(port(modules["lights"], "gpio_io_o")) == {("rig_imp", "leds_tri_o")}
    (leds,) = rig[1].find("EXTERNALINTERFACES")
    assert leds.attrib == {"BUSNAME": "lights_GPIO", "NAME": "leds", "TYPE": "INITIATOR"}
    assert [pair.attrib for pair in leds.iter("PORTMAP")] == [{"LOGICAL": "TRI_O", "PHYSICAL": "leds_tri_o"}]


def test_an_interrupt_behind_a_concat_lists_what_each_input_reacts_to_the_highest_first(modules):
    assert port(modules["ps"], "pl_ps_irq0").get("SENSITIVITY") == "NULL:NULL:LEVEL_HIGH"
    assert port(modules["mover_dma"], "mm2s_introut").get("SENSITIVITY") == "LEVEL_HIGH"


def test_unconnected_pins_and_interfaces_say_so(modules):
    unused = port(modules["mover_dma"], "s2mm_introut")
    assert unused.get("SIGNAME") is None and unused.find("CONNECTIONS") is None
    assert port(modules["interrupts"], "In1").get("SIGNAME") is None


def test_clocks_tell_their_frequency_and_resets_their_polarity_except_at_an_interconnect(modules):
    clock, reset = (port(modules["lights"], name) for name in ("s_axi_aclk", "s_axi_aresetn"))
    assert float(clock.get("CLKFREQUENCY")) == pytest.approx(100e6, rel=0.01)
    assert reset.get("POLARITY") == "ACTIVE_LOW"
    inside = [port(modules["registers"], name) for name in ("M00_ACLK", "M00_ARESETN")]
    assert [(each.get("CLKFREQUENCY"), each.get("POLARITY")) for each in inside] == [(None, None)] * 2


def test_each_master_tells_what_it_sees_by_address(modules):
    def rows(instance):
        facts = ("INSTANCE", "MASTERBUSINTERFACE", "SLAVEBUSINTERFACE", "BASEVALUE", "MEMTYPE")
        return [tuple(row.get(fact) for fact in facts) for row in modules[instance].iter("MEMRANGE")]

    seen = rows("ps")
    assert {row[0] for row in seen} == {"mover_dma", "lights"}
    assert [row[3] for row in seen] == sorted(row[3] for row in seen)
    assert ("ps", "M_AXI_MM2S", "S_AXI_HP0_FPD", "0x00000000", "MEMORY") in rows("mover_dma")
    assert ("ps", "M_AXI_S2MM", "S_AXI_HP0_FPD", "0x00000000", "MEMORY") in rows("mover_dma")
    assert [item.get("INSTANCE") for item in modules["ps"].iter("PERIPHERAL")] == [row[0] for row in seen]
    assert modules["mover_memory"].find("MEMORYMAP") is None
    parameters = {item.get("NAME"): item.get("VALUE") for item in modules["lights"].find("PARAMETERS")}
    assert parameters["C_BASEADDR"] == next(row[3] for row in seen if row[0] == "lights")


def test_every_pin_that_an_interface_names_exists(rig):
    for item in rig[1].iter("MODULE"):
        names = {each.get("NAME") for each in item.find("PORTS")}
        assert {pair.get("PHYSICAL") for pair in item.iter("PORTMAP")} <= names, item.get("INSTANCE")


@pytest.mark.parametrize("vlnv", load_catalogue())
def test_every_ip_of_the_catalogue_can_be_told_alone(vlnv, tmp_path):
    design = DryDesign("alone", "xczu3eg-sfvc784-2-e")
    design.cells["only"] = Cell("only", load_catalogue()[vlnv], None)
    root = ElementTree.parse(design.write_hwh(tmp_path / "alone.hwh")).getroot()
    (item,) = root.iter("MODULE")
    assert item.get("VLNV") == vlnv
    names = {each.get("NAME") for each in item.find("PORTS")}
    assert {pair.get("PHYSICAL") for pair in item.iter("PORTMAP")} <= names
    assert all(each.get("BUSNAME") == "__NOC__" for each in item.iter("BUSINTERFACE"))


@pytest.mark.parametrize(
    ("release", "present"),
    [("2018.2", set()), ("2019.1", {"COREREVISION", "SIM_BD"}), ("2020.1", {"COREREVISION", "SIM_BD", "POLARITY"})],
)
def test_older_versions_tell_less(run, tmp_path, release, present):
    design = run()
    design.release = release
    root = ElementTree.parse(design.write_hwh(tmp_path / "old.hwh")).getroot()
    told = {name for item in root.iter() for name in item.attrib}
    assert told & {"COREREVISION", "SIM_BD", "POLARITY"} == present


@pytest.mark.parametrize(
    ("part", "system"),
    [
        ("xczu3eg-sfvc784-2-e", ("zynquplus", "xczu3eg", "sfvc784", "-2")),
        ("xczu48dr-ffvg1517-2-e", ("zynquplusRFSOC", "xczu48dr", "ffvg1517", "-2")),
        ("xck26-sfvc784-2LV-c", ("zynquplus", "xck26", "sfvc784", "-2LV")),
        ("xc7z020clg400-1", ("zynq", "7z020", "clg400", "-1")),
        ("xc7a35tcpg236-1", ("artix7", "7a35t", "cpg236", "-1")),
        ("", ("", "", "", "")),
    ],
)
def test_the_part_is_told_in_its_pieces(part, system, tmp_path):
    design = DryDesign("empty", part)
    told = ElementTree.parse(design.write_hwh(tmp_path / "empty.hwh")).getroot().find("SYSTEMINFO")
    assert tuple(told.get(name) for name in ("ARCH", "DEVICE", "PACKAGE", "SPEEDGRADE")) == system
    assert "BOARD" not in told.attrib
    design.board_part = "realdigital.org:aup-zu3-8gb:part0:1.0"
    told = ElementTree.parse(design.write_hwh(tmp_path / "empty.hwh")).getroot().find("SYSTEMINFO")
    assert told.get("BOARD") == design.board_part


def test_a_signal_of_a_hierarchys_interface_can_be_wired_alone(script, tmp_path):
    """Vivado takes the pin, and its handoff tells that nothing drives the port behind it."""
    lines = SCRIPT.partition("create_bd_cell -type hier mover")[0].splitlines()
    lines += [
        "create_bd_cell -type hier panel",
        "create_bd_intf_pin -mode Master -vlnv xilinx.com:interface:gpio_rtl:1.0 panel/pads",
        "cell axi_gpio panel/lights CONFIG.C_GPIO_WIDTH 4 CONFIG.C_ALL_OUTPUTS 1",
        "link panel/lights/GPIO panel/pads",
        "create_bd_port -dir O -from 3 -to 0 pads",
        "connect_bd_net [get_bd_pins panel/pads_tri_o] [get_bd_ports pads]",
    ]
    design = dry_run(script("\n".join(lines)), check=False)
    root = ElementTree.parse(design.write_hwh(tmp_path / "panel.hwh")).getroot()
    (pads,) = root.find("EXTERNALPORTS")
    assert (pads.get("NAME"), pads.get("LEFT"), pads.get("SIGNAME")) == ("pads", "3", None)
    wrong = script("\n".join(lines).replace("pads_tri_o", "pads_tri_i"), "wrong.tcl")
    with pytest.raises(ScriptError, match='panel has no pin "pads_tri_i"'):
        dry_run(wrong, check=False)


def test_who_only_listens_is_told_by_the_connection_and_has_no_wires(script, tmp_path):
    lines = SCRIPT.partition("cell zynq_ultra_ps_e ps")[0].splitlines()
    lines += [
        "cell axi_dma dma CONFIG.c_include_sg 0",
        "cell axis_data_fifo fifo",
        "cell system_ila listener CONFIG.C_MON_TYPE INTERFACE CONFIG.C_NUM_MONITOR_SLOTS 1 \\",
        "    CONFIG.C_SLOT_0_INTF_TYPE xilinx.com:interface:axis_rtl:1.0",
        "link dma/M_AXIS_MM2S fifo/S_AXIS",
        "link dma/M_AXIS_MM2S listener/SLOT_0_AXIS",
    ]
    design = dry_run(script("\n".join(lines)), check=False)
    root = ElementTree.parse(design.write_hwh(tmp_path / "listener.hwh")).getroot()
    told = {item.get("INSTANCE"): item for item in root.iter("MODULE")}
    probe = bus(told["listener"], "SLOT_0_AXIS")
    assert (probe.get("TYPE"), probe.get("BUSNAME")) == ("MONITOR", "dma_M_AXIS_MM2S")
    carried = {pair.get("PHYSICAL") for pair in probe.iter("PORTMAP")}
    assert carried and not any(ends(port(told["listener"], name)) for name in carried)
    assert ends(port(told["dma"], "m_axis_mm2s_tvalid")) == {("fifo", "s_axis_tvalid")}


def test_what_is_seen_through_two_interfaces_is_told_through_the_last(script, tmp_path):
    lines = SCRIPT.partition("cell zynq_ultra_ps_e ps")[0].splitlines()
    lines += [
        "cell zynq_ultra_ps_e ps CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 1",
        "cell smartconnect both CONFIG.NUM_SI 2",
        "cell axi_gpio lights",
        "link ps/M_AXI_HPM0_FPD both/S00_AXI",
        "link ps/M_AXI_HPM1_FPD both/S01_AXI",
        "link both/M00_AXI lights/S_AXI",
        "assign_bd_address -offset 0xA0000000 -range 64K [get_bd_addr_segs lights/S_AXI/Reg]",
    ]
    design = dry_run(script("\n".join(lines)), check=False)
    root = ElementTree.parse(design.write_hwh(tmp_path / "both.hwh")).getroot()
    (seen,) = root.iter("MEMRANGE")
    assert (seen.get("MASTERBUSINTERFACE"), seen.get("BASEVALUE")) == ("M_AXI_HPM1_FPD", "0xA0000000")
