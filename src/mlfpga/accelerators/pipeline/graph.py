"""The float graph: what a front end reads from a model, and what quantization starts from.

    graph = from_torch(module, (1, 28, 28))      # or from_keras(model)
    forward(graph, x)                            # NumPy, the model's own answers

A short list of layers, one after another, channels last everywhere: (H, W, C) or (N,). Batch normalisation is folded
into the layer beside it, dropout and flatten are gone: a `Dense` takes any shape, in the order (H, W, C). ReLUs stand
directly behind what they cut, before a pooling: the largest of cut values is the cut largest value.

A model that already knows its numbers brings them along: `weight_scale` and `weight_bits` of a layer, and `Round`
layers where values are rounded. `quantize` keeps those and calibrates the rest.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.pipeline.layers import window_counts


class GraphError(AcceleratorError):
    """A model that cannot become a pipeline, samples that do not fit it, or numbers that cannot be quantized."""


@dataclass(frozen=True)
class Number:
    """An integer type and what one step of it is worth: real value = scale * integer."""

    bits: int
    signed: bool
    scale: float

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1

    def integers(self, values: np.ndarray) -> np.ndarray:
        """The nearest integers of the type, halves up; values beyond its ends become its ends."""
        return np.clip(np.floor(np.asarray(values, np.float64) / self.scale + 0.5), self.low, self.high).astype(
            np.int64
        )


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Convolution: weights (O, KH, KW, I), bias (O,), stride (down, right), padding (top, bottom, left, right).

    weight_bits, weight_scale (O,)  if they are known: weights = weight_scale * integers of weight_bits, signed
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    weight_bits: int | None = None
    weight_scale: np.ndarray | None = None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*window_counts(shape, self.weights.shape[1:3], self.stride, self.padding), len(self.weights))


@dataclass(frozen=True, eq=False)
class Dense:
    """Fully connected: weights (O, N) over all numbers of the input in the order (H, W, C), bias (O,)."""

    name: str
    weights: np.ndarray
    bias: np.ndarray
    weight_bits: int | None = None
    weight_scale: np.ndarray | None = None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (len(self.weights),)


@dataclass(frozen=True)
class _Pool:
    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*window_counts(shape, self.kernel, self.stride, self.padding), shape[2])


class MaxPool2d(_Pool):
    """The largest of each window; padding never wins."""


class AvgPool2d(_Pool):
    """The mean of each window; padding counts as zeros."""


@dataclass(frozen=True)
class ReLU:
    """max(x, 0)."""

    name: str

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


@dataclass(frozen=True)
class Round:
    """Rounds to `number`, and saturates at its ends; unsigned numbers make it a ReLU, too."""

    name: str
    number: Number

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """factor * x + offset in each channel (C,). Front ends write it, `simplified` folds it away."""

    name: str
    factor: np.ndarray
    offset: np.ndarray

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


WEIGHTED = (Conv2d, Dense)
POOLS = (MaxPool2d, AvgPool2d)
Layer = Conv2d | Dense | MaxPool2d | AvgPool2d | ReLU | Round | BatchNorm


@dataclass(frozen=True)
class Graph:
    """Layers one after another.

    input_shape  (H, W, C) or (N,) of one sample
    notes        what the front end left out or changed, a sentence each
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The output shape of each layer."""
        shapes, shape = [], self.input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            shapes.append(shape)
        return tuple(shapes)

    @property
    def macs(self) -> int:
        """Multiplications for one sample, those with padding included."""
        return sum(
            layer.weights.size * (shape[0] * shape[1] if isinstance(layer, Conv2d) else 1)
            for layer, shape in zip(self.layers, self.shapes, strict=True)
            if isinstance(layer, WEIGHTED)
        )

    def __str__(self) -> str:
        lines = [f"{self.name}: input {_by(self.input_shape)}"]
        for layer, shape in zip(self.layers, self.shapes, strict=True):
            lines.append(f"  {layer.name:<12} {type(layer).__name__:<10} → {_by(shape)}")
        return "\n".join((*lines, *(f"  note: {note}" for note in self.notes)))


def simplified(graph: Graph) -> Graph:
    """The same function without batch normalisation, every ReLU and `Round` directly behind the layer it cuts.

    Raises GraphError for weights that are NaN or infinite, layers of the same name, windows larger than their picture,
    weights that do not fit, and a batch normalisation with no layer to fold into.
    """
    _check(graph)
    return replace(graph, layers=tuple(_merged(_cut_before_pooling(_folded(list(graph.layers))))))


def forward(graph: Graph, x: np.ndarray) -> np.ndarray:
    """The graph's answers (n, *output shape) to samples `x` (n, *input shape), float64."""
    x = check_samples(graph, x)
    for layer in graph.layers:
        x = apply(layer, x)
    return x


