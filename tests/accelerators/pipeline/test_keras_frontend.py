"""Keras and QKeras are the oracles: the graph answers as the model does, the integer network as the QKeras model."""

import re

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
qkeras = pytest.importorskip("qkeras")
from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu  # noqa: E402
from tensorflow import keras  # noqa: E402
from tensorflow.keras import layers as kl  # noqa: E402

from mlfpga.accelerators.pipeline import graph as floats  # noqa: E402
from mlfpga.accelerators.pipeline.graph import GraphError, forward  # noqa: E402
from mlfpga.accelerators.pipeline.keras_frontend import from_keras  # noqa: E402
from mlfpga.accelerators.pipeline.quantize import quantize  # noqa: E402
from mlfpga.accelerators.pipeline.reference import run  # noqa: E402

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


def model(shape, *layers) -> keras.Model:
    """A Sequential whose biases, factors and statistics are anything but 0 and 1."""
    made = keras.Sequential([keras.Input(shape), *layers], name="made")
    random = np.random.default_rng(5)
    for layer in made.layers:
        for weight in layer.weights:
            if weight.shape.rank == 1:
                low = 0.3 if "variance" in weight.name else -0.5
                weight.assign(random.uniform(low, 1.5, weight.shape))
    return made


@pytest.mark.parametrize(
    ("shape", "layers"),
    {
        "same, stride": (
            (9, 8, 2),
            lambda: [kl.Conv2D(3, 3, 2, padding="same", activation="relu"), kl.Flatten(), kl.Dense(4)],
        ),
        "same, even kernel": ((7, 6, 1), lambda: [kl.Conv2D(3, (2, 4), padding="same"), kl.ReLU()]),
        "pools": (
            (11, 11, 2),
            lambda: [
                kl.Conv2D(4, 3, use_bias=False),
                kl.BatchNormalization(),
                kl.Activation("relu"),
                kl.MaxPooling2D(2, padding="same"),
                kl.Conv2D(3, 2),
                kl.AveragePooling2D(2),
            ],
        ),
        "same, nothing to pad": ((8, 8, 1), lambda: [kl.Conv2D(2, 1), kl.AveragePooling2D(2, padding="same")]),
        "global mean": (
            (6, 5, 2),
            lambda: [kl.Conv2D(4, 3), kl.ReLU(), kl.GlobalAveragePooling2D(), kl.BatchNormalization(), kl.Dense(3)],
        ),
        "rows": (
            (6,),
            lambda: [kl.Dense(8), kl.BatchNormalization(scale=False), kl.ReLU(), kl.Dropout(0.3), kl.Dense(3)],
        ),
        "maximum, then ReLU": ((6, 6, 1), lambda: [kl.Conv2D(3, 3), kl.MaxPooling2D(2), kl.ReLU()]),
    }.values(),
)
def test_the_graph_answers_as_the_model(shape, layers):
    made = model(shape, *layers())
    x = np.random.default_rng(1).normal(size=(5, *shape)).astype(np.float32)
    expected = made(x, training=False).numpy()
    answers = forward(from_keras(made), x)
    # Behind a global mean, Keras has dropped the picture's two axes of 1.
    np.testing.assert_allclose(answers.reshape(expected.shape), expected, atol=2e-5 * (1 + np.abs(expected).max()))


