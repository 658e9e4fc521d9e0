"""Find Yosys and run its scripts: in a process of its own that ends when ours does, its log in a file."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlfpga.simulate.building import Tools
from mlfpga.synthesize.errors import SynthesisError

LOG = "yosys.log"
_SCRIPT = "run.ys"
_PACKAGE = "import sys; from pyosys import libyosys; libyosys.run_pass('script ' + sys.argv[1])"
_STEP = re.compile(rb"^\d+(?:\.\d+)*\. (?:Executing|Running) (\w[\w.]*)", re.MULTILINE)
_BEAT = 20.0
"""Seconds of silence after which a run says where it is."""


@dataclass(frozen=True)
class Yosys:
    """A Yosys that was found: how a script is started (its name is appended), its version, its folder of cells."""

    command: tuple[str, ...]
    version: str
    share: Path


@cache
def find_yosys() -> Yosys:
    """The `yosys` on PATH if it reads SystemVerilog (plugin `slang`), else the Python package pyosys.

    Raises SynthesisError if there is neither.
    """
    return _native() or _package()


def _native() -> Yosys | None:
    program = shutil.which("yosys")
    if program is None or _run([program, "-m", "slang", "-p", "help read_slang"]) is None:
        return None
    version, share = _run([program, "-V"]), Path(program).resolve().parents[1] / "share" / "yosys"
    if not version or not (share / "xilinx" / "cells_sim.v").is_file():
        return None
    return Yosys((program, "-m", "slang", "-s"), version.strip(), share)


def _package() -> Yosys:
    package = importlib.util.find_spec("pyosys")
    if package is None or package.origin is None:
        raise SynthesisError(
            "estimating area needs Yosys with its SystemVerilog reader (slang), and neither is there; install the "
            "Python package (pip install pyosys), or put a yosys that has the plugin slang on PATH"
        )
    version = f"pyosys {importlib.metadata.version('pyosys')}"
    return Yosys((sys.executable, "-c", _PACKAGE), version, Path(package.origin).parent / "share")


def _run(command: list[str]) -> str | None:
    """What a program says, or None if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else None


def run(tools: Tools, folder: Path, script: str, what: str, names: Mapping[str, str]) -> None:
    """Run a script in `folder`, where its log stays. Every 20 s of silence one line says how far it is.

    names  what files are called there -> what they are called by the user, for messages
    Raises SynthesisError with Yosys' own words.
    """
    yosys = find_yosys()
    (folder / _SCRIPT).write_text(script)
    with _telling(folder / LOG, what):
        # Yosys' log has many megabytes: it goes to a file, not through our memory.
        shell = ["/bin/sh", "-c", 'exec "$@" >' + LOG + " 2>&1", "sh", *yosys.command, _SCRIPT]
        done = tools.run(["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *shell])
    if done.returncode:
        raise SynthesisError(f"{what}: {_problem(folder / LOG, names)}")


def _problem(log: Path, names: Mapping[str, str]) -> str:
    text = log.read_text(errors="replace") if log.is_file() else ""
    errors = [line.strip() for line in text.splitlines() if "ERROR" in line or re.search(r"\berror:", line)]
    # The last one only says that there were others.
    own = [line for line in errors if "see full log" not in line]
    said = " / ".join((own or errors)[:3]) or f"Yosys stopped. {text[-300:].strip()}".strip()
    for there, user in names.items():
        said = said.replace(there, user)
    return said


@contextmanager
def _telling(log: Path, what: str) -> Iterator[None]:
    """While the block runs, say now and then at which step Yosys is."""
    done = threading.Event()

    def watch() -> None:
        seconds = 0.0
        while not done.wait(_BEAT):
            seconds += _BEAT
            print(f"  {what}: {seconds:.0f} s{_step(log)}", flush=True)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _step(log: Path) -> str:
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, log.stat().st_size - 200_000))
            steps = _STEP.findall(stream.read())
    except OSError:
        return ""
    return f", at {steps[-1].decode()}" if steps else ""


def on_all_cores(folder: Path, work: Callable, jobs: list) -> None:
    """Call `work(tools, job)` for every job, on all cores; the first that raises, or Ctrl-C, ends the others."""
    folder.mkdir(parents=True, exist_ok=True)
    with Tools(folder) as tools:
        tools.run_all(lambda job: work(tools, job), jobs)
