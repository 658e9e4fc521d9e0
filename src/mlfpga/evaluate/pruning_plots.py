"""What pruning leaves of a layer's weights, weight by weight and neuron by neuron."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlfpga.evaluate.style import bar_style, figure

_COLUMNS = 4
_SHOWN = 48  # rows and columns of a kernel: more of them could not be told apart at half size


def plot_sparsity_pattern(kernels: Mapping[str, np.ndarray], title: str = "Where the zeros are") -> Figure:
    """Each kernel (…, inputs, outputs) as a field of squares, side by side: dark where a weight is left, white for 0.

    The axes before the last are laid out one after the other, in memory order. Of a large kernel the first 48 inputs
    and outputs are shown; the fraction of zeros above it is that of the whole. All are drawn to the same scale, so that
    a kernel that has lost neurons is smaller, not emptier. Raises ValueError if there is no kernel, or an empty one.
    """
    if not kernels:
        raise ValueError("there is no kernel to show; give at least one, {name: array}")
    matrices = {name: _matrix(name, kernel) for name, kernel in kernels.items()}
    shown = [matrix[:_SHOWN, :_SHOWN] for matrix in matrices.values()]
    height, width = np.max([matrix.shape for matrix in shown], axis=0)
    columns = min(_COLUMNS, len(matrices))
    rows = -(-len(matrices) // columns)
    side = 3.4 / max(height, width)  # of one square, in inches
    with figure(
        width=columns * max(2.3, side * width + 0.8),
        height=rows * (side * height + 1.3) + 0.3,
        rows=rows,
        columns=columns,
    ) as (made, axes):
        axes = np.ravel(axes)
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        for axis, (name, matrix), part in zip(axes, matrices.items(), shown, strict=False):
            axis.pcolormesh(part != 0, cmap="gray_r", vmin=0, vmax=1.25, edgecolors="#bbbbbb", linewidth=0.4)
            axis.set_title(f"{name}\n{_count(matrix)}", fontsize=11, fontweight="normal", loc="left")
            # All of one size: what is not there is left blank.
            axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xlabel="output", ylabel="input")
            for ticks in (axis.xaxis, axis.yaxis):
                ticks.set_major_locator(MaxNLocator(5, integer=True))
            axis.grid(False)
            axis.spines[:].set_visible(False)
        made.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return made


def plot_importance(
    scores: Mapping[str, Sequence[float]], keep: Mapping[str, int], title: str = "Which outputs stay"
) -> Figure:
    """Importance (see `compress.importance`) of each layer's outputs, largest first, in shares of the layer's largest.

    `keep` says how many of each layer stay; the others are hatched. Raises ValueError if there is no layer.
    """
    if not scores:
        raise ValueError("there is no layer to show; give at least one, {name: importance of its outputs}")
    columns = min(_COLUMNS, len(scores))
    rows = -(-len(scores) // columns)
    with figure(width=3.4 * columns, height=2.9 * rows + 0.4, rows=rows, columns=columns) as (made, axes):
        axes = np.ravel(axes)
        for axis in axes[len(scores) :]:
            axis.set_axis_off()
        for axis, (name, values) in zip(axes, scores.items(), strict=False):
            falling = np.sort(np.asarray(values, float))[::-1]
            falling = falling / (falling[0] or 1)
            ranks, stay = np.arange(1, len(falling) + 1), keep.get(name, len(falling))
            for index, (label, part) in enumerate((("stays", slice(stay)), ("goes", slice(stay, None)))):
                axis.bar(ranks[part], falling[part], width=0.85, label=label, **bar_style(index))
            axis.set_title(f"{name}: {stay} of {len(falling)}", fontsize=11, fontweight="normal", loc="left")
            axis.set(xlabel="rank of the output", ylabel="importance", ylim=(0, 1.05))
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.grid(axis="x", visible=False)
        axes[0].legend()
        made.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    return made


def _matrix(name: str, kernel: np.ndarray) -> np.ndarray:
    kernel = np.asarray(kernel)
    if kernel.ndim < 2 or not kernel.size:
        raise ValueError(f"{name} has shape {kernel.shape}; a kernel is (…, inputs, outputs)")
    return kernel.reshape(-1, kernel.shape[-1])


def _count(matrix: np.ndarray) -> str:
    return f"{matrix.shape[0]} × {matrix.shape[1]}, {np.mean(matrix == 0):.0%} zeros"
