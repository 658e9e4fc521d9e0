"""Read what an IP says of itself in `component.xml` (IP-XACT, IEEE 1685-2009, as Vivado and Vitis HLS write it)."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from mlfpga.simulate.rtl.archive import ip_folder
from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.expressions import evaluate
from mlfpga.simulate.rtl.sources import Sources, collect

_SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"
# The views that hold synthesizable Verilog, the most specific first. Simulation views come last: they hold the same
# files, with test-only ones among them.
_VIEWS = (
    "xilinx_verilogsynthesis",
    "xilinx_anylanguagesynthesis",
    "xilinx_verilogbehavioralsimulation",
    "xilinx_anylanguagebehavioralsimulation",
)
# Data and address of an AXI4 master: one that only reads has no write channel, and the other way round.
_MEMORY_PINS = (("RDATA", "WDATA"), ("ARADDR", "AWADDR"))


@dataclass(frozen=True)
class Pin:
    """One port of the top module: its name, its direction ("in" or "out") and its width in bits."""

    name: str
    direction: str
    bits: int


@dataclass(frozen=True)
class StreamPort:
    """An AXI4-Stream interface.

    role      "slave" takes words, "master" gives them
    bits      TDATA's width
    has_last  whether it has TLAST
    pins      logical name ("TDATA", "TVALID", …) -> Pin
    """

    name: str
    role: str
    bits: int
    has_last: bool
    pins: dict[str, Pin]


@dataclass(frozen=True)
class Field:
    """Bits `offset` … `offset + width - 1` of a register."""

    name: str
    offset: int
    width: int
    access: str


@dataclass(frozen=True)
class Register:
    """One register: `offset` in bytes, `bits` wide."""

    name: str
    offset: int
    bits: int
    access: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class RegisterInterface:
    """An AXI4-Lite slave: its address and data widths, its registers in the order of their offsets, and its pins.

    span  bytes of its address range
    """

    name: str
    address_bits: int
    data_bits: int
    span: int
    registers: tuple[Register, ...]
    pins: dict[str, Pin]


@dataclass(frozen=True)
class MemoryPort:
    """An AXI4 master, through which the IP itself reads and writes memory: widths of data and address, and its pins."""

    name: str
    data_bits: int
    address_bits: int
    pins: dict[str, Pin]


@dataclass(frozen=True)
class Clock:
    """A clock input, the reset and the interfaces that go with it."""

    pin: Pin
    reset: str | None
    interfaces: tuple[str, ...]


@dataclass(frozen=True)
class Reset:
    """A reset input; `active` is the level (0 or 1) that resets."""

    pin: Pin
    active: int


@dataclass(frozen=True)
class IpCore:
    """An IP as its archive describes it.

    vlnv        "vendor:library:name:version"
    name        the IP's name
    top         its top module
    streams     AXI4-Stream interfaces, by name
    registers   AXI4-Lite slaves, by name
    clocks      clock inputs, by interface name
    resets      reset inputs, by interface name
    interrupts  interrupt outputs
    handshakes  pins of a block-level protocol without registers ("ap_start", "ap_done", …), by interface name
    memories    AXI4 masters, by name
    pins        every port of the top module, by name
    parameters  integer parameters of the top module
    sources     its Verilog files, its headers and its data files
    revision    what Vivado tells two builds of one version apart by; 0 if it is not given
    """

    folder: Path
    vlnv: str
    name: str
    top: str
    streams: dict[str, StreamPort]
    registers: dict[str, RegisterInterface]
    clocks: dict[str, Clock]
    resets: dict[str, Reset]
    interrupts: tuple[Pin, ...]
    handshakes: dict[str, dict[str, Pin]]
    memories: dict[str, MemoryPort]
    pins: dict[str, Pin]
    parameters: dict[str, int]
    sources: Sources
    revision: int


def open_ip(path: Path | str) -> IpCore:
    """Open an IP: an archive (`.zip`), a folder with `component.xml`, or the folder above it.

    Raises RtlError, naming what is wrong: no `component.xml`, no Verilog, no top module, a data file that is missing,
    a zip that would write outside its folder.
    """
    folder = ip_folder(path)
    root = _parse(folder / "component.xml")
    vlnv = ":".join(_text(root, key, "?") for key in ("vendor", "library", "name", "version"))
    parameters = _parameters(root)
    pins = _pins(root, parameters)
    top, files = _verilog_view(root, vlnv)
    sources = collect(folder, top, files, vlnv)
    found = _interfaces(root, pins, vlnv)
    return IpCore(
        folder=folder,
        vlnv=vlnv,
        name=_text(root, "name", "?"),
        top=top,
        streams=_streams(found, vlnv),
        registers=_register_interfaces(root, found, parameters),
        clocks=_clocks(found),
        resets=_resets(found),
        interrupts=tuple(pin for one in found if one.kind == "interrupt" for pin in one.pins.values()),
        handshakes={one.name: one.pins for one in found if one.kind == "acc_handshake"},
        memories=_memories(found, vlnv),
        pins=pins,
        parameters=parameters,
        sources=sources,
        revision=_revision(root),
    )


@dataclass(frozen=True)
class _Interface:
    """A bus interface as written: its kind is the bus type's name ("axis", "aximm", "clock", "reset", …)."""

    name: str
    kind: str
    role: str
    pins: dict[str, Pin]
    parameters: dict[str, str]
    memory_map: str | None


