"""User IPs: a component.xml becomes a catalogue entry whose shape follows its parameters."""

import doctest
import zipfile

import pytest

from mlfpga.blockdesign import dry_run, xpath
from mlfpga.blockdesign.catalogue import IP, CatalogueError
from mlfpga.blockdesign.component import read_component, read_ip, read_repository


def decode(name):
    return f"spirit:decode(id('MODELPARAM_VALUE.{name}'))"


def port(name, direction, left=None, enabled=""):
    dependent = f'spirit:resolve="dependent" spirit:dependency="({left})"' if left and not str(left).isdecimal() else ""
    vector = f"<left {dependent}>{left if not dependent else 0}</left><right>0</right>" if left is not None else ""
    switch = (
        f"<vendorExtensions><x:portInfo><x:enablement>"
        f'<x:isEnabled x:resolve="dependent" x:dependency="{enabled}">true</x:isEnabled>'
        f"</x:enablement></x:portInfo></vendorExtensions>"
    )
    return (
        f"<port><name>{name}</name><wire><direction>{direction}</direction>"
        f"{f'<vector>{vector}</vector>' if vector else ''}</wire>{switch if enabled else ''}</port>"
    )


def bus(name, kind, mode, pins, parameters=(), library="interface", enabled=""):
    maps = "".join(
        f"<portMap><logicalPort><name>{logical}</name></logicalPort>"
        f"<physicalPort><name>{physical}</name></physicalPort></portMap>"
        for logical, physical in pins.items()
    )
    told = "".join(f"<parameter><name>{n}</name><value>{v}</value></parameter>" for n, v in dict(parameters).items())
    switch = (
        f"<vendorExtensions><x:busInterfaceInfo><x:enablement>"
        f'<x:isEnabled x:dependency="{enabled}">true</x:isEnabled>'
        f"</x:enablement></x:busInterfaceInfo></vendorExtensions>"
    )
    return (
        f'<busInterface><name>{name}</name><busType spirit:vendor="xilinx.com" spirit:library="{library}" '
        f'spirit:name="{kind}" spirit:version="1.0"/>{mode}<portMaps>{maps}</portMaps>'
        f"<parameters>{told}</parameters>{switch if enabled else ''}</busInterface>"
    )


STREAM = {"TDATA": "tdata", "TVALID": "tvalid", "TREADY": "tready"}
LITE = ["AWADDR", "AWVALID", "AWREADY", "WDATA", "WSTRB", "WVALID", "WREADY", "BRESP", "BVALID", "BREADY", "ARADDR"]
LITE += ["ARVALID", "ARREADY", "RDATA", "RRESP", "RVALID", "RREADY"]
LITE_IN = ("AWADDR", "AWVALID", "WDATA", "WSTRB", "WVALID", "BREADY", "ARADDR", "ARVALID", "RREADY")


