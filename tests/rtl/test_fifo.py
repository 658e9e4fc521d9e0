"""The queue gives the words it took, in order, whatever both sides do, and holds exactly DEPTH of them."""

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation

# name: (width, depth)
SIZES = {"bit": (1, 2), "byte": (8, 3), "word": (33, 5), "wide": (70, 16), "deep": (12, 64)}
WORDS = 300


@pytest.fixture(scope="module")
def core():
    cases = {name: Case("fifo", {"WIDTH": w, "DEPTH": d}, w, w) for name, (w, d) in SIZES.items()}
    return bench(cases, ["common/fifo.sv"])


def _words(seed: int, count: int = WORDS) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: pack(random.integers(0, 2, (count, width)), 1) for name, (width, _) in SIZES.items()}


def _same(words: np.ndarray, expected: np.ndarray, width: int) -> bool:
    return np.array_equal(unpack(words, width, 1), unpack(expected, width, 1))


@pytest.mark.parametrize("stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.5, 0.5), (0.2, 0.9)])
def test_what_went_in_comes_out_in_order(core, stalls):
    words = _words(1)
    runs = run_bench(core, words, dict.fromkeys(SIZES, WORDS), stalls)
    for name, (width, _) in SIZES.items():
        assert _same(runs[name].words, words[name], width), name


def test_a_word_a_cycle_and_one_cycle_of_latency(core):
    for name, run in run_bench(core, _words(2), dict.fromkeys(SIZES, WORDS)).items():
        assert (np.diff(run.taken) == 1).all(), name
        assert (run.given - run.taken == 1).all(), name


def test_it_holds_depth_words_and_then_runs_at_full_speed(core):
    words = _words(3)
    with RtlSimulation(core) as simulation:
        for name in SIZES:
            simulation.allow(f"m_{name}", 0)
            simulation.offer(f"s_{name}", words[name])
        simulation.advance(2 * WORDS)
        for name, (_, depth) in SIZES.items():
            assert simulation.taken(f"s_{name}") == depth
            simulation.allow(f"m_{name}", None)
        simulation.advance(10 * WORDS, quiet_cycles=100)
        for name, (width, _) in SIZES.items():
            assert (np.diff(simulation.stamps(f"m_{name}")) == 1).all(), name
            assert _same(simulation.collect(f"m_{name}")[0], words[name], width), name


@pytest.mark.parametrize("held", [1, 2, 7])
def test_a_reset_empties_it(core, held):
    with RtlSimulation(core) as simulation:
        for name, words in _words(4).items():
            simulation.allow(f"m_{name}", held % 3)
            simulation.offer(f"s_{name}", words[: held + 2])
        simulation.advance(held + 20)
        reset(simulation)
        words = _words(5)
        runs = drive(simulation, words, dict.fromkeys(SIZES, WORDS), (0.3, 0.3))
    for name, (width, _) in SIZES.items():
        assert _same(runs[name].words, words[name], width), name
