"""Streams and memory-mapped buses: both ends there, of one width, on one clock."""

from collections.abc import Iterator

from mlfpga.blockdesign.checks.finding import Finding, error, warning
from mlfpga.blockdesign.design import Design, Pin


def unconnected(design: Design) -> Iterator[Finding]:
    """Vivado ties off what is not connected. Buses of other kinds (GPIO, UART) are often left open on purpose."""
    for cell in design.cells.values():
        for interface in cell.shape.interfaces.values():
            pin = Pin(cell.name, interface.name)
            if interface.type == "MONITOR" or design.partner(pin) or _wired_pin_by_pin(design, pin):
                continue
            if interface.bus == "axis":
                yield warning(f"stream {pin} is not connected", cell.where)
            elif interface.bus == "aximm":
                yield warning(f"AXI interface {pin} is not connected", cell.where)


def _wired_pin_by_pin(design, pin):
    interface = design.interface(pin)
    return any(design.net_of(Pin(pin.cell, interface.physical(signal))) for signal in interface.signals or ())


def streams(design: Design) -> Iterator[Finding]:
    """Vivado refuses TDATA of two widths [BD 41-237], but lets a DMA wait for a TLAST that never comes."""
    for link in design.links:
        source, target = design.interface(link.source), design.interface(link.target)
        if source.bus != "axis" or source.signals is None or target.signals is None:
            continue
        fits = target.narrower and (source.data_bits or 0) < (target.data_bits or 0)
        if source.data_bits and target.data_bits and source.data_bits != target.data_bits and not fits:
            yield error(
                f"TDATA of {link.source} is {source.data_bits} bits wide, of {link.target} {target.data_bits}; "
                f"make them equal",
                link.where,
            )
        for signal in target.needs:
            if signal not in source.signals:
                yield warning(
                    f"{link.source} has no {signal}, and {link.target} waits for it for ever: the transfer hangs",
                    link.where,
                )


def circles(design: Design) -> Iterator[Finding]:
    """A circle of streams without a store in it stops at the first word that has to wait for itself."""
    onward: dict[str, list] = {}
    for link in design.links:
        if design.interface(link.source).bus == "axis" and link.source.cell and link.target.cell:
            onward.setdefault(link.source.cell, []).append(link)
    seen: set[str] = set()
    for start in onward:
        path = [] if start in seen or _stores(design.cells[start]) else _circle(design, onward, start)
        if path:
            seen |= {link.source.cell for link in path}
            names = " -> ".join([*(link.source.cell for link in path), path[0].source.cell])
            yield warning(f"the streams {names} go in a circle without a FIFO; it can block for ever", path[-1].where)


def _circle(design, onward, start):
    """The links of a way from a cell back to itself that nothing on it interrupts, or an empty list."""
    ways, reached = [[link] for link in onward[start]], set()
    while ways:
        way = ways.pop()
        cell = way[-1].target.cell
        if cell == start:
            return way
        if cell not in reached and not _stores(design.cells[cell]):
            reached.add(cell)
            ways += [[*way, link] for link in onward.get(cell, ())]
    return []


def _stores(cell):
    return bool(cell.shape.spaces) or "fifo" in cell.ip.name.lower()


def clock_domains(design: Design) -> Iterator[Finding]:
    """Both ends of a connection must run on one clock; Vivado compares frequency and domain [BD 41-237]."""
    for link in design.links:
        clocks = [_clocks(design, end) for end in (link.source, link.target)]
        if all(clocks) and not set(clocks[0]) & set(clocks[1]) and not _same_speed(design, *clocks):
            names = " and ".join(" or ".join(map(str, ends)) for ends in clocks)
            yield error(f"{link.source} and {link.target} run on different clocks ({names})", link.where)


def _clocks(design, end) -> list[Pin]:
    """What drives the clock of an interface. An IP with one name for several clocks (SmartConnect) finds the right one
    by itself: any of them will do."""
    if end.cell not in design.cells:
        return []
    shape = design.cells[end.cell].shape
    own = shape.interfaces[end.port].clock
    named = {interface.clock for interface in shape.interfaces.values() if interface.clock}
    pins = [port.name for port in shape.ports.values() if port.kind == "clk" and port.direction == "I"]
    nets = [design.net_of(Pin(end.cell, name)) for name in ([own] if len(named) > 1 else pins) if own]
    return [design.driver(net) for net in nets if net and design.driver(net)]


def _same_speed(design, first, second) -> bool:
    """Outputs of one clocking wizard with one frequency are one domain; those of a processing system are not."""
    return any(
        one.cell == other.cell
        and one.cell in design.cells
        and design.cells[one.cell].ip.kind != "PROCESSOR"
        and design.port(one).megahertz == design.port(other).megahertz
        for one in first
        for other in second
    )


CHECKS = (unconnected, streams, circles, clock_domains)
