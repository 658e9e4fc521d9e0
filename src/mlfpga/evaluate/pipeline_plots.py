"""Pictures of a pipeline at work: an image in its line buffer, and what each stream does from cycle to cycle."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from mlfpga.evaluate.style import figure

_EDGE = {"edgecolor": "black", "linewidth": 0.8}
_STATES = {"idle": "#f2f2f2", "waits for the reader": "#e69f00", "moves": "#0072b2"}
_HIGHLIGHT = "#d55e00"


def plot_line_buffer(image: np.ndarray, cycles: Sequence, title: str = "A convolution's line buffer") -> Figure:
    """One column for each cycle of `accelerators.pipeline.follow_window`: the image, the line memory, the window.

    image  (height, width) integers
    The pixel that enters is framed; grey ones entered before. The memory holds the rows above. The window at the bottom
    leaves in this cycle; in the image, a dashed frame says where it lies (what is outside is padding).
    """
    image = np.asarray(image)
    kernel = next((cycle.window.shape for cycle in cycles if cycle.window is not None), (3, 3))
    heights = [image.shape[0], len(cycles[0].lines), kernel[0]]
    with figure(
        width=0.43 * (image.shape[1] + 1) * len(cycles), height=0.43 * (sum(heights) + 5), rows=3, columns=len(cycles)
    ) as (made, axes):
        axes = np.reshape(axes, (3, -1))
        axes[0, 0].get_gridspec().set_height_ratios([size + 0.2 for size in heights])
        for (top, middle, bottom), cycle in zip(axes.T, cycles, strict=True):
            _numbers(top, image, shade=np.arange(image.size).reshape(image.shape) < cycle.entered)
            top.set_title(f"cycle {cycle.cycle}", loc="center")
            _numbers(middle, cycle.lines)
            _numbers(bottom, np.full(kernel, np.nan) if cycle.window is None else cycle.window)
            told = "no window"
            if cycle.window is not None:
                told = f"window of\nrow {cycle.place[0]}, column {cycle.place[1]}"
                top.add_patch(_frame(cycle.origin, kernel, linestyle="--", edgecolor="black"))
            if cycle.taken is not None:
                top.add_patch(_frame(cycle.taken, (1, 1), edgecolor=_HIGHLIGHT))
            bottom.set_xlabel(told, fontsize=11)
            top.set(xlim=(-1.1, image.shape[1] + 0.1), ylim=(image.shape[0] - 0.4, -1.6))
            middle.set_xlim(top.get_xlim())
            bottom.set_xlim(np.array(top.get_xlim()) - (image.shape[1] - kernel[1]) / 2)
        for axis, name in zip(axes[:, 0], ("image", "line memory", "window"), strict=True):
            axis.set_ylabel(name, fontsize=12)
        made.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=13)
    return made


def plot_occupancy(
    streams: Mapping[str, tuple[np.ndarray, np.ndarray]],
    cycles: tuple[int, int] | None = None,
    marks: Mapping[str, Sequence[int]] | None = None,
    title: str = "Who works when",
) -> Figure:
    """One row for each stream: in which share of the cycles a beat moves, waits for its reader, or is not there.

    streams  name -> (valid, ready), bool for each cycle, in the order of the pipeline
    cycles   the first cycle shown, and the one after the last; all of them if None
    marks    name of a stream -> cycles that get a line across the picture, e.g. the first beats of samples

    Where there are more cycles than the picture has room for, a column stands for several of them.
    """
    first, last = cycles or (0, max(len(valid) for valid, _ in streams.values()))
    wide = max(1, -(-(last - first) // 600))
    with figure(width=10, height=0.42 * len(streams) + 1.9) as (made, axis):
        palette = ListedColormap(list(_STATES.values()))
        rows = []
        for valid, ready in streams.values():
            state = np.where(valid & ready, 2, np.where(valid, 1, 0))[first:last]
            rows.append(_busiest(state, wide))
        axis.imshow(
            np.stack(rows), cmap=palette, vmin=-0.5, vmax=2.5, aspect="auto", interpolation="nearest",
            extent=(first, first + wide * len(rows[0]), len(rows) - 0.5, -0.5),
        )  # fmt: skip
        for row in range(1, len(rows)):
            axis.axhline(row - 0.5, color="white", linewidth=3)
        for name, places in (marks or {}).items():
            for place in places:
                if first <= place < last:
                    axis.axvline(place, color="black", linewidth=1.2, linestyle="--")
                    axis.text(place, -0.6, name, fontsize=10, ha="left", va="bottom")
        shares = [np.mean((valid & ready)[first:last]) for valid, ready in streams.values()]
        axis.set_yticks(
            range(len(streams)), [f"{name}  {share:4.0%}" for name, share in zip(streams, shares, strict=True)]
        )
        axis.tick_params(axis="y", labelsize=10, length=0)
        axis.grid(visible=False)
        axis.set_xlim(first, last)
        axis.set(xlabel="clock cycle")
        axis.set_title(title, pad=22 if marks else 8)
        axis.legend(
            handles=[Patch(label=name, facecolor=colour, edgecolor="black") for name, colour in _STATES.items()],
            loc="upper center", bbox_to_anchor=(0.5, -0.75 / (0.42 * len(streams) + 0.6)), ncols=3, fontsize=10,
        )  # fmt: skip
    return made


def _busiest(state: np.ndarray, wide: int) -> np.ndarray:
    """The commonest state of each `wide` cycles; one in which something happens wins over idling if they are equal."""
    padded = np.pad(state, (0, -len(state) % wide)).reshape(-1, wide)
    counts = np.stack([(padded == which).sum(axis=1) for which in range(len(_STATES))])
    return len(_STATES) - 1 - counts[::-1].argmax(axis=0)


def _numbers(axis: Axes, values: np.ndarray, shade: np.ndarray | None = None) -> None:
    """A grid of cells with their numbers; empty where there is none."""
    height, width = values.shape
    for row in range(height):
        for column in range(width):
            value = values[row, column]
            grey = "#d0d0d0" if shade is not None and shade[row, column] else "white"
            axis.add_patch(_cell(row, column, facecolor=grey, **_EDGE))
            if not np.isnan(value):
                axis.text(column, row, f"{int(value)}", ha="center", va="center", fontsize=9)
    axis.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6), aspect="equal", xticks=[], yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def _cell(row: int, column: int, **style) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1, 1, **style)


def _frame(place: tuple[int, int], size: tuple[int, int], **style) -> Rectangle:
    row, column = place
    return Rectangle((column - 0.5, row - 0.5), size[1], size[0], fill=False, linewidth=2.6, clip_on=False, **style)
