"""The hardware handoff (.hwh): what software learns about a design, in the XML that Vivado writes.

PYNQ reads from it the IPs, their addresses and registers, the memory, the clocks and the port widths. Its layout is
not documented; this writer follows files that Vivado 2024.1 and 2024.2 wrote for the same kind of design, name by name
(the tests compare them).
"""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mlfpga.artifacts import writing
from mlfpga.blockdesign import axi
from mlfpga.blockdesign.design import Design, Pin

STAMP = "mlfpga dry run: written without Vivado, from the same Tcl that builds the bitstream"
_EPOCH = "Thu Jan  1 00:00:00 1970"
_NOT_CONNECTED = "__NOC__"

# How Vivado describes the access of a field, by the catalogue's short word for it.
_ACCESS = {
    "rw": ("read-write", "", ""),
    "ro": ("read-only", "", ""),
    "w1c": ("read-write", "oneToClear", ""),
    "hls_rw": ("read-write", "modify", ""),
    "hls_ro": ("read-only", "", "modify"),
    "hls_toggle": ("read-only", "oneToToggle", "modify"),
}


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
    device, package, speed = _split_part(design.part)
    SubElement(
        root,
        "SYSTEMINFO",
        ARCH="zynquplus",
        DEVICE=device,
        NAME=design.name,
        PACKAGE=package,
        SPEEDGRADE=speed,
    )
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    modules = SubElement(root, "MODULES")
    for name in sorted(design.cells):
        modules.append(_module(design, design.cells[name]))
    return root


def _split_part(part):
    match = re.fullmatch(r"([a-z0-9]+)-([a-z]+\d+)(-\d+\w*).*", part)
    return match.groups() if match else (part, "", "")


def _module(design, cell) -> Element:
    ip = cell.ip
    attributes = {
        "COREREVISION": str(ip.entry["revision"]),
        "FULLNAME": f"/{cell.name}",
        "HWVERSION": ip.version,
        "INSTANCE": cell.name,
        "IPTYPE": "BUS" if ip.kind == "BUS" else "PERIPHERAL",
        "IS_ENABLE": "1",
        "MODTYPE": ip.name,
        "VLNV": ip.vlnv,
    }
    if ip.kind == "PROCESSOR":
        attributes |= {"CONFIGURABLE": "TRUE", "IS_PL": "FALSE"}
    else:
        attributes["MODCLASS"] = ip.kind
    if ip.entry.get("made_of") == "bd":
        component = _component_name(design, cell.name)
        attributes |= {"BD": component, "BDTYPE": "SBD", "DRIVERMODE": "CORE", "SIM_BD": component}
    module = Element("MODULE", dict(sorted(attributes.items())))
    documents = SubElement(module, "DOCUMENTS")
    if "document" in ip.entry:
        SubElement(documents, "DOCUMENT", SOURCE=ip.entry["document"])
    _address_blocks(module, cell)
    _parameters(design, module, cell)
    _ports(design, module, cell)
    _bus_interfaces(design, module, cell)
    _memory_map(design, module, cell)
    return module


def _address_blocks(module, cell):
    blocks = [segment for segment in cell.shape.segments.values() if segment.interface in cell.shape.registers]
    if not blocks:
        return
    parent = SubElement(module, "ADDRESSBLOCKS")
    for segment in blocks:
        block = SubElement(
            parent,
            "ADDRESSBLOCK",
            ACCESS="read-write",
            INTERFACE=segment.interface,
            NAME=segment.name,
            RANGE=str(segment.block),
            USAGE=segment.usage,
        )
        registers = SubElement(block, "REGISTERS")
        for register in cell.shape.registers[segment.interface]:
            registers.append(_register(register))


