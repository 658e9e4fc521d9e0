"""What the hardware must give, in NumPy: every number exact, no rounding but `requantize`.

    y = run(network, x)                what leaves the last layer
    layers = trace(network, x)         what leaves every layer, by name
    accumulate(layer, tensor, x)       what a Conv2d, Dense or AvgPool2d holds before it requantizes

Products are summed by the matrix multiplication of floating-point BLAS, which is many times faster than int64 in NumPy
and exact all the same where every partial sum is an integer below 2^24 (float32) or 2^53 (float64):
`_exact_type` proves that from the weights before it chooses.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mlfpga.accelerators.pipeline.arithmetic import requantize
from mlfpga.accelerators.pipeline.layers import Argmax, AvgPool2d, Conv2d, Dense, Layer, MaxPool2d, NetworkError, Tensor
from mlfpga.accelerators.pipeline.network import Network, check

_BATCH_NUMBERS = 1 << 20
"""Numbers of the largest array in one batch: about what stays in a processor's cache pays best."""


def run(network: Network, x) -> np.ndarray:
    """Result of each sample, int64 (n, *output shape), for integers x (n, *input shape).

    Raises NetworkError if the network fails `check`, or if x has another shape or numbers outside the input's type.
    """
    x = _samples(network, x)
    results = np.empty((len(x), *network.output.shape), np.int64)
    for start, stop in _batches(network, len(x)):
        values = x[start:stop].astype(np.int64)
        for layer, tensor in zip(network.layers, network.tensors, strict=True):
            values = apply(layer, tensor, values)
        results[start:stop] = values
    return results


def trace(network: Network, x) -> dict[str, np.ndarray]:
    """What leaves each layer, by its name: int64 (n, *shape). Same errors as `run`; takes memory for everything."""
    x = _samples(network, x)
    results = {layer.name: np.empty((len(x), *layer.output.shape), np.int64) for layer in network.layers}
    for start, stop in _batches(network, len(x)):
        values = x[start:stop].astype(np.int64)
        for layer, tensor in zip(network.layers, network.tensors, strict=True):
            results[layer.name][start:stop] = values = apply(layer, tensor, values)
    return results


def integer_accuracy(network: Network, x: np.ndarray, y: np.ndarray) -> float:
    """The part of samples `x` (n, *sample shape), in engineering units, that the integer network classifies as `y`."""
    answers = run(network, to_integers(network, x))
    decisions = answers[:, 0] if answers.shape[1] == 1 else answers.argmax(1)
    return float((decisions == np.asarray(y)).mean())


def to_integers(network: Network, x: np.ndarray) -> np.ndarray:
    """Samples in engineering units as the network's input integers: rounded half up, clipped to its type."""
    values = np.floor(np.asarray(x, np.float64) / network.input.scale + 0.5)
    return np.clip(values, network.input.low, network.input.high).astype(np.int64)


def apply(layer: Layer, tensor: Tensor, x: np.ndarray) -> np.ndarray:
    """One layer: int64 (n, *output shape) from x (n, *tensor.shape), integers of the type `tensor`."""
    if isinstance(layer, (Conv2d, Dense, AvgPool2d)):
        acc = accumulate(layer, tensor, x)
        if layer.multiplier is None:
            return acc
        return requantize(acc, layer.multiplier, layer.shift, layer.output.low, layer.output.high)
    if isinstance(layer, MaxPool2d):
        return np.maximum.reduce(list(_taps(_padded(x, layer.padding, tensor.low), layer)))
    if isinstance(layer, Argmax):
        return x.argmax(axis=1)[:, None]  # NumPy takes the first of several, as the hardware does
    return np.maximum(x, 0)


def accumulate(layer: Conv2d | Dense | AvgPool2d, tensor: Tensor, x: np.ndarray) -> np.ndarray:
    """The accumulators before requantization, bias included: int64 (n, *output shape)."""
    if isinstance(layer, AvgPool2d):
        return sum(_taps(_padded(np.asarray(x, np.int64), layer.padding, 0), layer))
    kind = _exact_type(layer.weights, tensor)
    x = np.asarray(x).astype(kind)
    if isinstance(layer, Dense):
        rows, weights = x.reshape(len(x), tensor.size), layer.weights
    else:
        windows = sliding_window_view(_padded(x, layer.padding, 0), layer.kernel, axis=(1, 2))
        windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # n, rows, columns, I, KH, KW
        weights = layer.weights.transpose(0, 3, 1, 2).reshape(len(layer.weights), -1)
        rows = windows.reshape(-1, weights.shape[1])
    acc = (rows @ weights.T.astype(kind)).astype(np.int64).reshape(len(x), *layer.output_shape(tensor.shape))
    acc += layer.bias
    return acc


def _exact_type(weights: np.ndarray, tensor: Tensor) -> type:
    """The fastest type in which products of `weights` (O, …) and numbers of the type `tensor` are summed exactly.

    No partial sum, in whatever order BLAS takes them, is larger than sum(|w|) * max(|x|).
    """
    largest = int(np.abs(weights).reshape(len(weights), -1).sum(1).max()) * max(-tensor.low, tensor.high)
    return np.float32 if largest < 1 << 24 else np.float64 if largest < 1 << 53 else np.int64


def _padded(x: np.ndarray, padding: tuple[int, int, int, int], value: int) -> np.ndarray:
    if not any(padding):
        return x
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _taps(padded: np.ndarray, layer: MaxPool2d | AvgPool2d) -> Iterator[np.ndarray]:
    """For each place in the window what all windows see there: (n, *output shape)."""
    (down, across), (sy, sx) = layer.output.shape[:2], layer.stride
    for y in range(layer.kernel[0]):
        for x in range(layer.kernel[1]):
            yield padded[:, y : y + (down - 1) * sy + 1 : sy, x : x + (across - 1) * sx + 1 : sx]


def _samples(network: Network, x) -> np.ndarray:
    check(network)
    x, wanted = np.asarray(x), network.input
    if x.dtype.kind not in "iu":
        raise NetworkError(f"{network.name}: the input is {x.dtype}; it takes integers, {wanted.type}")
    if x.shape[1:] != wanted.shape or x.ndim == 0:
        raise NetworkError(
            f"{network.name}: the input has the shape {x.shape}; it takes samples of {wanted.shape}, that is "
            f"{('n', *wanted.shape)}".replace("'", "")
        )
    if x.size and (x.min() < wanted.low or x.max() > wanted.high):
        worst = x.min() if x.min() < wanted.low else x.max()
        raise NetworkError(f"{network.name}: the input holds {worst}; {wanted.type} hold {wanted.low} … {wanted.high}")
    return x


def _batches(network: Network, count: int) -> Iterator[tuple[int, int]]:
    largest = max(
        math.prod(layer.output_shape(tensor.shape)[:2]) * layer.weights[0].size
        if isinstance(layer, Conv2d)
        else layer.output.size
        for layer, tensor in zip(network.layers, network.tensors, strict=True)
    )
    size = max(1, _BATCH_NUMBERS // max(largest, network.input.size))
    return ((start, min(start + size, count)) for start in range(0, count, size))
