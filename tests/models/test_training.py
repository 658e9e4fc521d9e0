"""The training step: what it learns, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def seeded(seed: int, data, **settings):
    from tensorflow import keras

    keras.utils.set_random_seed(seed)
    model = models.for_case(data, hidden=(8,)) if data.case == "mlp" else models.for_case(data)
    return model, models.train(model, data, batch_size=32, **settings)


def same_weights(first, second) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def test_training_learns_and_the_seed_repeats_it(halves, capsys):
    (first, history), (again, _) = (seeded(1, halves, epochs=20, learning_rate=0.03) for _ in range(2))
    assert history["val_accuracy"][-1] > 0.95 and len(history["loss"]) == 20
    assert same_weights(first, again)
    assert len(capsys.readouterr().out.splitlines()) == 8  # four lines each


@pytest.mark.parametrize(("name", "epochs"), [("bars", 6), ("echoes", 15)])
def test_pictures_and_sequences_are_learnt(request, name, epochs):
    _, history = seeded(1, request.getfixturevalue(name), epochs=epochs, learning_rate=0.03)
    assert history["val_accuracy"][-1] > 0.95


def test_loss_takes_logits():
    logits, labels = np.array([[2.0, -1.0], [30.0, 50.0]]), np.array([0, 0])
    by_hand = np.mean([np.log(1 + np.exp(-3)), 20.0])
    assert np.isclose(float(models.logits_loss()(labels, logits)), by_hand, rtol=1e-5)


def test_the_learning_rate_falls_to_zero_along_half_a_cosine(halves):
    from tensorflow import keras

    rates = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    # 256 samples in batches of 32 are 8 steps an epoch.
    seeded(1, halves, epochs=3, learning_rate=0.5, callbacks=[Note()])
    assert rates == pytest.approx(0.25 * (1 + np.cos(np.pi * np.arange(24) / 24)), abs=1e-6)


class Seen:
    """Stands in for a model's `fit`: keeps the batches of a few epochs."""

    def __init__(self, epochs: int):
        self.epochs, self.pictures, self.labels = epochs, [], []

    def __call__(self, x, **_):
        for _ in range(self.epochs):
            batches = [x[index] for index in range(len(x))]
            self.pictures.append(np.concatenate([pictures for pictures, _ in batches]))
            self.labels.append(np.concatenate([labels for _, labels in batches]))
            x.on_epoch_end()
        return type("History", (), {"history": {}})


def numbered(bars):
    """The same pictures, each with its own number as its only bright pixel's value, in the middle; labels follow it."""
    x = np.zeros((250, 8, 9, 1), dtype=np.float32)
    x[:, 4, 4, 0] = np.arange(1, 251) / 256
    return replace(bars, x_train=x, y_train=np.arange(1, 251) % 2)


@pytest.mark.parametrize("pixels", [1, 3])
def test_augmented_epochs_hold_every_picture_once_shifted_and_with_its_label(bars, pixels, monkeypatch):
    data, seen = numbered(bars), Seen(epochs=3)
    model = models.for_case(data)
    monkeypatch.setattr(model, "fit", seen)
    models.train(model, data, epochs=3, batch_size=32, augment=pixels)
    shifts = set()
    for pictures, labels in zip(seen.pictures, seen.labels, strict=True):
        assert pictures.shape == (250, 8, 9, 1) and pictures.dtype == np.float32
        sample, row, column, _ = np.nonzero(pictures)  # the border that comes in is black
        assert np.array_equal(sample, np.arange(250))
        number = np.rint(pictures[sample, row, column, 0] * 256).astype(int)
        assert sorted(number) == list(range(1, 251)) and np.array_equal(labels, number % 2)
        shifts |= set(zip((row - 4).tolist(), (column - 4).tolist(), strict=True))
    every = range(-pixels, pixels + 1)
    assert shifts == {(down, right) for down in every for right in every}
    assert not np.array_equal(seen.pictures[0], seen.pictures[1])  # another order, other shifts
    assert np.count_nonzero(data.x_train[:, 4, 4]) == 250  # the dataset itself is as it was


