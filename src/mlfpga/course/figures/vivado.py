"""The Vivado side: how long a dry run takes, how far it agrees with Vivado, what faults it finds and what it invents.

Pairs of a design's Tcl and the .hwh that Vivado wrote for it belong to others; they are measured where they are.
"""

import os
import statistics
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlfpga.artifacts import course_root
from mlfpga.blockdesign import ScriptError, accelerator_ip, compare, dry_run, faults
from mlfpga.blockdesign.catalogue import CatalogueError, load_catalogue
from mlfpga.course.figures.entries import announce, at_least, at_most, run_module
from mlfpga.course.stages import StageError

PAIRS = "MLFPGA_PAIRS"
"""Environment variable: folders of pairs, separated as on PATH. A pair is a folder with design.tcl, the design.hwh that
Vivado wrote for it, and perhaps ips/ with its IPs (archives, or folders with component.xml)."""

_RUNS = 5
_COURSE_VLNV = "mlfpga:hls:accelerator_axi:1.0"
_COURSE = {
    "as it is": {},
    "with two accelerators": {"more_accelerators": f"{{second_0 {_COURSE_VLNV} 32}}"},
    "with a second clock": {"accelerator_clock_mhz": 200},
    "for the 4 GB board": {"board_variant": "4GB"},
}


@dataclass
class _Pairs:
    """What dry runs of all pairs came to: kind of fact -> [same, all], errors, and pairs whose script stopped."""

    count: int = 0
    facts: dict[str, list[int]] = field(default_factory=dict)
    alarms: int = 0
    checked: int = 0
    stopped: list[str] = field(default_factory=list)


def vivado() -> Iterator[dict]:
    """The Vivado side's figures; those of real pairs only if MLFPGA_PAIRS names some."""
    yield _speed()
    yield from _faults()
    pairs = _measure_pairs(_pair_folders())
    yield from _agreement(pairs)
    yield _false_alarms(pairs)
    yield from _references()


def _speed() -> dict:
    announce("dry runs, each in a fresh process")
    script = str(faults.SOUND)
    code = "mlfpga.course.figures.dry_run_once"
    run_module(sys.executable, code, [script], "a dry run")  # Python compiles what it has not compiled before
    seconds = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        cells, findings = run_module(sys.executable, code, [script], "a dry run").split()[-2:]
        seconds.append(time.perf_counter() - started)
    if findings != "0":
        raise StageError(f"the dry run of {script} has {findings} findings; it must be sound")
    how = f"{cells} cells, with checks and handoff, from the start of Python to its end, median of {_RUNS} processes"
    return at_most("vivado.dry_run", statistics.median(seconds), "s", 1, how)


def _faults() -> Iterator[dict]:
    announce(f"{len(faults.FAULTS)} seeded faults")
    with tempfile.TemporaryDirectory() as folder:
        missed = [name for name in faults.FAULTS if not faults.is_found(name, folder)]
    how = "kinds of fault, each put into a sound design and found with its message and line"
    yield at_least("vivado.faults", len(faults.FAULTS) - len(missed), "kinds", 30, how)
    names = f": {', '.join(missed)}" if missed else ""
    yield at_most("vivado.faults_missed", len(missed), "kinds", 0, f"of {len(faults.FAULTS)} seeded faults{names}")


def _pair_folders() -> list[Path]:
    found = []
    for name in filter(None, os.environ.get(PAIRS, "").split(os.pathsep)):
        folders = sorted(path.parent for path in Path(name).glob("**/design.tcl"))
        folders = [folder for folder in folders if (folder / "design.hwh").is_file()]
        if not folders:
            raise StageError(
                f"{PAIRS} names {name}, where no folder holds design.tcl and design.hwh; correct or unset it"
            )
        found += folders
    return found


def _measure_pairs(folders: list[Path]) -> _Pairs:
    pairs = _Pairs(len(folders))
    for folder in folders:
        announce(f"pair {folder.name}")
        with tempfile.TemporaryDirectory() as place:
            _measure(folder, Path(place, "empty.hwh"), pairs)
    return pairs


