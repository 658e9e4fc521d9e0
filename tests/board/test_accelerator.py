import numpy as np
import pytest

from mlfpga.board import BoardError
from mlfpga.board.accelerator import Accelerator, MissingModel
from mlfpga.board.stream import Stream

START, DONE, IDLE, READY, RESTART = 0x01, 0x02, 0x04, 0x08, 0x80


@pytest.fixture
def bench(mixer):
    return Accelerator("accelerator_0", mixer(), Stream("in", 32), Stream("out", 32))


def offer(accelerator, samples: int, last=()) -> np.ndarray:
    """Offer counting words; TLAST on the last word of each sample in `last`."""
    words = np.arange(5 * samples, dtype="<u4")
    flags = np.zeros(5 * samples, bool)
    flags[[5 * s + 4 for s in last]] = True
    accelerator.source.offer(words, flags)
    return accelerator.model.expected(words.reshape(-1, 5))


def settle(accelerator) -> None:
    while accelerator.advance():
        pass


def test_after_reset_it_is_idle_and_takes_nothing(bench):
    offer(bench, 1)
    settle(bench)
    assert bench.read(0x00) == IDLE
    assert bench.source.waiting == 5
    assert bench.conditions() == [
        "accelerator_0 was never started; "
        "accelerator_0.write(0x00, 0x81) starts it for good (ap_start and auto_restart)"
    ]


def test_one_start_is_one_sample_and_done_clears_when_read(bench):
    expected = offer(bench, 2, last=[1])
    bench.write(0x00, START)
    settle(bench)
    assert bench.source.waiting == 5
    words, last = bench.sink.take(3)
    assert words.tolist() == expected[0].tolist() and not last.any()
    assert bench.read(0x00) == DONE | IDLE | READY
    assert bench.read(0x00) == IDLE
    bench.write(0x00, START)
    settle(bench)
    words, last = bench.sink.take(3)
    assert words.tolist() == expected[1].tolist() and last.tolist() == [False, False, True]


def test_with_auto_restart_it_never_goes_idle(bench):
    bench.write(0x00, START | RESTART)
    offer(bench, 1, last=[0])
    settle(bench)
    assert bench.read(0x00) == START | RESTART


def test_auto_restart_taken_back_ends_after_the_next_sample(bench):
    bench.write(0x00, START | RESTART)
    bench.write(0x00, 0)
    assert bench.read(0x00) == START
    offer(bench, 2)
    settle(bench)
    assert bench.source.waiting == 5 and bench.read(0x00) == DONE | IDLE | READY


def test_it_holds_one_result_that_nobody_takes(bench):
    bench.write(0x00, START | RESTART)
    offer(bench, 3, last=[2])
    settle(bench)
    assert (bench.sink.waiting, bench.source.waiting) == (3, 10)
    assert "cannot give its result of 3 words: nobody receives" in bench.conditions()[0]


def test_a_batch_for_a_ready_reader_is_one_call(bench):
    bench.write(0x00, START | RESTART)
    bench.sink.ready = True
    expected = offer(bench, 1000, last=[999])
    settle(bench)
    words, last = bench.sink.take(3000)
    assert bench.model.calls == 1
    assert words.tolist() == expected.reshape(-1).tolist()
    assert np.flatnonzero(last).tolist() == [2999]


def test_samples_up_to_tlast_belong_to_one_reader(bench):
    bench.write(0x00, START | RESTART)
    bench.sink.ready = True
    offer(bench, 5, last=[1, 4])
    bench.advance()
    assert (bench.sink.waiting, bench.source.waiting) == (6, 15)


def test_input_cut_anywhere_gives_the_same_results(bench):
    random = np.random.default_rng(3)
    words = random.integers(0, 1 << 32, 5 * 40, dtype="<u4")
    flags = np.zeros(len(words), bool)
    flags[4::5] = random.random(40) < 0.3
    bench.write(0x00, START | RESTART)
    got, got_last, position = [], [], 0
    while position < len(words):
        step = int(random.integers(1, 17))
        bench.sink.ready = bool(random.integers(2))
        bench.source.offer(words[position : position + step], flags[position : position + step])
        position += step
        for _ in range(50):
            settle(bench)
            out, last = bench.sink.take(bench.sink.waiting)
            got += out.tolist()
            got_last += last.tolist()
    assert got == bench.model.expected(words.reshape(-1, 5)).reshape(-1).tolist()
    assert got_last[2::3] == flags[4::5].tolist() and sum(got_last) == flags.sum()


def test_a_part_of_a_sample_waits_inside_and_is_told(bench):
    bench.write(0x00, START | RESTART)
    bench.source.offer(np.arange(3, dtype="<u4"), np.zeros(3, bool))
    settle(bench)
    assert bench.source.waiting == 0
    assert bench.conditions() == [
        "accelerator_0 runs and has 3 of the 5 words of a sample: it took 3 words and finished 0 samples. "
        "Send whole samples"
    ]


def test_interrupts_follow_their_enables_and_toggle_off(bench):
    bench.write(0x08, 0b01)
    bench.write(0x00, START)
    offer(bench, 1)
    settle(bench)
    assert bench.read(0x0C) == 0b01 and not bench.interrupt
    bench.write(0x04, 1)
    assert bench.interrupt and bench.read(0x00) & 0x200
    bench.write(0x0C, 0b01)
    assert bench.read(0x0C) == 0 and not bench.interrupt
    bench.write(0x0C, 0b10)
    assert bench.read(0x0C) == 0b10 and bench.interrupt


def test_a_kernel_without_control_registers_always_runs(mixer):
    free = Accelerator("a", mixer(), Stream("in", 32), Stream("out", 32), running=True)
    offer(free, 1)
    settle(free)
    assert free.sink.waiting == 3


def test_streams_of_another_width_are_refused(mixer):
    with pytest.raises(BoardError) as error:
        Accelerator("accelerator_0", mixer(64), Stream("axi_dma_0.M_AXIS_MM2S", 32), Stream("out", 32))
    assert str(error.value) == (
        "accelerator_0 has 64-bit streams, but axi_dma_0.M_AXIS_MM2S is 32 bits wide; make both in one width "
        "(the design's and the accelerator's stream width parameter)"
    )


def test_an_ip_without_a_model_names_itself_when_touched():
    missing = MissingModel("fir_0", "xilinx.com:ip:fir:1.0", "leave it alone")
    for access in (lambda: missing.read(0), lambda: missing.write(0, 1)):
        with pytest.raises(
            BoardError, match=r"fir_0 \(xilinx.com:ip:fir:1.0\) has no simulation model; leave it alone"
        ):
            access()
