"""The outside of a VHDL entity: its generics and ports, for module references."""

import re

from mlfpga.blockdesign.hdl import Module, ModulePort

_DIRECTIONS = {"in": "I", "out": "O", "inout": "IO", "buffer": "O"}
_RANGE = re.compile(r"\((.*?)\s+(downto|to)\s+(.*)\)\s*$", re.I | re.S)
_ITEM = re.compile(
    r"^\s*(?:signal\s+|constant\s+)?([\w\s,]+?)\s*:\s*(.*?)\s*(?::=\s*(.*?))?\s*$", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(r'\battribute\s+(x_interface_\w+)\s+of\s+(\w+)\s*:\s*signal\s+is\s+"([^"]*)"', re.IGNORECASE)


def read_vhdl(text: str, name: str) -> Module | None:
    """The entity of this name (upper or lower case) in a source text, or None."""
    text = re.sub(r"--[^\n]*", " ", text)
    entity = re.search(rf"\bentity\s+({re.escape(name)})\s+is\b(.*?)\bend\b", text, re.I | re.S)
    if entity is None:
        return None
    module = Module(entity[1])
    for names, kind, default in _items(entity[2], "generic"):
        for one in names:
            module.parameters[one] = _default(kind, default)
    attributes: dict[str, dict] = {}
    for what, port, value in _ATTRIBUTE.findall(text):
        attributes.setdefault(port.lower(), {})[what.upper()] = value
    for names, kind, _ in _items(entity[2], "port"):
        word, _, kind = kind.partition(" ") if kind.partition(" ")[0].lower() in _DIRECTIONS else ("in", "", kind)
        for one in names:
            known = attributes.get(one.lower(), {})
            module.ports[one] = ModulePort(one, _DIRECTIONS[word.lower()], _width(kind), known)
    return module


def expression(text: str) -> str:
    """A constant expression of VHDL as one of the catalogue.

    >>> expression("WIDTH/8 - 1"), expression('x"FF"')
    ('WIDTH//8 - 1', '255')
    """
    text = re.sub(r'[xX]"([0-9a-fA-F_]+)"', lambda match: str(int(match[1].replace("_", ""), 16)), text.strip())
    text = re.sub(r"(?<!/)/(?![/=])", "//", text)
    return re.sub(r"\bmod\b", "%", text, flags=re.IGNORECASE)


def _items(text, section):
    """(names, type, default) of each declaration in `generic (…)` or `port (…)`."""
    start = re.search(rf"\b{section}\s*\(", text, re.IGNORECASE)
    if start is None:
        return
    depth, place = 1, start.end()
    while place < len(text) and depth:
        depth += (text[place] == "(") - (text[place] == ")")
        place += 1
    for item in text[start.end() : place - 1].split(";"):
        match = _ITEM.match(item)
        if match:
            yield [one.strip() for one in match[1].split(",")], " ".join(match[2].split()), match[3]


def _default(kind, default) -> str:
    if default is None:
        return "0"
    if kind.lower().startswith("string"):
        return default
    return {"true": "1", "false": "0"}.get(default.lower(), expression(default).strip("'"))


def _width(kind) -> str | None:
    bounds = _RANGE.search(kind)
    if bounds is None:
        return None
    left, right = expression(bounds[1]), expression(bounds[3])
    high, low = (left, right) if bounds[2].lower() == "downto" else (right, left)
    return f"({high}) + 1" if low == "0" else f"abs(({high}) - ({low})) + 1"
