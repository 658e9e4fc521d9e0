"""The MLP, against NumPy."""

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def test_the_network_computes_dense_relu_dense():
    model = models.mlp(5, 3, hidden=(4, 2), dropout=0.5)
    model.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in model.get_weights()])
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    x = np.random.default_rng(2).normal(size=(10, 5)).astype(np.float32)
    expected = np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3
    assert np.allclose(models.logits(model, x, batch_size=3), expected, atol=1e-5)


def test_layers_have_the_names_that_the_hardware_keeps():
    names = [layer.name for layer in models.mlp(5, 3, hidden=(4, 2)).layers]
    assert names == ["features", "dense_1", "relu_1", "dense_2", "relu_2", "logits"]


def test_without_hidden_layers_it_is_a_linear_classifier():
    assert models.mlp(5, 3, hidden=()).count_params() == 5 * 3 + 3


def test_l2_adds_the_squared_weights_to_the_loss_and_leaves_biases_alone():
    model = models.mlp(5, 3, hidden=(4,), l2=0.01)
    kernels = [w for w in model.get_weights() if w.ndim == 2]
    assert float(sum(model.losses)) == pytest.approx(0.01 * sum(np.sum(w**2) for w in kernels), rel=1e-5)
    assert models.mlp(5, 3, hidden=(4,)).losses == []


def test_samples_with_several_axes_are_flattened_first():
    deep, flat = models.mlp((2, 3, 4), 3, hidden=(4,)), models.mlp(24, 3, hidden=(4,))
    assert [layer.name for layer in deep.layers] == ["features", "flatten", "dense_1", "relu_1", "logits"]
    flat.set_weights(deep.get_weights())
    x = np.random.default_rng(3).normal(size=(5, 2, 3, 4)).astype(np.float32)
    assert np.allclose(models.logits(deep, x), models.logits(flat, x.reshape(5, 24)), atol=1e-6)


def test_normalising_brings_every_feature_to_mean_0_and_deviation_1():
    from tensorflow import keras

    model = models.mlp(3, 2, hidden=(), normalise=True)
    first = model.get_layer("batchnorm_input")
    first.set_weights([np.ones(3), np.zeros(3), np.array([1, 2, 3]), np.array([4, 9, 16])])
    x = np.array([[3.0, -1.0, 3.0]], dtype=np.float32)
    normalised = keras.Model(model.input, first.output)(x).numpy()
    assert np.allclose(normalised, [[1, -1, 0]], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(input_shape=(4, 0), classes=3), "features is 0; choose a whole number, 1 or more"),
        (dict(input_shape=(), classes=3), "a sample of shape () has no features; give their number"),
        (dict(input_shape=0, classes=3), "features is 0; choose a whole number, 1 or more"),
        (dict(input_shape=5, classes=3, hidden=(4, 0)), "hidden width is 0; choose a whole number, 1 or more"),
        (dict(input_shape=5, classes=3, l2=-1), "l2 is -1; choose 0 or more"),
        (dict(input_shape=5, classes=3, dropout=1.0), "dropout is 1.0; choose 0 or more and less than 1"),
    ],
)
def test_impossible_networks_are_refused(arguments, message):
    with pytest.raises(models.ModelError) as error:
        models.mlp(**arguments)
    assert str(error.value) == message
