"""What is wrong with a design: found in a second instead of after half an hour, or on the board.

A finding is an error if Vivado would refuse the design, or build a bitstream that hangs or that PYNQ's driver cannot
use; everything else worth a look is a warning.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from mlfpga.blockdesign.design import Design, Mapping, Pin, Where, size_text
from mlfpga.blockdesign.expressions import number

# The part of both variants of the AUP-ZU3.
BOARD_PART = "xczu3eg-sfvc784-2-e"
_SMALLEST_RANGE = 4096


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: severity ("error" or "warning"), what it is, and the line that it comes from."""

    severity: str
    message: str
    where: Where | None

    def __str__(self):
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.severity}: {self.message}"


def check(design: Design) -> list[Finding]:
    """All findings, errors first, otherwise in the order of the checks."""
    checks = (
        _remarks,
        _part,
        _dma,
        _clocks_and_resets,
        _interfaces,
        _streams,
        _clock_domains,
        _addresses,
        _unaddressed,
    )
    findings = [finding for each in checks for finding in each(design)]
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _error(message, where) -> Finding:
    return Finding("error", message, where)


def _remarks(design) -> Iterator[Finding]:
    for severity, message, where in design.remarks:
        yield Finding(severity, message, where)


def _part(design) -> Iterator[Finding]:
    if design.part != BOARD_PART:
        yield _error(f'part "{design.part}" is not the AUP-ZU3\'s; choose {BOARD_PART}', design.where)


def _clocks_and_resets(design) -> Iterator[Finding]:
    kinds = {"clk": "clock", "rst": "reset"}
    for cell in design.cells.values():
        for port in cell.shape.ports.values():
            if port.direction != "I" or port.kind not in kinds or port.optional:
                continue
            kind, pin = kinds[port.kind], Pin(cell.name, port.name)
            net = design.net_of(pin)
            if net is None:
                yield _error(f"{kind} {pin} is not connected", cell.where)
                continue
            driver = design.driver(net)
            if driver is None:
                yield _error(f"{kind} {pin} is connected, but nothing drives it", net.pins[pin])
            elif design.port(driver).kind != port.kind:
                yield _error(f"{kind} {pin} is driven by {driver}, which is not a {kind}", net.pins[pin])
            elif port.kind == "rst" and design.port(driver).polarity != port.polarity:
                levels = f"{_level(design.port(driver))} and {_level(port)}"
                yield _error(f"reset {pin} is driven by {driver}: they are active {levels}", net.pins[pin])


def _level(port):
    return "low" if port.polarity == "ACTIVE_LOW" else "high"


def _interfaces(design) -> Iterator[Finding]:
    for cell in design.cells.values():
        for interface in cell.shape.interfaces.values():
            pin = Pin(cell.name, interface.name)
            if design.partner(pin):
                continue
            if cell.ip.kind == "BUS":
                yield Finding("warning", f"{pin} is not connected", cell.where)
            elif interface.bus == "axis":
                yield _error(f"stream {pin} is not connected", cell.where)
            else:
                yield _error(f"AXI interface {pin} is not connected", cell.where)


def _streams(design) -> Iterator[Finding]:
    for link in design.links:
        source, target = design.interface(link.source), design.interface(link.target)
        if source.bus != "axis":
            continue
        if source.data_bits != target.data_bits:
            yield _error(
                f"TDATA of {link.source} is {source.data_bits} bits wide, of {link.target} {target.data_bits}; "
                f"make them equal",
                link.where,
            )
        for signal in target.needs:
            if signal not in source.signals:
                yield _error(f"{link.source} has no {signal}, and {link.target} waits for it for ever", link.where)


def _clock_domains(design) -> Iterator[Finding]:
    """Both ends of a connection must run on one clock. An interconnect may have several: any of them will do."""
    for link in design.links:
        clocks = [_clocks(design, end) for end in (link.source, link.target)]
        if all(clocks) and not set(clocks[0]) & set(clocks[1]):
            names = " and ".join(" or ".join(map(str, ends)) for ends in clocks)
            yield _error(f"{link.source} and {link.target} run on different clocks ({names})", link.where)


