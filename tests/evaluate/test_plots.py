"""Pictures: every axis is labelled, marks differ without colour, and what is drawn is what was given."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlfpga import evaluate
from mlfpga.evaluate.plots import pareto

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, 600)
LOGITS = RNG.normal(size=(600, 10)) + 4 * np.eye(10)[LABELS]
CLASSES = list("0123456789")
ROWS = [
    {"name": "float", "accuracy": 0.98, "size_bits": 3200, "nonzero_bits": 3100, "multiplications": 100},
    {"name": "small", "accuracy": 0.97, "size_bits": 600, "nonzero_bits": 300, "multiplications": 50},
    {"name": "worse", "accuracy": 0.96, "size_bits": 700, "nonzero_bits": 350, "multiplications": 50},
]
HISTORY = {key: np.linspace(1, 0.1, 25) for key in ("loss", "val_loss", "accuracy", "val_accuracy")}


@pytest.fixture(
    params=[
        lambda: evaluate.plot_confusion(evaluate.confusion_matrix(LOGITS, LABELS), CLASSES),
        lambda: evaluate.plot_roc(LOGITS, LABELS, CLASSES),
        lambda: evaluate.plot_curves(HISTORY),
        lambda: evaluate.plot_tradeoff(ROWS),
    ],
    ids=["confusion", "roc", "curves", "tradeoff"],
)
def picture(request):
    return request.param()


def test_every_axis_is_labelled(picture):
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in picture.axes)
    assert picture.axes[0].get_title(loc="left")


def test_pictures_are_left_to_the_notebook_to_show(picture):
    assert not plt.get_fignums()


def test_ten_series_differ_without_colour():
    styles = {(style["marker"], style["linestyle"]) for style in map(evaluate.series_style, range(10))}
    assert len(styles) == 10


def test_the_style_does_not_leak_into_other_pictures():
    before = dict(matplotlib.rcParams)
    evaluate.plot_curves(HISTORY)
    assert dict(matplotlib.rcParams) == before


def test_confusion_writes_each_count_and_leaves_zeros_blank():
    matrix = np.array([[7, 0], [2, 1]])
    axis = evaluate.plot_confusion(matrix, ["a", "b"]).axes[0]
    assert {(text.get_position(), text.get_text()) for text in axis.texts} == {
        ((0, 0), "7"),
        ((0, 1), "2"),
        ((1, 1), "1"),
    }
    assert axis.get_title(loc="left").endswith("80.00% right")


def test_images_are_shown_in_order_with_their_titles():
    made = evaluate.plot_images(np.arange(12 * 4).reshape(12, 2, 2), [str(i) for i in range(12)])
    assert [axis.get_title() for axis in made.axes][:12] == [str(i) for i in range(12)]
    assert np.array_equal(made.axes[11].images[0].get_array(), [[44, 45], [46, 47]])


def test_bars_say_their_values():
    texts = [text.get_text() for axis in evaluate.plot_sizes(ROWS).axes for text in axis.texts]
    assert texts == ["3", "1", "1", "100", "50", "50"]


def test_pareto_keeps_what_no_other_beats():
    assert pareto(ROWS, "nonzero_bits") == [1, 0]
    equal = [{"accuracy": 0.9, "bits": 5}, {"accuracy": 0.95, "bits": 5}]
    assert pareto(equal, "bits") == [1]


def test_tradeoff_shows_how_uncertain_an_accuracy_is():
    axis = evaluate.plot_tradeoff(ROWS, samples=400).axes[0]
    bars = [bar.get_segments()[0][:, 1] for bar in axis.collections]
    assert bars[0] == pytest.approx([0.98 - 0.007, 0.98 + 0.007]), "sqrt(0.98 · 0.02 / 400) = 0.007"
    assert len(bars) == len(ROWS)
    assert not evaluate.plot_tradeoff(ROWS).axes[0].collections
