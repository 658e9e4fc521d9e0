"""Pictures of data: labelled, tellable apart without colour, and of what was given."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlfpga import datasets, evaluate
from mlfpga.datasets import Dataset

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 8, 8))
LABELS = np.arange(60) % 3
# Two kinds of pulses whose means are known: depth 100 and 20 counts at the end, in straight lines.
DEPTHS = np.where(np.arange(40) % 2, 100, 20)[:, np.newaxis] * np.clip(np.arange(50) - 9, 0, None) / 40
PULSES = 400 - DEPTHS
KINDS = np.arange(40) % 2
SEQUENCES = np.pad(RNG.integers(1, 100, (50, 6)), ((0, 0), (4, 0)))
FOLLOWING = RNG.integers(0, 100, 50)


@pytest.fixture(
    params=[
        lambda: evaluate.plot_pulses(PULSES, KINDS, ("gamma", "neutron")),
        lambda: evaluate.plot_sequences(SEQUENCES, FOLLOWING),
    ],
    ids=["pulses", "sequences"],
)
def picture(request):
    return request.param()


def test_every_axis_is_labelled_and_titled(picture):
    for axis in picture.axes:
        assert axis.get_xlabel() and axis.get_ylabel() and axis.get_title(loc="left")
    assert plt.get_fignums() == []


def test_every_class_has_its_column_of_its_own_images():
    made = evaluate.plot_classes(IMAGES, LABELS, ("cat", "dog", "ant"))
    axes = np.reshape(made.axes, (4, 3))
    assert [axis.get_title() for axis in axes[0]] == ["cat", "dog", "ant"]
    for (row, column), axis in np.ndenumerate(axes):
        assert np.array_equal(axis.images[0].get_array(), IMAGES[LABELS == column][row])


def test_a_class_with_few_images_leaves_places_empty():
    made = evaluate.plot_classes(IMAGES[:4], LABELS[:4], ("cat", "dog", "ant"))
    assert [len(axis.images) for axis in made.axes] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_pulses_are_drawn_in_counts_at_their_sample_numbers():
    axis = evaluate.plot_pulses(PULSES, KINDS, ("gamma", "neutron"), first_sample=120).axes[0]
    assert np.array_equal(axis.lines[0].get_ydata(), PULSES[0])
    assert axis.lines[0].get_xdata()[[0, -1]].tolist() == [120, 169]
    assert {line.get_linestyle() for line in axis.lines} == {"-", "--"}


def test_mean_and_spread_are_those_of_each_class():
    uneven = PULSES - np.where(np.arange(40) // 2 % 2, 10, 0)[:, np.newaxis] * (np.arange(50) > 20)
    axis = evaluate.plot_pulses(uneven, KINDS, ("gamma", "neutron")).axes[1]
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert lines["gamma"][-1] == pytest.approx(25) and lines["neutron"][-1] == pytest.approx(105)
    edges = axis.collections[0].get_paths()[0].vertices
    assert edges[edges[:, 0] == 49, 1].min() == pytest.approx(20) and edges[:, 1].max() == pytest.approx(30)


def test_shapes_are_scaled_by_depth_and_faint_pulses_left_out():
    faint = PULSES.copy()
    faint[KINDS == 0] = 400 - DEPTHS[KINDS == 0] / 10
    axis = evaluate.plot_pulses(faint, KINDS, ("gamma", "neutron")).axes[2]
    assert [line.get_label() for line in axis.lines] == ["neutron"]
    assert axis.lines[0].get_ydata()[-6:].mean() == pytest.approx(1)


def test_sequences_are_drawn_without_padding_and_with_what_came_next():
    axis, bars = evaluate.plot_sequences(SEQUENCES, FOLLOWING).axes
    for line, star in zip(axis.lines[::2], axis.lines[1::2], strict=True):
        assert line.get_xdata().tolist() == [4, 5, 6, 7, 8, 9]
        place = np.flatnonzero((SEQUENCES[:, 4:] == line.get_ydata()).all(axis=1))[0]
        assert star.get_ydata() == FOLLOWING[place] and star.get_xdata() == 10
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == np.bincount(FOLLOWING).tolist()


def test_zeros_within_a_sequence_are_items():
    line = evaluate.plot_sequences([[0, 0, 5, 0, 3]], [1]).axes[0].lines[0]
    assert line.get_xdata().tolist() == [2, 3, 4] and line.get_ydata().tolist() == [5, 0, 3]


def dataset(case: str, x, classes: int) -> Dataset:
    x = np.asarray(x, dtype=np.float32)
    y = np.arange(len(x)) % classes
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset("some", case, x, y, x, y, x, y, names, x.shape[1:], "ufixed<10,7>", "made", "none", "none")


@pytest.mark.parametrize(
    ("data", "axes"),
    [
        (dataset("cnn", np.zeros((9, 4, 4, 1)), 3), 12),
        (dataset("cnn", np.zeros((9, 4, 4, 3)), 3).flat(), 12),
        (dataset("mlp", np.tile(np.arange(20, 0, -1) / 8, (9, 1)), 2), 3),
        (dataset("rnn", np.arange(40).reshape(8, 5), 3), 2),
    ],
    ids=["pictures", "flat pictures", "pulses", "sequences"],
)
def test_a_dataset_shows_itself(data, axes):
    assert len(data.show().axes) == axes


def test_a_dataset_of_pulses_is_shown_in_counts():
    made = datasets.load("pulses-generated").show()
    first = made.axes[0].lines[0]
    assert first.get_xdata()[0] == 120 and np.array_equal(first.get_ydata(), np.round(first.get_ydata()))
    assert 370 < first.get_ydata()[0] < 512
