"""The picture of a sensitivity sweep shows each loss in its field."""

import numpy as np
import pytest

from mlfpga import evaluate

ROWS = [
    {"layer": "conv_1", "what": "weight", "bits": 2, "score": 0.60, "drop": 0.36},
    {"layer": "conv_1", "what": "weight", "bits": 4, "score": 0.92, "drop": 0.04},
    {"layer": "logits", "what": "weight", "bits": 4, "score": 0.9601, "drop": -0.0001},
    {"layer": "relu_1", "what": "activation", "bits": 2, "score": 0.87, "drop": 0.09},
]


def test_a_field_holds_its_loss_and_is_the_darker_the_more_is_lost():
    weights, activations = evaluate.plot_sensitivity(ROWS).axes
    assert [label.get_text() for label in weights.get_yticklabels()] == ["conv_1", "logits"]
    assert [label.get_text() for label in activations.get_yticklabels()] == ["relu_1"]
    assert [label.get_text() for label in weights.get_xticklabels()] == ["2", "4"]
    texts = {text.get_position(): text.get_text() for text in weights.texts}
    assert texts == {(0, 0): "36.0", (1, 0): "4.0", (0, 1): "–", (1, 1): "0.0"}
    shades = weights.images[0].get_array().filled(np.nan)
    assert shades[0] == pytest.approx([1, 1 / 3]) and shades[1, 1] == 0 and np.isnan(shades[1, 0])
    assert activations.images[0].get_array()[0, 0] == pytest.approx(0.5), "one scale for both maps"
    assert [text.get_color() for text in weights.texts if text.get_text() in ("36.0", "4.0")] == ["white", "black"]


def test_one_kind_alone_is_one_map_and_other_units_can_be_asked_for():
    figure = evaluate.plot_sensitivity(ROWS[:3], scale=1, unit="loss", title="Bits")
    (axis,) = figure.axes
    assert axis.get_xlabel() == "bits of the weights and biases"
    assert axis.texts[0].get_text() == "0.4"
    assert figure.get_suptitle() == "Bits (loss)"


def test_nothing_lost_anywhere_is_all_white():
    (axis,) = evaluate.plot_sensitivity([{**ROWS[0], "drop": 0.0}]).axes
    assert axis.images[0].get_array().tolist() == [[0.0]]
