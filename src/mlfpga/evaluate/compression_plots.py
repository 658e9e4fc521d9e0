"""Pictures of what compression does to each layer of a network."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mlfpga.evaluate.style import figure

_TITLES = {"weight": "weights and biases", "activation": "activations (ReLU)"}


def plot_sensitivity(
    rows: Sequence[Mapping], scale: float = 100.0, title: str = "What the score loses if one layer alone has few bits"
) -> Figure:
    """A map for the weights and one for the activations: layers down, bits across, the darker the more is lost.

    `rows` come from `compress.sensitivity`; the loss stands in each field, `scale` times what the row says (100 turns
    an accuracy into percentage points). A field without a number was not tried: too few bits for the layer's range.
    """
    kinds = list(dict.fromkeys(row["what"] for row in rows))
    layers = {kind: list(dict.fromkeys(row["layer"] for row in rows if row["what"] == kind)) for kind in kinds}
    bits = sorted({row["bits"] for row in rows})
    # The square root shows small losses beside large ones; black is the largest loss of all.
    most = max(max(scale * row["drop"] for row in rows), 1e-9)
    height = 0.5 * max(map(len, layers.values())) + 1.6
    with figure(width=(0.62 * len(bits) + 2.0) * len(kinds) + 0.6, height=height, columns=len(kinds)) as (made, axes):
        for axis, kind in zip(np.ravel(axes), kinds, strict=True):
            shades = np.full((len(layers[kind]), len(bits)), np.nan)
            for row in rows:
                if row["what"] != kind:
                    continue
                place = layers[kind].index(row["layer"]), bits.index(row["bits"])
                loss = scale * row["drop"]
                shades[place] = np.sqrt(max(loss, 0) / most)
                # A loss that rounds to zero shows no sign.
                text = f"{loss:.1f}".replace("-0.0", "0.0")
                color = "white" if shades[place] > 0.6 else "black"
                axis.text(*place[::-1], text, ha="center", va="center", fontsize=10, color=color)
            axis.imshow(shades, cmap="Greys", vmin=0, vmax=1, aspect="auto")
            axis.set_xticks(range(len(bits)), bits)
            axis.set_yticks(range(len(layers[kind])), layers[kind])
            axis.set_xlabel(f"bits of the {_TITLES[kind]}")
            axis.grid(False)
            axis.spines[:].set_visible(False)
            axis.tick_params(length=0)
        made.suptitle(title, fontsize=13, fontweight="bold", x=0.01, ha="left")
    return made
