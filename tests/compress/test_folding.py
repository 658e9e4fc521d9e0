"""Batch normalization folded into its neighbours: the network computes what it computed before."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host
L = keras.layers


def shaken(model: keras.Model, seed: int = 0) -> keras.Model:
    """With weights, and moving averages, as after a training."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        values = [rng.normal(0, 0.5, w.shape) for w in layer.get_weights()]
        if isinstance(layer, L.BatchNormalization):
            values[-1] = rng.random(values[-1].shape) + 0.1  # a variance is positive
        layer.set_weights(values)
    return model


def agree(model: keras.Model, folded: keras.Model, seed: int = 0) -> bool:
    x = np.random.default_rng(seed).normal(0, 1, (16, *model.input_shape[1:])).astype(np.float32)
    before, after = models.logits(model, x), models.logits(folded, x)
    return np.abs(before - after).max() <= 1e-5 * np.abs(before).max()


def normalizations(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if isinstance(layer, L.BatchNormalization)]


def test_a_dense_layer_takes_it_in_as_the_formula_says():
    model = shaken(keras.Sequential([keras.Input((3,)), L.Dense(2, name="dense"), L.BatchNormalization(epsilon=0.01)]))
    kernel, bias, gamma, beta, mean, variance = (w.astype(np.float64) for w in model.get_weights())
    folded = compress.fold_batchnorm(model)
    assert [layer.name for layer in folded.layers] == ["dense"] and isinstance(folded, keras.Sequential)
    scale = gamma / np.sqrt(variance + 0.01)
    assert np.allclose(folded.get_weights()[0], kernel * scale)
    assert np.allclose(folded.get_weights()[1], (bias - mean) * scale + beta)