def component(extra_buses="", extra_ports=""):
    """An IP of a stream, registers and a memory master, with widths from parameters."""
    lite = {name: f"s_axi_{name.lower()}" for name in LITE}
    widths = {"AWADDR": 5, "ARADDR": 5, "WDATA": 31, "RDATA": 31, "WSTRB": 3, "BRESP": 1, "RRESP": 1}
    buses = [
        bus("s_axi", "aximm", '<slave><memoryMapRef spirit:memoryMapRef="s_axi"/></slave>', lite),
        bus("s_axis", "axis", "<slave/>", {name: f"s_axis_{pin}" for name, pin in STREAM.items()}),
        bus("m_axis", "axis", "<master/>", {name: f"m_axis_{pin}" for name, pin in STREAM.items()}, enabled="$OUT = 1"),
        bus(
            "m_axi",
            "aximm",
            '<master><addressSpaceRef spirit:addressSpaceRef="Data"/></master>',
            {"ARADDR": "m_axi_araddr", "ARLEN": "m_axi_arlen", "RDATA": "m_axi_rdata"},
            {"NUM_READ_OUTSTANDING": 4},
        ),
        bus("aclk", "clock", "<slave/>", {"CLK": "aclk"}, {"ASSOCIATED_BUSIF": "s_axi:s_axis:m_axis:m_axi"}, "signal"),
        bus("arst", "reset", "<slave/>", {"RST": "arst"}, {"POLARITY": "ACTIVE_HIGH"}, "signal"),
        bus("irq", "interrupt", "<master/>", {"INTERRUPT": "irq"}, {"SENSITIVITY": "EDGE_RISING"}, "signal"),
    ]
    ports = [port(lite[name], "in" if name in LITE_IN else "out", widths.get(name)) for name in LITE]
    ports += [
        port("s_axis_tdata", "in", f"{decode('BITS')} - 1"),
        port("s_axis_tvalid", "in"),
        port("s_axis_tready", "out"),
    ]
    ports += [port("m_axis_tdata", "out", f"{decode('BITS')} div 2 - 1"), port("m_axis_tvalid", "out")]
    ports += [port("m_axis_tready", "in"), port("m_axi_araddr", "out", 63), port("m_axi_arlen", "out", 7)]
    ports += [port("m_axi_rdata", "in", 127), port("aclk", "in"), port("arst", "in"), port("irq", "out")]
    ports += [port("debug", "out", 3, enabled=f"{decode('DEBUG')} = 'true'")]
    return f"""<?xml version="1.0"?>
<spirit:component xmlns:spirit="http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
 xmlns="http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009" xmlns:x="http://www.xilinx.com">
<vendor>example.org</vendor><library>user</library><name>filter</name><version>1.2</version>
<busInterfaces>{"".join(buses)}{extra_buses}</busInterfaces>
<addressSpaces><addressSpace><name>Data</name><range>16E</range></addressSpace></addressSpaces>
<memoryMaps><memoryMap><name>s_axi</name><addressBlock><name>regs</name><baseAddress>0</baseAddress>
<range>64</range><usage>register</usage>
<parameters><parameter><name>OFFSET_BASE_PARAM</name><value>C_S_AXI_BASEADDR</value></parameter></parameters>
<register><name>CTRL</name><addressOffset>0x4</addressOffset><description>Control</description>
<field><name>GO</name><bitOffset>2</bitOffset><bitWidth>3</bitWidth><access>read-only</access></field>
</register></addressBlock></memoryMap></memoryMaps>
<model><ports>{"".join(ports)}{extra_ports}</ports><modelParameters>
<modelParameter><name>BITS</name><value>32</value></modelParameter>
<modelParameter><name>BYTES</name><value spirit:dependency="{decode("BITS")} div 8">4</value></modelParameter>
</modelParameters></model>
<choices><choice><name>widths</name><enumeration>32</enumeration><enumeration>64</enumeration></choice></choices>
<description>A filter</description>
<parameters>
<parameter><name>BITS</name><value spirit:resolve="user" spirit:choiceRef="widths">32</value></parameter>
<parameter><name>OUT</name><value spirit:format="long" spirit:minimum="0" spirit:maximum="1">1</value></parameter>
<parameter><name>DEBUG</name><value spirit:format="bool" spirit:resolve="user">false</value></parameter>
<parameter><name>Component_Name</name><value>filter_v1</value></parameter>
</parameters>
<vendorExtensions><x:coreExtensions><x:coreRevision>7</x:coreRevision></x:coreExtensions></vendorExtensions>
</spirit:component>""".encode()


@pytest.fixture
def ip():
    return IP(read_component(component(), "filter"))


def shape(ip, **changes):
    return ip.shape(ip.values({name: str(value) for name, value in changes.items()}))


def test_examples_in_docstrings_hold():
    assert doctest.testmod(xpath).failed == 0


def test_it_says_who_it_is(ip):
    assert (ip.vlnv, ip.revision(), ip.kind) == ("example.org:user:filter:1.2", 7, "PERIPHERAL")


@pytest.mark.parametrize("bits", [32, 64])
def test_widths_follow_the_parameters(ip, bits):
    there = shape(ip, BITS=bits)
    assert there.ports["s_axis_tdata"].width == bits and there.ports["m_axis_tdata"].width == bits // 2
    assert there.interfaces["s_axis"].data_bits == bits and there.interfaces["m_axis"].data_bits == bits // 2
    assert ip.values({"BITS": str(bits)})["BYTES"] == str(bits // 8)


def test_ports_and_interfaces_come_and_go(ip):
    assert "debug" not in shape(ip).ports and shape(ip, DEBUG="true").ports["debug"].width == 4
    without = shape(ip, OUT=0)
    assert "m_axis" not in without.interfaces and not any(name.startswith("m_axis") for name in without.ports)


def test_clocks_resets_and_interrupts_are_pins_of_their_kind(ip):
    there = shape(ip)
    assert {name: (pin.kind, pin.direction) for name, pin in there.ports.items() if pin.kind != "undef"} == {
        "aclk": ("clk", "I"),
        "arst": ("rst", "I"),
        "irq": ("INTERRUPT", "O"),
    }
    assert there.ports["arst"].polarity == "ACTIVE_HIGH" and there.ports["irq"].sensitivity == "EDGE_RISING"
    assert {interface.clock for interface in there.interfaces.values()} == {"aclk"}


def test_a_reset_that_says_no_polarity_is_active_low():
    text = component().replace(b"<name>POLARITY</name><value>ACTIVE_HIGH</value>", b"<name>X</name><value>1</value>")
    assert shape(IP(read_component(text, "filter"))).ports["arst"].polarity == "ACTIVE_LOW"


def test_interfaces_have_roles_protocols_and_pins(ip):
    there = shape(ip).interfaces
    assert {name: one.type for name, one in there.items()} == {
        "s_axi": "SLAVE",
        "s_axis": "TARGET",
        "m_axis": "INITIATOR",
        "m_axi": "MASTER",
    }
    assert (there["s_axi"].protocol, there["m_axi"].protocol) == ("AXI4LITE", "AXI4")
    assert there["m_axi"].address_bits == 64 and there["m_axi"].properties == {"NUM_READ_OUTSTANDING": "4"}
    assert there["s_axis"].physical("TVALID") == "s_axis_tvalid"


def test_addresses_and_registers(ip):
    there = shape(ip)
    (segment,) = there.segments.values()
    assert (segment.path, segment.size, segment.usage) == ("s_axi/regs", 4096, "register")
    assert segment.parameter == "C_S_AXI_"
    assert (there.spaces["Data"].bits, there.spaces["Data"].interfaces) == (64, ("m_axi",))
    (register,) = there.registers["s_axi"]
    assert (register.name, register.offset, register.fields) == ("CTRL", "0x4", (("GO", 2, 3, "ro", ""),))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BITS", "48", "filter: BITS cannot be 48; choose 32, 64"),
        ("OUT", "2", "filter: OUT cannot be 2; choose 0 to 1"),
        ("DEBUG", "maybe", "filter: DEBUG cannot be maybe; choose false, true"),
        ("BIT", "32", 'filter has no parameter "BIT"; did you mean BITS?'),
        ("BYTES", "8", "filter works out BYTES itself; it cannot be set"),
    ],
)
def test_wrong_parameters_are_refused(ip, name, value, message):
    with pytest.raises(CatalogueError) as caught:
        ip.check_parameter(name, value)
    assert str(caught.value) == message