def apply(layer: Layer, x: np.ndarray) -> np.ndarray:
    """One layer's output for a batch `x` (n, …); large batches in parts, because windows take memory."""
    if len(x) > 256 and isinstance(layer, (Conv2d, *POOLS)):
        return np.concatenate([apply(layer, x[start : start + 256]) for start in range(0, len(x), 256)])
    match layer:
        case Conv2d():
            windows = _windows(x, layer.weights.shape[1:3], layer.stride, layer.padding, 0.0)
            return np.tensordot(windows, layer.weights, axes=((4, 5, 3), (1, 2, 3))) + layer.bias
        case Dense():
            return x.reshape(len(x), -1) @ layer.weights.T + layer.bias
        case MaxPool2d():
            return _windows(x, layer.kernel, layer.stride, layer.padding, -np.inf).max((4, 5))
        case AvgPool2d():
            return _windows(x, layer.kernel, layer.stride, layer.padding, 0.0).mean((4, 5))
        case ReLU():
            return np.maximum(x, 0)
        case Round():
            return layer.number.integers(x) * layer.number.scale
        case BatchNorm():
            return x * layer.factor + layer.offset


def check_samples(graph: Graph, x: np.ndarray) -> np.ndarray:
    """`x` as float64 (n, *input shape); GraphError for another shape, none at all, NaN or infinities."""
    x = np.asarray(x, np.float64)
    if x.shape[1:] != tuple(graph.input_shape) or not len(x):
        raise GraphError(
            f"samples have shape {x.shape}; {graph.name} takes (n, {', '.join(map(str, graph.input_shape))}), n at "
            "least 1, channels last"
        )
    if bad := int((~np.isfinite(x)).sum()):
        raise GraphError(f"samples hold {bad} values that are NaN or infinite; clean the data first")
    return x


def _windows(x, kernel, stride, padding, fill) -> np.ndarray:
    """(n, H, W, C) -> (n, H_OUT, W_OUT, C, KH, KW)."""
    top, bottom, left, right = padding
    if any(padding):
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]


def _check(graph: Graph) -> None:
    shape, seen = tuple(graph.input_shape), set()
    if not any(isinstance(layer, WEIGHTED) for layer in graph.layers):
        raise GraphError(f"{graph.name} has no convolution and no dense layer; there is nothing to compute")
    for layer in graph.layers:
        if layer.name in seen:
            raise GraphError(f"two layers are called {layer.name!r}; give each layer a name of its own")
        seen.add(layer.name)
        if isinstance(layer, WEIGHTED) and not (np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all()):
            raise GraphError(f"layer {layer.name!r} has weights that are NaN or infinite; train the model again")
        if isinstance(layer, (Conv2d, *POOLS)) and len(shape) != 3:
            raise GraphError(f"layer {layer.name!r} needs a picture (H, W, C), and gets {_by(shape)}")
        if isinstance(layer, Conv2d) and layer.weights.shape[3] != shape[2]:
            raise GraphError(f"layer {layer.name!r} takes {layer.weights.shape[3]} channels, and gets {_by(shape)}")
        if isinstance(layer, Dense) and layer.weights.shape[1] != np.prod(shape):
            raise GraphError(f"layer {layer.name!r} takes {layer.weights.shape[1]} numbers, and gets {_by(shape)}")
        new = layer.output_shape(shape)
        if min(new) < 1:
            raise GraphError(f"layer {layer.name!r} leaves nothing of {_by(shape)}; use a smaller kernel or padding")
        shape = new


