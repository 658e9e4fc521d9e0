"""Quantization against the float graph: with enough bits the same answers, with few the best there are."""

import re

import numpy as np
import pytest

from mlfpga.accelerators.pipeline import graph as floats
from mlfpga.accelerators.pipeline.graph import Graph, GraphError, Number, Round, forward, simplified
from mlfpga.accelerators.pipeline.layers import Argmax, AvgPool2d, Conv2d, Dense, MaxPool2d, ReLU
from mlfpga.accelerators.pipeline.quantize import calibrate, integers, quantize
from mlfpga.accelerators.pipeline.reference import run, trace


def graph(random=None, signed_pool: bool = False) -> Graph:
    """Every kind of layer once: 11 × 10 × 2 -> 4 logits."""
    random = random or np.random.default_rng(1)
    layers = (
        floats.Conv2d("one", random.normal(size=(6, 3, 3, 2)) * 0.3, random.normal(size=6), (1, 1), (1, 1, 1, 0)),
        floats.ReLU("cut"),
        floats.MaxPool2d("largest", (2, 2), (2, 2), (0, 1, 0, 1)),
        floats.Conv2d("two", random.normal(size=(5, 2, 2, 6)), random.normal(size=5), (2, 1)),
        floats.AvgPool2d("mean", (2, 2), (1, 2), (1, 0, 0, 0)),
        *(() if signed_pool else (floats.ReLU("cut_mean"),)),
        floats.Dense("last", random.normal(size=(4, 30)) * 0.2, random.normal(size=4)),
    )
    return simplified(Graph("every", (11, 10, 2), layers))


SAMPLES = np.random.default_rng(2).integers(0, 256, (60, 11, 10, 2)) / 256


def answers(network, x) -> np.ndarray:
    counts = np.floor(x / network.input.scale + 0.5).astype(np.int64)
    return run(network, np.clip(counts, network.input.low, network.input.high)) * network.output.scale


@pytest.mark.parametrize("signed_pool", [False, True])
@pytest.mark.parametrize("settings", [{}, {"per_channel": False}, {"clip": 100}, {"common_shift": False}])
def test_eight_bits_answer_as_the_float_graph(settings, signed_pool):
    every = graph(signed_pool=signed_pool)
    network = quantize(every, SAMPLES, 8, 8, **settings)
    kinds = (Conv2d, MaxPool2d, Conv2d, AvgPool2d, Dense)
    assert tuple(type(layer) for layer in network.layers) == kinds
    assert [tensor.signed for tensor in network.tensors] == [False, False, False, True, signed_pool]
    expected = forward(every, SAMPLES)
    error = np.abs(answers(network, SAMPLES) - expected)
    assert error.max() < 0.1 * expected.std()
    fewer = [np.abs(answers(quantize(every, SAMPLES, b, b, **settings), SAMPLES) - expected).mean() for b in (8, 6, 4)]
    assert fewer[0] < fewer[1] / 2 < fewer[2] / 4


def test_the_integers_are_the_calibrated_graph():
    # The oracle: the float graph with rounded weights and biases and its `Round` layers, in floating point.
    known = calibrate(graph(), SAMPLES, 4, 5)
    network = integers(known)
    rounded, scale = [], known.layers[0].number.scale
    for layer in known.layers:
        if isinstance(layer, floats.WEIGHTED):
            column = layer.weight_scale.reshape(-1, *[1] * (layer.weights.ndim - 1))
            counts = np.clip(np.floor(layer.weights / column + 0.5), -8, 7)
            step = layer.weight_scale * scale
            layer = type(layer)(
                **{**vars(layer), "weights": counts * column, "bias": np.floor(layer.bias / step + 0.5) * step}
            )
        elif isinstance(layer, Round):
            scale = layer.number.scale
        rounded.append(layer)
    expected = forward(Graph("rounded", known.input_shape, tuple(rounded)), SAMPLES)
    assert np.isclose(answers(network, SAMPLES), expected, atol=1e-9).all(1).mean() > 0.95


