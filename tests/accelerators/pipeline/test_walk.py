"""The line buffer, cycle by cycle: the windows are NumPy's, the memory holds the rows above, pixels enter in order."""

import numpy as np
import pytest

from mlfpga.accelerators.pipeline.layers import NetworkError
from mlfpga.accelerators.pipeline.walk import follow_window

IMAGE = np.random.default_rng(3).integers(0, 256, (6, 7))


@pytest.fixture(scope="module")
def walk():
    return follow_window(IMAGE)


def test_every_window_is_the_one_of_its_place(walk):
    padded = np.pad(IMAGE, 1)
    expected = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    seen = [cycle for cycle in walk if cycle.window is not None]
    assert [cycle.place for cycle in seen] == [(row, column) for row in range(6) for column in range(7)]
    for cycle in seen:
        assert np.array_equal(cycle.window, expected[cycle.place])


def test_pixels_enter_in_order_and_the_memory_holds_the_two_rows_above(walk):
    entered = [cycle for cycle in walk if cycle.taken is not None]
    assert [cycle.taken for cycle in entered] == [(row, column) for row in range(6) for column in range(7)]
    assert [cycle.cycle for cycle in walk] == list(range(len(walk)))
    for cycle in entered:
        row, column = cycle.taken
        if row >= 2 and column < 5:  # what is written back comes one step later
            assert np.array_equal(cycle.lines[:, column + 1], IMAGE[row - 2 : row, column + 1])


def test_steps_for_the_padding_take_no_pixel(walk):
    assert sum(cycle.taken is None for cycle in walk[: 7 * 8]) == 7 * 8 - 42  # 7 rows of 8 steps


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(NetworkError) as caught:
        follow_window(np.zeros((4, 33)))
    assert str(caught.value) == (
        "an image of shape (4, 33) with 3 kernel rows cannot be followed; take one channel, at most 32 columns, and a "
        "kernel of two rows or more"
    )


def test_strides_and_padding_say_where_a_window_lies():
    walk = follow_window(IMAGE, kernel=(2, 3), stride=(2, 2), padding=(1, 0, 2, 1), bits=8)
    seen = [cycle for cycle in walk if cycle.window is not None]
    padded = np.pad(IMAGE, ((1, 0), (2, 1)))
    assert [cycle.place for cycle in seen] == [(row, column) for row in range(3) for column in range(4)]
    for cycle in seen:
        row, column = cycle.origin
        assert (row, column) == (2 * cycle.place[0] - 1, 2 * cycle.place[1] - 2)
        assert np.array_equal(cycle.window, padded[row + 1 : row + 3, column + 2 : column + 5])
