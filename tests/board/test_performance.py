"""What the record says about speed, against numbers worked out by hand; and the picture of it."""

import numpy as np
import pytest

from mlfpga.board import BoardError
from mlfpga.board.activity import Activity, Beats
from mlfpga.board.performance import measure
from mlfpga.board.timeline import draw


@pytest.fixture
def activity():
    """Two samples of three words in and two out; the second waits a cycle in the middle."""
    record = Activity(mhz=50.0, timed=True)
    record.add_access("accelerator_0", 0x00, 1)
    record.add_beats("in", np.array([10, 11, 12]), np.array([0, 0, 1], bool))
    record.add_beats("out", np.array([20, 21]), np.array([0, 1], bool))
    record.add_beats("in", np.array([30, 32, 33]), np.array([0, 0, 1], bool))
    record.add_beats("out", np.array([44, 45]), np.array([0, 1], bool))
    record.add_transfer("axi_dma_0 MM2S", 4, 12, 12)
    record.add_transfer("axi_dma_0 S2MM", 4, 60, 8)
    record.add_transfer("axi_dma_0 MM2S", 50, 70, 12)
    return record


@pytest.mark.parametrize("words", [(None, None), (3, 2)])
def test_latency_interval_and_shares(activity, words):
    made = measure("accelerator_0", activity, activity.beats("in"), activity.beats("out"), *words)
    assert made.latency.tolist() == [12, 16] and made.interval.tolist() == [20]
    assert (made.input_share, made.output_share) == (6 / 24, 4 / 26)
    assert (made.samples, made.cycles) == (2, 36)
    assert made.samples_per_s == pytest.approx(2 * 50e6 / 36)
    assert str(made).splitlines()[0] == (
        "accelerator_0: 2 samples in 36 cycles at 50 MHz, 2,777,778 samples/s without the CPU's part"
    )


def test_nothing_to_measure_is_said(activity):
    with pytest.raises(BoardError, match="no whole sample went through accelerator_0 yet: 0 words were taken, 0 were"):
        measure("accelerator_0", activity, activity.beats("none"), activity.beats("none"), None, None)


def test_cycles_with_a_transfer_under_way_count_once(activity):
    assert activity.busy == 70 - 4


def test_old_beats_are_forgotten_and_new_ones_kept():
    record = Activity(limit=10)
    for start in range(0, 100, 5):
        record.add_beats("in", np.arange(start, start + 5), np.zeros(5, bool))
    assert record.beats("in").cycles.tolist() == list(range(85, 100))


def test_no_words_have_no_utilisation():
    assert np.isnan(Beats(np.empty(0, np.int64), np.empty(0, bool)).utilisation)


def test_the_timeline_names_every_lane_and_shows_the_newest_transfers(activity):
    axes = draw(activity).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["out", "in", "axi_dma_0 S2MM", "axi_dma_0 MM2S", "register writes"]
    low, high = axes.get_xlim()
    assert low <= 4 and high >= 70
    assert draw(activity, 28, 50).axes[0].get_xlim() == (28, 50)


def test_a_timeline_of_nothing_is_refused(activity):
    with pytest.raises(BoardError, match="no word has moved"):
        draw(Activity())
    with pytest.raises(BoardError, match="cycles 50 to 40 are no span of time"):
        draw(activity, 50, 40)