def _register(register) -> Element:
    element = Element("REGISTER", NAME=register.name)
    _properties(
        element,
        DESCRIPTION=register.about,
        ADDRESS_OFFSET=register.offset,
        SIZE="32",
        ACCESS="read-write",
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


def _parameters(design, module, cell):
    values = dict(sorted(cell.values.items()))
    values["Component_Name"] = _component_name(design, cell.name)
    values["EDK_IPTYPE"] = "BUS" if cell.ip.kind == "BUS" else "PERIPHERAL"
    if cell.ip.entry.get("made_of") == "bd":
        values["TLM_COMPONENT_NAME"] = values["Component_Name"]
    for mapping in design.mappings:
        if mapping.slave == cell.name and mapping.offset is not None:
            base, high = _base_names(cell, design.segment(mapping))
            values[base] = f"0x{mapping.offset:08X}"
            values[high] = f"0x{mapping.offset + mapping.size - 1:08X}"
    parent = SubElement(module, "PARAMETERS")
    for name, value in values.items():
        SubElement(parent, "PARAMETER", NAME=name, VALUE=value)


def _component_name(design, cell_name):
    return f"{design.name}_{cell_name}_0"


def _base_names(cell, segment):
    """C_BASEADDR and C_HIGHADDR; an IP from Vitis HLS has the interface's name in them."""
    infix = f"{segment.interface.upper()}_" if cell.ip.library == "hls" else ""
    return f"C_{infix}BASEADDR", f"C_{infix}HIGHADDR"


def _ports(design, module, cell):
    ports = {port.name: _plain_port(design, cell, port) for port in cell.shape.ports.values()}
    for interface in cell.shape.interfaces.values():
        for signal in _signals(design, Pin(cell.name, interface.name)):
            ports[interface.physical(signal)] = _bus_port(design, Pin(cell.name, interface.name), signal)
    parent = SubElement(module, "PORTS")
    for name in sorted(ports):
        parent.append(ports[name])


def _plain_port(design, cell, port) -> Element:
    attributes = {"DIR": port.direction, "NAME": port.name, "SIGIS": port.kind} | _range(port.width)
    if port.polarity and not _is_hierarchy(cell):
        attributes["POLARITY"] = port.polarity
    if port.kind == "INTERRUPT":
        attributes["SENSITIVITY"] = "LEVEL_HIGH"
    net = design.net_of(Pin(cell.name, port.name))
    driver = design.driver(net) if net else None
    if driver is None:
        return Element("PORT", dict(sorted(attributes.items())))
    attributes["SIGNAME"] = f"{driver.cell}_{driver.port}"
    if port.kind == "clk" and not _is_hierarchy(cell):
        attributes["CLKFREQUENCY"] = _hertz(design, driver)
    here = Pin(cell.name, port.name)
    others = [pin for pin in net.pins if pin != here] if here == driver else [driver]
    return _connected(attributes, others)


def _is_hierarchy(cell) -> bool:
    """Whether Vivado makes the cell a block of other cells; it then says less of its pins and interfaces."""
    return cell.ip.entry.get("made_of") == "cells"


def _hertz(design, clock: Pin) -> str:
    megahertz = design.port(clock).megahertz
    return str(round(megahertz * 1e6)) if megahertz else "0"


def _range(width) -> dict:
    return {} if width is None else {"LEFT": str(width - 1), "RIGHT": "0"}


def _connected(attributes, others) -> Element:
    element = Element("PORT", dict(sorted(attributes.items())))
    connections = SubElement(element, "CONNECTIONS")
    for pin in others:
        SubElement(connections, "CONNECTION", INSTANCE=pin.cell, PORT=pin.port)
    return element


def _signals(design, pin: Pin) -> list[str]:
    """Logical signals of an interface that the handoff tells: of a connected one, those that both ends have."""
    partner = design.partner(pin)
    mine = _offered(design, pin)
    return mine if partner is None else [signal for signal in mine if signal in _offered(design, partner)]


def _offered(design, pin: Pin) -> list[str]:
    """Logical signals that an interface has. An interconnect's ports have those of what is connected to them."""
    interface, shaped_by = design.interface(pin), _shaped_by(design, pin)
    signals = shaped_by.signals if shaped_by else axi.GROUPS["full"]
    return [signal for signal in signals if axi.suffix(signal) != interface.without]


def _shaped_by(design, pin: Pin):
    """The interface whose signals and widths an interface has: its own, or its partner's."""
    interface = design.interface(pin)
    if interface.signals is not None:
        return interface
    partner = design.partner(pin)
    return design.interface(partner) if partner and design.interface(partner).signals is not None else None


def _bus_port(design, pin: Pin, signal) -> Element:
    interface, shaped_by = design.interface(pin), _shaped_by(design, pin)
    width = None
    if shaped_by:
        width = axi.signal_width(
            signal, shaped_by.data_bits, shaped_by.address_bits, shaped_by.id_bits, shaped_by.user_bits
        )
        if axi.suffix(signal) in interface.vectors.split():
            width = 1
    output = axi.master_drives(signal) == interface.drives
    attributes = {"DIR": "O" if output else "I", "NAME": interface.physical(signal), "SIGIS": "undef"} | _range(width)
    partner = design.partner(pin)
    if partner is None:
        return Element("PORT", dict(sorted(attributes.items())))
    # Vivado names the wire after the end whose cell comes first in the alphabet.
    first = min(pin, partner, key=lambda end: end.cell)
    attributes["SIGNAME"] = f"{first.cell}_{design.interface(first).physical(signal)}"
    return _connected(attributes, [Pin(partner.cell, design.interface(partner).physical(signal))])


def _bus_interfaces(design, module, cell):
    parent = SubElement(module, "BUSINTERFACES")
    for interface in cell.shape.interfaces.values():
        pin = Pin(cell.name, interface.name)
        link, shaped_by = design.link_of(pin), _shaped_by(design, pin)
        attributes = {
            "BUSNAME": f"{link.source.cell}_{link.source.port}" if link else _NOT_CONNECTED,
            "NAME": interface.name,
            "TYPE": interface.type,
            "VLNV": interface.vlnv,
        }
        if interface.bus == "aximm" and shaped_by:
            attributes["DATAWIDTH"] = str(shaped_by.data_bits)
        element = SubElement(parent, "BUSINTERFACE", dict(sorted(attributes.items())))
        if shaped_by and not _is_hierarchy(cell):
            for name, value in sorted(_interface_parameters(design, pin).items()):
                SubElement(element, "PARAMETER", NAME=name, VALUE=str(value))
        maps = SubElement(element, "PORTMAPS")
        for signal in sorted(_signals(design, pin)):
            SubElement(maps, "PORTMAP", LOGICAL=signal, PHYSICAL=interface.physical(signal))


def _interface_parameters(design, pin: Pin) -> dict:
    interface, clock = _shaped_by(design, pin), design.clock_of(pin)
    parameters = {"INSERT_VIP": 0, "PHASE": "0.0"}
    if clock:
        parameters["CLK_DOMAIN"] = f"{_component_name(design, clock.cell)}_{clock.port}"
        parameters["FREQ_HZ"] = _hertz(design, clock)
    has = {f"HAS_{name}": int(name in interface.signals) for name in ("TKEEP", "TLAST", "TREADY", "TSTRB")}
    if interface.bus == "axis":
        widths = {"TDATA_NUM_BYTES": interface.data_bits // 8, "TDEST_WIDTH": 0, "TID_WIDTH": 0, "TUSER_WIDTH": 0}
        return parameters | has | widths | {"LAYERED_METADATA": "undef"} | interface.properties
    full = interface.protocol == "AXI4"
    signals = set(interface.signals)
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


def _memory_map(design, module, cell):
    mappings = [m for m in design.mappings if m.master == cell.name and m.offset is not None]
    if not cell.shape.spaces:
        return
    memory_map = SubElement(module, "MEMORYMAP")
    for mapping in mappings:
        segment, slave = design.segment(mapping), design.cells[mapping.slave]
        base, high = _base_names(slave, segment)
        SubElement(
            memory_map,
            "MEMRANGE",
            ADDRESSBLOCK=segment.name,
            BASENAME=base,
            BASEVALUE=f"0x{mapping.offset:08X}",
            HIGHNAME=high,
            HIGHVALUE=f"0x{mapping.offset + mapping.size - 1:08X}",
            INSTANCE=mapping.slave,
            IS_DATA="TRUE",
            IS_INSTRUCTION="TRUE",
            MASTERBUSINTERFACE=design.route(mapping) or "",
            MEMTYPE=segment.usage.upper(),
            SLAVEBUSINTERFACE=segment.interface,
        )
    peripherals = SubElement(module, "PERIPHERALS")
    for name in dict.fromkeys(mapping.slave for mapping in mappings):
        SubElement(peripherals, "PERIPHERAL", INSTANCE=name)
