"""A loop that reads in vain is ended; one that sleeps, that gives up by itself or that others end, is not disturbed."""

import asyncio
import threading
import time

import pytest

from mlfpga.board import patience
from mlfpga.board.patience import LONG_PATIENCE_S, Polling


@pytest.fixture
def reads(monkeypatch):
    """Reads `pause` seconds apart, asleep or not in between: seconds until they were in vain, or None."""
    clock = {"now": 100.0, "sleeps": 5}
    monkeypatch.setattr(patience.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(patience, "_sleeps", lambda: clock["sleeps"])

    def run(polling: Polling, count: int, pause: float, asleep: bool = False) -> float | None:
        began = clock["now"]
        for _ in range(count):
            if polling.is_in_vain(0.5):
                return clock["now"] - began
            clock["now"] += pause
            clock["sleeps"] += asleep
        return None

    return run


@pytest.mark.parametrize("pause, seconds", [(2e-5, 0.5), (1e-4, 0.5), (1e-3, 1.0)])
def test_a_loop_without_a_pause_is_in_vain_after_half_a_second_and_1000_reads(reads, pause, seconds):
    assert reads(Polling(), 100_000, pause) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize("pause", [1e-4, 0.01, 0.5])
def test_a_loop_that_sleeps_between_its_reads_has_half_a_minute(reads, pause):
    assert reads(Polling(), 400_000, pause, asleep=True) == pytest.approx(LONG_PATIENCE_S, rel=0.02)


def test_a_look_every_few_seconds_is_counted_first(reads):
    assert reads(Polling(), 100, 3.0, asleep=True) == pytest.approx(49 * 3.0)


def test_sleep_is_seen(monkeypatch):
    monkeypatch.setattr(patience, "LONG_PATIENCE_S", 1000.0)
    polling = Polling()
    for _ in range(1200):
        time.sleep(1e-6)
        assert not polling.is_in_vain(0.0)
    polling.restart()
    assert any(polling.is_in_vain(0.0) for _ in range(1200))


def test_what_moves_between_the_reads_starts_the_count_again(reads):
    polling = Polling()
    for _ in range(100):
        assert reads(polling, 2000, 2e-4) is None
        polling.restart()


def test_while_another_thread_of_the_program_runs_it_may_still_act(reads):
    polling, end = Polling(), threading.Event()
    other = threading.Thread(target=end.wait, daemon=True)
    other.start()
    try:
        assert reads(polling, 20_000, 1e-4) is None
    finally:
        end.set()
        other.join()
    polling.restart()
    assert reads(polling, 20_000, 1e-4) == pytest.approx(0.5, rel=0.01)


def test_a_thread_that_waits_may_be_served_by_the_main_one(reads):
    seen = []
    polling = Polling()
    thread = threading.Thread(target=lambda: seen.append(reads(polling, 20_000, 1e-4)))
    thread.start()
    thread.join()
    assert seen == [None]


def test_a_coroutine_that_lets_others_go_on_may_be_served_by_them(reads):
    async def run(yielding: bool) -> list:
        polling = Polling()
        first = reads(polling, 10, 1e-4)
        if yielding:
            await asyncio.sleep(0)
        return [first, reads(polling, 20_000, 1e-4)]

    assert asyncio.run(run(yielding=True)) == [None, None]
    assert asyncio.run(run(yielding=False)) == [None, pytest.approx(0.5, rel=0.01)]
