"""The hardware handoff (.hwh) as a machine: which IP answers where, and whose stream ends at whose.

Vivado writes the .hwh with every block design; pynq reads it for the driver's view. This reads the same file for the
hardware's view: two interfaces are connected when they name the same bus (BUSNAME), or, where the design connects
their pins one by one, when the TVALID of both is on the same signal.
"""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

from mlfpga.board.errors import HandoffError

_UNCONNECTED = ("__NOC__", "", None)
# Memory in the programmable logic; other memory belongs to the processing system.
_MEMORY = "axi_bram_ctrl"
# What pynq calculates with before it loads an overlay.
_CLOCK_VALUE = re.compile(r"psu__(crl_apb__pl\d_ref_ctrl__(divisor[01]|act_freqmhz)|fpga_pl\d_enable)")
WIRES = ("axis_data_fifo", "axis_register_slice", "axis_clock_converter")
"""IPs that pass a stream on unchanged; for a model without time they are wires."""


@dataclass(frozen=True)
class Interface:
    """A bus interface: `kind` is "axis", "aximm", …; `role` MASTER or SLAVE, INITIATOR or TARGET; `bus` its net.

    data_bytes  of a stream's TDATA; 0 if the file does not say
    has_keep    whether a stream has TKEEP
    """

    name: str
    kind: str
    role: str
    bus: str | None
    data_bytes: int = 0
    has_keep: bool = True


@dataclass(frozen=True)
class AddressRange:
    """What a master reaches through its interface `master`: `slave` of `instance`, from `first` to `last`."""

    master: str
    instance: str
    slave: str
    first: int
    last: int
    memory: bool

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Module:
    """One IP. `name` is its path in the design, `instance` what address ranges call it, `ip` its type's short name.

    connections  the (instance, port) pairs at the other end of each port
    revision     what Vivado tells two builds of one version of the IP apart by; 0 if the file does not say
    """

    name: str
    instance: str
    vlnv: str
    parameters: dict[str, str]
    interfaces: tuple[Interface, ...]
    ranges: tuple[AddressRange, ...]
    connections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    revision: int = 0

    @property
    def ip(self) -> str:
        return self.vlnv.split(":")[2] if self.vlnv.count(":") >= 3 else ""

    def number(self, parameter: str, default: int) -> int:
        """An integer parameter, whatever the case of its name."""
        for name, value in self.parameters.items():
            if name.lower() == parameter:
                try:
                    return int(value, 0)
                except ValueError:
                    raise HandoffError(
                        f"{self.name}: {name} is {value!r} in the handoff, which is no number; write it again"
                    ) from None
        return default

    def text(self, parameter: str) -> str:
        """A parameter as it is written, whatever the case of its name; empty if there is none."""
        return next((value for name, value in self.parameters.items() if name.lower() == parameter), "")

    def streams(self, role: str) -> list[Interface]:
        return [i for i in self.interfaces if i.kind == "axis" and i.role == role and i.bus not in _UNCONNECTED]


@dataclass(frozen=True)
class Link:
    """A stream from `source` to `sink`, each a module's name with the name of its interface."""

    source: tuple[str, str]
    sink: tuple[str, str]


@dataclass(frozen=True)
class Design:
    """All IPs of a block design."""

    path: Path
    modules: tuple[Module, ...]

    @property
    def processor(self) -> Module:
        for module in self.modules:
            if module.ip == "zynq_ultra_ps_e":
                return module
        raise HandoffError(f"{self.path.name} has no processing system (zynq_ultra_ps_e); this board needs one")

    @property
    def clock(self) -> int:
        """Number of the first PL clock that is on. Raises HandoffError if the file names none, or all are off."""
        processor = self.processor
        for name, value in processor.parameters.items():
            if _CLOCK_VALUE.fullmatch(name.lower()) and not value:
                raise HandoffError(f"{self.path.name} gives {name} of {processor.name} no value; write it again")
        clocks = {n: processor.number(f"psu__fpga_pl{n}_enable", -1) for n in range(4)}
        described = [f"psu__crl_apb__pl{n}_ref_ctrl__divisor0" for n in range(4)]
        if -1 in clocks.values() or any(processor.number(name, -1) < 0 for name in described):
            raise HandoffError(
                f"{self.path.name} says nothing of the PL clocks (PSU__FPGA_PLn_ENABLE and their divisors); write "
                "the handoff again from the whole block design"
            )
        for number, enabled in clocks.items():
            if enabled:
                return number
        raise HandoffError(f"{self.path.name} turns no PL clock on, so the logic stands still; enable PL0 in the PS")

    def registers(self) -> list[tuple[Module, AddressRange]]:
        """IPs in the programmable logic that the processor reaches, with their ranges: one for each slave interface."""
        by_instance = {module.instance: module for module in self.modules}
        seen, found = set(), []
        for entry in self.processor.ranges:
            module = by_instance.get(entry.instance)
            if module and (not entry.memory or module.ip == _MEMORY) and entry.first not in seen:
                seen.add(entry.first)
                found.append((module, entry))
        return found

    def links(self) -> list[Link]:
        """Every stream between two IPs that do something with it."""
        sinks = {
            interface.bus: (module, interface) for module in self.modules for interface in module.streams("TARGET")
        }
        found = []
        for module in self.modules:
            if module.ip in WIRES:
                continue
            for interface in module.streams("INITIATOR"):
                end = _follow(interface, sinks)
                if end:
                    found.append(Link((module.name, interface.name), (end[0].name, end[1].name)))
        return found