def test_a_convolution_by_hand():
    # Input steps of 1/4, weight steps of 1/2: the accumulator counts eighths, the output halves.
    layers = (
        Round("input", Number(4, False, 0.25)),
        floats.Conv2d(
            "conv", np.array([[[[1.5], [-0.5]]]]), np.array([0.3]), weight_bits=3, weight_scale=np.array([0.5])
        ),
        Round("round", Number(4, False, 0.5)),
    )
    network = quantize(Graph("hand", (1, 3, 1), layers))
    (conv,) = network.layers
    assert conv.weights.reshape(-1).tolist() == [3, -1]
    assert (conv.bias.tolist(), conv.multiplier.tolist(), conv.shift.tolist()) == ([2], [1], [2])
    # 3 * 4 - 1 * 2 + 2 = 12 eighths are 3 halves; 3 * 2 - 15 + 2 = -7 is cut to 0.
    assert run(network, np.array([[[[4], [2], [15]]]])).reshape(-1).tolist() == [3, 0]


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weight_steps_are_the_best_there_are(bits):
    known = calibrate(graph(), SAMPLES, weight_bits=bits)
    layer, low, high = known.layers[1], -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def error(row, step):
        return ((np.clip(np.floor(row / step + 0.5), low, high) * step - row) ** 2).mean()

    for row, step in zip(layer.weights.reshape(6, -1), layer.weight_scale, strict=True):
        every = np.abs(row).max() / high * np.linspace(0.05, 1.2, 2000)
        assert error(row, step) <= 1.1 * min(error(row, other) for other in every)


def test_logits_count_in_a_power_of_two():
    for bits in (2, 4, 8):
        network = quantize(graph(), SAMPLES, bits, bits)
        assert np.log2(network.output.scale) % 1 == 0
        assert (network.output.bits, network.output.signed, network.layers[-1].multiplier) == (32, True, None)


def test_widths_of_each_layer():
    network = quantize(
        graph(),
        SAMPLES,
        weight_bits={"one": 2, "last": 8},
        activation_bits={"one": 3, "cut_mean": 6},
        input_bits=5,
        multiplier_bits={"two": 8},
    )
    one, _, two, mean, last = network.layers
    assert [layer.weight_bits for layer in (one, two, last)] == [2, 4, 8]
    assert [tensor.bits for tensor in network.tensors] == [5, 3, 3, 4, 6]
    assert two.multiplier.max() < 256 <= one.multiplier.max()
    assert len(set(one.shift)) == 1
    assert len(np.unique(quantize(graph(), SAMPLES, common_shift=False).layers[0].shift)) >= 1
    assert len(np.unique(quantize(graph(), SAMPLES, per_channel=False).layers[0].multiplier)) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255 / 256], (8, False, 2**-8)),
        ([0, 1], (8, False, 2**-7)),
        ([-1, 127 / 128], (8, True, 2**-6)),
        ([-0.9, 0.9], (8, True, 2**-7)),
        ([0, 0], (8, False, 1 / 255)),
        ([0, 200], (8, False, 1.0)),
    ],
)
def test_the_input_takes_all_samples(values, expected):
    number = calibrate(graph(), np.resize(np.array(values, float), (2, 11, 10, 2))).layers[0].number
    assert (number.bits, number.signed, number.scale) == expected


def test_a_given_input_step_and_a_signed_input():
    network = quantize(graph(), SAMPLES - 0.5, 8, 8, input_scale=1 / 200)
    assert (network.input.signed, network.input.scale) == (True, 1 / 200)
    expected = forward(graph(), SAMPLES - 0.5)
    assert np.abs(answers(network, SAMPLES - 0.5) - expected).max() < 0.1 * expected.std()


