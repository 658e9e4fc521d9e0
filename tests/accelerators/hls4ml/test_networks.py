"""Convolutional and recurrent networks, end to end: the C simulation of the wrapper against Keras."""

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="host environment only")
qkeras = pytest.importorskip("qkeras", reason="host environment only")
from mlfpga.accelerators import hls4ml  # noqa: E402

keras, layers = tf.keras, tf.keras.layers
pytestmark = pytest.mark.slow


def filled(model, spread=0.4):
    random = np.random.default_rng(3)
    for layer in model.layers:
        values = [random.normal(0, spread, w.shape) for w in layer.get_weights()]
        if type(layer).__name__ == "BatchNormalization":
            values = [random.uniform(0.5, 2, v.shape) for v in values]
        layer.set_weights(values)
    return model


def simulated(model, folder, number, x, **settings):
    config = hls4ml.configure(model, number, calibration=x, **settings)
    assert hls4ml.check_ranges(model, config, x) == []
    accelerator = hls4ml.convert(model, config, "net", folder / "accelerator")
    assert all(profile.overflows < 0.01 for profile in hls4ml.profile(model, accelerator, x))
    return accelerator, accelerator.predict(x)


def test_a_quantized_cnn_gives_keras_s_results_to_the_last_bit(tmp_path):
    quantizer = qkeras.quantized_bits(6, 0, alpha=1)
    weights = dict(kernel_quantizer=quantizer, bias_quantizer=quantizer)
    model = filled(
        keras.Sequential(
            [
                keras.Input((10, 10, 1), name="image"),
                qkeras.QConv2D(3, 3, padding="same", name="conv1", **weights),
                qkeras.QActivation(qkeras.quantized_relu(6, 2), name="relu1"),
                layers.MaxPooling2D(2, name="pool1"),
                qkeras.QConv2D(4, 3, strides=2, name="conv2", activation="quantized_relu(5, 2)", **weights),
                layers.Flatten(name="flat"),
                qkeras.QDense(5, name="last", **weights),
            ]
        )
    )
    x = np.random.default_rng(1).integers(0, 256, (300, 10, 10, 1)) / 256
    accelerator, found = simulated(model, tmp_path, "ufixed<8,0>", x, multipliers=24)
    form = accelerator.output.number
    expected = model.predict(x, verbose=0).astype(np.float64)
    assert (found == form.from_raw(form.to_raw(expected, saturate=True))).all()


def test_a_float_cnn_with_batch_normalization_is_close_and_its_softmax_too(tmp_path):
    model = filled(
        keras.Sequential(
            [
                keras.Input((8, 8, 2), name="image"),
                layers.Conv2D(3, 3, name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(name="relu"),
                layers.AveragePooling2D(2, name="pool"),
                layers.Flatten(name="flat"),
                layers.Dense(6, activation="tanh", name="hidden"),
                layers.Dense(10, name="last"),
                layers.Softmax(name="probabilities"),
            ]
        )
    )
    x = (np.random.default_rng(1).integers(0, 256, (300, 8, 8, 2)) / 256).astype(np.float32)
    _, found = simulated(model, tmp_path, "ufixed<8,0>", x, output="softmax")
    assert np.abs(found - model.predict(x, verbose=0)).max() < 0.02


def test_branches_that_are_added_and_joined_give_keras_s_results_to_the_last_bit(tmp_path):
    quantizer = qkeras.quantized_bits(6, 0, alpha=1)
    weights = dict(kernel_quantizer=quantizer, bias_quantizer=quantizer)

    def relu(number, name, x):
        return qkeras.QActivation(qkeras.quantized_relu(*number), name=name)(x)

    inputs = keras.Input((6, 6, 1), name="image")
    a = relu((6, 2), "relu_a", qkeras.QConv2D(3, 3, padding="same", name="a", **weights)(inputs))
    b = qkeras.QConv2D(3, 3, padding="same", name="b", **weights)(a)
    both = relu((6, 3), "relu_b", layers.Add(name="added")([a, b]))
    c = relu((5, 1), "relu_c", qkeras.QConv2D(2, 1, name="c", **weights)(both))
    d = qkeras.QDense(4, name="d", **weights)(layers.Flatten(name="flat")(layers.Concatenate(name="joined")([both, c])))
    e = qkeras.QDense(4, name="e", **weights)(relu((6, 3), "relu_d", d))
    model = filled(keras.Model(inputs, layers.Add(name="last")([d, e])))
    x = (np.random.default_rng(1).integers(0, 256, (300, 6, 6, 1)) / 256).astype(np.float32)
    accelerator, found = simulated(model, tmp_path, "ufixed<8,0>", x)
    form = accelerator.output.number
    expected = model.predict(x, verbose=0).astype(np.float64)
    assert (found == form.from_raw(form.to_raw(expected, saturate=True))).all()


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "SimpleRNN"])
def test_recurrent_networks_keep_their_ranking(kind, tmp_path):
    inputs = keras.Input((12,), name="items")
    x = layers.Embedding(40, 6, name="embedding")(inputs)
    x = getattr(layers, kind)(8, name="cell")(x)
    model = filled(keras.Model(inputs, layers.Dense(30, name="last")(x)))
    ids = np.random.default_rng(1).integers(0, 40, (400, 12)).astype(np.float32)
    accelerator, found = simulated(model, tmp_path, "ufixed<6,6>", ids, multipliers=60)
    expected = model.predict(ids, verbose=0)
    assert np.abs(found - expected).max() < 0.12 and np.abs(found - expected).mean() < 0.01
    top = np.argsort(-expected, axis=1)[:, :5]
    same = [len(set(a) & set(b)) / 5 for a, b in zip(top, np.argsort(-found, axis=1)[:, :5], strict=True)]
    assert np.mean(same) > 0.98
    # The state starts from zero for every sample: the order of samples does not matter.
    assert (accelerator.predict(ids[::-1]) == found[::-1]).all()


def test_recurrent_sequences_go_into_the_next_layer(tmp_path):
    inputs = keras.Input((6, 3), name="signal")
    x = layers.SimpleRNN(4, return_sequences=True, name="first")(inputs)
    model = filled(keras.Model(inputs, layers.GRU(5, name="second")(x)), spread=0.6)
    x = np.random.default_rng(1).uniform(-1, 1, (200, 6, 3)).astype(np.float32)
    _, found = simulated(model, tmp_path, "fixed<16,1>", x)
    assert np.abs(found - model.predict(x, verbose=0)).max() < 0.05
