"""Commands that make and remove the parts of a block design: designs, cells, hierarchies, their pins, and ports."""

import dataclasses
import re
from pathlib import Path

from mlfpga.blockdesign.catalogue import CatalogueError, Interface, Port
from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.renaming import move_cells
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.design import Pin, parent_of
from mlfpga.blockdesign.sandbox import CommandError

_DESIGN_OPTIONS = ["-dir", "-cell", "-srcset", "-bdsource", "-mode", "-boundary_from", "-boundary_from_container"]
_MODES = {
    "master": "MASTER",
    "slave": "SLAVE",
    "monitor": "MONITOR",
    "mirroredmaster": "SLAVE",
    "mirroredslave": "MASTER",
}
_KINDS = {
    "clk": "clk",
    "rst": "rst",
    "intr": "INTERRUPT",
    "ce": "undef",
    "data": "undef",
    "undef": "undef",
    "other": "undef",
}


class StructureCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session

    # Designs.

    def create_bd_design(self, *words):
        session = self._session
        if not session.project:
            session.remark("there is no open project; the one that the script expects is taken to be empty")
        _, (name,) = parse_options(words, flags=["-boundary"], valued=_DESIGN_OPTIONS)
        session.need(not session.design.name, f'there is already a block design "{session.design.name}"')
        session.design.name = name
        return name

    def open_bd_design(self, *words):
        _, (path,) = parse_options(words, flags=["-auto_upgrade"])
        design = self._session.design
        design.name = design.name or Path(path).stem
        return design.name

    def close_bd_design(self, *words):
        parse_options(words)

    def current_bd_design(self, *words):
        parse_options(words)
        return self._session.design.name

    def get_bd_designs(self, *words):
        parse_options(words, flags=["-regexp", "-nocase"], valued=["-filter", "-of_objects"])
        return [self._session.design.name] if self._session.design.name else []

    def validate_bd_design(self, *words):
        """Findings are made of the finished design, by `Design.check`."""
        parse_options(words, flags=["-force", "-include_pfm", "-assign_dfx_addressing"], valued=["-design"])
        self._session.follow_wires()
        self._session.design.validated = True

    def current_bd_instance(self, *words):
        _, names = parse_options(words)
        session = self._session
        if names and names[0] in (".", "", "/"):
            session.instance = session.instance if names[0] == "." else ""
        elif names:
            path = session.path(names[0])
            session.need(path in session.design.hierarchies, f'there is no hierarchy "{names[0]}"')
            session.instance = path
        return f"/{session.instance}"

    # Cells.

    def create_bd_cell(self, *words):
        options, (name,) = parse_options(
            words, flags=["-combine_si_xi", "-revision"], valued=["-type", "-vlnv", "-reference", "-srcset"]
        )
        session = self._session
        session.need(session.design.name, "there is no block design; create_bd_design makes one")
        path = session.path(name)
        kind = options.get("-type", "ip")
        if kind == "hier":
            return session.add_cell(path, None)
        if kind == "module":
            return session.add_cell(path, self._module(options.get("-reference", "")))
        session.need(kind == "ip", f"-type {kind} is not modelled; the dry run makes cells of type ip, hier and module")
        session.need("-vlnv" in options, "which IP? -vlnv vendor:library:name:version says it")
        return session.add_cell(path, session.find_ip(options["-vlnv"]))

    def can_resolve_reference(self, *words):
        _, names = parse_options(words)
        try:
            for name in self._session.words(names):
                self._module(name)
        except CommandError:
            return 0
        return 1

    def group_bd_cells(self, *words):
        """Move cells into a hierarchy, made if it does not exist; wires that cross its border get a pin there."""
        options, names = parse_options(words, valued=["-prefix"])
        session = self._session
        names = session.words(names)
        session.need(names, "expected the hierarchy's name and the cells")
        target = session.path(names[0])
        if target not in session.design.hierarchies:
            session.add_cell(target, None)
        self._move(target, [session.path(name) for name in names[1:]])
        return f"/{target}"

    def move_bd_cells(self, *words):
        _, names = parse_options(words, valued=["-prefix"])
        session = self._session
        target, *cells = [session.path(name) for name in session.words(names)]
        session.need(target in session.design.hierarchies, f'there is no hierarchy "{target}"')
        self._move(target, cells)
        return f"/{target}"

    def copy_bd_objs(self, *words):
        """Cells with their parameters, under the next free numbers; wires are not copied."""
        options, (target, *names) = parse_options(words, valued=["-prefix", "-from_design"])
        session, design = self._session, self._session.design
        session.need("-from_design" not in options, "copying from another design is not modelled")
        level = session.path(target) + "/" if target != "/" else ""
        made = []
        for name in session.words(names):
            old = session.path(name)
            session.need(old in design.cells, f"{name} cannot be copied: the dry run copies cells of IPs only")
            new = f"{level}{options.get('-prefix', '')}{old.rpartition('/')[2]}"
            if new in design.cells:
                new = self._free_name(re.sub(r"_\d+$", "", new) + "_0", design.cells)
            made.append(session.add_cell(new, design.cells[old].ip))
            for parameter, value in design.cells[old].changes.items():
                session.set_parameter(design.cells[new], parameter, value)
        return made

    def delete_bd_objs(self, *words):
        _, names = parse_options(words)
        session = self._session
        for name in session.words(names):
            kind = session.kind_of(name)
            session.need(kind, f'there is no object "{name}"')
            self._delete(kind, name)
        session.design.rewired()

    def replace_bd_cell(self, *words):
        raise CommandError("replacing cells is not modelled; create the other cell in the first place")

    # Pins of hierarchies, and ports of the design.

    def create_bd_pin(self, *words):
        session = self._session
        name, port = self._new_port(words)
        path = session.path(name)
        owner = parent_of(path)
        session.need(owner in session.design.hierarchies and owner, f'"{name}": pins are made on hierarchies only')
        session.design.hierarchies[owner].ports[port.name] = port
        return f"/{path}"

    def create_bd_port(self, *words):
        session = self._session
        _, port = self._new_port(words)
        session.design.hierarchies[""].ports[port.name] = port
        session.design.rewired()
        return f"/{port.name}"

    def create_bd_intf_pin(self, *words):
        session = self._session
        name, interface = self._new_interface(words)
        path = session.path(name)
        owner = parent_of(path)
        session.need(owner in session.design.hierarchies and owner, f'"{name}": pins are made on hierarchies only')
        session.design.hierarchies[owner].interfaces[interface.name] = interface
        return f"/{path}"

    def create_bd_intf_port(self, *words):
        session = self._session
        _, interface = self._new_interface(words)
        session.design.hierarchies[""].interfaces[interface.name] = interface
        session.design.rewired()
        return f"/{interface.name}"

    def make_bd_pins_external(self, *words):
        """A port of the same kind for each pin, called after it (with _0), and wired to it."""
        options, names = parse_options(words, valued=["-name"])
        session = self._session
        made = []
        for name in session.words(names):
            pin = session.pin(name, "pin")
            port = session.design.port(pin)
            new = options.get("-name") or self._free_name(f"{port.name}_0", session.design.hierarchies[""].ports)
            session.design.hierarchies[""].ports[new] = dataclasses.replace(port, name=new, optional=True)
            session.design.rewired()
            session.connect([pin, Pin("", new)])
            made.append(f"/{new}")
        return made

    def make_bd_intf_pins_external(self, *words):
        options, names = parse_options(words, valued=["-name"])
        session = self._session
        made = []
        for name in session.words(names):
            pin = session.pin(name, "interface")
            table = session.design.hierarchies[""].interfaces
            new = options.get("-name") or self._free_name(f"{pin.port}_0", table)
            session.make_external(pin, new)
            made.append(f"/{new}")
        return made

    # How they do it.

    def _module(self, name):
        try:
            return self._session.find_module(name)
        except CatalogueError as error:
            raise CommandError(str(error)) from error

    def _new_port(self, words):
        options, (name,) = parse_options(words, valued=["-dir", "-type", "-from", "-to", "-freq_hz", "-portwidth"])
        session = self._session
        direction = options.get("-dir", "").upper()
        session.need(direction in ("I", "O", "IO"), f'-dir "{options.get("-dir", "")}" is none of I, O, IO')
        kind = options.get("-type", "undef")
        session.need(kind in _KINDS, f"-type {kind} is none of {', '.join(_KINDS)}")
        width = int(options["-from"]) - int(options.get("-to", 0)) + 1 if "-from" in options else None
        megahertz = float(options["-freq_hz"]) / 1e6 if "-freq_hz" in options else None
        port = Port(name.rpartition("/")[2], direction, _KINDS[kind], width, optional=True, megahertz=megahertz)
        return name, port

    def _new_interface(self, words):
        options, (name,) = parse_options(words, valued=["-mode", "-vlnv"])
        session = self._session
        mode = options.get("-mode", "").lower()
        session.need(mode in _MODES, f'-mode "{options.get("-mode", "")}" is none of Master, Slave, Monitor')
        bus = options.get("-vlnv", ":::").split(":")[2].removesuffix("_rtl")
        short = name.rpartition("/")[2]
        interface = Interface(short, _MODES[mode], bus, clock="", prefix=f"{short}_", case="lower", signals=None)
        return name, interface

    @staticmethod
    def _free_name(name, taken):
        stem, number = name.removesuffix("_0"), 0
        while f"{stem}_{number}" in taken:
            number += 1
        return f"{stem}_{number}"

    def _delete(self, kind, name):
        design, path = self._session.design, self._session.path(name)
        pin = Pin(parent_of(path), path.rpartition("/")[2])
        if kind == "cell":
            gone = [path, *(other for other in (*design.cells, *design.hierarchies) if other.startswith(f"{path}/"))]
            for cell in gone:
                design.cells.pop(cell, None)
                design.hierarchies.pop(cell, None)
            self._unwire(lambda end: end.cell in gone)
            design.mappings = [m for m in design.mappings if m.master not in gone and m.slave not in gone]
        elif kind == "net":
            design.local_nets.remove(self._session.net(name))
        elif kind == "interface net":
            design.local_links.remove(self._session.link(name))
        elif kind == "mapping":
            design.mappings.remove(self._session.mapping(name))
        elif kind in ("pin", "port", "interface pin", "interface port") and pin.cell in design.hierarchies:
            owner = design.hierarchies[pin.cell]
            (owner.interfaces if "interface" in kind else owner.ports).pop(pin.port)
            self._unwire(lambda end: end == pin)
        else:
            raise CommandError(f"{name} is a {kind} of an IP; only the IP's parameters can remove it")

    def _unwire(self, gone):
        design = self._session.design
        for net in design.local_nets:
            net.pins = {pin: where for pin, where in net.pins.items() if not gone(pin)}
        design.local_nets = [net for net in design.local_nets if net.pins]
        design.local_links = [link for link in design.local_links if not gone(link.source) and not gone(link.target)]

    def _move(self, target: str, cells: list[str]) -> None:
        session = self._session
        design = session.design
        for cell in cells:
            session.need(cell in design.cells or cell in design.hierarchies, f'there is no cell "{cell}"')
            session.need(parent_of(cell) == parent_of(target), f"{cell} and {target} lie in different hierarchies")
        inside, outer = tuple(f"{cell}/" for cell in cells), parent_of(target)

        def new_path(path: str) -> str:
            moves = path in cells or path.startswith(inside)
            return f"{target}/{path.removeprefix(f'{outer}/')}" if moves else path

        self._cross_border(target, set(cells))
        move_cells(design, new_path)
        design.rewired()

    def _cross_border(self, target, cells):
        """Cut each wire that crosses the new border in two, joined by a new pin of the hierarchy."""
        design, session = self._session.design, self._session
        level, border = parent_of(target), design.hierarchies[target]
        for net in [net for net in design.local_nets if net.level == level]:
            inner = {pin: where for pin, where in net.pins.items() if pin.cell in cells}
            if not inner:
                continue
            outer = {pin: where for pin, where in net.pins.items() if pin.cell not in cells}
            if outer:
                first = next((pin for pin in net.pins if design.drives(pin)), next(iter(inner)))
                port = design.port(next(iter(inner)))
                direction = "O" if first in inner and design.drives(first) else "I"
                name = self._unique(first.port, border.ports)
                border.ports[name] = dataclasses.replace(port, name=name, direction=direction, optional=True)
                inner[Pin(target, name)] = outer[Pin(target, name)] = session.where
                design.local_nets.append(type(net)(outer, net.name, level))
            net.pins, net.level = inner, target
        for link in [link for link in design.local_links if link.level == level]:
            ends = [link.source.cell in cells, link.target.cell in cells]
            if all(ends):
                link.level = target
            elif any(ends):
                own = link.source if ends[0] else link.target
                interface = design.interface(own)
                name = self._unique(own.port, border.interfaces)
                border.interfaces[name] = dataclasses.replace(interface, name=name)
                pin = Pin(target, name)
                outside = dataclasses.replace(link, **({"source": pin} if ends[0] else {"target": pin}))
                link.level = target
                if ends[0]:
                    link.target = pin
                else:
                    link.source = pin
                design.local_links.append(outside)

    @staticmethod
    def _unique(name, taken):
        number, free = 0, name
        while free in taken:
            number += 1
            free = f"{name}{number}"
        return free
