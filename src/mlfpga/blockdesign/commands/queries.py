"""Commands that find objects and read or set their properties: get_bd_…, get_property, set_property."""

import fnmatch
import re

from mlfpga.blockdesign.boards import find_board
from mlfpga.blockdesign.catalogue import did_you_mean
from mlfpga.blockdesign.commands.filters import parse_filter
from mlfpga.blockdesign.commands.options import parse_options, parse_size
from mlfpga.blockdesign.commands.renaming import RENAMED, rename
from mlfpga.blockdesign.commands.session import Session, mapping_path
from mlfpga.blockdesign.design import Pin, parent_of
from mlfpga.blockdesign.sandbox import CommandError

_FLAGS = [
    "-regexp",
    "-nocase",
    "-hierarchical",
    "-addressables",
    "-addressing",
    "-excluded",
    "-unaddressed",
    "-include_undefined",
]
_VALUED = ["-filter", "-of_objects", "-boundary_type"]
_MODE = {"MASTER": "Master", "INITIATOR": "Master", "SLAVE": "Slave", "TARGET": "Slave", "MONITOR": "Monitor"}

# Properties of a new project, and of things around it that the dry run does not look at: empty until they are set.
_PROJECT = {
    "BOARD_PART_REPO_PATHS": "",
    "DEFAULT_LIB": "xil_defaultlib",
    "IP_REPO_PATHS": "",
    "SIMULATOR_LANGUAGE": "Mixed",
    "TARGET_LANGUAGE": "Verilog",
    "XPM_LIBRARIES": "",
}
_OTHERS = {"IP_REPO_PATHS": "", "IS_LOCKED": "0", "LOCAL_ROOT_DIR": "", "SLACK": "", "TOP": ""}


class QueryCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session

    # Finding.

    def get_bd_cells(self, *words):
        if [word for word in words if not word.startswith("-")] == ["/"]:
            return ["/"]  # the design itself, which write_bd_tcl's procedures take for a hierarchy
        design = self._session.design
        paths = [*(path for path in design.hierarchies if path), *design.cells]
        return self._find("get_bd_cells", "cell", words, paths, self._cells_of)

    def get_bd_pins(self, *words):
        return self._find("get_bd_pins", "pin", words, self._members("ports", top=False), self._pins_of)

    def get_bd_intf_pins(self, *words):
        paths = self._members("interfaces", top=False)
        return self._find("get_bd_intf_pins", "interface pin", words, paths, self._interface_pins_of)

    def get_bd_ports(self, *words):
        paths = list(self._session.design.hierarchies[""].ports)
        return self._find("get_bd_ports", "port", words, paths, lambda name: [])

    def get_bd_intf_ports(self, *words):
        paths = list(self._session.design.hierarchies[""].interfaces)
        return self._find("get_bd_intf_ports", "interface port", words, paths, lambda name: [])

    def get_bd_nets(self, *words):
        nets = self._session.design.local_nets
        return self._find("get_bd_nets", "net", words, [_path(net) for net in nets], self._nets_of)

    def get_bd_intf_nets(self, *words):
        links = self._session.design.local_links
        return self._find("get_bd_intf_nets", "interface net", words, [_path(x) for x in links], self._links_of)

    def get_bd_addr_spaces(self, *words):
        cells = self._session.design.cells.values()
        paths = [f"{cell.name}/{space}" for cell in cells for space in cell.shape.spaces]
        return self._find("get_bd_addr_spaces", "address space", words, paths, self._spaces_of)

    def get_bd_addr_segs(self, *words):
        design = self._session.design
        paths = [f"{cell.name}/{path}" for cell in design.cells.values() for path in cell.shape.segments]
        paths += [mapping_path(mapping) for mapping in design.mappings]
        # Scripts of different versions write axi_intc_0/S_AXI/Reg and axi_intc_0/s_axi/Reg: Vivado finds both.
        spelt = {path.lower(): f"/{path}" for path in paths}
        words = [spelt.get(self._session.path(word).lower(), word) for word in words]
        return self._find("get_bd_addr_segs", "address segment", words, paths, self._segments_of)

    def find_bd_objs(self, *words):
        """-relation connected_to: the interfaces (or pins) at the other ends of wires."""
        options, names = parse_options(
            words, flags=["-legacy_mode", "-stop_at_interconnect", "-end_type", "-thru_hier"], valued=["-relation"]
        )
        session, found = self._session, []
        session.need(options.get("-relation") == "connected_to", "the dry run knows -relation connected_to")
        for name in session.words(names):
            kind = session.kind_of(name)
            if kind in ("interface pin", "interface port"):
                partner = session.design.partner(session.pin(name, "interface"))
                found += [str(partner)] if partner else []
            elif kind in ("pin", "port"):
                pin = session.pin(name, "pin")
                net = session.design.net_of(pin)
                found += [str(other) for other in net.pins if other != pin] if net else []
        return [f"/{path}" for path in found]

    # Properties.

    def get_property(self, *words):
        options, rest = parse_options(words, flags=["-min", "-max"])
        if len(rest) != 2:
            self._session.blame_miss("expected a property's name and one object")
        name, item = rest
        objects = self._session.split(item)
        if not objects:
            self._session.blame_miss(f"property {name} of nothing")
        value = self.property(objects[0], name)
        if value is None:
            if "-quiet" in options or name.upper().startswith("CONFIG."):
                return ""
            raise CommandError(f'the dry run knows no property {name} of "{objects[0]}"')
        return value

    def list_property(self, *words):
        _, rest = parse_options(words, flags=["-class", "-regexp"])
        cell = self._session.design.cells.get(self._session.path(rest[0]))
        return ["NAME", "PATH", "TYPE", "VLNV", *(f"CONFIG.{name}" for name in (cell.values if cell else ()))]

    def set_property(self, *words):
        session = self._session
        options, rest = parse_options(words, valued=["-dict", "-name", "-value", "-objects"])
        rest = [options[name] for name in ("-name", "-value") if name in options] + rest
        rest += [options["-objects"]] if "-objects" in options else []
        if "-dict" in options:
            pairs, objects = session.split(options["-dict"]), rest
            if len(pairs) % 2:
                raise CommandError(f"-dict has {len(pairs)} words; it needs names and values in turn")
            properties = list(zip(pairs[::2], pairs[1::2], strict=True))
        else:
            if len(rest) < 3:
                raise CommandError("expected a name, a value and one or more objects")
            properties, objects = [(rest[0], rest[1])], rest[2:]
        objects = session.words(objects)
        if not objects:
            session.blame_miss("there is no object to set properties of")
        for item in objects:
            for name, value in properties:
                try:
                    self._set(item, name, value)
                except CommandError:
                    if "-quiet" not in options:
                        raise
        session.follow_wires()

    def reset_property(self, *words):
        _, (name, *objects) = parse_options(words)
        for item in self._session.words(objects):
            self._session.properties.pop((item, name.upper()), None)

    def property(self, item: str, name: str) -> str | None:
        """A property of an object by its name, or None if the dry run knows of none."""
        session, key = self._session, name.upper()
        kind, path = session.kind_of(item), session.path(item)
        if (item, key) in session.properties:
            return session.properties[item, key]
        if kind is not None:
            known = {"NAME": path.rpartition("/")[2], "PATH": f"/{path}"}
            if key in known:
                return known[key]
        readers = {
            "cell": self._of_cell,
            "pin": self._of_pin,
            "port": self._of_pin,
            "interface pin": self._of_interface,
            "interface port": self._of_interface,
            "segment": self._of_segment,
            "mapping": self._of_mapping,
            "space": self._of_space,
        }
        if kind in readers:
            return readers[kind](path, name)
        if kind is None:
            return self._of_project(item, key)
        return {"CLASS": {"net": "bd_net", "interface net": "bd_intf_net"}[kind]}.get(key)

    # How they find.

    def _find(self, command, what, words, paths, related):
        options, patterns = parse_options(words, flags=_FLAGS, valued=_VALUED)
        session = self._session
        patterns = session.words(patterns)
        if "-of_objects" in options:
            names = session.split(options["-of_objects"])
            if not names:
                session.miss(command, "-of_objects of nothing")
            found = [path for name in names for path in related(name)]
            found = [path for path in dict.fromkeys(found) if not patterns or self._named(path, patterns)]
        elif "-hierarchical" in options:
            found = [path for path in paths if self._below(path) and self._named(path, patterns or ["*"])]
        elif "-regexp" in options:
            found = [path for path in paths if any(re.fullmatch(p.lstrip("/"), path) for p in patterns)]
        else:
            # Pins are asked for as cell/pin; without any pattern everything of this level is meant.
            found = session.matching(paths, patterns or (["*"] if what not in ("pin", "interface pin") else ["*/*"]))
            # A single signal of an interface is a pin too, if it is called by its name.
            signals = [session.path(name) for name in patterns if what == "pin" and session.kind_of(name) == "pin"]
            found += [path for path in signals if path not in found]
        if "-filter" in options:
            keep = parse_filter(options["-filter"])
            found = [path for path in found if keep(lambda name, path=path: self.property(f"/{path}", name) or "")]
        if not found and "-quiet" not in options and "-filter" not in options:
            session.miss(command, self._why_not(what, patterns, paths))
        return [f"/{path}" for path in found]

    def _why_not(self, what, patterns, paths):
        if not patterns:
            return f"there is no {what}"
        if what in ("pin", "interface pin"):
            try:
                self._session.pin(patterns[0], "pin" if what == "pin" else "interface")
            except CommandError as error:
                return str(error)
        relative = [path.removeprefix(f"{self._session.instance}/") for path in paths]
        return f'there is no {what} "{patterns[0]}"{did_you_mean(patterns[0].lstrip("/"), relative)}'

    def _below(self, path):
        return path.startswith(f"{self._session.instance}/") if self._session.instance else True

    @staticmethod
    def _named(path, patterns):
        return any(fnmatch.fnmatchcase(path.rpartition("/")[2], pattern.rpartition("/")[2]) for pattern in patterns)

    def _members(self, table, top):
        design = self._session.design
        owners = [*(path for path in design.hierarchies if path or top), *design.cells]
        return [f"{owner}/{name}" for owner in owners for name in getattr(design.shape(owner), table)]

    def _cells_of(self, name):
        kind, path = self._session.kind_of(name), self._session.path(name)
        if kind in ("pin", "interface pin", "space"):
            return [parent_of(path)]
        if kind in ("segment", "mapping"):
            mapping = self._session.mapping(name)
            return [mapping.slave if mapping else self._session.owner(path)]
        pins = self._pins_on(name, kind)
        return list(dict.fromkeys(pin.cell for pin in pins if pin.cell))

    def _pins_on(self, name, kind):
        if kind == "net":
            return list(self._session.net(name).pins)
        if kind == "interface net":
            link = self._session.link(name)
            return [link.source, link.target, *link.monitors]
        return []

    def _pins_of(self, name):
        session, path = self._session, self._session.path(name)
        kind = session.kind_of(name)
        if kind == "cell":
            return [f"{path}/{port}" for port in session.design.shape(path).ports]
        # A wire may be called like a port of the design: here the wire is meant.
        net = session.net(name)
        return [str(pin) for pin in net.pins if pin.cell] if net else []

    def _interface_pins_of(self, name):
        session, path = self._session, self._session.path(name)
        kind = session.kind_of(name)
        if kind == "cell":
            return [f"{path}/{interface}" for interface in session.design.shape(path).interfaces]
        if kind in ("segment", "mapping"):
            mapping = session.mapping(name)
            cell = mapping.slave if mapping else session.owner(path)
            segment = mapping.segment if mapping else path.removeprefix(f"{cell}/")
            return [f"{cell}/{session.design.cells[cell].shape.segments[segment].interface}"]
        if kind == "space":
            cell = parent_of(path)
            space = session.design.cells[cell].shape.spaces[path.rpartition("/")[2]]
            return [f"{cell}/{interface}" for interface in space.interfaces]
        if kind == "pin":
            cell, port = parent_of(path), path.rpartition("/")[2]
            interfaces = session.design.shape(cell).interfaces.values()
            return [f"{cell}/{one.name}" for one in interfaces if one.clock == port]
        link = session.link(name)
        return [str(pin) for pin in (link.source, link.target, *link.monitors) if pin.cell] if link else []

    def _nets_of(self, name):
        session = self._session
        kind, path = session.kind_of(name), session.path(name)
        return [
            _path(net)
            for net in session.design.local_nets
            for pin in net.pins
            if str(pin) == path or (kind == "cell" and pin.cell == path)
        ]

    def _links_of(self, name):
        session = self._session
        kind, path = session.kind_of(name), session.path(name)
        return [
            _path(link)
            for link in session.design.local_links
            for pin in (link.source, link.target, *link.monitors)
            if str(pin) == path or (kind == "cell" and pin.cell == path)
        ]

    def _spaces_of(self, name):
        session, path = self._session, self._session.path(name)
        kind = session.kind_of(name)
        if kind == "cell" and path in session.design.cells:
            return [f"{path}/{space}" for space in session.design.cells[path].shape.spaces]
        if kind == "interface pin" and parent_of(path) in session.design.cells:
            cell, interface = parent_of(path), path.rpartition("/")[2]
            spaces = session.design.cells[cell].shape.spaces.values()
            return [f"{cell}/{space.name}" for space in spaces if interface in space.interfaces]
        mapping = session.mapping(name)
        return [f"{mapping.master}/{mapping.space}"] if mapping else []

    def _segments_of(self, name):
        session, path, design = self._session, self._session.path(name), self._session.design
        kind = session.kind_of(name)
        if kind == "cell" and path in design.cells:
            return [f"{path}/{segment}" for segment in design.cells[path].shape.segments]
        if kind == "space":
            return [mapping_path(m) for m in design.mappings if f"{m.master}/{m.space}" == path]
        if kind == "interface pin" and parent_of(path) in design.cells:
            cell, interface = parent_of(path), path.rpartition("/")[2]
            segments = design.cells[cell].shape.segments.values()
            return [f"{cell}/{segment.path}" for segment in segments if segment.interface == interface]
        return [mapping_path(m) for m in design.mappings if f"{m.slave}/{m.segment}" == path]

    # What properties are.

    def _of_cell(self, path, name):
        design, key = self._session.design, name.upper()
        cell = design.cells.get(path)
        if cell is None:
            return {"TYPE": "hier", "CLASS": "bd_cell", "VLNV": ""}.get(key)
        if key.startswith("CONFIG."):
            return cell.values.get(name[7:])
        return {"VLNV": cell.ip.vlnv, "TYPE": cell.ip.cell_type, "CLASS": "bd_cell", "SELECTED_SIM_MODEL": "rtl"}.get(
            key
        )

    def _of_pin(self, path, name):
        design, key = self._session.design, name.upper()
        pin = Pin(parent_of(path), path.rpartition("/")[2])
        port = design.port(pin)
        kind = {"INTERRUPT": "intr"}.get(port.kind, port.kind)
        known = {"DIR": port.direction, "TYPE": kind, "CLASS": "bd_pin" if pin.cell else "bd_port", "INTF": "FALSE"}
        if port.width is not None:
            known |= {"LEFT": str(port.width - 1), "RIGHT": "0"}
        if key == "CONFIG.FREQ_HZ":
            return _hertz(port.megahertz) or _hertz(self._clock(design, pin))
        if key == "CONFIG.POLARITY":
            return port.polarity or ""
        return known.get(key)

    @staticmethod
    def _clock(design, pin):
        net = design.net_of(pin)
        driver = design.driver(net) if net else None
        return design.port(driver).megahertz if driver else None

    def _of_interface(self, path, name):
        pin = Pin(parent_of(path), path.rpartition("/")[2])
        interface = self._session.design.interface(pin)
        known = {"MODE": _MODE[interface.type], "VLNV": f"{interface.vlnv.rsplit(':', 1)[0]}_rtl:1.0"}
        known["CLASS"] = "bd_intf_pin" if pin.cell else "bd_intf_port"
        bits = str(interface.data_bits or "")
        widths = {"CONFIG.DATA_WIDTH": bits, "CONFIG.TDATA_NUM_BYTES": str((interface.data_bits or 0) // 8)}
        return (known | widths | {"CONFIG.PROTOCOL": interface.protocol}).get(name.upper())

    def _of_segment(self, path, name):
        cell = self._session.owner(path)
        segment = self._session.design.cells[cell].shape.segments[path.removeprefix(f"{cell}/")]
        return {"USAGE": segment.usage, "RANGE": hex(segment.size), "CLASS": "bd_addr_seg"}.get(name.upper())

    def _of_mapping(self, path, name):
        mapping = self._session.mapping(f"/{path}")
        offset = None if mapping.offset is None else f"0x{mapping.offset:08X}"
        return {"OFFSET": offset, "RANGE": f"0x{mapping.size:08X}", "CLASS": "bd_addr_seg"}.get(name.upper())

    def _of_space(self, path, name):
        space = self._session.design.cells[parent_of(path)].shape.spaces[path.rpartition("/")[2]]
        return {"RANGE": hex(1 << space.bits), "CLASS": "bd_addr_space"}.get(name.upper())

    def _of_project(self, item, key):
        session = self._session
        if item in (session.project, session.design.name):
            design = session.design
            known = {"NAME": item, "PART": design.part, "DIRECTORY": session.folder or ".", "BOARD_PART": ""}
            return (_PROJECT | known).get(key)
        board = find_board(item)
        return (_OTHERS | {"NAME": item, "PART_NAME": board.part if board else ""}).get(key)

    def _set(self, item, name, value):
        session = self._session
        path, key = session.path(item), name.upper()
        kind = session.kind_of(item)
        if kind == "cell" and key.startswith("CONFIG.") and path in session.design.cells:
            session.set_parameter(session.design.cells[path], name[7:], value)
        elif kind == "mapping" and key in ("OFFSET", "RANGE"):
            session.change_mapping(session.mapping(item), key.lower(), parse_size(value))
        elif key == "NAME" and kind in RENAMED:
            rename(session.design, kind, path, value)
        else:
            session.set_other(item, kind, key, value)


def _path(wire):
    return f"{wire.level}/{wire.name}".strip("/")


def _hertz(megahertz):
    return str(round(megahertz * 1e6)) if megahertz else ""
