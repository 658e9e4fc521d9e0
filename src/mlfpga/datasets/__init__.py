"""Named datasets, each ready to train on: normalised, split by a seed, in a fixed-point format that holds it exactly.

    data = load("digits")
    print(data.describe())

`digits` is embedded in scikit-learn and needs no network. `mnist` is looked for in the folder named by `MLFPGA_DATA`,
then in the course's cache, and is downloaded from a public source if it is in neither; its content is always checked.
"""

from collections.abc import Callable

from mlfpga.datasets.dataset import Dataset, DatasetError
from mlfpga.datasets.digits import load_digits
from mlfpga.datasets.mnist import load_mnist

__all__ = ["Dataset", "DatasetError", "case_of", "check_name", "load", "names"]

_LOADERS: dict[str, Callable[[int], Dataset]] = {"digits": load_digits, "mnist": load_mnist}
_CASES = {"digits": "cnn", "mnist": "cnn"}


def names() -> list[str]:
    """The names that `load` knows."""
    return sorted(_LOADERS)


def check_name(name: str) -> str:
    """`name`, if `load` knows it; else DatasetError."""
    if name not in _LOADERS:
        raise DatasetError(f"there is no dataset called {name!r}; choose one of {', '.join(names())}")
    return name


def case_of(name: str) -> str:
    """The case study a dataset belongs to: "mlp" (pulses), "cnn" (images) or "rnn" (sequences). Loads nothing."""
    return _CASES[check_name(name)]


def load(name: str, seed: int = 2024) -> Dataset:
    """The dataset called `name`; the same `seed` always gives the same split, on every machine.

    Raises DatasetError for an unknown name, and for data that cannot be had or is not what was published.
    """
    return _LOADERS[check_name(name)](seed)
