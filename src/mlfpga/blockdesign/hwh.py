"""The hardware handoff (.hwh): what software learns about a design, in the XML that Vivado writes.

PYNQ reads from it the IPs, their addresses and registers, the memory, the clocks, the interrupts and the port widths.
Its layout is not documented; this writer follows files that Vivado 2017.1 to 2025.2 wrote, name by name (the tests
compare them). Where versions differ, it writes what the version would that the script was written for.
"""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mlfpga.artifacts import writing
from mlfpga.blockdesign.catalogue import Port
from mlfpga.blockdesign.design import Cell, Design, Mapping, Pin
from mlfpga.blockdesign.hwh_wires import Wires, is_block, since

STAMP = "mlfpga dry run: written without Vivado, from the same Tcl that builds the bitstream"
_EPOCH = "Thu Jan  1 00:00:00 1970"

# How Vivado describes the access of a field, by the catalogue's short word for it.
_ACCESS = {
    "rw": ("read-write", "", ""),
    "ro": ("read-only", "", ""),
    "wo": ("write-only", "", ""),
    "w1c": ("read-write", "oneToClear", ""),
    "w1s": ("read-write", "oneToSet", ""),
    "w1t": ("read-write", "oneToToggle", ""),
    "hls_rw": ("read-write", "modify", ""),
    "hls_ro": ("read-only", "", "modify"),
    "hls_toggle": ("read-only", "oneToToggle", "modify"),
}
# The families of devices by how a part begins; the first that fits counts.
_ARCHITECTURES = (
    (r"xc7z", "zynq"),
    (r"xczu\d+dr", "zynquplusRFSOC"),
    (r"xczu|xck|xqzu", "zynquplus"),
    (r"xcv[cmpeh]\d", "versal"),
    (r"xc7a", "artix7"),
    (r"xc7k", "kintex7"),
    (r"xc7v", "virtex7"),
    (r"xc7s", "spartan7"),
    (r"xcau", "artixuplus"),
    (r"xcku\d+p", "kintexuplus"),
    (r"xcvu\d+p", "virtexuplus"),
)
# The kinds of module that say so in IPTYPE, too; all others are a PERIPHERAL there.
_OWN_TYPES = ("BUS", "MONITOR", "PROCESSOR")
# Processors that are not made of logic.
_IN_SILICON = ("processing_system7", "zynq_ultra_ps_e", "versal_cips")


def write_hwh(design: Design, path) -> Path:
    """Write the handoff of a design. The same design always gives the same bytes (no time stamp)."""
    root = handoff(design)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    with writing(Path(path)) as temporary:
        Path(temporary).write_text(
            f'<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n<!-- {STAMP} -->\n{text}\n', encoding="utf-8"
        )
    return Path(path)


def handoff(design: Design) -> Element:
    """The handoff as an XML element."""
    root = Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP=_EPOCH, VIVADOVERSION="dry run", ORIGIN=STAMP)
    architecture, device, package, speed = _split_part(design.part)
    system = {"ARCH": architecture, "BOARD": design.board_part, "DEVICE": device, "NAME": design.name}
    system |= {"PACKAGE": package, "SPEEDGRADE": speed}
    SubElement(root, "SYSTEMINFO", {name: value for name, value in system.items() if value or name != "BOARD"})
    wires = Wires(design)
    ports = SubElement(root, "EXTERNALPORTS")
    for port in wires.external_pins().values():
        ports.append(_port(design, wires, None, port))
    interfaces = SubElement(root, "EXTERNALINTERFACES")
    for name in design.hierarchies[""].interfaces:
        interfaces.append(_bus_interface(design, wires, Pin("", name)))
    modules = SubElement(root, "MODULES")
    names = _component_names(design)
    for name in sorted(design.cells):
        modules.append(_module(design, wires, design.cells[name], names[name]))
    return root


def _split_part(part):
    """Architecture, device, package and speed grade: xczu3eg-sfvc784-2-e is of zynquplus, xc7z020clg400-1 of zynq."""
    architecture = next((name for start, name in _ARCHITECTURES if re.match(start, part)), "")
    match = re.fullmatch(r"xc(7\w+?)([a-z]{3}\d+)(-\w+)", part) or re.fullmatch(r"(\w+)-([a-z]+\d+)(-\w+).*", part)
    return architecture, *(match.groups() if match else (part, "", ""))


