"""An IP as Vivado's catalogue takes it: `component.xml` (IP-XACT, IEEE 1685-2009) beside its `hdl/`.

Names, libraries and file types are those that Vitis HLS writes: a ROM's content stands in the synthesis file set with
the user file type `mif`, beside the sources, so that `$readmemh` finds it by its bare name.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

_SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
_XILINX = "http://www.xilinx.com"
_FAMILIES = ("zynquplus", "zynq", "kintexu", "kintexuplus", "artix7", "kintex7", "virtexuplus", "artixuplus")
_FILE_TYPES = {".sv": ("fileType", "systemVerilogSource"), ".hex": ("userFileType", "mif")}
_STREAM = ("TDATA", "TKEEP", "TSTRB", "TLAST", "TVALID", "TREADY")
# AXI4-Lite: (signal, its bits, whether the slave takes it).
_REGISTERS = (
    *(("AWADDR", 4, True), ("AWVALID", 1, True), ("AWREADY", 1, False)),
    *(("WDATA", 32, True), ("WSTRB", 4, True), ("WVALID", 1, True), ("WREADY", 1, False)),
    *(("BRESP", 2, False), ("BVALID", 1, False), ("BREADY", 1, True)),
    *(("ARADDR", 4, True), ("ARVALID", 1, True), ("ARREADY", 1, False)),
    *(("RDATA", 32, False), ("RRESP", 2, False), ("RVALID", 1, False), ("RREADY", 1, True)),
)
# Register, offset, description, and its fields: name, bit, access, description (AMD UG1399, ap_ctrl_hs).
_MAP = (
    (
        *("CTRL", 0x0, "Control signals"),
        (
            ("AP_START", 0, "read-write", "Start; stays 1 until a sample was taken."),
            ("AP_DONE", 1, "read-only", "A result was given; reading clears it."),
            ("AP_IDLE", 2, "read-only", "Not started, and no sample inside."),
            ("AP_READY", 3, "read-only", "A sample was taken; reading clears it."),
            ("AUTO_RESTART", 7, "read-write", "Start again after every sample."),
        ),
    ),
    ("GIER", 0x4, "Global interrupt enable", (("Enable", 0, "read-write", "Interrupts reach the output."),)),
    (
        *("IP_IER", 0x8, "Interrupt enable"),
        (
            ("CHAN0_INT_EN", 0, "read-write", "ap_done interrupts."),
            ("CHAN1_INT_EN", 1, "read-write", "ap_ready interrupts."),
        ),
    ),
    (
        *("IP_ISR", 0xC, "Interrupt status"),
        (
            ("CHAN0_INT_ST", 0, "read-write", "ap_done came; writing 1 toggles."),
            ("CHAN1_INT_ST", 1, "read-write", "ap_ready came; writing 1 toggles."),
        ),
    ),
)


def component_xml(vlnv: str, description: str, stream_bits: int, files: Sequence[str]) -> str:
    """The text of `component.xml` of an accelerator that keeps the contract.

    vlnv   vendor:library:name:version; the name is also the top module's
    files  `.sv` and `.hex`, relative to `component.xml`, a module's file before those that use it
    """
    ElementTree.register_namespace("spirit", _SPIRIT)
    ElementTree.register_namespace("xilinx", _XILINX)
    root = Element(_tag("component"))
    for key, value in zip(("vendor", "library", "name", "version"), vlnv.split(":"), strict=True):
        _text(root, key, value)
    _bus_interfaces(_child(root, "busInterfaces"))
    _memory_map(_child(root, "memoryMaps", "memoryMap"))
    _model(_child(root, "model"), vlnv.split(":")[2], stream_bits)
    _file_set(_child(root, "fileSets", "fileSet"), files)
    _text(root, "description", description)
    _vendor_extensions(_child(root, "vendorExtensions"), vlnv.split(":")[2])
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _bus_interfaces(parent: Element) -> None:
    for name, role in (("s_axis", "slave"), ("m_axis", "master")):
        _interface(parent, name, "interface", "axis", role, ((signal, f"{name}_{signal}") for signal in _STREAM))
    registers = _interface(
        *(parent, "s_axi_control", "interface", "aximm", "slave"),
        ((signal, f"s_axi_control_{signal}") for signal, *_ in _REGISTERS),
        {"ADDR_WIDTH": "4", "DATA_WIDTH": "32", "PROTOCOL": "AXI4LITE", "READ_WRITE_MODE": "READ_WRITE"},
    )
    SubElement(registers, _tag("memoryMapRef"), {_tag("memoryMapRef"): "s_axi_control"})
    clocked = {"ASSOCIATED_BUSIF": "s_axi_control:s_axis:m_axis", "ASSOCIATED_RESET": "ap_rst_n"}
    _interface(parent, "ap_clk", "signal", "clock", "slave", [("CLK", "ap_clk")], clocked)
    _interface(parent, "ap_rst_n", "signal", "reset", "slave", [("RST", "ap_rst_n")], {"POLARITY": "ACTIVE_LOW"})
    sensitive = {"SENSITIVITY": "LEVEL_HIGH"}
    _interface(parent, "interrupt", "signal", "interrupt", "master", [("INTERRUPT", "interrupt")], sensitive)


def _interface(
    parent: Element,
    name: str,
    library: str,
    kind: str,
    role: str,
    pins: Iterable[tuple[str, str]],
    parameters: dict[str, str] | None = None,
) -> Element:
    """Add a bus interface; returns the element that says its role."""
    interface = _child(parent, "busInterface")
    _text(interface, "name", name)
    for tag, bus in (("busType", kind), ("abstractionType", f"{kind}_rtl")):
        entries = {"vendor": "xilinx.com", "library": library, "name": bus, "version": "1.0"}
        SubElement(interface, _tag(tag), {_tag(key): value for key, value in entries.items()})
    said = _child(interface, role)
    maps = _child(interface, "portMaps")
    for logical, physical in pins:
        pair = _child(maps, "portMap")
        _text(_child(pair, "logicalPort"), "name", logical)
        _text(_child(pair, "physicalPort"), "name", physical)
    if parameters:
        entries = _child(interface, "parameters")
        for key, value in parameters.items():
            entry = _child(entries, "parameter")
            _text(entry, "name", key)
            identity = {_tag("id"): f"BUSIFPARAM_VALUE.{name.upper()}.{key}"}
            SubElement(entry, _tag("value"), identity).text = value
    return said


def _memory_map(parent: Element) -> None:
    _text(parent, "name", "s_axi_control")
    block = _child(parent, "addressBlock")
    for tag, value in (("name", "Reg"), ("baseAddress", 0), ("range", 65536), ("width", 32), ("usage", "register")):
        _text(block, tag, value)
    for name, offset, about, fields in _MAP:
        register = _child(block, "register")
        entries = (("name", name), ("description", about), ("addressOffset", f"{offset:#x}"), ("size", 32))
        for tag, value in (*entries, ("access", "read-write")):
            _text(register, tag, value)
        for field, bit, access, what in fields:
            part = _child(register, "field")
            entries = (("name", field), ("description", what), ("bitOffset", bit), ("bitWidth", 1), ("access", access))
            for tag, value in entries:
                _text(part, tag, value)


def _model(parent: Element, top: str, stream_bits: int) -> None:
    views = _child(parent, "views")
    for name, purpose in (
        ("xilinx_verilogsynthesis", "synthesis"),
        ("xilinx_verilogbehavioralsimulation", "simulation"),
    ):
        view = _child(views, "view")
        _text(view, "name", name)
        _text(view, "envIdentifier", f"verilogSource:vivado.xilinx.com:{purpose}")
        _text(view, "language", "verilog")
        _text(view, "modelName", top)
        _text(_child(view, "fileSetRef"), "localName", "hdl")
    ports = _child(parent, "ports")
    for name, direction, bits in _ports(stream_bits):
        port = _child(ports, "port")
        _text(port, "name", name)
        wire = _child(port, "wire")
        _text(wire, "direction", direction)
        if bits > 1:
            vector = _child(wire, "vector")
            _text(vector, "left", bits - 1)
            _text(vector, "right", 0)


def _ports(stream_bits: int) -> list[tuple[str, str, int]]:
    """Name, direction and bits of every port of the top module."""
    widths = {"TDATA": stream_bits, "TKEEP": stream_bits // 8, "TSTRB": stream_bits // 8}
    ports = [("ap_clk", "in", 1), ("ap_rst_n", "in", 1), ("interrupt", "out", 1)]
    for name, forward, back in (("s_axis", "in", "out"), ("m_axis", "out", "in")):
        ports += [(f"{name}_{s}", back if s == "TREADY" else forward, widths.get(s, 1)) for s in _STREAM]
    return ports + [(f"s_axi_control_{s}", "in" if taken else "out", bits) for s, bits, taken in _REGISTERS]


def _file_set(parent: Element, files: Sequence[str]) -> None:
    _text(parent, "name", "hdl")
    for name in files:
        file = _child(parent, "file")
        _text(file, "name", name)
        _text(file, *_FILE_TYPES[PurePosixPath(name).suffix])


def _vendor_extensions(parent: Element, name: str) -> None:
    core = SubElement(parent, f"{{{_XILINX}}}coreExtensions")
    families = SubElement(core, f"{{{_XILINX}}}supportedFamilies")
    for family in _FAMILIES:
        entry = SubElement(families, f"{{{_XILINX}}}family", {f"{{{_XILINX}}}lifeCycle": "Production"})
        entry.text = family
    taxonomies = SubElement(core, f"{{{_XILINX}}}taxonomies")
    SubElement(taxonomies, f"{{{_XILINX}}}taxonomy").text = "/UserIP"
    SubElement(core, f"{{{_XILINX}}}displayName").text = name
    SubElement(core, f"{{{_XILINX}}}coreRevision").text = "1"


def _tag(name: str) -> str:
    return f"{{{_SPIRIT}}}{name}"


def _child(parent: Element, *names: str) -> Element:
    for name in names:
        parent = SubElement(parent, _tag(name))
    return parent


def _text(parent: Element, name: str, value: str | int) -> None:
    SubElement(parent, _tag(name)).text = str(value)
