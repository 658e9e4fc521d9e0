"""One look for every picture of the course: readable at half size, on paper, and without colour."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

_SETTINGS = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.markersize": 7,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
# Okabe and Ito's colours, which colour-blind readers tell apart too; in grey the marker, dash or hatch does it.
_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#7b3294",
    "#a6761d",
    "#56b4e9",
    "#cc79a7",
    "#666666",
    "#e69f00",
    "#000000",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_DASHES = ("-", "--", "-.", ":")
_HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "++", "--", "**", "||")


@contextmanager
def figure(
    width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int = 1
) -> Iterator[tuple[Figure, np.ndarray]]:
    """Yield (figure, axes) in the course's style; axes is one `Axes`, or an array of them. Sizes are in inches.

    The figure is closed in pyplot on leaving, so that a notebook shows it once: where it is the last line of a cell.
    """
    with mpl.rc_context(_SETTINGS):
        made, axes = plt.subplots(rows, columns, figsize=(width, height))
        try:
            yield made, axes
            # The layout is worked out when first drawn; here, while the style still holds.
            made.draw_without_rendering()
        finally:
            plt.close(made)


def series_style(index: int) -> dict[str, str]:
    """Colour, marker and dash of the `index`-th line of a plot; no two of the first ten look alike, even in grey."""
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "linestyle": _DASHES[index % len(_DASHES)],
    }


def bar_style(index: int) -> dict[str, str]:
    """Colour and hatch of the `index`-th group of bars."""
    return {"color": _COLOURS[index % len(_COLOURS)], "hatch": _HATCHES[index % len(_HATCHES)], "edgecolor": "white"}
