"""Quantized networks, against fixed-point arithmetic in NumPy."""

import numpy as np
import pytest

from mlfpga.formats import FixedPoint

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host


def rounded(values, number: str) -> np.ndarray:
    """Fixed-point rounding to nearest even, saturating: what QKeras promises, by our own independent code."""
    made = FixedPoint.parse(number)
    return made.from_raw(made.to_raw(values, saturate=True))


@pytest.mark.parametrize(
    ("largest", "bits"), [(0.0, 0), (0.3, 0), (1.0, 0), (1.001, 1), (2.0, 1), (2.1, 2), (31.9, 5), (1e-30, 0)]
)
def test_integer_bits_just_hold_the_largest_value(largest, bits):
    assert compress.integer_bits(largest) == bits


def test_ranges_are_the_largest_weights_and_the_covered_activations(trained, data):
    found = compress.ranges(trained, data.x_train, coverage=99.0)
    w1, b1, w2, b2, w3, b3 = trained.get_weights()
    hidden = np.maximum(data.x_train @ w1 + b1, 0)
    assert list(found) == ["dense_1", "relu_1", "dense_2", "relu_2", "logits"]
    assert found["dense_2"].weight == pytest.approx(np.abs(w2).max())
    assert found["logits"].bias == pytest.approx(np.abs(b3).max())
    assert found["relu_1"].activation == pytest.approx(np.percentile(hidden, 99.0), rel=1e-4)
    assert found["dense_1"].activation is None and found["relu_1"].weight is None


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (6, 5), (4, 6)])
def test_the_network_computes_in_fixed_point(trained, data, weight_bits, activation_bits):
    found = compress.ranges(trained, data.x_train)
    quantized = compress.quantize(trained, found, weight_bits, activation_bits)

    def weights(layer, kind, value):
        integer = compress.integer_bits(getattr(found[layer], kind))
        return rounded(value, f"fixed<{weight_bits},{integer + 1},RND_CONV,SAT>")

    x = data.x_test.astype(np.float64)
    for index, name in enumerate(("dense_1", "dense_2", "logits")):
        kernel, bias = trained.get_weights()[2 * index : 2 * index + 2]
        x = x @ weights(name, "weight", kernel) + weights(name, "bias", bias)
        if name != "logits":
            integer = compress.integer_bits(found[f"relu_{index + 1}"].activation)
            x = rounded(np.maximum(x, 0), f"ufixed<{activation_bits},{integer},RND_CONV,SAT>")
    assert np.allclose(models.logits(quantized, data.x_test), x, atol=1e-5)


def test_the_original_is_not_changed_and_names_stay(trained, data):
    before = trained.get_weights()
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 4, 4)
    models.train(quantized, data, epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(trained.get_weights(), before, strict=True))
    assert [layer.name for layer in quantized.layers] == [layer.name for layer in trained.layers]


def test_training_with_rounding_beats_rounding_alone(trained, data):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 4, 4)
    loss = models.logits_loss()
    before = float(loss(data.y_test, models.logits(quantized, data.x_test)))
    models.train(quantized, data, epochs=15, learning_rate=0.01, batch_size=32)
    assert float(loss(data.y_test, models.logits(quantized, data.x_test))) < before


def test_quantizers_are_told_by_layer(trained, data):
    found = compress.quantizers(compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 5))
    assert list(found) == ["dense_1", "relu_1", "dense_2", "relu_2", "logits"]
    assert found["dense_1"]["kernel"].startswith("quantized_bits(6,")
    assert found["relu_2"]["activation"].startswith("quantized_relu(5,")
    assert compress.quantizers(trained) == {}


def test_convolutions_and_a_relu_inside_a_layer_are_quantized_too():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, activation="relu", name="conv"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(2, use_bias=False, name="logits"),
        ]
    )
    x = np.random.default_rng(0).random((50, 6, 6, 1), dtype=np.float32)
    quantized = compress.quantize(model, compress.ranges(model, x, coverage=100), 16, 16)
    assert compress.quantizers(quantized)["conv"]["activation"].startswith("quantized_relu(16,")
    assert "bias" not in compress.quantizers(quantized)["logits"]
    assert np.allclose(models.logits(quantized, x), models.logits(model, x), atol=2e-3)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (dict(weight_bits=0), "weight_bits is 0; choose 2 to 32"),
        (dict(weight_bits=1), "weight_bits is 1; choose 2 to 32"),
        (dict(weight_bits=33), "weight_bits is 33; choose 2 to 32"),
        (dict(activation_bits=0), "activation_bits is 0; choose 1 to 32"),
        (dict(activation_bits=33), "activation_bits is 33; choose 1 to 32"),
    ],
)
def test_widths_that_do_not_exist_are_refused(trained, data, bits, message):
    with pytest.raises(compress.CompressError) as error:
        compress.quantize(trained, compress.ranges(trained, data.x_train), **bits)
    assert str(error.value) == message


def test_too_few_bits_for_the_integer_part_are_refused(trained, data):
    found = {**compress.ranges(trained, data.x_train), "relu_1": compress.Ranges(activation=20.0)}
    with pytest.raises(compress.CompressError) as error:
        compress.quantize(trained, found, 8, 4)
    assert str(error.value) == (
        "layer relu_1: values up to 20 need 5 integer bits, more than activation_bits leaves (4); choose more bits"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_calibration_data_that_is_not_finite_is_refused(trained, data, value):
    x = data.x_train[:9].copy()
    x[2, 2] = value
    with pytest.raises(compress.CompressError) as error:
        compress.ranges(trained, x)
    assert str(error.value) == "calibration data holds 1 values that are NaN or infinite"


def test_calibration_data_of_another_shape_is_refused(trained):
    with pytest.raises(compress.CompressError, match=r"has shape \(4, 7\); mlp takes \(n, 8\)"):
        compress.ranges(trained, np.zeros((4, 7)))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.LSTM(3, name="memory"), "layer memory is a LSTM, which has no quantized twin here"),
        (keras.layers.Dense(3, activation="tanh", name="bent"), "layer bent has activation tanh; use ReLU inside"),
        (keras.layers.Dense(3, activation="softmax", name="end"), "layer end has activation softmax"),
        (keras.layers.ReLU(max_value=6, name="relu6"), "layer relu6 is a ReLU, which has no quantized twin here"),
    ],
)
def test_layers_without_a_twin_are_named(layer, message):
    model = keras.Sequential([keras.Input((4, 2)), layer])
    with pytest.raises(compress.CompressError, match=message):
        compress.quantize(model, compress.ranges(model, np.zeros((2, 4, 2))))


def test_ranges_of_another_model_are_refused(trained, data):
    found = compress.ranges(trained, data.x_train)
    del found["relu_2"], found["logits"]
    with pytest.raises(compress.CompressError) as error:
        compress.quantize(trained, found)
    assert str(error.value) == "no ranges for relu_2, logits; measure them on this model: ranges(mlp, x)"
