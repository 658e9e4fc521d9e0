"""The IP catalogue: what pins, interfaces, registers and addresses an IP has for given parameters.

One JSON file per IP stands in the folder ips/; an accelerator is the same kind of dict, made by `accelerator_ip`. The
keys of such a dict:

  vlnv            vendor:library:name:version
  revision, about, document
  class           PROCESSOR, PERIPHERAL or BUS (an interconnect)
  made_of         how Vivado builds an interconnect: "cells" (a hierarchy in the design) or "bd" (a design of its own)
  parameters      name -> {default, choices or range, follows: a stream interface whose width it takes on}
  computed        name -> expression: what Vivado works out from the parameters
  ports           name, direction (I, O), kind (clk, rst, INTERRUPT, undef), polarity, width, optional, megahertz
  interfaces      name, type (MASTER, SLAVE, INITIATOR, TARGET), bus (aximm, axis), clock, prefix and case of its
                  signals' names, signals ("full", "lite", "stream", a list, or "partner": those of the other end),
                  without (ID: none of AWID, BID, ARID, RID), vectors (signals that are vectors even if one bit wide),
                  needs (signals the other end must have), protocol, data_bits, address_bits, id_bits, user_bits,
                  properties (what else the handoff says)
  address_spaces  name, interfaces that look into it, bits, windows (interface -> what it can reach)
  segments        interface, group, name, usage (register, memory), base, size, block
  registers       interface -> name, offset, reset, when, about, fields [name, first bit, bits, access, about]

Any entry may have `when` (an expression; the entry exists if it is true) and `for` (a count; the entry exists that
often, with {i} in its text replaced by from…, and {j} by i + shift). A parameter's name may have {n=0..3} or {n=A|B}.
"""

import difflib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlfpga.blockdesign import axi
from mlfpga.blockdesign.expressions import evaluate, number

_FOLDER = Path(__file__).parent / "ips"
_FAMILY = re.compile(r"\{(\w)=([^}]*)\}")


class CatalogueError(ValueError):
    """An IP, one of its parameters or a parameter's value does not exist."""


@dataclass(frozen=True)
class Port:
    """A pin of a cell. `width` is None for a single wire."""

    name: str
    direction: str
    kind: str = "undef"
    width: int | None = None
    polarity: str | None = None
    optional: bool = False
    megahertz: float | None = None


@dataclass(frozen=True)
class Interface:
    """A bus interface of a cell; `signals` is None if it takes on those of its partner."""

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
    user_bits: int = 0
    without: str = ""
    vectors: str = ""
    needs: tuple = ()
    protocol: str = "AXI4"
    properties: dict = field(default_factory=dict, hash=False)

    @property
    def drives(self) -> bool:
        """Whether this end is the master of a memory-mapped bus or the source of a stream."""
        return self.type in ("MASTER", "INITIATOR")

    def propagated(self, what: str) -> int | None:
        """What the other end of a wire takes on: "data_bits", "data_bytes", or whether there is a signal ("TLAST")."""
        if what in ("data_bits", "data_bytes"):
            return self.data_bits and self.data_bits // (8 if what == "data_bytes" else 1)
        return None if self.signals is None else int(what in self.signals)

    @property
    def vlnv(self) -> str:
        return axi.AXIMM if self.bus == "aximm" else axi.AXIS

    def physical(self, signal: str) -> str:
        """Name of the pin that carries a logical signal: S_AXI_LITE's AWADDR is s_axi_lite_awaddr."""
        return self.prefix + (signal.lower() if self.case == "lower" else signal)


@dataclass(frozen=True)
class Space:
    """What a master can address: bits of address, and for each of its interfaces the windows it reaches (or all)."""

    name: str
    interfaces: tuple
    bits: int
    windows: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Segment:
    """Something that can be given an address. `path` is its name below the cell: S_AXI_LITE/Reg."""

    path: str
    interface: str
    name: str
    usage: str
    size: int
    base: int | None = None
    block: int | None = None


