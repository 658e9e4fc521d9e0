"""Settings files: overrides of vivado/settings.tcl, written as Tcl."""

import re
from pathlib import Path


def settings_text(settings: dict) -> str:
    """A Tcl file that sets `settings(name)` for each name. Values become text; a path becomes an absolute one, a list
    a Tcl list (of words without braces).

    Values are quoted as Tcl words, so that none can end its word and run as a command.
    """
    lines = ["# Written by mlfpga: overrides of vivado/settings.tcl.\n"]
    for name, value in settings.items():
        if not re.fullmatch(r"\w+", name):
            raise ValueError(f'setting name "{name}" is not a word')
        lines.append(f"set settings({name}) {_word(_text(value))}\n")
    return "".join(lines)


def _text(value) -> str:
    if isinstance(value, (list, tuple)):
        words = [_text(item) for item in value]
        return " ".join(word if re.fullmatch(r"\S+", word) else "{" + word + "}" for word in words)
    if isinstance(value, Path):
        return str(value.resolve())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _word(text: str) -> str:
    """Text as one Tcl word in double quotes.

    >>> print(_word('a [exit] $b "c"'))
    "a \\[exit] \\$b \\"c\\""
    """
    return '"' + re.sub(r'([\\"$\[])', r"\\\1", text) + '"'