def test_both_front_ends_give_the_same_integer_network():
    torch = pytest.importorskip("torch")
    from torch import nn

    from mlfpga.accelerators.pipeline.torch_frontend import from_torch

    ours = model(
        (9, 7, 2),
        kl.Conv2D(4, 3, padding="valid", name="first"),
        kl.BatchNormalization(name="norm", epsilon=1e-5),
        kl.ReLU(name="relu"),
        kl.MaxPooling2D(2, name="pool"),
        kl.Flatten(name="flat"),
        kl.Dense(5, name="last"),
    )
    theirs = nn.Sequential()
    for name, layer in {
        "first": nn.Conv2d(2, 4, 3),
        "norm": nn.BatchNorm2d(4),
        "relu": nn.ReLU(),
        "pool": nn.MaxPool2d(2),
        "flat": nn.Flatten(),
        "last": nn.Linear(24, 5),
    }.items():
        theirs.add_module(name, layer)
    kernel, bias = ours.get_layer("first").get_weights()
    gamma, beta, mean, variance = ours.get_layer("norm").get_weights()
    dense, offset = ours.get_layer("last").get_weights()
    # Keras flattens (3, 2, 4), PyTorch (4, 3, 2).
    dense = dense.reshape(3, 2, 4, 5).transpose(3, 2, 0, 1).reshape(5, 24)
    state = {
        "first.weight": kernel.transpose(3, 2, 0, 1),
        "first.bias": bias,
        "norm.weight": gamma,
        "norm.bias": beta,
        "norm.running_mean": mean,
        "norm.running_var": variance,
        "last.weight": dense,
        "last.bias": offset,
    }
    theirs.load_state_dict({name: torch.tensor(value) for name, value in state.items()}, strict=False)
    samples = np.random.default_rng(2).integers(0, 256, (50, 9, 7, 2)) / 256
    for bits in (3, 8):
        one = quantize(from_keras(ours, name="net"), samples, bits, bits)
        other = quantize(from_torch(theirs, (2, 9, 7), name="net"), samples, bits, bits)
        assert one == other
    ours.get_layer("first").kernel[0, 0, 0, 0].assign(9.0)
    assert quantize(from_keras(ours, name="net"), samples, bits, bits) != other


def quantized(alpha) -> keras.Model:
    return model(
        (8, 8, 1),
        QActivation("quantized_bits(8, 0, keep_negative=0)", name="input_type"),
        QConv2D(
            6,
            3,
            padding="same",
            kernel_quantizer=quantized_bits(4, 0, alpha=alpha),
            bias_quantizer=quantized_bits(8, 1, alpha=1),
            use_bias=alpha == 1,
            name="conv",
        ),
        kl.BatchNormalization(name="norm") if alpha == "auto" else kl.Dropout(0.1, name="drop"),
        QActivation(quantized_relu(4, 2), name="relu"),
        kl.MaxPooling2D(2, name="pool"),
        QConv2D(
            8,
            3,
            strides=2,
            kernel_quantizer=quantized_bits(5, 1, alpha=alpha),
            bias_quantizer=quantized_bits(6, 1, alpha=1),
            use_bias=alpha == 1,  # steps of a bias are multiples of the accumulator's, or they would round
            activation=quantized_bits(5, 2, alpha=1),
            name="second",
        ),
        kl.Flatten(name="flat"),
        QDense(10, kernel_quantizer=quantized_bits(6, 0, alpha=1), bias_quantizer=quantized_bits(9, 2), name="logits"),
        kl.Activation("softmax", name="softmax"),
    )


@pytest.fixture
def halves_up(monkeypatch):
    """QKeras with the hardware's rule for halves; all else in it stays."""
    monkeypatch.setattr(
        qkeras.quantizers, "_round_through", lambda x, *_, **__: x + tf.stop_gradient(tf.floor(x + 0.5) - x)
    )


def answers(made: keras.Model, x: np.ndarray, integers: bool) -> np.ndarray:
    if not integers:
        return keras.Model(made.input, made.get_layer("logits").output)(x).numpy()
    network = quantize(from_keras(made))
    counts = np.rint(x / network.input.scale).astype(np.int64)
    assert np.array_equal(counts * network.input.scale, x)
    return run(network, counts) * network.output.scale


PICTURES = np.random.default_rng(9).integers(0, 256, (400, 8, 8, 1)) / 256


def test_the_integer_network_is_the_qkeras_model(halves_up):
    made = quantized(alpha=1)
    expected = answers(made, PICTURES, integers=False)
    assert len(np.unique(expected.argmax(1))) > 1
    np.testing.assert_array_equal(answers(made, PICTURES, integers=True), expected)


