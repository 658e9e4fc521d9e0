"""The three case studies on their real test sets: what each network is worth, what it costs, and how long it takes.

Everything is measured by running the labs, in `build/figures/cases`. Stages that are up to date are not run again, so
a measurement that was stopped goes on where it stopped.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlfpga import datasets
from mlfpga.course.figures.entries import announce, at_least, at_most, figures_folder, reported, run_labs
from mlfpga.course.measures import RANKING
from mlfpga.course.stages import METRICS, StageError, stages_of

FOLDS = tuple(f"pulses-fold{fold}" for fold in range(1, 6))
TRANSFER = "pulses-transfer"
SPLITS = ("train", "validation", "test")

# The notebooks that train and compress: all before the accelerator.
TRAINING = ("training", "quantization", "pruning", "distillation", "compression")


def cases() -> Iterator[dict]:
    """The case studies' figures, each as soon as its labs have run."""
    mnist, recommender, folds = _Labs("mnist"), _Labs("recommender"), [_Labs(fold) for fold in FOLDS]
    yield from _mnist(mnist)
    yield from _pulses(folds)
    yield from _transfer(_Labs(TRANSFER))
    yield from _recommender(recommender)
    yield _minutes([mnist, max(folds, key=_Labs.seconds), recommender])


class _Labs:
    """The labs on one dataset, run (or found up to date) when a stage is asked for."""

    def __init__(self, dataset: str):
        self.dataset = dataset
        self._build = figures_folder("cases")
        self._ran = False

    def folder(self, stage: str) -> Path:
        """The folder of a finished stage, or `labs`, which holds the executed notebooks."""
        if not self._ran:
            announce(f"the labs on {self.dataset} (minutes, if they are not up to date)")
            run_labs(self._build, self.dataset, show=True)
            self._ran = True
        return self._build / self.dataset / stage

    def metrics(self, stage: str) -> dict[str, Any]:
        """The metrics of a finished stage."""
        return json.loads((self.folder(stage) / METRICS).read_text())

    def seconds(self) -> float:
        """How long the notebooks that train and compress took when they were run."""
        records = self.folder("labs")
        labels = [stage.label for stage in stages_of(self.dataset) if stage.name in TRAINING]
        return sum(json.loads((records / f"{label}.json").read_text())["seconds"] for label in labels)

    def right(self, stage: str) -> int:
        """How many of the test samples a stage got right."""
        return round(self.metrics(stage)["accuracy"] * self.metrics("board")["samples"])


def _mnist(labs: _Labs) -> Iterator[dict]:
    training, compression, board = (labs.metrics(name) for name in ("training", "compression", "board"))
    images = f"{board['samples']:,} test images"
    if board["samples"] != 10_000:
        raise StageError(f"the board was given {images} of MNIST; all 10,000 must be tested")
    yield at_least("cases.mnist_float", 100 * training["accuracy"], "%", 99.0, f"Keras, {images}")
    yield at_least("cases.mnist_board", 100 * board["accuracy"], "%", 98.8, f"virtual board, {images}")
    yield _weights("mnist", [compression], 12_000)
    for what in ("weight", "activation"):
        yield at_most(f"cases.mnist_{what}_bits", compression[f"{what}_bits"], "bits", 8, f"the widest {what}")
    how = "share of the compressed model's weights that are exactly zero"
    yield at_least("cases.mnist_zeros", 100 * compression["sparsity"], "%", 50, how)
    yield _words("mnist", [labs])


def _pulses(folds: list[_Labs]) -> Iterator[dict]:
    pulses = _tested_once(folds)
    right_in_float = sum(labs.right("training") for labs in folds)
    how = f"{len(folds)}-fold cross-validation, each of {pulses:,} real pulses tested once by a model that never saw it"
    yield at_least("cases.pulses_float", 100 * right_in_float / pulses, "%", 99.5, f"Keras, {how}")
    right = sum(labs.right("board") for labs in folds)
    yield at_least("cases.pulses_board", 100 * right / pulses, "%", 99.3, f"virtual board, {how}")
    yield _weights("pulses", [labs.metrics("compression") for labs in folds], 1_500)
    yield _words("pulses", folds)


def _transfer(labs: _Labs) -> Iterator[dict]:
    training, board = labs.metrics("training"), labs.metrics("board")
    how = f"trained on generated pulses alone, tested on {board['samples']:,} real ones"
    yield reported("cases.transfer_float", 100 * training["accuracy"], "%", f"Keras, {how}")
    yield at_least("cases.transfer_board", 100 * board["accuracy"], "%", 97.5, f"virtual board, {how}")
    yield _weights("transfer", [labs.metrics("compression")], 1_500)
    yield _words("transfer", [labs])


def _recommender(labs: _Labs) -> Iterator[dict]:
    training, board = labs.metrics("training"), labs.metrics("board")
    sequences = f"{board['samples']:,} test sequences"
    for name, limit in (("top_10", 0.99), ("top_5", 0.70)):
        yield at_least(f"cases.recommender_float_{name}", training[name], "", limit, f"Keras, {sequences}")
    for name, heading in RANKING.items():
        how = f"{heading} on the virtual board against Keras, either way, {sequences}"
        apart = round(abs(board[name] - training[name]), 9)  # shares of whole sequences: a tie with the limit is one
        yield at_most(f"cases.recommender_apart_{name}", apart, "", 0.005, how)
    yield _weights("recommender", [labs.metrics("compression")], 4_000)
    yield _words("recommender", [labs])


def _weights(case: str, compressed: list[dict], limit: int) -> dict:
    how = "kernels, recurrent kernels and embedding tables of the compressed model, zeros included"
    if len(compressed) > 1:
        how += f", the largest of {len(compressed)}"
    return at_most(f"cases.{case}_weights", max(each["weights"] for each in compressed), "", limit, how)


def _words(case: str, runs: list[_Labs]) -> dict:
    boards = [labs.metrics("board") for labs in runs]
    compared = sum(board["words_compared"] for board in boards)
    different = compared - sum(board["words_equal"] for board in boards)
    how = f"virtual board against C simulation, {compared:,} raw output words"
    return at_most(f"cases.{case}_words_different", different, "words", 0, how)


def _tested_once(folds: list[_Labs]) -> int:
    """How many pulses there are. StageError unless all are distinct, and each was tested once, by a model that had not
    seen it."""
    published = _rows(np.concatenate([datasets.load("pulses").split(name)[0] for name in SPLITS]))
    tested = []
    for labs in folds:
        with np.load(labs.folder("board") / "vectors.npz") as vectors:
            given = _rows(vectors["inputs"])
        data = datasets.load(labs.dataset)
        seen = set(given) & {*_rows(data.x_train), *_rows(data.x_validation)}
        if seen:
            raise StageError(f"{labs.dataset}: {len(seen):,} of the {len(given):,} tested pulses were trained on")
        tested += given
    if not len(set(published)) == len(published) == len(tested) or set(tested) != set(published):
        raise StageError(
            f"the folds tested {len(tested):,} pulses, {len(set(tested)):,} of them distinct; they must be the "
            f"{len(published):,} published ones, {len(set(published)):,} of them distinct, each once"
        )
    return len(tested)


def _rows(pulses: np.ndarray) -> list[bytes]:
    return [np.asarray(pulse, dtype=np.float32).tobytes() for pulse in pulses]


def _minutes(runs: list[_Labs]) -> dict:
    seconds = sum(labs.seconds() for labs in runs)
    how = f"time of the notebooks that train and compress, on {', '.join(labs.dataset for labs in runs)}"
    return at_most("cases.minutes", seconds / 60, "min", 25, how)