def _follow(interface: Interface, sinks: dict) -> tuple[Module, Interface] | None:
    """The end of a stream, behind any FIFOs and register slices."""
    end = sinks.get(interface.bus)
    while end and end[0].ip in WIRES:
        onward = end[0].streams("INITIATOR")
        end = sinks.get(onward[0].bus) if onward else None
    return end


def read_design(path: Path | str) -> Design:
    """Parse a .hwh. Raises HandoffError if it is missing, cut short, or not a hardware handoff."""
    path = Path(path)
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise HandoffError(
            f"{path} does not exist; pynq needs the hardware handoff beside the bitstream, with the same stem"
        ) from None
    except IsADirectoryError:
        raise HandoffError(f"{path} is a folder, not a hardware handoff; put the .hwh of the bitstream there") from None
    except ElementTree.ParseError as error:
        raise HandoffError(f"{path} is not a whole hardware handoff: {error}; write it again") from None
    modules = root.findall("./MODULES/MODULE")
    if not modules:
        raise HandoffError(f"{path} lists no modules; it is not the hardware handoff of a block design")
    nameless = [m.get("VLNV") or m.get("MODTYPE") for m in modules if not m.get("FULLNAME", "").strip("/")]
    if nameless:
        raise HandoffError(f"{path} gives a module ({nameless[0]}) no name (FULLNAME); write it again")
    try:
        return Design(path, tuple(_module(element) for element in modules))
    except (ValueError, IndexError) as error:
        raise HandoffError(f"{path} has an interface or an address that cannot be: {error}; write it again") from None


def _net(interface: ElementTree.Element, signals: dict[str, str]) -> str | None:
    """The net of an interface: its bus, or, where a design connects the pins one by one, what its TVALID is on."""
    bus = interface.get("BUSNAME")
    if bus not in _UNCONNECTED:
        return bus
    valid = interface.find("./PORTMAPS/PORTMAP[@LOGICAL='TVALID']")
    return signals.get(valid.get("PHYSICAL", "")) or bus if valid is not None else bus


def _interface(element: ElementTree.Element, signals: dict[str, str]) -> Interface:
    parameters = {p.get("NAME"): p.get("VALUE") for p in element.findall("./PARAMETER")}
    return Interface(
        element.get("NAME", ""),
        element.get("VLNV", "::").split(":")[2],
        element.get("TYPE", ""),
        _net(element, signals),
        int(parameters.get("TDATA_NUM_BYTES") or "0", 0),
        parameters.get("HAS_TKEEP") != "0",
    )


def _module(element: ElementTree.Element) -> Module:
    signals = {p.get("NAME", ""): p.get("SIGNAME", "") for p in element.findall("./PORTS/PORT")}
    return Module(
        name=element.get("FULLNAME", "").strip("/"),
        instance=element.get("INSTANCE", ""),
        vlnv=element.get("VLNV", ""),
        parameters={p.get("NAME", ""): p.get("VALUE", "") for p in element.findall("./PARAMETERS/PARAMETER")},
        interfaces=tuple(_interface(i, signals) for i in element.findall("./BUSINTERFACES/BUSINTERFACE")),
        ranges=tuple(
            AddressRange(
                r.get("MASTERBUSINTERFACE", ""),
                r.get("INSTANCE", ""),
                r.get("SLAVEBUSINTERFACE", ""),
                int(r.get("BASEVALUE", "0"), 0),
                int(r.get("HIGHVALUE", "0"), 0),
                r.get("MEMTYPE") == "MEMORY",
            )
            for r in element.findall("./MEMORYMAP/MEMRANGE")
        ),
        connections={
            p.get("NAME", ""): [
                (c.get("INSTANCE", ""), c.get("PORT", "")) for c in p.findall("./CONNECTIONS/CONNECTION")
            ]
            for p in element.findall("./PORTS/PORT")
        },
        revision=int(element.get("COREREVISION") or "0"),
    )
