"""Entries of figures.json, and what the groups share for making them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mlfpga.artifacts import build_root, cache_root
from mlfpga.course.stages import StageError


def at_most(name: str, value: float, unit: str, limit: float, how: str) -> dict:
    """An entry whose value must not exceed the limit."""
    return _entry(name, value, unit, limit, value <= limit, f"{how}; at most")


def at_least(name: str, value: float, unit: str, limit: float, how: str) -> dict:
    """An entry whose value must reach the limit."""
    return _entry(name, value, unit, limit, value >= limit, f"{how}; at least")


def reported(name: str, value: float, unit: str, how: str) -> dict:
    """An entry that is only told: nothing is asked of its value."""
    return _entry(name, value, unit, None, True, f"{how}; reported")


def _entry(name: str, value: float, unit: str, limit: float | None, met: bool, how: str) -> dict:
    # Rounded for reading, after the comparison.
    return {"name": name, "value": round(value, 4), "unit": unit, "limit": limit, "met": bool(met), "how": how}


def announce(what: str) -> None:
    """Say on stderr what is measured now: a measurement may take minutes."""
    print(f"  {what} …", file=sys.stderr, flush=True)


def figures_folder(name: str) -> Path:
    """Where a measurement keeps what it builds."""
    return build_root() / "figures" / name


def empty(folder: Path) -> Path:
    """The folder, there and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run_module(
    python: Path | str, module: str, arguments: list[str], what: str, environment: Mapping[str, str] | None = None
) -> str:
    """What `python -m module arguments` prints; StageError, with its last line, if it fails."""
    command = [str(python), "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"it ended with status {done.returncode}").splitlines()
        raise StageError(f"{what} failed: {said[-1]}")
    return done.stdout


def measured_by(
    python: Path | str, module: str, arguments: list[str], what: str, environment: Mapping[str, str] | None = None
) -> dict:
    """The JSON object in the last line that `python -m module arguments` prints; StageError if it fails."""
    return json.loads(run_module(python, module, arguments, what, environment).splitlines()[-1])


def run_labs(build: Path, dataset: str, *arguments: str, show: bool = False) -> None:
    """`mlfpga run` into a build folder of its own, its progress on stderr if `show`; StageError if a lab fails.

    Downloaded datasets are used again: how fast the network is says nothing about the course.
    """
    environment = dict(os.environ, MLFPGA_BUILD=str(build))
    environment.pop("MLFPGA_CACHE", None)
    downloaded = cache_root() / "datasets"
    if downloaded.is_dir():
        environment.setdefault("MLFPGA_DATA", str(downloaded))
    command = [sys.executable, "-m", "mlfpga.cli", "run", "--dataset", dataset, *arguments]
    progress = sys.stderr if show else subprocess.DEVNULL
    done = subprocess.run(command, env=environment, stdout=progress, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise StageError(f"the labs on {dataset} failed: {done.stderr.strip().splitlines()[-1]}")
