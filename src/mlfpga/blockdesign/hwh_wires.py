"""Pins, wires and bus interfaces under the names that a hardware handoff gives them.

In a handoff every wire has a name and every pin tells the other ends of its wire, flat, through any hierarchies. The
rules stand beside what follows them; they were counted in handoffs that Vivado 2017.1 to 2025.2 wrote.
"""

import dataclasses

from mlfpga.blockdesign import axi
from mlfpga.blockdesign.catalogue import Interface, Port, release_key
from mlfpga.blockdesign.design import Cell, Design, Net, Pin

NOT_CONNECTED = "__NOC__"
# What Vivado takes a port of the design for whose frequency the script does not tell.
_EXTERNAL_HERTZ = "100000000"
_CONCATS = ("xlconcat", "ilconcat")
_MEMORY_MAPPED = ("aximm", "lmb")
# Streams, and the bus inside a SmartConnect.
_STREAMS = ("axis", "sc")


def is_block(cell: Cell) -> bool:
    """Whether Vivado makes the cell a block of other cells; it then says less of its pins and interfaces."""
    return cell.ip.entry.get("made_of") == "cells"


def since(design: Design, release: str) -> bool:
    """Whether the script was written for this version of Vivado or a newer one; of a script that says none, yes."""
    return not design.release or release_key(design.release) >= release_key(release)


