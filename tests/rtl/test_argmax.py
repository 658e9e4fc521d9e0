"""The index of the largest element, as NumPy's argmax gives it: of equal ones the first."""

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation

# name: (elements, lanes, bits)
SHAPES = {
    "digits": (10, 1, 32),
    "pairs": (10, 2, 16),
    "fives": (10, 5, 3),
    "whole": (10, 10, 8),
    "sixteen": (16, 16, 4),
    "threes": (12, 3, 2),
    "one": (1, 1, 5),
    "two": (2, 1, 2),
    "hundred": (100, 4, 7),
}
VECTORS = 200


def _index_bits(elements: int) -> int:
    return max((elements - 1).bit_length(), 1)


@pytest.fixture(scope="module")
def core():
    cases = {
        name: Case("argmax", {"ELEMENTS": n, "LANES": lanes, "BITS": bits}, lanes * bits, _index_bits(n))
        for name, (n, lanes, bits) in SHAPES.items()
    }
    return bench(cases, ["pipeline/argmax.sv"])


def _vectors(name: str, seed: int) -> np.ndarray:
    """(VECTORS, elements): all equal, the largest at each place, few values (many ties), negative ones, any."""
    elements, _, bits = SHAPES[name]
    random = np.random.default_rng(seed)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    x = random.integers(low, high + 1, (VECTORS, elements))
    few = random.integers(low, high + 1, 2)
    x[:60] = few[random.integers(0, 2, (60, elements))]
    x[60:110] = random.integers(low, max(low + 3, -1) if bits > 3 else 0, (50, elements))
    x[0], x[1], x[2], x[3] = low, high, -1, 0
    for place in range(min(elements, 16)):
        x[4 + place] = low
        x[4 + place, place] = high
        x[20 + place] = low
        x[20 + place, place] = low + 1
        x[36 + place] = low  # tied with the last one
        x[36 + place, [place, -1]] = high
    return x


def _traffic(seed: int):
    words, expected = {}, {}
    for name, (_, lanes, bits) in SHAPES.items():
        x = _vectors(name, seed)
        words[name], expected[name] = pack(x.reshape(-1, lanes), bits), np.argmax(x, axis=1)
    return words, expected


def _check(runs, expected):
    for name, (elements, _, _) in SHAPES.items():
        given = unpack(runs[name].words, 1, _index_bits(elements))[:, 0]
        np.testing.assert_array_equal(given, expected[name], name)


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.9), (0.5, 0.7)])
def test_the_first_of_the_largest(core, stalls):
    words, expected = _traffic(1 + int(10 * sum(stalls)))
    _check(run_bench(core, words, dict.fromkeys(SHAPES, VECTORS), stalls), expected)


def test_a_beat_a_cycle_two_cycles_late(core):
    words, _ = _traffic(2)
    runs = run_bench(core, words, dict.fromkeys(SHAPES, VECTORS))
    for name, (elements, lanes, _) in SHAPES.items():
        assert (np.diff(runs[name].taken) == 1).all(), name
        assert (runs[name].given - runs[name].taken[elements // lanes - 1 :: elements // lanes] == 2).all(), name


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_after_a_reset_a_new_vector_begins(core, beats):
    words, expected = _traffic(3)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.allow(f"m_{name}", beats % 2)
            simulation.offer(f"s_{name}", words[name][:beats])
        simulation.advance(20)
        reset(simulation)
        _check(drive(simulation, words, dict.fromkeys(SHAPES, VECTORS), (0.3, 0.3)), expected)
