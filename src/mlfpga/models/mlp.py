"""Multi-layer perceptrons: every value of a layer meets every value of the next."""

from collections.abc import Sequence

from tensorflow import keras

from mlfpga.models.errors import ModelError, check_counts, check_regularisation


def mlp(
    input_shape: int | Sequence[int],
    classes: int,
    hidden: Sequence[int] = (32, 16),
    dropout: float = 0.0,
    l2: float = 0.0,
    normalise: bool = False,
    name: str = "mlp",
) -> keras.Model:
    """An uncompiled MLP: (n, *input_shape) → Dense + ReLU for each width in `hidden` → (n, classes) logits.

    input_shape  of one sample, or its number of features; more than one axis is flattened first, which is free
    classes      number of logits
    hidden       widths of the hidden layers; a layer of width m after one of width n has n · m weights, each one
                 multiplication for a sample, and a multiplier of its own in hardware at a reuse factor of 1. May be
                 empty, which gives a linear classifier.
    dropout      the fraction of hidden values set to zero, during training only; nothing of it reaches hardware
    l2           times the sum of all squared weights, is added to the loss: smaller weights need fewer bits
    normalise    begin with a BatchNormalization, which brings every feature to mean 0 and deviation 1. Features with a
                 large common offset train several times faster. Folded into dense_1 it costs nothing in hardware.

    Layers are called flatten, batchnorm_input, dense_1, relu_1, dropout_1, dense_2, …, logits; the hardware keeps these
    names. Weights start from Keras's global seed (`keras.utils.set_random_seed`). Raises ModelError for a width below 1
    and for a dropout or l2 out of range.
    """
    shape = (input_shape,) if not isinstance(input_shape, Sequence) else tuple(input_shape)
    if not shape:
        raise ModelError("a sample of shape () has no features; give their number")
    check_counts(
        (
            *(("features", size) for size in shape),
            ("classes", classes),
            *(("hidden width", width) for width in hidden),
        )
    )
    check_regularisation(dropout, l2)

    x = inputs = keras.Input(shape, name="features")
    if len(shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    if normalise:
        x = normalisation("batchnorm_input")(x)
    x = dense_layers(x, hidden, dropout, l2)
    return keras.Model(inputs, logits_layer(classes, l2)(x), name=name)


def dense_layers(x, hidden: Sequence[int], dropout: float, l2: float, relu_from: int = 1):
    """Keras tensor to Keras tensor: Dense + ReLU (+ Dropout) for each width, the ReLUs numbered from `relu_from`."""
    for index, width in enumerate(hidden, start=1):
        # The activation is a layer of its own: it becomes a stage of its own in hardware, with its own number format.
        x = keras.layers.Dense(width, kernel_regularizer=penalty(l2), name=f"dense_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{relu_from + index - 1}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout_{index}")(x)
    return x


def normalisation(name: str) -> keras.layers.Layer:
    """A BatchNormalization whose running mean and variance, which a trained model uses, follow within some 20 batches.

    Keras's own momentum, 0.99, takes ten times as many: more than a short training on a small dataset has, and then a
    network that fits its training data fails all others.
    """
    return keras.layers.BatchNormalization(momentum=0.9, name=name)


def logits_layer(classes: int, l2: float) -> keras.layers.Layer:
    """The last layer of every model here: Dense without an activation."""
    return keras.layers.Dense(classes, kernel_regularizer=penalty(l2), name="logits")


def penalty(l2: float) -> keras.regularizers.Regularizer | None:
    """What Keras adds to the loss for a kernel; None for l2 = 0, which saves the work."""
    return keras.regularizers.L2(l2) if l2 else None
