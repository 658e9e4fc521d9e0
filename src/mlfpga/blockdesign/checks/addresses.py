"""Addresses: they fit, they do not overlap, and every segment in sight has one."""

import itertools
from collections.abc import Iterator

from mlfpga.blockdesign.catalogue import Space
from mlfpga.blockdesign.checks.finding import Finding, error, warning
from mlfpga.blockdesign.design import Design, Mapping, Pin, size_text

# The smallest range that AXI interconnects decode (PG059, PG247).
_SMALLEST_RANGE = 4096


def each(design: Design) -> Iterator[Finding]:
    for mapping in design.mappings:
        if mapping.offset is not None:
            yield from _shape(mapping)
            yield from _reach(design, mapping)


def _shape(mapping: Mapping) -> Iterator[Finding]:
    name, where, size = f"{mapping.slave}/{mapping.segment}", mapping.where, mapping.size
    if size <= 0 or size & (size - 1):
        yield error(f"{name}: range {size_text(size)} is not a power of two", where)
    elif mapping.offset % size:
        yield error(f"{name}: 0x{mapping.offset:08X} is not a multiple of its range, {size_text(size)}", where)
    elif size < _SMALLEST_RANGE:
        yield warning(f"{name}: range {size_text(size)} is smaller than the 4K that an interconnect decodes", where)


def _reach(design: Design, mapping: Mapping) -> Iterator[Finding]:
    space, through = design.space(mapping), design.route(mapping)
    if through is None:
        if not _bridged(design, mapping):
            name = f"{mapping.slave}/{mapping.segment}"
            yield error(f"{mapping.master}/{mapping.space} has no way to {name}", mapping.where)
        return
    windows = space.windows.get(through, [(0, 2**space.bits - 1)])
    last = mapping.offset + mapping.size - 1
    if not any(low <= mapping.offset and last <= high for low, high in windows):
        ranges = ", ".join(f"0x{low:08X} to 0x{high:08X}" for low, high in windows)
        master = f"{mapping.master}/{through}"
        yield error(f"{_place(mapping)} is out of reach of {master}, which sees {ranges}", mapping.where)


def _bridged(design: Design, mapping: Mapping) -> bool:
    """Whether the master reaches something that may lead on in a way that is not known here: a port of the design, or
    an IP that is a slave and a master without addresses of its own."""
    for interface in design.space(mapping).interfaces:
        for pin in design.reachable(mapping.master, interface):
            if pin.cell not in design.cells:
                return True
            shape = design.cells[pin.cell].shape
            if not shape.spaces and any(i.drives and i.bus == "aximm" for i in shape.interfaces.values()):
                return True
    return False


def overlaps(design: Design) -> Iterator[Finding]:
    assigned = [mapping for mapping in design.mappings if mapping.offset is not None]
    for first, second in itertools.combinations(assigned, 2):
        same_space = (first.master, first.space) == (second.master, second.space)
        if same_space and first.offset < second.offset + second.size and second.offset < first.offset + first.size:
            yield error(f"{_place(second)} overlaps {_place(first)} in {second.master}/{second.space}", second.where)


def _place(mapping: Mapping) -> str:
    last = mapping.offset + mapping.size - 1
    return f"{mapping.slave}/{mapping.segment} at 0x{mapping.offset:08X} to 0x{last:08X}"


def unassigned(design: Design) -> Iterator[Finding]:
    """Every segment that a master reaches should be given an address or excluded; Vivado warns [BD 41-1356]."""
    decided = {(m.master, m.space, m.slave, m.segment) for m in design.mappings}
    for cell in design.cells.values():
        for space in cell.shape.spaces.values():
            for target in itertools.chain.from_iterable(design.reachable(cell.name, i) for i in space.interfaces):
                yield from _undecided(design, decided, cell.name, space, target)


def _undecided(design: Design, decided: set, master: str, space: Space, target: Pin) -> Iterator[Finding]:
    slave = design.cells.get(target.cell)
    for segment in slave.shape.segments.values() if slave else ():
        known = (master, space.name, slave.name, segment.path) in decided
        # A master with 32 bits of address does not see what lies above them.
        if segment.interface == target.port and not known and (segment.base or 0) < 1 << space.bits:
            yield warning(f"{slave.name}/{segment.path} has no address in {master}/{space.name}", slave.where)


CHECKS = (each, overlaps, unassigned)