@pytest.mark.parametrize(("alpha", "exact"), [("auto_po2", 1.0), ("auto", 0.9)])
def test_steps_that_qkeras_finds_for_each_channel(halves_up, alpha, exact):
    # With "auto", steps are any numbers, and a batch normalisation scales them: the multipliers round to 16 bits.
    made = quantized(alpha)
    network = quantize(from_keras(made))
    assert len(np.unique(network.layers[0].multiplier)) > 1
    expected, got = (answers(made, PICTURES, integers) for integers in (False, True))
    assert np.isclose(got, expected, atol=1e-5).all(1).mean() >= exact
    assert (got.argmax(1) == expected.argmax(1)).mean() > 0.98


def test_halves_are_all_that_differs_from_qkeras():
    made = quantized(alpha=1)
    graph = from_keras(made)
    (rounding,) = (layer for layer in graph.layers if layer.name == "relu")
    before = keras.Model(made.input, made.get_layer("drop").output)(PICTURES).numpy() / rounding.number.scale
    theirs = keras.Model(made.input, made.get_layer("relu").output)(PICTURES).numpy() / rounding.number.scale
    ours = rounding.number.integers(before * rounding.number.scale)
    differ = ours != np.rint(theirs)
    assert 0 < differ.mean() < 0.05
    assert np.all(before[differ] % 1 == 0.5)
    assert np.all((ours - theirs)[differ] == 1)
    decisions = [answers(made, PICTURES, integers).argmax(1) for integers in (False, True)]
    assert (decisions[0] == decisions[1]).mean() > 0.9


def test_what_qkeras_leaves_open_is_calibrated():
    made = model(
        (6, 6, 1),
        QConv2D(4, 3, kernel_quantizer=quantized_bits(3, 0, alpha=1), name="conv"),
        kl.ReLU(),
        kl.Flatten(),
        QDense(3, kernel_quantizer=quantized_bits(4, 0, alpha=1), name="logits"),
    )
    with pytest.raises(GraphError, match="made does not know all its numbers yet; give samples of the training data"):
        quantize(from_keras(made))
    network = quantize(from_keras(made), np.random.default_rng(0).random((20, 6, 6, 1)), 8, 5)
    assert [layer.weight_bits for layer in network.layers] == [3, 4]
    np.testing.assert_array_equal(network.layers[0].weights / 4, from_keras(made).layers[0].weights)
    assert (network.layers[0].output.bits, network.input.bits) == (5, 8)


def test_a_negative_factor_turns_rounded_weights_round():
    conv = QConv2D(1, 1, use_bias=False, kernel_quantizer=quantized_bits(4, 0, alpha=1), name="conv")
    made = model((2, 2, 1), conv, kl.BatchNormalization(name="norm"))
    conv.kernel.assign([[[[-1.0]]]])  # the lowest of 4 bits
    made.get_layer("norm").gamma.assign([-2.0])
    x = np.linspace(0, 0.75, 4).reshape(1, 2, 2, 1)
    network = quantize(from_keras(made), x)
    assert (network.layers[0].weights.item(), network.layers[0].weight_bits) == (8, 5)
    counts = np.rint(x / network.input.scale).astype(int)
    np.testing.assert_allclose(run(network, counts) * network.output.scale, made(x), atol=1e-2)


def test_softmax_at_the_end_is_left_out_with_a_note():
    graph = from_keras(model((4,), kl.Dense(3, activation="softmax", name="last")))
    assert graph.notes == ("softmax 'last' is left out: it changes no decision, and the logits leave instead",)


