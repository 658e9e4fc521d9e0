"""Formats are chosen so that nothing overflows, every choice has its reason, and what does not fit is told by name."""

import re

import numpy as np
import pytest

from mlfpga.accelerators import AcceleratorError
from mlfpga.formats import FixedPoint

tf = pytest.importorskip("tensorflow", reason="host environment only")
qkeras = pytest.importorskip("qkeras", reason="host environment only")
from mlfpga.accelerators import hls4ml  # noqa: E402
from mlfpga.accelerators.hls4ml.output import with_output  # noqa: E402
from mlfpga.accelerators.hls4ml.precision import MARGIN, integer_bits  # noqa: E402
from mlfpga.accelerators.hls4ml.ranges import Range, bound_of_sum  # noqa: E402

keras, layers = tf.keras, tf.keras.layers
RANDOM = np.random.default_rng(7)


def filled(model, spread=0.5):
    """The model with random weights; variances of a BatchNormalization stay positive."""
    random = np.random.default_rng(3)
    for layer in model.layers:
        shapes = [w.shape for w in layer.get_weights()]
        values = [random.normal(0, spread, shape) for shape in shapes]
        if type(layer).__name__ == "BatchNormalization":
            values = [random.uniform(0.5, 2, shape) for shape in shapes]
        layer.set_weights(values)
    return model


def mlp(spread=0.5, last=None):
    return filled(
        keras.Sequential(
            [
                keras.Input((6,), name="x"),
                layers.Dense(5, activation="relu", name="hidden"),
                layers.Dense(3, activation=last, name="last"),
            ]
        ),
        spread,
    )


def samples(count=200, features=6):
    return np.random.default_rng(1).uniform(-1, 1, (count, features)).astype(np.float32)


def formats(config, layer):
    entries = config["LayerName"][layer]["Precision"].items()
    return {what: FixedPoint.parse(text) for what, text in entries if text != "auto"}


@pytest.mark.parametrize(
    ("low", "high", "signed", "bits"),
    [(0, 0.99, False, 0), (0, 1, False, 1), (-1, 0.99, True, 1), (-1, 1, True, 2), (-1.01, 0, True, 2),
     (0, 127, True, 8), (0, 0, False, 0), (0, 0, True, 1), (0, 0.24, False, -2), (-4, 3.9, True, 3)],
)  # fmt: skip
def test_integer_bits_hold_the_range_and_not_one_more(low, high, signed, bits):
    assert integer_bits(Range(low, high), signed) == bits
    number = FixedPoint(30, bits, signed)
    assert number.minimum <= low and high <= number.maximum + number.step


def test_no_input_exceeds_the_bound_of_a_sum_and_one_reaches_it():
    weights, bias = RANDOM.normal(0, 1, (9, 4)), RANDOM.normal(0, 1, 4)
    bound = bound_of_sum(weights, bias, Range(-0.5, 2))
    sums = RANDOM.choice([-0.5, 0, 2], (5000, 9)) @ weights + bias
    assert bound.low <= sums.min() and sums.max() <= bound.high
    best = np.where(weights > 0, 2, -0.5)
    assert bound.high == pytest.approx(max((best[:, k] @ weights[:, k]) + bias[k] for k in range(4)))


def test_integer_bits_come_from_what_is_measured_with_the_stated_margin():
    model, x = mlp(), samples()
    kernel, bias = model.get_layer("hidden").get_weights()
    model.get_layer("hidden").set_weights([kernel, 0 * bias])
    # Scaled to end just below a power of two, so that the margin needs one bit more.
    x *= 1.9 / np.maximum(x @ kernel, 0).max()
    config = hls4ml.configure(model, "fixed<12,1>", calibration=x)
    hidden = keras.Model(model.inputs, model.layers[0].output).predict(x, verbose=0)
    number = formats(config, "hidden_relu")["result"]
    assert not number.signed and (number.rounding, number.overflow) == ("RND", "SAT")
    assert number.integer == integer_bits(Range(0, MARGIN * hidden.max() * (1 - 1e-6)), signed=False)
    last = formats(config, "last")["result"]
    logits = model.predict(x, verbose=0)
    assert last.width == 16 and last.maximum >= np.abs(logits).max() and last.maximum < 4 * np.abs(logits).max()


def test_sums_are_wide_enough_for_the_worst_input_and_exact():
    model = mlp()
    config = hls4ml.configure(model, "fixed<12,1>", calibration=samples())
    kernel, bias = model.get_layer("hidden").get_weights()
    accum = formats(config, "hidden")["accum"]
    assert accum.maximum >= (np.abs(kernel).sum(axis=0) + np.abs(bias)).max() - 1e-3
    assert accum.maximum < 4 * (np.abs(kernel).sum(axis=0) + np.abs(bias)).max()
    assert accum.fraction >= formats(config, "hidden")["weight"].fraction + 11


