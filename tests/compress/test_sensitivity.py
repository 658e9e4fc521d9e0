"""The sensitivity sweep quantizes one thing at a time; the choice follows from its rows."""

from importlib import import_module

import numpy as np
import pytest

from mlfpga.formats import FixedPoint

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def found(trained, data):
    return compress.ranges(trained, data.x_train)


def test_one_layer_at_a_time_is_rounded(trained, data, found):
    """Weights of one layer rounded by hand give the very score of its row."""

    def score(model):
        return -float(np.square(models.logits(model, data.x_validation)).mean())

    rows = compress.sensitivity(trained, found, score, bits=(6, 3), what=("weight",))
    assert [(row["layer"], row["bits"]) for row in rows] == [
        (layer, bits) for layer in ("dense_1", "dense_2", "logits") for bits in (3, 6)
    ]
    for row in rows:
        by_hand = models.copy_model(trained)
        layer = by_hand.get_layer(row["layer"])
        formats = [
            FixedPoint(row["bits"], 1 + compress.integer_bits(float(np.abs(w).max())), True, "RND_CONV", "SAT")
            for w in layer.get_weights()
        ]
        layer.set_weights(
            [
                number.from_raw(number.to_raw(w, saturate=True))
                for number, w in zip(formats, layer.get_weights(), strict=True)
            ]
        )
        assert row["what"] == "weight"
        assert row["score"] == pytest.approx(score(by_hand), rel=1e-5)
        assert row["drop"] == pytest.approx(score(trained) - score(by_hand), rel=1e-3, abs=1e-5)


def test_activations_are_rounded_alone_too(trained, data, found):
    seen = []
    rows = compress.sensitivity(
        trained, found, lambda model: seen.append(compress.quantizers(model)) or len(seen), (4,), ("activation",)
    )
    assert [(row["layer"], row["what"], row["bits"]) for row in rows] == [
        ("relu_1", "activation", 4),
        ("relu_2", "activation", 4),
    ]
    assert [list(told) for told in seen] == [[], ["relu_1"], ["relu_2"]], "first the model as it is"
    assert [row["drop"] for row in rows] == [1 - 2, 1 - 3]


def test_widths_that_cannot_hold_a_range_are_left_out(trained, found):
    found = {**found, "logits": compress.Ranges(weight=5.0, bias=0.1)}
    rows = compress.sensitivity(trained, found, lambda model: 1.0, (2, 3, 4), ("weight",))
    assert [row["bits"] for row in rows if row["layer"] == "logits"] == [4]


def test_what_was_chosen_goes_straight_into_quantize(trained, data, found):
    def score(model):
        return float(np.mean(models.logits(model, data.x_validation).argmax(1) == data.y_validation))

    rows = compress.sensitivity(trained, found, score, bits=(3, 5, 8))
    chosen = compress.choose_bits(rows, tolerance=0.03)
    assert list(chosen["weight_bits"]) == ["dense_1", "dense_2", "logits"]
    assert list(chosen["activation_bits"]) == ["relu_1", "relu_2"]
    told = compress.quantizers(compress.quantize(trained, found, **chosen))
    for layer, bits in chosen["weight_bits"].items():
        assert told[layer]["kernel"].startswith(f"quantized_bits({bits},")


def row(layer, bits, drop, what="weight"):
    return {"layer": layer, "what": what, "bits": bits, "score": 1 - drop, "drop": drop}


def test_the_narrowest_width_within_the_tolerance_is_chosen():
    rows = [row("a", 2, 0.5), row("a", 4, 0.01), row("a", 8, -0.01), row("b", 8, 0.0), row("a", 3, 0.02, "activation")]
    assert compress.choose_bits(rows, 0.02) == {"weight_bits": {"a": 4, "b": 8}, "activation_bits": {"a": 3}}
    assert compress.choose_bits(rows[:4], 0.0) == {"weight_bits": {"a": 8, "b": 8}}


def test_a_lucky_narrow_width_among_bad_ones_is_not_trusted():
    assert compress.choose_bits([row("a", 2, 0.0), row("a", 3, 0.3), row("a", 4, 0.0)], 0.1) == {
        "weight_bits": {"a": 4}
    }


def test_a_layer_that_needs_more_than_was_tried_is_named():
    with pytest.raises(compress.CompressError) as error:
        compress.choose_bits([row("a", 2, 0.5), row("a", 4, 0.25)], 0.02)
    assert str(error.value) == (
        "layer a: 4 weight bits, the most that was tried, cost 0.25, more than the tolerance 0.02; try more bits, or "
        "allow more"
    )


@pytest.mark.parametrize(("what", "bits", "named"), [(("weights",), (4,), "'weights'"), ((), (4,), "nothing")])
def test_unknown_parts_are_refused(trained, found, what, bits, named):
    with pytest.raises(compress.CompressError) as error:
        compress.sensitivity(trained, found, lambda model: 1.0, bits, what)
    assert str(error.value) == (
        f"sensitivity of {named} is not defined; choose bits from 2 to 31 and what from 'weight', 'activation'"
    )


@pytest.mark.parametrize("odd", [0, 1, 32, 33, 4.5, -3])
def test_widths_out_of_range_are_refused(trained, found, odd):
    with pytest.raises(compress.CompressError) as error:
        compress.sensitivity(trained, found, lambda model: 1.0, (4, odd))
    assert str(error.value) == f"bits holds {odd}; choose 2 to 31"


def test_a_long_sweep_shows_progress(trained, found, monkeypatch, capsys):
    # By its name: the room's attribute of that name is the function.
    monkeypatch.setattr(import_module("mlfpga.compress.sensitivity"), "_SLOW", 0.0)
    compress.sensitivity(trained, found, lambda model: 1.0, (4,), ("activation",))
    assert capsys.readouterr().out == "sensitivity: 1 of 2 points\nsensitivity: 2 of 2 points\n"
