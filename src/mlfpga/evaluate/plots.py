"""The pictures of the course."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, PercentFormatter

from mlfpga.evaluate.measures import auc, roc, softmax
from mlfpga.evaluate.style import bar_style, figure, series_style


def plot_images(images, titles: Sequence[str], columns: int = 10) -> Figure:
    """Grey pictures (n, height, width), each under its title."""
    rows = -(-len(images) // columns)
    with figure(width=1.05 * columns, height=1.4 * rows, rows=rows, columns=columns) as (made, axes):
        for axis in np.ravel(axes):
            axis.set_axis_off()
        for axis, image, title in zip(np.ravel(axes), images, titles, strict=False):
            axis.imshow(image, cmap="gray_r")
            axis.set_title(title, fontsize=11, fontweight="normal", loc="center")
    return made


def plot_curves(history: Mapping[str, Sequence[float]], title: str = "Training") -> Figure:
    """Loss and accuracy against the epoch; `history` as Keras's `fit(…).history`, with validation data."""
    epochs = np.arange(1, len(history["loss"]) + 1)
    with figure(width=10, height=3.8, columns=2) as (made, axes):
        for axis, key, label in zip(axes, ("loss", "accuracy"), ("loss", "accuracy (%)"), strict=True):
            scale = 100 if key == "accuracy" else 1
            for index, (name, where) in enumerate((("training", key), ("validation", f"val_{key}"))):
                # About ten markers: enough to tell the lines apart, few enough to see them.
                every = max(1, len(epochs) // 10)
                axis.plot(
                    epochs, scale * np.asarray(history[where]), label=name, markevery=every, **series_style(index)
                )
            axis.set(xlabel="epoch", ylabel=label)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.legend()
        axes[0].set_title(title)
    return made


def plot_confusion(matrix, classes: Sequence[str], title: str = "Confusion matrix") -> Figure:
    """Counts (classes, classes) of `confusion_matrix`; shaded by the fraction of each true class, zeros left blank."""
    matrix = np.asarray(matrix)
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 0.62 * len(classes) + 1.2
    with figure(width=size + 0.6, height=size) as (made, axis):
        # The square root makes a few mistakes among many right answers visible.
        axis.imshow(np.sqrt(fractions), cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(matrix):
            dark = fractions[row, column] > 0.4
            axis.text(
                column, row, f"{matrix[row, column]}", ha="center", va="center", color="white" if dark else "black"
            )
        accuracy = np.trace(matrix) / matrix.sum()
        axis.set(xlabel="predicted class", ylabel="true class", title=f"{title}: {accuracy:.2%} right")
        axis.set_xticks(range(len(classes)), classes)
        axis.set_yticks(range(len(classes)), classes)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
    return made


def plot_roc(logits, labels, classes: Sequence[str], title: str = "ROC, one class against the rest") -> Figure:
    """One ROC curve per class, from the softmax of the logits (n, classes); the legend gives the area under each.

    The false positive rate is logarithmic: good classifiers live in the last per cent, where a linear axis is blank.
    """
    probabilities, labels = softmax(logits), np.asarray(labels)
    least = 1 / max(np.sum(labels != index) for index in range(len(classes)))
    with figure(width=8.4, height=4.8) as (made, axis):
        lowest = 1.0
        for index, name in enumerate(classes):
            false, true = roc(labels == index, probabilities[:, index])
            # A rate of zero has no place on a logarithmic axis; it is drawn at half the smallest rate there can be.
            shown = np.maximum(false, least / 2)
            lowest = min(lowest, true[false <= least].max())
            axis.step(
                shown,
                true,
                where="post",
                label=f"{name}   {auc(false, true):.4f}",
                markevery=_spread(shown),
                **series_style(index),
            )
        axis.set_xscale("log")
        axis.set_xlim(least / 2, 1)
        axis.set_ylim(max(0.0, lowest - 0.03), 1.003)
        axis.set(xlabel="false positive rate (logarithmic)", ylabel="true positive rate", title=title)
        axis.legend(title="class   area", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return made


def plot_sizes(rows: Sequence[Mapping], title: str = "What each compression saves") -> Figure:
    """Bars: memory (kbit) and multiplications of each row of `compress.compare`, accuracy written beside its name."""
    names = [f"{row['name']}\n{row['accuracy']:.2%}" for row in rows]
    places = np.arange(len(rows))[::-1]
    with figure(width=10, height=0.62 * len(rows) + 1.4, columns=2) as (made, axes):
        for index, (axis, key, scale, label) in enumerate(
            zip(
                axes,
                ("size_bits", "multiplications"),
                (1000, 1),
                ("weights and biases (kbit)", "multiplications per sample"),
                strict=True,
            )
        ):
            values = [row[key] / scale for row in rows]
            bars = axis.barh(places, values, height=0.7, **bar_style(index))
            axis.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4)
            axis.set_xlabel(label)
            axis.set_xlim(0, 1.2 * max(values))
            axis.xaxis.set_major_locator(MaxNLocator(5))
            axis.set_yticks(places, names if index == 0 else [""] * len(rows))
            axis.grid(axis="y", visible=False)
        axes[0].set_title(title)
    return made


def plot_tradeoff(
    rows: Sequence[Mapping],
    cost: str = "nonzero_bits",
    label: str = "weights and biases that are not zero (bit)",
    title: str = "Accuracy against size",
    samples: int | None = None,
) -> Figure:
    """Accuracy of each row of `compress.compare` against its `cost` (logarithmic), the Pareto front as a line.

    On the front: every model that no other one beats in both. Bars, if the number of test `samples` is given: the
    standard error of the accuracy, sqrt(p·(1-p)/samples) up and down.
    """
    with figure(width=8.4, height=4.6) as (made, axis):
        front = pareto(rows, cost)
        axis.plot(
            [rows[index][cost] for index in front],
            [rows[index]["accuracy"] for index in front],
            color="#999999",
            drawstyle="steps-post",
            zorder=1,
            label="Pareto front",
        )
        for index, row in enumerate(rows):
            style = {**series_style(index), "linestyle": "none"}
            # Each marker a little smaller than the last: of two models in one place, both stay visible.
            axis.plot(row[cost], row["accuracy"], markersize=15 - 8 * index / len(rows), label=row["name"], **style)
            if samples:
                error = np.sqrt(row["accuracy"] * (1 - row["accuracy"]) / samples)
                axis.errorbar(
                    row[cost], row["accuracy"], error, color=style["color"], linewidth=1.2, capsize=4, zorder=1
                )
        axis.set_xscale("log")
        ticks = sorted({row[cost] for row in rows})
        axis.xaxis.set_major_locator(FixedLocator(_apart(ticks)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=2))
        axis.margins(x=0.08, y=0.12)
        axis.set(xlabel=f"{label}, logarithmic", ylabel="accuracy", title=title)
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return made


def pareto(rows: Sequence[Mapping], cost: str) -> list[int]:
    """Indices of the rows that no other row beats in cost and accuracy both, cheapest first."""
    front: list[int] = []
    for index in sorted(range(len(rows)), key=lambda index: (rows[index][cost], -rows[index]["accuracy"])):
        if not front or rows[index]["accuracy"] > rows[front[-1]]["accuracy"]:
            front.append(index)
    return front


def _spread(x: np.ndarray) -> list[int]:
    """Indices of about six points evenly spread along a logarithmic axis."""
    wanted = np.geomspace(x[0], x[-1], 6)
    return sorted({int(np.abs(np.log(x) - np.log(value)).argmin()) for value in wanted})


def _apart(ticks: Sequence[float]) -> list[float]:
    """Those ticks that leave room for a label between them on a logarithmic axis."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or tick > 1.35 * kept[-1]:
            kept.append(tick)
    return kept
