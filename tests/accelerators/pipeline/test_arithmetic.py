"""Requantization against exact fractions, and the multipliers that come closest to a ratio."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from mlfpga.accelerators.pipeline.arithmetic import requantize, scaling, signed_bits
from mlfpga.accelerators.pipeline.layers import NetworkError


def exactly(acc, multiplier, shift, low, high):
    """Round half up and saturate, in fractions: no shift, no bits."""
    return min(max(floor(Fraction(int(acc) * int(multiplier), 2 ** int(shift)) + Fraction(1, 2)), low), high)


@pytest.mark.parametrize("low, high", [(-8, 7), (0, 15), (-(1 << 31), (1 << 31) - 1)])
def test_every_small_accumulator_multiplier_and_shift(low, high):
    acc, multiplier, shift = (a.ravel() for a in np.meshgrid(np.arange(-33, 34), np.arange(12), np.arange(7)))
    expected = [exactly(*numbers, low, high) for numbers in zip(acc, multiplier, shift, strict=True)]
    assert requantize(acc, multiplier, shift, low, high).tolist() == expected


def test_ends_of_every_range():
    rng = np.random.default_rng(1)
    ends = [-(1 << 31), -(1 << 31) + 1, -1, 0, 1, (1 << 31) - 2, (1 << 31) - 1]
    acc = np.concatenate([ends, rng.integers(-(1 << 31), 1 << 31, 60)])
    multiplier = np.array([0, 1, 3, 32768, 65534, 65535])
    grid = [a.ravel() for a in np.meshgrid(acc, multiplier, np.arange(48))]
    for low, high in [(-128, 127), (0, 255), (0, 3), (-(1 << 60), 1 << 60)]:
        expected = [exactly(*numbers, low, high) for numbers in zip(*grid, strict=True)]
        assert requantize(*grid, low, high).tolist() == expected


def test_halves_go_up_also_below_zero():
    assert requantize([-3, -1, 1, 3], 1, 1, -8, 7).tolist() == [-1, 0, 1, 2]


def test_channels_come_last():
    acc = np.array([[[100, 100], [-100, 40]]])
    assert requantize(acc, [1, 3], [1, 2], 0, 60).tolist() == [[[50, 60], [0, 30]]]


def test_arguments_stay_as_they_are():
    acc = np.array([100, -100])
    requantize(acc, 1, 1, 0, 7)
    assert acc.tolist() == [100, -100]


@pytest.mark.parametrize(
    "numbers, text",
    [
        ((1 << 31, 1, 0), "requantize: accumulator 2,147,483,648 is outside -2,147,483,648 … 2,147,483,647"),
        ((-(1 << 31) - 1, 1, 0), "requantize: accumulator -2,147,483,649 is outside -2,147,483,648 … 2,147,483,647"),
        ((1, 65536, 0), "requantize: multiplier 65,536 is outside 0 … 65,535"),
        ((1, -1, 0), "requantize: multiplier -1 is outside 0 … 65,535"),
        ((1, 1, 48), "requantize: shift 48 is outside 0 … 47"),
        ((1, 1, -1), "requantize: shift -1 is outside 0 … 47"),
    ],
)
def test_what_the_hardware_cannot_hold(numbers, text):
    with pytest.raises(NetworkError) as error:
        requantize(*numbers, -8, 7)
    assert str(error.value) == text


@pytest.mark.parametrize("bits", [1, 3, 4])
def test_no_multiplier_and_shift_come_closer(bits):
    rng = np.random.default_rng(bits)
    most = (1 << bits) - 1
    ratios = [0.0, 0.999, 0.5, 0.96875, 0.3, float(most), *np.exp2(rng.uniform(-12, bits - 1, 40))]
    ratios += [most / 2**s * f for s in range(6) for f in (1, 1.02, 1.06, 1.12)]  # just below a power of two
    candidates = [Fraction(m, 2**s) for m in range(1 << bits) for s in range(20)]
    for ratio in ratios:
        if ratio > most:
            continue
        multiplier, shift = scaling(ratio, bits=bits)
        assert 0 <= multiplier <= most
        error = abs(Fraction(int(multiplier), 2 ** int(shift)) - Fraction(ratio))
        assert error == min(abs(candidate - Fraction(ratio)) for candidate in candidates), ratio


def test_common_factors_of_two_are_taken_out():
    multiplier, shift = scaling([0.25, 0.75, 1.0, 6.0, 0.0])
    assert (multiplier.tolist(), shift.tolist()) == ([1, 3, 1, 6, 0], [2, 2, 0, 0, 0])
    assert multiplier.dtype == shift.dtype == np.int64


def test_one_shift_for_all_channels():
    ratios = np.array([0.3, 0.01, 0.0001, 0.0])
    multiplier, shift = scaling(ratios, common_shift=True, bits=8)
    assert len(set(shift.tolist())) == 1
    assert 128 <= multiplier.max() <= 255
    assert (np.abs(multiplier / 2.0**shift - ratios) <= 0.5 / 2.0**shift).all()
    multiplier, shift = scaling([0.5, 0.25], common_shift=True)
    assert (multiplier.tolist(), shift.tolist()) == ([2, 1], [2, 2])


def test_one_shift_when_the_largest_ratio_rounds_up_to_a_power_of_two():
    multiplier, shift = scaling([0.999, 0.32], common_shift=True, bits=4)  # 16 and 5 with a shift of 4: 16 has 5 bits
    assert (multiplier.tolist(), shift.tolist()) == ([8, 3], [3, 3])


def test_shift_stops_at_its_end():
    multiplier, shift = scaling([3 * 2.0**-47, 2.0**-60])
    assert (multiplier.tolist(), shift.tolist()) == ([3, 0], [47, 0])


@pytest.mark.parametrize("ratio", [-0.5, np.nan, np.inf, 15.5, 100])
def test_a_ratio_without_multiplier(ratio):
    with pytest.raises(NetworkError) as error:
        scaling([0.5, ratio], bits=4)
    assert str(error.value) == (
        f"the ratio of scales {ratio:g} has no multiplier of 4 bits; it must be at least 0 and less than 16: check the "
        "scales of the layer's input, weights and output"
    )


def test_a_multiplier_that_is_too_wide():
    with pytest.raises(NetworkError, match="^a multiplier of 17 bits; choose 1 … 16$"):
        scaling(0.5, bits=17)


def test_signed_bits():
    for low in range(-20, 21):
        for high in range(low, 21):
            enough = next(n for n in range(1, 9) if -(2 ** (n - 1)) <= low and high < 2 ** (n - 1))
            assert signed_bits(low, high) == enough, (low, high)


def test_single_numbers_can_be_requantized_by_hand():
    assert requantize(5, 3, 1, -8, 7) == 7 and requantize(-5, 3, 1, -8, 7) == -7  # 15/2 rounds to 8, -15/2 to -7
