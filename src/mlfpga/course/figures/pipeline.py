"""The pipeline on MNIST: every test image through the RTL of three configurations, and their area by Yosys.

The network is the course's own (`accelerators/pipeline/recipe.py`), trained here; the configurations come from the
planner. Nothing else differs between them.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mlfpga.course.figures.entries import (
    announce,
    at_least,
    at_most,
    empty,
    figures_folder,
    measured_by,
    reported,
)
from mlfpga.course.stages import StageError

IMAGES = 10_000
# What the planner is asked for: cycles an image and pixels a beat; of the small one, to be as fast as so much allows.
RATES = {"one_pixel": (1_000, 1), "four_pixels": (400, 4)}
SMALL = {"luts": 5_000, "dsps": 20}
PROCESSES = 2
# The published HLS design for the task, on the same board, counted with the same two tools (issue 6).
PUBLISHED = {"cycles": 4_693, "luts": 29_081, "dsps": 110}


@dataclass(frozen=True)
class _Run:
    """What all images through one configuration gave."""

    different: int
    right: int
    interval: float
    longest: int
    latency: int
    kilocycles_per_s: float
    seconds: float


def pipeline() -> Iterator[dict]:
    """The pipeline's figures on MNIST's test images."""
    from mlfpga.accelerators import pipeline as kind

    folder = figures_folder("pipeline")
    network = _network(folder)
    x, labels = _images()
    expected = kind.run(network, kind.to_integers(network, x))
    how = f"RTL under Verilator, {IMAGES:,} MNIST test images back to back"
    plans = {"small": kind.plan_for_board(network, **SMALL).plan} | {
        name: kind.plan_for_rate(network, cycles, pixels).plan for name, (cycles, pixels) in RATES.items()
    }
    for name, plan in plans.items():
        announce(f"{name}: generating and building the RTL")
        accelerator = kind.build(plan, empty(folder / name) / "accelerator", name="mnist_pipeline")
        vectors = folder / name / "vectors.npz"
        words = {"inputs": accelerator.input.encode(x), "expected": accelerator.output.pack(expected)}
        np.savez(vectors, **words, labels=labels)
        cache = {"MLFPGA_CACHE": str(empty(folder / name / "cache"))}
        seconds = _build(accelerator.folder / "ip", vectors, cache)
        yield at_most(
            f"pipeline.{name}_build", seconds, "s", 90, "Verilator and g++ with an empty cache, one image run"
        )
        announce(f"{name}: {IMAGES:,} images, {PROCESSES} processes")
        run = _run(accelerator.folder / "ip", vectors, cache)
        yield at_most(
            f"pipeline.{name}_words_different", run.different, "words", 0, f"{how}, against the NumPy reference"
        )
        yield at_least(f"pipeline.{name}_accuracy", 100 * run.right / IMAGES, "%", 98.5, how)
        yield from _speed(name, run, how)
        yield from _area(name, accelerator.folder / "ip", cache)


def _speed(name: str, run: _Run, how: str) -> Iterator[dict]:
    between = f"{how}: mean from one result's last word to the next one's, longest {run.longest}"
    alone = "one image alone: from its first word in to the last word out, both counted"
    if name == "small":
        yield reported(f"pipeline.{name}_interval", run.interval, "cycles", between)
        yield reported(f"pipeline.{name}_latency", run.latency, "cycles", alone)
    else:
        yield at_most(f"pipeline.{name}_interval", run.interval, "cycles", RATES[name][0], between)
        if name == "one_pixel":
            yield at_most(f"pipeline.{name}_latency", run.latency, "cycles", 1_500, alone)
        else:
            yield reported(f"pipeline.{name}_latency", run.latency, "cycles", alone)
        against = f"{PUBLISHED['cycles']:,} cycles of the published HLS design over ours"
        yield reported(f"pipeline.{name}_times_faster", PUBLISHED["cycles"] / run.interval, "×", against)
    told = f"wall time of streaming, the slower of {PROCESSES} processes that run at once"
    yield at_least(f"pipeline.{name}_speed", run.kilocycles_per_s, "kcyc/s", 1_000, told)
    yield at_most(f"pipeline.{name}_all_images", run.seconds, "s", 60, f"{PROCESSES} processes, start to end")


def _area(name: str, ip: Path, cache: dict[str, str]) -> Iterator[dict]:
    announce(f"{name}: area by Yosys")
    limits = SMALL if name == "small" else {"luts": 29_000, "dsps": 360}
    before = time.perf_counter()
    area = measured_by(sys.executable, "mlfpga.course.figures.area_once", [str(ip)], f"the area of {name}", cache)
    seconds = time.perf_counter() - before
    how = "Yosys, synth_xilinx -family xcup, the whole IP flattened"
    memories = f"{how}; LUT1 … LUT6; {area['luts_total']:,} with LUT memories and shift registers"
    yield at_most(f"pipeline.{name}_luts", area["luts"], "LUT", limits["luts"], memories)
    yield at_most(f"pipeline.{name}_dsps", area["dsps"], "DSP48E2", limits["dsps"], how)
    yield at_most(f"pipeline.{name}_brams", area["bram36"], "BRAM36", 216, how)
    yield at_most(f"pipeline.{name}_yosys", seconds / 60, "min", 5, f"{how}, with an empty cache")


def _network(folder: Path):
    """The course's network for MNIST, trained anew if this build folder holds none."""
    from mlfpga import datasets
    from mlfpga.accelerators import pipeline as kind

    if not (folder / "network" / "network.json").is_file():
        announce("training on MNIST, in floating point and then with rounded numbers (one to two minutes)")
        trained = kind.trained(datasets.load("mnist"), progress=announce)
        kind.save(replace(trained.network, name="mnist_cnn"), folder / "network")
    return kind.load(folder / "network")


def _images() -> tuple[np.ndarray, np.ndarray]:
    from mlfpga import datasets

    data = datasets.load("mnist")
    if len(data.x_test) != IMAGES:
        raise StageError(f"MNIST has {len(data.x_test):,} test images instead of {IMAGES:,}")
    return data.x_test, data.y_test


def _build(ip: Path, vectors: Path, cache: dict[str, str]) -> float:
    """Seconds until a fresh process has built the simulation and run one image."""
    before = time.perf_counter()
    _part(ip, vectors, cache, 0, 1)
    return time.perf_counter() - before


def _run(ip: Path, vectors: Path, cache: dict[str, str]) -> _Run:
    """All images, split between processes that run at once."""
    edges = np.linspace(0, IMAGES, PROCESSES + 1).astype(int)
    before = time.perf_counter()
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(lambda two: _part(ip, vectors, cache, *two), zip(edges[:-1], edges[1:], strict=True)))
    seconds = time.perf_counter() - before
    samples = sum(part["samples"] for part in parts)
    if samples != IMAGES:
        raise StageError(f"{samples:,} of {IMAGES:,} images went through the RTL")
    return _Run(
        different=sum(part["different"] for part in parts),
        right=sum(part["right"] for part in parts),
        interval=max(part["interval"] for part in parts),
        longest=max(part["longest"] for part in parts),
        latency=max(part["latency"] for part in parts),
        kilocycles_per_s=min(part["cycles"] / part["seconds"] for part in parts) / 1_000,
        seconds=seconds,
    )


def _part(ip: Path, vectors: Path, cache: dict[str, str], first: int, last: int) -> dict:
    arguments = [str(ip), str(vectors), str(first), str(last)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} if (os.cpu_count() or 1) <= PROCESSES else {}
    return measured_by(
        sys.executable, "mlfpga.course.figures.pipeline_run", arguments, f"images through {ip}", cache | threads
    )