def _component_names(design) -> dict[str, str]:
    """Vivado names an IP's sources after the cell (without its hierarchy) and numbers cells of the same name."""
    names, seen = {}, {}
    for path in design.cells:
        leaf = path.rpartition("/")[2]
        names[path] = f"{design.name}_{leaf}_{seen.setdefault(leaf, 0)}"
        seen[leaf] += 1
    return names


def _module(design, wires, cell, component) -> Element:
    ip, kind = cell.ip, cell.shape.kind
    attributes = {
        "FULLNAME": f"/{cell.name}",
        "HWVERSION": ip.version,
        "INSTANCE": cell.instance,
        "IPTYPE": kind if kind in _OWN_TYPES and ip.name not in _IN_SILICON else "PERIPHERAL",
        "IS_ENABLE": "1",
        "MODTYPE": ip.name,
        "VLNV": ip.vlnv,
    }
    if since(design, "2018.3"):
        attributes["COREREVISION"] = str(ip.revision(design.release))
    if ip.name in _IN_SILICON:
        attributes |= {"CONFIGURABLE": "TRUE", "IS_PL": "FALSE"}
    else:
        attributes["MODCLASS"] = kind
        if kind == "PROCESSOR":
            attributes["PROCTYPE"] = ip.name
    if ip.entry.get("made_of") == "bd":
        attributes |= {"BD": component, "BDTYPE": "SBD", "DRIVERMODE": "CORE" if kind == "BUS" else "MIXED"}
        if since(design, "2018.3"):
            attributes["SIM_BD"] = component
    module = Element("MODULE", dict(sorted(attributes.items())))
    documents = SubElement(module, "DOCUMENTS")
    if "document" in ip.entry:
        SubElement(documents, "DOCUMENT", SOURCE=ip.entry["document"])
    _address_blocks(module, cell)
    _parameters(design, module, cell, component)
    ports = SubElement(module, "PORTS")
    for _, port in sorted(wires.pins(cell).items()):
        ports.append(_port(design, wires, cell, port))
    interfaces = SubElement(module, "BUSINTERFACES")
    for name in cell.shape.interfaces:
        interfaces.append(_bus_interface(design, wires, Pin(cell.name, name)))
    _memory_map(design, module, cell)
    return module


def _address_blocks(module, cell):
    """One element for each segment whose registers are known, or of which at least the size is."""
    for segment in cell.shape.segments.values():
        registers = cell.shape.registers.get(segment.interface, [])
        if not registers and segment.block is None:
            continue
        block = SubElement(
            SubElement(module, "ADDRESSBLOCKS"),
            "ADDRESSBLOCK",
            ACCESS="read-write",
            INTERFACE=segment.interface,
            NAME=segment.name,
            RANGE=str(segment.block or segment.size),
            USAGE=segment.usage,
        )
        if registers:
            parent = SubElement(block, "REGISTERS")
            for register in registers:
                parent.append(_register(register))


def _register(register) -> Element:
    element = Element("REGISTER", NAME=register.name)
    _properties(
        element,
        DESCRIPTION=register.about,
        ADDRESS_OFFSET=register.offset,
        SIZE=str(register.bits),
        ACCESS=register.access,
        IS_ENABLED="true" if register.enabled else "false",
        RESET_VALUE=register.reset,
    )
    fields = SubElement(element, "FIELDS")
    for name, first_bit, bits, access, about in register.fields:
        kind, modified, read_action = _ACCESS[access]
        _properties(
            SubElement(fields, "FIELD", NAME=name),
            DESCRIPTION=about,
            ADDRESS_OFFSET=str(first_bit),
            ACCESS=kind,
            MODIFIED_READ_VALUES=modified,
            WRITE_CONSTRAINT="0",
            READ_ACTION=read_action,
            BIT_OFFSET=str(first_bit),
            BIT_WIDTH=str(bits),
        )
    return element


def _properties(parent, **values):
    for name, value in values.items():
        SubElement(parent, "PROPERTY", NAME=name, VALUE=value)


