"""Pictures: every axis is labelled, marks differ without colour, and what is drawn is what was given."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

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
        lambda: evaluate.plot_pareto(ROWS),
    ],
    ids=["confusion", "roc", "curves", "tradeoff", "pareto"],
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


def test_confusion_of_two_classes_has_room_for_its_title():
    made = evaluate.plot_confusion(np.array([[7, 0], [2, 1]]), ["gamma", "neutron"], title="Float MLP")
    title = next(text for text in made.axes[0].findobj(Text) if text.get_text().startswith("Float MLP"))
    place = title.get_window_extent()
    assert 0 <= place.x0 and place.x1 <= made.bbox.width


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


def many(count):
    """Rows whose accuracy and cost go up together, in a random order, with ties and with estimates."""
    for number in RNG.permutation(count):
        accuracy = 0.8 + 0.19 * (number / count) ** 0.2
        size = int(100 * 1.25**number) * (1 + number % 3)
        estimate = {"LUT": 7.0 * size, "DSP": max(0, number - 5), "latency (µs)": 1.0 + number / count}
        yield dict(name=f"model {number}", accuracy=accuracy, nonzero_bits=size, nonzero=size // 8, estimate=estimate)


def numbers(axis):
    return [text for text in axis.texts if text.get_text()]


@pytest.mark.parametrize("count", [1, 25])
def test_no_number_of_a_pareto_picture_covers_another(count):
    picture = evaluate.plot_pareto(list(many(count)), samples=1000)
    for axis in picture.axes:
        # Digits do not fill the box of their font up to its edge.
        boxes = [Text.get_window_extent(text).padded(-3) for text in numbers(axis)]
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:index])
            assert axis.bbox.contains(*box.p0), "what stands left of the axis covers its ticks"


def test_a_pareto_picture_names_the_models_that_no_other_beats():
    rows = list(many(20))
    picture = evaluate.plot_pareto(rows)
    names = [text.get_text().split(maxsplit=1) for text in picture.legends[0].get_texts()][1:]
    names = {number: name for number, name in names}
    keys = (
        lambda row: row["nonzero_bits"],
        lambda row: row["nonzero"],
        *(lambda row, key=key: row["estimate"][key] for key in rows[0]["estimate"]),
    )
    assert [axis.get_xlabel().removesuffix(", logarithmic") for axis in picture.axes] == [
        "bits of what is not zero",
        "weights that are not zero",
        "LUT, estimated",
        "DSP, estimated",
        "latency (µs), estimated",
    ]
    for axis, cost in zip(picture.axes, keys, strict=True):
        best = {
            row["name"]
            for row in rows
            if not any(
                (cost(other) <= cost(row) and other["accuracy"] > row["accuracy"])
                or (cost(other) < cost(row) and other["accuracy"] >= row["accuracy"])
                for other in rows
            )
        }
        assert {names[text.get_text()] for text in numbers(axis)} == best
        by_name = {row["name"]: row for row in rows}
        for text in numbers(axis):
            row = by_name[names[text.get_text()]]
            assert text.xy == pytest.approx((cost(row), row["accuracy"])), "a number belongs to its model's point"


def test_the_pareto_picture_draws_another_measure():
    picture = evaluate.plot_pareto(
        [{**row, "top_10": row["accuracy"] / 2} for row in ROWS], measure="top_10", label="Top-10"
    )
    assert picture.axes[0].get_ylabel() == "Top-10"
    assert max(picture.axes[0].lines[2].get_ydata()) == 0.49


def test_rows_that_cannot_be_drawn_together_are_told():
    with pytest.raises(ValueError, match="there are no rows to draw; a sweep gives one per recipe"):
        evaluate.plot_pareto([])
    with pytest.raises(ValueError, match="row 'small' has other costs than row 'float'; draw them apart"):
        evaluate.plot_pareto([{**ROWS[0], "estimate": {"LUT": 3}}, *ROWS[1:]])
