"""Keeping models in `.h5` files, plain Keras and QKeras alike."""

from pathlib import Path

from tensorflow import keras

from mlfpga.artifacts import writing
from mlfpga.models.copying import copy_model, quiet_serialization
from mlfpga.models.errors import ModelError


def save(model: keras.Model, path: Path | str) -> None:
    """Keep a model, architecture, weights and quantizers, in the HDF5 file `path` (`.h5`), whole or not at all.

    Raises ModelError for another ending: QKeras models saved in Keras's newer `.keras` format do not load back.
    """
    path = Path(path)
    if path.suffix != ".h5":
        raise ModelError(f"{path.name} must end in .h5: QKeras models saved in other formats do not load back")
    copy = copy_model(model)
    copy.compile()  # Keras warns when a model it saves was never compiled; the file holds no trace of it
    with writing(path) as temporary, quiet_serialization():
        copy.save(temporary, include_optimizer=False)


def load(path: Path | str) -> keras.Model:
    """The model in an `.h5` file, uncompiled. Raises ModelError if there is no file, or no whole model in it."""
    # A second of import that training a float model does not need.
    from qkeras.utils import load_qmodel

    # Keras finds the layers of a file by their names, once the module that holds them was imported.
    from mlfpga.models import rounded  # noqa: F401

    path = Path(path)
    if not path.is_file():
        raise ModelError(f"there is no model {path}; run the lab that makes it")
    try:
        return load_qmodel(str(path), compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} does not hold a whole Keras model ({error}); run the lab that makes it again"
        ) from error
