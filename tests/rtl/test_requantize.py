"""The RTL's requantization is the formula, in Python's unbounded integers, on extremes, ties and random numbers."""

from dataclasses import dataclass

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack, write_rom

from mlfpga.simulate.rtl import RtlSimulation

SHIFT_BITS = 6
PIXELS_OF_CHANNELS = 120  # vectors of a test: each of LANES * FOLDS channels


@dataclass(frozen=True)
class Shape:
    lanes: int
    pixels: int
    folds: int
    in_bits: int
    out_bits: int
    signed: bool
    multiplier_bits: int
    common: int = -1

    @property
    def channels(self) -> int:
        return self.lanes * self.folds


# Every output type of 2 … 8 bits is there, and accumulators and multipliers from the narrowest to the widest.
SHAPES = {
    "widest": Shape(4, 1, 4, 32, 8, True, 16),
    "widestunsigned": Shape(2, 2, 8, 32, 8, False, 16),
    "nofolds": Shape(5, 2, 1, 20, 4, False, 16),
    "common": Shape(3, 1, 3, 32, 7, True, 16, 47),
    "commonnone": Shape(2, 1, 2, 9, 6, True, 4, 0),
    "commonone": Shape(2, 1, 1, 12, 5, False, 8, 1),
    "narrow": Shape(1, 3, 5, 2, 8, True, 1),
    "narrowunsigned": Shape(1, 1, 2, 2, 7, False, 1, 0),
    "two": Shape(3, 2, 2, 14, 2, True, 10),
    "twounsigned": Shape(3, 1, 2, 14, 2, False, 10),
    "three": Shape(1, 1, 48, 32, 3, True, 16),
    "threeunsigned": Shape(1, 1, 48, 32, 3, False, 16),
    "four": Shape(2, 1, 3, 17, 4, True, 16),
    "five": Shape(2, 1, 3, 17, 5, True, 16),
    "sixunsigned": Shape(2, 1, 3, 17, 6, False, 16),
}