def _parse(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise RtlError(f"{path} is not well-formed XML: {error}; get the archive again") from None
    if root.tag != _SPIRIT + "component":
        raise RtlError(f"{path} is not an IP-XACT component of 2009 (its root is {root.tag}); export it with Vitis HLS")
    return root


def _find(element: ElementTree.Element, path: str) -> ElementTree.Element | None:
    return element.find("/".join(_SPIRIT + step for step in path.split("/")))


def _all(element: ElementTree.Element, path: str) -> list[ElementTree.Element]:
    return element.findall("/".join(_SPIRIT + step for step in path.split("/")))


def _text(element: ElementTree.Element, path: str, default: str = "") -> str:
    found = _find(element, path)
    return (found.text or "").strip() if found is not None else default


def _number(element: ElementTree.Element | None, parameters: dict[str, int], default: int = 0) -> int:
    """A number as written, or, where the text is none, what its `dependency` expression gives."""
    if element is None:
        return default
    for text in ((element.text or "").strip(), element.get(_SPIRIT + "dependency", "")):
        value = evaluate(text, parameters)
        if value is not None:
            return value
    raise RtlError(f"component.xml: {element.tag.removeprefix(_SPIRIT)} {element.text!r} is neither number nor formula")


def _parameters(root: ElementTree.Element) -> dict[str, int]:
    found = {}
    for parameter in _all(root, "model/modelParameters/modelParameter"):
        value = evaluate(_text(parameter, "value").strip('"'), {})
        if value is not None:
            found[_text(parameter, "name")] = value
    return found


def _pins(root: ElementTree.Element, parameters: dict[str, int]) -> dict[str, Pin]:
    pins = {}
    for port in _all(root, "model/ports/port"):
        vector = _find(port, "wire/vector")
        bits = 1
        if vector is not None:
            bits = abs(_number(_find(vector, "left"), parameters) - _number(_find(vector, "right"), parameters)) + 1
        name = _text(port, "name")
        pins[name] = Pin(name, _text(port, "wire/direction", "in"), bits)
    return pins


def _verilog_view(root: ElementTree.Element, vlnv: str) -> tuple[str, list[tuple[str, str]]]:
    """The top module's name and the (name, file type) of every file of the Verilog view."""
    views = {_text(view, "name"): view for view in _all(root, "model/views/view")}
    filesets = {_text(fileset, "name"): fileset for fileset in _all(root, "fileSets/fileSet")}
    for name in _VIEWS:
        if name not in views:
            continue
        view = views[name]
        files = [
            (_text(file, "name"), _text(file, "fileType") or _text(file, "userFileType"))
            for reference in _all(view, "fileSetRef")
            if (fileset := filesets.get(_text(reference, "localName"))) is not None
            for file in _all(fileset, "file")
        ]
        if any(Path(file).suffix in (".v", ".sv") for file, _ in files):
            return _text(view, "modelName"), files
    raise RtlError(f"{vlnv} holds no Verilog; VHDL is not simulated: export the IP with -rtl verilog")


def _interfaces(root: ElementTree.Element, pins: dict[str, Pin], vlnv: str) -> list[_Interface]:
    found = []
    for interface in _all(root, "busInterfaces/busInterface"):
        name = _text(interface, "name")
        maps = {}
        for pair in _all(interface, "portMaps/portMap"):
            physical = _text(pair, "physicalPort/name")
            if physical not in pins:
                raise RtlError(f"{vlnv}: interface {name} names port {physical}, which component.xml does not list")
            maps[_text(pair, "logicalPort/name").upper()] = pins[physical]
        bus = _find(interface, "busType")
        reference = _find(interface, "slave/memoryMapRef")
        found.append(
            _Interface(
                name=name,
                kind="" if bus is None else bus.get(_SPIRIT + "name", ""),
                role="master" if _find(interface, "master") is not None else "slave",
                pins=maps,
                parameters={_text(p, "name"): _text(p, "value") for p in _all(interface, "parameters/parameter")},
                memory_map=None if reference is None else reference.get(_SPIRIT + "memoryMapRef"),
            )
        )
    return found


def _streams(found: list[_Interface], vlnv: str) -> dict[str, StreamPort]:
    streams = {}
    for one in found:
        if one.kind != "axis":
            continue
        for needed in ("TDATA", "TVALID"):
            if needed not in one.pins:
                raise RtlError(f"{vlnv}: stream {one.name} has no {needed}; a stream needs TDATA and TVALID")
        streams[one.name] = StreamPort(one.name, one.role, one.pins["TDATA"].bits, "TLAST" in one.pins, one.pins)
    return streams


def _register_interfaces(
    root: ElementTree.Element, found: list[_Interface], parameters: dict[str, int]
) -> dict[str, RegisterInterface]:
    maps = {_text(one, "name"): one for one in _all(root, "memoryMaps/memoryMap")}
    interfaces = {}
    for one in found:
        if one.kind != "aximm" or one.role != "slave" or "AWADDR" not in one.pins:
            continue
        blocks = _all(maps[one.memory_map], "addressBlock") if one.memory_map in maps else []
        registers = [register for block in blocks for register in _block_registers(block, parameters)]
        interfaces[one.name] = RegisterInterface(
            name=one.name,
            address_bits=one.pins["AWADDR"].bits,
            data_bits=one.pins["WDATA"].bits,
            span=max((_number(_find(block, "range"), parameters) for block in blocks), default=0),
            registers=tuple(sorted(registers, key=lambda register: register.offset)),
            pins=one.pins,
        )
    return interfaces


def _memories(found: list[_Interface], vlnv: str) -> dict[str, MemoryPort]:
    ports = {}
    for one in found:
        if one.kind != "aximm" or one.role != "master":
            continue
        data, address = (next((one.pins[p] for p in pair if p in one.pins), None) for pair in _MEMORY_PINS)
        if data is None or address is None:
            raise RtlError(f"{vlnv}: AXI4 master {one.name} has no data or no address; export the IP again")
        ports[one.name] = MemoryPort(one.name, data.bits, address.bits, one.pins)
    return ports


def _revision(root: ElementTree.Element) -> int:
    found = next((e for e in root.iter() if e.tag.endswith("}coreRevision")), None)
    return 0 if found is None else evaluate(found.text or "", {}) or 0


def _block_registers(block: ElementTree.Element, parameters: dict[str, int]) -> list[Register]:
    base = _number(_find(block, "baseAddress"), parameters)
    return [
        Register(
            name=_text(register, "name"),
            offset=base + _number(_find(register, "addressOffset"), parameters),
            bits=_number(_find(register, "size"), parameters, 32),
            access=_text(register, "access", "read-write"),
            description=_text(register, "description"),
            fields=tuple(
                Field(
                    name=_text(field, "name"),
                    offset=_number(_find(field, "bitOffset"), parameters),
                    width=_number(_find(field, "bitWidth"), parameters, 1),
                    access=_text(field, "access", "read-write"),
                )
                for field in _all(register, "field")
            ),
        )
        for register in _all(block, "register")
    ]


def _clocks(found: list[_Interface]) -> dict[str, Clock]:
    return {
        one.name: Clock(
            pin=next(iter(one.pins.values())),
            reset=one.parameters.get("ASSOCIATED_RESET") or None,
            interfaces=tuple(filter(None, re.split(r"[:\s]+", one.parameters.get("ASSOCIATED_BUSIF", "")))),
        )
        for one in found
        if one.kind == "clock" and one.pins
    }


def _resets(found: list[_Interface]) -> dict[str, Reset]:
    return {
        # Vivado's default for a reset without POLARITY is active low.
        one.name: Reset(next(iter(one.pins.values())), int(one.parameters.get("POLARITY") == "ACTIVE_HIGH"))
        for one in found
        if one.kind == "reset" and one.pins
    }
