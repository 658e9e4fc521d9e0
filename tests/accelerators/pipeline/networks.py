"""Random valid integer networks of many shapes, and inputs that hurt, for every test of the pipeline.

    network = random_network(seed)                    any shape: odd sizes, strides, 1x1, pools, 2 to 8 bits
    network = random_network(seed, kind="dense")      "conv": no Dense; "dense": only Dense (and ReLU, Argmax)
    x = random_inputs(network, 5, seed)               (5 + 3, *shape): random ones, then all lowest, all highest, all 0

Requantization is scaled so that outputs use their range and some saturate.
"""

from dataclasses import replace

import numpy as np

from mlfpga.accelerators.pipeline.network import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    MaxPool2d,
    Network,
    ReLU,
    Tensor,
)


def random_network(
    seed, *, kind="any", largest=11, most_channels=6, depth=4, weights="random", common_shift=False, end=None
) -> Network:
    """A network that `check` accepts.

    kind          "any", "conv" or "dense"
    largest       height and width of the input, at most
    depth         layers at most, without the Dense that ends a network of kind "any" and without Argmax
    weights       "random", "lowest" (all -2^(b-1)), "highest" or "zero"
    common_shift  True: one shift for all channels of a layer
    end           last numbers: "raw" (32-bit accumulators), "requantized", "argmax"; None: any
    """
    rng = np.random.default_rng(seed)
    make = _Maker(rng, weights, common_shift, most_channels)
    flat = kind == "dense"
    shape = (
        (int(rng.integers(1, 40)),)
        if flat
        else (
            int(rng.integers(1, largest + 1)),
            int(rng.integers(1, largest + 1)),
            int(rng.integers(1, most_channels + 1)),
        )
    )
    first = Tensor(shape, int(rng.integers(1, 9)), bool(rng.integers(2)), 0.5)
    layers, tensor = [], first
    for n in range(int(rng.integers(1, depth + 1))):
        choices = ("dense", "dense", "relu") if flat else ("conv", "conv", "conv", "max", "average", "relu")
        layers.append(make.layer(rng.choice(choices), f"layer{n}", tensor))
        tensor = layers[-1].output
    end = end or ("requantized", "raw", "argmax")[rng.integers(2 if kind == "conv" else 3)]
    if kind == "conv" and end == "argmax":
        raise ValueError("Argmax follows a Dense layer; choose another kind")
    if kind == "conv":
        layers.append(make.conv("last", tensor, raw=end == "raw"))
    else:
        layers.append(make.dense("last", tensor, raw=end == "raw" or end == "argmax" and bool(rng.integers(2))))
    if end == "argmax":
        classes = layers[-1].output.size
        layers.append(Argmax("answer", Tensor((1,), max(1, (classes - 1).bit_length()), False)))
    return Network(f"random{seed}", first, tuple(layers))


def random_inputs(network: Network, count: int, seed) -> np.ndarray:
    """(count + 3, *shape) int64: random ones, one of all lowest, one of all highest, one of zeros."""
    rng, tensor = np.random.default_rng(seed), network.input
    x = rng.integers(tensor.low, tensor.high + 1, (count, *tensor.shape))
    return np.concatenate([x, *(np.full((1, *tensor.shape), value) for value in (tensor.low, tensor.high, 0))])


