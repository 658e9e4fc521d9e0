"""What a network hands out: the logits of its last layer, or the probabilities that softmax makes of them.

Softmax does not change which class is the largest, so a classifier on an FPGA rarely needs it: for 100 classes it costs
100 look-ups in a table of exponentials, 100 multipliers, a tree of comparisons and one of sums. Choose it when whoever
reads the results wants probabilities and cannot compute them.
"""

from mlfpga.accelerators.contract import AcceleratorError

OUTPUTS = ("logits", "softmax")


def with_output(model, output: str):
    """A model that ends as `output` says: "logits" takes a last softmax away, "softmax" appends one if there is none.

    The model itself if it ends so already; otherwise a copy with the same weights. Raises AcceleratorError for another
    `output`.
    """
    if output not in OUTPUTS:
        raise AcceleratorError(f"output {output!r} is not known; choose one of {', '.join(OUTPUTS)}")
    last = model.layers[-1]
    if output == "logits":
        return _without_softmax(model) if _ends_in_softmax(model) else model
    # hls4ml 1.3.0 writes C++ that does not compile for Keras's own Softmax layer; for the activation it is right.
    if type(last).__name__ == "Softmax":
        return _with_softmax(_without_softmax(model), last.name)
    return model if _ends_in_softmax(model) else _with_softmax(model, _free_name(model))


def _ends_in_softmax(model) -> bool:
    return _is_softmax_layer(model.layers[-1]) or _activation(model.layers[-1]) == "softmax"


def _is_softmax_layer(layer) -> bool:
    kind = type(layer).__name__
    return kind == "Softmax" or (kind == "Activation" and _activation(layer) == "softmax")


def _activation(layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _free_name(model) -> str:
    names = {layer.name for layer in model.layers}
    return next(name for name in ("softmax", *(f"softmax_{i}" for i in range(1, len(names) + 1))) if name not in names)


def _with_softmax(model, name: str):
    from tensorflow import keras

    from mlfpga.models import copy_model

    copy = copy_model(model)
    softmax = keras.layers.Activation("softmax", name=name)
    return keras.Model(copy.inputs, softmax(copy.outputs[0]), name=model.name)


def _without_softmax(model):
    from tensorflow import keras

    from mlfpga.models import copy_model

    last = model.layers[-1]
    if not _is_softmax_layer(last):

        def linear(layer):
            settings = layer.get_config()
            return type(layer).from_config(settings | {"activation": "linear"} if layer.name == last.name else settings)

        return copy_model(model, linear)
    copy = copy_model(model)
    return keras.Model(copy.inputs, copy.layers[-1].input, name=model.name)
