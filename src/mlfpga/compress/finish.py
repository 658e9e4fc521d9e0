"""From a model in training to the numbers that go to hardware."""

import numpy as np
import tensorflow_model_optimization as tfmot
from tensorflow import keras


def finish(model: keras.Model) -> keras.Model:
    """What goes to hardware: pruning wrappers off, and every weight replaced by the value its quantizer gives.

    The result computes exactly what `model` computes; its zeros are zeros, and what the file holds is what the hardware
    gets. A float model without wrappers is returned as it is.
    """
    stripped = tfmot.sparsity.keras.strip_pruning(model)
    for layer in stripped.layers:
        if hasattr(layer, "get_quantizers"):
            layer.set_weights(quantized_weights(layer))
    return stripped


def quantized_weights(layer: keras.layers.Layer) -> list[np.ndarray]:
    """A layer's weights as the hardware sees them: through their quantizers, if it has any."""
    weights = layer.get_weights()
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
    # An activation layer has a quantizer but no weights, a float layer weights but no quantizers.
    for index, quantizer in enumerate(quantizers[: len(weights)]):
        if quantizer is not None:
            weights[index] = np.asarray(quantizer(weights[index]))
    return weights
