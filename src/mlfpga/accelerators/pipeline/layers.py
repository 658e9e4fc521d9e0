"""The layers of an integer network: one frozen dataclass each, and the shape each gives.

Everything is an integer; channels come last. What a layer computes is in `reference`, how it is scaled in `arithmetic`.
Sizes are checked by `network.check`, not here, so that a layer can be made first and judged with its neighbours.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError

RAW_BITS = 32
"""Width of an accumulator that leaves without requantization (multiplier None), signed."""


class NetworkError(AcceleratorError):
    """An integer network that no hardware of this kind computes, or numbers that do not fit it."""


@dataclass(frozen=True)
class Tensor:
    """What travels between two layers: integers, and what one of them is worth.

    shape   (H, W, C) or (N,)
    bits    of one integer
    signed  two's complement if true; else natural numbers, so that an unsigned output is a ReLU
    scale   real value = scale * integer
    """

    shape: tuple[int, ...]
    bits: int
    signed: bool
    scale: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "bits", int(self.bits))
        object.__setattr__(self, "signed", bool(self.signed))
        object.__setattr__(self, "scale", float(self.scale))

    @property
    def low(self) -> int:
        """The smallest integer of the type."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest integer of the type."""
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.shape)

    @property
    def type(self) -> str:
        """For reading: `unsigned 4 bits`."""
        return f"{'signed' if self.signed else 'unsigned'} {self.bits} bit{'s' if self.bits != 1 else ''}"


class _Layer:
    """Layers are equal when all their numbers are; NumPy arrays do not compare that way by themselves."""

    def __eq__(self, other) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def _fix(self, integers=(), tuples=(), channels: int | None = None) -> None:
        """Arrays become int64 copies that cannot be written, pairs become tuples of int."""
        for name in integers:
            if (value := getattr(self, name)) is not None:
                array = _integers(value, f"{self.name}: {name}")
                if array.ndim == 0 and channels is not None:
                    array = np.full(channels, array)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        for name in tuples:
            object.__setattr__(self, name, tuple(int(n) for n in getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Conv2d(_Layer):
    """Convolution (as in deep learning: no flip), then requantization of each channel.

    weights      (O, KH, KW, I) integers, signed `weight_bits` wide
    bias         (O,) added to the accumulator, signed 32 bits
    multiplier   (O,) unsigned 16 bits, or one for all channels; None: the accumulators leave as they are
    shift        (O,) 0 … 47, or one for all channels; None with multiplier None
    stride       (down, right);  padding (top, bottom, left, right) of zeros
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray | None
    shift: np.ndarray | None
    weight_bits: int
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    output: Tensor

    def __post_init__(self):
        self._fix(("weights",), ("stride", "padding"))
        self._fix(("bias", "multiplier", "shift"), channels=len(self.weights) if self.weights.ndim else None)

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[1:3]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(H, W, I) -> (H_OUT, W_OUT, O)."""
        return (*window_counts(shape, self.kernel, self.stride, self.padding), len(self.weights))


@dataclass(frozen=True, eq=False)
class Dense(_Layer):
    """Fully connected layer over all numbers of its input, in the order (H, W, C), then requantization as in `Conv2d`.

    weights (O, N); bias, multiplier, shift (O,); multiplier and shift None: logits leave as signed 32 bits.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray | None
    shift: np.ndarray | None
    weight_bits: int
    output: Tensor

    def __post_init__(self):
        self._fix(("weights",))
        self._fix(("bias", "multiplier", "shift"), channels=len(self.weights) if self.weights.ndim else None)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Any shape -> (O,)."""
        return (len(self.weights),)


@dataclass(frozen=True, eq=False)
class MaxPool2d(_Layer):
    """The largest number of each window, channel by channel; padding never wins (the smallest value of the type)."""

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    output: Tensor

    def __post_init__(self):
        self._fix(tuples=("kernel", "stride", "padding"))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(H, W, C) -> (H_OUT, W_OUT, C)."""
        return (*window_counts(shape, self.kernel, self.stride, self.padding), shape[2])


@dataclass(frozen=True, eq=False)
class AvgPool2d(_Layer):
    """The requantized sum of each window, channel by channel; padding counts as zeros (count_include_pad).

    multiplier, shift  integers, one for all channels: about 1 / (KH * KW) times the change of scale
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    multiplier: int
    shift: int
    output: Tensor

    def __post_init__(self):
        self._fix(tuples=("kernel", "stride", "padding"))
        for name in ("multiplier", "shift"):
            object.__setattr__(self, name, int(_integers(getattr(self, name), f"{self.name}: {name}")))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(H, W, C) -> (H_OUT, W_OUT, C)."""
        return (*window_counts(shape, self.kernel, self.stride, self.padding), shape[2])


@dataclass(frozen=True, eq=False)
class ReLU(_Layer):
    """max(x, 0), element by element; the type stays as it is."""

    name: str
    output: Tensor

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Any shape -> the same."""
        return tuple(shape)


@dataclass(frozen=True, eq=False)
class Argmax(_Layer):
    """Index of a Dense layer's largest output; of several, the smallest index."""

    name: str
    output: Tensor

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(N,) -> (1,)."""
        return (1,)


LAYERS = (Conv2d, Dense, MaxPool2d, AvgPool2d, ReLU, Argmax)
"""The layers that have a block of RTL."""

Layer = Conv2d | Dense | MaxPool2d | AvgPool2d | ReLU | Argmax


def window_counts(shape, kernel, stride, padding) -> tuple[int, int]:
    """Windows down and right: floor((size + padding before and after - kernel) / stride) + 1."""
    (height, width), (top, bottom, left, right) = shape[:2], padding
    down = (height + top + bottom - kernel[0]) // stride[0] + 1
    across = (width + left + right - kernel[1]) // stride[1] + 1
    return down, across


def _integers(value, what: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.rint(array)).all():
        if (np.abs(array) < 2.0**53).all():
            return array.astype(np.int64)
    elif array.dtype.kind in "iub" and (array.dtype != np.uint64 or (array < 2**63).all()):
        return array.astype(np.int64)
    raise NetworkError(f"{what} are not integers of at most 64 bits; quantize them first")


def _same(one, other) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and other is not None and np.array_equal(one, other)
    return one == other
