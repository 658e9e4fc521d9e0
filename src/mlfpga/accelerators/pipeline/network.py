"""The integer network: what the front ends make, the reference runs, the export writes and the hardware computes.

    network = Network("digits", Tensor((28, 28, 1), 8, False), (Conv2d(…), MaxPool2d(…), Dense(…)))
    check(network)

`Network` and the layers are plain numbers. `check` says whether hardware of this kind can compute them: every layer has
a block, shapes follow from each other, numbers fit their bits, no accumulator can overflow.
"""

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from mlfpga.accelerators.pipeline.arithmetic import ACCUMULATOR_BITS, MAX_SHIFT, MULTIPLIER_BITS
from mlfpga.accelerators.pipeline.bounds import layer_bounds
from mlfpga.accelerators.pipeline.layers import (
    LAYERS,
    RAW_BITS,
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    Layer,
    MaxPool2d,
    NetworkError,
    ReLU,
    Tensor,
    window_counts,
)

MAX_BITS = 8
"""Bits of a weight, or of a number between layers, at most."""

__all__ = [
    "LAYERS",
    "RAW_BITS",
    "Argmax",
    "AvgPool2d",
    "Conv2d",
    "Dense",
    "Layer",
    "MAX_BITS",
    "MaxPool2d",
    "Network",
    "NetworkError",
    "ReLU",
    "Tensor",
    "check",
    "window_counts",
]


@dataclass(frozen=True)
class Network:
    """Layers one after another. `name` and the layers' names become names of files and of hardware."""

    name: str
    input: Tensor
    layers: tuple[Layer, ...]

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))

    @property
    def output(self) -> Tensor:
        """What the last layer gives; the input if there is no layer."""
        return self.layers[-1].output if self.layers else self.input

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The input of each layer."""
        return (self.input, *(layer.output for layer in self.layers[:-1])) if self.layers else ()

    def upto(self, name: str) -> "Network":
        """The network that ends with the layer `name`; its output is that layer's."""
        names = [layer.name for layer in self.layers]
        if name not in names:
            raise NetworkError(f"{self.name} has no layer {name!r}; its layers are {', '.join(names)}")
        return Network(self.name, self.input, self.layers[: names.index(name) + 1])


def check(network: Network) -> None:
    """Nothing, if hardware of this kind can compute the network; else NetworkError with layer, value and way out.

    Looks at names, layers without a block, their order, shapes, bits and ranges, accumulators (see `bounds`).
    """
    _check_names(network)
    _check_input(network.input)
    for before, layer, tensor in zip((None, *network.layers), network.layers, network.tensors, strict=False):
        where = f"layer {layer.name}"
        _check_place(where, before, layer, tensor)
        if isinstance(layer, (Conv2d, Dense)):
            _check_weights(where, layer, tensor)
        if isinstance(layer, (Conv2d, MaxPool2d, AvgPool2d)):
            _check_window(where, layer, tensor)
        if isinstance(layer, (Conv2d, Dense, AvgPool2d)):
            _check_scaling(where, layer)
        _check_output(where, layer, tensor)
        if isinstance(layer, (Conv2d, Dense, AvgPool2d)):
            layer_bounds(layer, tensor)


def _check_names(network: Network) -> None:
    if not network.layers:
        raise NetworkError(f"{network.name} has no layers; it needs at least one")
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, LAYERS):
            raise NetworkError(
                f"layer {getattr(layer, 'name', index)}: there is no block for {type(layer).__name__}; the pipeline "
                f"has {', '.join(kind.__name__ for kind in LAYERS)}"
            )
    seen = set()
    for what, name in [("the network", network.name), *(("a layer", layer.name) for layer in network.layers)]:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            raise NetworkError(
                f"{what} is called {name!r}; names become files and hardware: a letter, then letters, digits and _"
            )
        if what == "a layer" and name.lower() in seen:
            raise NetworkError(f"two layers are called {name} (capitals do not count); give each its own name")
        if what == "a layer":
            seen.add(name.lower())


def _check_input(tensor: Tensor) -> None:
    if len(tensor.shape) not in (1, 3) or min(tensor.shape) < 1:
        raise NetworkError(
            f"the input has the shape {tensor.shape}; it must be (height, width, channels) or (numbers,)"
        )
    if not 1 <= tensor.bits <= MAX_BITS:
        raise NetworkError(f"the input has {tensor.bits} bits; choose 1 … {MAX_BITS}")
    _check_scale("the input", tensor)


def _check_place(where: str, before: Layer | None, layer: Layer, tensor: Tensor) -> None:
    if isinstance(before, Argmax):
        raise NetworkError(f"{where} follows {before.name}, an Argmax; an Argmax must be the last layer")
    if isinstance(layer, Argmax):
        if not isinstance(before, Dense):
            raise NetworkError(f"{where}: Argmax must follow a Dense layer")
    elif tensor.bits > MAX_BITS:
        raise NetworkError(
            f"{where} takes the {tensor.bits}-bit accumulators of {before.name}; only the last layer or one before "
            f"Argmax may leave them: give {before.name} a multiplier and a shift"
        )
    if isinstance(layer, (Conv2d, MaxPool2d, AvgPool2d)) and len(tensor.shape) != 3:
        raise NetworkError(
            f"{where} takes (height, width, channels); {before.name if before else 'the input'} gives {tensor.shape}"
        )