def test_the_seed_repeats_augmented_training_too(bars):
    (first, _), (again, _), (plain, _) = (seeded(2, bars, epochs=2, augment=pixels) for pixels in (1, 1, 0))
    assert same_weights(first, again) and not same_weights(first, plain)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(epochs=0), "0 epochs train nothing; choose 1 or more"),
        (dict(epochs=-3), "-3 epochs train nothing; choose 1 or more"),
        (dict(epochs=1.5), "epochs is 1.5; choose a whole number, 1 or more"),
        (dict(learning_rate=0.0), "learning_rate is 0.0; choose more than 0 (0.001 to 0.01 is usual)"),
        (dict(learning_rate=float("nan")), "learning_rate is nan; choose more than 0 (0.001 to 0.01 is usual)"),
        (dict(batch_size=0), "batch_size is 0; choose 1 or more (32 to 256 is usual)"),
        (
            dict(augment=1),
            "augment shifts pictures (height, width, channels), and the samples of halves have shape (4,); leave it "
            "at 0",
        ),
    ],
)
def test_settings_that_train_nothing_are_refused(halves, settings, message):
    with pytest.raises(models.TrainingError) as error:
        models.train(models.for_case(halves), halves, **{"epochs": 1, **settings})
    assert str(error.value) == message


@pytest.mark.parametrize("pixels", [-1, 8, 1.5])
def test_shifts_that_leave_no_picture_are_refused(bars, pixels):
    with pytest.raises(models.TrainingError) as error:
        models.train(models.for_case(bars), bars, epochs=1, augment=pixels)
    assert str(error.value) == f"augment is {pixels}; choose a whole number of pixels, 0 to 7 (1 or 2 is usual)"


# A Dataset refuses what follows when it is made; its arrays can still be written to.


@pytest.mark.parametrize("name", ["halves", "bars", "echoes"])
def test_nan_in_the_data_is_refused(request, name):
    data = request.getfixturevalue(name)
    model = models.for_case(data)
    data.x_train.reshape(-1)[[3, 30]] = np.nan, np.inf
    with pytest.raises(models.TrainingError) as error:
        models.train(model, data, epochs=1)
    assert str(error.value) == f"{name}: x_train holds 2 values that are NaN or infinite; clean the data first"


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_out_of_range_are_refused(halves, label):
    halves.y_train[7] = label
    with pytest.raises(models.TrainingError) as error:
        models.train(models.for_case(halves), halves, epochs=1)
    low, high = min(label, 0), max(label, 1)
    assert str(error.value) == f"halves: y_train holds labels {low} to {high}; 2 classes need labels 0 to 1"


@pytest.mark.parametrize(("item", "told"), [(5.0, "0 to 5"), (-1.0, "-1 to 4"), (0.5, "0 to 4")])
def test_item_numbers_without_a_row_in_the_table_are_refused(echoes, item, told):
    echoes.x_train[7, 2] = item
    with pytest.raises(models.TrainingError) as error:
        models.train(models.for_case(echoes, items=5), echoes, epochs=1)
    assert str(error.value) == (
        f"echoes: x_train holds {told}; layer embedding needs whole numbers 0 to 4, the rows of its table"
    )


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: models.mlp(5, 3), "mlp maps (5,) to (3,)"),
        (lambda: models.mlp((2, 2), 2), "mlp maps (2, 2) to (2,)"),
        (lambda: models.mlp(4, 3), "mlp maps (4,) to (3,)"),
        (lambda: models.cnn((5, 5, 1), 2, (4,), pool=1), "cnn maps (5, 5, 1) to (2,)"),
        (lambda: models.rnn(6, 5, 2), "gru maps (6,) to (2,)"),
    ],
)
def test_a_model_of_another_shape_is_refused(halves, build, found):
    with pytest.raises(models.TrainingError) as error:
        models.train(build(), halves, epochs=1)
    assert str(error.value) == (
        f"model {found}, but halves has samples of shape (4,) and 2 classes; begin it "
        "with keras.Input((4,)), and end it with a logit for each class, Dense(2)"
    )


def test_a_model_that_does_not_know_its_input_yet_is_refused(halves):
    from tensorflow import keras

    with pytest.raises(models.TrainingError) as error:
        models.train(keras.Sequential([keras.layers.Dense(2)], name="early"), halves, epochs=1)
    assert str(error.value) == (
        "early does not know the shape of its input yet; begin it with keras.Input((features,)), or the shape that its "
        "samples have"
    )
