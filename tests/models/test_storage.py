"""Saving and loading: the same model comes back, and nothing half-written stays."""

import warnings

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def test_a_model_comes_back_equal_and_without_warnings(tmp_path):
    model = models.mlp(6, 3, hidden=(4,))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        models.save(model, tmp_path / "model.h5")
        back = models.load(tmp_path / "model.h5")
    x = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
    assert np.array_equal(models.logits(back, x), models.logits(model, x))
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.cnn((8, 8, 1), 3, (4,), pool=2, dense=(5,), dropout=0.2, l2=0.01),
        *(lambda kind=kind: models.rnn(5, 7, 6, kind, 3, 4) for kind in ("simple_rnn", "gru", "lstm")),
        lambda: models.mlp((4, 2), 3, hidden=(4,), normalise=True),
    ],
)
def test_models_of_every_case_come_back_equal(build, tmp_path):
    model = build()
    random = np.random.default_rng(1)
    model.set_weights([np.abs(random.normal(size=w.shape)) + 0.1 for w in model.get_weights()])
    models.save(model, tmp_path / "model.h5")
    back = models.load(tmp_path / "model.h5")
    x = random.integers(0, 7, (9, *model.input_shape[1:])).astype(np.float32)
    assert np.array_equal(models.logits(back, x), models.logits(model, x))
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in model.layers]
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]


def test_a_model_that_still_trains_with_rounded_weights_comes_back_by_itself(tmp_path, monkeypatch):
    """As in a notebook that imports nothing but this room: nobody has told Keras of these layers yet."""
    import sys

    from keras.src.saving import object_registration as registry

    from mlfpga.models import rounded

    formats = {"kernel": (5, 0), "recurrent_kernel": (5, 0), "bias": (5, 0)}
    model = models.rnn(5, 7, 6, "gru", 3, 4)
    twin = models.copy_model(
        model, lambda old: rounded.twin(old, formats) if old.name == "gru" else type(old).from_config(old.get_config())
    )
    models.save(twin, tmp_path / "model.h5")
    for known in ("_GLOBAL_CUSTOM_OBJECTS", "_GLOBAL_CUSTOM_NAMES"):
        others = {key: value for key, value in getattr(registry, known).items() if "Rounded" not in f"{key}{value}"}
        monkeypatch.setattr(registry, known, others)
    monkeypatch.delitem(sys.modules, "mlfpga.models.rounded")
    monkeypatch.delattr(models, "rounded")
    back = models.load(tmp_path / "model.h5")
    x = np.random.default_rng(1).integers(0, 7, (9, 5)).astype(np.float32)
    assert type(back.get_layer("gru")).__name__ == "RoundedGRU"
    assert np.array_equal(models.logits(back, x), models.logits(twin, x))


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(models.ModelError, match="model.keras must end in .h5"):
        models.save(models.mlp(2, 2), tmp_path / "model.keras")


def test_a_missing_or_cut_file_is_named(tmp_path):
    path = tmp_path / "model.h5"
    with pytest.raises(models.ModelError, match=f"there is no model {path}"):
        models.load(path)
    models.save(models.mlp(6, 3), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(models.ModelError, match="does not hold a whole Keras model"):
        models.load(path)


def test_a_copy_shares_nothing_with_the_original():
    model = models.mlp(3, 2, hidden=(4,))
    copy = models.copy_model(model)
    before = model.get_weights()
    copy.set_weights([np.zeros_like(w) for w in before])
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
