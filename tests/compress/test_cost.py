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


def test_other_layers_with_weights_are_named():
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3, name="memory")])
    with pytest.raises(
        compress.CompressError, match="the cost of layer memory, a LSTM, is not defined; supported: Conv1D"
    ):
        compress.cost(model)


def test_compare_gives_a_row_per_model_in_order(trained, data):
    guess = models.copy_model(trained)
    guess.set_weights([np.zeros_like(w) for w in guess.get_weights()])
    rows = compress.compare({"trained": trained, "guess": guess}, data.x_test, data.y_test)
    assert [row["name"] for row in rows] == ["trained", "guess"]
    predicted = trained.predict(data.x_test, verbose=0).argmax(1)
    assert rows[0]["accuracy"] == np.mean(predicted == data.y_test)
    assert rows[1]["accuracy"] == np.mean(data.y_test == 0) and rows[1]["multiplications"] == 0
    assert {type(value) for value in rows[0].values()} <= {str, int, float}
