"""The network that the generated IP computes, in NumPy."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FRACTION = 7
"""Bits of a product that are cut off before it is summed, as ap_fixed does."""
TABLE_BITS = 10
"""Address bits of an activation table; it is addressed by the upper bits of a 16-bit sum."""
_WEIGHT_LIMIT = 127
# As in a network pruned by a third; HLS leaves out what is multiplied by zero.
_ZEROS = 0.33


@dataclass(frozen=True)
class Layer:
    """One process of the dataflow: a window slides over the positions and every one of its places is weighed.

    length   positions of one sample that come in
    weights  (window, channels in, channels out), integers of 8 bits
    bias     (channels out,), integers of 16 bits
    stride   positions between two windows; a dense layer has one window as long as its input
    tabled   whether a table (a tanh) follows
    """

    name: str
    length: int
    weights: np.ndarray
    bias: np.ndarray
    stride: int
    tabled: bool

    @property
    def window(self) -> int:
        return self.weights.shape[0]

    @property
    def channels_in(self) -> int:
        return self.weights.shape[1]

    @property
    def channels_out(self) -> int:
        return self.weights.shape[2]

    @property
    def dense(self) -> bool:
        return self.window == self.length

    @property
    def positions_out(self) -> int:
        return (self.length - self.window) // self.stride + 1

    @cached_property
    def table(self) -> np.ndarray:
        """(1024,) int16, by the upper ten bits of the sum read as an unsigned number."""
        address = np.arange(1 << TABLE_BITS)
        upper = np.where(address < 1 << (TABLE_BITS - 1), address, address - (1 << TABLE_BITS))
        return np.round(20_000 * np.tanh(upper / 200)).astype(np.int16)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, positions out, channels out) int16 of (n, length, channels in) int16: products cut, sums wrapped."""
        sums = np.tile(self.bias.astype(np.int64), (len(x), self.positions_out, 1))
        for place in range(self.window):
            seen = x[:, place : place + self.stride * self.positions_out : self.stride][:, : self.positions_out]
            products = seen.astype(np.int64)[..., None] * self.weights[place]
            sums += (products >> FRACTION).sum(axis=2)
        sums = sums.astype(np.int16)
        if not self.tabled:
            return sums
        return self.table[(sums >> (16 - TABLE_BITS)) & ((1 << TABLE_BITS) - 1)]


@dataclass(frozen=True)
class Network:
    """Layers in order. A sample is one 16-bit number a word in, and one a word out."""

    top: str
    layers: tuple[Layer, ...]

    @property
    def words_in(self) -> int:
        return self.layers[0].length

    @property
    def words_out(self) -> int:
        return self.layers[-1].positions_out * self.layers[-1].channels_out

    def inputs(self, samples: int, seed: int) -> np.ndarray:
        """(samples * words_in,) uint32: random numbers, so that every bit toggles."""
        numbers = np.random.default_rng(seed).integers(-(1 << 15), 1 << 15, samples * self.words_in)
        return numbers.astype(np.int16).view(np.uint16).astype(np.uint32)

    def words(self, inputs: np.ndarray) -> np.ndarray:
        """The words (samples * words_out,) uint32 that the IP must give, sign-extended."""
        x = inputs.astype(np.uint16).view(np.int16).reshape(-1, self.words_in, 1)
        for layer in self.layers:
            x = layer.forward(x)
        return x.reshape(-1).astype(np.int32).view(np.uint32)


def large() -> Network:
    """A network whose IP has about 50,000 lines of Verilog: three convolutions and three dense layers."""
    return _drawn("stream_net", 64, (("conv", 8, 8, 2), ("conv", 8, 5, 2), ("dense", 20), ("dense", 12), ("dense", 10)))


def small() -> Network:
    """The same kinds of layers, as few of them and as narrow as can be."""
    return _drawn("small_net", 12, (("conv", 2, 3, 2), ("dense", 2)))


def _drawn(top: str, length: int, shapes: tuple[tuple, ...]) -> Network:
    """("conv", channels, window, stride) and ("dense", outputs), with weights drawn at random but always the same."""
    rng = np.random.default_rng(3)
    layers: list[Layer] = []
    channels = 1
    for number, (kind, outputs, *geometry) in enumerate(shapes):
        window, stride = geometry or (length, length)
        weights = rng.integers(-_WEIGHT_LIMIT, _WEIGHT_LIMIT + 1, (window, channels, outputs))
        weights[rng.random(weights.shape) < _ZEROS] = 0
        bias = rng.integers(-2000, 2000, outputs)
        last = number == len(shapes) - 1
        layers.append(Layer(f"{kind}{number + 1}", length, weights, bias, stride, not last))
        length, channels = layers[-1].positions_out, outputs
    return Network(top, tuple(layers))
