"""A block design: cells, wires between their pins and interfaces, and addresses. The recorder builds it."""

from dataclasses import dataclass, field
from pathlib import Path

from mlfpga.blockdesign.catalogue import IP, Interface, Port, Segment, Shape, Space


@dataclass(frozen=True)
class Where:
    """A line of a script."""

    file: str
    line: int

    def __str__(self):
        return f"{Path(self.file).name}:{self.line}"


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


@dataclass(frozen=True)
class Pin:
    """One pin of a cell, by name."""

    cell: str
    port: str

    def __str__(self):
        return f"{self.cell}/{self.port}"


@dataclass
class Net:
    """Pins on one wire, each with the line that connected it."""

    pins: dict[Pin, Where | None]


@dataclass
class Link:
    """An interface connection: from the master (or source) to the slave (or target)."""

    source: Pin
    target: Pin
    where: Where | None


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
    """What a script has built. Names of cells are without the leading slash."""

    def __init__(self, name: str = "", part: str = ""):
        self.name, self.part = name, part
        self.cells: dict[str, Cell] = {}
        self.nets: list[Net] = []
        self.links: list[Link] = []
        self.mappings: list[Mapping] = []
        self.where: Where | None = None
        self.output: list[str] = []

    # What the checks, the handoff and the picture ask.

    def port(self, pin: Pin) -> Port:
        return self.cells[pin.cell].shape.ports[pin.port]

    def interface(self, pin: Pin) -> Interface:
        return self.cells[pin.cell].shape.interfaces[pin.port]

    def net_of(self, pin: Pin) -> Net | None:
        return next((net for net in self.nets if pin in net.pins), None)

    def link_of(self, pin: Pin) -> Link | None:
        return next((link for link in self.links if pin in (link.source, link.target)), None)

    def partner(self, pin: Pin) -> Pin | None:
        """The other end of an interface connection."""
        link = self.link_of(pin)
        return None if link is None else link.target if pin == link.source else link.source

    def driver(self, net: Net) -> Pin | None:
        return next((pin for pin in net.pins if self.port(pin).direction == "O"), None)

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
            target = self.partner(waiting.pop())
            if target is None or target in seen:
                continue
            seen.add(target)
            if self.cells[target.cell].ip.kind == "BUS":
                interfaces = self.cells[target.cell].shape.interfaces.values()
                waiting += [Pin(target.cell, item.name) for item in interfaces if item.drives]
            else:
                found.append(target)
        return found

    def route(self, mapping: Mapping) -> str | None:
        """The interface of the master through which a mapped segment is reached, or None."""
        slave = Pin(mapping.slave, self.segment(mapping).interface)
        for interface in self.space(mapping).interfaces:
            if slave in self.reachable(mapping.master, interface):
                return interface
        return None

    # The public face. What it offers stands in modules that know this one; so they are imported when asked for.

    def check(self) -> list:
        """Everything wrong with the design, worst first: a list of `Finding`."""
        from mlfpga.blockdesign.checks import check

        return check(self)

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
        return sorted(rows, key=lambda row: (order.index(row.master.split("/")[0]), row.master, row.base))

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

    def write_hwh(self, path) -> Path:
        """Write the hardware handoff (.hwh), stamped as a dry run's. The same design gives the same bytes."""
        from mlfpga.blockdesign.hwh import write_hwh

        return write_hwh(self, path)

    def write_bitstream_standin(self, path, handoff=None) -> Path:
        """Write a .bit file that stands in for the bitstream; it carries the sha256 of the handoff beside it."""
        from mlfpga.blockdesign.bitstream import write_standin

        return write_standin(self, path, handoff)

    def draw(self, path, clocks: bool = True, resets: bool = True) -> Path:
        """Draw the design into an .svg or .png file; clock and reset wires can be left out."""
        from mlfpga.blockdesign.drawing import draw

        return draw(self, path, clocks=clocks, resets=resets)
