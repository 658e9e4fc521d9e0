"""The figures the course must reach, measured: `build/figures.json`, a list of entries in groups.

An entry has name (its group first), value, unit, limit (null: none), met, and how it was measured. Nothing is typed in:
every value comes from a run made for it. One module a group; other groups are added to `GROUPS`.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from mlfpga.artifacts import build_root, writing
from mlfpga.course.figures import board, cases, path, pipeline, vivado
from mlfpga.course.figures.entries import at_least, at_most, reported
from mlfpga.course.stages import StageError

__all__ = ["GROUPS", "at_least", "at_most", "measure", "reported"]

GROUPS: dict[str, Callable[[], Iterator[dict]]] = {
    "path": path.path,
    "board": board.board,
    "vivado": vivado.vivado,
    "cases": cases.cases,
    "pipeline": pipeline.pipeline,
}


def measure(group: str | None = None, stream: TextIO = sys.stdout) -> bool:
    """Measure one group, or all, into build/figures.json; what other groups measured before stays.

    Prints a line for each figure. Returns True if every measured figure meets its limit. Raises StageError for an
    unknown group, and if a run that a figure needs fails.
    """
    if group is not None and group not in GROUPS:
        raise StageError(f"there is no group of figures {group!r}; choose one of {', '.join(GROUPS)}")
    target = build_root() / "figures.json"
    measured = []
    for name in [group] if group else GROUPS:
        new = []
        for entry in GROUPS[name]():
            new.append(entry)
            _keep(entry, target)
            print(_line(entry), file=stream, flush=True)
        _forget(name, new, target)
        measured += new
    return all(entry["met"] for entry in measured)


def _line(entry: dict) -> str:
    told = f"{entry['name']:<36} {entry['value']:>10} {entry['unit']:<8}"
    if entry["limit"] is None:
        return f"{told} {'reported':>22}"
    return f"{told} limit {entry['limit']:>8}  {'met' if entry['met'] else 'MISSED'}"


def _keep(entry: dict, target: Path) -> None:
    # At once: what was measured stays when a later measurement fails or is interrupted.
    kept = [before for before in _before(target) if before["name"] != entry["name"]]
    with writing(target) as temporary:
        temporary.write_text(json.dumps([*kept, entry], indent=1) + "\n")


def _forget(group: str, new: list[dict], target: Path) -> None:
    # What a whole measurement of the group did not give again is of a machine or a design of before.
    names = {entry["name"] for entry in new}
    old = [entry for entry in _before(target) if entry["name"].startswith(f"{group}.") and entry["name"] not in names]
    if old:
        with writing(target) as temporary:
            temporary.write_text(json.dumps([e for e in _before(target) if e not in old], indent=1) + "\n")


def _before(target: Path) -> list[dict]:
    try:
        return json.loads(target.read_text())
    except (OSError, ValueError):
        return []
