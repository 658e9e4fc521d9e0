"""One job of a sweep, as it travels: what goes to the process that does it, what it does, what comes back."""

import pickle
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tensorflow import keras

from mlfpga.compress.cost import compare
from mlfpga.compress.sweeps.recipe import Recipe, apply
from mlfpga.datasets import Dataset
from mlfpga.models import load, save


@dataclass(frozen=True)
class Result:
    """A finished job."""

    row: dict[str, str | int | float]  # as `compare` gives, with the validation accuracy
    model: bytes  # the content of its .h5 file
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A job that did not end well, and why; the others go on."""

    reason: str


def packed(model: keras.Model, data: Dataset, teacher: keras.Model | None) -> bytes:
    """What all jobs of a sweep share, in a form that any process can read."""
    return pickle.dumps((file_of(model), data, None if teacher is None else file_of(teacher)))


def do(inputs: bytes, recipe: Recipe) -> Result | Failure:
    """Apply `recipe` to what `packed` holds, and judge the result on the validation and the test split."""
    started = time.monotonic()
    model, data, teacher = pickle.loads(inputs)
    # Models of earlier jobs are forgotten: they would take memory and lend their layers' names to nobody.
    keras.backend.clear_session()
    try:
        made = apply(recipe, model_of(model), data, None if teacher is None else model_of(teacher))
        row = judged(recipe.name, made, data)
        return Result(row, file_of(made), time.monotonic() - started)
    except Exception as error:
        own = type(error).__module__.startswith("mlfpga.")
        return Failure(str(error) if own else f"{type(error).__name__}: {error}")


def judged(name: str, model: keras.Model, data: Dataset) -> dict[str, str | int | float]:
    """The row of `compare` on the test split, and the accuracy on the validation split, by which one may choose."""
    row = compare({name: model}, data.x_test, data.y_test)[0]
    seen = compare({name: model}, data.x_validation, data.y_validation)[0]
    return {"name": name, "validation_accuracy": seen["accuracy"], **row}


def file_of(model: keras.Model) -> bytes:
    """The content of the model's .h5 file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        save(model, path)
        return path.read_bytes()


def model_of(content: bytes) -> keras.Model:
    """The model whose .h5 file has this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        path.write_bytes(content)
        return load(path)
