"""How wide each accumulator must be: proved from the weights, for every input of the type.

The largest value of  bias + sum(w * x)  with every x between `low` and `high` of the input's type takes, for each
weight, the end that its sign favours; the smallest takes the other end:

    high = bias + sum(max(w * x_low, w * x_high)),   low = bias + sum(min(w * x_low, w * x_high))

Every type contains 0. So a pad (0) stays inside, and so does what the accumulator holds on the way, after any part of
the terms in any order: nothing in between overflows either. The bounds are reached wherever a whole window is inside
the image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlfpga.accelerators.pipeline.arithmetic import ACCUMULATOR_BITS, signed_bits
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, Layer, NetworkError, Tensor

if TYPE_CHECKING:
    from mlfpga.accelerators.pipeline.network import Network

_LOWEST, _HIGHEST = -(1 << (ACCUMULATOR_BITS - 1)), (1 << (ACCUMULATOR_BITS - 1)) - 1


@dataclass(frozen=True, eq=False)
class Bounds:
    """Ends of one layer's accumulators: int64, one number for each output channel."""

    low: np.ndarray
    high: np.ndarray

    @property
    def accumulator_bits(self) -> int:
        """Bits, two's complement, that the hardware's accumulator needs so that no channel overflows."""
        return signed_bits(self.low.min(), self.high.max())


def bounds(network: "Network") -> Mapping[str, Bounds]:
    """Layer's name -> Bounds, for the layers that accumulate (Conv2d, Dense, AvgPool2d).

    Raises NetworkError if an accumulator could leave signed 32 bits: layer, channel, by how much, and what helps.
    """
    return {
        layer.name: layer_bounds(layer, tensor)
        for layer, tensor in zip(network.layers, network.tensors, strict=True)
        if isinstance(layer, (Conv2d, Dense, AvgPool2d))
    }


def layer_bounds(layer: Layer, tensor: Tensor) -> Bounds:
    """The bounds of one layer whose input is `tensor`; NetworkError as `bounds`."""
    if isinstance(layer, AvgPool2d):
        weights, bias = np.ones((tensor.shape[2], layer.kernel[0] * layer.kernel[1]), np.int64), 0
    else:
        weights, bias = layer.weights.reshape(len(layer.weights), -1), layer.bias
    # Python's integers from here on: a proof must not overflow itself.
    positive = weights.clip(min=0).sum(1).astype(object)
    negative = weights.clip(max=0).sum(1).astype(object)
    low = bias + positive * tensor.low + negative * tensor.high
    high = bias + positive * tensor.high + negative * tensor.low
    excess = np.maximum(_LOWEST - low, high - _HIGHEST)
    if excess.max() > 0:
        worst = int(excess.argmax())
        reached, end = (
            (high[worst], f"above {_HIGHEST:,}")
            if high[worst] - _HIGHEST == excess[worst]
            else (low[worst], f"below {_LOWEST:,}")
        )
        raise NetworkError(
            f"layer {layer.name}, channel {worst}: its accumulator can reach {reached:,}, which is "
            f"{excess[worst]:,} {end}, the end of signed {ACCUMULATOR_BITS} bits"
            f"{_others(int((excess > 0).sum()) - 1)}; use fewer bits for weights or input, a smaller bias, or fewer "
            "inputs for each output"
        )
    return Bounds(low.astype(np.int64), high.astype(np.int64))


def _others(count: int) -> str:
    return f" ({count} other channel{'s' if count != 1 else ''} too)" if count else ""
