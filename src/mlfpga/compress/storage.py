"""Finished models, and keeping them in `.h5` files."""

from pathlib import Path

import numpy as np
import tensorflow_model_optimization as tfmot
from qkeras.utils import load_qmodel
from tensorflow import keras

from mlfpga.artifacts import writing
from mlfpga.compress.copying import copy_model, quiet_serialization
from mlfpga.compress.errors import CompressError


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


def save(model: keras.Model, path: Path | str) -> None:
    """Keep a model, with its architecture and quantizers, in the HDF5 file `path` (`.h5`), whole or not at all."""
    path = Path(path)
    if path.suffix != ".h5":
        raise CompressError(f"{path.name} must end in .h5: QKeras models saved in the .keras format do not load back")
    copy = copy_model(model)
    copy.compile()  # Keras warns when a model it saves was never compiled; the file holds no trace of it
    with writing(path) as temporary, quiet_serialization():
        copy.save(temporary, include_optimizer=False)


def load(path: Path | str) -> keras.Model:
    """The model in an `.h5` file, plain Keras or QKeras, uncompiled. Raises CompressError if there is none in it."""
    path = Path(path)
    if not path.is_file():
        raise CompressError(f"there is no model {path}; run the lab that makes it")
    try:
        return load_qmodel(str(path), compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise CompressError(
            f"{path} does not hold a whole Keras model ({error}); run the lab that makes it again"
        ) from error