def test_weights_that_are_exact_in_few_bits_get_few_bits():
    model = mlp()
    model.get_layer("hidden").set_weights([RANDOM.integers(-7, 8, (6, 5)) / 8, RANDOM.integers(-3, 4, 5) / 4])
    config = hls4ml.configure(model, "fixed<12,1>")
    assert str(formats(config, "hidden")["weight"]) == "fixed<4,1>"
    row = next(r for r in hls4ml.explain(config) if (r["layer"], r["what"]) == ("hidden", "weight"))
    assert row["why"] == "the smallest that holds every value exactly"


def test_quantizers_keep_their_own_formats():
    quantizer = qkeras.quantized_bits(6, 0, alpha=1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            qkeras.QConv2D(2, 3, kernel_quantizer=quantizer, bias_quantizer=quantizer, name="conv"),
            qkeras.QActivation(qkeras.quantized_relu(5, 1), name="relu"),
            layers.AveragePooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            qkeras.QDense(3, kernel_quantizer=quantizer, bias_quantizer=quantizer, name="last"),
        ]
    )
    x = RANDOM.integers(0, 256, (50, 8, 8, 1)) / 256
    config = hls4ml.configure(model, "ufixed<8,0>", calibration=x)
    assert str(formats(config, "conv")["weight"]) == "fixed<6,1>"
    assert str(formats(config, "relu")["result"]) == "ufixed<5,1,RND_CONV,SAT>"
    assert str(formats(config, "pool")["result"]) == "ufixed<7,1,RND,SAT>", "the mean of four is exact in 2 bits more"
    assert hls4ml.check_ranges(model, config, x) == []


@pytest.mark.parametrize(("bits", "integer"), [(1, 0), (1, 1), (4, 4), (4, 3)])
def test_a_relu_keeps_its_format_without_a_fraction_too(bits, integer):
    relu = qkeras.QActivation(qkeras.quantized_relu(bits, integer), name="relu")
    model = filled(keras.Sequential([keras.Input((6,), name="x"), layers.Dense(5), relu, layers.Dense(2)]))
    found = formats(hls4ml.configure(model, "fixed<12,1>"), "relu")["result"]
    assert str(found) == f"ufixed<{bits},{integer},RND_CONV,SAT>"


def test_without_calibration_bits_are_for_the_largest_value_possible():
    model, x = mlp(), samples(2000)
    config = hls4ml.configure(model, "fixed<12,1>")
    assert hls4ml.check_ranges(model, config, x) == []
    measured = hls4ml.configure(model, "fixed<12,1>", calibration=x)
    assert formats(config, "last")["result"].integer >= formats(measured, "last")["result"].integer


def test_chosen_formats_hold_what_they_were_chosen_on():
    model, x = mlp(spread=3), samples()
    assert hls4ml.check_ranges(model, hls4ml.configure(model, "fixed<12,1>", calibration=x), x) == []


def test_a_format_changed_by_hand_is_told_and_its_overflow_named():
    model, x = mlp(spread=3), samples()
    config = hls4ml.configure(model, "fixed<12,1>", calibration=x)
    reach = model.predict(x, verbose=0)
    for name in ("last", "last_linear"):
        config["LayerName"][name]["Precision"]["result"] = "fixed<8,3>"
    (warning,) = hls4ml.check_ranges(model, config, x)
    worst = max(reach.max() - 3.96875, -reach.min() - 4)
    value, end = (reach.max(), "3.969") if worst == reach.max() - 3.96875 else (reach.min(), "-4")
    more = int(np.ceil(np.log2(abs(value) / 4)))
    assert warning == (
        f"layer last: results reach {value:.4g}, but fixed<8,3> ends at {end}; give it {more} more integer bits"
    )
    row = next(r for r in hls4ml.explain(config) if (r["layer"], r["what"]) == ("last", "result"))
    assert row["format"] == "fixed<8,3>" and row["why"].startswith("changed by hand; chosen was fixed<16,")
    config["LayerName"]["hidden_relu"]["Precision"]["result"] = "ufixed<8,0>"
    config["LayerName"]["hidden"]["Precision"]["weight"] = "ufixed<8,3>"
    found = hls4ml.check_ranges(model, config, x)
    assert any(re.fullmatch(r"layer hidden_relu: results reach .* ufixed<8,0> ends at 0.9961; .*", w) for w in found)
    assert any(
        re.fullmatch(r"layer hidden: weights reach -.*, but ufixed<8,3> holds no negative .* \(fixed, not ufixed\)", w)
        for w in found
    )


