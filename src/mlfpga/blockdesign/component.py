"""User IPs: what `component.xml` (IP-XACT, IEEE 1685-2009, as Vivado and Vitis HLS write it) says, as catalogue entry.

Ports, widths and interfaces that depend on parameters stay so: their formulas become expressions of the catalogue.
"""

import re
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

from mlfpga.blockdesign.expressions import number
from mlfpga.blockdesign.shape import CatalogueError
from mlfpga.blockdesign.xpath import translate

_SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"
_XILINX = "{http://www.xilinx.com}"
_PREFIXES = {"": _SPIRIT[1:-1], "x": _XILINX[1:-1]}
_LARGEST_FILE = 50_000_000

_DIRECTIONS = {"in": "I", "out": "O", "inout": "IO"}
# Interfaces of one wire are pins of a kind, not bus interfaces.
_WIRES = {"clock": "clk", "reset": "rst", "interrupt": "INTERRUPT", "clockenable": "undef", "data": "data"}
_ROLES = {"master": ("MASTER", "INITIATOR"), "slave": ("SLAVE", "TARGET"), "monitor": ("MONITOR", "MONITOR")}
_MIRRORED = {"mirroredMaster": "slave", "mirroredSlave": "master"}
# What Vivado gives at least to an IP that is reached through registers.
_SMALLEST_RANGE = 4096
# How a register's field can be used: (access, what a write does, what a read does) -> the catalogue's word.
_ACCESS = {
    ("read-write", "", ""): "rw",
    ("read-only", "", ""): "ro",
    ("write-only", "", ""): "wo",
    ("read-write", "oneToClear", ""): "w1c",
    ("read-write", "oneToSet", ""): "w1s",
    ("read-write", "oneToToggle", ""): "w1t",
    ("read-write", "modify", ""): "hls_rw",
    ("read-only", "", "modify"): "hls_ro",
    ("read-only", "oneToToggle", "modify"): "hls_toggle",
}


def read_ip(path: Path | str) -> dict:
    """The catalogue entry of an IP: an archive (.zip), a component.xml, its folder, or the folder above it.

    Raises CatalogueError if there is not exactly one component.xml, or if it is none.
    """
    path = Path(path)
    if path.is_dir():
        files = [path / "component.xml"] if (path / "component.xml").is_file() else [*path.glob("*/component.xml")]
        return read_component(_only(files, path).read_bytes(), _only(files, path))
    if not path.exists():
        raise CatalogueError(f"{path} does not exist; give an IP archive (.zip) or a folder with component.xml")
    if not zipfile.is_zipfile(path):
        return read_component(path.read_bytes(), path)
    with zipfile.ZipFile(path) as archive:
        member = _only([item for item in archive.infolist() if Path(item.filename).name == "component.xml"], path)
        if member.file_size > _LARGEST_FILE:
            raise CatalogueError(f"{path}: its component.xml has {member.file_size} bytes; that is no IP's")
        return read_component(archive.read(member), path)


def read_repository(folder: Path | str) -> list[dict]:
    """The catalogue entries of all IPs below a folder. What is called component.xml and is none is left out."""
    entries = []
    for file in sorted(Path(folder).rglob("component.xml")):
        try:
            entries.append(read_component(file.read_bytes(), file))
        except CatalogueError:
            continue
    return entries


