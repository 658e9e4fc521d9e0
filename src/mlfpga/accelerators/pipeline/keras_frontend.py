"""From a Keras or QKeras model to the float graph.

QKeras layers bring their quantizers: the graph then holds the rounded weights, the step of each channel and the number
types of the activations, and the integer network computes what the QKeras model computes. Two differences can remain:
TensorFlow rounds halves to the even neighbour, the hardware upwards; and biases with a finer step than the accumulator
(the input's step times the weights') are rounded to it.
"""

import numpy as np

from mlfpga.accelerators.pipeline.graph import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Graph,
    GraphError,
    MaxPool2d,
    Number,
    ReLU,
    Round,
    identifier,
    simplified,
)

SUPPORTED = (
    "Conv2D, Dense, Activation (relu, linear, softmax at the end), ReLU, MaxPooling2D, AveragePooling2D, "
    "GlobalAveragePooling2D, BatchNormalization, Flatten, Dropout, InputLayer, QConv2D, QDense, "
    "QActivation (quantized_relu, quantized_bits)"
)


def from_keras(model, name: str | None = None) -> Graph:
    """The float graph of a Keras or QKeras `model`: one layer after another, channels last.

    Layers keep their names. A softmax at the end is left out, with a note. Raises GraphError for what has no block:
    the layer's name, what it is, what is supported.
    """
    shape = tuple(model.input_shape[1:]) if isinstance(model.input_shape, tuple) else None
    if shape is None or None in shape or len(shape) not in (1, 3):
        raise GraphError(f"{model.name} takes samples of shape {shape}; a pipeline takes (H, W, C) or (N,), all known")
    reader = _Reader(shape)
    for layer in _chain(model):
        reader.read(layer)
    name = identifier(name or model.name)
    return simplified(Graph(name, shape, tuple(reader.layers), tuple(reader.notes)))


def _chain(model) -> list:
    """The layers in their order; GraphError if they are no chain."""
    if not getattr(model, "_nodes_by_depth", None):
        raise GraphError(f"{model.name} is neither Sequential nor functional; rebuild it with keras.Input")
    chain = []
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        names = [node.layer.name for node in nodes]
        if len(nodes) > 1 or len(nodes[0].parent_nodes) > 1:
            raise GraphError(f"layers {', '.join(names)} branch or join; a pipeline is one layer after another")
        if nodes[0].layer in chain:
            raise GraphError(f"layer {names[0]!r} is used twice; give each place a layer of its own")
        chain.append(nodes[0].layer)
    return chain