def test_the_explanation_has_a_reason_for_everything():
    config = hls4ml.configure(mlp(), "fixed<12,1>", calibration=samples())
    rows = hls4ml.explain(config)
    assert {row["layer"] for row in rows} == {"x", "hidden", "hidden_relu", "last"}
    assert all(row["why"] and row["format"] not in ("", "None", "auto") for row in rows)
    assert {"weight", "bias", "accum", "result", "strategy"} == {row["what"] for row in rows}
    assert hls4ml.explain({"LayerName": {}}) == []


def test_a_batch_normalization_is_measured_where_it_ends_up():
    x = RANDOM.uniform(0, 1, (60, 6, 6, 1)).astype(np.float32)
    model = filled(
        keras.Sequential(
            [
                keras.Input((6, 6, 1), name="image"),
                layers.Conv2D(3, 3, name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(name="relu"),
                layers.Flatten(name="flat"),
                layers.Dense(2, name="last"),
            ]
        )
    )
    config = hls4ml.configure(model, "ufixed<9,1>", calibration=x)
    row = next(r for r in hls4ml.explain(config) if (r["layer"], r["what"]) == ("conv", "result"))
    normal = keras.Model(model.inputs, model.get_layer("norm").output).predict(x, verbose=0)
    assert row["range"] == str(Range.of(normal)), "hls4ml computes the normalization inside the convolution"
    assert hls4ml.check_ranges(model, config, x) == []


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "SimpleRNN"])
def test_recurrent_layers_are_measured_inside(kind):
    """The state measured step by step is Keras's, and the formats hold it."""
    inputs = keras.Input((7,), name="items")
    x = layers.Embedding(20, 4, name="embedding")(inputs)
    made = getattr(layers, kind)(5, return_sequences=True, name="cell")
    model = filled(keras.Model(inputs, layers.Dense(3, name="last")(layers.Flatten()(made(x)))), spread=1.5)
    ids = RANDOM.integers(0, 20, (40, 7)).astype(np.float32)
    config = hls4ml.configure(model, "ufixed<5,5>", calibration=ids)
    assert hls4ml.check_ranges(model, config, ids) == []
    from mlfpga.accelerators.hls4ml.ranges import _inside

    embedded = keras.Model(inputs, x).predict(ids, verbose=0)
    inside = _inside(made, embedded)
    if kind != "LSTM":
        expected = keras.Model(inputs, made.output).predict(ids, verbose=0).reshape(40, -1)
        assert inside["state"] == pytest.approx(expected, abs=1e-4)
    else:
        cell = layers.LSTM(5, return_state=True)
        cell.build(embedded.shape)
        cell.set_weights(made.get_weights())
        assert inside["state"][:, -5:] == pytest.approx(cell(embedded)[2].numpy(), abs=1e-4)
        assert (
            FixedPoint.parse(config["LayerName"]["cell"]["Precision"]["result"]).maximum > np.abs(inside["state"]).max()
        )
    assert FixedPoint.parse(config["LayerName"]["cell"]["Precision"]["accum"]).maximum > np.abs(inside["sum"]).max()


def test_logits_or_softmax_whichever_way_the_model_ends():
    x = samples()
    plain, ending = mlp(), mlp(last="softmax")
    layer = keras.Model(plain.inputs, layers.Softmax(name="probabilities")(plain.output))
    logits = plain.predict(x, verbose=0)
    for model in (plain, ending, layer):
        assert with_output(model, "logits").predict(x, verbose=0) == pytest.approx(logits, abs=1e-5)
        found = with_output(model, "softmax").predict(x, verbose=0)
        assert found == pytest.approx(tf.nn.softmax(logits).numpy(), abs=1e-5)
    assert with_output(plain, "logits") is plain


def test_bad_calibration_and_outputs_are_one_clear_error_each():
    model, x = mlp(), samples()
    x[3, 2] = np.nan
    for bad, text in (
        (dict(calibration=x), "1 of 1200 calibration values are NaN or infinite; clean the data first"),
        (
            dict(calibration=samples(features=5)),
            "calibration samples have shape (200, 5); sequential takes (n, 6), n at least 1",
        ),
        (dict(output="probabilities"), "output 'probabilities' is not known; choose one of logits, softmax"),
    ):
        with pytest.raises(AcceleratorError) as caught:
            hls4ml.configure(model, "fixed<12,1>", **bad)
        assert re.sub(r"sequential_\d+", "sequential", str(caught.value)) == text