class Wires:
    """The pins of a design and what they are connected to. `Pin`s here are single pins, also those of interfaces."""

    def __init__(self, design: Design):
        self._design = design
        self._names: dict[Pin, str] = {}
        self._ends: dict[Pin, list[Pin]] = {}
        # Until 2018.2 the handoff does not tell which wires of the design's own interfaces lead where.
        tells_outer = since(design, "2018.3")
        for link in design.links:
            # Who only listens is told by the name of the connection; its pins have no wires in the handoff.
            members = [pin for pin in (link.source, link.target) if pin.cell or tells_outer]
            for signal in dict.fromkeys(signal for member in members for signal in self.signals(member)):
                ends = [self._carrier(member, signal) for member in members if signal in self.signals(member)]
                self._join(ends, ends, self._first_module(ends).full_name)
        for net in design.nets:
            self._join_net(net)

    def name(self, pin: Pin) -> str | None:
        """Name of the wire that a pin is on; None if the pin is not connected."""
        return self._names.get(pin)

    def ends(self, pin: Pin) -> list[Pin]:
        """The other ends of a pin's wire: for what drives it all others, else what drives it."""
        return self._ends.get(pin, [])

    def instance(self, end: Pin) -> str:
        """How a connection names the cell of its other end. The design has two names: by ports, by interfaces."""
        if end.cell:
            return end.cell.replace("/", "_")
        return "External_Ports" if end.port in self._design.hierarchies[""].ports else f"{self._design.name}_imp"

    def pins(self, cell: Cell) -> dict[str, Port]:
        """All pins of a cell, by name."""
        pins = dict(cell.shape.ports)
        for interface in cell.shape.interfaces.values():
            here = Pin(cell.name, interface.name)
            for signal in self.signals(here):
                name = interface.physical(signal)
                if name not in pins:
                    pins[name] = Port(name, *self._direction_and_width(here, signal))
        return pins

    def external_pins(self) -> dict[str, Port]:
        """Ports of the design, and those that its interfaces are made of, by name."""
        top = self._design.hierarchies[""]
        pins = dict(sorted(top.ports.items()))
        for name in sorted(top.interfaces):
            here = Pin("", name)
            partner = self._design.partner(here)
            if partner is None or partner.cell == "":
                continue
            inside = self.pins(self._design.cells[partner.cell])
            for signal in self.signals(here):
                port = inside[self._carrier(partner, signal).port]
                new = self._carrier(here, signal).port
                pins[new] = dataclasses.replace(port, name=new)
        return pins

    def is_told_as_bus(self, cell: Cell, port: str) -> bool:
        """Whether a pin belongs to an interface and has no wire of its own: then less is told of it."""
        if self._design.net_of(Pin(cell.name, port)):
            return False
        return any(port in interface.map.values() for interface in cell.shape.interfaces.values())

    def hertz(self, pin: Pin) -> str | None:
        """Frequency of the clock at a pin (actual, not as asked for); None if it is not known."""
        net = self._design.net_of(pin)
        source = (self._design.driver(net) if net else None) or pin
        own = pin.port in self._design.shape(pin.cell).pins and (source != pin or self._design.drives(pin))
        megahertz = self._design.port(source).megahertz if own else None
        if megahertz:
            return str(round(megahertz * 1e6))
        return None if source.cell and pin.cell else _EXTERNAL_HERTZ

    def sensitivity(self, pin: Pin) -> str:
        """What an interrupt pin reacts to. Behind a concat it is a list, the highest input first."""
        port = self._design.port(pin)
        net = self._design.net_of(pin)
        driver = self._design.driver(net) if net else None
        if self._design.drives(pin) or driver is None:
            return port.sensitivity or "LEVEL_HIGH"
        told = self._sensitivities(driver)
        return ":".join(told) if set(told) != {"NULL"} else port.sensitivity or "LEVEL_HIGH"

    def _sensitivities(self, driver: Pin) -> list[str]:
        cell = self._design.cells.get(driver.cell)
        if cell and cell.ip.name in _CONCATS:
            inputs = [name for name, port in cell.shape.ports.items() if port.direction == "I"]
            nets = [self._design.net_of(Pin(cell.name, name)) for name in reversed(inputs)]
            drivers = [self._design.driver(net) if net else None for net in nets]
            return [each for one in drivers for each in (self._sensitivities(one) if one else ["NULL"])]
        port = self._design.port(driver)
        return [port.sensitivity or "LEVEL_HIGH" if port.kind == "INTERRUPT" else "NULL"]

    # Interfaces.

    def bus_name(self, pin: Pin) -> str:
        """An interface connection is called after its master, an outer one after the interface of the design."""
        link = self._design.link_of(pin)
        if link is None:
            return NOT_CONNECTED
        return link.source.full_name if link.source.cell else f"External_Interface_{link.source.port}"

    def role(self, pin: Pin) -> str:
        """MASTER or SLAVE on memory-mapped buses, INITIATOR or TARGET on others; a stream may be either.

        On a stream both ends speak as the first module (in the order of names) does: MASTER and SLAVE if it is a BUS.
        """
        interface = self._design.interface(pin)
        if interface.type == "MONITOR":
            return "MONITOR"
        mapped = interface.bus in _MEMORY_MAPPED
        if interface.bus in _STREAMS:
            link = self._design.link_of(pin)
            ends = [link.source, link.target, *link.monitors] if link else [pin]
            first = self._first_module(ends)
            mapped = first.cell != "" and self._design.cells[first.cell].shape.kind == "BUS"
        return ("MASTER" if mapped else "INITIATOR") if interface.drives else ("SLAVE" if mapped else "TARGET")

    def data_width(self, pin: Pin) -> int | None:
        """Data width in bits; None of a stream and where it is not known."""
        if self._design.interface(pin).bus in _STREAMS:
            return None
        shaped_by = self.shaped_by(pin)
        return shaped_by.data_bits if shaped_by else self._design.interface(pin).data_bits

    def shaped_by(self, pin: Pin) -> Interface | None:
        """The interface whose signals and widths an interface has.

        It is its own, else its partner's, else, between two interconnects, one that stands behind either of them.
        """
        return self._shaped_by(pin, set())

    def _shaped_by(self, pin, seen):
        design = self._design
        if pin in seen or design.interface(pin).signals is not None:
            return None if pin in seen else design.interface(pin)
        partner = design.partner(pin)
        seen |= {pin}
        if partner is None or partner in seen:
            return None
        if design.interface(partner).signals is not None:
            return design.interface(partner)
        seen |= {partner}
        for end in (partner, pin):
            if end.cell in design.cells:
                for other in design.cells[end.cell].shape.interfaces.values():
                    if other.bus == "aximm" and other.drives != design.interface(end).drives:
                        found = self._shaped_by(Pin(end.cell, other.name), seen)
                        if found:
                            return found
        return None

    def signals(self, pin: Pin) -> list[str]:
        """Logical signals of an interface that the handoff tells: of a connected AXI one, those that both ends have."""
        partner = self._design.partner(pin)
        mine = self._offered(pin)
        if partner is None or self._design.interface(pin).map:
            return mine
        theirs = set(self._offered(partner))
        return [signal for signal in mine if signal in theirs]

    def _offered(self, pin: Pin) -> list[str]:
        interface, shaped_by = self._design.interface(pin), self.shaped_by(pin)
        if shaped_by is None:
            standard = "stream" if interface.bus == "axis" else "full"
            return [] if interface.bus not in ("axis", "aximm") else list(axi.GROUPS[standard])
        if not interface.without:
            return list(shaped_by.signals)
        return [signal for signal in shaped_by.signals if axi.suffix(signal) != interface.without]

    def physical(self, pin: Pin, signal: str) -> str:
        """Name of the pin that carries a signal of an interface."""
        return self._carrier(pin, signal).port

    def _carrier(self, pin: Pin, signal: str) -> Pin:
        if pin.cell == "":
            return Pin("", f"{pin.port}_{signal.lower()}")
        return Pin(pin.cell, self._design.interface(pin).physical(signal))

    def _direction_and_width(self, pin: Pin, signal: str):
        interface, shaped_by = self._design.interface(pin), self.shaped_by(pin)
        direction = "O" if interface.outputs(signal) else "I"
        if shaped_by is None:
            return direction, "undef", None
        vector = axi.suffix(signal) in interface.vectors.split() and interface is not shaped_by
        return direction, "undef", 1 if vector else shaped_by.width(signal)

    # How wires are joined and named.

    def _join(self, ends, listed_by, name):
        for end in listed_by:
            others = [other for other in ends if other != end]
            if others:
                self._names.setdefault(end, name)
                known = self._ends.setdefault(end, [])
                known += [other for other in others if other not in known]

    def _join_net(self, net: Net):
        """A wire of its own is called after what drives it; Vivado tells its driver at every other pin."""
        driver = self._design.driver(net)
        pins = list(net.pins)
        if driver is None:
            outer = next((pin for pin in pins if pin.cell == "" or self._design.port(pin).direction == "IO"), None)
            if outer:
                self._join(pins, pins, f"External_Ports_{outer.port}" if outer.cell == "" else outer.full_name)
            return
        name = driver.full_name if driver.cell else f"External_Ports_{driver.port}"
        self._join(pins, [driver], name)
        for pin in pins:
            if pin != driver:
                self._names[pin], self._ends[pin] = name, [driver]

    @staticmethod
    def _first_module(ends):
        return min(ends, key=lambda end: (end.cell == "", f"/{end.cell}"))
