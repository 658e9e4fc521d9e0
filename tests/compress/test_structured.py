"""Structured pruning, against the original model with the same outputs masked to zero, layer by layer."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host

RNG = np.random.default_rng(34)
L = keras.layers
WIDTHS = {L.Dense: "units", L.Conv1D: "filters", L.Conv2D: "filters", L.Embedding: "output_dim"}
WIDTHS |= dict.fromkeys((L.SimpleRNN, L.GRU, L.LSTM), "units")


def width(layer):
    return next(getattr(layer, key) for kind, key in WIDTHS.items() if isinstance(layer, kind))


class MaskedCell(L.Layer):
    """A recurrent cell whose hidden state loses some units after every step, seen from outside and by itself."""

    def __init__(self, cell, mask):
        super().__init__()
        self.cell, self.mask = cell, mask
        self.state_size, self.output_size = cell.state_size, cell.output_size

    def call(self, inputs, states):
        output, states = self.cell(inputs, states)
        hidden, *rest = states if isinstance(states, list | tuple) else [states]
        return output * self.mask, [hidden * self.mask, *rest]


def masked(model, kept, x):
    """What `model` gives if of each layer named in `kept` only those outputs are read: Keras does all the arithmetic.

    The masks act where the next layer with weights reads, so behind activation, BatchNorm and pooling.
    """
    pending = None
    for layer in model.layers:
        if isinstance(layer, tuple(WIDTHS)) and pending is not None:
            # After Flatten the channel is the last, fastest index.
            x, pending = x * np.tile(pending, x.shape[-1] // len(pending)), None
        if layer.name in kept:
            pending = np.isin(np.arange(width(layer)), kept[layer.name]).astype(np.float32)
        if layer.name in kept and isinstance(layer, L.SimpleRNN | L.GRU | L.LSTM):
            x = L.RNN(MaskedCell(layer.cell, pending), return_sequences=layer.return_sequences)(x)
        elif not isinstance(layer, L.InputLayer):
            x = layer(x, training=False)
    return np.asarray(x)


def disturbed(model):
    """Biases and the statistics of BatchNorm away from zero and one, so that a mix-up of any of them shows."""
    model.set_weights(
        [w + RNG.uniform(0.05, 0.5, w.shape).astype(np.float32) * (w.ndim == 1) for w in model.get_weights()]
    )
    for layer in model.layers:
        if isinstance(layer, L.GRU | L.LSTM | L.SimpleRNN):
            *kernels, bias = layer.get_weights()
            layer.set_weights([*kernels, RNG.normal(0, 0.4, bias.shape)])
    return model


def strongest(model, keep, x=None):
    scores = compress.importance(model, x)
    return {name: np.argsort(-scores[name])[:count] for name, count in keep.items()}


def widths(model):
    return {layer.name: width(layer) for layer in model.layers if isinstance(layer, tuple(WIDTHS))}


def perceptron():
    return models.mlp(8, 3, hidden=(12, 6), dropout=0.2)


def cnn_2d():
    return keras.Sequential(
        [
            L.Input((9, 8, 2)),
            L.Conv2D(6, 3, padding="same", use_bias=False, name="conv_1"),
            L.BatchNormalization(name="normal_1"),
            L.ReLU(name="relu_1"),
            L.MaxPooling2D(name="pool"),
            L.Conv2D(5, (2, 3), activation="tanh", name="conv_2"),
            L.ZeroPadding2D(name="padding"),
            L.Dropout(0.3, name="dropout"),
            L.AveragePooling2D(name="pool_2"),
            L.Flatten(name="flatten"),
            L.Dense(7, name="dense"),
            L.BatchNormalization(scale=False, name="normal_2"),
            L.Activation("sigmoid", name="sigmoid"),
            L.Dense(4, name="logits"),
        ],
        name="cnn_2d",
    )


def cnn_1d():
    x = inputs = keras.Input((24,))
    x = L.Reshape((12, 2), name="reshape")(x)
    x = L.Conv1D(6, 3, strides=2, activation="relu", name="conv_1")(x)
    x = L.LeakyReLU(name="leaky")(L.BatchNormalization(center=False, name="normal")(x))
    x = L.Conv1D(4, 3, padding="causal", dilation_rate=2, name="conv_2")(x)
    x = L.MaxPooling1D(name="pool")(x)
    x = L.BatchNormalization(name="flat_normal")(L.Flatten(name="flatten")(x))
    return keras.Model(inputs, L.Dense(3, name="logits")(x), name="cnn_1d")


def pooled():
    layers = [L.Input((6, 6, 1)), L.Conv2D(5, 3, name="conv"), L.GlobalAveragePooling2D(), L.Dense(3, name="logits")]
    return keras.Sequential(layers, name="pooled")


def recurrent(kind, **settings):
    return keras.Sequential(
        [
            L.Input((6,)),
            L.Embedding(9, 5, name="embedding"),
            kind(6, return_sequences=True, name="first", **settings),
            L.Dropout(0.1, name="dropout"),
            kind(5, return_sequences=True, name="second", **settings),
            L.Dense(4, activation="relu", name="dense"),
            L.Flatten(name="flatten"),
            L.Dense(9, name="logits"),
        ],
        name="recurrent",
    )


CASES = {
    "mlp": (perceptron, {"dense_1": 7, "dense_2": 2}),
    "one left": (perceptron, {"dense_1": 1, "dense_2": 1}),
    "last only": (perceptron, {"dense_2": 3}),
    "conv 2D": (cnn_2d, {"conv_1": 4, "conv_2": 2, "dense": 5}),
    "first conv 2D": (cnn_2d, {"conv_1": 1}),
    "conv 1D": (cnn_1d, {"conv_1": 3, "conv_2": 3}),
    "global pooling": (pooled, {"conv": 2}),
    # Unrolled they compute the same, and TensorFlow compiles no loop for every copy.
    "gru": (lambda: recurrent(L.GRU, unroll=True), {"embedding": 3, "first": 4, "second": 2, "dense": 3}),
    "gru, reset first": (lambda: recurrent(L.GRU, reset_after=False, unroll=True), {"first": 4, "second": 4}),
    "lstm": (lambda: recurrent(L.LSTM, unroll=True), {"embedding": 4, "first": 3, "second": 3, "dense": 1}),
    "simple": (lambda: recurrent(L.SimpleRNN, unroll=True), {"first": 5, "second": 1}),
}


def samples(model, n=40):
    if any(isinstance(layer, L.Embedding) for layer in model.layers):
        return RNG.integers(0, 9, (n, *model.input_shape[1:])).astype(np.float32)
    return RNG.normal(size=(n, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize(("make", "keep"), CASES.values(), ids=CASES)
def test_a_shrunk_model_computes_what_the_masked_original_computes(make, keep):
    model = disturbed(make())
    x = samples(model)
    before = model.get_weights()
    full = models.logits(model, x)
    for data in (None, x):
        small = compress.shrink(model, keep=keep, x=data)
        assert widths(small) == widths(model) | keep
        expected = masked(model, strongest(model, keep, data), x)
        assert np.allclose(models.logits(small, x), expected, atol=1e-5)
        assert not np.allclose(expected, full, atol=1e-2), "the cut is felt"
    assert small.count_params() < model.count_params() and not small._is_compiled
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_random_chains(seed):
    rng = np.random.default_rng(seed)
    layers = [L.Input((12, 12, int(rng.integers(1, 4))))]
    keep = {}
    for index in range(rng.integers(1, 4)):
        width = int(rng.integers(2, 7))
        layers.append(L.Conv2D(width, int(rng.integers(1, 4)), padding="same", name=f"conv_{index}"))
        keep[f"conv_{index}"] = int(rng.integers(1, width + 1))
        choices = [L.BatchNormalization, L.ReLU, lambda: L.MaxPooling2D(2), lambda: L.Dropout(0.2)]
        layers += [choices[place]() for place in rng.permutation(4)[: rng.integers(0, 4)]]
    layers.append(L.Flatten())
    for index in range(rng.integers(0, 3)):
        width = int(rng.integers(2, 9))
        layers += [L.Dense(width, name=f"dense_{index}"), L.ReLU()]
        keep[f"dense_{index}"] = int(rng.integers(1, width + 1))
    model = disturbed(keras.Sequential([*layers, L.Dense(3, name="logits")]))
    x = samples(model, 10)
    small = compress.shrink(model, keep=keep)
    assert widths(small) == {**keep, "logits": 3}
    assert np.allclose(models.logits(small, x), masked(model, strongest(model, keep), x), atol=1e-5)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9, 0.999])
def test_a_fraction_of_every_layer_but_the_last(fraction):
    small = compress.shrink(cnn_2d(), fraction)
    expected = {name: max(1, width - round(fraction * width)) for name, width in widths(cnn_2d()).items()}
    assert widths(small) == expected | {"logits": 4}


def test_what_nobody_reads_goes_first_and_unnoticed():
    for make, keep in CASES.values():
        model = disturbed(make())
        dead = {name: RNG.permutation(widths(model)[name])[count:] for name, count in keep.items()}
        for (name, gone), reader in zip(dead.items(), [readers(model)[name] for name in dead], strict=True):
            layer, after = model.get_layer(name), model.get_layer(reader)
            kernel, *others = after.get_weights()
            kernel.reshape(-1, widths(model)[name], kernel.shape[-1])[:, gone] = 0
            after.set_weights([kernel, *others])
            if hasattr(layer, "cell"):
                kernel, own, *others = layer.get_weights()
                own[gone] = 0
                layer.set_weights([kernel, own, *others])
        x = samples(model)
        small = compress.shrink(model, keep=keep)
        assert np.allclose(models.logits(small, x), models.logits(model, x), atol=1e-5)


def readers(model):
    names = list(widths(model))
    return dict(zip(names, names[1:], strict=False))


def test_importance_is_the_definition():
    model = disturbed(perceptron())
    first, second, _ = (model.get_layer(name).get_weights()[0] for name in ("dense_1", "dense_2", "logits"))
    x = samples(model)
    hidden = np.maximum(0, x @ first + model.get_layer("dense_1").get_weights()[1])
    leaving = np.sqrt((second**2).sum(axis=1))
    assert np.allclose(compress.importance(model)["dense_1"], np.sqrt((first**2).sum(axis=0)) * leaving, rtol=1e-5)
    assert np.allclose(compress.importance(model, x)["dense_1"], hidden.mean(axis=0) * leaving, rtol=1e-4)
    assert list(compress.importance(model)) == ["dense_1", "dense_2"]


def test_importance_counts_the_recurrence_and_batchnorm():
    kernel, own, _ = (model := recurrent(L.LSTM)).get_layer("first").get_weights()
    entering = np.sqrt(sum((w.reshape(-1, 4, 6) ** 2).sum(axis=(0, 1)) for w in (kernel, own)))
    leaving = np.sqrt((model.get_layer("second").get_weights()[0] ** 2).sum(axis=1) + (own**2).sum(axis=1))
    assert np.allclose(compress.importance(model)["first"], entering * leaving, rtol=1e-5)

    model = disturbed(cnn_2d())
    gamma, _, _, variance = model.get_layer("normal_1").get_weights()
    before = np.sqrt((model.get_layer("conv_1").get_weights()[0] ** 2).sum(axis=(0, 1, 2)))
    after = np.sqrt((model.get_layer("conv_2").get_weights()[0] ** 2).sum(axis=(0, 1, 3)))
    expected = before * gamma / np.sqrt(variance + 1e-3) * after
    assert np.allclose(compress.importance(model)["conv_1"], expected, rtol=1e-5)


@pytest.mark.parametrize("with_data", [False, True])
def test_importance_does_not_depend_on_a_scale_that_changes_nothing(with_data):
    model = disturbed(perceptron())
    x = samples(model) if with_data else None
    before = compress.importance(model, x)
    factor = RNG.uniform(0.1, 10, 12).astype(np.float32)
    kernel, bias = model.get_layer("dense_1").get_weights()
    model.get_layer("dense_1").set_weights([kernel * factor, bias * factor])
    kernel, bias = model.get_layer("dense_2").get_weights()
    model.get_layer("dense_2").set_weights([kernel / factor[:, None], bias])
    assert np.allclose(compress.importance(model, x)["dense_1"], before["dense_1"], rtol=1e-4)


def test_quantized_twins_shrink_too(trained, data):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 5)
    keep = {"dense_1": 8, "dense_2": 4}
    small = compress.shrink(quantized, keep=keep)
    kept = strongest(quantized, keep)
    first, relu_1, second, relu_2, last = quantized.layers[1:]
    hidden = relu_1(first(data.x_test)) * np.isin(np.arange(12), kept["dense_1"])
    expected = last(relu_2(second(hidden)) * np.isin(np.arange(6), kept["dense_2"]))
    assert np.allclose(models.logits(small, data.x_test), expected, atol=1e-5)
    assert compress.quantizers(small) == compress.quantizers(quantized)


@pytest.mark.parametrize("kind", [L.GRU, L.LSTM, L.SimpleRNN])
def test_recurrent_twins_shrink_as_what_they_finish_to(kind):
    chain = [L.Input((4,)), L.Embedding(9, 5, name="embedding"), kind(6, unroll=True, name="memory")]
    model = disturbed(keras.Sequential([*chain, L.Dense(9, name="logits")]))
    x = samples(model)
    rounded = compress.quantize(model, compress.ranges(model, x), 8, 8)
    keep = {"embedding": 4, "memory": 3}
    small = compress.shrink(rounded, keep=keep)
    assert widths(compress.finish(small)) == {**keep, "logits": 9}
    expected = masked(compress.finish(rounded), strongest(rounded, keep), x)
    assert np.allclose(models.logits(small, x), expected, atol=1e-5)
    assert compress.quantizers(small) == compress.quantizers(rounded)


def test_shrinking_in_steps_trains_after_each(trained, data):
    seen = []

    def train(model):
        models.train(model, data, epochs=4, learning_rate=0.02, batch_size=32)
        seen.append([layer.units for layer in model.layers if isinstance(layer, L.Dense)])

    small = compress.shrink_in_steps(trained, 0.5, 2, train, x=data.x_train)
    assert seen == [[9, 4, 3], [6, 3, 3]]
    assert np.mean(models.logits(small, data.x_test).argmax(1) == data.y_test) > 0.9
    assert trained.layers[1].units == 12


def residual():
    x = inputs = keras.Input((4,))
    x = L.Dense(4, name="split")(x)
    x = L.Add(name="sum")([x, L.Dense(4, name="branch")(x)])
    return keras.Model(inputs, L.Dense(2, name="logits")(x), name="residual")


def joined():
    inputs = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    return keras.Model(inputs, L.Dense(2, name="logits")(L.Concatenate(name="both")(inputs)), name="joined")


def reused():
    layer = L.Dense(4, name="twice")
    inputs = keras.Input((4,))
    return keras.Model(inputs, layer(layer(inputs)), name="reused")


def nested():
    inner = keras.Sequential([L.Input((4,)), L.Dense(3)], name="inner")
    return keras.Sequential([L.Input((4,)), inner, L.Dense(2)], name="nested")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (residual, "layer split feeds 2 layers; shrink takes a chain of layers, each feeding the next"),
        (joined, "joined has 2 inputs; shrink takes a chain of layers, from 1 to 1"),
        (reused, "layer twice is used 2 times; shrink takes a chain of layers, each feeding the next"),
        (nested, "layer inner is a model of its own; shrink takes a chain of layers, each feeding the next"),
        (
            lambda: keras.Sequential([L.Input((4,)), L.Dense(3, name="logits")], name="linear"),
            "linear has no layer to shrink: the one that makes its outputs must stay whole",
        ),
    ],
)
def test_models_that_are_no_chain_are_refused(make, message):
    with pytest.raises(compress.CompressError) as error:
        compress.shrink(make(), 0.5)
    assert str(error.value) == message


def mixing(*between, activation=None):
    layers = [L.Input((4,)), L.Dense(6, activation=activation, name="wide"), *between]
    return keras.Sequential([*layers, L.Dense(4, name="narrow"), L.Dense(2, name="logits")], name="mixing")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: mixing(L.Softmax(name="late")),
            "layer late, a Softmax, stands before narrow; between the two may be ",
        ),
        (lambda: mixing(L.LayerNormalization(name="ln")), "layer ln, a LayerNormalization, stands before narrow; "),
        (lambda: mixing(L.Reshape((3, 2), name="shape")), "layer shape, a Reshape, stands before narrow; "),
        (lambda: mixing(activation="softmax"), "layer wide applies softmax, in which every output depends on all "),
        (lambda: mixing(L.Activation("softmax", name="late")), "layer late applies softmax, in which every output "),
        (
            lambda: mixing(L.Reshape((3, 2)), L.BatchNormalization(axis=1, name="odd"), L.Flatten()),
            "layer reshape",
        ),
    ],
)
def test_layers_that_mix_are_refused_by_name_and_can_be_gone_around(model, message):
    keras.backend.clear_session()
    model = model()
    for settings in (dict(fraction=0.5), dict(keep={"wide": 3})):
        with pytest.raises(compress.CompressError) as error:
            compress.shrink(model, **settings)
        assert str(error.value).startswith(f"outputs of layer wide cannot go: {message}")
        assert str(error.value).endswith("; leave wide whole, with keep={other layers: how many stay}")
    x = samples(model)
    small = compress.shrink(model, keep={"narrow": 3, "wide": 6})
    assert np.allclose(models.logits(small, x), masked(model, strongest(model, {"narrow": 3}), x), atol=1e-5)


def test_a_batchnorm_along_another_axis_is_refused():
    layers = [L.Input((6, 2)), L.Conv1D(4, 3, name="conv"), L.BatchNormalization(axis=1, name="odd"), L.Flatten()]
    with pytest.raises(compress.CompressError) as error:
        compress.shrink(keras.Sequential([*layers, L.Dense(2)]), 0.5)
    assert "layer odd normalizes along axis [1], not along the channels (the last)" in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(), "fraction is None and keep is None; give one of the two"),
        (dict(fraction=0.5, keep={"dense_1": 3}), "fraction is 0.5 and keep is {'dense_1': 3}; give one of the two"),
        *(
            (dict(fraction=bad), f"fraction is {bad}; choose more than 0 and less than 1 (at 1 nothing is left)")
            for bad in (0.0, 1.0, -0.2, 3, float("nan"))
        ),
        *(
            (dict(keep={"dense_1": bad}), f"layer dense_1 is to keep {bad} outputs; choose 1 to 12")
            for bad in (0, 13, -1, 2.5)
        ),
        *(
            (
                dict(keep={name: 2}),
                f"mlp has no layer {name} to shrink; it has dense_1, dense_2 (the layer that makes the outputs stays "
                "whole)",
            )
            for name in ("logits", "relu_1", "dense_9")
        ),
        (dict(fraction=0.5, x=np.zeros((5, 7))), "the data has shape (5, 7); the model takes (n, 8)"),
        (dict(fraction=0.5, x=np.zeros((0, 8))), "the data has shape (0, 8); the model takes (n, 8)"),
        (dict(fraction=0.5, x=np.full((2, 8), np.nan)), "the data holds 16 values that are NaN or infinite"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.shrink(perceptron(), **settings)
    assert str(error.value) == message


def test_steps_are_checked_before_any_training():
    for fraction, steps, message in (
        (0.5, 0, "shrinking in 0 steps does nothing; choose 1 or more"),
        (1.0, 3, "fraction is 1.0; choose more than 0 and less than 1 (at 1 nothing is left)"),
    ):
        with pytest.raises(compress.CompressError) as error:
            compress.shrink_in_steps(perceptron(), fraction, steps, train=pytest.fail)
        assert str(error.value) == message
