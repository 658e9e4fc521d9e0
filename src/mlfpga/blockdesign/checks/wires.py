"""Pins and what drives them: clocks, resets, interrupts, and the widths of wires."""

import re
from collections.abc import Iterator

from mlfpga.blockdesign.checks.finding import Finding, error, warning
from mlfpga.blockdesign.design import Cell, Design, Pin
from mlfpga.blockdesign.expressions import number

_KINDS = {"clk": "clock", "rst": "reset", "INTERRUPT": "interrupt"}


def undriven(design: Design) -> Iterator[Finding]:
    """Vivado refuses a clock without a source [BD 41-758]; it ties any other input to 0 and warns [BD 41-759]."""
    for cell in design.cells.values():
        interfaces = cell.shape.interfaces.values()
        for port in cell.shape.ports.values():
            pin = Pin(cell.name, port.name)
            net = design.net_of(pin)
            if port.direction != "I" or (net and design.driver(net)) or _part_of_interface(design, pin):
                continue
            if any(design.port(other).direction == "IO" for other in net.pins) if net else False:
                continue
            where = net.pins[pin] if net else cell.where
            what = "is connected, but nothing drives it" if net else "is not connected"
            kind = _KINDS.get(port.kind, "input")
            if port.kind == "clk" and not port.optional and any(port.name in i.map.values() for i in interfaces):
                yield warning(f"clock {pin} {what}: its interface is open", where)
            elif port.kind == "clk" and not port.optional:
                yield error(f"clock {pin} {what}", where)
            elif port.kind == "rst" and not port.optional:
                tied = f"; tied to 0, it holds {cell.name} in reset" if port.polarity == "ACTIVE_LOW" else ""
                yield warning(f"reset {pin} {what}{tied}", where)
            elif net and not port.optional:
                yield warning(f"{kind} {pin} {what}; Vivado ties it to 0", where)


def _part_of_interface(design: Design, pin: Pin) -> bool:
    """Whether a connected interface carries this pin."""
    for interface in design.shape(pin.cell).interfaces.values():
        if pin.port in interface.map.values() and design.link_of(Pin(pin.cell, interface.name)):
            return True
    return False


def kinds(design: Design) -> Iterator[Finding]:
    """A clock, reset or interrupt driven by something else: Vivado only warns [BD 41-1731], the board does not work."""
    for pin, driver, where in _driven(design):
        port, source = design.port(pin), design.port(driver)
        if port.kind in _KINDS and source.kind in _KINDS and source.kind != port.kind:
            kind = _KINDS[port.kind]
            yield warning(f"{kind} {pin} is driven by {driver}, which is not a{'n' * (kind[0] == 'i')} {kind}", where)
        elif port.kind == source.kind == "rst" and {port.polarity, source.polarity} == {"ACTIVE_LOW", "ACTIVE_HIGH"}:
            levels = f"{_level(source)} and {_level(port)}"
            yield error(f"reset {pin} is driven by {driver}: they are active {levels}", where)


def _level(port):
    return "low" if port.polarity == "ACTIVE_LOW" else "high"


def reset_domains(design: Design) -> Iterator[Finding]:
    """A reset made in step with one clock, used with another: a warning of Vivado [BD 41-1343]."""
    for pin, driver, where in _driven(design):
        if design.port(pin).kind != "rst" or driver.cell not in design.cells or pin.cell not in design.cells:
            continue
        source = design.cells[driver.cell]
        made, used = _clocks(design, source), _clock_of_reset(design, design.cells[pin.cell], pin.port)
        if source.ip.name == "proc_sys_reset" and len(made) == 1 and len(used) == 1 and made != used:
            yield warning(
                f"reset {pin} comes from {driver}, which is in step with {min(made)}, not with {min(used)}", where
            )


def _clocks(design: Design, cell: Cell, names=None) -> set[str]:
    """What drives a cell's clocks."""
    ports = [port.name for port in cell.shape.ports.values() if port.kind == "clk" and port.direction == "I"]
    nets = [design.net_of(Pin(cell.name, name)) for name in ports if names is None or name in names]
    return {str(design.driver(net)) for net in nets if net and design.driver(net)}


def _clock_of_reset(design: Design, cell: Cell, reset: str) -> set[str]:
    """S00_ARESETN goes with S00_ACLK; where no name tells, with all clocks of the cell."""
    own = re.sub("(?i)resetn?$", "", reset) + ("CLK" if reset.isupper() else "clk")
    return _clocks(design, cell, [own]) if own in cell.shape.ports else _clocks(design, cell)


def widths(design: Design) -> Iterator[Finding]:
    """Of a wire's ends that differ in width Vivado joins the lower bits, with a warning [BD 41-2384]."""
    for pin, driver, where in _driven(design):
        here, there = (design.port(end).width or 1 for end in (pin, driver))
        if here != there:
            bits = f"{here} bit{'s' * (here > 1)} wide"
            yield warning(f"{pin} is {bits}, {driver} {there}; only the lower bits are joined", where)


def constants(design: Design) -> Iterator[Finding]:
    for cell in design.cells.values():
        if {"CONST_WIDTH", "CONST_VAL"} <= set(cell.values):
            bits, value = (number(cell.values[name]) for name in ("CONST_WIDTH", "CONST_VAL"))
            if isinstance(value, int) and isinstance(bits, int) and value >= 1 << bits:
                where = cell.changed_at.get("CONST_VAL", cell.where)
                yield warning(f"{cell.name}: CONST_VAL {value} needs more than CONST_WIDTH {bits} bits", where)


def borders(design: Design) -> Iterator[Finding]:
    """A pin of a hierarchy is a hole in a wall: wired on one side only, it leads nowhere."""
    wired = [(pin, net.level) for net in design.local_nets for pin in net.pins]
    wired += [(pin, link.level) for link in design.local_links for pin in (link.source, link.target, *link.monitors)]
    sides: dict[Pin, set[str]] = {}
    for pin, level in wired:
        sides.setdefault(pin, set()).add("inside" if level == pin.cell else "outside")
    for name, hierarchy in design.hierarchies.items():
        for port in [*hierarchy.ports, *hierarchy.interfaces] if name else ():
            pin = Pin(name, port)
            missing = {"inside", "outside"} - sides.get(pin, set())
            if missing:
                yield warning(f"{pin} is not connected {' or '.join(sorted(missing))} the hierarchy", hierarchy.where)


def _driven(design: Design) -> Iterator[tuple]:
    """(pin, what drives it, the line that connected it) of every driven pin."""
    for net in design.nets:
        driver = design.driver(net)
        if driver:
            yield from ((pin, driver, where) for pin, where in net.pins.items() if pin != driver)


CHECKS = (undriven, kinds, reset_domains, widths, constants, borders)
