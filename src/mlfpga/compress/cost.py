"""What a model costs: bits, zeros, multiplications. Counted from the weights as the hardware gets them."""

from math import prod

import numpy as np
import tensorflow_model_optimization as tfmot
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.compress.finish import quantized_weights
from mlfpga.compress.quantization import quantized_relu
from mlfpga.models import logits

_FLOAT_BITS = 32
_WITH_KERNEL = {"Dense", "Conv1D", "Conv2D", "QDense", "QConv1D", "QConv2D"}


def cost(model: keras.Model) -> dict[str, int | float]:
    """Size and work of a model made of dense and convolutional layers.

    weight_bits      of the widest weight or bias (32 if floating point)
    activation_bits  of the widest hidden activation (32 if floating point, 0 if there is none)
    weights          entries of all kernels, biases not counted
    nonzero          those of them that are not exactly zero
    sparsity         the fraction that is, 0 … 1
    multiplications  by a weight that is not zero, for one sample
    size_bits        all weights and biases, zeros too, each at its own width: what a memory holds
    nonzero_bits     the same without the zeros: what a circuit holds that has its weights built in

    Raises CompressError for a layer with weights of another kind.
    """
    weights = nonzero = multiplications = size = nonzero_size = 0
    weight_bits, activation_bits = [0], [0]
    for layer in tfmot.sparsity.keras.strip_pruning(model).layers:
        activation_bits.append(_activation_bits(layer))
        if not layer.get_weights():
            continue
        if type(layer).__name__ not in _WITH_KERNEL:
            raise CompressError(
                f"the cost of layer {layer.name}, a {type(layer).__name__}, is not defined; supported: "
                f"{', '.join(sorted(_WITH_KERNEL))}"
            )
        values = quantized_weights(layer)
        bits = _bits(layer, len(values))
        kernel = values[0]
        weights += kernel.size
        nonzero += np.count_nonzero(kernel)
        # A kernel's weight is used once for every position of the output: once in a dense layer of a flat sample.
        multiplications += np.count_nonzero(kernel) * prod(layer.output_shape[1:-1])
        size += sum(value.size * width for value, width in zip(values, bits, strict=True))
        nonzero_size += sum(np.count_nonzero(value) * width for value, width in zip(values, bits, strict=True))
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


def compare(models: dict[str, keras.Model], x: np.ndarray, y: np.ndarray) -> list[dict[str, str | int | float]]:
    """One row per model, in the order given: its name, its accuracy on `x` (n, features), `y` (n,), and its `cost`."""
    return [
        {
            "name": name,
            "accuracy": float(np.mean(np.argmax(logits(model, x), axis=-1) == y)),
            **cost(model),
        }
        for name, model in models.items()
    ]


def _bits(layer: keras.layers.Layer, count: int) -> list[int]:
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
    # A layer lists a quantizer for its bias even when it has none, and float layers list nothing.
    quantizers = (list(quantizers) + [None] * count)[:count]
    return [_FLOAT_BITS if quantizer is None else quantizer.bits for quantizer in quantizers]


def _activation_bits(layer: keras.layers.Layer) -> int:
    for attribute in ("quantizer", "activation"):
        if isinstance(getattr(layer, attribute, None), quantized_relu):
            return getattr(layer, attribute).bits
    floating = isinstance(layer, keras.layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu
    return _FLOAT_BITS if floating else 0
