"""Copies of models, without the noise that QKeras makes when its layers describe themselves."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tensorflow import keras

from mlfpga.models.errors import check_built


def copy_model(
    model: keras.Model, layer: Callable[[keras.layers.Layer], keras.layers.Layer] | None = None
) -> keras.Model:
    """An uncompiled copy with weights of its own, equal to `model`'s; `layer` makes each new layer from an old one.

    Raises ModelError for a model that does not know its input yet.
    """
    check_built(model)
    with quiet_serialization():
        copy = keras.models.clone_model(model, clone_function=layer or _same)
    copy.set_weights(model.get_weights())
    return copy


@contextmanager
def quiet_serialization() -> Iterator[None]:
    """Drop two warnings that a student can do nothing about."""
    with warnings.catch_warnings():
        # QKeras writes its quantizers down with Keras's function for constraints; it reads them back the same way.
        warnings.filterwarnings("ignore", message="The `keras.constraints.serialize")
        # Keras recommends its newer file format, which cannot hold QKeras layers.
        warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
        yield


def _same(layer: keras.layers.Layer) -> keras.layers.Layer:
    return layer.__class__.from_config(layer.get_config())
