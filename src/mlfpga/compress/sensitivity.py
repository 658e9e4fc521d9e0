"""Which layers bear few bits: each is quantized alone, everything else stays in floating point, and the score is taken.

Nothing is trained, so a point costs one pass over the data that the score looks at. Take the validation split for it,
not the test split: what is chosen by looking at data must be judged on other data.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral

from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.compress.quantization import Ranges, integer_bits, quantizable, quantize

_SLOW = 10.0
"""Seconds between two lines of progress."""


def sensitivity(
    model: keras.Model,
    found: dict[str, Ranges],
    score: Callable[[keras.Model], float],
    bits: Sequence[int] = (2, 3, 4, 5, 6, 8),
    what: Sequence[str] = ("weight", "activation"),
) -> list[dict[str, str | int | float]]:
    """One row for each layer's weights ("weight") and ReLU ("activation") at each of `bits`, all else unrounded.

    found  the ranges of this model's numbers, from `ranges`
    score  of a model, more is better; for example its accuracy on the validation split

    A row has the `layer`, `what` was rounded, to how many `bits`, the `score`, and its `drop` below the score of the
    model as it is. Widths that cannot hold a layer's range are left out. Prints progress if it takes long. Raises
    CompressError as `quantize` does, and for no or unknown entries in `what` or `bits`.
    """
    layers = quantizable(model)
    unknown = [kind for kind in what if kind not in layers]
    if unknown or not what or not bits:
        raise CompressError(
            f"sensitivity of {', '.join(map(repr, unknown)) or 'nothing'} is not defined; choose bits from 2 to 31 and "
            f"what from {', '.join(map(repr, layers))}"
        )
    odd = [width for width in bits if not isinstance(width, Integral) or not 2 <= width <= 31]
    if odd:
        raise CompressError(f"bits holds {odd[0]}; choose 2 to 31")
    points = [(kind, layer, width) for kind in what for layer in layers[kind] for width in sorted(set(bits))]
    floating = {kind: dict.fromkeys(names) for kind, names in layers.items()}
    reference = float(score(quantize(model, found, floating["weight"], floating["activation"])))
    rows, told = [], time.monotonic()
    for done, (kind, layer, width) in enumerate(points):
        if _fits(found[layer], kind, width):
            chosen = {**floating, kind: {**floating[kind], layer: width}}
            value = float(score(quantize(model, found, chosen["weight"], chosen["activation"])))
            rows.append({"layer": layer, "what": kind, "bits": width, "score": value, "drop": reference - value})
        if time.monotonic() - told > _SLOW:
            told = time.monotonic()
            print(f"sensitivity: {done + 1} of {len(points)} points")
    return rows


def choose_bits(rows: Sequence[Mapping], tolerance: float) -> dict[str, dict[str, int]]:
    """The narrowest width of each layer that costs at most `tolerance` of the score, as do all wider ones in `rows`.

    The result goes straight into `quantize(model, found, **choose_bits(rows, tolerance))`: {"weight_bits": {layer:
    bits}, "activation_bits": {layer: bits}}, as far as `rows` (of `sensitivity`) tell. Layers are judged one at a
    time; together they lose more, which training with these widths wins back. Raises CompressError if the widest width
    tried for a layer already costs more than `tolerance`.
    """
    chosen: dict[str, dict[str, int]] = {}
    tried: dict[tuple[str, str], list[Mapping]] = {}
    for row in rows:
        tried.setdefault((row["what"], row["layer"]), []).append(row)
    for (what, layer), points in tried.items():
        for row in sorted(points, key=lambda row: -row["bits"]):
            # One lucky narrow width among bad ones is noise.
            if row["drop"] > tolerance:
                break
            chosen.setdefault(f"{what}_bits", {})[layer] = row["bits"]
        if layer not in chosen.get(f"{what}_bits", {}):
            raise CompressError(
                f"layer {layer}: {row['bits']} {what} bits, the most that was tried, cost {row['drop']:.3g}, more than "
                f"the tolerance {tolerance:g}; try more bits, or allow more"
            )
    return chosen


def _fits(largest: Ranges, kind: str, width: int) -> bool:
    """Whether `width` bits leave room for the integer part of all values concerned."""
    if kind == "activation":
        return integer_bits(largest.activation) <= width
    held = [value for value in (largest.weight, largest.recurrent, largest.bias) if value is not None]
    return integer_bits(max(held)) <= width - 1