@pytest.mark.parametrize("packed", ["archive", "folder", "above", "file"])
def test_it_is_found_however_it_is_given(tmp_path, packed):
    folder = tmp_path / "ips" / "filter"
    folder.mkdir(parents=True)
    (folder / "component.xml").write_bytes(component())
    with zipfile.ZipFile(tmp_path / "filter.zip", "w") as archive:
        archive.writestr("filter/component.xml", component())
    place = {
        "archive": tmp_path / "filter.zip",
        "folder": folder,
        "above": folder.parent,
        "file": folder / "component.xml",
    }
    assert read_ip(place[packed])["vlnv"] == "example.org:user:filter:1.2"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html/>", "is not an IP: its root is html, not an IP-XACT component of 2009"),
        (b"no xml at all", "is not an IP (syntax error: line 1, column 0); give what Vitis HLS or Vivado exported"),
        (component(bus("x", "axis", "<slave/>", {"TDATA": "y"})), "interface x names port y, which does not exist"),
        (
            component().replace(b"<vendor>example.org</vendor>", b""),
            "it does not say its vendor, library, name and version",
        ),
    ],
)
def test_what_is_no_ip_is_refused(tmp_path, content, message):
    file = tmp_path / "component.xml"
    file.write_bytes(content)
    with pytest.raises(CatalogueError) as caught:
        read_ip(tmp_path)
    assert str(caught.value).startswith(str(file)) and str(caught.value).endswith(message)


def test_missing_and_ambiguous_ones_are_refused(tmp_path):
    with pytest.raises(CatalogueError, match="holds no component.xml; export the IP with Vitis HLS or Vivado"):
        read_ip(tmp_path)
    with pytest.raises(CatalogueError, match="does not exist; give an IP archive"):
        read_ip(tmp_path / "gone.zip")
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "component.xml").write_bytes(component())
    with pytest.raises(CatalogueError, match="holds 2 IPs; name the folder of one"):
        read_ip(tmp_path)
    assert len(read_repository(tmp_path)) == 2


SCRIPT = """
create_project p . -part xczu3eg-sfvc784-2-e
{repository}
create_bd_design d
create_bd_cell -type ip -vlnv example.org:user:filter:1.2 f
set_property CONFIG.BITS 64 [get_bd_cells f]
"""


def test_a_script_finds_the_ips_of_the_folder_it_names(script):
    path = script(SCRIPT.format(repository="set_property ip_repo_paths {./repo} [current_project]; update_ip_catalog"))
    (path.parent / "repo" / "filter").mkdir(parents=True)
    (path.parent / "repo" / "filter" / "component.xml").write_bytes(component())
    (path.parent / "repo" / "component.xml").write_text("<broken", encoding="utf-8")
    design = dry_run(path, check=False)
    assert design.cells["f"].shape.interfaces["s_axis"].data_bits == 64


def test_a_repository_outside_the_scripts_folder_is_not_read(script, tmp_path):
    path = script(SCRIPT.format(repository=f"set_property ip_repo_paths {{{tmp_path}/ips}} [current_project]"))
    (tmp_path / "ips").mkdir()
    (tmp_path / "ips" / "component.xml").write_bytes(component())
    with pytest.raises(Exception, match='there is no IP "example.org:user:filter:1.2"'):
        dry_run(path, check=False)
    design = dry_run(path, check=False, ips=[tmp_path / "ips"])
    assert design.cells["f"].ip.vlnv == "example.org:user:filter:1.2"
