"""The pictures of the course."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
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
    size = max(0.62 * len(classes) + 1.2, 3.2)
    # Few classes make a small matrix, but the title needs its room all the same.
    with figure(width=max(size + 0.6, 5.2), height=size) as (made, axis):
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


# What `plot_pareto` draws where the rows have it: a key of `compress.cost`, and what to call it.
_COSTS = {
    "nonzero_bits": "bits of what is not zero",
    "nonzero": "weights that are not zero",
    "multiplications": "multiplications per sample",
}


def plot_pareto(
    rows: Sequence[Mapping],
    title: str = "Accuracy against what it costs",
    samples: int | None = None,
    measure: str = "accuracy",
    label: str = "accuracy",
) -> Figure:
    """The `measure` of each row of `compress.sweep` against every cost that the rows have, one small plot for each.

    Costs are bits, weights and multiplications, and then each value of a row's "estimate". Black, numbered and named
    beside the plots: the models that no other one beats in this cost and the measure both (see `pareto`); grey: all
    others. Bars on the black ones, if the number of test `samples` is given: the standard error, as in `plot_tradeoff`.
    Raises ValueError for no rows, and for rows that do not all have the same costs.
    """
    costs = _costs_of(rows)
    fronts = [
        pareto([{"cost": values[i], "accuracy": row[measure]} for i, row in enumerate(rows)], "cost")
        for values in costs.values()
    ]
    named = list(dict.fromkeys(index for front in fronts for index in front))
    columns = min(3, len(costs))
    lines = -(-len(costs) // columns)
    with figure(width=3.7 * columns + 2.6, height=3.9 * lines, rows=lines, columns=columns) as (made, axes):
        axes = np.ravel(axes)
        for axis in axes[len(costs) :]:
            axis.remove()
        axes = axes[: len(costs)]
        y = np.array([row[measure] for row in rows], dtype=float)
        for axis, (name, x), front in zip(axes, costs.items(), fronts, strict=True):
            axis.plot(x[front], y[front], color="#999999", drawstyle="steps-post", zorder=1)
            others = [index for index in range(len(rows)) if index not in front]
            axis.plot(x[others], y[others], linestyle="none", marker="o", color="white", markeredgecolor="#888888")
            axis.plot(x[front], y[front], linestyle="none", marker="o", color="black")
            if samples:
                error = np.sqrt(y[front] * (1 - y[front]) / samples)
                axis.errorbar(x[front], y[front], error, color="#555555", linestyle="none", linewidth=1, zorder=1)
            scale = _scale(axis, x)
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
            axis.margins(x=0.12, y=0.14)
            axis.set(xlabel=f"{name}{scale}", ylabel=label)
        axes[0].set_title(title)
        nothing = Line2D([], [], linestyle="none")
        made.legend(
            [axes[0].lines[1], *[nothing] * len(named)],
            [
                "another one beats it",
                *(f"{number:2d}   {rows[index]['name']}" for number, index in enumerate(named, 1)),
            ],
            loc="outside right upper",
            fontsize=11,
            handlelength=0.8,
        )
        made.draw_without_rendering()  # what is where on the page is known only then
        for axis, x, front in zip(axes, costs.values(), fronts, strict=True):
            _number(axis, np.column_stack([x, y]), {index: named.index(index) + 1 for index in front})
    return made


def _costs_of(rows: Sequence[Mapping]) -> dict[str, np.ndarray]:
    """What each cost is called, and its value for every row."""
    if not rows:
        raise ValueError("there are no rows to draw; a sweep gives one per recipe")
    keys = [key for key in _COSTS if key in rows[0]]
    estimates = list(rows[0].get("estimate", {}))
    for row in rows:
        if [key for key in _COSTS if key in row] != keys or list(row.get("estimate", {})) != estimates:
            raise ValueError(f"row {row['name']!r} has other costs than row {rows[0]['name']!r}; draw them apart")
    return {
        **{_COSTS[key]: np.array([row[key] for row in rows], dtype=float) for key in keys},
        **{f"{key}, estimated": np.array([row["estimate"][key] for row in rows], dtype=float) for key in estimates},
    }


def _number(axis: Axes, points: np.ndarray, numbers: Mapping[int, int]) -> None:
    """Write each number near its point, where it covers neither a point nor another number.

    Up and to the left of a point on a Pareto front there is no model, so a place is found at once, or a little further.
    """
    places = axis.transData.transform(points)
    unit = axis.figure.dpi / 72  # pixels in a point, the unit of sizes on paper
    marker = np.array([7.0, 7.0]) * unit
    taken = [(place, marker) for place in places]
    for index, number in sorted(numbers.items(), key=lambda item: -points[item[0], 1]):
        size = np.array([8.0 * len(str(number)), 9.5]) * unit
        spots = [places[index] + unit * np.array(step) for step in _STEPS]
        inside = [spot for spot in spots if axis.bbox.contains(*(spot - size / 2)) and axis.bbox.contains(*spot)]
        spot = next((spot for spot in inside if _is_free(spot, size, taken)), spots[0])
        taken.append((spot, size))
        far = np.hypot(*(spot - places[index])) > 20 * unit
        written = axis.annotate(
            str(number),
            points[index],
            axis.transData.inverted().transform(spot),
            fontsize=11,
            weight="bold",
            ha="center",
            va="center_baseline",
            arrowprops={"arrowstyle": "-", "color": "#555555"} if far else None,
        )
        written.set_in_layout(False)  # else the axes would move, and the places with them


# Where a number may stand, in points from the model it belongs to: left and up, the nearest first.
_STEPS = sorted(
    ((-across, up) for across in range(0, 60, 3) for up in range(0, 60, 3)), key=lambda step: np.hypot(*step)
)


def _is_free(spot: np.ndarray, size: np.ndarray, taken: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether a box of this size around `spot` touches no other (centre, size)."""
    return all((np.abs(spot - other) >= (size + extent) / 2).any() for other, extent in taken)


def _scale(axis: Axes, x: np.ndarray) -> str:
    """A logarithmic x axis if the values `x` span more than it takes to need one; what to add to its label."""
    positive = x[x > 0]
    if not len(positive) or positive.max() < 4 * positive.min():
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter(_short)
        return ""
    if len(positive) < len(x):
        axis.set_xscale("symlog", linthresh=positive.min())  # zero has a place left of the smallest value
    else:
        axis.set_xscale("log")
    axis.xaxis.set_major_locator(FixedLocator([0.0] * (len(positive) < len(x)) + _few(positive)))
    axis.xaxis.set_major_formatter(_short)
    axis.xaxis.set_minor_formatter(NullFormatter())
    return ", logarithmic"


def _few(x: np.ndarray) -> list[float]:
    """About four round numbers that lie on a logarithmic axis which shows all of `x`."""
    steps = [base * 10.0**power for power in range(-9, 13) for base in (1, 2, 5)]
    inside = [step for step in steps if 0.8 * x.min() <= step <= 1.25 * x.max()]
    return inside[:: max(1, -(-len(inside) // 4))]


def _short(value: float, _: int) -> str:
    """A number as short as it can be: 0.5, 200, 20k, 3M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


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