def _measure(folder: Path, ours: Path, pairs: _Pairs) -> None:
    theirs = folder / "design.hwh"
    try:
        design = dry_run(folder / "design.tcl", ips=_ips(folder), check=False)
        if not design.cells:
            # Scripts of write_bd_tcl give up quietly where they miss an IP.
            raise ScriptError(design.output[-1] if design.output else "the script made no cells", None)
        pairs.checked += 1
        pairs.alarms += sum(finding.severity == "error" for finding in design.check())
        design.write_hwh(ours)
    except (ScriptError, CatalogueError) as error:
        # A design that the dry run cannot make is one of which nothing agrees.
        announce(f"stopped: {str(error).splitlines()[0]}")
        pairs.stopped.append(folder.name)
        ours.write_text("<EDKSYSTEM><MODULES/></EDKSYSTEM>", encoding="utf-8")
    for kind, agreement in compare(ours, theirs).items():
        counted = pairs.facts.setdefault(kind, [0, 0])
        counted[0] += agreement.same
        counted[1] += agreement.total + len(agreement.extra)


def _ips(folder: Path) -> list[Path]:
    below = folder / "ips"
    return [*sorted(path.parent for path in below.rglob("component.xml")), *sorted(below.rglob("*.zip"))]


def _agreement(pairs: _Pairs) -> Iterator[dict]:
    if not pairs.count:
        announce(f"no pairs of Tcl and .hwh: set {PAIRS} to measure fidelity")
    stopped = f", {len(pairs.stopped)} of them not run ({', '.join(pairs.stopped)})" if pairs.stopped else ""
    for kind, (same, every) in pairs.facts.items():
        if not every:
            continue  # no pair has such a fact
        how = f"{same:,} of {every:,} facts, over {pairs.count} pairs of Tcl and Vivado's .hwh{stopped}"
        yield at_least(f"vivado.{kind.replace(' ', '_')}", 100 * same / every, "%", 100, how)


def _false_alarms(pairs: _Pairs) -> dict:
    announce("the course's own design")
    ips = [accelerator_ip(_COURSE_VLNV, 32, 32)]
    designs = [dry_run(settings=settings | {"accelerator_vlnv": _COURSE_VLNV}, ips=ips, check=False)
               for settings in _COURSE.values()]  # fmt: skip
    own = sum(finding.severity == "error" for design in designs for finding in design.check())
    course = f"the course's own in {len(designs)} variants"
    how = f"errors reported on {pairs.checked} designs that Vivado built, and on {course}"
    return at_most("vivado.false_alarms", pairs.alarms + own, "errors", 0, how)


def _references() -> Iterator[dict]:
    """Clock, reset and interrupt pins and interfaces of the IPs in the reference handoffs, from their parameters."""
    folder = Path(os.environ.get("MLFPGA_SHARED") or course_root().parent / "shared") / "reference/hwh"
    handoffs = sorted(folder.glob("*.hwh"))
    if not handoffs:
        announce("no reference handoffs beside the course: their pins are not compared")
        return
    same = every = 0
    for handoff in handoffs:
        for module in ElementTree.parse(handoff).getroot().iterfind("./MODULES/MODULE"):
            theirs, ours = _told(module), _worked_out(module)
            same += len(ours & theirs)
            every += len(ours | theirs) if ours else 0
    how = (
        f"{same} of {every} pins and interfaces, worked out from the parameters of the IPs in {len(handoffs)} handoffs"
    )
    yield at_least("vivado.reference_pins", 100 * same / max(every, 1), "%", 100, how)


def _told(module: ElementTree.Element) -> set[tuple]:
    pins = {(port.get("NAME"), port.get("DIR"), port.get("SIGIS")) for port in module.iterfind("./PORTS/PORT")
            if port.get("SIGIS") in ("clk", "rst", "INTERRUPT")}  # fmt: skip
    return pins | {(i.get("NAME"), i.get("VLNV")) for i in module.iterfind("./BUSINTERFACES/BUSINTERFACE")}


def _worked_out(module: ElementTree.Element) -> set[tuple]:
    """The same from the catalogue; nothing for an IP that is not in it (a user's own)."""
    ip = load_catalogue().get(module.get("VLNV", ""))
    if ip is None:
        return set()
    values = {p.get("NAME"): p.get("VALUE", "") for p in module.iterfind("./PARAMETERS/PARAMETER")}
    shape = ip.shape(ip.values({name: value for name, value in values.items() if name in ip.parameters}))
    pins = {(port.name, port.direction, port.kind) for port in shape.ports.values() if port.kind != "undef"}
    return pins | {(interface.name, interface.vlnv) for interface in shape.interfaces.values()}
