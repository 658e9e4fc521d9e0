"""New names for what a design has: all that names it follows."""

import dataclasses
from collections.abc import Callable

from mlfpga.blockdesign.design import Design, Pin, parent_of
from mlfpga.blockdesign.sandbox import CommandError

# Kinds of objects that `set_property NAME` renames.
RENAMED = ("cell", "port", "interface port", "pin", "interface pin", "net", "interface net")


def rename(design: Design, kind: str, path: str, name: str) -> None:
    """Give the object at a path a new last name. CommandError if it is taken, or if an IP decides it."""
    level, old = parent_of(path), path.rpartition("/")[2]
    if kind == "cell":
        new = f"{level}/{name}".strip("/")
        if new in design.cells or new in design.hierarchies:
            raise CommandError(f'there is already a cell "{new}"')
        move_cells(design, lambda cell: new + cell.removeprefix(path) if f"{cell}/".startswith(f"{path}/") else cell)
    elif "net" in kind:
        wires = design.local_links if "interface" in kind else design.local_nets
        next(wire for wire in wires if (wire.level, wire.name) == (level, old)).name = name
    else:
        if level not in design.hierarchies:
            raise CommandError(f"{path} is a {kind} of an IP; it cannot be renamed")
        owner = design.hierarchies[level]
        table = owner.interfaces if "interface" in kind else owner.ports
        if name in owner.ports or name in owner.interfaces:
            raise CommandError(f'{level or "the design"} has a pin "{name}" already')
        table[name] = dataclasses.replace(table.pop(old), name=name)
        rename_ends(design, lambda pin: Pin(level, name) if pin == Pin(level, old) else pin)
    design.rewired()


def move_cells(design: Design, new_path: Callable[[str], str]) -> None:
    """Give cells, hierarchies, their wires and addresses the paths that `new_path` says."""
    design.cells = {new_path(path): cell for path, cell in design.cells.items()}
    design.hierarchies = {new_path(path): level for path, level in design.hierarchies.items()}
    for path, cell in [*design.cells.items(), *design.hierarchies.items()]:
        cell.name = path
    for wire in [*design.local_nets, *design.local_links]:
        wire.level = new_path(wire.level) if wire.level else ""
    design.mappings = [
        dataclasses.replace(m, master=new_path(m.master), slave=new_path(m.slave)) for m in design.mappings
    ]
    rename_ends(design, lambda pin: Pin(new_path(pin.cell), pin.port) if pin.cell else pin)


def rename_ends(design: Design, new_pin: Callable[[Pin], Pin]) -> None:
    """Put other pins at the ends of wires."""
    for net in design.local_nets:
        net.pins = {new_pin(pin): where for pin, where in net.pins.items()}
    for link in design.local_links:
        link.source, link.target = new_pin(link.source), new_pin(link.target)
        link.monitors = {new_pin(pin): where for pin, where in link.monitors.items()}
