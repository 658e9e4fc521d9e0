"""One tiny dataset of each case."""

import numpy as np
import pytest

from mlfpga.datasets import Dataset


def dataset(name: str, case: str, x, y, classes: tuple[str, ...], number: str, **more) -> Dataset:
    """The same samples in all three splits: these tests ask what is learnt and refused, not how well."""
    x, y = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.int64)
    return Dataset(name, case, x, y, x, y, x, y, classes, x.shape[1:], number, "made", "none", "none", **more)


@pytest.fixture
def halves() -> Dataset:
    """Four features in 1/256 steps; the class says whether the first pair or the second is brighter."""
    x = np.random.default_rng(3).integers(0, 256, (256, 4)) / 256
    return dataset("halves", "mlp", x, x[:, :2].sum(1) > x[:, 2:].sum(1), ("first", "second"), "ufixed<8,0>")


@pytest.fixture
def bars() -> Dataset:
    """Pictures of 8 × 9 pixels with one bright line, upright or lying."""
    random = np.random.default_rng(4)
    x, y = np.zeros((256, 8, 9, 1)), random.integers(0, 2, 256)
    for picture, lying, place in zip(x, y, random.integers(1, 7, 256), strict=True):
        picture[(place, slice(None)) if lying else (slice(None), place)] = 0.75
    return dataset("bars", "cnn", x, y, ("upright", "lying"), "ufixed<8,0>")


@pytest.fixture
def echoes() -> Dataset:
    """Sequences of six items out of five; the class is the last item but one."""
    x = np.random.default_rng(5).integers(0, 5, (256, 6))
    return dataset("echoes", "rnn", x, x[:, -2], tuple("abcde"), "ufixed<3,3>")
