"""The error of this room, and the checks that the builders share."""

from collections.abc import Iterable, Sequence
from numbers import Integral


class ModelError(ValueError):
    """A network that cannot be built as asked, or that does not fit another one."""


def check_counts(counts: Iterable[tuple[str, int]]) -> None:
    """Raise ModelError for the first (name, count) that is not a whole number of at least 1."""
    for what, count in counts:
        if not isinstance(count, Integral) or count < 1:
            raise ModelError(f"{what} is {count}; choose a whole number, 1 or more")


def check_built(model, error: type[ValueError] = ModelError) -> None:
    """Raise `error` for a model that does not know its input yet: it has no weights, and no shape to compare."""
    if getattr(model, "inputs", None) is None:
        raise error(
            f"{model.name} does not know the shape of its input yet; begin it with keras.Input((features,)), or the "
            "shape that its samples have"
        )


def check_regularisation(dropout: float, l2: float) -> None:
    """Raise ModelError for a dropout outside 0 ≤ dropout < 1 and for a negative l2."""
    if not 0 <= dropout < 1:
        raise ModelError(f"dropout is {dropout}; choose 0 or more and less than 1")
    if not l2 >= 0:
        raise ModelError(f"l2 is {l2}; choose 0 or more")


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape to read in a message: (28, 28, 1), or (161,)."""
    return str(tuple(shape))
