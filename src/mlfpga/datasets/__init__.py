"""Named datasets, each ready to train on: normalised, split by a seed, in a fixed-point format that holds it exactly.

    data = load("digits")
    print(data.describe())
    data.show()

Pictures, for convolutional networks (flattened by `flat()`, for others too): `digits`, `mnist`, `fashion_mnist`.
Detector pulses, for multi-layer perceptrons: `pulses` (real), `pulses-fold1` … `pulses-fold5` (the same for
cross-validation), `pulses-generated`, `pulses-transfer` (train on generated ones, test on real ones).
Sequences of items, for recurrent networks: `recommender`, `recommender-users`, `recommender-generated`.

`digits` and the generated ones are embedded and need no network. The others are looked for in the folder named by
`MLFPGA_DATA`, then in the course's cache, and are downloaded from a public source if they are in neither; their content
is always checked.
"""

from collections.abc import Callable
from functools import partial

from mlfpga.datasets import pulses, recommender
from mlfpga.datasets.dataset import Dataset, DatasetError
from mlfpga.datasets.digits import load_digits
from mlfpga.datasets.mnist import load_fashion_mnist, load_mnist

__all__ = ["Dataset", "DatasetError", "case_of", "check_name", "load", "names"]

_OF_CASE: dict[str, dict[str, Callable[[int], Dataset]]] = {
    "cnn": {"digits": load_digits, "mnist": load_mnist, "fashion_mnist": load_fashion_mnist},
    "mlp": {
        "pulses": pulses.load_pulses,
        **{f"pulses-fold{fold}": partial(pulses.load_fold, fold) for fold in range(1, pulses.FOLDS + 1)},
        "pulses-generated": pulses.load_generated,
        "pulses-transfer": pulses.load_transfer,
    },
    "rnn": {
        "recommender": recommender.load_recommender,
        "recommender-generated": recommender.load_generated,
        "recommender-users": recommender.load_users,
    },
}
_LOADERS = {name: loader for loaders in _OF_CASE.values() for name, loader in loaders.items()}
_CASES = {name: case for case, loaders in _OF_CASE.items() for name in loaders}


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
