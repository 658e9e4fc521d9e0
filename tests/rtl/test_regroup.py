"""Lanes are regrouped without losing a beat or a cycle, and elements keep their order [pixel][channel]."""

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation

# name: (pixels, from, to, bits)
SHAPES = {
    "join": (1, 2, 6, 4),
    "joinpixels": (2, 3, 12, 5),
    "jointwo": (3, 1, 2, 1),
    "split": (1, 6, 2, 4),
    "splitpixels": (2, 12, 3, 5),
    "splittwo": (3, 2, 1, 1),
    "splitwide": (1, 40, 8, 8),
    "same": (2, 4, 4, 3),
}
GROUPS = 60  # wide beats


@pytest.fixture(scope="module")
def core():
    cases = {}
    for name, (pixels, lanes_in, lanes_out, bits) in SHAPES.items():
        parameters = {"PIXELS": pixels, "FROM": lanes_in, "TO": lanes_out, "BITS": bits}
        cases[name] = Case("regroup", parameters, pixels * lanes_in * bits, pixels * lanes_out * bits)
    return bench(cases, ["common/regroup.sv"])


def _beats(elements: np.ndarray, lanes: int) -> np.ndarray:
    """(groups, pixels, channels) -> (beats, elements of a beat), the lowest channels first."""
    groups, pixels, channels = elements.shape
    parted = elements.reshape(groups, pixels, channels // lanes, lanes)
    return parted.transpose(0, 2, 1, 3).reshape(-1, pixels * lanes)


def _traffic(seed: int):
    """For each shape the words in, and the elements that must come out."""
    random = np.random.default_rng(seed)
    words, expected = {}, {}
    for name, (pixels, lanes_in, lanes_out, bits) in SHAPES.items():
        elements = random.integers(0, 1 << bits, (GROUPS, pixels, max(lanes_in, lanes_out)))
        words[name] = pack(_beats(elements, lanes_in), bits)
        expected[name] = _beats(elements, lanes_out)
    return words, expected


def _check(runs, expected):
    for name, (pixels, _, lanes_out, bits) in SHAPES.items():
        np.testing.assert_array_equal(unpack(runs[name].words, pixels * lanes_out, bits), expected[name], name)


@pytest.mark.parametrize("stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.5, 0.5)])
def test_the_order_of_the_elements(core, stalls):
    words, expected = _traffic(1)
    _check(run_bench(core, words, {name: len(beats) for name, beats in expected.items()}, stalls), expected)


def test_no_cycle_is_lost(core):
    words, expected = _traffic(2)
    runs = run_bench(core, words, {name: len(beats) for name, beats in expected.items()})
    for name, (_, lanes_in, lanes_out, _) in SHAPES.items():
        busy, other = runs[name].taken, runs[name].given
        if lanes_in > lanes_out:
            busy, other = other, busy
        assert (np.diff(busy) == 1).all(), name
        assert (np.diff(other) == len(busy) // len(other)).all(), name
        latency = runs[name].given[0] - runs[name].taken[max(lanes_out // lanes_in, 1) - 1]
        assert latency == (lanes_in != lanes_out), name


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_a_reset_forgets_what_was_inside(core, beats):
    words, expected = _traffic(3)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.allow(f"m_{name}", 1 if beats > 1 else 0)
            simulation.offer(f"s_{name}", words[name][1 : 1 + beats])
        simulation.advance(20)
        reset(simulation)
        _check(drive(simulation, words, {name: len(b) for name, b in expected.items()}, (0.3, 0.3)), expected)
