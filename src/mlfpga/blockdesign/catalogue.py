"""The IP catalogue: what pins, interfaces, registers and addresses an IP has for given parameters.

One JSON file per IP stands in the folder ips/; an accelerator is the same kind of dict, made by `accelerator_ip`. The
keys of such a dict:

  vlnv            vendor:library:name:version, the newest version that is described
  versions        the versions that are described, each with its revision in the Vivado releases where that is known
  revision        the revision, where there is no `versions`
  about, document, source   what it is, where the vendor describes it, where the facts were learned
  class           PROCESSOR, PERIPHERAL, BUS (an interconnect), … (MODCLASS of the handoff), or an expression for it
  made_of         how Vivado builds an interconnect: "cells" (a hierarchy in the design) or "bd" (a design of its own)
  parameters      name -> {default, choices or range, follows: an interface, a pin or a segment (or several, of which
                  the first that is connected counts) whose property `takes` it takes on: data_bits (if not said),
                  data_bytes, id_bits, dest_bits, user_bits or a signal (TLAST: is it there?) of an interface, width,
                  megahertz or active_high of the pin that drives a pin, or words of `word_bits` of a segment's range;
                  derived: an expression for its value where it is neither set nor follows anything}
  accepts         [{names, default, choices or range}]: parameters of which there are too many to tell one by one. One
                  without a default has a value only if a script sets it, so nothing else may depend on it
  computed        name -> expression: what Vivado works out from the parameters
  ports           name, direction (I, O, IO), kind (clk, rst, INTERRUPT, undef), polarity, width, optional, sensitivity,
                  megahertz (the parameter that tells it), named_by (a parameter that holds the pin's name)
  interfaces      name, type (MASTER, SLAVE, INITIATOR, TARGET, MONITOR), bus (aximm, axis, gpio, …), bus_vlnv (if it is
                  not xilinx.com:interface:<bus>:1.0), clock, properties (what else the handoff says), and either
                  map (logical signal -> pin; the interface has those whose pin exists), or, for AXI, prefix and case
                  of its signals' names, signals ("full", "lite", "stream", a list where TLAST?HAS_TLAST depends on a
                  parameter, or "partner": those of the other end), without (ID: none of AWID, BID, ARID, RID), vectors
                  (signals that are vectors even if one bit wide), needs (signals the other end must have), narrower (it
                  takes streams narrower than its own), protocol, data_bits, address_bits, id_bits, dest_bits, user_bits
                  (and map for pins called otherwise)
  address_spaces  name, interfaces that look into it, bits, windows (interface -> what it can reach)
  segments        interface, group, name, usage (register, memory), base, size, block, parameter
  registers       interface -> name, offset, reset, when, about, access (read-write if not said), bits (32 if not
                  said), fields [name, first bit, bits, access, about]

Any entry may have `when` (an expression; the entry exists if it is true) and `for` (a count; the entry exists that
often, with {i} in its text replaced by from…, and {j} by i + shift). Entries and parameters may have `only` (a list of
versions). A parameter's or a computed name may have {n=0..3} or {n=A|B}, where {n} in its name and rules stands for
the same, and {0..3} or {A|B} where nothing needs to refer to it.
"""

import json
import re
from functools import cache, cached_property
from pathlib import Path

from mlfpga.blockdesign.accelerator import accelerator_ip
from mlfpga.blockdesign.expressions import evaluate, number
from mlfpga.blockdesign.shape import (
    CatalogueError,
    Interface,
    Port,
    Register,
    Segment,
    Shape,
    Space,
    did_you_mean,
)

__all__ = [
    "IP",
    "CatalogueError",
    "Interface",
    "Port",
    "Register",
    "Segment",
    "Shape",
    "Space",
    "accelerator_ip",
    "did_you_mean",
    "load_catalogue",
    "release_key",
]

_FOLDER = Path(__file__).parent / "ips"
_FAMILY = re.compile(r"\{(?:(\w)=)?([^{}]*(?:\||\.\.)[^{}]*)\}")
# Which Vivado is meant where a script does not say it.
_RELEASE = "2024.1"
_SWITCHES = {"true": "1", "false": "0", "1": "true", "0": "false"}


