"""Commands that find objects: get_bd_…, by name, by what they belong to, by their properties."""

import fnmatch
import re

from mlfpga.blockdesign.catalogue import did_you_mean
from mlfpga.blockdesign.commands.filters import parse_filter
from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.properties import Properties
from mlfpga.blockdesign.commands.session import Session, mapping_path
from mlfpga.blockdesign.design import parent_of
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


class QueryCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session
        self._properties = Properties(session)

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
            found = [
                path for path in found if keep(lambda name, path=path: self._properties.read(f"/{path}", name) or "")
            ]
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


def _path(wire):
    return f"{wire.level}/{wire.name}".strip("/")
