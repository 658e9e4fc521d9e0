"""An integer network as a table: what each layer takes, holds, computes and gives."""

import math
from typing import TYPE_CHECKING

from mlfpga.accelerators.pipeline.bounds import layer_bounds
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, Layer, Tensor
from mlfpga.accelerators.pipeline.network import Network, check

if TYPE_CHECKING:
    import pandas


def layer_rows(network: Network) -> list[dict]:
    """One dict a layer: layer, kind, input, output (shapes), type (of the output), weights, weight_bits,
    multiplications (products with weights for one sample, pads counted) and accumulator_bits.

    Layers without weights have 0 weights and multiplications; what a layer does not have at all is None.
    Raises NetworkError if the network fails `check`.
    """
    check(network)
    return [_row(layer, tensor) for layer, tensor in zip(network.layers, network.tensors, strict=True)]


def describe(network: Network) -> "pandas.DataFrame":
    """`layer_rows` as a table of text, with a last line for the whole network; `.to_html()` for a web page."""
    import pandas  # takes half a second, and only tables need it

    rows = layer_rows(network)
    whole = {
        "kind": "",
        "input": network.input.shape,
        "output": network.output.shape,
        "type": network.output.type,
        "weights": sum(row["weights"] for row in rows),
        "multiplications": sum(row["multiplications"] for row in rows),
    }
    names = [*(row["layer"] for row in rows), f"{network.name}, all"]
    columns = {
        "kind": "kind",
        "input": "input",
        "output": "output",
        "type": "output's type",
        "weights": "weights",
        "weight_bits": "weight bits",
        "multiplications": "multiplications",
        "accumulator_bits": "accumulator bits",
    }
    return pandas.DataFrame(
        {heading: [_text(row.get(key)) for row in (*rows, whole)] for key, heading in columns.items()},
        index=pandas.Index(names, name="layer"),
    )


def _row(layer: Layer, tensor: Tensor) -> dict:
    weighted = isinstance(layer, (Conv2d, Dense))
    places = math.prod(layer.output.shape[:-1])
    return {
        "layer": layer.name,
        "kind": type(layer).__name__,
        "input": tensor.shape,
        "output": layer.output.shape,
        "type": layer.output.type,
        "weights": layer.weights.size if weighted else 0,
        "weight_bits": layer.weight_bits if weighted else None,
        "multiplications": layer.weights.size * places if weighted else 0,
        "accumulator_bits": layer_bounds(layer, tensor).accumulator_bits
        if weighted or isinstance(layer, AvgPool2d)
        else None,
    }


def _text(value) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " x ".join(str(n) for n in value)
    return f"{value:,}" if isinstance(value, int) else value
