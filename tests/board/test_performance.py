"""What the record says about speed, against numbers worked out by hand; and the picture of it."""

import numpy as np
import pytest

from mlfpga.board import BoardError
from mlfpga.board.activity import Activity, Beats, Handshakes, Transfer
from mlfpga.board.performance import Performance, measure
from mlfpga.board.timeline import _share, draw


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
    assert (
        str(made)
        == f"""\
accelerator_0, PL clock of 50 MHz
  {"packets" if words[0] is None else "samples"}              2
  latency              14 cycles (0.28 µs), 12 to 16
  initiation interval  20 cycles (0.4 µs)
  input stream         busy 25.0%
  output stream        busy 15.4%
  throughput           2,777,778 samples/s"""
    )


def test_a_notebook_shows_a_table(activity):
    activity.add_run(3000, 0.5)
    made = measure("accelerator_0", activity, activity.beats("in"), activity.beats("out"), 3, 2)
    lines = made._repr_markdown_().splitlines()
    assert lines[:2] == ["| accelerator_0 | PL clock of 50 MHz | |", "|:---|:---|:---|"]
    assert lines[-1] == "| simulation | 6 kcycles/s | on this machine; the board is 8,333 times as fast |"
    assert {line.count("|") for line in lines} == {4}


def test_what_a_c_simulation_took_is_unknown():
    made = Performance("accelerator_0", 100.0, samples=7)
    assert made.samples_per_s is None and made.latency is None
    rows = str(made).splitlines()
    assert rows[0] == "accelerator_0, a C simulation, which has no clock"
    assert [row.split()[-1] for row in rows[1:]] == ["7"] + ["unknown"] * 5
    assert made._repr_markdown_().count("| unknown | needs RTL: give the IP archive |") == 5


def test_a_sample_that_is_still_inside_does_not_shift_the_others(activity):
    activity.add_beats("in", np.array([80, 81, 82]), np.array([0, 0, 1], bool))
    for words in ((None, None), (3, 2)):
        made = measure("accelerator_0", activity, activity.beats("in"), activity.beats("out"), *words)
        assert made.latency.tolist() == [12, 16]


@pytest.mark.parametrize("words", [(None, None), (3, 1)])
def test_results_keep_their_samples_when_old_words_are_forgotten(words):
    """Input comes in pieces that are no samples, so that the two streams are cut at different places."""
    record = Activity(limit=40)
    begins = np.arange(0, 3000, 10)
    into = np.concatenate([[b, b + 1, b + 2] for b in begins])
    ends = np.tile([False, False, True], len(begins))
    for start in range(0, len(into), 7):
        record.add_beats("in", into[start : start + 7], ends[start : start + 7])
    latency = np.arange(5, 5 + len(begins))
    for begin, late in zip(begins, latency, strict=True):
        record.add_beats("out", np.array([begin + late - 1]), np.array([True]))
    made = measure("accelerator_0", record, record.beats("in"), record.beats("out"), *words)
    assert 10 <= made.samples < 20
    assert made.latency.tolist() == latency[-made.samples :].tolist() and set(made.interval) == {10}


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


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_legend_explains_what_is_drawn_and_nothing_else(activity):
    assert texts(draw(activity)) == ["a word moves", "TLAST", "DMA transfer, begin to end"]
    activity.add_handshakes("in", np.array([0, 10, 13]), np.array([1, 3, 2]))
    activity.add_transfer("axi_dma_0 S2MM", 60, 65, 8, failed=True)
    waiting = [Transfer("axi_dma_0 MM2S", 60, 62, 32)]
    made = draw(activity, 0, 80, waiting, {"in": "accelerator_0.s_axis"})
    assert texts(made) == [
        "a word moves",
        "source waits (TVALID, no TREADY)",
        "reader waits (TREADY, no TVALID)",
        "TLAST",
        "register write (×n: n of them)",
        "DMA transfer, begin to end",
        "still under way",
        "DMA error",
    ]
    assert made.axes[0].get_yticklabels()[1].get_text() == "in\n→ accelerator_0.s_axis"
    assert made.axes[0].get_xlabel() == "cycle of the PL clock (50 MHz)"


def test_without_a_word_who_waits_is_drawn_all_the_same():
    record = Activity(timed=True)
    record.add_handshakes("in", np.array([3]), np.array([1]))
    made = draw(record, under_way=[Transfer("axi_dma_0 MM2S", 2, 2, 32)])
    assert "source waits (TVALID, no TREADY)" in texts(made) and "a word moves" not in texts(made)
    assert made.axes[0].get_xlim()[1] > 30  # room to see that it does not end


def test_shares_of_a_state_are_those_counted_cycle_by_cycle():
    rng = np.random.default_rng(4)
    for last in (50, 1000):
        cycles = np.unique(rng.integers(0, last, 40))
        state = rng.integers(0, 4, len(cycles)).astype(np.uint8)
        each = np.repeat(np.append(0, state), np.diff([0, *cycles, last + 20]))
        edges = np.arange(0, last + 20, 5)
        for wanted in (1, 2, 3):
            counted = (each[: edges[-1]].reshape(-1, 5) == wanted).mean(axis=1)
            np.testing.assert_allclose(_share(Handshakes(cycles, state), wanted, edges), counted, atol=1e-9)


def test_what_was_seen_ahead_of_time_happens_at_once_when_the_clock_goes_on():
    record = Activity()
    record.add_beats("in", np.array([10]), np.array([True]))
    record.add_handshakes("in", np.array([10, 11, 40]), np.array([3, 2, 0]))
    record.rewind("in", 12)
    assert record.handshakes("in").cycles.tolist() == [10, 11, 12]
    assert record.handshakes("in").state.tolist() == [3, 2, 0]
    record.rewind("in", 5)  # the last word stays where it was
    assert record.handshakes("in").cycles.tolist() == [10, 11] and record.handshakes("in").state.tolist() == [3, 0]


def test_a_timeline_of_nothing_is_refused(activity):
    with pytest.raises(BoardError, match="no word has moved"):
        draw(Activity())
    with pytest.raises(BoardError, match="cycles 50 to 40 are no span of time"):
        draw(activity, 50, 40)
