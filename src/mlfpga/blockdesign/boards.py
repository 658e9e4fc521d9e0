"""Boards that the dry run knows: the part, and what the board's preset sets on its processing system.

One JSON file per board stands in the folder boards/: its part, ip (vendor:library:name of the processing system),
parameters that all variants have, and boards: the variants, by board part without its version, with their own ones.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "boards"


@dataclass(frozen=True)
class Board:
    """A board: its part, the processing system that its preset is for, and the preset's parameters."""

    part: str
    ip: str
    preset: dict


def find_board(board_part: str) -> Board | None:
    """The board of a board part ("realdigital.org:aup-zu3-8gb:part0:1.0"; the end may be missing), or None.

    >>> find_board("realdigital.org:aup-zu3-8gb:part0:1.0").part
    'xczu3eg-sfvc784-2-e'
    """
    return _boards().get(":".join(board_part.split(":")[:2]))


def board_names() -> list[str]:
    """vendor:name of the boards, as board parts begin."""
    return list(_boards())


@cache
def _boards() -> dict[str, Board]:
    found = {}
    for path in sorted(_FOLDER.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        for name, own in data["boards"].items():
            found[name] = Board(data["part"], data["ip"], data["parameters"] | own)
    return found
