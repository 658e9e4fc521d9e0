"""Quantization-aware training with QKeras: the network trains with the numbers that the hardware will have.

`quantize` replaces each layer by its QKeras twin. In the forward pass a twin rounds weights and activations to fixed
point; in the backward pass the gradient ignores the rounding (the straight-through estimator, Bengio et al., 2013), so
training finds weights that work *after* rounding.

All scales are powers of two (`alpha=1`): what QKeras computes in floating point, hardware repeats exactly in integers.
"""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from qkeras import QActivation, QConv1D, QConv2D, QDense, quantized_bits, quantized_relu
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import copy_model

_MAXIMUM_BITS = 32
# Each layer with weights: its QKeras twin, and the part of its configuration that the twin keeps.
_CONVOLUTION = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "use_bias", "name")
_TWINS = {
    keras.layers.Dense: (QDense, ("units", "use_bias", "name")),
    keras.layers.Conv1D: (QConv1D, _CONVOLUTION),
    keras.layers.Conv2D: (QConv2D, _CONVOLUTION),
}
# Layers that only move values around, or act in training alone: nothing to quantize.
_UNCHANGED = (
    keras.layers.InputLayer,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
)


@dataclass(frozen=True)
class Ranges:
    """How large a layer's numbers are, in absolute value; None for what the layer does not have."""

    weight: float | None = None
    bias: float | None = None
    activation: float | None = None


def ranges(model: keras.Model, x: np.ndarray, coverage: float = 99.9) -> dict[str, Ranges]:
    """By layer name: the largest weight and bias, and what `coverage` percent of the ReLU's outputs on `x` stay below.

    `x` (n, *input shape) should look like the training data; a few thousand samples are plenty. Not the maximum for
    activations, because one stray value in a million would cost every other value a bit. Raises CompressError if `x`
    holds NaN or infinities, or does not fit the model's input.
    """
    x = np.asarray(x)
    if x.shape[1:] != tuple(model.input_shape[1:]) or not len(x):
        raise CompressError(
            f"calibration data has shape {x.shape}; {model.name} takes (n, {_shape(model.input_shape)})"
        )
    if not np.isfinite(x).all():
        raise CompressError(f"calibration data holds {int((~np.isfinite(x)).sum())} values that are NaN or infinite")

    found = {}
    rectified = {layer.name: layer.output for layer in model.layers if _has_relu(layer)}
    activations = keras.Model(model.input, rectified).predict(x, verbose=0) if rectified else {}
    for layer in model.layers:
        weights = [np.abs(w).max() for w in layer.get_weights()] if type(layer) in _TWINS else []
        activation = activations.get(layer.name)
        if weights or activation is not None:
            found[layer.name] = Ranges(
                weight=float(weights[0]) if weights else None,
                bias=float(weights[1]) if len(weights) > 1 else None,
                activation=None if activation is None else float(np.percentile(activation, coverage)),
            )
    return found


def integer_bits(largest: float) -> int:
    """Bits before the binary point, sign not counted, so that `largest` (absolute value) fits: the smallest i ≥ 0 with
    2^i ≥ largest. Every bit given to the integer part is taken from the fraction.
    """
    return max(0, ceil(log2(largest))) if largest > 0 else 0


def quantize(
    model: keras.Model, found: dict[str, Ranges], weight_bits: int = 8, activation_bits: int = 8
) -> keras.Model:
    """A QKeras copy of `model`, uncompiled, starting from the same weights; layers keep their names.

    Weights and biases become `quantized_bits(weight_bits, i, alpha=1)` (sign included in the bits), every ReLU a
    `quantized_relu(activation_bits, i)` (no sign), with i from `found` (see `ranges`, `integer_bits`). The logits stay
    as they come out of the last sum. Raises CompressError for bit widths outside 1 … 32 (weights: 2 … 32, they have a
    sign), for a layer without a quantized twin, and for a range that needs more integer bits than there are bits.
    """
    for what, bits, least in (("weight_bits", weight_bits, 2), ("activation_bits", activation_bits, 1)):
        if not least <= bits <= _MAXIMUM_BITS:
            raise CompressError(f"{what} is {bits}; choose {least} to {_MAXIMUM_BITS}")

    def twin(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, _UNCHANGED):
            return layer.__class__.from_config(layer.get_config())
        if _is_relu_layer(layer):
            return QActivation(relu(layer), name=layer.name)
        if type(layer) not in _TWINS:
            raise CompressError(
                f"layer {layer.name} is a {type(layer).__name__}, which has no quantized twin here; supported: "
                f"{', '.join(sorted(known.__name__ for known in (*_TWINS, *_UNCHANGED)))} and ReLU"
            )
        if not _has_relu(layer) and layer.activation is not keras.activations.linear:
            raise CompressError(
                f"layer {layer.name} has activation {layer.activation.__name__}; use ReLU inside, and logits (no "
                "activation) at the end"
            )
        made, keys = _TWINS[type(layer)]
        config = layer.get_config()
        largest = found[layer.name]
        return made(
            **{key: config[key] for key in keys},
            kernel_initializer="zeros",  # the weights are copied in below
            kernel_quantizer=signed(layer, largest.weight),
            bias_quantizer=signed(layer, largest.bias) if layer.use_bias else None,
            activation=relu(layer) if _has_relu(layer) else None,
        )

    def signed(layer: keras.layers.Layer, largest: float) -> quantized_bits:
        return quantized_bits(weight_bits, fitting(layer, "weight_bits", largest, weight_bits - 1), alpha=1)

    def relu(layer: keras.layers.Layer) -> quantized_relu:
        largest = found[layer.name].activation
        return quantized_relu(activation_bits, fitting(layer, "activation_bits", largest, activation_bits))

    def fitting(layer: keras.layers.Layer, what: str, largest: float, available: int) -> int:
        integer = integer_bits(largest)
        if integer > available:
            raise CompressError(
                f"layer {layer.name}: values up to {largest:.3g} need {integer} integer bits, more than {what} leaves "
                f"({available}); choose more bits"
            )
        return integer

    missing = [
        layer.name for layer in model.layers if (type(layer) in _TWINS or _has_relu(layer)) and layer.name not in found
    ]
    if missing:
        raise CompressError(f"no ranges for {', '.join(missing)}; measure them on this model: ranges({model.name}, x)")
    return copy_model(model, twin)


def quantizers(model: keras.Model) -> dict[str, dict[str, str]]:
    """By layer name, what stands where: {"dense_1": {"kernel": "quantized_bits(6,0,…)", "bias": …}, "relu_1": …}."""
    found = {}
    for layer in model.layers:
        parts = {
            part: str(quantizer)
            for part in ("kernel", "bias")
            if (quantizer := getattr(layer, f"{part}_quantizer_internal", None)) is not None
        }
        if isinstance(getattr(layer, "quantizer", None), quantized_relu):
            parts["activation"] = str(layer.quantizer)
        elif isinstance(getattr(layer, "activation", None), quantized_relu):
            parts["activation"] = str(layer.activation)
        if parts:
            found[layer.name] = parts
    return found


def _is_relu_layer(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.negative_slope and not layer.threshold
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu


def _has_relu(layer: keras.layers.Layer) -> bool:
    return _is_relu_layer(layer) or (type(layer) in _TWINS and layer.activation is keras.activations.relu)


def _shape(shape: tuple) -> str:
    return ", ".join(map(str, shape[1:]))