REFUSED = {
    "groups": (
        lambda: kl.Conv2D(2, 3, groups=2),
        "is a Conv2D with groups=2, which has no block; supported is groups=1",
    ),
    "dilation": (lambda: kl.Conv2D(2, 3, dilation_rate=2), "is a Conv2D with dilation_rate=(2, 2), which has no block"),
    "depthwise": (
        lambda: kl.DepthwiseConv2D(3, name="d"),
        "layer 'd' is a DepthwiseConv2D, which has no block; support",
    ),
    "tanh": (lambda: kl.Conv2D(2, 3, activation="tanh", name="t"), "layer 't' has activation tanh, which has no block"),
    "ReLU6": (
        lambda: kl.ReLU(6, name="r"),
        "layer 'r' is a ReLU with max_value=6.0, which has no block; supported is m",
    ),
    "leaky": (lambda: kl.LeakyReLU(name="l"), "layer 'l' is a LeakyReLU, which has no block"),
    "mean": (lambda: kl.AveragePooling2D(4, padding="same"), "padding='same' that pads (1, 1, 1, 1), and leaves the"),
    "pixelwise": (
        lambda: kl.Dense(2, name="d"),
        "layer 'd' is a Dense on a picture of shape (6, 6, 2), where it would",
    ),
    "channels": (lambda: kl.MaxPooling2D(2, data_format="channels_first"), "with data_format='channels_first', which"),
    "softmax": (lambda: [kl.Softmax(name="s"), kl.ReLU(name="r")], "layer 's' is a softmax, and 'r' follows; only the"),
    "ternary": (
        lambda: QConv2D(2, 3, kernel_quantizer="ternary()", name="q"),
        "rounds its weights with ternary; support",
    ),
    "leaky relu": (
        lambda: QActivation(quantized_relu(4, 1, negative_slope=0.25), name="q"),
        "layer 'q': quantized_relu with negative_slope=0.25 has no block; supported is negative_slope=0.0",
    ),
    "quantized tanh": (lambda: QActivation("quantized_tanh(4)", name="q"), "layer 'q' has activation quantized_tanh,"),
    "last steps": (
        lambda: [kl.Flatten(), QDense(3, kernel_quantizer=quantized_bits(4, 0, alpha="auto"), name="q")],
        "layer 'q': its channels have different steps, and the last layer's accumulators leave as they are; give it",
    ),
    "twice": (
        lambda: [QConv2D(2, 3, activation=quantized_relu(4, 1), name="c"), QActivation(quantized_relu(3, 1), name="q")],
        "layers 'c_activation' and 'q' round the same values twice, to different numbers; keep one",
    ),
}


@pytest.mark.parametrize(("layers", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_block_is_refused_by_name(layers, message):
    layers = layers()
    made = keras.Sequential([keras.Input((6, 6, 2)), *(layers if isinstance(layers, list) else [layers])])
    with pytest.raises(GraphError, match=re.escape(message)):
        quantize(from_keras(made), np.random.default_rng(0).random((9, 6, 6, 2)))


def test_what_is_no_chain_is_refused():
    one = keras.Input((6, 6, 2))
    conv = kl.Conv2D(2, 1, name="c")
    with pytest.raises(GraphError, match="layers c, .* branch or join|layers add branch or join"):
        from_keras(keras.Model(one, kl.Add(name="add")([one, conv(one)])))
    with pytest.raises(GraphError, match="layer 'c' is used twice; give each place a layer of its own"):
        from_keras(keras.Model(one, conv(conv(one))))
    with pytest.raises(GraphError, match=re.escape("takes samples of shape (None, 6, 2); a pipeline takes (H, W, C)")):
        from_keras(keras.Sequential([keras.Input((None, 6, 2)), kl.Conv2D(2, 3)]))


def test_layers_keep_their_names_as_far_as_hardware_bears_them():
    graph = from_keras(model((6, 6, 1), kl.Conv2D(2, 3, name="block-1.conv"), kl.ReLU(name="relu")), name="my net")
    assert (graph.name, graph.layers[0].name) == ("my_net", "block_1_conv")
    assert isinstance(graph.layers[1], floats.ReLU)
