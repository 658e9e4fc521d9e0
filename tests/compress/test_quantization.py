"""Quantized networks, against fixed-point arithmetic in NumPy."""

import numpy as np
import pytest

from mlfpga.formats import FixedPoint

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from qkeras import QDense  # noqa: E402
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
        (dict(weight_bits=4.5), "weight_bits is 4.5; choose 2 to 32"),
        (dict(weight_bits={"dense_1": 4, "dense_2": 0, "logits": 8}), "weight_bits of dense_2 is 0; choose 2 to 32"),
        (
            dict(weight_bits={"dense_1": 4, "dense2": 4, "relu_1": 8}),
            "weight_bits names dense2, relu_1; the layers it can name: dense_1, dense_2, logits",
        ),
        (
            dict(activation_bits={"relu_2": 4}),
            "activation_bits names no width for relu_1; give one, or None for floating point",
        ),
        (dict(weight_bits=33), "weight_bits is 33; choose 2 to 32"),
        (dict(activation_bits=0), "activation_bits is 0; choose 1 to 31"),
        (dict(activation_bits=32), "activation_bits is 32; choose 1 to 31"),
        (dict(activation_bits=33), "activation_bits is 33; choose 1 to 31"),
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


def test_each_layer_may_have_its_own_width_or_none(trained, data):
    weight_bits, activation_bits = {"dense_1": 4, "dense_2": None, "logits": 7}, {"relu_1": 5, "relu_2": None}
    found = compress.ranges(trained, data.x_train)
    quantized = compress.quantize(trained, found, weight_bits, activation_bits)
    told = compress.quantizers(quantized)
    assert list(told) == ["dense_1", "relu_1", "logits"]
    assert told["dense_1"]["bias"].startswith("quantized_bits(4,")
    assert told["logits"]["kernel"].startswith("quantized_bits(7,")
    assert told["relu_1"]["activation"].startswith("quantized_relu(5,")

    w1, b1, w2, b2, w3, b3 = (w.astype(np.float64) for w in trained.get_weights())

    def weight(value, largest, bits):
        return rounded(value, f"fixed<{bits},{compress.integer_bits(largest) + 1},RND_CONV,SAT>")

    x = data.x_test @ weight(w1, np.abs(w1).max(), 4) + weight(b1, np.abs(b1).max(), 4)
    integer = compress.integer_bits(found["relu_1"].activation)
    x = rounded(np.maximum(x, 0), f"ufixed<5,{integer},RND_CONV,SAT>")
    x = np.maximum(x @ w2 + b2, 0) @ weight(w3, np.abs(w3).max(), 7) + weight(b3, np.abs(b3).max(), 7)
    assert np.allclose(models.logits(quantized, data.x_test), x, atol=1e-5)


def test_one_width_for_all_is_the_same_as_a_dict_that_says_so(trained, data):
    found = compress.ranges(trained, data.x_train)
    same = compress.quantize(
        trained, found, dict.fromkeys(("dense_1", "dense_2", "logits"), 4), dict.fromkeys(("relu_1", "relu_2"), 3)
    )
    assert compress.quantizers(same) == compress.quantizers(compress.quantize(trained, found, 4, 3))


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 1), (32, 31)])
def test_the_ends_of_the_widths_work(trained, data, weight_bits, activation_bits):
    found = {
        name: compress.Ranges(*(None if value is None else 1.0 for value in (r.weight, r.bias, r.activation)))
        for name, r in compress.ranges(trained, data.x_train).items()
    }
    quantized = compress.quantize(trained, found, weight_bits, activation_bits)
    outputs = models.logits(quantized, data.x_test)
    assert np.isfinite(outputs).all()
    kernel = compress.finish(quantized).get_layer("dense_2").get_weights()[0]
    number = FixedPoint(weight_bits, 1)
    assert number.minimum <= kernel.astype(np.float64).min() and kernel.astype(np.float64).max() <= number.maximum


def test_weights_of_zero_stay_zero(data):
    model = models.mlp(8, 3, hidden=(4,))
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    quantized = compress.quantize(model, compress.ranges(model, data.x_train), 2, 1)
    assert not models.logits(quantized, data.x_test).any()
    assert compress.cost(quantized)["nonzero"] == 0


