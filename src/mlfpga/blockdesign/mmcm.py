"""The frequencies that a clocking wizard reaches: an MMCM or a PLL of UltraScale+ (UG572, "Clock Management Tile").

The input is divided by D and multiplied by M to the VCO's frequency; each output divides that again. An MMCM's M and
its first output's divider move in steps of 1/8, all else in whole steps. The wizard takes the dividers that come
closest to all requests together.
"""

from dataclasses import dataclass
from functools import lru_cache

_LOWEST_DETECTOR_MHZ, _HIGHEST_DETECTOR_MHZ = 10, 500


@dataclass(frozen=True)
class _Primitive:
    """Limits of one kind: VCO in MHz, largest D and M, steps of M and of the first divider per whole one."""

    slowest: float
    fastest: float
    largest_d: int
    largest_m: int
    smallest_m: int
    steps: int
    largest_o: int = 128


_PRIMITIVES = {"MMCM": _Primitive(800, 1600, 106, 128, 2, 8), "PLL": _Primitive(750, 1500, 15, 21, 1, 1)}


def mmcm_megahertz(number: int, primitive: str, source_mhz, *requested_mhz) -> str:
    """The frequency of output `number` (1 is the first) in MHz with five decimals, as the wizard prints it.

    primitive: MMCM, PLL, or Auto (an MMCM)
    source_mhz: the input clock
    requested_mhz: of all outputs; 0 stands for one that is not used
    ValueError if the input clock or a request is out of range.

    >>> mmcm_megahertz(1, "MMCM", "100.000", "200", 0), mmcm_megahertz(2, "MMCM", 100, 200, 75)
    ('200.00000', '75.00000')
    """
    wanted = tuple(float(request) for request in requested_mhz)
    return f"{_reached(primitive.upper(), float(source_mhz), wanted)[number - 1]:.5f}"


@lru_cache(maxsize=256)
def _reached(primitive, source, wanted):
    limits = _PRIMITIVES.get(primitive, _PRIMITIVES["MMCM"])
    best, least = None, None
    for divide, multiply in _vco_settings(limits, source):
        vco = source * multiply / divide
        outputs = tuple(_output(limits, vco, request, first=not n) for n, request in enumerate(wanted))
        error = sum(abs(got - request) / request for got, request in zip(outputs, wanted, strict=True) if request)
        if least is None or error < least - 1e-12:
            best, least = outputs, error
        if error < 1e-12:
            break
    if best is None:
        raise ValueError(f"a clock of {source:g} MHz cannot drive a clocking wizard; choose 10 to 800 MHz")
    return best


def _vco_settings(limits, source):
    """(D, M), the fastest phase detector first: less jitter."""
    for divide in range(1, limits.largest_d + 1):
        detector = source / divide
        if detector < _LOWEST_DETECTOR_MHZ:
            return
        if detector > _HIGHEST_DETECTOR_MHZ:
            continue
        for eighths in range(limits.smallest_m * limits.steps, limits.largest_m * limits.steps + 1):
            multiply = eighths / limits.steps
            if limits.slowest <= detector * multiply <= limits.fastest:
                yield divide, multiply


def _output(limits, vco, request, first):
    if not request:
        return 0.0
    steps = limits.steps if first else 1
    divider = min(max(round(vco / request * steps), steps), limits.largest_o * steps)
    return vco / (divider / steps)
