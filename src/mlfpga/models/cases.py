"""A student and a teacher for any dataset: which network the labs start from."""

from typing import Any

from tensorflow import keras

from mlfpga.datasets import Dataset
from mlfpga.models.cnn import cnn
from mlfpga.models.errors import ModelError
from mlfpga.models.mlp import mlp
from mlfpga.models.rnn import rnn

SIZES = ("student", "teacher")
_SMALL_PICTURE = 16  # pixels along the shorter edge


def for_case(data: Dataset, size: str = "student", **changes: Any) -> keras.Model:
    """The network that fits `data` and its case: `mlp`, `cnn` or `rnn`, uncompiled, named after `size`.

    size     "student": small enough for the board. "teacher": more accurate and too large for it; it only ever teaches
    changes  arguments of that builder, instead of the ones chosen here, e.g. hidden=(16,) or kind="lstm"

    Raises ModelError for an unknown size or argument, and as the builder does.
    """
    if size not in SIZES:
        raise ModelError(f"there is no size {size!r}; choose one of {', '.join(SIZES)}")
    build, settings = {"mlp": _mlp, "cnn": _cnn, "rnn": _rnn}[data.case](data, size)
    unknown = [name for name in changes if name not in settings]
    if unknown:
        raise ModelError(
            f"{build.__name__} has no setting {unknown[0]!r} for {data.name}; choose from {', '.join(settings)}"
        )
    return build(**{**settings, **changes})


def _mlp(data: Dataset, size: str) -> tuple:
    # Two classes of pulses are told apart by eight weighted sums; ten kinds of pictures are not.
    student = (8,) if len(data.classes) == 2 else (32, 16)
    return mlp, dict(
        input_shape=data.sample_shape,
        classes=len(data.classes),
        hidden=student if size == "student" else (256, 128),
        dropout=0.0 if size == "student" else 0.3,
        l2=0.0,
        # Every sample of a pulse sits on the same baseline. The pixels of a picture have a common zero, and some never
        # anything else: there is nothing to normalise by.
        normalise=data.picture is None,
        name=size,
    )


def _cnn(data: Dataset, size: str) -> tuple:
    small = min(data.sample_shape[:2]) < _SMALL_PICTURE
    if size == "student":
        filters = (8, 16) if small else (8, 16, 24)
    else:
        filters = (16, 32) if small else (16, 32, 64)
    return cnn, dict(
        input_shape=data.sample_shape,
        classes=len(data.classes),
        filters=filters,
        kernel_size=3,
        pool=(2, 1) if small else (2, 2, 1),
        dense=() if size == "student" else (64,),
        batch_norm=True,
        dropout=0.0 if size == "student" else 0.4,
        l2=0.0,
        name=size,
    )


def _rnn(data: Dataset, size: str) -> tuple:
    return rnn, dict(
        steps=data.sample_shape[0],
        # What may come next is an item, and a sequence may hold numbers besides, such as one for padding.
        items=max(len(data.classes), int(data.input_range[1]) + 1),
        classes=len(data.classes),
        kind="gru",
        embedding=6 if size == "student" else 32,
        units=12 if size == "student" else 64,
        name=size,
    )
