"""Costs, counted by hand."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host


def test_a_float_model_is_counted_by_hand():
    model = models.mlp(4, 2, hidden=(3,))
    kernel, bias, last, last_bias = model.get_weights()
    kernel[0], last[:, 1] = 0, 0
    model.set_weights([kernel, bias + 1, last, last_bias])  # the last bias starts, and stays, at zero
    assert compress.cost(model) == {
        "weight_bits": 32,
        "activation_bits": 32,
        "sparsity": 1 - 12 / 18,
        "weights": 18,
        "nonzero": 12,
        "multiplications": 12,
        "size_bits": 23 * 32,
        "nonzero_bits": 15 * 32,
    }


def test_a_quantized_model_counts_what_rounds_to_zero(trained, data):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 3, 5)
    cost, finished = compress.cost(quantized), compress.cost(compress.finish(quantized))
    assert cost == finished
    assert (cost["weight_bits"], cost["activation_bits"]) == (3, 5)
    assert cost["size_bits"] == 3 * trained.count_params()
    assert cost["nonzero"] < cost["weights"] == 8 * 12 + 12 * 6 + 6 * 3


def test_a_convolution_multiplies_at_every_position():
    model = keras.Sequential([keras.Input((6, 5, 2)), keras.layers.Conv2D(4, 3, use_bias=False)])
    assert compress.cost(model)["multiplications"] == (4 * 3) * (3 * 3 * 2 * 4)


def test_a_depthwise_convolution_multiplies_at_every_position():
    model = keras.Sequential([keras.Input((6, 5, 2)), keras.layers.DepthwiseConv2D(3, depth_multiplier=2)])
    assert compress.cost(model)["multiplications"] == (4 * 3) * (3 * 3 * 2 * 2)


@pytest.mark.parametrize(("kind", "gates"), [("SimpleRNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_a_recurrent_layer_multiplies_at_every_step_and_an_embedding_never(kind, gates):
    model = keras.Sequential(
        [
            keras.Input((7,)),
            keras.layers.Embedding(11, 3, name="table"),
            getattr(keras.layers, kind)(5, name="memory"),
            keras.layers.Dense(2, use_bias=False, name="logits"),
        ]
    )
    memory = model.get_layer("memory")
    kernel, recurrent, bias = memory.get_weights()
    kernel[0], recurrent[:, 1] = 0, 0
    memory.set_weights([kernel, recurrent, bias + 1])
    cost = compress.cost(model)
    at_a_step = 2 * 5 * gates + 5 * (5 * gates - 1)
    assert cost["weights"] == 11 * 3 + 3 * 5 * gates + 5 * 5 * gates + 5 * 2
    assert cost["nonzero"] == 11 * 3 + at_a_step + 5 * 2
    assert cost["multiplications"] == 7 * at_a_step + 5 * 2
    assert cost["size_bits"] == 32 * (cost["weights"] + bias.size)
    assert cost["nonzero_bits"] == 32 * (cost["nonzero"] + bias.size)
    assert (cost["weight_bits"], cost["activation_bits"]) == (32, 32)


def test_the_width_of_a_plain_layer_is_read_off_its_weights():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="first"), keras.layers.Dense(1)])
    first, last = model.layers
    first.set_weights([np.array([[0.25, -1.0], [0, 0.75]]), np.array([2.0, 0])])  # fixed<3,1> and ufixed<1,2>
    last.set_weights([np.array([[2.0**-16], [1.0]]), np.array([0.5])])  # 17 bits: not rounded for hardware
    cost = compress.cost(model)
    assert cost["size_bits"] == 4 * 3 + 2 * 1 + 3 * 32
    assert cost["nonzero_bits"] == 3 * 3 + 1 + 3 * 32
    assert cost["weight_bits"] == 32
    last.set_weights([np.array([[2.0**-15], [1.0]]), np.array([0.5])])
    assert compress.cost(model)["weight_bits"] == 16


def test_other_layers_with_weights_are_named():
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.BatchNormalization(name="norm")])
    with pytest.raises(
        compress.CompressError,
        match="the cost of layer norm, a BatchNormalization, is not defined; supported: Conv1D, Conv2D, Dense, Depth",
    ):
        compress.cost(model)


def test_a_sequence_of_any_length_has_no_cost():
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.GRU(3, name="memory")])
    with pytest.raises(compress.CompressError) as error:
        compress.cost(model)
    assert str(error.value) == (
        "layer memory works once for every time step, and the model does not fix how many there are; build it with an "
        "input of fixed size"
    )


def test_a_model_that_has_no_weights_yet_has_no_cost():
    with pytest.raises(compress.CompressError, match="early does not know the shape of its input yet; begin it with"):
        compress.cost(keras.Sequential([keras.layers.Dense(3)], name="early"))


def test_what_no_logit_stands_for_is_not_compared(trained, data):
    one = models.mlp(8, 1)  # one value for two classes, as a sigmoid has
    for model, y, shape, labels in (
        (one, data.y_test % 2, "(1,)", "0 to 1"),
        (trained, data.y_test + 1, "(3,)", "1 to 3"),
    ):
        with pytest.raises(compress.CompressError) as error:
            compress.compare({"mine": model}, data.x_test, y)
        assert str(error.value) == (
            f"mine gives values of shape {shape} for labels {labels}; it needs a logit for each class, two for two "
            "classes"
        )
    x = data.x_test.copy()
    x[3, 3] = np.nan
    with pytest.raises(compress.CompressError) as error:
        compress.compare({"mine": trained}, x, data.y_test)
    assert str(error.value) == "the data holds 1 values that are NaN or infinite; clean it first"


def test_compare_takes_further_measures_and_further_entries(trained, data):
    def score(logits, labels):
        assert logits.shape == (len(data.x_test), 3) and np.array_equal(labels, data.y_test)
        return {"top_1": 0.5, "top_2": 0.75}

    (row,) = compress.compare(
        {"one": trained}, data.x_test, data.y_test, score=score, extra=lambda model: {"dsp": len(model.layers)}
    )
    assert list(row)[:4] == ["name", "accuracy", "top_1", "top_2"] and list(row)[-1] == "dsp"
    assert (row["top_2"], row["dsp"]) == (0.75, len(trained.layers))


def test_compare_gives_a_row_per_model_in_order(trained, data):
    guess = models.copy_model(trained)
    guess.set_weights([np.zeros_like(w) for w in guess.get_weights()])
    rows = compress.compare({"trained": trained, "guess": guess}, data.x_test, data.y_test)
    assert [row["name"] for row in rows] == ["trained", "guess"]
    predicted = trained.predict(data.x_test, verbose=0).argmax(1)
    assert rows[0]["accuracy"] == np.mean(predicted == data.y_test)
    assert rows[1]["accuracy"] == np.mean(data.y_test == 0) and rows[1]["multiplications"] == 0
    assert {type(value) for value in rows[0].values()} <= {str, int, float}
