"""Compile and fit, with the checks that keep a silly run from costing minutes."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from tensorflow import keras

from mlfpga.datasets import Dataset
from mlfpga.models.errors import check_built, shape_text


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
    augment: int = 0,
) -> dict[str, list[float]]:
    """`compile` with Adam and `logits_loss`, `fit` on the training split; return the history, one list per curve.

    augment  shift every training picture by up to so many pixels, up or down and left or right, anew in each epoch;
             what it leaves behind is black (0). The model sees far more pictures than there are, and learns that a
             shifted digit is the same digit. 0 for none; pictures only, and not for those whose class a shift changes.

    The learning rate falls from `learning_rate` to zero along half a cosine (Loshchilov and Hutter, SGDR, 2017), so the
    last epochs settle. `keras.utils.set_random_seed` before the model is built makes all of it repeatable. Prints at
    most four lines. Raises TrainingError for no epochs, a learning rate or batch size that is not positive, data with
    NaN or infinities, labels or item numbers out of range, an `augment` that does not fit, and a model whose input or
    output does not fit the dataset.
    """
    _check(model, data, epochs, learning_rate, batch_size)
    _check_augment(data, augment)
    steps = epochs * -(-len(data.x_train) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=logits_loss(), metrics=["accuracy"])
    if augment:
        source = dict(x=_Shifted(data.x_train, data.y_train, batch_size, augment), shuffle=False)
    else:
        source = dict(x=data.x_train, y=data.y_train, batch_size=batch_size)
    history = model.fit(
        **source,
        epochs=epochs,
        validation_data=(data.x_validation, data.y_validation),
        validation_batch_size=max(batch_size, 512),
        callbacks=[*callbacks, _Lines(epochs)],
        verbose=0,
    )
    return history.history


def logits(model: keras.Model, x: np.ndarray, batch_size: int = 1024) -> np.ndarray:
    """The model's output (n, classes) for `x` (n, *sample shape), float32, in batches that fit in memory.

    As `model.predict`, which compiles a graph for every new model it meets; for one pass over a test set that costs
    more than it saves.
    """
    parts = [model(x[start : start + batch_size], training=False).numpy() for start in range(0, len(x), batch_size)]
    return np.concatenate(parts)


class _Shifted(keras.utils.Sequence):
    """Batches of a training split in a new order each epoch, every picture shifted by its own few pixels."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, pixels: int):
        # The black border that a shifted window looks into is made once, not for every batch.
        self._padded = np.pad(x, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
        self._rows, self._columns = np.arange(x.shape[1]), np.arange(x.shape[2])
        self._y = y
        self._batch_size = batch_size
        self._offsets = 2 * pixels + 1
        # From NumPy's global generator, which `keras.utils.set_random_seed` sets as all else that is random here.
        self._random = np.random.default_rng(np.random.randint(2**31))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._y) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        down, right = self._random.integers(0, self._offsets, (2, len(chosen), 1))
        rows, columns = down + self._rows, right + self._columns
        return self._padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]], self._y[chosen]

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(len(self._y))


def _check(model: keras.Model, data: Dataset, epochs: int, learning_rate: float, batch_size: int) -> None:
    if not isinstance(epochs, Integral):
        raise TrainingError(f"epochs is {epochs!r}; choose a whole number, 1 or more")
    if epochs < 1:
        raise TrainingError(f"{epochs} epochs train nothing; choose 1 or more")
    if not 0 < learning_rate < np.inf:
        raise TrainingError(f"learning_rate is {learning_rate}; choose more than 0 (0.001 to 0.01 is usual)")
    if batch_size < 1:
        raise TrainingError(f"batch_size is {batch_size}; choose 1 or more (32 to 256 is usual)")
    check_built(getattr(model, "student", model), TrainingError)
    sample, classes = tuple(data.sample_shape), len(data.classes)
    if (tuple(model.input_shape[1:]), tuple(model.output_shape[1:])) != (sample, (classes,)):
        raise TrainingError(
            f"model {model.name} maps {shape_text(model.input_shape[1:])} to {shape_text(model.output_shape[1:])}, but "
            f"{data.name} has samples of shape {shape_text(sample)} and {classes} classes; begin it with "
            f"keras.Input({shape_text(sample)}), and end it with a logit for each class, Dense({classes})"
        )
    for split in ("train", "validation"):
        x, y = data.split(split)
        bad = int((~np.isfinite(x)).sum())
        if bad:
            raise TrainingError(
                f"{data.name}: x_{split} holds {bad} values that are NaN or infinite; clean the data first"
            )
        if y.min() < 0 or y.max() >= classes:
            raise TrainingError(
                f"{data.name}: y_{split} holds labels {y.min()} to {y.max()}; {classes} classes need labels 0 to "
                f"{classes - 1}"
            )
        # Not of `model.layers` alone: the student of a distillation is a model inside the model.
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Embedding):
                _check_items(f"{data.name}: x_{split}", x, layer)


def _check_items(what: str, x: np.ndarray, table: keras.layers.Embedding) -> None:
    # TensorFlow would cut fractions off, and stop at a number beyond the table with a message about a graph's node.
    if x.min() < 0 or x.max() >= table.input_dim or not np.array_equal(x, np.floor(x)):
        raise TrainingError(
            f"{what} holds {x.min():g} to {x.max():g}; layer {table.name} needs whole numbers 0 to "
            f"{table.input_dim - 1}, the rows of its table"
        )


def _check_augment(data: Dataset, augment: int) -> None:
    if augment == 0:
        return
    if len(data.sample_shape) != 3:
        raise TrainingError(
            f"augment shifts pictures (height, width, channels), and the samples of {data.name} have shape "
            f"{shape_text(data.sample_shape)}; leave it at 0"
        )
    largest = min(data.sample_shape[:2]) - 1
    if not isinstance(augment, Integral) or not 0 < augment <= largest:
        raise TrainingError(f"augment is {augment}; choose a whole number of pixels, 0 to {largest} (1 or 2 is usual)")


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