class IP:
    """One version of one IP of the catalogue, made from a dict as described above."""

    def __init__(self, entry: dict):
        self.vlnv = entry["vlnv"]
        self.vendor, self.library, self.name, self.version = self.vlnv.split(":")
        self.cell_type = entry.get("cell_type", "ip")
        self._of_all_versions = entry

    @cached_property
    def entry(self) -> dict:
        """The dict, without what only other versions of the IP have."""
        return _of_version(self._of_all_versions, self.version)

    @cached_property
    def parameters(self) -> dict[str, dict]:
        """Rules (default, choices, …) of what can be set, by name."""
        return _accepted(self.entry) | _expand_families(self.entry.get("parameters", {}))

    @cached_property
    def computed(self) -> dict[str, str]:
        """Expressions of what follows from the parameters, by name."""
        return _expand_families(self.entry.get("computed", {}))

    @cached_property
    def following(self) -> dict[str, dict]:
        """Rules of the parameters that take their values from the other end of a wire, by name."""
        return {name: rules for name, rules in self.parameters.items() if "follows" in rules}

    @cached_property
    def _defaults(self):
        return {name: rules["default"] for name, rules in self.parameters.items() if "default" in rules}

    @cached_property
    def _derived(self):
        return {name: rules["derived"] for name, rules in self.parameters.items() if "derived" in rules}

    @property
    def kind(self) -> str:
        """PROCESSOR, PERIPHERAL, BUS, …, with the default parameters."""
        return self.entry["class"] if self.entry["class"].isidentifier() else self.shape(self.values({})).kind

    def revision(self, release: str = "") -> int:
        """The IP's revision in a Vivado release ("2024.1"), or in the nearest one of which it is known."""
        known = self.entry.get("versions", {}).get(self.version, {})
        older = [name for name in known if release_key(name) <= release_key(release or _RELEASE)]
        if older:
            return known[max(older, key=release_key)]
        return known[min(known, key=release_key)] if known else self.entry.get("revision", 0)

    def check_parameter(self, name: str, value: str) -> None:
        """CatalogueError if the IP has no such parameter or cannot take the value."""
        if name not in self.parameters:
            if name in self.computed:
                raise CatalogueError(f"{self.name} works out {name} itself; it cannot be set")
            raise CatalogueError(f'{self.name} has no parameter "{name}"{did_you_mean(name, self.parameters)}')
        rules = self.parameters[name]
        if "choices" in rules and self.written(name, value) not in rules["choices"]:
            raise CatalogueError(f"{self.name}: {name} cannot be {value}; choose {', '.join(rules['choices'])}")
        if "range" in rules:
            low, high = rules["range"]
            if not isinstance(number(value), int) or not low <= number(value) <= high:
                raise CatalogueError(f"{self.name}: {name} cannot be {value}; choose {low} to {high}")

    def decides(self, name: str) -> bool:
        """Whether anything else may depend on a parameter; see `accepts`."""
        return "default" in self.parameters[name] or "derived" in self.parameters[name]

    def written(self, name: str, value: str) -> str:
        """A value as Vivado writes it: a switch given as 1 or TRUE is true where the choices are true and false."""
        choices = self.parameters.get(name, {}).get("choices", ())
        if not choices or value in choices:
            return value
        same = [choice for choice in choices if choice.lower() == value.lower()]
        return same[0] if same else other if (other := _SWITCHES.get(value.lower())) in choices else value

    def values(self, changes: dict) -> dict:
        """All parameters by name: defaults, then `changes`, then what is computed from both. Values are strings."""
        values = self._defaults | changes
        for name, expression in self._derived.items():
            if name not in changes:
                values[name] = _text(evaluate(expression, values))
        for name, expression in self.computed.items():
            values[name] = _text(evaluate(expression, values))
        return values

    def shape(self, values: dict) -> Shape:
        """Pins, interfaces, address spaces, segments and registers for these parameter values."""
        return Shape(self.entry, values)


def load_catalogue(extra=()) -> dict[str, IP]:
    """The IPs in the folder ips/ in all their versions, and the dicts in `extra`, by VLNV."""
    return _built_in() | {ip.vlnv: ip for entry in extra for ip in _all_versions(entry)}


def release_key(release: str) -> list[int]:
    """Vivado releases in order: "2020.2" comes before "2020.2.2" and "2024.1"."""
    return [int(part) for part in re.findall(r"\d+", release)]


@cache
def _built_in():
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))]
    return {ip.vlnv: ip for entry in entries for ip in _all_versions(entry)}


def _all_versions(entry):
    stem = entry["vlnv"].rpartition(":")[0]
    vlnvs = [f"{stem}:{version}" for version in entry.get("versions", ())] or [entry["vlnv"]]
    return [IP(entry | {"vlnv": vlnv}) for vlnv in vlnvs]


def _of_version(entry, version):
    """The entry without what only other versions have."""
    if isinstance(entry, dict):
        kept = {key: value for key, value in entry.items() if not _foreign(value, version)}
        return {key: _of_version(value, version) for key, value in kept.items()}
    if isinstance(entry, list):
        return [_of_version(item, version) for item in entry if not _foreign(item, version)]
    return entry


def _foreign(entry, version):
    return isinstance(entry, dict) and version not in entry.get("only", [version])


def _text(value):
    return str(int(value)) if isinstance(value, bool) else str(value)


def _accepted(entry):
    families = ((pattern, rules) for rules in entry.get("accepts", ()) for pattern in rules["names"])
    return {name: rules for pattern, rules in families for name in _expand_families({pattern: None})}


def _expand_families(table: dict) -> dict:
    expanded = {}
    for name, value in table.items():
        match = _FAMILY.search(name)
        if not match:
            expanded[name] = value
            continue
        letter, text = match.groups()
        for member in _members(text):
            one = _insert(name.replace(match.group(0), member, 1), letter, member)
            expanded |= _expand_families({one: _insert(value, letter, member)})
    return expanded


def _insert(value, letter, member):
    if isinstance(value, dict):
        return {key: _insert(item, letter, member) for key, item in value.items()}
    return value.replace(f"{{{letter}}}", member) if isinstance(value, str) else value


def _members(text):
    if ".." in text:
        first, last = map(int, text.split(".."))
        width = len(text.split("..")[0])
        return [f"{n:0{width}d}" for n in range(first, last + 1)]
    return text.split("|")