def test_a_relu_that_no_layer_takes_along():
    layers = (floats.ReLU("first"), floats.Dense("last", np.array([[1.0, 2.0]]), np.array([0.5])))
    network = quantize(Graph("first", (2,), layers), np.array([[-1.0, 0.5], [0.25, 0.75]]), 8)
    assert isinstance(network.layers[0], ReLU)
    x = np.array([[-0.5, 0.5], [0.5, 0.25]])
    np.testing.assert_allclose(answers(network, x), [[1.5], [1.5]], atol=0.02)
    # For an input without negative numbers it would do nothing.
    assert len(quantize(Graph("first", (2,), layers), np.ones((3, 2))).layers) == 1


def test_percentiles_clip():
    values = np.zeros((1, 200))
    values[0, :] = np.arange(200)
    layers = (
        floats.Dense("one", np.eye(200), np.zeros(200)),
        floats.ReLU("cut"),
        floats.Dense("two", np.ones((1, 200)), np.zeros(1)),
    )
    for clip, end in ((100, 199), (90, 179.1)):
        known = calibrate(Graph("row", (200,), layers), values, 8, 4, input_scale=4.0, clip=clip, correct_bias=False)
        assert known.layers[2].number.scale * 15 == pytest.approx(end, rel=0.02)


def test_corrected_biases_keep_the_mean():
    every = graph()
    exact = trace_floats(every, "one")
    corrected, plain = (
        floats_behind(calibrate(every, SAMPLES, 2, 8, correct_bias=correct), "one") for correct in (True, False)
    )
    assert np.abs(corrected - exact).max() < 0.01 < np.abs(plain - exact).max()


def trace_floats(every: Graph, name: str) -> np.ndarray:
    """Mean of each channel that the layer `name` gives."""
    x = SAMPLES
    for layer in every.layers:
        x = floats.apply(layer, x)
        if layer.name == name:
            return x.mean((0, 1, 2))


def floats_behind(known: Graph, name: str) -> np.ndarray:
    """The same, with the first convolution's weights rounded."""
    network = integers(known)
    layer = network.layers[0]
    assert layer.name == name
    counts = np.floor(SAMPLES / network.input.scale + 0.5)
    column = known.layers[1].weight_scale * network.input.scale
    conv = floats.Conv2d(name, layer.weights.astype(float), layer.bias.astype(float), layer.stride, layer.padding)
    return (floats.apply(conv, counts) * column).mean((0, 1, 2))


def test_zeros_everywhere_work():
    every = graph()
    for silent in ("one", "two", "last"):
        layers = tuple(
            type(layer)(**{**vars(layer), "weights": layer.weights * 0}) if layer.name == silent else layer
            for layer in every.layers
        )
        dead = Graph("dead", every.input_shape, layers)
        network = quantize(dead, SAMPLES, 8, 8)
        np.testing.assert_allclose(answers(network, SAMPLES), forward(dead, SAMPLES), atol=0.2)
        nothing = tuple(
            type(layer)(**{**vars(layer), "bias": layer.bias * 0}) if hasattr(layer, "bias") else layer
            for layer in layers
        )
        network = quantize(Graph("nothing", every.input_shape, nothing), SAMPLES)
        assert not answers(network, SAMPLES * 0).any()
    # Samples that are all zero calibrate nothing, and must not stop anything either.
    quantize(every, SAMPLES * 0)


def test_activations_that_are_always_zero():
    every = graph()
    layers = list(every.layers)
    layers[0] = floats.Conv2d("one", layers[0].weights, layers[0].bias - 100, padding=(1, 1, 1, 0))
    network = quantize(Graph("negative", every.input_shape, tuple(layers)), SAMPLES, 8, 8)
    counts = np.rint(SAMPLES / network.input.scale).astype(int)
    assert not trace(network, counts)["one"].any()
    expected = forward(Graph("negative", every.input_shape, tuple(layers)), SAMPLES)
    np.testing.assert_allclose(answers(network, SAMPLES), expected, atol=0.1)


