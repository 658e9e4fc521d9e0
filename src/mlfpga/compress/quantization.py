"""Quantization: the network computes with the numbers that the hardware will have.

`quantize` replaces each layer by a twin that rounds its weights and activations to fixed point. Used as it is, that is
*post-training quantization*: measure the ranges, round, done. Trained further, it is *quantization-aware training*: in
the forward pass a twin rounds; in the backward pass the gradient ignores the rounding (the straight-through estimator,
Bengio et al., 2013), so training finds weights that work *after* rounding.

The twins of dense and convolutional layers are QKeras's; those of recurrent layers and embeddings are in
`models.rounded`. All scales are powers of two (`alpha=1`): what is computed here in floating point, hardware repeats
exactly in integers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from qkeras import QActivation, QConv1D, QConv2D, QDense, QDepthwiseConv2D, quantized_bits, quantized_relu
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import check_built, copy_model, rounded

_WEIGHT_BITS = (2, 32)
_ACTIVATION_BITS = (1, 31)  # at 32, QKeras's quantized_relu computes 2^32 in a 32-bit integer, and gives NaN
# Each layer that QKeras has a twin for, and the part of its configuration that the twin keeps.
_CONVOLUTION = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "use_bias", "name")
_TWINS = {
    keras.layers.Dense: (QDense, ("units", "use_bias", "name")),
    keras.layers.Conv1D: (QConv1D, _CONVOLUTION),
    keras.layers.Conv2D: (QConv2D, _CONVOLUTION),
    keras.layers.DepthwiseConv2D: (QDepthwiseConv2D, ("depth_multiplier", *_CONVOLUTION[1:])),
}
# The weights of each layer, in the order of `get_weights`: a field of `Ranges`, and Keras's name.
_KERNEL, _RECURRENT, _BIAS = ("weight", "kernel"), ("recurrent", "recurrent_kernel"), ("bias", "bias")
_WEIGHTS = {
    **{layer: (_KERNEL, _BIAS) for layer in _TWINS},
    keras.layers.SimpleRNN: (_KERNEL, _RECURRENT, _BIAS),
    keras.layers.GRU: (_KERNEL, _RECURRENT, _BIAS),
    keras.layers.LSTM: (_KERNEL, _RECURRENT, _BIAS),
    keras.layers.Embedding: (("weight", "embeddings"),),
}
# Layers that move values around, add or average them, or act in training alone: they have no numbers to round.
_UNCHANGED = (
    keras.layers.InputLayer,
    keras.layers.Add,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
)
Widths = int | Mapping[str, int | None]


@dataclass(frozen=True)
class Ranges:
    """How large a layer's numbers are, in absolute value; None for what the layer does not have.

    weight      of its kernel, or of an embedding's table
    bias        of its bias
    activation  of its ReLU
    recurrent   of a recurrent layer's recurrent kernel, which the state is multiplied by
    """

    weight: float | None = None
    bias: float | None = None
    activation: float | None = None
    recurrent: float | None = None


def ranges(model: keras.Model, x: np.ndarray, coverage: float = 99.9) -> dict[str, Ranges]:
    """By layer name: the largest weight and bias, and what `coverage` percent of the ReLU's outputs on `x` stay below.

    `x` (n, *input shape) should look like the training data; a few thousand samples are plenty. Not the maximum for
    activations, because one stray value in a million would cost every other value a bit. Raises CompressError if `x`
    holds NaN or infinities or does not fit the model's input, and if a weight or an activation is not finite.
    """
    check_built(model, CompressError)
    x = np.asarray(x)
    expected = model.input_shape[1:]
    fits = x.ndim == len(expected) + 1 and all(
        size in (None, given) for size, given in zip(expected, x.shape[1:], strict=True)
    )
    if not fits or not len(x):
        raise CompressError(
            f"calibration data has shape {x.shape}; {model.name} takes (n, {_shape(model.input_shape)})"
        )
    if not np.isfinite(x).all():
        raise CompressError(f"calibration data holds {int((~np.isfinite(x)).sum())} values that are NaN or infinite")

    found = {}
    rectified = {layer.name: layer.output for layer in model.layers if _has_relu(layer)}
    activations = keras.Model(model.input, rectified).predict(x, verbose=0) if rectified else {}
    for layer in model.layers:
        weights = layer.get_weights() if type(layer) in _WEIGHTS else []
        activation = activations.get(layer.name)
        for what, values in (("weight", weights), ("activation", [] if activation is None else [activation])):
            if not all(np.isfinite(value).all() for value in values):
                raise CompressError(
                    f"layer {layer.name}: a {what} is NaN or infinite; train the model again, with a lower learning "
                    "rate"
                )
        largest = {
            part: float(np.abs(value).max())
            for (part, _), value in zip(_WEIGHTS.get(type(layer), ()), weights, strict=False)
        }
        if activation is not None:
            largest["activation"] = float(np.percentile(activation, coverage))
        if largest:
            found[layer.name] = Ranges(**largest)
    return found


def integer_bits(largest: float) -> int:
    """Bits before the binary point, sign not counted, so that `largest` (absolute value) fits: the smallest i ≥ 0 with
    2^i ≥ largest. Every bit given to the integer part is taken from the fraction.
    """
    return max(0, ceil(log2(largest))) if largest > 0 else 0


def quantize(
    model: keras.Model, found: dict[str, Ranges], weight_bits: Widths = 8, activation_bits: Widths = 8
) -> keras.Model:
    """A copy of `model` that rounds, uncompiled, starting from the same weights; layers keep their names.

    found            the ranges of this model's numbers, from `ranges`
    weight_bits      of all kernels, tables and biases, sign included: 2 … 32
    activation_bits  of all ReLUs, which have no sign: 1 … 31

    Each width is one number for all layers, or a dict with one for each layer that has weights or a ReLU; None leaves
    that layer's in floating point.

    A weight becomes a multiple of 2^-f in b bits with i before the point, b = 1 + i + f (`quantized_bits(b, i,
    alpha=1)`), a ReLU's output the same without the sign (`quantized_relu(b, i)`), with i from `found` (see
    `integer_bits`). The state of a recurrent layer and the logits stay as they come out.

    Raises CompressError for a width out of range, a dict that names too few or unknown layers, a layer without a twin,
    batch normalization (fold it first), and a range that needs more integer bits than there are bits.
    """
    _check(model, found)
    layers = quantizable(model)
    weights = _widths("weight_bits", weight_bits, _WEIGHT_BITS, layers["weight"])
    activations = _widths("activation_bits", activation_bits, _ACTIVATION_BITS, layers["activation"])

    def twin(layer: keras.layers.Layer) -> keras.layers.Layer:
        name, largest = layer.name, found.get(layer.name)
        bits, relu_bits = weights.get(name), activations.get(name)
        if bits is None and relu_bits is None:
            return layer.__class__.from_config(layer.get_config())
        relu = None
        if relu_bits is not None:
            relu = quantized_relu(relu_bits, _integer(name, "activation_bits", largest.activation, relu_bits))
        if _is_relu_layer(layer):
            return QActivation(relu, name=name)
        formats = {
            weight: (bits, _integer(name, "weight_bits", getattr(largest, part), bits - 1))
            for part, weight in _WEIGHTS[type(layer)]
            if bits is not None and getattr(largest, part) is not None
        }
        if type(layer) in rounded.TWINS:
            return rounded.twin(layer, formats)
        made, keys = _TWINS[type(layer)]
        config = layer.get_config()
        kernel = "depthwise" if made is QDepthwiseConv2D else "kernel"
        return made(
            **{key: config[key] for key in keys},
            **{
                f"{kernel}_initializer": "zeros",  # the weights are copied in by `copy_model`
                f"{kernel}_quantizer": _signed(formats, "kernel"),
            },
            bias_quantizer=_signed(formats, "bias"),
            activation=relu or ("relu" if _has_relu(layer) else None),
        )

    return copy_model(model, twin)


def quantizers(model: keras.Model) -> dict[str, dict[str, str]]:
    """By layer name, what stands where: {"dense_1": {"kernel": "quantized_bits(6,0,…)", "bias": …}, "relu_1": …}.

    A recurrent layer also has a "recurrent_kernel"; an embedding has "embeddings", its table.
    """
    found = {}
    for layer in model.layers:
        parts = {}
        if hasattr(layer, "get_quantizers"):
            names = layer.parts if rounded.is_rounded(layer) else ("kernel", "bias")
            # An activation layer lists a quantizer, but has no weights; a dense layer may have no bias.
            count = len(layer.weights)
            parts = {
                name: str(quantizer)
                for name, quantizer in list(zip(names, layer.get_quantizers(), strict=False))[:count]
                if quantizer is not None
            }
        if isinstance(getattr(layer, "quantizer", None), quantized_relu):
            parts["activation"] = str(layer.quantizer)
        elif isinstance(getattr(layer, "activation", None), quantized_relu):
            parts["activation"] = str(layer.activation)
        if parts:
            found[layer.name] = parts
    return found


def quantizable(model: keras.Model) -> dict[str, list[str]]:
    """The layers that have a width: {"weight": those with weights, "activation": those with a ReLU}, in order."""
    return {
        "weight": [layer.name for layer in model.layers if type(layer) in _WEIGHTS],
        "activation": [layer.name for layer in model.layers if _has_relu(layer)],
    }


def _check(model: keras.Model, found: dict[str, Ranges]) -> None:
    """Every layer can be quantized, and its ranges are known."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            raise CompressError(
                f"layer {layer.name} is a batch normalization, which has no numbers of its own in hardware; fold it "
                "into its neighbour first: fold_batchnorm(model)"
            )
        if isinstance(layer, _UNCHANGED) or _is_relu_layer(layer) or _is_linear_layer(layer):
            continue
        if hasattr(layer, "get_quantizers"):
            raise CompressError(
                f"layer {layer.name} is a {type(layer).__name__}, which rounds already; quantize the model in floating "
                "point that this one was made from"
            )
        if type(layer) not in _WEIGHTS:
            known = sorted(known.__name__ for known in (*_WEIGHTS, *_UNCHANGED))
            raise CompressError(
                f"layer {layer.name} is {_described(layer)}, which has no quantized twin here; supported: "
                f"{', '.join(known)} and plain ReLU; at the end of the model logits, no activation"
            )
        if type(layer) in _TWINS:
            if not _has_relu(layer) and layer.activation is not keras.activations.linear:
                raise CompressError(
                    f"layer {layer.name} has activation {layer.activation.__name__}; use ReLU inside, and logits (no "
                    "activation) at the end"
                )
            # QKeras's twins do not know these, and would quietly compute something else.
            for setting, usual in (("groups", 1), ("data_format", "channels_last")):
                value = getattr(layer, setting, usual)
                if value != usual:
                    raise CompressError(
                        f"layer {layer.name} has {setting}={value!r}, which its twin does not know; use {usual!r}"
                    )
    missing = [
        layer.name
        for layer in model.layers
        if (type(layer) in _WEIGHTS or _has_relu(layer)) and layer.name not in found
    ]
    if missing:
        raise CompressError(f"no ranges for {', '.join(missing)}; measure them on this model: ranges({model.name}, x)")