def _parameters(design, module, cell, component):
    values = dict(sorted(cell.values.items()))
    values["Component_Name"] = component
    kind = cell.shape.kind
    values["EDK_IPTYPE"] = kind if kind in _OWN_TYPES and cell.ip.name not in _IN_SILICON else "PERIPHERAL"
    if cell.ip.entry.get("made_of") == "bd":
        values["TLM_COMPONENT_NAME"] = component
    # Of several masters that see it, the last one (in the order of the modules) says where it stands.
    for master in sorted(design.cells):
        for mapping in _seen_by(design, master):
            if mapping.slave == cell.name:
                segment = design.segment(mapping)
                values[f"{segment.parameter}BASEADDR"] = f"0x{mapping.offset:08X}"
                values[f"{segment.parameter}HIGHADDR"] = f"0x{mapping.offset + mapping.size - 1:08X}"
    parent = SubElement(module, "PARAMETERS")
    for name, value in values.items():
        SubElement(parent, "PARAMETER", {"NAME": name} | ({"VALUE": value} if value else {}))


def _port(design, wires, cell: Cell | None, port: Port) -> Element:
    """A pin of a cell, or (without a cell) a port of the design."""
    here = Pin(cell.name if cell else "", port.name)
    attributes = {"DIR": port.direction, "NAME": port.name, "SIGIS": port.kind}
    if port.width:
        attributes |= {"LEFT": str(port.width - 1), "RIGHT": "0"}
    if cell is None or not (is_block(cell) or wires.is_told_as_bus(cell, port.name)):
        if port.kind == "INTERRUPT":
            attributes["SENSITIVITY"] = wires.sensitivity(here)
        if port.polarity and since(design, "2020.1"):
            attributes["POLARITY"] = port.polarity
        if port.kind == "clk" and (hertz := wires.hertz(here)):
            attributes["CLKFREQUENCY"] = hertz
    name, ends = wires.name(here), wires.ends(here)
    if name is None:
        return Element("PORT", dict(sorted(attributes.items())))
    element = Element("PORT", dict(sorted((attributes | {"SIGNAME": name}).items())))
    connections = SubElement(element, "CONNECTIONS")
    for end in ends:
        SubElement(connections, "CONNECTION", INSTANCE=wires.instance(end), PORT=end.port)
    return element


def _bus_interface(design, wires, pin: Pin) -> Element:
    interface, width = design.interface(pin), wires.data_width(pin)
    attributes = {"BUSNAME": wires.bus_name(pin), "NAME": interface.name, "TYPE": wires.role(pin)}
    if width is not None:
        attributes["DATAWIDTH"] = str(width)
    if pin.cell:
        attributes["VLNV"] = interface.vlnv
    element = Element("BUSINTERFACE", dict(sorted(attributes.items())))
    shaped_by = wires.shaped_by(pin)
    if pin.cell and shaped_by and not is_block(design.cells[pin.cell]):
        for name, value in sorted(_interface_parameters(design, wires, pin, shaped_by).items()):
            SubElement(element, "PARAMETER", NAME=name, VALUE=str(value))
    maps = SubElement(element, "PORTMAPS")
    for signal in sorted(wires.signals(pin)):
        SubElement(maps, "PORTMAP", LOGICAL=signal, PHYSICAL=wires.physical(pin, signal))
    return element


