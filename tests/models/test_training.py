"""The training step: what it learns, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from mlfpga.datasets import Dataset

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def two_halves(count: int = 256) -> Dataset:
    """Four features in 1/256 steps; the class says whether the first pair or the second is brighter."""
    x = (np.random.default_rng(3).integers(0, 256, (count, 4)) / 256).astype(np.float32)
    y = (x[:, :2].sum(1) > x[:, 2:].sum(1)).astype(np.int64)
    return Dataset("halves", "mlp", x, y, x, y, x, y, ("first", "second"), (4,), "ufixed<8,0>", "made", "none", "none")


def seeded(seed: int):
    from tensorflow import keras

    keras.utils.set_random_seed(seed)
    model = models.mlp(4, 2, hidden=(8,))
    return model, models.train(model, two_halves(), epochs=20, learning_rate=0.03, batch_size=32)


def test_training_learns_and_the_seed_repeats_it(capsys):
    (first, history), (again, _) = seeded(1), seeded(1)
    assert history["val_accuracy"][-1] > 0.95 and len(history["loss"]) == 20
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert len(capsys.readouterr().out.splitlines()) == 8  # four lines each


def test_loss_takes_logits():
    logits, labels = np.array([[2.0, -1.0], [30.0, 50.0]]), np.array([0, 0])
    by_hand = np.mean([np.log(1 + np.exp(-3)), 20.0])
    assert np.isclose(float(models.logits_loss()(labels, logits)), by_hand, rtol=1e-5)


@pytest.mark.parametrize("epochs", [0, -3])
def test_no_epochs_are_refused(epochs):
    with pytest.raises(models.TrainingError) as error:
        models.train(models.mlp(4, 2), two_halves(), epochs=epochs)
    assert str(error.value) == f"{epochs} epochs train nothing; choose 1 or more"


def test_nan_in_the_data_is_refused():
    data = two_halves()
    data.x_validation[3, 1] = np.nan  # a Dataset refuses NaN when it is made; arrays can still be written to
    with pytest.raises(models.TrainingError, match="halves: x_train holds 1 values that are NaN or infinite"):
        models.train(models.mlp(4, 2), data, epochs=1)


def test_a_model_of_another_shape_is_refused():
    with pytest.raises(models.TrainingError) as error:
        models.train(models.mlp(5, 3), replace(two_halves()), epochs=1)
    assert str(error.value) == (
        "model mlp takes 5 features and gives 3 logits, but halves has 4 features and 2 classes"
    )
