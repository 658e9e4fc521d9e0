"""The arithmetic of the pipeline, stated once; `rtl/pipeline/requantize.sv` says the same in SystemVerilog.

A layer multiplies and adds integers without any rounding. Its accumulator (signed 32 bits, proved in `bounds` never to
overflow) becomes the next layer's input by

    requantize(acc) = clamp(floor((acc * multiplier + round) / 2^shift), low, high)
    round = 2^(shift-1) if shift > 0, else 0

with a multiplier of at most 16 bits, unsigned, and a shift of 0 … 47. That is: round half up (towards +infinity, also
for negative numbers), then saturate. `low` and `high` are the ends of the output's type; low = 0 makes it a ReLU too.
In hardware: one product, one sum, an arithmetic shift right, two comparisons.
"""

import numpy as np

from mlfpga.accelerators.pipeline.layers import NetworkError

ACCUMULATOR_BITS = 32
MULTIPLIER_BITS = 16
MAX_SHIFT = 47


def requantize(acc, multiplier, shift, low: int, high: int) -> np.ndarray:
    """The formula above, for int64 arrays that broadcast against each other: acc (…, C), multiplier and shift (C,); or
    numbers.

    Raises NetworkError if an accumulator, multiplier or shift is outside its range: then the hardware differs.
    """
    acc, multiplier, shift = (np.asarray(value, np.int64) for value in (acc, multiplier, shift))
    _check_range("accumulator", acc, -(1 << (ACCUMULATOR_BITS - 1)), (1 << (ACCUMULATOR_BITS - 1)) - 1)
    _check_range("multiplier", multiplier, 0, (1 << MULTIPLIER_BITS) - 1)
    _check_range("shift", shift, 0, MAX_SHIFT)
    scaled = acc * multiplier  # at most 48 bits
    scaled += (1 << shift) >> 1
    scaled >>= shift  # NumPy's shift of a negative number is arithmetic: it rounds towards -infinity
    return np.clip(scaled, low, high, out=scaled if scaled.ndim else None)


def scaling(ratio, *, bits: int = MULTIPLIER_BITS, common_shift: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Multiplier and shift with multiplier / 2^shift closest to each `ratio`, both int64 in the shape of `ratio`.

    ratio         from 0 to less than 2^bits: scale of the input times scale of the weights over scale of the output
    bits          of the multiplier, 1 … 16; fewer make the hardware smaller and the ratio coarser
    common_shift  one shift for all: the hardware needs no shifter, small ratios lose bits

    Factors of two that multiplier and shift have in common are taken out, which changes no result.
    Raises NetworkError for a ratio out of range.
    """
    ratio = np.asarray(ratio, np.float64)
    if not 1 <= bits <= MULTIPLIER_BITS:
        raise NetworkError(f"a multiplier of {bits} bits; choose 1 … {MULTIPLIER_BITS}")
    wrong = ~((ratio >= 0) & (np.rint(ratio) < 1 << bits))
    if wrong.any():
        raise NetworkError(
            f"the ratio of scales {ratio[wrong].flat[0]:g} has no multiplier of {bits} bits; it must be at least 0 and "
            f"less than {1 << bits}: check the scales of the layer's input, weights and output"
        )
    top = np.full(ratio.shape, ratio.max(initial=0)) if common_shift else ratio
    shift = np.where(top > 0, np.clip(bits - np.frexp(top)[1], 0, MAX_SHIFT), 0).astype(np.int64)
    # A ratio just below a power of two rounds up to 2^bits, one bit too many.
    shift -= (np.rint(np.ldexp(top, shift)) >= 1 << bits) & (shift > 0)
    multiplier = np.rint(np.ldexp(ratio, shift)).astype(np.int64)
    for _ in range(MAX_SHIFT):
        halves = (multiplier % 2 == 0) & (shift > 0)
        halves = np.full(halves.shape, halves.all()) if common_shift else halves
        multiplier, shift = np.where(halves, multiplier // 2, multiplier), np.where(halves, shift - 1, shift)
    return multiplier, shift


def signed_bits(low: int, high: int) -> int:
    """Bits of the narrowest two's complement number that holds everything from `low` to `high`."""
    return max((int(high) if high >= 0 else 0).bit_length(), (~int(low) if low < 0 else 0).bit_length()) + 1


def _check_range(what: str, values: np.ndarray, low: int, high: int) -> None:
    if values.size and (values.min() < low or values.max() > high):
        worst = int(values.min() if values.min() < low else values.max())
        raise NetworkError(f"requantize: {what} {worst:,} is outside {low:,} … {high:,}")
