"""Names that a script changes: wires, addresses and pins follow."""

import pytest

from mlfpga.blockdesign import ScriptError, dry_run

_DESIGN = """create_project p; create_bd_design d
create_bd_cell -type hier inner
create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps
set_property -dict {CONFIG.PSU__USE__M_AXI_GP0 0 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 1} \\
    [get_bd_cells ps]
create_bd_cell -type ip -vlnv xilinx.com:ip:axi_gpio inner/gpio
create_bd_pin -dir I -type clk inner/clock
create_bd_intf_pin -mode Slave -vlnv xilinx.com:interface:aximm_rtl:1.0 inner/bus
create_bd_port -dir O -type clk out
connect_bd_net -net beat [get_bd_pins ps/pl_clk0] [get_bd_pins inner/clock] [get_bd_ports out]
connect_bd_net [get_bd_pins inner/clock] [get_bd_pins inner/gpio/s_axi_aclk]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins inner/bus]
connect_bd_intf_net [get_bd_intf_pins inner/bus] [get_bd_intf_pins inner/gpio/S_AXI]
assign_bd_address
"""


def made(script, *lines):
    return dry_run(script(_DESIGN + "\n".join(lines) + "\n"), check=False)


def wires(design):
    return sorted(sorted(map(str, net.pins)) for net in design.nets)


def test_a_cell_in_a_hierarchy_keeps_its_wires_and_its_address(script):
    design = made(script, "set_property name leds [get_bd_cells inner/gpio]")
    assert set(design.cells) == {"ps", "inner/leds"}
    assert ["inner/leds/s_axi_aclk", "out", "ps/pl_clk0"] in wires(design)
    assert [(str(link.source), str(link.target)) for link in design.links] == [
        ("ps/M_AXI_HPM0_LPD", "inner/leds/S_AXI")
    ]
    assert [(row.slave, row.offset) for row in design.mappings] == [("inner/leds", 0x80000000)]


def test_a_hierarchy_takes_all_that_is_in_it_along(script):
    design = made(script, "set_property NAME outer [get_bd_cells inner]", "get_bd_pins outer/gpio/s_axi_aclk")
    assert set(design.cells) == {"ps", "outer/gpio"}
    assert set(design.hierarchies) == {"", "outer"}
    assert ["out", "outer/gpio/s_axi_aclk", "ps/pl_clk0"] in wires(design)
    assert not [finding for finding in design.check() if "get_bd_pins" in str(finding)]


def test_ports_pins_and_wires_get_new_names(script):
    design = made(
        script,
        "set_property name beat_out [get_bd_ports out]",
        "set_property name tick [get_bd_pins inner/clock]",
        "set_property name control [get_bd_intf_pins inner/bus]",
        "set_property name pulse [get_bd_nets beat]",
    )
    assert list(design.hierarchies[""].ports) == ["beat_out"]
    assert list(design.hierarchies["inner"].ports) == ["tick"]
    assert list(design.hierarchies["inner"].interfaces) == ["control"]
    assert ["beat_out", "inner/gpio/s_axi_aclk", "ps/pl_clk0"] in wires(design)
    assert "pulse" in [net.name for net in design.local_nets]
    assert [str(link.target) for link in design.links] == ["inner/gpio/S_AXI"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("set_property name ps [get_bd_cells inner]", 'there is already a cell "ps"'),
        ("set_property name bus [get_bd_pins inner/clock]", 'inner has a pin "bus" already'),
        ("set_property name x [get_bd_pins ps/pl_clk0]", "ps/pl_clk0 is a pin of an IP; it cannot be renamed"),
    ],
)
def test_a_name_that_cannot_be_is_refused(script, line, message):
    with pytest.raises(ScriptError) as caught:
        made(script, line)
    assert caught.value.message == f"set_property: {message}"