def _interface_parameters(design, wires, pin: Pin, interface) -> dict:
    if interface.bus not in ("aximm", "axis"):
        return dict(interface.properties)
    clock = design.clock_of(pin)
    parameters = {"INSERT_VIP": 0, "PHASE": "0.0"}
    if clock:
        domain = _component_names(design)[clock.cell] if clock.cell else design.name
        parameters["CLK_DOMAIN"] = f"{domain}_{clock.port}"
        parameters["FREQ_HZ"] = wires.hertz(clock) or "0"
    signals = set(interface.signals)
    has = {f"HAS_{name}": int(name in signals) for name in ("TKEEP", "TLAST", "TREADY", "TSTRB")}
    if interface.bus == "axis":
        widths = {
            "TDATA_NUM_BYTES": (interface.data_bits or 0) // 8,
            "TDEST_WIDTH": interface.dest_bits,
            "TID_WIDTH": interface.id_bits,
            "TUSER_WIDTH": interface.user_bits,
        }
        return parameters | has | widths | {"LAYERED_METADATA": "undef"} | interface.properties
    full = interface.protocol == "AXI4"
    has = {
        f"HAS_{name}": int(bool(signals & {name, f"AW{name}", f"AR{name}"}))
        for name in ("BRESP", "RRESP", "WSTRB", "CACHE", "LOCK", "PROT", "QOS", "REGION")
    }
    return (
        parameters
        | has
        | {"HAS_BURST": int("AWID" in signals or "ARID" in signals)}
        | {"ADDR_WIDTH": interface.address_bits, "DATA_WIDTH": interface.data_bits, "ID_WIDTH": interface.id_bits}
        | {f"{name}USER_WIDTH": interface.user_bits for name in ("AR", "AW")}
        | {f"{name}USER_WIDTH": 0 for name in "BRW"}
        | {f"{name}USER_BITS_PER_BYTE": 0 for name in "RW"}
        | {"PROTOCOL": interface.protocol, "READ_WRITE_MODE": "READ_WRITE", "MAX_BURST_LENGTH": 256 if full else 1}
        | {f"NUM_{way}_{what}": 1 for way in ("READ", "WRITE") for what in ("OUTSTANDING", "THREADS")}
        | {"SUPPORTS_NARROW_BURST": 0}
        | interface.properties
        | (_INTERCONNECT_MASTER if design.interface(pin).drives and design.interface(pin).signals is None else {})
    )


# A master port of an interconnect takes on the properties of the slave behind it, except for these.
_INTERCONNECT_MASTER = {"ID_WIDTH": 0, "ARUSER_WIDTH": 0, "AWUSER_WIDTH": 0, "HAS_PROT": 1, "HAS_WSTRB": 1} | {
    f"NUM_{way}_THREADS": 1 for way in ("READ", "WRITE")
}


def _seen_by(design, master: str) -> list[Mapping]:
    """The segments that a cell sees, by address, then by the interface through which it sees them."""
    placed = [m for m in design.mappings if m.master == master and m.offset is not None]
    return sorted(placed, key=lambda mapping: (mapping.offset, design.route(mapping) or ""))


def _memory_map(design, module, cell):
    if not cell.shape.spaces:
        return
    mappings = _seen_by(design, cell.name)
    memory_map = SubElement(module, "MEMORYMAP")
    # Logic that runs programs has one space for them and one for data; to all others it is the same.
    runs = cell.shape.kind == "PROCESSOR" and cell.ip.name not in _IN_SILICON
    for mapping in mappings:
        segment, through = design.segment(mapping), design.route(mapping)
        attributes = {
            "ADDRESSBLOCK": segment.name,
            "BASENAME": f"{segment.parameter}BASEADDR",
            "BASEVALUE": f"0x{mapping.offset:08X}",
            "HIGHNAME": f"{segment.parameter}HIGHADDR",
            "HIGHVALUE": f"0x{mapping.offset + mapping.size - 1:08X}",
            "INSTANCE": design.cells[mapping.slave].instance,
            "IS_DATA": "FALSE" if runs and mapping.space == "Instruction" else "TRUE",
            "IS_INSTRUCTION": "FALSE" if runs and mapping.space == "Data" else "TRUE",
            "MASTERBUSINTERFACE": through or "",
            "MEMTYPE": segment.usage.upper(),
            "SLAVEBUSINTERFACE": segment.interface,
        }
        SubElement(memory_map, "MEMRANGE", attributes)
    peripherals = SubElement(module, "PERIPHERALS")
    for name in dict.fromkeys([*(mapping.slave for mapping in mappings), *_fed_by(design, cell)]):
        SubElement(peripherals, "PERIPHERAL", INSTANCE=design.cells[name].instance)


def _fed_by(design, cell) -> list[str]:
    """Cells that a master with an address space feeds with streams directly; to Vivado they are its peripherals."""
    outputs = [Pin(cell.name, i.name) for i in cell.shape.interfaces.values() if i.bus == "axis" and i.drives]
    partners = [partner for pin in outputs if (partner := design.partner(pin)) and partner.cell]
    return [partner.cell for partner in partners if design.cells[partner.cell].ip.kind == "PERIPHERAL"]
