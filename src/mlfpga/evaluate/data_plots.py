"""Pictures of data before any network sees them: images, detector pulses, sequences of items."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlfpga.evaluate.style import bar_style, figure, series_style

_EXAMPLES = 4  # images of each class
_PULSES = 7  # of each class
_SEQUENCES = 6
_BASELINE_SAMPLES = 6  # at the beginning of a pulse, where nothing has happened yet
_LEAST_DEPTH = 10  # counts; the shape of a pulse less deep than this is mostly noise


def plot_classes(images, labels, classes: Sequence[str], title: str = "What it looks like") -> Figure:
    """The first few pictures of every class, a column for each class under its name.

    images  (n, height, width), or (n, height, width, channels) with values 0 … 1
    labels  (n,), the class's index
    """
    images, labels = np.asarray(images), np.asarray(labels)
    # Long names need room beside each other.
    width = max(1.0, 0.14 * max(map(len, classes))) * len(classes)
    with figure(width=max(width, 3.0), height=1.05 * _EXAMPLES + 0.8, rows=_EXAMPLES, columns=len(classes)) as (
        made,
        axes,
    ):
        axes = axes.reshape(_EXAMPLES, len(classes))
        for column, name in enumerate(classes):
            for axis, image in zip(axes[:, column], images[labels == column][:_EXAMPLES], strict=False):
                axis.imshow(image, cmap="gray_r", vmin=0, vmax=max(1e-9, float(images.max())))
            axes[0, column].set_title(name, loc="center", fontweight="normal", fontsize=12)
        for axis in axes.flat:
            axis.set_axis_off()
        made.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=13)
    return made


def plot_pulses(
    counts, labels, classes: Sequence[str], first_sample: int = 0, title: str = "Pulses as the digitiser gives them"
) -> Figure:
    """Negative-going pulses: a few of each class; mean and spread of how deep they are; the same of their shape.

    counts        ADC counts (n, samples); the first six samples of each are its baseline
    labels        (n,), the class's index
    first_sample  number of the first sample, for the axis

    The bands reach from one standard deviation below the mean to one above. The shape is a pulse divided by its own
    depth at the end of the window; pulses less than 10 counts deep are left out of it.
    """
    counts, labels = np.asarray(counts, dtype=np.float64), np.asarray(labels)
    depths = counts[:, :_BASELINE_SAMPLES].mean(axis=1, keepdims=True) - counts
    final = depths[:, -_BASELINE_SAMPLES:].mean(axis=1, keepdims=True)
    numbers = first_sample + np.arange(counts.shape[1])
    with figure(width=13, height=4.2, columns=3) as (made, axes):
        for index, name in enumerate(classes):
            mine = labels == index
            style = {**series_style(index), "marker": ""}
            for pulse in counts[mine][:_PULSES]:
                axes[0].plot(numbers, pulse, linewidth=1.2, **style)
            shaped = mine & (final[:, 0] >= _LEAST_DEPTH)
            _band(axes[1], numbers, depths[mine], name, index)
            _band(axes[2], numbers, depths[shaped] / final[shaped], name, index)
        axes[0].set(ylabel="ADC counts", title=title)
        axes[1].set(ylabel="counts below the baseline", title="Mean and spread")
        axes[2].set(ylabel="share of its own depth", title="Shape")
        for axis in axes:
            axis.set_xlabel("sample number")
        axes[1].legend(loc="upper left")
        axes[2].legend(loc="lower right")
    return made


def plot_sequences(sequences, following, title: str = "What users choose, one item after the other") -> Figure:
    """Some long histories, each with the item that came next (a star); how often each item comes next.

    sequences  item numbers (n, steps), zeros in front are padding
    following  the next item's number (n,)
    """
    sequences, following = np.asarray(sequences).astype(np.int64), np.asarray(following)
    steps = sequences.shape[1]
    with figure(width=12, height=4.4, columns=2) as (made, axes):
        for index, place in enumerate(_spread(sequences)):
            style = series_style(index)
            shown = np.flatnonzero(np.cumsum(sequences[place]) > 0)
            axes[0].plot(shown, sequences[place, shown], linewidth=1.4, markersize=4.5, **style)
            axes[0].plot(steps, following[place], marker="*", markersize=15, color=style["color"], clip_on=False)
        axes[0].set(xlabel="step (star: the item to predict)", ylabel="item number", title=title)
        axes[0].set_xlim(-0.5, steps + 0.8)
        axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        times = np.bincount(following)
        axes[1].bar(np.arange(len(times)), times, width=0.9, **{**bar_style(0), "edgecolor": "none"})
        axes[1].set(xlabel="item number", ylabel="samples in which it comes next", title="Popularity")
        axes[1].grid(axis="x", visible=False)
    return made


def _band(axis: Axes, numbers: np.ndarray, rows: np.ndarray, name: str, index: int) -> None:
    """Mean of the rows as a line, one standard deviation to both sides as a band; nothing if there are no rows."""
    if not len(rows):
        return
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    style = series_style(index)
    axis.fill_between(numbers, mean - spread, mean + spread, color=style["color"], alpha=0.2, linewidth=0)
    axis.plot(numbers, mean, label=name, markevery=max(1, len(numbers) // 8), **style)


def _spread(sequences: np.ndarray) -> list[int]:
    """A few of the longest histories, evenly spread over the items they end with."""
    lengths = (np.cumsum(sequences, axis=1) > 0).sum(axis=1)
    longest = np.argsort(-lengths, kind="stable")[: max(_SEQUENCES, len(sequences) // 20)]
    by_item = longest[np.argsort(sequences[longest, -1], kind="stable")]
    chosen = np.linspace(0, len(by_item) - 1, min(_SEQUENCES, len(by_item))).astype(int)
    return by_item[chosen].tolist()