def test_a_channel_much_smaller_than_the_others_keeps_its_bias():
    # What batch normalisation leaves of a channel it has given up: no weights to speak of, an ordinary bias.
    every = graph()
    layers = list(every.layers)
    weights = layers[0].weights.copy()
    weights[2] *= 1e-9
    weights[3] *= 0
    layers[0] = floats.Conv2d("one", weights, layers[0].bias, padding=(1, 1, 1, 0))
    small = Graph("small", every.input_shape, tuple(layers))
    network = quantize(small, SAMPLES, 8, 8)
    expected = forward(small, SAMPLES)
    assert np.abs(answers(network, SAMPLES) - expected).max() < 0.1 * expected.std()


def test_argmax_at_the_end():
    network = quantize(graph(), SAMPLES, argmax=True)
    assert isinstance(network.layers[-1], Argmax)
    logits = run(network.upto("last"), np.rint(SAMPLES / network.input.scale).astype(int))
    np.testing.assert_array_equal(
        run(network, np.rint(SAMPLES / network.input.scale).astype(int))[:, 0], logits.argmax(1)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_bits": 1}, "weight_bits is 1; choose a whole number, 2 to 8"),
        ({"weight_bits": {"two": 9}}, "weight_bits of layer 'two' is 9; choose a whole number, 2 to 8"),
        ({"activation_bits": 4.0}, "activation_bits is 4.0; choose a whole number, 2 to 8"),
        (
            {"activation_bits": {"three": 4}},
            "activation_bits: every has no layer 'three'; its layers are one, cut, larg",
        ),
        ({"input_bits": 9}, "input_bits is 9; choose a whole number, 1 to 8"),
        ({"input_scale": 0}, "input_scale is 0; choose a number above 0, such as 1/256 for 8-bit pixels"),
        ({"clip": "max"}, "clip is 'max'; choose 'mse' or a percentile from 50 to 100"),
        (
            {"samples": SAMPLES[:, 1:]},
            "samples have shape (60, 10, 10, 2); every takes (n, 11, 10, 2), n at least 1, ch",
        ),
        ({"samples": SAMPLES[:0]}, "samples have shape (0, 11, 10, 2); every takes (n, 11, 10, 2), n at least 1"),
        ({"samples": SAMPLES * np.nan}, "samples hold 13200 values that are NaN or infinite; clean the data first"),
        ({"samples": None}, "every does not know all its numbers yet; give samples of the training data"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(GraphError, match=re.escape(message)):
        quantize(**{"graph": graph(), "samples": SAMPLES, **settings})


def test_a_bias_beyond_32_bits_names_its_layer():
    dense = floats.Dense("huge", np.array([[1.0]]), np.array([1e12]), 4, np.array([0.25]))
    layers = (Round("input", Number(8, False, 1 / 256)), dense)
    with pytest.raises(
        GraphError, match="layer 'huge': a bias is 1.02e.15 steps of its accumulator, more than 32 bits"
    ):
        quantize(Graph("huge", (1,), layers))


def test_last_steps_that_differ_by_powers_of_two_become_one():
    dense = floats.Dense("last", np.array([[0.5, -1.0], [3.0, 2.0]]), np.zeros(2), 3, np.array([0.5, 1.0]))
    network = quantize(Graph("steps", (2,), (Round("input", Number(2, False, 1.0)), dense)))
    (layer,) = network.layers
    assert (layer.weights.tolist(), layer.weight_bits, network.output.scale) == ([[1, -2], [6, 4]], 4, 0.5)
    assert isinstance(layer, Dense)


@pytest.mark.parametrize("given, kept", [(0.031249999999999997, 2.0**-5), (2.0**-5, 2.0**-5), (0.03, 0.03), (3.0, 3.0)])
def test_the_last_step_is_a_power_of_two_even_if_its_product_was_rounded(given, kept):
    layer = floats.Dense("only", np.array([[1.0, -2.0]]), np.zeros(1), 4, np.array([given * 128]))
    number = Number(8, False, 1 / 128)
    known = Graph("one", (2,), (Round("input", number), layer))
    assert integers(known).output.scale == kept
