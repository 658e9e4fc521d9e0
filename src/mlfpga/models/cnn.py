"""Convolutional networks: a few small filters slide over a picture, so that few weights see every place of it."""

from collections.abc import Sequence
from numbers import Integral

from tensorflow import keras

from mlfpga.models.errors import ModelError, check_counts, check_regularisation, shape_text
from mlfpga.models.mlp import dense_layers, logits_layer, normalisation, penalty


def cnn(
    input_shape: Sequence[int],
    classes: int,
    filters: Sequence[int] = (8, 16, 24),
    kernel_size: int = 3,
    pool: int | Sequence[int] = (2, 2, 1),
    dense: Sequence[int] = (),
    batch_norm: bool = True,
    dropout: float = 0.0,
    l2: float = 0.0,
    name: str = "cnn",
) -> keras.Model:
    """An uncompiled CNN: (n, height, width, channels) → for each of `filters`: Conv2D, BatchNormalization, ReLU,
    MaxPooling2D → Dense + ReLU for each of `dense` → (n, classes) logits.

    input_shape  (height, width, channels) of one picture
    classes      number of logits
    filters      of each convolution: how many patterns it looks for. A convolution from c to f channels with k × k
                 kernels has k · k · c · f weights, and uses each once for every position of its output: few weights,
                 many multiplications. In hardware it needs that many multipliers divided by the reuse factor.
    kernel_size  k. The accelerator takes one pixel after another, and keeps the last k - 1 rows of every channel in
                 line buffers: (k - 1) · width · c values.
    pool         one number per convolution, or one for all: the largest of p × p values is kept, which divides height
                 and width by p (what does not fill a window at the edge is left out). All later layers do p · p times
                 less work. 1 means no pooling. It costs comparisons and p - 1 rows of line buffers, no multiplication.
    dense        widths of hidden Dense layers after the last convolution. The first one usually holds most of the
                 weights: one for every remaining pixel and channel.
    batch_norm   normalise each channel after its convolution. Training is faster and steadier, and afterwards the
                 factor and the offset fold into the convolution's weights: free in hardware. The convolution then has
                 no bias of its own, because the normalisation's offset replaces it.
    dropout      the fraction of hidden Dense values set to zero, during training only
    l2           times the sum of all squared weights, is added to the loss: smaller weights need fewer bits

    Convolutions use no padding: an output pixel is made of real pixels only, and the height and width shrink by k - 1.
    Layers are called conv_1, batchnorm_1, relu_1, pool_1, conv_2, …, flatten, dense_1, …, logits, and the ReLUs are
    counted through; the hardware keeps these names. Raises ModelError for a count below 1, a dropout or l2 out of
    range, another number of pools than of filters, and a picture that a layer leaves nothing of.
    """
    shape, pools = tuple(input_shape), _pools(pool, len(filters))
    if len(shape) != 3:
        raise ModelError(f"a CNN takes pictures (height, width, channels); {shape_text(shape)} is not one")
    check_counts(zip(("height", "width", "channels"), shape, strict=True))
    check_counts(
        (
            ("classes", classes),
            ("kernel_size", kernel_size),
            *(("number of filters", count) for count in filters),
            *(("pool", size) for size in pools),
            *(("dense width", width) for width in dense),
        )
    )
    check_regularisation(dropout, l2)
    _check_sizes(shape, kernel_size, pools)

    x = inputs = keras.Input(shape, name="image")
    for index, (count, size) in enumerate(zip(filters, pools, strict=True), start=1):
        x = keras.layers.Conv2D(
            count, kernel_size, use_bias=not batch_norm, kernel_regularizer=penalty(l2), name=f"conv_{index}"
        )(x)
        if batch_norm:
            x = normalisation(f"batchnorm_{index}")(x)
        x = keras.layers.ReLU(name=f"relu_{index}")(x)
        if size > 1:
            x = keras.layers.MaxPooling2D(size, name=f"pool_{index}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = dense_layers(x, dense, dropout, l2, relu_from=len(filters) + 1)
    return keras.Model(inputs, logits_layer(classes, l2)(x), name=name)


def _pools(pool: int | Sequence[int], convolutions: int) -> tuple[int, ...]:
    if isinstance(pool, Integral):
        return (pool,) * convolutions
    if len(pool) != convolutions:
        raise ModelError(
            f"pool {tuple(pool)} has {len(pool)} entries for {convolutions} convolutions; give one to each, or one "
            "number for all"
        )
    return tuple(pool)


def _check_sizes(shape: tuple[int, ...], kernel_size: int, pools: tuple[int, ...]) -> None:
    height, width = shape[:2]
    for index, size in enumerate(pools, start=1):
        for layer, new in (
            (f"conv_{index}", (height - kernel_size + 1, width - kernel_size + 1)),
            (f"pool_{index}", ((height - kernel_size + 1) // size, (width - kernel_size + 1) // size)),
        ):
            if min(new) < 1:
                raise ModelError(
                    f"{layer} leaves nothing of a picture of {height} × {width}; choose fewer layers, a smaller "
                    "kernel_size or less pooling"
                )
        height, width = new
