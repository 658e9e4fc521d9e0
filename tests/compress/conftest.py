"""A small trained network that the tests of this room start from."""

import numpy as np
import pytest

from mlfpga.datasets import Dataset


@pytest.fixture(scope="session")
def data() -> Dataset:
    """Three classes in eight features, separable but not trivially."""
    rng = np.random.default_rng(11)
    y = rng.integers(0, 3, 900)
    centres = rng.random((3, 8)) * 0.5 + 0.25
    x = (np.floor(np.clip(centres[y] + rng.normal(0, 0.09, (900, 8)), 0, 0.99) * 256) / 256).astype(np.float32)
    parts = (slice(0, 600), slice(600, 700), slice(700, None))
    splits = [values[part] for part in parts for values in (x, y)]
    return Dataset("three", "mlp", *splits, ("a", "b", "c"), (8,), "ufixed<8,0>", "made", "none", "none")


@pytest.fixture(scope="session")
def trained(data):
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    from tensorflow import keras

    from mlfpga import models

    keras.utils.set_random_seed(4)
    model = models.mlp(8, 3, hidden=(12, 6))
    models.train(model, data, epochs=25, learning_rate=0.02, batch_size=32)
    return model
