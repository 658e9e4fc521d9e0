"""Compile and fit, with the checks that keep a silly run from costing minutes."""

from collections.abc import Sequence

import numpy as np
from tensorflow import keras

from mlfpga.datasets import Dataset


class TrainingError(ValueError):
    """A training that cannot give a useful model."""


def logits_loss() -> keras.losses.Loss:
    """Cross-entropy between class indices and *logits*; the loss applies softmax itself, in a numerically safe way."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def train(
    model: keras.Model,
    data: Dataset,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 128,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """`compile` with Adam and `logits_loss`, `fit` on the training split; return the history, one list per curve.

    The learning rate falls from `learning_rate` to zero along half a cosine (Loshchilov and Hutter, SGDR, 2017), so the
    last epochs settle. Prints at most four lines. Raises TrainingError for no epochs, data with NaN
    or infinities, or a model whose input or output does not fit the dataset.
    """
    _check(model, data, epochs)
    steps = epochs * -(-len(data.x_train) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=logits_loss(), metrics=["accuracy"])
    history = model.fit(
        data.x_train,
        data.y_train,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(data.x_validation, data.y_validation),
        callbacks=[*callbacks, _Lines(epochs)],
        verbose=0,
    )
    return history.history


def logits(model: keras.Model, x: np.ndarray, batch_size: int = 4096) -> np.ndarray:
    """The model's output (n, classes) for `x` (n, features), float32, in batches that fit in memory.

    As `model.predict`, which compiles a graph for every new model it meets; for one pass over a test set that costs
    more than it saves.
    """
    parts = [model(x[start : start + batch_size], training=False).numpy() for start in range(0, len(x), batch_size)]
    return np.concatenate(parts)


def _check(model: keras.Model, data: Dataset, epochs: int) -> None:
    if epochs < 1:
        raise TrainingError(f"{epochs} epochs train nothing; choose 1 or more")
    for split in ("train", "validation"):
        bad = int((~np.isfinite(data.split(split)[0])).sum())
        if bad:
            raise TrainingError(
                f"{data.name}: x_{split} holds {bad} values that are NaN or infinite; clean the data first"
            )
    expected = (data.features, len(data.classes))
    found = (model.input_shape[-1], model.output_shape[-1])
    if found != expected:
        raise TrainingError(
            f"model {model.name} takes {found[0]} features and gives {found[1]} logits, but {data.name} has "
            f"{expected[0]} features and {expected[1]} classes"
        )


class _Lines(keras.callbacks.Callback):
    """Four lines, evenly spaced over the epochs: enough to see where it goes."""

    def __init__(self, epochs: int):
        super().__init__()
        self._every = -(-epochs // 4)
        self._epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self._every == 0 or epoch + 1 == self._epochs:
            print(
                f"epoch {epoch + 1:3d}/{self._epochs}   training loss {logs['loss']:.3f}, accuracy "
                f"{logs['accuracy']:.2%}   validation loss {logs['val_loss']:.3f}, accuracy {logs['val_accuracy']:.2%}"
            )