def test_every_kind_of_layer_at_once():
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(3, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(x)
    x = keras.layers.Activation("relu", name="relu")(x)
    x = keras.layers.AveragePooling2D()(x)
    x = keras.layers.Add()([x, keras.layers.Conv2D(6, 1, name="beside")(x)])
    x = keras.layers.Reshape((9, 6))(x)
    x = keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=2, use_bias=False, name="along")(x)
    x = keras.layers.ReLU(name="last_relu")(x)
    outputs = keras.layers.Dense(3, name="logits")(keras.layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, outputs)
    x = np.random.default_rng(2).random((60, 8, 8, 2), dtype=np.float32)
    found = compress.ranges(model, x, coverage=100)
    kernel = model.get_layer("depthwise").get_weights()[0]
    assert found["depthwise"] == compress.Ranges(weight=float(np.abs(kernel).max()), bias=0.0)
    assert np.allclose(models.logits(compress.quantize(model, found, 20, 20), x), models.logits(model, x), atol=1e-4)

    # The twins with rounded weights are Keras's layers with weights that were rounded beforehand.
    quantized = compress.quantize(model, found, 4, dict.fromkeys(("conv", "relu", "last_relu")))
    by_hand = models.copy_model(model)
    by_hand.set_weights([rounded(w, "fixed<4,1,RND_CONV,SAT>") for w in model.get_weights()])
    assert np.allclose(models.logits(quantized, x), models.logits(by_hand, x), atol=1e-6)


def test_weights_or_activations_that_are_not_finite_are_named(trained, data):
    broken = models.copy_model(trained)
    kernel, bias = broken.get_layer("dense_2").get_weights()
    kernel[0, 0] = np.nan
    broken.get_layer("dense_2").set_weights([kernel, bias])
    with pytest.raises(compress.CompressError) as error:
        compress.ranges(broken, data.x_train)
    assert str(error.value) == (
        "layer dense_2: a weight is NaN or infinite; train the model again, with a lower learning rate"
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
        (keras.layers.Bidirectional(keras.layers.LSTM(3), name="memory"), "layer memory is a Bidirectional, which has"),
        (keras.layers.SeparableConv1D(3, 2, name="two"), "layer two is a SeparableConv1D, which has no quantized twin"),
        (keras.layers.Conv1D(4, 2, groups=2, name="apart"), "layer apart has groups=2, which its twin does not know"),
        (keras.layers.BatchNormalization(name="bn"), r"layer bn is a batch normalization.*: fold_batchnorm\(model\)"),
        (keras.layers.Dense(3, activation="tanh", name="bent"), "layer bent has activation tanh; use ReLU inside"),
        (keras.layers.Dense(3, activation="softmax", name="end"), "layer end has activation softmax"),
        (
            keras.layers.ReLU(max_value=6, name="relu6"),
            "layer relu6 is a ReLU with max_value=6.0, negative_slope=0, threshold=0, which has no quantized twin here",
        ),
        (
            keras.layers.Activation("softmax", name="late"),
            "layer late is an Activation softmax, which .* plain ReLU; at the end of the model logits, no activation",
        ),
        (QDense(3, name="rounded"), "layer rounded is a QDense, which rounds already; quantize the model in floating"),
    ],
)
def test_layers_without_a_twin_are_named(layer, message):
    model = keras.Sequential([keras.Input((4, 2)), layer])
    with pytest.raises(compress.CompressError, match=message):
        compress.quantize(model, compress.ranges(model, np.zeros((2, 4, 2))))


def test_a_linear_activation_has_nothing_to_round(trained, data):
    model = keras.Sequential([*models.copy_model(trained).layers, keras.layers.Activation("linear", name="none")])
    found = compress.ranges(trained, data.x_train)
    expected = models.logits(compress.quantize(trained, found, 5, 5), data.x_test)
    assert np.array_equal(models.logits(compress.quantize(model, found, 5, 5), data.x_test), expected)


def test_ranges_of_another_model_are_refused(trained, data):
    found = compress.ranges(trained, data.x_train)
    del found["relu_2"], found["logits"]
    with pytest.raises(compress.CompressError) as error:
        compress.quantize(trained, found)
    assert str(error.value) == "no ranges for relu_2, logits; measure them on this model: ranges(mlp, x)"
