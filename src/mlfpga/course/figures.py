"""The figures the course must reach, measured: `build/figures.json`, a list of entries in groups.

An entry has name (its group first), value, unit, limit, met, and how it was measured. Nothing is typed in: every value
comes from a run made for it, from nothing. Other groups are added to `GROUPS`.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TextIO

from mlfpga.artifacts import build_root, cache_root, writing
from mlfpga.course.kernels import default_board_python
from mlfpga.course.stages import METRICS, StageError


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
        for entry in GROUPS[name]():
            measured.append(entry)
            verdict = "met" if entry["met"] else "MISSED"
            print(f"{entry['name']:<36} {entry['value']:>10} {entry['unit']:<8} limit {entry['limit']:>8}  {verdict}",
                  file=stream, flush=True)  # fmt: skip
    new = {entry["name"] for entry in measured}
    kept = [entry for entry in _before(target) if entry["name"] not in new]
    with writing(target) as temporary:
        temporary.write_text(json.dumps(kept + measured, indent=1) + "\n")
    return all(entry["met"] for entry in measured)


def path() -> Iterator[dict]:
    """The path from training to the board, on both datasets."""
    stages = {}
    for dataset, limit in (("digits", 6), ("mnist", 12)):
        seconds, stages[dataset] = _labs_from_nothing(dataset)
        yield at_most(f"path.labs_{dataset}", seconds / 60, "min", limit, "wall time of the labs in an empty build/")

    training, compression, accelerator, board = (
        json.loads((stages["mnist"] / name / METRICS).read_text())
        for name in ("training", "compression", "accelerator", "board")
    )
    images = "MNIST's 10,000 test images"
    yield at_least("path.mnist_float_accuracy", 100 * training["accuracy"], "%", 97.5, f"Keras on {images}")
    lost = 100 * (training["accuracy"] - compression["accuracy"])
    yield at_most("path.mnist_compression_loss", lost, "pp", 1.0, "float less compressed accuracy")
    yield at_most("path.mnist_weight_bits", compression["weight_bits"], "bits", 8, "widest weight or bias")
    yield at_least(
        "path.mnist_sparsity", 100 * compression["sparsity"], "%", 50, "kernel weights that are exactly zero"
    )
    apart = 100 * abs(compression["accuracy"] - accelerator["accuracy"])
    yield at_most("path.mnist_c_simulation_apart", apart, "pp", 0.5, "compressed against C simulation, either way")
    yield at_least("path.mnist_board_accuracy", 100 * board["accuracy"], "%", 97.5, f"virtual board on {images}")
    how = f"virtual board against C simulation, {board['words_compared']:,} raw output words"
    different = board["words_compared"] - board["words_equal"]
    yield at_most("path.mnist_board_words_different", different, "words", 0, how)

    for environment, python in (("host", Path(sys.executable)), ("board", default_board_python())):
        for name, arguments in (("import", ["-c", "import mlfpga"]), ("help", ["-m", "mlfpga.cli", "--help"])):
            seconds = median(_seconds([str(python), *arguments]) for _ in range(5))
            yield at_most(f"path.{name}_{environment}", seconds, "s", 0.5, "median of 5 processes")

    command = [str(default_board_python()), "-W", "ignore", "-m", "mlfpga.course.round_trip"]
    done = subprocess.run([*command, str(stages["digits"] / "bundle")], capture_output=True, text=True)
    if done.returncode:
        raise StageError(f"the DMA round trip was not measured: {done.stderr.strip().splitlines()[-1]}")
    how = "driver's round trip of one sample less its bare simulation, medians of 200"
    yield at_most("path.dma_round_trip", float(done.stdout.split()[-1]), "ms", 2.0, how)


GROUPS: dict[str, Callable[[], Iterator[dict]]] = {"path": path}


def _labs_from_nothing(dataset: str) -> tuple[float, Path]:
    """Seconds that `mlfpga run` takes with nothing built or compiled yet, and the folder of the stages it made.

    Downloaded datasets are used again: how fast the network is says nothing about the course.
    """
    build = build_root() / "figures" / dataset
    shutil.rmtree(build, ignore_errors=True)
    environment = dict(os.environ, MLFPGA_BUILD=str(build))
    environment.pop("MLFPGA_CACHE", None)
    downloaded = cache_root() / "datasets"
    if downloaded.is_dir():
        environment.setdefault("MLFPGA_DATA", str(downloaded))
    started = time.perf_counter()
    command = [sys.executable, "-m", "mlfpga.cli", "run", "--dataset", dataset]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise StageError(f"the labs on {dataset} failed: {done.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - started, build / dataset


def at_most(name: str, value: float, unit: str, limit: float, how: str) -> dict:
    """An entry whose value must not exceed the limit."""
    return _entry(name, value, unit, limit, value <= limit, f"{how}; at most")


def at_least(name: str, value: float, unit: str, limit: float, how: str) -> dict:
    """An entry whose value must reach the limit."""
    return _entry(name, value, unit, limit, value >= limit, f"{how}; at least")


def _entry(name: str, value: float, unit: str, limit: float, met: bool, how: str) -> dict:
    # Rounded for reading, after the comparison.
    return {"name": name, "value": round(value, 4), "unit": unit, "limit": limit, "met": bool(met), "how": how}


def _before(target: Path) -> list[dict]:
    try:
        return json.loads(target.read_text())
    except (OSError, ValueError):
        return []


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
