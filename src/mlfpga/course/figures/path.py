"""The path from training to the board, on both datasets."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from mlfpga.course.figures.entries import at_least, at_most, empty, figures_folder, run_labs, run_module
from mlfpga.course.kernels import default_board_python
from mlfpga.course.stages import METRICS


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

    said = run_module(
        default_board_python(), "mlfpga.course.round_trip", [str(stages["digits"] / "bundle")], "the DMA round trip"
    )
    how = "driver's round trip of one sample less its bare simulation, in turns, median of 200"
    yield at_most("path.dma_round_trip", float(said.split()[-1]), "ms", 2.0, how)


def _labs_from_nothing(dataset: str) -> tuple[float, Path]:
    """Seconds that `mlfpga run` takes with nothing built or compiled yet, and the folder of the stages it made."""
    build = empty(figures_folder(dataset))
    started = time.perf_counter()
    run_labs(build, dataset)
    return time.perf_counter() - started, build / dataset


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