def test_convolutions_and_recurrent_layers_are_balanced_in_cycles_per_sample():
    image = keras.Sequential(
        [
            keras.Input((10, 10, 2), name="image"),
            layers.Conv2D(4, 3, padding="same", name="conv"),
            layers.Flatten(),
            layers.Dense(6, name="last"),
        ]
    )
    wide, narrow = (hls4ml.reuse_table(image, budget) for budget in (100, 10))
    assert wide["conv"]["rounds"] == 144, "the window sees the padding, too"
    assert wide["conv"]["cycles"] == 144 * wide["conv"]["reuse_factor"]
    assert wide["last"]["cycles"] <= wide["conv"]["cycles"] < narrow["conv"]["cycles"]
    assert sum(row["multipliers"] for row in narrow.values()) <= 10
    inputs = keras.Input((5,), name="items")
    model = keras.Model(inputs, layers.GRU(6, name="gru")(layers.Embedding(9, 4)(inputs)))
    row = hls4ml.reuse_table(model, 60)["gru"]
    assert row["rounds"] == 5 and row["multipliers"] <= 60
    config = hls4ml.configure(model, "ufixed<4,4>", multipliers=60)
    assert config["LayerName"]["gru"]["ReuseFactor"] == row["reuse_factor"]


@pytest.mark.parametrize(
    ("join", "number"),
    [
        (layers.Add, "fixed<11,4>"),  # -4 … 3.9921875 each
        (layers.Subtract, "fixed<11,4>"),
        (layers.Multiply, "fixed<20,6>"),  # up to 16, inclusive
        (layers.Average, "fixed<11,3>"),
        (layers.Maximum, "fixed<10,3>"),
        (layers.Minimum, "fixed<10,3>"),
        (layers.Concatenate, "fixed<10,3>"),
    ],
)
def test_what_joins_two_branches_holds_every_result_exactly(join, number):
    inputs = keras.Input((3,), name="x")
    both = join(name="both")([inputs, layers.Dropout(0.1, name="same")(inputs)])
    config = hls4ml.configure(keras.Model(inputs, layers.Dense(2, name="last")(both)), "fixed<10,3>")
    assert config["LayerName"]["both"]["Precision"]["result"] == number


def test_a_sequential_model_that_begins_with_an_embedding_is_taken_as_a_functional_one():
    made = [layers.Embedding(16, 3, name="table"), layers.GRU(4, name="gru"), layers.Dense(5, name="last")]
    sequential = keras.Sequential([keras.Input((7,), name="items"), *made])
    functional = keras.Model(sequential.inputs, sequential.outputs)
    ids = RANDOM.integers(0, 16, (40, 7)).astype(np.float32)
    configs = [hls4ml.configure(model, "ufixed<4,4>", calibration=ids) for model in (sequential, functional)]
    assert configs[0] == configs[1]
    assert hls4ml.estimate(sequential, configs[0]) == hls4ml.estimate(functional, configs[1])
    assert hls4ml.check_ranges(sequential, configs[0], ids) == []


def test_finished_recurrent_networks_keep_the_width_that_they_were_rounded_to():
    from mlfpga import compress, models

    model = filled(models.rnn(5, 16, 16, "lstm", 3, 4))
    ids = RANDOM.integers(0, 16, (40, 5)).astype(np.float32)
    finished = compress.finish(compress.quantize(model, compress.ranges(model, ids), 5))
    for layer, kinds in (("embedding", ("embeddings",)), ("lstm", ("weight", "recurrent_weight", "bias"))):
        found = formats(hls4ml.configure(finished, "ufixed<4,4>", calibration=ids), layer)
        assert all(found[kind].width <= 5 for kind in kinds)


def test_the_configuration_of_another_model_is_refused():
    other = filled(keras.Sequential([keras.Input((6,), name="x"), layers.Dense(3, name="end")], name="other"))
    config = hls4ml.configure(mlp(), "fixed<12,1>")
    for use in (
        lambda: hls4ml.estimate(other, config),
        lambda: hls4ml.check_ranges(other, config, samples()),
    ):
        with pytest.raises(AcceleratorError) as caught:
            use()
        assert str(caught.value) == (
            "the configuration has no entry for layer end of other, but for x, hidden, hidden_relu, last, last_linear; "
            "it belongs to another model: configure this one"
        )


def test_pruned_layers_have_their_weights_built_in_and_others_share():
    model = mlp()
    kernel, bias = model.get_layer("hidden").get_weights()
    pruned = np.where(RANDOM.permutation(30).reshape(6, 5) < 24, 0, kernel)
    model.get_layer("hidden").set_weights([pruned, bias])
    entries = hls4ml.configure(model, "fixed<12,1>", multipliers=20)["LayerName"]
    assert (entries["hidden"]["Strategy"], entries["hidden"]["ReuseFactor"]) == ("Latency", 1)
    full = hls4ml.configure(mlp(), "fixed<12,1>", multipliers=20)["LayerName"]["hidden"]
    assert full["Strategy"] == "Resource" and full["ReuseFactor"] > 1
    assert hls4ml.configure(mlp(), "fixed<12,1>", multipliers=99)["LayerName"]["hidden"]["Strategy"] == "Latency"
