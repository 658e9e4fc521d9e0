"""Is a model one that hls4ml can turn into hardware, and into the same function?

hls4ml refuses some models only after a while, in its own words; others it takes, and leaves out what it does not know.
Everything here is said before it starts, with the layer's name.
"""

import inspect
import re
from collections import Counter

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError

_COMMON_LAYERS = {
    "Activation", "AveragePooling2D", "BatchNormalization", "Conv1D", "Conv2D", "Dense", "Dropout", "Embedding",
    "Flatten", "GRU",
    "InputLayer", "LSTM", "MaxPooling2D", "QActivation", "QConv2D", "QDense", "ReLU", "Reshape", "SimpleRNN",
}  # fmt: skip
# Acts in training only; hls4ml leaves it out without counting it among those it supports.
_LEFT_OUT = {"Dropout"}
# Keras functions that hls4ml's C++ (nnet_activation_stream.h) has under the same name.
_ACTIVATIONS = (
    "linear", "relu", "sigmoid", "tanh", "softmax", "hard_sigmoid", "elu", "selu", "softplus", "softsign",
)  # fmt: skip
_RECURRENT = ("SimpleRNN", "GRU", "LSTM")
_RECURRENT_ACTIVATIONS = ("tanh", "sigmoid", "relu")  # nnet_recr_activations.h
# hls4ml makes a plain ReLU of every ReLU layer, whatever these say (Keras's defaults).
_PLAIN_RELU = {"max_value": None, "negative_slope": 0, "threshold": 0}
_CPP_KEYWORDS = frozenset(
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class compl const "
    "const_cast constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern "
    "false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or "
    "or_eq private protected public register reinterpret_cast return short signed sizeof static static_assert "
    "static_cast struct switch template this thread_local throw true try typedef typeid typename union unsigned using "
    "virtual void volatile wchar_t while xor xor_eq".split()
)
# Of the accelerator alone: names that C++, its library or the sources around it use at the top level.
_TAKEN = frozenset({"main", "std", "hls", "nnet", "mlfpga"})