@dataclass(frozen=True)
class Register:
    """A register: `fields` are (name, first bit, bits, access, about); access is rw, ro, w1c, or a Vitis HLS kind."""

    name: str
    offset: str
    reset: str
    enabled: bool
    about: str
    fields: tuple


class IP:
    """One IP of the catalogue, made from a dict as described above."""

    def __init__(self, entry: dict):
        self.entry = entry
        self.vlnv = entry["vlnv"]
        self.vendor, self.library, self.name, self.version = self.vlnv.split(":")
        self.kind = entry["class"]
        self.cell_type = entry.get("cell_type", "ip")
        self.parameters = _expand_families(entry.get("parameters", {}))
        self.computed = _expand_families(entry.get("computed", {}))

    def check_parameter(self, name: str, value: str) -> None:
        """CatalogueError if the IP has no such parameter or cannot take the value."""
        if name in self.computed:
            raise CatalogueError(f"{self.name} works out {name} itself; it cannot be set")
        if name not in self.parameters:
            raise CatalogueError(f'{self.name} has no parameter "{name}"{did_you_mean(name, self.parameters)}')
        rules = self.parameters[name]
        if "choices" in rules and value not in rules["choices"]:
            raise CatalogueError(f"{self.name}: {name} cannot be {value}; choose {', '.join(rules['choices'])}")
        if "range" in rules:
            low, high = rules["range"]
            if not isinstance(number(value), int) or not low <= number(value) <= high:
                raise CatalogueError(f"{self.name}: {name} cannot be {value}; choose {low} to {high}")

    def values(self, changes: dict) -> dict:
        """All parameters by name: defaults, then `changes`, then what is computed from both. Values are strings."""
        values = {name: rules["default"] for name, rules in self.parameters.items()} | changes
        for name, expression in self.computed.items():
            values[name] = str(evaluate(expression, values))
        return values

    def shape(self, values: dict) -> "Shape":
        """Pins, interfaces, address spaces, segments and registers for these parameter values."""
        return Shape(self, values)


class Shape:
    """What an IP looks like from outside, for one set of parameter values. Everything is by name, in order."""

    def __init__(self, ip: IP, values: dict):
        self._entry, self._values = ip.entry, values

    @cached_property
    def ports(self) -> dict[str, Port]:
        return {entry["name"]: self._port(entry) for entry in self._present("ports")}

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
            interface: [self._register(entry) for entry in entries]
            for interface, entries in self._entry.get("registers", {}).items()
            if interface in self.interfaces
        }

    def missing(self, name: str, what: str) -> str:
        """Why a pin or an interface is not there: misspelt, or switched off by a parameter."""
        table = "ports" if what == "pin" else "interfaces"
        for entry in self._entries(table):
            if entry["name"] == name:
                return f"; it exists if {entry['when']} (now it does not)"
        return did_you_mean(name, self.ports if what == "pin" else self.interfaces)

    def _evaluate(self, expression):
        return evaluate(expression, self._values)

    def _entries(self, table):
        for entry in self._entry.get(table, []):
            count = int(self._evaluate(entry["for"])) if "for" in entry else None
            first = entry.get("from", 0)
            for i in [None] if count is None else range(first, first + count):
                yield entry if i is None else _fill_in(entry, i, i + entry.get("shift", 0))

    def _present(self, table):
        return [entry for entry in self._entries(table) if self._evaluate(entry.get("when", 1))]

    def _port(self, entry):
        width = self._evaluate(entry["width"]) if "width" in entry else None
        megahertz = float(self._values[entry["megahertz"]]) if "megahertz" in entry else None
        return Port(
            entry["name"],
            entry["direction"],
            entry.get("kind", "undef"),
            width,
            entry.get("polarity"),
            entry.get("optional", False),
            megahertz,
        )

    def _interface(self, entry):
        numbers = {
            key: self._evaluate(entry[key])
            for key in ("data_bits", "address_bits", "id_bits", "user_bits")
            if key in entry
        }
        signals = entry["signals"]
        if signals == "partner":
            signals = None
        else:
            signals = axi.GROUPS.get(signals) or signals.split()
            signals = tuple(signal for signal in signals if axi.suffix(signal) != entry.get("without"))
        properties = {
            name: value if isinstance(value, str) and value.isupper() else str(self._evaluate(value))
            for name, value in entry.get("properties", {}).items()
        }
        return Interface(
            entry["name"],
            entry["type"],
            entry["bus"],
            entry["clock"],
            entry["prefix"],
            entry["case"],
            signals,
            without=entry.get("without", ""),
            vectors=entry.get("vectors", ""),
            needs=tuple(entry.get("needs", "").split()),
            protocol=entry.get("protocol", "AXI4"),
            properties=properties,
            **numbers,
        )

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
            size=number(entry["size"]),
            base=number(entry["base"]) if "base" in entry else None,
            block=entry.get("block"),
        )

    def _register(self, entry):
        return Register(
            entry["name"],
            entry["offset"],
            entry["reset"],
            bool(self._evaluate(entry.get("when", 1))),
            entry["about"],
            tuple(tuple(item) for item in entry["fields"]),
        )


