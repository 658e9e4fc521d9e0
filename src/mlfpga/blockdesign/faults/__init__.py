"""Faults that can be put into a sound design, one line each, with what the dry run says: for practice and for proof.

`sound.tcl` is a design of eleven IPs without a fault. `seed` writes a copy with one fault in it; the tests and the
figures see that each is found, at its line, and lab 04 lets students look for them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from mlfpga.blockdesign import ScriptError, accelerator_ip, dry_run

SOUND = Path(__file__).with_name("sound.tcl")
_VLNV = "mlfpga:hls:accelerator_axi:1.0"


@dataclass(frozen=True)
class Fault:
    """`old`, which stands once in the sound script, becomes `new`; what the dry run then says begins with `message`.

    severity: "refused" (the script stops), "error" (it ends, but Vivado refuses what it made) or "warning" (Vivado
    builds it); at: text of the line that the message points at, if it is not the changed one.
    """

    name: str
    old: str
    new: str
    severity: str
    message: str
    at: str = ""


_ROWS = json.loads(Path(__file__).with_name("faults.json").read_text(encoding="utf-8"))
FAULTS = {row["name"]: Fault(**row) for row in _ROWS}


def seed(name: str, folder: Path | str) -> Path:
    """Write faulty.tcl, the sound script with one fault, into a folder.

    Raises KeyError for an unknown fault, ValueError if what it replaces does not stand once in the sound script.
    """
    fault, sound = FAULTS[name], SOUND.read_text(encoding="utf-8")
    if sound.count(fault.old) != 1:
        raise ValueError(
            f"fault {name!r}: {fault.old!r} stands {sound.count(fault.old)} times in {SOUND.name}, not once"
        )
    script = Path(folder) / "faulty.tcl"
    script.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    return script


def answer(name: str) -> str:
    """What the dry run must say of a seeded fault: script, line, severity, and how the message begins."""
    fault, sound = FAULTS[name], SOUND.read_text(encoding="utf-8")
    before = sound.replace(fault.old, fault.new).split(fault.at)[0] if fault.at else sound.split(fault.old)[0]
    severity = "" if fault.severity == "refused" else f"{fault.severity}: "
    return f"faulty.tcl:{before.count(chr(10)) + 1}: {severity}{fault.message}"


def said(script: Path | str) -> list[str]:
    """What the dry run says of a script that uses the accelerator of the sound design: why it stopped, or findings."""
    try:
        design = dry_run(script, ips=[accelerator_ip(_VLNV, 32, 32)], check=False)
    except ScriptError as error:
        return [str(error)]
    return [str(finding) for finding in design.check()]


def is_found(name: str, folder: Path | str) -> bool:
    """Whether the dry run finds a fault when it is seeded into a script in this folder."""
    return any(line.startswith(answer(name)) for line in said(seed(name, folder)))
