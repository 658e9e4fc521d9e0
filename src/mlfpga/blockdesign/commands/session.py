"""What the recorded commands share: the design so far, the open project, and how names in a script become objects.

Objects are what they are in Vivado when printed: /decoder/axi_dma_0 is a cell, /decoder/axi_dma_0/axi_resetn a pin. A
name without the leading slash starts at the current instance.
"""

import dataclasses
import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field

from mlfpga.blockdesign.boards import find_board
from mlfpga.blockdesign.catalogue import IP, CatalogueError, did_you_mean
from mlfpga.blockdesign.design import Cell, Design, Hierarchy, Link, Mapping, Net, Pin, Where, level_of, parent_of
from mlfpga.blockdesign.expressions import number
from mlfpga.blockdesign.sandbox import CommandError, Sandbox

# Kinds of objects, in the order in which a name is looked up.
KINDS = ("cell", "pin", "interface pin", "port", "interface port", "net", "interface net", "space", "segment")


@dataclass
class Session:
    """One run of a script.

    catalogue   the IPs that exist, by VLNV
    read_repository, find_module   how IPs come from a folder that the script names, and from source files
    add_sources note the source files that the script adds
    files       paths of files that Vivado would have written
    added       files that the script has added to the project
    instance    the current instance: the hierarchy where relative names start
    properties  what the script has set on objects that the dry run has no model of, by (object, NAME)
    done        steps that later ones need ("wrapper", …)
    missed      what a get_… command did not find, with its line: Vivado warns and goes on with an empty list
    """

    catalogue: dict[str, IP]
    files: set[str]
    read_repository: Callable[[str], dict[str, IP]]
    find_module: Callable[[str], IP]
    add_sources: Callable[[list[str]], None]
    design: Design = field(default_factory=Design)
    sandbox: Sandbox | None = None
    instance: str = ""
    project: str = ""
    folder: str = ""
    properties: dict[tuple[str, str], str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    added: dict[str, None] = field(default_factory=dict)
    missed: list[tuple[str, Where | None]] = field(default_factory=list)

    # The script.

    @property
    def where(self) -> Where | None:
        return self.sandbox.where

    def split(self, text: str) -> list[str]:
        """The elements of a Tcl list."""
        return list(self.sandbox.split(text))

    def words(self, words) -> list[str]:
        """The elements of all lists, in one list."""
        return [item for word in words for item in self.split(word)]

    def need(self, condition, message: str) -> None:
        if not condition:
            raise CommandError(message)

    def miss(self, command: str, message: str) -> None:
        """Nothing was found. If what follows fails because of it, this is the cause that is told."""
        self.missed.append((f"{command}: {message}", self.where))

    def blame_miss(self, message: str) -> None:
        """Fail: an object is missing. The newest miss says why, and at which line, if there is one."""
        if self.missed:
            told, where = self.missed[-1]
            raise CommandError(told, where=where, whole=True)
        raise CommandError(message)

    def wrote(self, path) -> None:
        """Vivado would have written this file."""
        self.files.add(str(self.sandbox.resolve(path)))

    # Names.

    def path(self, name: str) -> str:
        """The full path of a name, without the leading slash."""
        if name.startswith("/"):
            return name.strip("/")
        return f"{self.instance}/{name}".strip("/")

    def find_ip(self, vlnv: str) -> IP:
        """An IP by VLNV; without a version, or with * in it, the newest that fits."""
        wanted = vlnv.rstrip(":") + (":*" if vlnv.rstrip(":").count(":") == 2 else "")
        found = fnmatch.filter(self.catalogue, wanted)
        if not found:
            known = [name for name in self.catalogue if name.rpartition(":")[0] == wanted.rpartition(":")[0]]
            close = f"; the dry run knows {', '.join(sorted(known))}" if known else did_you_mean(vlnv, self.catalogue)
            raise CommandError(f'there is no IP "{vlnv}"{close}')
        return self.catalogue[max(found, key=version_of)]

    def owner(self, path: str) -> str | None:
        """The cell, hierarchy or "" that a path of a pin, interface, space or segment belongs to."""
        name = parent_of(path)
        while name and name not in self.design.cells and name not in self.design.hierarchies:
            name = parent_of(name)
        return name

    def pin(self, name: str, what: str) -> Pin:
        """The pin or interface ("pin", "interface") of this name. CommandError says what is missing."""
        path = self.path(name)
        cell, port = parent_of(path), path.rpartition("/")[2]
        if not cell and not name.startswith("/") and self.instance:
            cell = self.instance
        if cell not in self.design.cells and cell not in self.design.hierarchies:
            known = [*self.design.cells, *filter(None, self.design.hierarchies)]
            raise CommandError(f'there is no cell "{cell}"{did_you_mean(cell, known)}')
        shape = self.design.shape(cell)
        if what == "pin":
            self._reveal(cell, port)
        if port not in (shape.pins if what == "pin" else shape.interfaces):
            title = "the design" if not cell else cell
            if cell in self.design.cells:
                title += f" ({self.design.cells[cell].ip.name})"
            raise CommandError(f'{title} has no {what} "{port}"{shape.missing(port, what)}')
        return Pin(cell, port)

    def _reveal(self, cell: str, port: str) -> None:
        """A single signal of a hierarchy's interface becomes a pin of the hierarchy when a script calls it by name."""
        if cell in self.design.hierarchies and port not in self.design.shape(cell).ports:
            signal = self.design.pin_of_interface(cell, port)
            if signal:
                self.design.hierarchies[cell].ports[port] = signal

    def net(self, name: str) -> Net | None:
        path = self.path(name)
        return next((net for net in self.design.local_nets if _joined(net.level, net.name) == path), None)

    def link(self, name: str) -> Link | None:
        path = self.path(name)
        return next((link for link in self.design.local_links if _joined(link.level, link.name) == path), None)

    def kind_of(self, name: str) -> str | None:
        """Which kind of object a name is, or None."""
        path, design = self.path(name), self.design
        cell, last = parent_of(path), path.rpartition("/")[2]
        if path in design.cells or path in design.hierarchies:
            return "cell"
        if cell in design.cells or cell in design.hierarchies:
            self._reveal(cell, last)
            shape = design.shape(cell)
            for table, kind in ((shape.pins, "pin"), (shape.interfaces, "interface pin")):
                if last in table:
                    return kind if cell else kind.replace("pin", "port")
            if cell in design.cells and last in design.cells[cell].shape.spaces:
                return "space"
        if self.net(name):
            return "net"
        if self.link(name):
            return "interface net"
        owner = self.owner(path)
        if owner in design.cells and path.removeprefix(f"{owner}/") in design.cells[owner].shape.segments:
            return "segment"
        return "mapping" if self.mapping(name) else None

    def mapping(self, name: str):
        """The mapping that a master's segment (/ps/Data/SEG_axi_dma_0_Reg) stands for, or None."""
        path = self.path(name)
        return next((m for m in self.design.mappings if mapping_path(m) == path), None)

    # Changes.

    def add_cell(self, path: str, ip: IP | None) -> str:
        """A new cell, or without an IP a new hierarchy."""
        design = self.design
        taken = design.cells.get(path) or design.hierarchies.get(path)
        if taken:
            raise CommandError(f'there is already a cell "{path}" ({taken.where})')
        self.need(parent_of(path) in design.hierarchies, f'there is no hierarchy "{parent_of(path)}" for {path}')
        if ip is None:
            design.hierarchies[path] = Hierarchy(path, self.where)
        else:
            design.cells[path] = Cell(path, ip, self.where)
        design.rewired()
        return f"/{path}"

    def connect(self, pins: list[Pin], name: str = "") -> Net:
        """Put pins on one wire; wires that they are on already become one with it."""
        design, where = self.design, self.where
        level = level_of(design, pins, self.instance)
        if level is None:
            raise CommandError(
                f"{pins[0]} and {pins[-1]} lie in different hierarchies; a pin of the hierarchy joins them"
            )
        touched = [net for net in design.local_nets if net.level == level and any(pin in net.pins for pin in pins)]
        named = next((net for net in design.local_nets if net.level == level and name and net.name == name), None)
        if named and named not in touched:
            touched.append(named)
        joined = {pin: line for old in touched for pin, line in old.pins.items()}
        for pin in pins:
            joined.setdefault(pin, where)
        net = Net(joined, name or (touched[0].name if touched else _net_name(design, pins)), level)
        before = design.local_nets
        design.local_nets = [old for old in before if old not in touched] + [net]
        design.rewired()
        for flat in {id(flat): flat for pin in joined if (flat := design.net_of(pin))}.values():
            drivers = [pin for pin in flat.pins if design.drives(pin)]
            if len(drivers) > 1:
                design.local_nets = before
                design.rewired()
                raise CommandError(f"{drivers[0]} and {drivers[1]} would drive the same wire")
        return net

    def connect_interfaces(self, pins: list[Pin], name: str = "") -> Link:
        """Connect a master and a slave (in any order); a monitor joins a connection that exists."""
        design = self.design
        level = level_of(design, pins, self.instance)
        if level is None:
            raise CommandError(
                f"{pins[0]} and {pins[-1]} lie in different hierarchies; a pin of the hierarchy joins them"
            )
        monitors = [pin for pin in pins if design.interface(pin).type == "MONITOR"]
        ends = [pin for pin in pins if pin not in monitors]
        if monitors:
            return self._listen(ends, monitors, level)
        self.need(len(ends) == 2, f"expected two interfaces, not {len(ends)}")
        for pin in ends:
            other = self._linked(pin, level)
            if other:
                raise CommandError(f"{pin} is already connected to {other}")
        first, second = (design.interface(pin) for pin in ends)
        if first.bus != second.bus:
            raise CommandError(f"{ends[0]} is {first.bus} and {ends[1]} is {second.bus}; they cannot be connected")
        gives = [design.interface(pin).drives != (level == pin.cell and not design.cells.get(pin.cell)) for pin in ends]
        if gives[0] == gives[1]:
            raise CommandError(f"{ends[0]} and {ends[1]} are both {first.type.lower()}s; one must be the other kind")
        source, target = ends if gives[0] else reversed(ends)
        link = Link(source, target, self.where, name or source.port if not source.cell else
                    name or f"{source.cell.rpartition('/')[2]}_{source.port}", level)  # fmt: skip
        design.local_links.append(link)
        design.rewired()
        self.follow_wires()
        return link

    def _listen(self, ends, monitors, level):
        for link in self.design.local_links:
            if link.level == level and any(pin in (link.source, link.target) for pin in ends):
                link.monitors |= dict.fromkeys(monitors, self.where)
                self.design.rewired()
                return link
        raise CommandError(f"{monitors[0]} only listens; connect the master and the slave first")

    def _linked(self, pin, level):
        """The other end of the connection that a pin has on a level, or None."""
        for link in self.design.local_links:
            if link.level == level and pin in (link.source, link.target):
                return link.target if pin == link.source else link.source
        return None

    def follow_wires(self) -> None:
        """Parameters that an IP takes on from the other end of a wire, as Vivado's validation does, until all agree."""
        for _ in range(len(self.design.cells) + 1):
            if not any([self._follow(cell) for cell in self.design.cells.values()]):
                return

    def _follow(self, cell) -> bool:
        found = {name: self._other_end(cell, rules) for name, rules in cell.ip.following.items()}
        followed = {name: str(value) for name, value in found.items() if value is not None}
        changed = followed != cell.followed
        cell.followed = followed
        return changed

    def _other_end(self, cell, rules):
        """What a parameter takes on from the first of its interfaces, pins or segments that is connected, or None."""
        design, what = self.design, rules.get("takes", "data_bits")
        sources = rules["follows"] if isinstance(rules["follows"], list) else [rules["follows"]]
        for source in sources:
            pin = Pin(cell.name, source)
            if source in cell.shape.interfaces and (partner := design.partner(pin)):
                return design.interface(partner).propagated(what)
            if source in cell.shape.ports and (net := design.net_of(pin)) and (driver := design.driver(net)):
                return design.port(driver).propagated(what)
            if source in cell.shape.segments:
                sizes = [m.size for m in design.mappings if (m.slave, m.segment) == (cell.name, source)]
                if sizes:
                    return max(sizes) * 8 // number(cell.values[rules["word_bits"]])
        return None

    def make_external(self, pin: Pin, name: str) -> None:
        """An interface of the design, of the kind of `pin`, connected to it."""
        interface = dataclasses.replace(self.design.interface(pin), name=name, prefix=f"{name}_")
        self.design.hierarchies[""].interfaces[name] = interface
        self.design.rewired()
        self.connect_interfaces([pin, Pin("", name)])

    def apply_preset(self, cell: Cell) -> None:
        """The board's values for a processing system. Board files belong to Vivado; only some boards are known here."""
        board = find_board(self.design.board_part)
        if board and cell.ip.vlnv.rpartition(":")[0] == board.ip:
            for name, value in board.preset.items():
                self.set_parameter(cell, name, value)
            return
        named = self.design.board_part or "no board"
        self.remark(f"the preset of {named} is not known here; {cell.name} keeps the values that the script sets")
        if self.design.board_part and cell.ip.name == "zynq_ultra_ps_e":
            # What the presets of common boards have in common, and scripts for them build on.
            for name, value in (("GP0", "1"), ("GP1", "1"), ("GP2", "0")):
                self.set_parameter(cell, f"PSU__USE__M_AXI_{name}", value)

    def set_parameter(self, cell: Cell, name: str, value: str) -> None:
        """CONFIG.<name> of a cell."""
        parameter, _, aspect = name.partition(".")
        if aspect.upper() == "VALUE_SRC" and parameter in cell.ip.parameters:
            return  # who has set the value (USER, …): only the value itself counts here
        try:
            cell.ip.check_parameter(name, value)
        except CatalogueError as error:
            raise CommandError(f"{cell.name}: {error}", word=f"CONFIG.{name}") from error
        cell.changes[name] = cell.ip.written(name, value)
        cell.changed_at[name] = self.sandbox.where_of(f"CONFIG.{name}")
        if not cell.ip.decides(name):
            return
        try:
            _ = cell.values
        except ValueError as error:
            raise CommandError(f"{cell.name}: {error}", word=f"CONFIG.{name}") from error
        self.design.rewired()

    def set_other(self, item: str, kind: str | None, name: str, value: str) -> None:
        """A property that is not a cell's parameter. What the design depends on takes effect, all else is kept."""
        design, path = self.design, self.path(item)
        port = design.hierarchies[""].ports.get(path) if kind == "port" else None
        if port and name == "CONFIG.FREQ_HZ":
            design.hierarchies[""].ports[path] = dataclasses.replace(port, megahertz=float(value) / 1e6)
        elif port and name == "CONFIG.POLARITY":
            design.hierarchies[""].ports[path] = dataclasses.replace(port, polarity=value)
        elif item == self.project and name == "PART":
            design.part = value
        elif item == self.project and name == "BOARD_PART":
            design.board_part = value
            design.part = board.part if (board := find_board(value)) else design.part
        elif name == "IP_REPO_PATHS":
            self.add_repositories(self.split(value))
        elif name == "TOP" and value != f"{self.design.name}_wrapper":
            self.done.add("wrapper")  # a top module of the script's own
        self.properties[item, name] = value

    def add_repositories(self, folders: list[str]) -> None:
        """IPs (component.xml) in folders that the script names join the catalogue."""
        for folder in folders:
            self.catalogue |= {vlnv: ip for vlnv, ip in self.read_repository(folder).items()
                               if vlnv not in self.catalogue}  # fmt: skip

    def map(self, master: str, space: str, slave: str, segment: str, offset: int | None, size: int) -> None:
        """Put a segment into a space at an offset, or (None) exclude it; an older place of it is forgotten."""
        old = self.mapped(master, space, slave, segment)
        if old:
            self.design.mappings.remove(old)
        self.design.mappings.append(Mapping(master, space, slave, segment, offset, size, self.where))

    def mapped(self, master: str, space: str, slave: str, segment: str) -> Mapping | None:
        """Where a segment stands in a space, or None."""
        key = (master, space, slave, segment)
        return next((m for m in self.design.mappings if (m.master, m.space, m.slave, m.segment) == key), None)

    def change_mapping(self, mapping: Mapping, name: str, value: int) -> None:
        """A new offset or range ("offset", "range") of a mapped segment."""
        changed = {"offset": "offset", "range": "size"}[name]
        place = self.design.mappings.index(mapping)
        self.design.mappings[place] = dataclasses.replace(mapping, **{changed: value}, where=self.where)

    def remark(self, message: str, severity: str = "warning") -> None:
        """Something for the list of findings: by default what Vivado would only warn of."""
        self.design.remarks.append((severity, message, self.where))

    def matching(self, paths, patterns: list[str]) -> list[str]:
        """Paths that a pattern stands for; * and ? stay within one level."""
        wanted = [self.path(pattern).split("/") for pattern in patterns]
        return [path for path in paths if any(_matches(path.split("/"), pattern) for pattern in wanted)]


def version_of(vlnv: str) -> list[int]:
    """The version of a VLNV as numbers, so that 4.10 is newer than 4.9."""
    return [int(part) if part.isdecimal() else 0 for part in vlnv.rpartition(":")[2].split(".")]


def mapping_path(mapping) -> str:
    """Vivado's name of a mapped segment: ps/Data/SEG_axi_dma_0_Reg."""
    return (
        f"{mapping.master}/{mapping.space}/SEG_{mapping.slave.replace('/', '_')}_{mapping.segment.rpartition('/')[2]}"
    )


def _matches(parts, pattern):
    return len(parts) == len(pattern) and all(map(fnmatch.fnmatchcase, parts, pattern))


def _joined(level, name):
    return f"{level}/{name}".strip("/")


def _net_name(design, pins):
    """Vivado calls a wire after what drives it, else after its first pin."""
    named = next((pin for pin in pins if design.drives(pin)), pins[0])
    return f"{named.cell.rpartition('/')[2]}_{named.port}" if named.cell else named.port
