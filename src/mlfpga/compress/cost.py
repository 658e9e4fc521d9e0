"""What a model costs: bits, zeros, multiplications. Counted from the weights as the hardware gets them."""

from collections.abc import Callable
from math import prod

import numpy as np
import tensorflow_model_optimization as tfmot
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.compress.finish import quantized_weights
from mlfpga.compress.quantization import quantized_relu
from mlfpga.formats import FixedPoint, FormatError
from mlfpga.models import check_built, logits

_FLOAT_BITS = 32
# A layer whose weights need more bits than this was not quantized; it is counted as floating point.
_WIDEST_FIXED = 16
_WITH_KERNEL = ("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D", "QDense", "QConv1D", "QConv2D", "QDepthwiseConv2D")
_RECURRENT = (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)
Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]
Extra = Callable[[keras.Model], dict[str, str | int | float]]


def cost(model: keras.Model) -> dict[str, int | float]:
    """Size and work of a model made of dense, convolutional and recurrent layers and embeddings.

    weight_bits      of the widest weight or bias (32 if floating point)
    activation_bits  of the widest hidden activation (32 if floating point, 0 if there is none)
    weights          entries of all kernels and tables, biases not counted
    nonzero          those of them that are not exactly zero
    sparsity         the fraction that is, 0 … 1
    multiplications  by a weight that is not zero, for one sample
    size_bits        all weights and biases, zeros too, each at its own width: what a memory holds
    nonzero_bits     the same without the zeros: what a circuit holds that has its weights built in

    A recurrent layer multiplies by its kernels once at every time step; an embedding looks up a table and multiplies
    nothing. The weights of a plain Keras layer have the width that they need (`FixedPoint.exact`) if that is at most 16
    bits for all of them: then they were rounded. Raises CompressError for a layer with weights of another kind, and
    for sequences or pictures of no fixed size.
    """
    check_built(model, CompressError)
    weights = nonzero = multiplications = size = nonzero_size = 0
    weight_bits, activation_bits = [0], [0]
    for layer in tfmot.sparsity.keras.strip_pruning(model).layers:
        activation_bits.append(_activation_bits(layer))
        if not layer.get_weights():
            continue
        values = quantized_weights(layer)
        bits = _bits(layer, values)
        kernels = values[:2] if isinstance(layer, _RECURRENT) else values[:1]
        filled = sum(int(np.count_nonzero(kernel)) for kernel in kernels)
        weights += sum(kernel.size for kernel in kernels)
        nonzero += filled
        multiplications += filled * _uses(layer)
        size += sum(value.size * width for value, width in zip(values, bits, strict=True))
        nonzero_size += sum(int(np.count_nonzero(value)) * width for value, width in zip(values, bits, strict=True))
        weight_bits += bits
    return {
        "weight_bits": int(max(weight_bits)),
        "activation_bits": int(max(activation_bits)),
        "sparsity": 1 - nonzero / weights if weights else 0.0,
        "weights": int(weights),
        "nonzero": int(nonzero),
        "multiplications": int(multiplications),
        "size_bits": int(size),
        "nonzero_bits": int(nonzero_size),
    }


def compare(
    models: dict[str, keras.Model],
    x: np.ndarray,
    y: np.ndarray,
    score: Score | None = None,
    extra: Extra | None = None,
) -> list[dict[str, str | int | float]]:
    """One row per model, in the order given: its name, its accuracy on `x` (n, *sample), `y` (n,), and its `cost`.

    score  further measures from the logits (n, classes) and `y`, such as `evaluate.ranking`; they follow the accuracy
    extra  further entries from the model itself, such as an estimate of its cost on the FPGA; they end the row

    Raises CompressError for data with NaN, and for labels without a logit of their own.
    """
    bad = int((~np.isfinite(x)).sum())
    if bad:
        raise CompressError(f"the data holds {bad} values that are NaN or infinite; clean it first")
    rows = []
    for name, model in models.items():
        outputs = logits(model, x)
        # Of one logit, or of one too few, argmax would name a class all the same.
        if outputs.ndim != 2 or outputs.shape[-1] < 2 or np.min(y) < 0 or np.max(y) >= outputs.shape[-1]:
            raise CompressError(
                f"{name} gives values of shape {outputs.shape[1:]} for labels {np.min(y)} to {np.max(y)}; it needs "
                "a logit for each class, two for two classes"
            )
        rows.append(
            {
                "name": name,
                "accuracy": float(np.mean(np.argmax(outputs, axis=-1) == y)),
                **(score(outputs, y) if score else {}),
                **cost(model),
                **(extra(model) if extra else {}),
            }
        )
    return rows


def _uses(layer: keras.layers.Layer) -> int:
    """How often one sample uses each weight of the layer's kernels."""
    if isinstance(layer, keras.layers.Embedding):
        return 0
    if isinstance(layer, _RECURRENT):
        sizes, what = layer.input_shape[1:2], "time step"
    elif type(layer).__name__ in _WITH_KERNEL:
        # Once at every position of the output: once in a dense layer of a flat sample.
        sizes, what = layer.output_shape[1:-1], "position"
    else:
        known = sorted((*_WITH_KERNEL, "Embedding", *(kind.__name__ for kind in _RECURRENT)))
        raise CompressError(
            f"the cost of layer {layer.name}, a {type(layer).__name__}, is not defined; supported: {', '.join(known)}"
        )
    if None in sizes:
        raise CompressError(
            f"layer {layer.name} works once for every {what}, and the model does not fix how many there are; build it "
            "with an input of fixed size"
        )
    return prod(sizes)


def _bits(layer: keras.layers.Layer, values: list[np.ndarray]) -> list[int]:
    """The width of each of the layer's weights."""
    if hasattr(layer, "get_quantizers"):
        # A layer lists a quantizer for its bias even when it has none.
        return [
            _FLOAT_BITS if quantizer is None else quantizer.bits for quantizer in layer.get_quantizers()[: len(values)]
        ]
    try:
        return [FixedPoint.exact(value, _WIDEST_FIXED).width for value in values]
    except FormatError:
        return [_FLOAT_BITS] * len(values)


def _activation_bits(layer: keras.layers.Layer) -> int:
    for attribute in ("quantizer", "activation"):
        if isinstance(getattr(layer, attribute, None), quantized_relu):
            return getattr(layer, attribute).bits
    # A recurrent layer's state is as wide as the hardware's settings will make it; here it is floating point.
    floating = (
        isinstance(layer, (keras.layers.ReLU, *_RECURRENT))
        or getattr(layer, "activation", None) is keras.activations.relu
    )
    return _FLOAT_BITS if floating else 0