def read_component(text: bytes, source) -> dict:
    """The catalogue entry for the text of a component.xml; `source` is what errors call it."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise CatalogueError(f"{source} is not an IP ({error}); give what Vitis HLS or Vivado exported") from None
    if root.tag != _SPIRIT + "component":
        raise CatalogueError(f"{source} is not an IP: its root is {root.tag}, not an IP-XACT component of 2009")
    try:
        return _Component(root).entry()
    except ValueError as error:
        raise CatalogueError(f"{source}: {error}") from None


def _only(found, path):
    if len(found) != 1:
        what = "no component.xml" if not found else f"{len(found)} IPs; name the folder of one"
        raise CatalogueError(f"{path} holds {what}" + ("" if found else "; export the IP with Vitis HLS or Vivado"))
    return found[0]


class _Component:
    """One component.xml on its way to an entry."""

    def __init__(self, root):
        self._root = root
        self._vlnv = [_text(root, key) for key in ("vendor", "library", "name", "version")]
        if not all(self._vlnv):
            raise ValueError("it does not say its vendor, library, name and version")
        self._buses = [_Bus(element) for element in _all(root, "busInterfaces/busInterface")]
        self._ports = {_text(port, "name"): port for port in _all(root, "model/ports/port")}
        spelt = {name.lower(): name for name in self._ports}  # VHDL does not mind upper and lower case
        for bus in self._buses:
            for signal, pin in bus.pins.items():
                if pin.lower() not in spelt:
                    raise ValueError(f"interface {bus.name} names port {pin}, which does not exist")
                bus.pins[signal] = spelt[pin.lower()]
        self._wires = {pin: bus for bus in self._buses if bus.kind in _WIRES for pin in bus.pins.values()}

    def entry(self) -> dict:
        parameters, computed = self._parameters()
        maps = {_text(one, "name"): one for one in _all(self._root, "memoryMaps/memoryMap")}
        slaves = [bus for bus in self._buses if bus.memory_map in maps]
        return {
            "vlnv": ":".join(self._vlnv),
            "revision": int(_text(self._root, "vendorExtensions/x:coreExtensions/x:coreRevision") or 1),
            "class": "PERIPHERAL",
            "about": _text(self._root, "description"),
            "parameters": parameters,
            "computed": computed,
            "ports": [self._port(name, element) | self._shown(name, element) for name, element in self._ports.items()],
            "interfaces": [self._interface(bus) for bus in self._buses if bus.kind not in _WIRES],
            "address_spaces": self._spaces(),
            "segments": [segment for bus in slaves for segment in _segments(bus, maps[bus.memory_map])],
            "registers": {bus.name: _registers(maps[bus.memory_map]) for bus in slaves},
        }

    def _parameters(self):
        """What can be set, and what follows from it: parameters of the top module, and those with a formula."""
        choices = {
            _text(choice, "name"): [(item.text or "").strip() for item in _all(choice, "enumeration")]
            for choice in _all(self._root, "choices/choice")
        }
        parameters, computed = {}, {}
        for element in _all(self._root, "parameters/parameter"):
            name, value = _text(element, "name"), element.find("value", _PREFIXES)
            if name == "Component_Name" or value is None:
                continue
            if value.get(_SPIRIT + "dependency") and value.get(_SPIRIT + "resolve") != "user":
                computed[name] = translate(value.get(_SPIRIT + "dependency"))
            else:
                parameters[name] = _rules(value, choices)
        for element in _all(self._root, "model/modelParameters/modelParameter"):
            name, value = _text(element, "name"), element.find("value", _PREFIXES)
            if name in parameters or name in computed or value is None:
                continue
            formula = value.get(_SPIRIT + "dependency")
            computed[name] = translate(formula) if formula else repr(_plain(value.text))
        return parameters, computed

    def _port(self, name, element):
        vector, wire = element.find("wire/vector", _PREFIXES), self._wires.get(name)
        port = {"name": name, "direction": _DIRECTIONS.get(_text(element, "wire/direction"), "I"), "optional": True}
        if vector is not None:
            left, right = (_expression(vector.find(end, _PREFIXES)) for end in ("left", "right"))
            port["width"] = f"int({left}) + 1" if right == "0" else f"abs(int({left}) - int({right})) + 1"
        if wire is not None:
            port["kind"] = _WIRES[wire.kind]
            if wire.kind in ("clock", "reset"):
                port["optional"] = False
            if wire.kind == "reset":
                # Vivado takes a reset that does not say its polarity to be active low.
                port["polarity"] = wire.parameters.get("POLARITY") or "ACTIVE_LOW"
            if wire.kind == "interrupt":
                port["sensitivity"] = wire.parameters.get("SENSITIVITY") or "LEVEL_HIGH"
        return port

    def _shown(self, name, element) -> dict:
        """{"when": …} if a port is not always there: it says so, or all interfaces that it is part of come and go."""
        own = _enabled(element, "portInfo")
        buses = [bus for bus in self._buses if name in bus.pins.values() and bus.kind not in _WIRES]
        switches = [_enabled(bus.element, "busInterfaceInfo").get("when") for bus in buses]
        if own or not buses or None in switches:
            return own
        return {"when": " or ".join(f"({switch})" for switch in switches)}

    def _interface(self, bus):
        interface = {
            "name": bus.name,
            "type": _ROLES[bus.role][bus.kind != "aximm"],
            "bus": bus.kind,
            "bus_vlnv": bus.vlnv,
            "clock": self._clock_of(bus),
            "map": bus.pins,
        }
        widths = {"axis": _STREAM_WIDTHS, "aximm": _MEMORY_WIDTHS}.get(bus.kind, {})
        for key, signals in widths.items():
            widest = next((bus.pins[signal] for signal in signals if signal in bus.pins), None)
            if widest:
                interface[key] = self._port(widest, self._ports[widest]).get("width", 1)
        if bus.kind == "aximm":
            burst = {"AWLEN", "ARLEN"} & set(bus.pins)
            interface["protocol"] = bus.parameters.get("PROTOCOL") or ("AXI4" if burst else "AXI4LITE")
        if bus.kind in ("aximm", "axis"):
            stated = {name: bus.parameters[name] for name in _TOLD if bus.parameters.get(name, "").isdecimal()}
            interface |= {"properties": stated} if stated else {}
        return interface | _enabled(bus.element, "busInterfaceInfo")

    def _clock_of(self, bus) -> str:
        """The pin that clocks an interface: the one that says so, else the only clock there is."""
        clocks = [one for one in self._buses if one.kind == "clock" and one.pins]
        named = [one for one in clocks if bus.name in re.split(r"[:\s]+", one.parameters.get("ASSOCIATED_BUSIF", ""))]
        chosen = named[:1] or (clocks if len(clocks) == 1 else [])
        return next(iter(chosen[0].pins.values())) if chosen else ""

    def _spaces(self):
        spaces = []
        for element in _all(self._root, "addressSpaces/addressSpace"):
            name = _text(element, "name")
            interfaces = [bus.name for bus in self._buses if bus.address_space == name]
            spaces.append({"name": name, "interfaces": interfaces,
                           "bits": f"log2({_expression(element.find('range', _PREFIXES))})"})  # fmt: skip
        return spaces


_STREAM_WIDTHS = {"data_bits": ["TDATA"], "id_bits": ["TID"], "dest_bits": ["TDEST"], "user_bits": ["TUSER"]}
_MEMORY_WIDTHS = {
    "data_bits": ["WDATA", "RDATA"],
    "address_bits": ["AWADDR", "ARADDR"],
    "id_bits": ["AWID", "ARID"],
    "user_bits": ["AWUSER", "ARUSER"],
}
# What the handoff tells of an interface besides what its pins say.
_TOLD = ["MAX_BURST_LENGTH", "SUPPORTS_NARROW_BURST"] + [
    f"NUM_{way}_{what}" for way in ("READ", "WRITE") for what in ("OUTSTANDING", "THREADS")
]


class _Bus:
    """A bus interface as written."""

    def __init__(self, element):
        self.element, self.name = element, _text(element, "name")
        bus = element.find("busType", _PREFIXES)
        if bus is None:
            raise ValueError(f"interface {self.name} does not say its type")
        self.vlnv = ":".join(bus.get(_SPIRIT + key, "") for key in ("vendor", "library", "name", "version"))
        self.kind = bus.get(_SPIRIT + "name", "")
        modes = {child.tag.removeprefix(_SPIRIT) for child in element}
        mirrored = next((_MIRRORED[mode] for mode in modes if mode in _MIRRORED), "slave")
        self.role = next((mode for mode in _ROLES if mode in modes), mirrored)
        pairs = _all(element, "portMaps/portMap")
        self.pins = {_text(pair, "logicalPort/name"): _text(pair, "physicalPort/name") for pair in pairs}
        self.parameters = {_text(p, "name"): _text(p, "value") for p in _all(element, "parameters/parameter")}
        self.memory_map = _reference(element, "slave/memoryMapRef", "memoryMapRef")
        self.address_space = _reference(element, "master/addressSpaceRef", "addressSpaceRef")


def _segments(bus, memory_map):
    for block in _all(memory_map, "addressBlock"):
        size = _expression(block.find("range", _PREFIXES))
        base = {_text(p, "name"): _text(p, "value") for p in _all(block, "parameters/parameter")}
        segment = {
            "interface": bus.name,
            "group": bus.memory_map,
            "name": _text(block, "name"),
            "usage": _text(block, "usage") or "register",
            "size": f"max({size}, {_SMALLEST_RANGE})",
        }
        if base.get("OFFSET_BASE_PARAM", "").endswith("BASEADDR"):
            segment["parameter"] = base["OFFSET_BASE_PARAM"].removesuffix("BASEADDR")
        if size.isdecimal():
            segment["block"] = int(size)
        yield segment


def _registers(memory_map):
    return [
        {
            "name": _text(register, "name"),
            "offset": _text(register, "addressOffset"),
            "reset": _text(register, "reset/value") or "0",
            "about": _text(register, "description"),
            "access": _text(register, "access") or "read-write",
            "bits": number(_text(register, "size") or "32"),
            "fields": [_field(field) for field in _all(register, "field")],
        }
        for block in _all(memory_map, "addressBlock")
        for register in _all(block, "register")
    ]


def _field(field):
    access = _text(field, "access") or "read-write"
    kind = (access, _text(field, "modifiedWriteValue"), _text(field, "readAction"))
    word = _ACCESS.get(kind) or _ACCESS.get((access, "", ""), "rw")
    place = [number(_text(field, key) or "0") for key in ("bitOffset", "bitWidth")]
    return [_text(field, "name"), *place, word, _text(field, "description")]


def _rules(value, choices) -> dict:
    """Default, choices and range of a parameter."""
    rules = {"default": _plain(value.text)}
    known = choices.get(value.get(_SPIRIT + "choiceRef"))
    low, high = value.get(_SPIRIT + "minimum"), value.get(_SPIRIT + "maximum")
    if value.get(_SPIRIT + "format") == "bool":
        rules["choices"] = ["false", "true"]
    elif known and rules["default"] in known:
        rules["choices"] = known
    elif low and high and all(isinstance(number(text), int) for text in (low, high, rules["default"])):
        rules["range"] = [number(low), number(high)]
    return rules


def _enabled(element, info) -> dict:
    """{"when": …} if a parameter decides whether a port or an interface exists, or if it is simply off."""
    switch = element.find(f"vendorExtensions/x:{info}/x:enablement/x:isEnabled", _PREFIXES)
    if switch is None:
        return {}
    formula = switch.get(_XILINX + "dependency")
    if formula:
        return {"when": translate(formula)}
    return {"when": "0"} if (switch.text or "").strip() == "false" else {}


def _expression(element) -> str:
    """A number as an expression: its formula if it has one, else its text."""
    if element is None:
        return "0"
    formula = element.get(_SPIRIT + "dependency")
    if formula:
        return translate(formula)
    text = _plain(element.text)
    scaled = re.fullmatch(r"(\d+)([KMGTPE])", text)
    return str(int(scaled[1]) << 10 * ("KMGTPE".index(scaled[2]) + 1) if scaled else number(text))


def _plain(text) -> str:
    """A value without the quotation marks that VHDL's strings have, and numbers as 0x…, not 0X…."""
    plain = (text or "").strip().strip('"')
    return f"0x{plain[2:]}" if plain.startswith("0X") else plain


def _reference(element, path, attribute):
    found = element.find(path, _PREFIXES)
    return None if found is None else found.get(_SPIRIT + attribute)


def _all(element, path):
    return element.findall(path, _PREFIXES)


def _text(element, path) -> str:
    return (element.findtext(path, "", _PREFIXES) or "").strip()