class _Maker:
    def __init__(self, rng, weights, common_shift, most_channels):
        self.rng, self.weights, self.common_shift, self.most_channels = rng, weights, common_shift, most_channels

    def layer(self, kind, name, tensor):
        if kind == "relu":
            return ReLU(name, tensor)
        return {"conv": self.conv, "dense": self.dense, "max": self.max_pool, "average": self.average_pool}[kind](
            name, tensor
        )

    def conv(self, name, tensor, raw=False):
        rng = self.rng
        kernel, stride, padding = self.window(tensor)
        outputs = int(rng.integers(1, self.most_channels + 1))
        weights, bits = self.integers((outputs, *kernel, tensor.shape[2]))
        layer = Conv2d(name, weights, np.zeros(outputs), 1, 0, bits, stride, padding, tensor)
        return self.finish(layer, tensor, raw)

    def dense(self, name, tensor, raw=False):
        outputs = int(self.rng.integers(1, 13))
        weights, bits = self.integers((outputs, tensor.size))
        return self.finish(Dense(name, weights, np.zeros(outputs), 1, 0, bits, tensor), tensor, raw)

    def max_pool(self, name, tensor):
        kernel, stride, padding = self.window(tensor)
        layer = MaxPool2d(name, kernel, stride, padding, tensor)
        return replace(layer, output=Tensor(layer.output_shape(tensor.shape), tensor.bits, tensor.signed, tensor.scale))

    def average_pool(self, name, tensor):
        kernel, stride, padding = self.window(tensor)
        output = self.output()
        ratio = output.high / max(1, tensor.high) / np.prod(kernel)
        multiplier, shift = self.scaling(np.array([ratio]))
        layer = AvgPool2d(name, kernel, stride, padding, multiplier[0], shift[0], output)
        return replace(layer, output=Tensor(layer.output_shape(tensor.shape), output.bits, output.signed, output.scale))

    def window(self, tensor):
        """A kernel that fits with its padding, which is smaller than the kernel; strides that may leave pixels over."""
        rng, sides = self.rng, []
        for size in tensor.shape[:2]:
            kernel = int(rng.choice([1, 2, 3, 3, 5]))
            before, after = (int(rng.integers(0, kernel)) if rng.integers(2) else kernel // 2 for _ in range(2))
            before, after = min(before, kernel - 1), min(after, kernel - 1)
            if kernel > size + before + after:
                kernel, before, after = 1, 0, 0
            sides.append((kernel, int(rng.choice([1, 1, 2, 2, 3])), before, after))
        (ky, sy, top, bottom), (kx, sx, left, right) = sides
        return (ky, kx), (sy, sx), (top, bottom, left, right)

    def integers(self, shape):
        bits = int(self.rng.integers(2, 9))
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if self.weights == "random":
            return self.rng.integers(low, high + 1, shape), bits
        return np.full(shape, {"lowest": low, "highest": high, "zero": 0}[self.weights]), bits

    def output(self):
        return Tensor((1,), int(self.rng.integers(2, 9)), bool(self.rng.integers(2)), 2.0 ** -int(self.rng.integers(8)))

    def finish(self, layer, tensor, raw):
        """Bias, multiplier, shift, output: what the accumulator spreads over becomes the output's range."""
        shape, outputs = layer.output_shape(tensor.shape), len(layer.weights)
        typical = max(1.0, (tensor.high - tensor.low) / 3)
        spread = np.maximum(1.0, typical * np.sqrt((layer.weights.reshape(outputs, -1) ** 2.0).sum(1)))
        bias = np.rint(self.rng.normal(0, 1, outputs) * spread)
        if raw:
            return replace(layer, bias=bias, multiplier=None, shift=None, output=Tensor(shape, 32, True, 2.0**-8))
        output = self.output()
        multiplier, shift = self.scaling(output.high / spread / self.rng.uniform(0.5, 2.5, outputs))
        if self.common_shift:
            multiplier, shift = np.maximum(1, multiplier >> (shift - shift.min())), np.full(outputs, shift.min())
        output = Tensor(shape, output.bits, output.signed, output.scale)
        return replace(layer, bias=bias, multiplier=multiplier, shift=shift, output=output)

    def scaling(self, ratios):
        """multiplier / 2^shift close to each ratio, with multipliers of a random width up to 16 bits."""
        bits = int(self.rng.integers(3, 17))
        shift = np.clip(bits - 1 - np.floor(np.log2(ratios)).astype(int), 0, 47)
        return np.clip(np.rint(ratios * 2.0**shift), 1, (1 << bits) - 1).astype(int), shift
