"""What an IP looks like from outside for one set of parameter values: pins, interfaces, addresses, registers.

`Shape` makes it from an entry of the catalogue; what the entry's keys mean stands in `catalogue`.
"""

import difflib
import re
from dataclasses import dataclass, field
from functools import cached_property

from mlfpga.blockdesign import axi
from mlfpga.blockdesign.expressions import evaluate, number

_AXI = ("aximm", "axis")
# What an interface tells the other end of its wire, by the words that `takes` may be.
_TOLD = ("data_bits", "id_bits", "dest_bits", "user_bits", "address_bits")


class CatalogueError(ValueError):
    """An IP, one of its parameters or a parameter's value does not exist."""


@dataclass(frozen=True)
class Port:
    """A pin of a cell. `width` is None for a single wire; `sensitivity` is an interrupt's (LEVEL_HIGH, EDGE_RISING)."""

    name: str
    direction: str
    kind: str = "undef"
    width: int | None = None
    polarity: str | None = None
    optional: bool = False
    megahertz: float | None = None
    sensitivity: str | None = None

    def propagated(self, what: str):
        """What this pin, as the driver of a wire, tells the other end: "width", "megahertz", or "active_high"."""
        if what == "width":
            return self.width or 1
        if what == "megahertz":
            return self.megahertz
        return {"ACTIVE_HIGH": 1, "ACTIVE_LOW": 0}.get(self.polarity)


@dataclass(frozen=True)
class Interface:
    """A bus interface of a cell; `signals` is None if it takes on those of its partner.

    `map` gives the pins (all among the ports of the cell) that carry the logical signals. AXI interfaces need none:
    their pins are called after the signals and exist besides the ports; where several interfaces share pins (as
    vectors), among them.
    """

    name: str
    type: str
    bus: str
    clock: str
    prefix: str
    case: str
    signals: tuple | None
    data_bits: int | None = None
    address_bits: int = 0
    id_bits: int = 0
    dest_bits: int = 0
    user_bits: int = 0
    without: str = ""
    vectors: str = ""
    needs: tuple = ()
    protocol: str = "AXI4"
    narrower: bool = False
    properties: dict = field(default_factory=dict, hash=False)
    map: dict = field(default_factory=dict, hash=False)
    bus_vlnv: str = ""

    @property
    def drives(self) -> bool:
        """Whether this end is the master of a memory-mapped bus or the source of a stream."""
        return self.type in ("MASTER", "INITIATOR")

    @property
    def vlnv(self) -> str:
        """The bus definition: vendor:library:name:version."""
        return self.bus_vlnv or axi.bus_vlnv(self.bus)

    def propagated(self, what: str) -> int | None:
        """What the other end of a wire takes on: "data_bits", "data_bytes", "id_bits", …, or whether there is a signal.

        "words" is the number of words of a memory, "user_bits_per_byte" the share of TUSER that goes with a byte.

        None where this end has nothing to say: it would itself take on what the other end has.
        """
        if self.signals is None:
            return None
        if what == "data_bytes":
            return None if self.data_bits is None else self.data_bits // 8
        if what == "words":
            return (1 << self.address_bits) * 8 // self.data_bits if self.data_bits and self.address_bits else None
        if what == "user_bits_per_byte":
            return self.user_bits * 8 // self.data_bits if self.data_bits else None
        if what in _TOLD:
            return getattr(self, what)
        return int(what in self.signals)

    def physical(self, signal: str) -> str:
        """Name of the pin that carries a logical signal: S_AXI_LITE's AWADDR is s_axi_lite_awaddr."""
        if signal in self.map:
            return self.map[signal]
        return self.prefix + (signal.lower() if self.case == "lower" else signal)

    def outputs(self, signal: str) -> bool:
        """Whether this end drives a signal of an AXI interface."""
        return axi.master_drives(signal) == self.drives

    def width(self, signal: str) -> int | None:
        """Width of a signal of an AXI interface in bits, or None for a single wire."""
        width = axi.signal_width(
            signal, self.data_bits or 0, self.address_bits, self.id_bits, self.user_bits, self.dest_bits
        )
        return 1 if width is None and axi.suffix(signal) in self.vectors.split() else width


