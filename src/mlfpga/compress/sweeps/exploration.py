"""One call from a trained model to the table and the Pareto picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.compress.sweeps.recipe import Recipe
from mlfpga.compress.sweeps.sweep import sweep
from mlfpga.compress.sweeps.task import judged
from mlfpga.datasets import Dataset
from mlfpga.models import load, logits

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Exploration:
    """What a sweep found: the float model first, then a row per recipe (see `sweep`).

    rows     with further measures if a `score` was given, and with "estimate", {what: value}, if an estimate was
    samples  in the test split: they decide how far an accuracy can be trusted
    """

    rows: list[dict]
    samples: int

    def table(self) -> "pandas.DataFrame":
        """The rows to read, as `evaluate.comparison_table` shows them."""
        from mlfpga.evaluate import comparison_table  # a room beside this one: only to show what was found

        return comparison_table(self.rows)

    def show(
        self, title: str = "Accuracy against what it costs", measure: str = "accuracy", label: str | None = None
    ) -> "Figure":
        """The Pareto picture: accuracy, or another `measure` of the rows, against bits, weights, multiplications and
        each estimate. See `evaluate.plot_pareto`.
        """
        from mlfpga.evaluate import plot_pareto

        return plot_pareto(self.rows, title, self.samples, measure, label or measure)

    def choose(self, lose: float = 0.005, cost: str = "nonzero_bits") -> dict:
        """The row with the least `cost` among those that lose at most `lose` (0.005: half a percentage point) of the
        float model's accuracy on the *validation* split: had the test split chosen, its accuracy would flatter.

        `cost` is a column of `cost` or the name of an estimate, else CompressError.
        """
        least = self.rows[0]["validation_accuracy"] - lose
        return min((row for row in self.rows if row["validation_accuracy"] >= least), key=lambda row: _cost(row, cost))


def explore(
    model: keras.Model,
    data: Dataset,
    recipes: Sequence[Recipe],
    teacher: keras.Model | None = None,
    estimate: Callable[[keras.Model], Mapping[str, float]] | None = None,
    score: Callable[[np.ndarray, np.ndarray], Mapping[str, float]] | None = None,
    workers: int | None = None,
    address: str | None = None,
    folder: Path | str | None = None,
) -> Exploration:
    """`sweep`, and for each model found, the float one too, what it would cost on the FPGA.

    `estimate` gives the costs of a finished model by name, such as {"LUT": 5310, "latency (µs)": 4.2}, the same names
    for every model. `score` gives further measures from the logits (n, classes) and labels of the test split, such as
    `evaluate.ranking`. Both run in this process. Everything else is as in `sweep`.
    """
    rows = sweep(model, data, recipes, teacher, workers, address, folder)
    found = [judged("float", model, data), *rows]
    if score or estimate:
        for row in found:
            made = load(row["path"]) if "path" in row else model
            if score:
                row.update(score(logits(made, data.x_test), data.y_test))
            if estimate:
                row["estimate"] = dict(estimate(made))
    return Exploration(found, len(data.y_test))


def _cost(row: Mapping, name: str) -> float:
    known = {**row, **row.get("estimate", {})}
    if name not in known:
        raise CompressError(f"the rows have no cost {name!r}; they have {', '.join(known)}")
    return known[name]
