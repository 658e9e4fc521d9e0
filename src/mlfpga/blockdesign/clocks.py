"""The clocks that a Zynq UltraScale+ PS gives to the programmable logic.

pl_clk0…3 are made from a PLL by two 6-bit dividers in series (CRL_APB.PLn_REF_CTRL, UG1085/UG1087). Vivado computes in
single precision, which is why a board asked for 100 MHz is said to run at 99.999985 MHz; so do we, digit for digit.
"""

import struct

REFERENCE_MHZ = 33.33333
# PLL output = reference * FBDIV / (DIV2 + 1); the values of the AUP-ZU3 preset with DIV2 on.
_FEEDBACK = {"IOPLL": 90, "RPLL": 63}
_LARGEST_DIVISOR = 63


def _single(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def pll_megahertz(source: str) -> float:
    """Output of a PLL in MHz; `source` is IOPLL or RPLL."""
    if source not in _FEEDBACK:
        raise ValueError(f"PLL {source!r} cannot drive a PL clock; choose {' or '.join(_FEEDBACK)}")
    return _single(_single(REFERENCE_MHZ) * _FEEDBACK[source] / 2)


def pl_divisors(requested_mhz, source: str) -> tuple[int, int]:
    """The pair of dividers that comes closest to the request from below, the first as large as possible."""
    requested, pll = float(requested_mhz), pll_megahertz(source)
    # The reference crystal is a hair slow, so "100 MHz" must be allowed to mean 99.999985: hence the tolerance.
    if not 0 < requested <= pll * (1 + 1e-6):
        raise ValueError(f"a PL clock of {requested:g} MHz is out of range; choose at most {pll:g} MHz")
    pairs = [(first, second) for second in range(1, 64) for first in range(_LARGEST_DIVISOR, 0, -1)]
    below = [pair for pair in pairs if pll / (pair[0] * pair[1]) <= requested * (1 + 1e-6)]
    if not below:
        raise ValueError(f"a PL clock of {requested:g} MHz is out of range; choose at least {pll / 63**2:.3g} MHz")
    return max(below, key=lambda pair: (pll / (pair[0] * pair[1]), pair[0]))


def pl_divisor0(requested_mhz, source: str) -> int:
    """DIVISOR0 of PLn_REF_CTRL for the requested frequency."""
    return pl_divisors(requested_mhz, source)[0]


def pl_divisor1(requested_mhz, source: str) -> int:
    """DIVISOR1 of PLn_REF_CTRL for the requested frequency."""
    return pl_divisors(requested_mhz, source)[1]


def pl_megahertz(requested_mhz, source: str) -> str:
    """The frequency that results, in MHz with six decimals as Vivado prints it.

    >>> pl_megahertz(100, "IOPLL")
    '99.999985'
    """
    first, second = pl_divisors(requested_mhz, source)
    return f"{_single(pll_megahertz(source) / (first * second)):.6f}"