@pytest.mark.parametrize(
    "layers",
    [
        [L.Dense(4, use_bias=False), L.BatchNormalization(scale=False), L.ReLU(), L.Dense(2)],
        [L.BatchNormalization(), L.Dense(4), L.BatchNormalization(center=False), L.ReLU(), L.BatchNormalization(),
         L.Dense(2)],
        [L.Dense(4), L.BatchNormalization(), L.BatchNormalization()],
        [L.ReLU(), L.BatchNormalization(), L.BatchNormalization(), L.Dense(3)],
        [L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dense(2, use_bias=False)],
        [L.Dense(4), L.ReLU()],
    ],
)  # fmt: skip
def test_dense_networks(layers):
    layers = [type(layer).from_config(layer.get_config()) for layer in layers]
    model = shaken(keras.Sequential([keras.Input((5,)), *layers], name="net"))
    before = model.get_weights()
    folded = compress.fold_batchnorm(model)
    assert not normalizations(folded) and agree(model, folded) and folded.name == "net"
    kept = [layer.name for layer in model.layers if not isinstance(layer, L.BatchNormalization)]
    assert [layer.name for layer in folded.layers] == kept
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_every_convolution_before_and_after_and_a_branch():
    inputs = keras.Input((9, 9, 2))
    x = L.BatchNormalization()(inputs)
    x = L.Conv2D(4, 3, use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU()(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = L.ReLU()(L.BatchNormalization(scale=False)(x))
    x = L.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False)(L.BatchNormalization(center=False)(x))
    x = L.Conv2D(4, 2, strides=2, groups=2)(x)
    beside = L.BatchNormalization()(L.Conv2D(4, 1)(x))
    x = L.Reshape((9, 4))(L.Add()([x, beside]))
    x = L.BatchNormalization()(L.Conv1D(4, 3, padding="causal", dilation_rate=2)(x))
    outputs = [L.BatchNormalization()(L.Dense(3)(L.Flatten()(x)))]
    model = shaken(keras.Model(inputs, outputs[0]))
    folded = compress.fold_batchnorm(model)
    assert not normalizations(folded) and agree(model, folded)
    assert type(folded) is type(model)


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_go_all_the_way(seed, tmp_path):
    """Folded, quantized, finished, saved and loaded, with 20 bits, they still compute what they computed."""
    rng = np.random.default_rng(seed)
    x = inputs = keras.Input((10, 10, int(rng.integers(1, 4))))
    if rng.random() < 0.5:
        x = L.BatchNormalization()(x)
        x = L.Conv2D(2, 1)(x)
    for _ in range(rng.integers(1, 3)):
        kind = L.Conv2D if rng.random() < 0.7 else L.DepthwiseConv2D
        shape = (int(rng.integers(2, 5)), 3) if kind is L.Conv2D else (3,)
        x = kind(*shape, padding=str(rng.choice(["same", "valid"])), use_bias=bool(rng.random() < 0.5))(x)
        x = L.BatchNormalization()(x)
        x = L.ReLU()(x)
        x = (L.MaxPooling2D if rng.random() < 0.5 else L.AveragePooling2D)()(x)
    x = L.Dense(4)(L.Flatten()(x))
    x = L.Activation("relu")(L.BatchNormalization()(x))
    model = shaken(keras.Model(inputs, L.Dense(3)(L.BatchNormalization()(x))), seed)
    folded = compress.fold_batchnorm(model)
    assert agree(model, folded)

    x = rng.normal(0, 1, (50, *model.input_shape[1:])).astype(np.float32)
    quantized = compress.quantize(folded, compress.ranges(folded, x, coverage=100), 20, 22)
    models.save(compress.finish(quantized), tmp_path / "model.h5")
    back = models.load(tmp_path / "model.h5")
    expected = models.logits(model, x)
    assert np.abs(models.logits(back, x) - expected).max() < 1e-3 * np.abs(expected).max()
    assert compress.cost(back)["weight_bits"] == 20


def test_without_normalization_it_is_a_copy(trained):
    folded = compress.fold_batchnorm(trained)
    assert folded is not trained
    assert all(np.array_equal(a, b) for a, b in zip(folded.get_weights(), trained.get_weights(), strict=True))


def test_zeros_around_a_picture_do_not_matter_where_nothing_is_shifted():
    model = shaken(
        keras.Sequential([keras.Input((4, 4, 2)), L.BatchNormalization(center=False), L.Conv2D(2, 3, padding="same")])
    )
    gamma, mean, variance = model.layers[0].get_weights()
    model.layers[0].set_weights([gamma, 0 * mean, variance])
    assert agree(model, compress.fold_batchnorm(model))


def sequential(*layers):
    return keras.Sequential([keras.Input((6, 6, 2)), *layers])


def shared_before():
    inputs = keras.Input((6, 6, 2))
    x = L.Conv2D(2, 1, name="conv")(inputs)
    return keras.Model(inputs, L.Add()([x, L.BatchNormalization(name="norm")(x)]))


def an_output_too():
    inputs = keras.Input((6, 6, 2))
    x = L.Conv2D(2, 1, name="conv")(inputs)
    return keras.Model(inputs, [L.BatchNormalization(name="norm")(x), x])


def shared_after():
    inputs = keras.Input((6, 6, 2))
    x = L.BatchNormalization(name="norm")(inputs)
    return keras.Model(inputs, L.Add()([L.Conv2D(2, 1, name="a")(x), L.Conv2D(2, 1, name="b")(x)]))


def used_twice():
    inputs = keras.Input((6, 6, 2))
    conv, norm = L.Conv2D(2, 1, name="conv"), L.BatchNormalization(name="norm")
    return keras.Model(inputs, norm(conv(norm(conv(inputs)))))


WAY_OUT = ". Put it right after a Dense, Conv1D, Conv2D, DepthwiseConv2D without activation"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sequential(L.BatchNormalization(name="norm"), L.Conv2D(2, 3, padding="same", name="conv")),
         "batch normalization norm cannot be folded: before it is the model's input; layer conv after it pads its "
         "input with zeros (padding='same')" + WAY_OUT),
        (lambda: sequential(L.Conv2D(2, 1), L.ReLU(name="relu"), L.BatchNormalization(name="norm"),
                            L.DepthwiseConv2D(3, padding="same", name="conv")),
         "batch normalization norm cannot be folded: before it is relu (ReLU); layer conv after it pads its input with "
         "zeros (padding='same')" + WAY_OUT),
        (lambda: sequential(L.Conv2D(2, 1, activation="tanh", name="conv"), L.BatchNormalization(name="norm"),
                            L.Flatten(name="flat")),
         "batch normalization norm cannot be folded: layer conv before it has activation tanh; after it is flat "
         "(Flatten)" + WAY_OUT),
        (lambda: sequential(L.ReLU(name="relu"), L.BatchNormalization(name="norm")),
         "batch normalization norm cannot be folded: before it is relu (ReLU); after it the model ends" + WAY_OUT),
        (lambda: sequential(L.BatchNormalization(name="norm"), L.Conv2D(4, 1, groups=2, name="conv")),
         "batch normalization norm cannot be folded: before it is the model's input; layer conv after it has 2 groups"
         + WAY_OUT),
        (shared_before, "batch normalization norm cannot be folded: layer conv before it is used more than once; "
         "after it is add (Add)" + WAY_OUT),
        (an_output_too, "batch normalization norm cannot be folded: layer conv before it is used more than once; "
         "after it the model ends" + WAY_OUT),
        (shared_after, "batch normalization norm cannot be folded: before it is the model's input; what it gives is "
         "used more than once" + WAY_OUT),
        (used_twice, "batch normalization norm cannot be folded: it is used more than once; what it gives is used "
         "more than once" + WAY_OUT),
        (lambda: sequential(L.Conv2D(2, 1), L.BatchNormalization(axis=1, name="norm")),
         "batch normalization norm works along axis 1; only the last axis, the channels, can be folded"),
        (lambda: sequential(keras.Sequential([L.BatchNormalization(name="norm")], name="block")),
         "batch normalization norm is inside block (Sequential) and cannot be folded; build the model from its layers "
         "directly"),
    ],
)  # fmt: skip
def test_what_cannot_be_folded_is_named_with_the_reason(make, message):
    keras.backend.clear_session()  # Keras numbers the layers it names itself
    model = shaken(make()) if "block" not in message else make()
    with pytest.raises(compress.CompressError) as error:
        compress.fold_batchnorm(model)
    assert str(error.value) == message
