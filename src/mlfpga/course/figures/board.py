"""The virtual board: how quickly RTL is built, starts and runs, what the board adds, and cocotb beside it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlfpga.artifacts import named_folder
from mlfpga.course.figures import versus_cocotb
from mlfpga.course.figures.entries import (
    announce,
    at_least,
    at_most,
    empty,
    figures_folder,
    measured_by,
    run_labs,
    run_module,
)
from mlfpga.course.figures.export import Network, large, line_count, small, write_export
from mlfpga.course.kernels import default_board_python
from mlfpga.course.stages import StageError

EXPORTS = "MLFPGA_EXPORT"
"""Environment variable: IP archives or folders, separated as on PATH, that are measured beside the generated IP."""

# Processes that run or want to, on average over a minute, from which on times are those of a machine in use.
_IDLE = 0.8
_RUN_SECONDS = 6
_CHECKED_SAMPLES = 500
# Samples of the comparison with cocotb: some seconds of cocotb's time on either network.
_COMPARED = {"small": 5_000, "large": 1_000}


def board() -> Iterator[dict]:
    """The virtual board's figures; an entry says so if the machine was busy with something else when they began."""
    busy = _busy()
    if busy:
        announce(f"the times will be too long{busy}")
    for entry in _measured():
        yield entry | {"how": entry["how"] + busy}


def _busy() -> str:
    load = os.getloadavg()[0]
    return f"; other programs kept the machine busy (load {load:.1f} on {os.cpu_count()} cores)" if load > _IDLE else ""


def _measured() -> Iterator[dict]:
    exports = _exports()
    network, folder = large(), empty(figures_folder("generated"))
    ip = write_export(network, folder / network.top)
    vectors = folder / "vectors.npz"
    inputs = network.inputs(_CHECKED_SAMPLES, seed=1)
    np.savez(vectors, inputs=inputs, expected=network.words(inputs))
    about = f"a generated IP in the shape of a Vitis HLS export, {line_count(ip):,} lines of Verilog"
    yield from _rtl("board.export", ip, about, vectors)
    for number, export in enumerate(exports, 1):
        yield from _rtl(f"board.export_{number}", export, f"{export.name}, random words", None)

    bundle = _mnist_bundle()
    announce("the DMA round trip")
    said = run_module(default_board_python(), "mlfpga.course.round_trip", [str(bundle)], "the DMA round trip")
    how = "driver's round trip of one MNIST sample less its bare C simulation, in turns, median of 200"
    yield at_most("board.dma_round_trip", float(said.split()[-1]), "ms", 0.5, how)
    yield _batch(bundle)

    yield _cocotb("board.cocotb_small", small(), empty(figures_folder("cocotb")), _COMPARED["small"])
    yield _cocotb("board.cocotb_export", network, empty(figures_folder("cocotb")), _COMPARED["large"])


def _exports() -> list[Path]:
    found = [Path(name) for name in os.environ.get(EXPORTS, "").split(os.pathsep) if name]
    for path in found:
        if not path.exists():
            raise StageError(f"{EXPORTS} names {path}, which does not exist; correct it or unset it")
    return found


def _rtl(name: str, ip: Path, about: str, vectors: Path | None) -> Iterator[dict]:
    """Build, start and speed of one IP, each in a process of its own."""
    cache = {"MLFPGA_CACHE": str(empty(figures_folder("cache")))}
    announce(f"{name}: building {ip.name} with an empty cache")
    how = f"{about}; a fresh process until its simulation stands, "
    yield at_most(f"{name}_build", _seconds_to_ready(ip, cache), "s", 60, f"{how}with an empty cache")
    announce(f"{name}: starting it from the cache")
    yield at_most(f"{name}_start", _seconds_to_ready(ip, cache), "s", 2, f"{how}built before")
    announce(f"{name}: streaming for {_RUN_SECONDS} s of CPU time")
    arguments = [str(ip), str(_RUN_SECONDS), *([str(vectors)] if vectors else [])]
    run = measured_by(sys.executable, "mlfpga.course.figures.rtl_run", arguments, f"streaming through {ip.name}", cache)
    how = (
        f"{about}; samples back to back, {run['cycles']:,} cycles, {run['words']:,} words out"
        f"{', all as NumPy says' if vectors else ''}, by wall time ({_speed(run, 'cpu_seconds'):.0f} by CPU time)"
    )
    yield at_least(f"{name}_speed", _speed(run, "seconds"), "kcyc/s", 500, how)


def _speed(run: dict, seconds: str) -> float:
    return run["cycles"] / run[seconds] / 1000


def _seconds_to_ready(ip: Path, environment: dict[str, str]) -> float:
    """Wall time from starting Python to the simulation that stands ready after its reset."""
    command = [sys.executable, "-W", "ignore", "-m", "mlfpga.course.figures.rtl_run", str(ip)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    ready = None
    for line in process.stdout:
        if line.strip() == "ready":
            ready = time.perf_counter() - started
    _, said = process.communicate()
    if process.returncode or ready is None:
        raise StageError(f"{ip} was not built: {(said.strip().splitlines() or ['no message'])[-1]}")
    return ready


def _mnist_bundle() -> Path:
    """The bundle of the labs on MNIST, made in the build folder of the figures if it is not there yet."""
    build = figures_folder("mnist")
    bundle = build / "mnist/bundle"
    if not (bundle / "manifest.json").is_file():
        announce("the labs on MNIST, up to the bundle (some minutes)")
        run_labs(build, "mnist", "--only", "bundle")
    return bundle


def _batch(bundle: Path) -> dict:
    announce("MNIST's test images as one batch, in turns with the bare C simulation (about two minutes)")
    cache = {"MLFPGA_CACHE": str(named_folder("MLFPGA_CACHE") or figures_folder("mnist") / "cache")}
    what = "the batch on the virtual board"
    batch = measured_by(default_board_python(), "mlfpga.course.figures.batch_run", [str(bundle)], what, cache)
    if batch["different"]:
        raise StageError(f"the virtual board gave {batch['different']:,} other words than the bare C simulation")
    how = (
        f"{batch['samples']:,} MNIST images in {batch['transfers']} DMA transfer each way, driver's predict_raw "
        f"{batch['board']:.2f} s against C simulation alone {batch['alone']:.2f} s, "
        f"medians of {batch['turns']} turns, all words equal"
    )
    return at_most("board.batch", batch["board"] / batch["alone"], "×", 1.2, how)


def _cocotb(name: str, network: Network, folder: Path, samples: int) -> dict:
    announce(f"{name}: {samples:,} samples through {network.top}, with cocotb and without")
    ip = write_export(network, folder / network.top)
    both = versus_cocotb.compare(network, ip, folder, samples)
    how = (
        f"{samples:,} samples through a generated IP of {line_count(ip):,} lines: cocotb 2 with cocotbext-axi "
        f"{both['cocotb']:.2f} s ({both['cocotb_cycles'] / both['cocotb'] / 1000:.0f} kcyc/s), "
        f"ours {both['ours']:.4f} s ({both['our_cycles'] / both['ours'] / 1000:.0f} kcyc/s); wall time of streaming "
        "alone, start-up excluded from both; same Verilog, Verilator and compiler flags; all words as NumPy says"
    )
    return at_least(name, both["cocotb"] / both["ours"], "×", 20, how)
