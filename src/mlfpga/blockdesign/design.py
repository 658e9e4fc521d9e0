"""A block design: cells in hierarchies, wires between their pins and interfaces, and addresses.

Paths are Vivado's without the leading slash: "decoder/axi_dma_0" is a cell in the hierarchy "decoder". Wires are kept
as the script made them, one for each level; what asks for the design as hardware (checks, handoff, picture) sees them
flat: from pin to pin of real IPs, through any hierarchies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlfpga.blockdesign.catalogue import IP, Interface, Port, Segment, Shape, Space


@dataclass(frozen=True)
class Where:
    """A line of a script."""

    file: str
    line: int

    def __str__(self):
        return f"{Path(self.file).name}:{self.line}"


def parent_of(path: str) -> str:
    """The hierarchy that a path lies in; "" is the design itself.

    >>> parent_of("decoder/axi_dma_0"), parent_of("decoder")
    ('decoder', '')
    """
    return path.rpartition("/")[0]


@dataclass
class Cell:
    """An instance of an IP. `changes` are the parameters that the script has set, with the lines that set them."""

    name: str
    ip: IP
    where: Where | None
    changes: dict = field(default_factory=dict)
    changed_at: dict = field(default_factory=dict)
    followed: dict = field(default_factory=dict)

    def __post_init__(self):
        self._known = None

    @property
    def instance(self) -> str:
        """The name in the handoff and in the netlist, where hierarchies are part of the name."""
        return self.name.replace("/", "_")

    @property
    def values(self) -> dict:
        """All parameter values, as strings: defaults, widths taken on from wires, the script's changes, computed."""
        return self._resolve()[0]

    @property
    def shape(self) -> Shape:
        """Pins, interfaces and so on for the present parameter values."""
        return self._resolve()[1]

    def _resolve(self):
        key = (tuple(self.changes.items()), tuple(self.followed.items()))
        if self._known is None or self._known[0] != key:
            values = self.ip.values(self.followed | self.changes)
            self._known = key, (values, self.ip.shape(values))
        return self._known[1]


@dataclass
class Hierarchy:
    """A level of the design and its own pins, seen from outside. The design itself is the one named "".

    Pins of the design itself are its ports: to the logic inside, an input port is what drives.
    """

    name: str
    where: Where | None
    ports: dict[str, Port] = field(default_factory=dict)
    interfaces: dict[str, Interface] = field(default_factory=dict)

    @property
    def pins(self) -> dict[str, Port]:
        """Its ports: a hierarchy's interfaces have no pins of their own."""
        return self.ports

    def missing(self, name: str, what: str) -> str:
        from mlfpga.blockdesign.catalogue import did_you_mean

        return did_you_mean(name, self.ports if what == "pin" else self.interfaces)


@dataclass(frozen=True)
class Pin:
    """One pin, or one interface, of a cell, a hierarchy, or (cell "") of the design itself."""

    cell: str
    port: str

    def __str__(self):
        return f"{self.cell}/{self.port}" if self.cell else self.port

    @property
    def full_name(self) -> str:
        """With underscores for slashes, as wires and interfaces are called in the handoff."""
        return str(self).replace("/", "_")


@dataclass
class Net:
    """Pins on one wire, each with the line that connected it. `level` is the hierarchy; flat nets have none."""

    pins: dict[Pin, Where | None]
    name: str = ""
    level: str = ""