def _clocks(design, end) -> list[Pin]:
    cell = design.cells[end.cell]
    names = [design.interface(end).clock]
    if cell.ip.kind == "BUS":
        names = [port.name for port in cell.shape.ports.values() if port.kind == "clk"]
    nets = [design.net_of(Pin(cell.name, name)) for name in names]
    return [design.driver(net) for net in nets if net and design.driver(net)]


def _dma(design) -> Iterator[Finding]:
    for cell in design.cells.values():
        if cell.ip.name != "axi_dma":
            continue
        values = {name: number(value) for name, value in cell.values.items()}
        if values["c_include_sg"]:
            where = cell.changed_at.get("c_include_sg", cell.where)
            yield _error(f"{cell.name} has scatter-gather on; the driver needs it off: set c_include_sg to 0", where)
        if values["c_sg_length_width"] < 23:
            largest = 2 ** values["c_sg_length_width"] - 1
            where = cell.changed_at.get("c_sg_length_width", cell.where)
            yield Finding(
                "warning", f"{cell.name} moves at most {largest} bytes at a time; set c_sg_length_width to 26", where
            )
        for channel, memory, stream in (
            ("mm2s", "c_m_axi_mm2s_data_width", "c_m_axis_mm2s_tdata_width"),
            ("s2mm", "c_m_axi_s2mm_data_width", "c_s_axis_s2mm_tdata_width"),
        ):
            if values[f"c_include_{channel}"] and values[memory] < values[stream]:
                yield _error(
                    f"{cell.name}: {memory} is {values[memory]}, narrower than its stream of {values[stream]} bits",
                    cell.changed_at.get(memory, cell.where),
                )


def _addresses(design) -> Iterator[Finding]:
    assigned = [mapping for mapping in design.mappings if mapping.offset is not None]
    for mapping in assigned:
        yield from _one_address(design, mapping)
    for first, second in itertools.combinations(assigned, 2):
        same_space = (first.master, first.space) == (second.master, second.space)
        if same_space and first.offset < second.offset + second.size and second.offset < first.offset + first.size:
            yield _error(f"{_place(second)} overlaps {_place(first)} in {second.master}/{second.space}", second.where)


def _one_address(design, mapping) -> Iterator[Finding]:
    name, where = f"{mapping.slave}/{mapping.segment}", mapping.where
    if mapping.size < _SMALLEST_RANGE or mapping.size & (mapping.size - 1):
        yield _error(f"{name}: range {size_text(mapping.size)} is not a power of two of at least 4K", where)
    elif mapping.offset % mapping.size:
        yield _error(f"{name}: 0x{mapping.offset:08X} is not a multiple of its range, {size_text(mapping.size)}", where)
    space, through = design.space(mapping), design.route(mapping)
    last = mapping.offset + mapping.size - 1
    if through is None:
        yield _error(f"{mapping.master}/{mapping.space} has no way to {name}", where)
        return
    windows = space.windows.get(through, [(0, 2**space.bits - 1)])
    if not any(low <= mapping.offset and last <= high for low, high in windows):
        ranges = ", ".join(f"0x{low:08X} to 0x{high:08X}" for low, high in windows)
        yield _error(f"{_place(mapping)} is out of reach of {mapping.master}/{through}, which sees {ranges}", where)


def _place(mapping: Mapping) -> str:
    last = mapping.offset + mapping.size - 1
    return f"{mapping.slave}/{mapping.segment} at 0x{mapping.offset:08X} to 0x{last:08X}"


def _unaddressed(design) -> Iterator[Finding]:
    """Every segment that a master reaches must be given an address or excluded."""
    decided = {(m.master, m.space, m.slave, m.segment) for m in design.mappings}
    for cell in design.cells.values():
        for space in cell.shape.spaces.values():
            for target in itertools.chain.from_iterable(design.reachable(cell.name, i) for i in space.interfaces):
                slave = design.cells[target.cell]
                for segment in slave.shape.segments.values():
                    key = (cell.name, space.name, slave.name, segment.path)
                    if segment.interface == target.port and key not in decided:
                        yield _error(
                            f"{slave.name}/{segment.path} has no address in {cell.name}/{space.name}", slave.where
                        )
