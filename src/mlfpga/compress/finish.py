"""From a model in training to the numbers that go to hardware."""

import numpy as np
import tensorflow_model_optimization as tfmot
from qkeras import quantized_bits
from tensorflow import keras

from mlfpga.formats import FixedPoint
from mlfpga.models import copy_model, rounded


def finish(model: keras.Model) -> keras.Model:
    """What goes to hardware: pruning wrappers off, and every weight replaced by the value its quantizer gives.

    A copy that computes what `model` computes; its zeros are zeros, and what the file holds is what the hardware gets.
    Recurrent layers and embeddings come out as plain Keras layers, whose weights tell the format they need
    (`FixedPoint.exact`).
    """
    stripped = tfmot.sparsity.keras.strip_pruning(model)
    finished = copy_model(stripped, _finished)
    for layer in stripped.layers:
        finished.get_layer(layer.name).set_weights(quantized_weights(layer))
    return finished


def quantized_weights(layer: keras.layers.Layer) -> list[np.ndarray]:
    """A layer's weights as the hardware sees them: through their quantizers, if it has any."""
    weights = layer.get_weights()
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
    # An activation layer has a quantizer but no weights, a float layer weights but no quantizers.
    for index, quantizer in enumerate(quantizers[: len(weights)]):
        if quantizer is not None:
            weights[index] = _exactly(quantizer, np.asarray(quantizer(weights[index])))
    return weights


def _exactly(quantizer, values: np.ndarray) -> np.ndarray:
    """`values` that `quantizer` gave, on the very grid of its format.

    In training, quantizers compute x + (q - x), whose last bit is not that of q if x is far outside the range; and a
    float's 24 bits cannot tell the largest number of a wider format from the number after it, which overflows.
    """
    if not isinstance(quantizer, quantized_bits) or quantizer.bits == 1 or quantizer.alpha not in (None, 1):
        return values
    sign = int(quantizer.keep_negative)
    number = FixedPoint(quantizer.bits, int(quantizer.integer) + sign, bool(sign), "RND_CONV", "SAT")
    single = number.from_raw(number.to_raw(values, saturate=True)).astype(np.float32)
    return np.where(single.astype(np.float64) > number.maximum, np.nextafter(single, np.float32(0)), single)


def _finished(layer: keras.layers.Layer) -> keras.layers.Layer:
    return layer.finished() if rounded.is_rounded(layer) else layer.__class__.from_config(layer.get_config())