@dataclass(frozen=True)
class Space:
    """What a master can address: bits of address, and for each of its interfaces the windows it reaches (or all)."""

    name: str
    interfaces: tuple
    bits: int
    windows: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Segment:
    """Something that can be given an address. `path` is its name below the cell: S_AXI_LITE/Reg.

    `parameter` begins the names of the two parameters that tell the address: C_ stands for C_BASEADDR and C_HIGHADDR.
    """

    path: str
    interface: str
    name: str
    usage: str
    size: int
    base: int | None = None
    block: int | None = None
    parameter: str = "C_"


@dataclass(frozen=True)
class Register:
    """A register: `fields` are (name, first bit, bits, access, about).

    A field's access is rw, ro, wo, w1c, w1s, w1t (writing 1 clears, sets, toggles), or a kind of Vitis HLS.
    """

    name: str
    offset: str
    reset: str
    enabled: bool
    about: str
    fields: tuple
    access: str = "read-write"
    bits: int = 32


class Shape:
    """What an IP looks like from outside, for one set of parameter values. Everything is by name, in order."""

    def __init__(self, entry: dict, values: dict):
        self._entry, self._values = entry, values

    @cached_property
    def kind(self) -> str:
        """PERIPHERAL, BUS, …: the IP's class, which may depend on parameters (a stream switch without registers)."""
        stated = self._entry["class"]
        return stated if stated.isidentifier() else self._evaluate(stated)

    @cached_property
    def ports(self) -> dict[str, Port]:
        """Pins that are not made by an AXI interface."""
        return {port.name: port for port in map(self._port, self._present("ports"))}

    @cached_property
    def pins(self) -> dict[str, Port]:
        """All pins: the ports and the signals of AXI interfaces."""
        pins = dict(self.ports)
        for interface in self.interfaces.values():
            for signal in interface.signals or ():
                name = interface.physical(signal)
                if name not in pins:
                    direction = "O" if interface.outputs(signal) else "I"
                    pins[name] = Port(name, direction, width=interface.width(signal), optional=True)
        return pins

    @cached_property
    def interfaces(self) -> dict[str, Interface]:
        return {entry["name"]: self._interface(entry) for entry in self._present("interfaces")}

    @cached_property
    def spaces(self) -> dict[str, Space]:
        return {entry["name"]: self._space(entry) for entry in self._present("address_spaces")}

    @cached_property
    def segments(self) -> dict[str, Segment]:
        segments = [self._segment(e) for e in self._present("segments") if e["interface"] in self.interfaces]
        return {segment.path: segment for segment in segments}

    @cached_property
    def registers(self) -> dict[str, list[Register]]:
        """Registers by the interface through which they are reached."""
        return {
            interface: [self._register(entry) for entry in self._unfold(entries)]
            for interface, entries in self._entry.get("registers", {}).items()
            if interface in self.interfaces
        }

    def missing(self, name: str, what: str) -> str:
        """Why a pin or an interface is not there: misspelt, or switched off by a parameter."""
        table = "ports" if what == "pin" else "interfaces"
        for entry in self._entries(table):
            if entry["name"] == name:
                return f"; it exists if {entry['when']} (now it does not)"
        return did_you_mean(name, self.pins if what == "pin" else self.interfaces)

    def _evaluate(self, expression):
        return evaluate(expression, self._values)

    def _entries(self, table):
        return self._unfold(self._entry.get(table, []))

    def _unfold(self, entries):
        for entry in entries:
            count = int(self._evaluate(entry["for"])) if "for" in entry else None
            first = entry.get("from", 0)
            for i in [None] if count is None else range(first, first + count):
                yield entry if i is None else _fill_in(entry, i, i + entry.get("shift", 0))

    def _present(self, table):
        return [entry for entry in self._entries(table) if self._evaluate(entry.get("when", 1))]

    def _port(self, entry):
        megahertz = float(self._values[entry["megahertz"]] or 0) or None if "megahertz" in entry else None
        return Port(
            self._values[entry["named_by"]] if "named_by" in entry else entry["name"],
            entry["direction"],
            entry.get("kind", "undef"),
            self._evaluate(entry["width"]) if "width" in entry else None,
            entry.get("polarity"),
            entry.get("optional", False),
            megahertz,
            entry.get("sensitivity"),
        )

    def _interface(self, entry):
        numbers = {key: self._evaluate(entry[key]) for key in _TOLD if key in entry}
        renamed = entry.get("map", {})
        mapped = {signal: pin for signal, pin in renamed.items() if "signals" in entry or pin in self.ports}
        properties = {
            name: value if isinstance(value, str) and value.isupper() else str(self._evaluate(value))
            for name, value in entry.get("properties", {}).items()
        }
        return Interface(
            entry["name"],
            entry["type"],
            entry["bus"],
            entry.get("clock", ""),
            entry.get("prefix", ""),
            entry.get("case", "lower"),
            self._signals(entry) if "signals" in entry else tuple(mapped),
            without=entry.get("without", ""),
            vectors=entry.get("vectors", ""),
            needs=tuple(entry.get("needs", "").split()),
            protocol=entry.get("protocol", "AXI4"),
            narrower=entry.get("narrower", False),
            properties=properties,
            map=mapped,
            bus_vlnv=entry.get("bus_vlnv", ""),
            **numbers,
        )

    def _signals(self, entry):
        """The logical signals of an AXI interface: TLAST?HAS_TLAST is there if the parameter is not 0."""
        if entry["signals"] == "partner":
            return None
        named = axi.GROUPS.get(entry["signals"]) or entry["signals"].split()
        split = [signal.partition("?") for signal in named]
        there = [signal for signal, _, condition in split if self._evaluate(condition or 1)]
        return tuple(signal for signal in there if axi.suffix(signal) != entry.get("without"))

    def _space(self, entry):
        present = tuple(name for name in entry["interfaces"] if name in self.interfaces)
        windows = {
            name: [(number(low), number(high)) for low, high in ranges]
            for name, ranges in entry.get("windows", {}).items()
        }
        return Space(entry["name"], present, self._evaluate(entry["bits"]), windows)

    def _segment(self, entry):
        return Segment(
            path=f"{entry.get('group', entry['interface'])}/{entry['name']}",
            interface=entry["interface"],
            name=entry["name"],
            usage=entry["usage"],
            size=self._evaluate(entry["size"]),
            base=number(entry["base"]) if "base" in entry else None,
            block=entry.get("block"),
            parameter=entry.get("parameter", "C_"),
        )

    def _register(self, entry):
        offset = entry["offset"]
        return Register(
            entry["name"],
            offset if " " not in offset else f"0x{self._evaluate(offset):X}",
            entry.get("reset", "0x0"),
            bool(self._evaluate(entry.get("when", 1))),
            entry["about"],
            tuple((*field[:2], self._evaluate(field[2]), *field[3:]) for field in entry["fields"]),
            entry.get("access", "read-write"),
            self._evaluate(entry.get("bits", 32)),
        )


def did_you_mean(name: str, names) -> str:
    """`; did you mean axi_resetn?` if one of the names is close, else an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _fill_in(entry, i, j):
    """The entry with {i} and {j} filled into all its text (the expressions and names, but not `for`)."""
    if isinstance(entry, str):
        return re.sub(r"\{([ij])(?::([^}]*))?\}", lambda m: format(i if m[1] == "i" else j, m[2] or ""), entry)
    if isinstance(entry, list):
        return [_fill_in(item, i, j) for item in entry]
    if isinstance(entry, dict):
        return {key: _fill_in(value, i, j) for key, value in entry.items()}
    return entry