def _check_weights(where: str, layer: Conv2d | Dense, tensor: Tensor) -> None:
    axes = "(outputs, kernel rows, kernel columns, inputs)" if isinstance(layer, Conv2d) else "(outputs, inputs)"
    if layer.weights.ndim != axes.count(",") + 1 or 0 in layer.weights.shape:
        raise NetworkError(f"{where}: its weights have the shape {layer.weights.shape}; it must be {axes}")
    inputs, given = (tensor.size, "numbers") if isinstance(layer, Dense) else (tensor.shape[2], "channels")
    if layer.weights.shape[-1] != inputs:
        raise NetworkError(
            f"{where}: its weights {layer.weights.shape} are for {layer.weights.shape[-1]} {given}; its input "
            f"{tensor.shape} has {inputs}"
        )
    if not 2 <= layer.weight_bits <= MAX_BITS:
        raise NetworkError(f"{where}: weights of {layer.weight_bits} bits; choose 2 … {MAX_BITS}")
    _check_values(where, "weights", layer.weights, Tensor((), layer.weight_bits, True), layer.weights.shape)
    _check_values(where, "bias", layer.bias, Tensor((), ACCUMULATOR_BITS, True), layer.weights.shape[:1])


def _check_window(where: str, layer: Conv2d | MaxPool2d | AvgPool2d, tensor: Tensor) -> None:
    for name in ("kernel", "stride"):
        value = getattr(layer, name)
        if len(value) != 2 or min(value) < 1:
            raise NetworkError(f"{where}: {name} {value}; it must be (down, right), each at least 1")
    if len(layer.padding) != 4 or min(layer.padding) < 0:
        raise NetworkError(f"{where}: padding {layer.padding}; it must be (top, bottom, left, right), each at least 0")
    for axis, names in enumerate((("top", "bottom"), ("left", "right"))):
        kernel = layer.kernel[axis]
        pads = layer.padding[2 * axis : 2 * axis + 2]
        for name, pad in zip(names, pads, strict=True):
            if pad >= kernel:
                raise NetworkError(
                    f"{where}: padding {pad} at the {name} with a kernel of {kernel}; choose at most {kernel - 1}"
                )
        if kernel > tensor.shape[axis] + sum(pads):
            raise NetworkError(
                f"{where}: its kernel {layer.kernel} does not fit its input {tensor.shape} with padding "
                f"{layer.padding}; choose a smaller kernel or more padding"
            )


def _check_scaling(where: str, layer: Conv2d | Dense | AvgPool2d) -> None:
    if (layer.multiplier is None) != (layer.shift is None):
        raise NetworkError(f"{where}: multiplier and shift go together; give both, or None for both")
    if layer.multiplier is None:
        if (layer.output.bits, layer.output.signed) != (RAW_BITS, True):
            raise NetworkError(
                f"{where}: without a multiplier its accumulators leave as signed {RAW_BITS} bits; its output is "
                f"{layer.output.type}"
            )
        return
    if not 2 <= layer.output.bits <= MAX_BITS:
        raise NetworkError(f"{where}: an output of {layer.output.bits} bits; choose 2 … {MAX_BITS}")
    shape = () if isinstance(layer, AvgPool2d) else layer.weights.shape[:1]
    for name, most in (("multiplier", (1 << MULTIPLIER_BITS) - 1), ("shift", MAX_SHIFT)):
        values = np.asarray(getattr(layer, name))
        _check_shape(where, name, values, shape)
        if values.min() < 0 or values.max() > most:
            worst = values.min() if values.min() < 0 else values.max()
            raise NetworkError(f"{where}: {name} {worst} is outside 0 … {most}; see arithmetic.scaling")


def _check_output(where: str, layer: Layer, tensor: Tensor) -> None:
    shape = layer.output_shape(tensor.shape)
    if layer.output.shape != shape:
        raise NetworkError(f"{where}: from {tensor.shape} it gives {shape}; its output says {layer.output.shape}")
    if isinstance(layer, (MaxPool2d, ReLU)) and replace(layer.output, shape=tensor.shape) != tensor:
        raise NetworkError(
            f"{where}: {type(layer).__name__} keeps the type of its input, {tensor.type} of scale {tensor.scale:g}; "
            f"its output says {layer.output.type} of scale {layer.output.scale:g}"
        )
    if isinstance(layer, Argmax) and (layer.output.signed or layer.output.high < tensor.size - 1):
        raise NetworkError(
            f"{where}: indices up to {tensor.size - 1} need unsigned {max(1, (tensor.size - 1).bit_length())} bits or "
            f"more; its output is {layer.output.type}"
        )
    _check_scale(where, layer.output)


def _check_scale(where: str, tensor: Tensor) -> None:
    if not (math.isfinite(tensor.scale) and tensor.scale > 0):
        raise NetworkError(f"{where}: scale {tensor.scale:g}; it must be a number above 0")


def _check_values(where: str, name: str, values: np.ndarray, kind: Tensor, shape: tuple[int, ...]) -> None:
    _check_shape(where, name, values, shape)
    wrong = np.argwhere((values < kind.low) | (values > kind.high))
    if len(wrong):
        place = tuple(int(n) for n in wrong[0])
        raise NetworkError(
            f"{where}: {name} {list(place)} is {values[place]:,}; {kind.type} hold {kind.low:,} … {kind.high:,}"
        )


def _check_shape(where: str, name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise NetworkError(f"{where}: its {name} has the shape {values.shape}; it must be {shape}")
