"""The outside of a Verilog or SystemVerilog module: its parameters and ports, for module references.

Reads declarations only, in both styles (in the header, or after it), with `define`s of the same file and `ifdef`s.
"""

import re

from mlfpga.blockdesign.hdl import Module, ModulePort

_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\])*")', re.DOTALL)
_LITERAL = re.compile(r"(?:\d[\d_]*)?\s*'\s*[sS]?([bodhBODH])\s*([0-9a-fA-F_]+)")
_BASE = {"b": 2, "o": 8, "d": 10, "h": 16}
_TOKEN = re.compile(r"\(\*.*?\*\)|\[[^\]]*\]|[\w$]+(?:::\w+)?(?:\.\w+)?|=.*", re.DOTALL)
_DIRECTIONS = {"input": "I", "output": "O", "inout": "IO"}
_BODY_PORT = re.compile(r"((?:\(\*(?:[^*]|\*(?!\)))*\*\)\s*)?\b(?:input|output|inout)\b[^;)]*);")
_BODY_PARAMETER = re.compile(r"\b((?:parameter|localparam)\b[^;]*);")
_IGNORED = ("undef", "include", "timescale", "default_nettype", "resetall", "celldefine", "endcelldefine")
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')


def read_verilog(text: str, name: str) -> Module | None:
    """The module of this name in a source text, or None."""
    text = _preprocessed(_COMMENT.sub(lambda match: match[1] or " ", text))
    start = re.search(rf"\bmodule\s+(?:automatic\s+|static\s+)?{re.escape(name)}\b", text)
    if start is None:
        return None
    end = re.search(r"\bendmodule\b", text[start.end() :])
    rest = text[start.end() : start.end() + end.start() if end else None]
    rest = re.sub(r"^\s*(import\b[^;]*;\s*)*", "", rest)
    module = Module(name)
    declared = ""
    if rest.startswith("#"):
        declared, rest = _in_parentheses(rest[1:])
        _read_parameters(module, declared)
    header, body = _in_parentheses(rest) if rest.lstrip().startswith("(") else ("", rest)
    for declaration in [] if declared else _BODY_PARAMETER.findall(body):
        _read_parameters(module, declaration)
    if re.search(r"\b(input|output|inout)\b", header):
        _read_ports(module, header)
    else:
        for declaration in _BODY_PORT.findall(body):
            _read_ports(module, declaration)
    return module


def expression(text: str) -> str:
    """A constant expression of Verilog as one of the catalogue.

    >>> expression("$clog2(DEPTH) - 1"), expression("8'hFF"), expression("WIDE ? 64 : 32")
    ('log2(DEPTH) - 1', '255', '(64) if (WIDE) else (32)')
    """
    text = _LITERAL.sub(lambda match: str(int(match[2].replace("_", ""), _BASE[match[1].lower()])), text.strip())
    question = _at_top(text, "?")
    if question is not None:
        colon = _at_top(text, ":", question)
        if colon is not None:
            parts = text[question + 1 : colon], text[:question], text[colon + 1 :]
            return "({}) if ({}) else ({})".format(*map(expression, parts))
    text = re.sub(r"'([01])", r"\1", re.sub(r"(?<=\d)_(?=\d)", "", text)).replace("$clog2", "log2")
    text = text.replace("&&", " and ").replace("||", " or ")
    return re.sub(r"!(?!=)", " not ", re.sub(r"(?<!/)/(?!/)", "//", text)).strip()


def _preprocessed(text: str) -> str:
    """The text without directives: macros of this file filled in, and only the branches that are taken."""
    defined: dict[str, str] = {}
    kept, taken = [], [True]
    for line in text.splitlines():
        directive = re.match(r"\s*`(\w+)\s*(\w*)\s*(.*)", line)
        word, name = (directive[1], directive[2]) if directive else ("", "")
        if word in ("ifdef", "ifndef"):
            taken.append((name in defined) == (word == "ifdef"))
        elif word in ("else", "elsif") and len(taken) > 1:
            taken[-1] = not taken[-1] and (word == "else" or name in defined)
        elif word == "endif" and len(taken) > 1:
            taken.pop()
        elif not all(taken):
            continue
        elif word == "define":
            defined[name] = directive[3].strip()
        elif word not in _IGNORED:
            kept.append(re.sub(r"`(\w+)", lambda match: defined.get(match[1], match[0]), line))
    return "\n".join(kept)


def _read_parameters(module: Module, text: str) -> None:
    local = False
    for item in _split(text):
        words = re.match(r"\s*(parameter|localparam)?\s*(.*?)\b(\w+)\s*(?:\[[^=]*\]\s*)?=(.*)", item, re.DOTALL)
        if words:
            local = words[1] == "localparam" or local and words[1] is None
            table = module.constants if local else module.parameters
            table[words[3]] = words[4].strip() if words[4].strip().startswith('"') else expression(words[4])


def _read_ports(module: Module, text: str) -> None:
    direction = width = None
    for item in _split(text):
        tokens = _TOKEN.findall(item)
        attributes = [pair for token in tokens if token.startswith("(*") for pair in _ATTRIBUTE.findall(token)]
        tokens = [token for token in tokens if not token.startswith(("(*", "="))]
        words = [token for token in tokens if not token.startswith("[")]
        if not words:
            continue
        if words[0] in _DIRECTIONS:
            direction, width = _DIRECTIONS[words[0]], None
        ranges = [token for token in tokens[: tokens.index(words[-1])] if token.startswith("[")]
        if ranges or len(words) > 1:
            width = _width(ranges)
        if direction:
            module.ports[words[-1]] = ModulePort(words[-1], direction, width, dict(attributes))


def _width(ranges) -> str | None:
    """Bits of a packed vector, of several dimensions if need be."""
    widths = []
    for text in ranges:
        left, _, right = text[1:-1].partition(":")
        left, right = expression(left), expression(right)
        widths.append(f"({left}) + 1" if right == "0" else f"abs(({left}) - ({right})) + 1")
    return " * ".join(f"({width})" for width in widths) if len(widths) > 1 else widths[0] if widths else None


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _at_top(text, letter, start=0) -> int | None:
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if text[place] == letter and depth == 0:
            return place
    return None


def _in_parentheses(text: str) -> tuple[str, str]:
    """What stands in the parentheses that the text begins with, and what follows them."""
    text, depth = text.lstrip(), 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:place], text[place + 1 :]
    return text[1:], ""