class _Reader:
    """Follows the shape through the layers."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = self._shape_before = shape
        self.layers: list = []
        self.notes: list[str] = []
        self._ended: str | None = None

    def read(self, layer) -> None:
        if self._ended:
            raise GraphError(f"layer {self._ended!r} is a softmax, and {layer.name!r} follows; only the last may be")
        reader = getattr(self, f"_{type(layer).__name__}", None)
        if reader is None:
            raise GraphError(
                f"layer {layer.name!r} is a {type(layer).__name__}, which has no block; supported are {SUPPORTED}"
            )
        _refuse(layer, data_format="channels_last")
        reader(layer)

    def _InputLayer(self, layer) -> None:
        pass

    _Dropout = _InputLayer

    def _Flatten(self, layer) -> None:
        self.shape = (int(np.prod(self.shape)),)

    def _Conv2D(self, layer) -> None:
        _refuse(layer, groups=1, dilation_rate=(1, 1))
        kernel, bias, bits, scale = _weights(layer)
        padding = self._padding(layer, layer.kernel_size)
        weights = kernel.transpose(3, 0, 1, 2)
        self._add(Conv2d(identifier(layer.name), weights, bias, layer.strides, padding, bits, scale))
        self._activation(layer.name, layer.activation)

    def _Dense(self, layer) -> None:
        if len(self.shape) != 1:
            raise GraphError(
                f"layer {layer.name!r} is a Dense on a picture of shape {self.shape}, where it would see one pixel at "
                "a time; put a Flatten before it, or use a Conv2D with a 1 × 1 kernel"
            )
        kernel, bias, bits, scale = _weights(layer)
        self._add(Dense(identifier(layer.name), kernel.T, bias, bits, scale))
        self._activation(layer.name, layer.activation)

    _QConv2D, _QDense = _Conv2D, _Dense

    def _BatchNormalization(self, layer) -> None:
        axis = layer.axis if isinstance(layer.axis, int) else list(layer.axis)[-1]
        if axis not in (-1, len(self.shape)):
            raise GraphError(f"layer {layer.name!r} normalises axis {layer.axis}; supported is the last one, channels")
        factor = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
        if layer.gamma is not None:
            factor = factor * _array(layer.gamma)
        offset = -_array(layer.moving_mean) * factor
        if layer.beta is not None:
            offset = offset + _array(layer.beta)
        if self.layers and self.layers[-1].output_shape(self._shape_before)[-1] != len(factor):
            raise GraphError(f"layer {layer.name!r} normalises a flattened picture; put it before the Flatten")
        self._add(BatchNorm(identifier(layer.name), factor, offset))

    def _Activation(self, layer) -> None:
        self._activation(layer.name, layer.activation, own_layer=True)

    def _QActivation(self, layer) -> None:
        self._activation(layer.name, layer.quantizer, own_layer=True)

    def _ReLU(self, layer) -> None:
        _refuse(layer, max_value=None, negative_slope=0, threshold=0)
        self._add(ReLU(identifier(layer.name)))

    def _Softmax(self, layer) -> None:
        self._softmax(layer.name)

    def _MaxPooling2D(self, layer) -> None:
        self._add(
            MaxPool2d(identifier(layer.name), layer.pool_size, layer.strides, self._padding(layer, layer.pool_size))
        )

    def _AveragePooling2D(self, layer) -> None:
        padding = self._padding(layer, layer.pool_size)
        if any(padding):
            raise GraphError(
                f"layer {layer.name!r} is an AveragePooling2D with padding='same' that pads {padding}, and leaves the "
                "padding out of the mean, which has no block; use padding='valid'"
            )
        self._add(AvgPool2d(identifier(layer.name), layer.pool_size, layer.strides, padding))

    def _GlobalAveragePooling2D(self, layer) -> None:
        self._add(AvgPool2d(identifier(layer.name), self.shape[:2], self.shape[:2]))
        if not layer.keepdims:
            self.shape = self.shape[2:]

    def _activation(self, name: str, activation, own_layer: bool = False) -> None:
        """What an Activation layer or the `activation` of another layer does."""
        layer = identifier(name if own_layer else f"{name}_activation")
        kind = _kind(activation)
        if kind == "linear":
            return
        if kind == "relu":
            self._add(ReLU(layer))
        elif kind == "softmax":
            self._softmax(name)
        elif kind in ("quantized_relu", "quantized_bits"):
            self._add(Round(layer, _number(name, activation)))
        else:
            raise GraphError(f"layer {name!r} has activation {kind}, which has no block; supported are {SUPPORTED}")

    def _softmax(self, name: str) -> None:
        self._ended = name
        self.notes.append(f"softmax {name!r} is left out: it changes no decision, and the logits leave instead")

    def _padding(self, layer, kernel) -> tuple[int, int, int, int]:
        if layer.padding == "valid":
            return (0, 0, 0, 0)
        if layer.padding != "same":
            raise GraphError(f"layer {layer.name!r} has padding={layer.padding!r}; supported are 'valid' and 'same'")
        sides = []
        for size, taps, stride in zip(self.shape[:2], kernel, layer.strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + taps - size, 0)
            sides += [total // 2, total - total // 2]
        return tuple(sides)

    def _add(self, layer) -> None:
        self._shape_before = self.shape
        self.shape = layer.output_shape(self.shape)
        if min(self.shape) < 1:
            raise GraphError(f"layer {layer.name!r} leaves nothing of its picture; use a smaller kernel or padding")
        self.layers.append(layer)


def _kind(activation) -> str:
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return activation.split("(")[0]
    return getattr(activation, "__name__", None) or type(activation).__name__


def _number(name: str, quantizer) -> Number:
    """The type that an activation quantizer of QKeras rounds to."""
    if isinstance(quantizer, str):
        from qkeras import get_quantizer

        quantizer = get_quantizer(quantizer)
    kind = type(quantizer).__name__
    if kind == "quantized_relu":
        unwanted = {"use_sigmoid": 0, "negative_slope": 0.0, "relu_upper_bound": None, "use_stochastic_rounding": False}
        _refuse_quantizer(name, quantizer, unwanted)
        return Number(quantizer.bits, False, 2.0 ** (int(quantizer.integer) - quantizer.bits))
    if kind == "quantized_bits":
        _refuse_quantizer(name, quantizer, {"use_stochastic_rounding": False, "symmetric": False})
        step, _ = _step(name, quantizer, None)
        return Number(quantizer.bits, bool(quantizer.keep_negative), float(step))
    raise GraphError(f"layer {name!r} has quantizer {kind}; supported are quantized_relu and quantized_bits")


def _refuse_quantizer(name: str, quantizer, allowed: dict) -> None:
    for setting, value in allowed.items():
        given = getattr(quantizer, setting, value)
        if given != value and not (value in (0, False) and not given):
            raise GraphError(
                f"layer {name!r}: {type(quantizer).__name__} with {setting}={given!r} has no block; supported is "
                f"{setting}={value!r}"
            )


def _weights(layer) -> tuple[np.ndarray, np.ndarray, int | None, np.ndarray | None]:
    """Kernel and bias as the layer uses them, and the bits and the step (O,) of a QKeras kernel."""
    kernel = _array(layer.kernel)
    outputs = kernel.shape[-1]
    bias = _array(layer.bias) if layer.use_bias else np.zeros(outputs)
    quantizer = getattr(layer, "kernel_quantizer_internal", None)
    bias_quantizer = getattr(layer, "bias_quantizer_internal", None)
    if layer.use_bias and bias_quantizer is not None:
        bias = _array(bias_quantizer(layer.bias))
    if quantizer is None or not np.isfinite(kernel).all():
        return kernel, bias, None, None
    if type(quantizer).__name__ != "quantized_bits":
        raise GraphError(
            f"layer {layer.name!r} rounds its weights with {type(quantizer).__name__}; supported is quantized_bits"
        )
    step, rounded = _step(layer.name, quantizer, layer.kernel)
    step = np.broadcast_to(np.reshape(step, -1), (outputs,)).astype(np.float64)
    integers = np.rint(rounded / step)
    bits = quantizer.bits + (not quantizer.keep_negative)
    largest = 1 << (bits - 1)
    if np.abs(rounded / step - integers).max() > 1e-3 or integers.max() > largest - 1 or integers.min() < -largest:
        raise GraphError(f"layer {layer.name!r}: the weights are no multiples of the step its quantizer says")
    return integers * step, bias, bits, step


def _step(name: str, quantizer, values):
    """(the step of a quantized_bits, one for each channel if `alpha` is "auto"; the rounded values)."""
    bits = quantizer.bits - bool(quantizer.keep_negative)
    if bits < 1:
        raise GraphError(f"layer {name!r} rounds to 1 bit, signs alone; supported are 2 to 8 bits")
    step = 2.0 ** (int(quantizer.integer) - bits)
    alpha = quantizer.alpha
    if values is None:
        if alpha is not None and (isinstance(alpha, str) or alpha != 1):
            raise GraphError(f"layer {name!r} rounds values with alpha={alpha!r}; use alpha=1 for activations")
        return step, None
    rounded = _array(quantizer(values))
    return step * np.asarray(quantizer.scale, np.float64), rounded


def _refuse(layer, **allowed) -> None:
    for setting, value in allowed.items():
        given = getattr(layer, setting, value)
        given = tuple(given) if isinstance(given, list) else getattr(given, "tolist", lambda given=given: given)()
        if given != value:
            raise GraphError(
                f"layer {layer.name!r} is a {type(layer).__name__} with {setting}={given!r}, which has no block; "
                f"supported is {setting}={value!r}"
            )


def _array(values) -> np.ndarray:
    return np.asarray(values, np.float64)