def load_catalogue(extra=()) -> dict[str, IP]:
    """The IPs in the folder ips/ and the dicts in `extra`, by VLNV."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))]
    return {entry["vlnv"]: IP(entry) for entry in [*entries, *extra]}


def accelerator_ip(vlnv: str, stream_bits_in: int, stream_bits_out: int, latency: int = 0, interval: int = 0) -> dict:
    """The catalogue entry of an accelerator that keeps the course's contract, as Vitis HLS exports it.

    vlnv: vendor:library:name:version, e.g. "mlfpga:hls:digits_mlp_axi:1.0"
    stream_bits_in, stream_bits_out: widths of s_axis and m_axis, 32 or 64
    latency, interval: clock cycles as Vitis HLS reports them, 0 if unknown (they only appear in the handoff)
    """
    if len(vlnv.split(":")) != 4 or not all(vlnv.split(":")):
        raise CatalogueError(f'"{vlnv}" is not vendor:library:name:version')
    for name, bits in (("input", stream_bits_in), ("output", stream_bits_out)):
        if bits not in (32, 64):
            raise CatalogueError(f"{name} stream width {bits} is not supported; choose 32 or 64")
    return {
        "vlnv": vlnv,
        "revision": 1,
        "class": "PERIPHERAL",
        "about": "An accelerator made with Vitis HLS: stream in, stream out, ap_ctrl_hs control.",
        "parameters": {},
        "computed": {
            "C_S_AXI_CONTROL_ADDR_WIDTH": "4",
            "C_S_AXI_CONTROL_DATA_WIDTH": "32",
            "II": str(interval),
            "clk_period": "10",
            "combinational": "0",
            "latency": str(latency),
            "machine": "64",
        },
        "ports": [
            {"name": "ap_clk", "direction": "I", "kind": "clk"},
            {"name": "ap_rst_n", "direction": "I", "kind": "rst", "polarity": "ACTIVE_LOW"},
            {"name": "interrupt", "direction": "O", "kind": "INTERRUPT"},
        ],
        "interfaces": [
            _accelerator_interface("s_axi_control", "SLAVE", "aximm", 32, "lite", address_bits=4, protocol="AXI4LITE"),
            _accelerator_interface("s_axis", "TARGET", "axis", stream_bits_in, _HLS_STREAM, vectors="LAST"),
            _accelerator_interface("m_axis", "INITIATOR", "axis", stream_bits_out, _HLS_STREAM, vectors="LAST"),
        ],
        "segments": [
            {"interface": "s_axi_control", "name": "Reg", "usage": "register", "size": "0x10000", "block": 65536}
        ],
        "registers": {"s_axi_control": _AP_CTRL_HS},
    }


# The signals of ap_axiu<N, 0, 0, 0> (UG1399, "AXI4-Stream Interfaces without Side-Channels").
_HLS_STREAM = "TDATA TKEEP TSTRB TLAST TVALID TREADY"


def _accelerator_interface(name, kind, bus, data_bits, signals, **more):
    return {
        "name": name,
        "type": kind,
        "bus": bus,
        "clock": "ap_clk",
        "prefix": f"{name}_",
        "case": "upper",
        "signals": signals,
        "data_bits": data_bits,
        **more,
    }


def _reserved(name, first, bits):
    return [name, first, bits, "hls_ro", "Reserved; reads 0."]


# Vitis HLS User Guide (UG1399), "S_AXILITE Control Register Map"; names as Vitis HLS writes them into component.xml.
_AP_CTRL_HS = [
    {
        "name": "CTRL",
        "offset": "0",
        "reset": "0",
        "about": "Control signals",
        "fields": [
            ["AP_START", 0, 1, "hls_rw", "Start; stays 1 until the accelerator is ready."],
            ["AP_DONE", 1, 1, "hls_ro", "Done; reading clears it."],
            ["AP_IDLE", 2, 1, "hls_ro", "Idle."],
            ["AP_READY", 3, 1, "hls_ro", "Ready for the next start."],
            _reserved("RESERVED_1", 4, 3),
            ["AUTO_RESTART", 7, 1, "hls_rw", "Start again by itself whenever ready."],
            _reserved("RESERVED_2", 8, 1),
            ["INTERRUPT", 9, 1, "hls_ro", "The interrupt output."],
            _reserved("RESERVED_3", 10, 22),
        ],
    },
    {
        "name": "GIER",
        "offset": "4",
        "reset": "0",
        "about": "Global interrupt enable",
        "fields": [["Enable", 0, 1, "hls_rw", "Lets the interrupt out."], _reserved("RESERVED", 1, 31)],
    },
    {
        "name": "IP_IER",
        "offset": "8",
        "reset": "0",
        "about": "Interrupt enable",
        "fields": [
            ["CHAN0_INT_EN", 0, 1, "hls_rw", "Interrupt on ap_done."],
            ["CHAN1_INT_EN", 1, 1, "hls_rw", "Interrupt on ap_ready."],
            _reserved("RESERVED_0", 2, 30),
        ],
    },
    {
        "name": "IP_ISR",
        "offset": "12",
        "reset": "0",
        "about": "Interrupt status",
        "fields": [
            ["CHAN0_INT_ST", 0, 1, "hls_toggle", "ap_done has risen; write 1 to toggle."],
            ["CHAN1_INT_ST", 1, 1, "hls_toggle", "ap_ready has risen; write 1 to toggle."],
            _reserved("RESERVED_0", 2, 30),
        ],
    },
]


def did_you_mean(name: str, names) -> str:
    """`; did you mean axi_resetn?` if one of the names is close, else an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _expand_families(table: dict) -> dict:
    expanded = {}
    for name, value in table.items():
        match = _FAMILY.search(name)
        if not match:
            expanded[name] = value
            continue
        letter, text = match.groups()
        for member in _members(text):
            filled = value.replace(f"{{{letter}}}", member) if isinstance(value, str) else value
            expanded[name.replace(match.group(0), member)] = filled
    return expanded


def _members(text):
    if ".." in text:
        first, last = map(int, text.split(".."))
        return [str(n) for n in range(first, last + 1)]
    return text.split("|")


def _fill_in(entry, i, j):
    """The entry with {i} and {j} filled into all its text (the expressions and names, but not `for`)."""
    if isinstance(entry, str):
        return re.sub(r"\{([ij])(?::([^}]*))?\}", lambda m: format(i if m[1] == "i" else j, m[2] or ""), entry)
    if isinstance(entry, list):
        return [_fill_in(item, i, j) for item in entry]
    if isinstance(entry, dict):
        return {key: _fill_in(value, i, j) for key, value in entry.items()}
    return entry
