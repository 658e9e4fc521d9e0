"""Pictures of what compression does to each layer of a network."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mlfpga.evaluate.style import figure

_TITLES = {"weight": "weights and biases", "activation": "activations (ReLU)"}


def plot_sensitivity(
    rows: Sequence[Mapping],
    scale: float = 100.0,
    unit: str = "percentage points",
    title: str = "What is lost if one layer alone has few bits",
) -> Figure:
    """A map for the weights and one for the activations: layers down, bits across, the darker the more is lost.

    `rows` come from `compress.sensitivity`; the loss stands in each field in `unit`, `scale` times what the row says. A
    field with a dash was not tried: too few bits for the layer's range.
    """
    kinds = list(dict.fromkeys(row["what"] for row in rows))
    layers = {kind: list(dict.fromkeys(row["layer"] for row in rows if row["what"] == kind)) for kind in kinds}
    bits = sorted({row["bits"] for row in rows})
    # The square root shows small losses beside large ones; black is the largest loss of all.
    most = max(max(scale * row["drop"] for row in rows), 1e-9)
    height = 0.5 * max(map(len, layers.values())) + 1.6
    with figure(width=(0.62 * len(bits) + 2.0) * len(kinds) + 0.6, height=height, columns=len(kinds)) as (made, axes):
        for axis, kind in zip(np.ravel(axes), kinds, strict=True):
            losses = {(row["layer"], row["bits"]): scale * row["drop"] for row in rows if row["what"] == kind}
            shades = np.full((len(layers[kind]), len(bits)), np.nan)
            for down, across in np.ndindex(shades.shape):
                loss = losses.get((layers[kind][down], bits[across]))
                if loss is not None:
                    shades[down, across] = np.sqrt(max(loss, 0) / most)
                axis.text(
                    across,
                    down,
                    # Adding zero takes the sign off a loss that rounds to zero.
                    "–" if loss is None else f"{round(loss, 1) + 0.0:.1f}",
                    ha="center",
                    va="center",
                    fontsize=10,
                    color="white" if shades[down, across] > 0.6 else "black",
                )
            axis.imshow(shades, cmap="Greys", vmin=0, vmax=1, aspect="auto")
            axis.set_xticks(range(len(bits)), bits)
            axis.set_yticks(range(len(layers[kind])), layers[kind])
            axis.set_xlabel(f"bits of the {_TITLES[kind]}")
            axis.grid(False)
            axis.spines[:].set_visible(False)
            axis.tick_params(length=0)
        made.suptitle(f"{title} ({unit})", fontsize=13, fontweight="bold", x=0.01, ha="left")
    return made