def check_name(name: str) -> None:
    """Raise AcceleratorError if `name` cannot name an IP, its files and its HLS function."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise AcceleratorError(f"{name!r} cannot name an IP; use lower-case letters, digits and _, a letter first")
    if name in _CPP_KEYWORDS | _TAKEN:
        raise AcceleratorError(f"{name!r} cannot name an IP: in C++ it means something else; choose another name")


def check_model(model) -> None:
    """Raise AcceleratorError for a model that does not become hardware, or that would become another function.

    It needs one input and one output, layers and activations that hls4ml knows, weights that are numbers, and layer
    names that C++ can bear.
    """
    if not getattr(model, "inputs", None):
        raise AcceleratorError("the model has no input yet; make keras.Input((features,)) its first layer")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise AcceleratorError(
            f"the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs; an accelerator has one input "
            "stream and one output stream"
        )
    if None in model.input_shape[1:]:
        raise AcceleratorError(
            f"the model takes samples of shape {tuple(model.input_shape[1:])}, where None is any size; a circuit has "
            "one; begin it with keras.Input and all sizes, such as keras.Input((30,)) for sequences of 30 items"
        )
    _check_used_once(model)
    _check_name(model.input_names[0])  # a Sequential does not count its input among its layers
    for layer in model.layers:
        _check_kind(layer)
        _check_name(layer.name)
        _check_activation(layer)
        _check_weights(layer)
        _check_recurrent(layer)
        _check_joining(layer)
        _check_window(layer)


def _check_used_once(model) -> None:
    """hls4ml reads where a layer is used for the first time, and leaves out the other times."""
    uses = Counter(node.layer.name for nodes in model._nodes_by_depth.values() for node in nodes)
    for name, count in uses.items():
        if count > 1:
            raise AcceleratorError(
                f"layer {name!r} is used {count} times, and hls4ml would build it once; give each place a layer of its "
                "own"
            )


def _check_kind(layer) -> None:
    import hls4ml

    kind = type(layer).__name__
    supported = {*hls4ml.converters.get_supported_keras_layers(), *_LEFT_OUT}
    if kind not in supported:
        known = ", ".join(sorted(supported & _COMMON_LAYERS))
        raise AcceleratorError(
            f"layer {layer.name!r} is a {kind}, which hls4ml cannot turn into hardware; it takes {known} and more "
            "(hls4ml.converters.get_supported_keras_layers() lists all)"
        )


def _check_name(name: str) -> None:
    if name == "input":
        raise AcceleratorError("a layer is called 'input', a name that hls4ml keeps for itself; rename it (name=...)")
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or name in _CPP_KEYWORDS:
        raise AcceleratorError(
            f"layer {name!r} gives its name to C++ variables, and C++ cannot bear it; use letters, digits and _ "
            "(name=...)"
        )


def _check_activation(layer) -> None:
    function = getattr(layer, "activation", None)
    # Anything but a function is one of QKeras's quantizers.
    if inspect.isfunction(function) and function.__name__ not in _ACTIVATIONS:
        raise AcceleratorError(
            f"layer {layer.name!r} has activation {function.__name__}, which hls4ml cannot turn into hardware; "
            f"it takes {', '.join(_ACTIVATIONS)}"
        )
    if type(layer).__name__ == "ReLU":
        for setting, plain in _PLAIN_RELU.items():
            if getattr(layer, setting) != plain:
                raise AcceleratorError(
                    f"layer {layer.name!r} is a ReLU with {setting} {getattr(layer, setting):g}, which hls4ml would "
                    "leave out; use a plain ReLU, LeakyReLU or a quantized_relu, which saturates"
                )


def _check_recurrent(layer) -> None:
    """hls4ml takes these settings and leaves them out, or stops at them without saying which layer it is."""
    kind = type(layer).__name__
    if kind == "Embedding" and layer.mask_zero:
        raise AcceleratorError(
            f"layer {layer.name!r} masks zeros (mask_zero), which hls4ml would leave out: it would step through the "
            "padding, too; train with mask_zero=False"
        )
    if kind not in _RECURRENT:
        return
    unwanted = {
        "reset_after": (False, "reset_after=True, Keras's default"),
        "use_bias": (False, "use_bias=True"),
        "go_backwards": (True, "go_backwards=False, and turn the samples round"),
        "stateful": (True, "stateful=False; every sample starts from zero"),
        "return_state": (True, "return_state=False"),
    }
    for setting, (value, instead) in unwanted.items():
        if getattr(layer, setting, None) is value:
            raise AcceleratorError(f"layer {layer.name!r} has {setting}={value}, which hls4ml cannot do; use {instead}")
    for setting in ("activation", "recurrent_activation"):
        function = getattr(getattr(layer, setting, None), "__name__", None)
        if function is not None and function not in _RECURRENT_ACTIVATIONS:
            raise AcceleratorError(
                f"layer {layer.name!r} has {setting} {function}; in a recurrent layer hls4ml takes "
                f"{', '.join(_RECURRENT_ACTIVATIONS)}"
            )


def _check_joining(layer) -> None:
    joined = len(layer.input) if isinstance(layer.input, list) else 1
    if joined > 2:
        raise AcceleratorError(f"layer {layer.name!r} joins {joined} inputs, and hls4ml two; join two at a time")


def _check_window(layer) -> None:
    dilation = np.ravel(getattr(layer, "dilation_rate", 1))
    if np.any(dilation != 1):
        raise AcceleratorError(
            f"layer {layer.name!r} has dilation_rate {', '.join(map(str, dilation))}, which hls4ml would leave out; "
            "use 1, and a larger kernel or pooling before it"
        )
    if not hasattr(layer, "pool_size"):
        return
    # hls4ml's C++ asserts both, and a failed assertion ends the whole process, a notebook's kernel too.
    size, strides = tuple(np.ravel(layer.pool_size)), tuple(np.ravel(layer.strides))
    if size != strides:
        raise AcceleratorError(
            f"layer {layer.name!r} pools {' × '.join(map(str, size))} values with strides "
            f"{', '.join(map(str, strides))}; a stream is pooled in windows side by side: give strides equal to "
            "pool_size"
        )
    if layer.padding != "valid" and any(n % m for n, m in zip(layer.input_shape[1:-1], size, strict=True)):
        raise AcceleratorError(
            f"layer {layer.name!r} pools {layer.input_shape[1:-1]} values in windows of {' × '.join(map(str, size))} "
            f"with padding={layer.padding!r}, which hls4ml cannot do in a stream; use padding='valid'"
        )


def _check_weights(layer) -> None:
    if not all(np.isfinite(weights).all() for weights in layer.get_weights()):
        raise AcceleratorError(f"layer {layer.name!r} has weights that are NaN or infinite; train the model again")