def _widths(what: str, bits: Widths, allowed: tuple[int, int], layers: list[str]) -> dict[str, int | None]:
    """The width of each of `layers`."""
    named = {"": bits}
    if isinstance(bits, Mapping):
        unknown = [name for name in bits if name not in layers]
        if unknown:
            raise CompressError(f"{what} names {', '.join(unknown)}; the layers it can name: {', '.join(layers)}")
        missing = [name for name in layers if name not in bits]
        if missing:
            raise CompressError(f"{what} names no width for {', '.join(missing)}; give one, or None for floating point")
        named = {f" of {name}": width for name, width in bits.items()}
    least, most = allowed
    for where, width in named.items():
        if width is not None and not (isinstance(width, int | np.integer) and least <= width <= most):
            raise CompressError(f"{what}{where} is {width}; choose {least} to {most}")
    return dict(bits) if isinstance(bits, Mapping) else dict.fromkeys(layers, bits)


def _integer(layer: str, what: str, largest: float, available: int) -> int:
    integer = integer_bits(largest)
    if integer > available:
        raise CompressError(
            f"layer {layer}: values up to {largest:.3g} need {integer} integer bits, more than {what} leaves "
            f"({available}); choose more bits"
        )
    return integer


def _signed(formats: dict[str, tuple[int, int]], weight: str) -> quantized_bits | None:
    return quantized_bits(*formats[weight], alpha=1) if weight in formats else None


def _is_relu_layer(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value is None and not layer.negative_slope and not layer.threshold
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu


def _is_linear_layer(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear


def _described(layer: keras.layers.Layer) -> str:
    """What a layer is, with what makes it another than its kind says."""
    if isinstance(layer, keras.layers.ReLU):
        return f"a ReLU with max_value={layer.max_value}, negative_slope={layer.negative_slope:g}, " + (
            f"threshold={layer.threshold:g}"
        )
    if isinstance(layer, keras.layers.Activation):
        return f"an Activation {layer.activation.__name__}"
    return f"a {type(layer).__name__}"


def _has_relu(layer: keras.layers.Layer) -> bool:
    return _is_relu_layer(layer) or (type(layer) in _TWINS and layer.activation is keras.activations.relu)


def _shape(shape: tuple) -> str:
    return ", ".join(map(str, shape[1:]))
