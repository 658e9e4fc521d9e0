"""Pictures of a pipeline at work say what they are given."""

from types import SimpleNamespace

import numpy as np
from matplotlib.colors import to_hex

from mlfpga.evaluate import plot_line_buffer, plot_occupancy

IMAGE = np.arange(12).reshape(3, 4)


def cycle(**told):
    nothing = {"window": None, "place": None, "origin": None, "taken": None}
    return SimpleNamespace(**{"cycle": 7, "entered": 5, "lines": np.full((2, 4), 70)} | nothing | told)


def test_line_buffer_shows_image_memory_and_window():
    window = np.full((3, 3), 80)
    made = plot_line_buffer(
        IMAGE, [cycle(taken=(1, 1)), cycle(cycle=9, window=window, place=(2, 3), origin=(1, 2)), cycle()]
    )
    image, _, _, memory, _, _, nothing, window_axis, _ = made.axes
    assert [text.get_text() for text in image.texts] == [str(value) for value in range(12)]
    assert image.get_title() == "cycle 7"
    assert [text.get_text() for text in memory.texts] == ["70"] * 8
    assert nothing.get_xlabel() == "no window" and not nothing.texts
    assert window_axis.get_xlabel() == "window of\nrow 2, column 3"
    assert [text.get_text() for text in window_axis.texts] == ["80"] * 9
    grey = [patch for patch in image.patches if to_hex(patch.get_facecolor()) == "#d0d0d0" and patch.get_fill()]
    assert len(grey) == 5, "the pixels that entered before"
    (frame,) = [patch for patch in image.patches if not patch.get_fill()]
    assert (frame.get_x(), frame.get_y(), frame.get_width()) == (0.5, 0.5, 1)
    (frame,) = [patch for patch in made.axes[1].patches if not patch.get_fill()]
    assert (frame.get_x(), frame.get_y(), frame.get_width()) == (1.5, 0.5, 3)


def test_occupancy_shows_each_state_and_its_share():
    valid = np.array([0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    ready = np.array([0, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    made = plot_occupancy({"a": (valid, ready), "b": (~valid, ~ready)}, marks={"sample 2": [3]})
    (axis,) = made.axes
    assert axis.images[0].get_array().tolist() == [[0, 2, 2, 1, 0, 0, 0, 0], [2, 0, 0, 0, 1, 2, 2, 2]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a   25%", "b   50%"]
    assert axis.get_xlabel() == "clock cycle" and axis.texts[0].get_text() == "sample 2"
    (part,) = plot_occupancy({"a": (valid, ready)}, cycles=(1, 4)).axes
    assert part.images[0].get_array().tolist() == [[2, 2, 1]]


def test_occupancy_of_many_cycles_shows_the_commonest_state():
    valid = np.repeat([True, False], 900)
    ready = np.tile([True, True, False], 600)
    (axis,) = plot_occupancy({"a": (valid, ready)}).axes
    shown = axis.images[0].get_array()
    assert shown.shape == (1, 600)
    assert shown[0, :300].tolist() == [2] * 300 and shown[0, 300:].tolist() == [0] * 300
