"""pool.sv against NumPy's max and sum."""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation


@dataclass(frozen=True)
class Shape:
    """A parameterisation."""

    mode: str
    taps: int
    lanes: int = 1
    pixels: int = 1
    bits: int = 4
    signed: int = 0

    @property
    def out_bits(self) -> int:
        return self.bits if self.mode == "max" else self.bits + ceil(log2(self.taps)) + (not self.signed)

    @property
    def out_signed(self) -> bool:
        return bool(self.signed) or self.mode == "sum"

    @property
    def case(self) -> Case:
        parameters = dict(
            TAPS=self.taps, LANES=self.lanes, PIXELS=self.pixels, BITS=self.bits, SIGNED=self.signed, MODE=self.mode,
            OUT_BITS=self.out_bits,
        )  # fmt: skip
        elements = self.pixels * self.lanes
        return Case("pool", parameters, elements * self.taps * self.bits, elements * self.out_bits)

    def windows(self, count: int, seed: int) -> np.ndarray:
        """Inputs (count, pixels, taps, lanes); all lowest and all highest are among them."""
        low = -(1 << (self.bits - 1)) if self.signed else 0
        shape = (count, self.pixels, self.taps, self.lanes)
        windows = np.random.default_rng(seed).integers(low, low + (1 << self.bits), shape)
        windows[0], windows[1] = low, low + (1 << self.bits) - 1
        return windows


SHAPES = {
    "max": Shape("max", 4, lanes=3),
    "max_signed": Shape("max", 9, lanes=2, bits=5, signed=1),
    "max_pixels": Shape("max", 6, lanes=2, pixels=2, bits=8),
    "max_one": Shape("max", 1, lanes=2, bits=2, signed=1),
    "max_bits": Shape("max", 3, lanes=1, pixels=4, bits=1),
    "sum": Shape("sum", 4, lanes=2),
    "sum_signed": Shape("sum", 9, lanes=1, pixels=2, bits=8, signed=1),
    "sum_odd": Shape("sum", 7, lanes=2, bits=3, signed=1),
    "sum_large": Shape("sum", 25, bits=8),
    "sum_one": Shape("sum", 1, lanes=2, bits=6),
}
REDUCE = {"max": np.max, "sum": np.sum}


@pytest.fixture(scope="module")
def core():
    return bench({name: shape.case for name, shape in SHAPES.items()}, ["pipeline/pool.sv"])


def _feed(count: int, seed: int):
    windows = {name: shape.windows(count, seed) for name, shape in SHAPES.items()}
    words = {name: pack(array.reshape(count, -1), SHAPES[name].bits) for name, array in windows.items()}
    expected = {name: REDUCE[SHAPES[name].mode](array, axis=2).reshape(count, -1) for name, array in windows.items()}
    return words, expected, dict.fromkeys(SHAPES, count)


def _check(runs, expected):
    for name, shape in SHAPES.items():
        got = unpack(runs[name].words, expected[name].shape[1], shape.out_bits, shape.out_signed)
        wrong = np.flatnonzero((got != expected[name]).any(axis=1))
        assert not len(wrong), f"{name}: beat {wrong[0]} is {got[wrong[0]]}, not {expected[name][wrong[0]]}"


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.3, 0.4)])
def test_results_are_those_of_numpy(core, stalls):
    words, expected, counts = _feed(300, seed=4)
    _check(run_bench(core, words, counts, stalls, seed=2), expected)


def test_a_beat_a_cycle_and_one_cycle_of_latency(core):
    words, _, counts = _feed(50, seed=6)
    for name, run in run_bench(core, words, counts).items():
        assert (run.taken == run.taken[0] + np.arange(50)).all(), name
        assert (run.given == run.taken + 1).all(), name


def test_a_reset_forgets_the_result_that_waits(core):
    words, expected, counts = _feed(20, seed=7)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.offer(f"s_{name}", words[name])
        simulation.advance(5)  # nobody takes the first result
        reset(simulation)
        _check(drive(simulation, words, counts), expected)