@dataclass
class Link:
    """An interface connection: from the master (or source) to the slave (or target), and who only listens."""

    source: Pin
    target: Pin
    where: Where | None
    name: str = ""
    level: str = ""
    monitors: dict[Pin, Where | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapping:
    """A segment at an address of a space; `offset` is None where the segment is excluded."""

    master: str
    space: str
    slave: str
    segment: str
    offset: int | None
    size: int
    where: Where | None


@dataclass(frozen=True)
class AddressRow:
    """One row of the address map: who sees what, from which to which address (both included)."""

    master: str
    through: str
    slave: str
    segment: str
    base: int
    high: int
    usage: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.high - self.base + 1

    def to_dict(self) -> dict:
        """The row with addresses as text: 0x80000000, 64K."""
        return {
            "master": self.master,
            "slave": self.slave,
            "from": f"0x{self.base:08X}",
            "to": f"0x{self.high:08X}",
            "size": size_text(self.size),
            "usage": self.usage,
        }

    def __str__(self):
        return f"{self.master:<24} 0x{self.base:08X} … 0x{self.high:08X} {size_text(self.size):>6}  {self.slave}"


def size_text(size: int) -> str:
    """Bytes in the largest unit that leaves a whole number: 65536 is 64K."""
    for shift, unit in ((30, "G"), (20, "M"), (10, "K")):
        if size >= 1 << shift and size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


class Design:
    """What a script has built. `release` is the version of Vivado that the script was written for ("2024.1")."""

    def __init__(self, name: str = "", part: str = ""):
        self.name, self.part = name, part
        self.cells: dict[str, Cell] = {}
        self.hierarchies: dict[str, Hierarchy] = {"": Hierarchy("", None)}
        self.local_nets: list[Net] = []
        self.local_links: list[Link] = []
        self.mappings: list[Mapping] = []
        self.where: Where | None = None
        self.output: list[str] = []
        self.board_part = ""
        self.validated = False
        self.release = ""
        self.remarks: list[tuple[str, str, Where | None]] = []
        self._flat: _Flat | None = None

    # Wires as hardware sees them.

    @property
    def nets(self) -> list[Net]:
        """Flat nets: only pins of IPs and ports of the design."""
        return self._flattened().nets

    @property
    def links(self) -> list[Link]:
        """Flat interface connections, between interfaces of IPs or of the design."""
        return self._flattened().links

    def rewired(self) -> None:
        """To be called after any change of cells, hierarchies or wires."""
        self._flat = None

    def _flattened(self) -> "_Flat":
        if self._flat is None:
            self._flat = _Flat(_flat_nets(self), _flat_links(self))
        return self._flat

    def is_leaf(self, pin: Pin) -> bool:
        """Whether a pin is of an IP or of the design itself, not of a hierarchy between."""
        return pin.cell in self.cells or pin.cell == ""

    # What the checks, the handoff and the picture ask.

    def shape(self, cell: str) -> Shape | Hierarchy:
        """What a cell, a hierarchy or ("") the design itself looks like."""
        return self.cells[cell].shape if cell in self.cells else self.hierarchies[cell]

    def port(self, pin: Pin) -> Port:
        return self.shape(pin.cell).pins[pin.port]

    def interface(self, pin: Pin) -> Interface:
        return self.shape(pin.cell).interfaces[pin.port]

    def pin_of_interface(self, hierarchy: str, name: str) -> Port | None:
        """A single signal of a hierarchy's interface, as scripts may name it: pads_tri_o of the interface pads."""
        for interface in self.hierarchies[hierarchy].interfaces:
            leaf = self._inside(Pin(hierarchy, interface))
            if leaf is None or not name.startswith(f"{interface}_"):
                continue
            for signal in self.interface(leaf).signals or ():
                if name == f"{interface}_{signal.lower()}":
                    return replace(self.port(Pin(leaf.cell, self.interface(leaf).physical(signal))), name=name)
        return None

    def _inside(self, pin: Pin) -> Pin | None:
        """The interface of an IP that a hierarchy's interface leads to inwards."""
        for link in self.local_links:
            if link.level == pin.cell and pin in (link.source, link.target):
                other = link.target if pin == link.source else link.source
                return other if other.cell in self.cells else self._inside(other)
        return None

    def drives(self, pin: Pin) -> bool:
        """Whether a pin drives its wire. Seen from inside, the design's own inputs do."""
        return self.is_leaf(pin) and self.port(pin).direction == ("O" if pin.cell else "I")

    def net_of(self, pin: Pin) -> Net | None:
        return self._flattened().net_of.get(pin)

    def link_of(self, pin: Pin) -> Link | None:
        return self._flattened().link_of.get(pin)

    def partner(self, pin: Pin) -> Pin | None:
        """The other end of an interface connection; to one that only listens, what it listens to."""
        link = self.link_of(pin)
        return None if link is None else link.target if pin == link.source else link.source

    def driver(self, net: Net) -> Pin | None:
        return next((pin for pin in net.pins if self.drives(pin)), None)

    def clock_of(self, pin: Pin) -> Pin | None:
        """The pin that drives the clock of an interface."""
        net = self.net_of(Pin(pin.cell, self.interface(pin).clock))
        return None if net is None else self.driver(net)

    def space(self, mapping: Mapping) -> Space:
        return self.cells[mapping.master].shape.spaces[mapping.space]

    def segment(self, mapping: Mapping) -> Segment:
        return self.cells[mapping.slave].shape.segments[mapping.segment]

    def reachable(self, cell: str, interface: str) -> list[Pin]:
        """The slave interfaces that a master interface reaches, through any interconnects."""
        found, waiting, seen = [], [Pin(cell, interface)], set()
        while waiting:
            target = self.partner(waiting.pop(0))
            if target is None or target in seen:
                continue
            seen.add(target)
            if target.cell in self.cells and self.cells[target.cell].shape.kind == "BUS":
                interfaces = self.cells[target.cell].shape.interfaces.values()
                bus = self.interface(target).bus
                waiting += [Pin(target.cell, item.name) for item in interfaces if item.drives and item.bus == bus]
            else:
                found.append(target)
        return found

    def route(self, mapping: Mapping) -> str | None:
        """The interface of the master through which a mapped segment is reached, or None.

        Of several it is the last: so says Vivado in the handoff.
        """
        slave = Pin(mapping.slave, self.segment(mapping).interface)
        for interface in reversed(self.space(mapping).interfaces):
            if slave in self.reachable(mapping.master, interface):
                return interface
        return None

    # What it is, as tables and plain data.

    def address_map(self) -> list[AddressRow]:
        """One row for each segment that a master sees, sorted by master and address."""
        rows = [
            AddressRow(
                master=f"{mapping.master}/{mapping.space}",
                through=self.route(mapping) or "",
                slave=f"{mapping.slave}/{self.segment(mapping).interface}",
                segment=self.segment(mapping).name,
                base=mapping.offset,
                high=mapping.offset + mapping.size - 1,
                usage=self.segment(mapping).usage,
            )
            for mapping in self.mappings
            if mapping.offset is not None
        ]
        order = list(self.cells)
        return sorted(rows, key=lambda row: (order.index(parent_of(row.master)), row.master, row.base))

    def to_dict(self) -> dict:
        """The design as plain data for JSON: cells, wires between interfaces, clocks and resets, addresses."""
        return {
            "name": self.name,
            "part": self.part,
            "cells": {
                cell.name: {"ip": cell.ip.vlnv, "parameters": dict(cell.changes)} for cell in self.cells.values()
            },
            "interfaces": [{"from": str(link.source), "to": str(link.target)} for link in self.links],
            "nets": [
                {"from": str(self.driver(net)), "to": [str(pin) for pin in net.pins if pin != self.driver(net)]}
                for net in self.nets
            ],
            "addresses": [row.to_dict() for row in self.address_map()],
        }


class _Flat:
    """The flat wires, and which of them a pin is on."""

    def __init__(self, nets: list[Net], links: list[Link]):
        self.nets, self.links = nets, links
        self.net_of = {pin: net for net in nets for pin in net.pins}
        self.link_of = {pin: link for link in reversed(links) for pin in (link.source, link.target, *link.monitors)}


def _flat_nets(design: Design) -> list[Net]:
    """Nets joined wherever they share a pin of a hierarchy, with the leaves only, in the script's order."""
    number_of: dict[Pin, int] = {}
    groups: dict[int, dict[Pin, Where | None]] = {}
    for number, net in enumerate(design.local_nets):
        touched = sorted({number_of[pin] for pin in net.pins if pin in number_of})
        merged: dict[Pin, Where | None] = {}
        for pins in [*(groups.pop(old) for old in touched), net.pins]:
            merged |= {pin: where for pin, where in pins.items() if pin not in merged}
        first = touched[0] if touched else number
        groups[first] = merged
        number_of |= dict.fromkeys(merged, first)
    flat = [
        Net({pin: where for pin, where in groups[number].items() if design.is_leaf(pin)}) for number in sorted(groups)
    ]
    return [net for net in flat if net.pins]


def _flat_links(design: Design) -> list[Link]:
    """Connections followed from each real source through the interfaces of hierarchies to a real target."""
    ends: dict[Pin, list[Link]] = {}
    for link in design.local_links:
        for pin in (link.source, link.target):
            ends.setdefault(pin, []).append(link)
    found = []
    for link in design.local_links:
        if not design.is_leaf(link.source):
            continue
        last, monitors = link, dict(link.monitors)
        while not design.is_leaf(last.target):
            onward = [other for other in ends[last.target] if other is not last]
            if not onward:
                break
            last = onward[0]
            monitors |= last.monitors
        if design.is_leaf(last.target):
            found.append(Link(link.source, last.target, last.where, link.name, link.level, monitors))
    return found


def levels_of(design: Design, pin: Pin) -> set[str]:
    """The levels on which a pin can be wired: a hierarchy's own pin both inside and outside."""
    if pin.cell in design.cells:
        return {parent_of(pin.cell)}
    return {pin.cell, parent_of(pin.cell)} if pin.cell else {""}


def level_of(design: Design, pins: Iterable[Pin], preferred: str = "") -> str | None:
    """The level that all pins have in common; of two, the preferred one, else the outer. None if there is none."""
    common = set.intersection(*(levels_of(design, pin) for pin in pins))
    return preferred if preferred in common else min(common, key=len, default=None)
