"""Multi-layer perceptrons: the network that goes to hardware, and the larger one that teaches it."""

from collections.abc import Sequence

from tensorflow import keras


class ModelError(ValueError):
    """A network that cannot be built as asked, or that does not fit another one."""


def mlp(
    features: int,
    classes: int,
    hidden: Sequence[int] = (32, 16),
    dropout: float = 0.0,
    l2: float = 0.0,
    name: str = "mlp",
) -> keras.Model:
    """An uncompiled MLP: (n, features) → Dense + ReLU for each width in `hidden` → (n, classes) logits.

    Layers are called dense_1, relu_1, dense_2, …, logits; the hardware keeps these names. `dropout` is the fraction of
    hidden values set to zero during training only; `l2` times the sum of all squared weights is added to the loss.
    `hidden` may be empty, which gives a linear classifier. Weights start from Keras's global seed
    (`keras.utils.set_random_seed`). Raises ModelError for a width below 1 and for a dropout or l2 out of range.
    """
    for what, width in (("features", features), ("classes", classes), *(("hidden width", width) for width in hidden)):
        if width < 1:
            raise ModelError(f"{what} is {width}; choose 1 or more")
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout is {dropout}; choose 0 or more and less than 1")

    if l2 < 0:
        raise ModelError(f"l2 is {l2}; choose 0 or more")

    penalty = keras.regularizers.L2(l2) if l2 else None
    x = inputs = keras.Input((features,), name="features")
    for index, width in enumerate(hidden, start=1):
        # The activation is a layer of its own: it becomes a stage of its own in hardware, with its own number format.
        x = keras.layers.Dense(width, kernel_regularizer=penalty, name=f"dense_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{index}")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, kernel_regularizer=penalty, name="logits")(x), name=name)


def teacher(features: int, classes: int, hidden: Sequence[int] = (256, 128), dropout: float = 0.3) -> keras.Model:
    """A larger MLP than fits the board, with dropout against overfitting: it only ever teaches (see `mlp`)."""
    return mlp(features, classes, hidden, dropout=dropout, name="teacher")