def _oracle(x: int, multiplier: int, shift: int, bits: int, signed: bool) -> int:
    """The formula of the contract, in Python's integers."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    half = 1 << (shift - 1) if shift else 0
    return min(max((x * multiplier + half) // (1 << shift), low), high)


def _factors(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and shift of each channel: the extremes first, then useful and useless ones."""
    shape = SHAPES[name]
    random = np.random.default_rng(len(name))
    largest = (1 << shape.multiplier_bits) - 1
    multipliers = random.integers(largest // 2, largest + 1, shape.channels)
    multipliers[::3] = 1 << random.integers(0, shape.multiplier_bits, len(multipliers[::3]))  # these make ties
    multipliers[:3] = [largest, 1, 0][: shape.channels]
    # A shift that brings the largest product near the ends of the output, and a little more or less.
    useful = max(shape.in_bits + shape.multiplier_bits - shape.out_bits - 1, 0)
    shifts = np.clip(useful + random.integers(-6, 3, shape.channels), 0, 47)
    if shape.channels >= 48:
        shifts = np.arange(shape.channels)
    elif shape.channels > 4:
        shifts[1], shifts[3], shifts[4] = 0, 47, 1
    return multipliers, shifts if shape.common < 0 else np.full(shape.channels, shape.common)


def _accumulators(name: str, seed: int) -> np.ndarray:
    """(vectors, pixels, channels): extremes, what lies at and beside each rounding step, and random ones."""
    shape = SHAPES[name]
    random = np.random.default_rng(seed)
    low, high = -(1 << (shape.in_bits - 1)), (1 << (shape.in_bits - 1)) - 1
    x = random.integers(low, high + 1, (PIXELS_OF_CHANNELS, shape.pixels, shape.channels))
    x[0], x[1], x[2:5] = low, high, np.array([-1, 0, 1])[:, None, None]
    multipliers, shifts = _factors(name)
    ends = 1 << (shape.out_bits + (not shape.signed))
    for channel, (multiplier, shift) in enumerate(zip(multipliers.tolist(), shifts.tolist(), strict=True)):
        # The result's k-th step is where x * multiplier = (k - 1/2) * 2^shift.
        steps = random.integers(-ends, ends + 1, (60, shape.pixels))
        steps[:4] = np.array([0, 1, ends // 2, -ends // 2])[:, None]
        at = [[-(-((2 * int(k) - 1) << shift) // (2 * max(multiplier, 1))) for k in row] for row in steps]
        beside = np.array([0, -1, 1] * 20)[:, None]
        # Objects, because some of these are beyond 64 bits.
        near = np.clip(np.array(at, dtype=object) + beside, low, high)
        x[5:65, :, channel] = near
    return x


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roms")
    cases, data = {}, []
    for name, shape in SHAPES.items():
        multipliers, shifts = (factors.reshape(shape.folds, shape.lanes) for factors in _factors(name))
        parameters = {"LANES": shape.lanes, "PIXELS": shape.pixels, "FOLDS": shape.folds, "IN_BITS": shape.in_bits}
        parameters |= {"OUT_BITS": shape.out_bits, "OUT_SIGNED": int(shape.signed), "SHIFT_BITS": SHIFT_BITS}
        parameters |= {"MULTIPLIER_BITS": shape.multiplier_bits, "COMMON_SHIFT": shape.common}
        parameters |= {"MULTIPLIERS": f"{name}_multipliers.hex"}
        data.append(write_rom(folder / f"{name}_multipliers.hex", multipliers, shape.multiplier_bits))
        if shape.common < 0:
            parameters |= {"SHIFTS": f"{name}_shifts.hex"}
            data.append(write_rom(folder / f"{name}_shifts.hex", shifts, SHIFT_BITS))
        elements = shape.pixels * shape.lanes
        cases[name] = Case("requantize", parameters, elements * shape.in_bits, elements * shape.out_bits)
    return bench(cases, ["pipeline/requantize.sv"], data)


def _beats(elements: np.ndarray, shape: Shape) -> np.ndarray:
    """(vectors, pixels, channels) -> (beats, [pixel][lane]), fold by fold."""
    folded = elements.reshape(-1, shape.pixels, shape.folds, shape.lanes)
    return folded.transpose(0, 2, 1, 3).reshape(-1, shape.pixels * shape.lanes)


def _traffic(seed: int):
    words, expected = {}, {}
    for name, shape in SHAPES.items():
        x, (multipliers, shifts) = _accumulators(name, seed), _factors(name)
        y = np.empty_like(x)
        for place in np.ndindex(x.shape):
            channel = place[-1]
            factors = int(multipliers[channel]), int(shifts[channel])
            y[place] = _oracle(int(x[place]), *factors, shape.out_bits, shape.signed)
        words[name], expected[name] = pack(_beats(x, shape), shape.in_bits), _beats(y, shape)
    return words, expected


def _check(runs, expected):
    for name, shape in SHAPES.items():
        given = unpack(runs[name].words, shape.pixels * shape.lanes, shape.out_bits, shape.signed)
        np.testing.assert_array_equal(given, expected[name], name)


def test_the_numbers_reach_both_ends_and_ties():
    """What the other tests rest on: every output value of the small types occurs, and ties of both signs."""
    _, expected = _traffic(1)
    for name, shape in SHAPES.items():
        low, high = (-(1 << (shape.out_bits - 1)), (1 << (shape.out_bits - 1)) - 1) if shape.signed else (0, 255)
        if name.startswith(("widest", "three", "two", "four")):
            assert expected[name].min() == low, name
            assert expected[name].max() == min(high, (1 << shape.out_bits) - 1), name
    x, (multipliers, shifts) = _accumulators("three", 1), _factors("three")
    products, steps = x[:, :, 1:] * multipliers[1:], np.int64(1) << shifts[1:]
    ties = products[products % steps == steps // 2]
    assert (ties < 0).sum() > 20 and (ties > 0).sum() > 20


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.4, 0.4)])
def test_it_is_the_formula(core, stalls):
    words, expected = _traffic(1 + int(10 * sum(stalls)))
    _check(run_bench(core, words, {name: len(e) for name, e in expected.items()}, stalls), expected)


def test_a_beat_a_cycle_two_cycles_late(core):
    words, expected = _traffic(2)
    for name, run in run_bench(core, words, {name: len(e) for name, e in expected.items()}).items():
        assert (np.diff(run.taken) == 1).all(), name
        assert (run.given - run.taken == 2).all(), name


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_after_a_reset_the_first_fold_comes_again(core, beats):
    words, expected = _traffic(3)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.allow(f"m_{name}", beats % 2)
            simulation.offer(f"s_{name}", words[name][:beats])
        simulation.advance(20)
        reset(simulation)
        _check(drive(simulation, words, {name: len(e) for name, e in expected.items()}, (0.3, 0.3)), expected)