def _folded(layers: list[Layer]) -> list[Layer]:
    """Without BatchNorm: folded into the convolution or dense layer before it, else into the one behind it."""
    while norms := [at for at, layer in enumerate(layers) if isinstance(layer, BatchNorm)]:
        at = norms[0]
        norm = layers.pop(at)
        # Behind a pooling it commutes with, a normalisation is worth what it is before the pooling, and vice versa.
        before, behind = at - 1, at
        while before >= 0 and _commutes(layers[before], norm):
            before -= 1
        while behind < len(layers) and _commutes(layers[behind], norm):
            behind += 1
        if before >= 0 and isinstance(layers[before], WEIGHTED):
            layers[before] = _scaled_output(layers[before], norm)
        elif behind < len(layers) and _takes_input_scale(layers[behind]):
            layers[behind] = _scaled_input(layers[behind], norm)
        else:
            raise GraphError(
                f"batch normalisation {norm.name!r} has no convolution or dense layer to fold into; put it directly "
                "behind one, or before one without padding"
            )
    return layers


def _commutes(layer: Layer, norm: BatchNorm) -> bool:
    if isinstance(layer, MaxPool2d):
        return bool((norm.factor > 0).all())
    return isinstance(layer, AvgPool2d) and not any(layer.padding)


def _takes_input_scale(layer: Layer) -> bool:
    """Zeros that pad a convolution would have to become the normalisation's offset."""
    return isinstance(layer, Dense) or (isinstance(layer, Conv2d) and not any(layer.padding))


def _scaled_output(layer: Conv2d | Dense, norm: BatchNorm) -> Conv2d | Dense:
    weights = layer.weights * norm.factor.reshape(-1, *[1] * (layer.weights.ndim - 1))
    changes = dict(weights=weights, bias=layer.bias * norm.factor + norm.offset)
    if layer.weight_scale is not None:
        # A factor of 0 leaves no weight, and no step is then as good as another; a step of 0 would be none.
        changes["weight_scale"] = layer.weight_scale * np.where(norm.factor == 0, 1, np.abs(norm.factor))
        lowest = -(1 << (layer.weight_bits - 1))
        turned = np.rint(weights / _column(changes["weight_scale"], weights))
        if (turned > -lowest - 1).any():
            changes["weight_bits"] = layer.weight_bits + 1  # a negative factor turned the lowest integer round
    return replace(layer, **changes)


def _scaled_input(layer: Conv2d | Dense, norm: BatchNorm) -> Conv2d | Dense:
    if layer.weight_scale is not None:
        raise GraphError(
            f"batch normalisation {norm.name!r} stands before layer {layer.name!r}, whose weights are rounded already; "
            "put it behind a convolution or dense layer"
        )
    shape = layer.weights.shape
    weights = layer.weights.reshape(len(layer.weights), -1, len(norm.factor))  # channels run fastest in both kinds
    return replace(
        layer, weights=(weights * norm.factor).reshape(shape), bias=layer.bias + (weights @ norm.offset).sum(1)
    )


def _cut_before_pooling(layers: list[Layer]) -> list[Layer]:
    """Rounding and ReLU keep the order of values, so they may as well come before a maximum."""
    for _ in layers:
        for at in range(len(layers) - 1):
            if isinstance(layers[at], MaxPool2d) and isinstance(layers[at + 1], ReLU | Round):
                layers[at], layers[at + 1] = layers[at + 1], layers[at]
    return layers


def _merged(layers: list[Layer]) -> list[Layer]:
    """One `Round` or ReLU where several follow each other."""
    merged: list[Layer] = []
    for layer in layers:
        before = merged[-1] if merged else None
        if not (isinstance(before, ReLU | Round) and isinstance(layer, ReLU | Round)):
            merged.append(layer)
        elif isinstance(before, ReLU):
            merged[-1] = layer if isinstance(layer, ReLU) else replace(layer, number=_natural(layer.number))
        elif isinstance(layer, ReLU):
            merged[-1] = replace(before, number=_natural(before.number))
        elif layer.number != before.number:
            raise GraphError(
                f"layers {before.name!r} and {layer.name!r} round the same values twice, to different numbers; keep one"
            )
    return merged


def _natural(number: Number) -> Number:
    """The type without its negative half."""
    return replace(number, bits=number.bits - 1, signed=False) if number.signed else number


def _column(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(O,) so that it multiplies the first axis of `like`."""
    return np.reshape(values, (-1, *[1] * (like.ndim - 1)))


def identifier(name: str) -> str:
    """`name` as a name of files and of hardware: letters, digits and _, a letter first."""
    name = re.sub("[^A-Za-z0-9_]+", "_", name)
    return name if name[:1].isalpha() else f"layer_{name}".replace("__", "_")


def _by(shape) -> str:
    return " × ".join(map(str, shape))
