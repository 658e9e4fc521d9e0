"""max(x, 0) of each element, at any width."""

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation

# name: (lanes, pixels, bits)
SHAPES = {"two": (3, 1, 2), "four": (4, 2, 4), "seven": (1, 3, 7), "eight": (2, 1, 8), "wide": (1, 1, 32)}
BEATS = 300


@pytest.fixture(scope="module")
def core():
    cases = {}
    for name, (lanes, pixels, bits) in SHAPES.items():
        total = lanes * pixels * bits
        cases[name] = Case("relu", {"LANES": lanes, "PIXELS": pixels, "BITS": bits}, total, total)
    return bench(cases, ["pipeline/relu.sv"])


def _traffic(seed: int):
    random = np.random.default_rng(seed)
    words, expected = {}, {}
    for name, (lanes, pixels, bits) in SHAPES.items():
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        x = random.integers(low, high + 1, (BEATS, lanes * pixels))
        x[:5] = np.array([low, high, -1, 0, 1])[:, None]
        words[name], expected[name] = pack(x, bits), np.maximum(x, 0)
    return words, expected


def _check(runs, expected):
    for name, (lanes, pixels, bits) in SHAPES.items():
        np.testing.assert_array_equal(unpack(runs[name].words, lanes * pixels, bits, True), expected[name], name)


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)])
def test_negative_numbers_become_zero(core, stalls):
    words, expected = _traffic(1)
    _check(run_bench(core, words, dict.fromkeys(SHAPES, BEATS), stalls), expected)


def test_a_beat_a_cycle_one_cycle_late(core):
    words, _ = _traffic(2)
    for name, run in run_bench(core, words, dict.fromkeys(SHAPES, BEATS)).items():
        assert (np.diff(run.taken) == 1).all(), name
        assert (run.given - run.taken == 1).all(), name


def test_a_reset_drops_what_waits(core):
    words, expected = _traffic(3)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.allow(f"m_{name}", 0)
            simulation.offer(f"s_{name}", words[name][:2])
        simulation.advance(10)
        assert {simulation.taken(f"s_{name}") for name in SHAPES} == {1}, "one beat finds room while nobody takes"
        reset(simulation)
        _check(drive(simulation, words, dict.fromkeys(SHAPES, BEATS), (0.3, 0.3)), expected)
