"""Commands that give addresses: assign_bd_address with and without an address, exclusions, and the older forms."""

from mlfpga.blockdesign.commands.options import parse_options, parse_size
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.design import Pin
from mlfpga.blockdesign.sandbox import CommandError

# What Vivado leaves out when it is not asked for: the on-chip memory, which belongs to the boot code.
_LEFT_OUT = "_LPS_OCM"
# Where Vivado puts kinds of slaves behind a Zynq-7000's GP ports, from the start of the window on.
_PLACES = {
    "axi_bram_ctrl": 0,
    "axi_dma": 0x40_0000,
    "axi_gpio": 0x120_0000,
    "axi_intc": 0x180_0000,
    "axi_vdma": 0x300_0000,
}
_OTHER_PLACE = 0x3C0_0000
_REGISTERS = 0x1_0000


class AddressCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session

    def assign_bd_address(self, *words):
        options, rest = parse_options(
            words,
            flags=["-force", "-combine", "-external"],
            valued=[
                "-offset",
                "-range",
                "-target_address_space",
                "-import_from_file",
                "-export_to_file",
                "-master",
                "-with_name",
            ],
        )
        session = self._session
        if "-export_to_file" in options:
            return []
        session.need("-import_from_file" not in options, "addresses from a file are not modelled; write them out")
        names = session.words(rest)
        if rest and not names:
            session.blame_miss("expected an address segment")
        mapped = [session.mapping(name) for name in names]
        if mapped and all(mapped) and "-target_address_space" not in options:
            # A segment by the name that it has where it is mapped: it moves there.
            keys = [(m.master, m.space, m.slave, m.segment) for m in mapped]
            return [f"/{self._assign(*key, options, explicit=True)}" for key in keys]
        segments = [self._segment(name) for name in names]
        spaces = self._spaces(options, segments)
        made = []
        for cell, space in spaces:
            for slave, segment in segments or self._reachable(cell, space):
                made.append(self._assign(cell, space, slave, segment, options, explicit=bool(rest)))
        return [f"/{mapping}" for mapping in made if mapping]

    def exclude_bd_addr_seg(self, *words):
        options, rest = parse_options(words, valued=["-target_address_space", "-offset", "-range"])
        session = self._session
        names = session.words(rest)
        if not names:
            session.blame_miss("expected an address segment")
        for name in names:
            mapping = session.mapping(name)
            if mapping:
                session.map(mapping.master, mapping.space, mapping.slave, mapping.segment, None, 0)
                continue
            segment = self._segment(name)
            for cell, space in self._spaces(options, [segment]):
                session.map(cell, space, *segment, None, 0)

    def include_bd_addr_seg(self, *words):
        _, rest = parse_options(words, valued=["-target_address_space"])
        session = self._session
        for name in session.words(rest):
            mapping = session.mapping(name)
            session.need(mapping, f'there is no mapped segment "{name}"')
            session.design.mappings.remove(mapping)
            self._assign(mapping.master, mapping.space, mapping.slave, mapping.segment, {}, explicit=True)

    def create_bd_addr_seg(self, *words):
        """The form that write_bd_tcl used until 2019.2: -range -offset space segment name."""
        options, rest = parse_options(words, valued=["-range", "-offset"])
        session = self._session
        if not all(session.split(word) for word in rest[:2]):
            session.blame_miss("expected an address space and a segment")
        names = session.words(rest)
        session.need(len(names) >= 2, "expected an address space and a segment")
        (cell, space) = self._space(names[0])
        slave, segment = self._segment(names[1])
        self._assign(cell, space, slave, segment, options, explicit=True)

    # How they do it.

    def _space(self, name) -> tuple[str, str]:
        path = self._session.path(name)
        cell, _, space = path.rpartition("/")
        cells = self._session.design.cells
        if cell not in cells or space not in cells[cell].shape.spaces:
            raise CommandError(f'there is no address space "{name}"')
        return cell, space

    def _segment(self, name) -> tuple[str, str]:
        session, path = self._session, self._session.path(name)
        mapping = session.mapping(name)
        if mapping:
            return mapping.slave, mapping.segment
        cell = session.owner(path)
        cells = session.design.cells
        if cell not in cells or path.removeprefix(f"{cell}/") not in cells[cell].shape.segments:
            raise CommandError(f'there is no address segment "{name}"')
        return cell, path.removeprefix(f"{cell}/")

    def _spaces(self, options, segments) -> list[tuple[str, str]]:
        session = self._session
        if "-target_address_space" in options:
            names = session.split(options["-target_address_space"])
            if not names:
                session.blame_miss("expected an address space")
            return [self._space(name) for name in names]
        cells = session.design.cells.values()
        spaces = [(cell.name, space) for cell in cells for space in cell.shape.spaces]
        if not segments:
            return spaces
        return [key for key in spaces if any(segment in self._reachable(*key) for segment in segments)]

    def _reachable(self, cell, space) -> list[tuple[str, str]]:
        """(slave cell, segment path) of all that a space sees, in the order of its interfaces."""
        design, found = self._session.design, []
        for interface in design.cells[cell].shape.spaces[space].interfaces:
            for target in design.reachable(cell, interface):
                if target.cell in design.cells:
                    segments = design.cells[target.cell].shape.segments.values()
                    found += [(target.cell, item.path) for item in segments if item.interface == target.port]
        return found

    def _assign(self, cell, space, slave, segment, options, explicit):
        session = self._session
        shape = session.design.cells[slave].shape.segments[segment]
        old = session.mapped(cell, space, slave, segment)
        if old and not explicit:
            return None
        size = parse_size(options["-range"]) if "-range" in options else shape.size
        if "-offset" in options:
            offset = parse_size(options["-offset"])
        else:
            offset = self._free(cell, space, slave, shape, size)
        if offset is None or (not explicit and segment.endswith(_LEFT_OUT)):
            session.map(cell, space, slave, segment, None, 0)
            return None
        session.map(cell, space, slave, segment, offset, size)
        return f"{cell}/{space}/SEG_{slave.replace('/', '_')}_{segment.rpartition('/')[2]}"

    def _free(self, cell, space, slave, segment, size) -> int | None:
        """The segment's own address if it has one, else the lowest free one in the windows of its interface."""
        design = self._session.design
        shape = design.cells[cell].shape.spaces[space]
        behind = [i for i in shape.interfaces if Pin(slave, segment.interface) in design.reachable(cell, i)]
        windows = [window for i in behind for window in shape.windows.get(i, [(0, 2**shape.bits - 1)])]
        # A window that several interfaces see is used by the first of them: HPM1 has 0xA0000000 if HPM0 is off.
        first = shape.interfaces.index(behind[0]) if behind else 0
        before = [window for i in shape.interfaces[:first] for window in shape.windows.get(i, [])]
        windows.sort(key=lambda window: window in before)
        if segment.base is not None:
            fits = any(low <= segment.base and segment.base + size - 1 <= high for low, high in windows)
            return segment.base if fits else None
        taken = sorted(
            (m.offset, m.offset + m.size)
            for m in design.mappings
            if (m.master, m.space) == (cell, space) and m.offset is not None
        )
        for low, high in windows:
            offset = -(-(low + self._preferred(cell, slave, size)) // size) * size
            for begin, end in taken:
                if offset < end and begin < offset + size:
                    offset = -(-end // size) * size
            if offset + size - 1 <= high:
                return offset
        return None

    def _preferred(self, cell, slave, size) -> int:
        """Where in a window a slave begins: at its start, but with a Zynq-7000 at the place of its kind."""
        cells = self._session.design.cells
        if cells[cell].ip.name != "processing_system7" or size > _REGISTERS:
            return 0
        return _PLACES.get(cells[slave].ip.name, _OTHER_PLACE)
