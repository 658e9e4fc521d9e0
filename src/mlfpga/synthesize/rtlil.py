"""Yosys' own text form of a design (RTLIL), cut into parts that can be synthesised alone.

Elaborated by `read_slang --keep-hierarchy`, every instance is a module of its own, with its parameters and memory
contents settled. What is cut out is renamed by the order in which names appear, so that equal blocks have equal texts,
and a block keeps its text when its neighbours change.
"""

import re
from dataclasses import dataclass
from functools import cached_property

# Names that tools made: up to the next blank, bare or in a string. The kinds of cells look alike; they follow `cell`.
_MADE = re.compile(r'(?<![^\s"])\$[^\s"]+')
_CELL = re.compile(r"^  cell (\S+) (\S+)$", re.MULTILINE)
_PORT = re.compile(r"^  wire .*\b(?:input|output|inout) \d+ .*$", re.MULTILINE)
_PLACE = re.compile(r"^ *attribute \\(?:src|hdlname|top) .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """One module: its name as RTLIL has it, its text, and its instances: name -> name of the module."""

    name: str
    text: str
    instances: dict[str, str]

    @cached_property
    def as_blackbox(self) -> str:
        """The module with its ports and nothing in it."""
        ports = "\n".join(_PORT.findall(self.text))
        return f"attribute \\blackbox 1\nmodule {self.name}\n{ports}\nend\n"


def modules(text: str) -> dict[str, Module]:
    """The modules of a design, by name."""
    text = _PLACE.sub("", text)
    parts = re.findall(r"^((?:attribute [^\n]*\n)*module (\S+)\n.*?^end\n)", text, re.MULTILINE | re.DOTALL)
    names = {name for _, name in parts}
    return {
        name: Module(name, part, {cell: kind for kind, cell in _CELL.findall(part) if kind in names})
        for part, name in parts
    }


def instances(design: dict[str, Module], top: str, level: int) -> dict[str, str]:
    """Path -> module of the instances `level` levels below `top`, and of those above that have none below them."""
    found = {}
    for name, kind in design[top].instances.items():
        below = instances(design, kind, level - 1) if level > 1 and design[kind].instances else None
        if below is None:
            found[name.lstrip("\\")] = kind
        else:
            found |= {f"{name.lstrip(chr(92))}.{path}": module for path, module in below.items()}
    return found


def cut(design: dict[str, Module], top: str, boxes: set[str], name: str) -> tuple[str, set[str]]:
    """The text of `top` and all below it, `top` called `name`; modules in `boxes` keep only their ports.

    Returns also the new names of the boxes.
    """
    order, waiting = [], [top]
    while waiting:
        module = waiting.pop(0)
        if module not in order:
            order.append(module)
            waiting += [] if module in boxes else design[module].instances.values()
    new = {module: f"\\{name}" if module == top else f"\\part{number}" for number, module in enumerate(order)}
    texts = [_renamed(design[module], new, module in boxes) for module in order]
    return "".join(texts), {new[module].lstrip("\\") for module in order if module in boxes}


def _renamed(module: Module, new: dict[str, str], boxed: bool) -> str:
    text = module.as_blackbox if boxed else module.text
    made: dict[str, str] = {}
    lines = []
    for line in text.split("\n"):
        start = ""
        cell = re.match(r"  cell (\S+) ", line)
        if cell:
            start, line = f"  cell {new.get(cell[1], cell[1])} ", line[cell.end() :]
        elif line.startswith("module "):
            start, line = f"module {new[module.name]}", ""
        lines.append(start + _MADE.sub(lambda found: made.setdefault(found[0], f"$made{len(made)}"), line))
    return "\n".join(lines)
