"""The clocks that a Zynq UltraScale+ PS gives to the programmable logic, worked out as Vivado does.

pl_clk0…3 are made from a PLL by two 6-bit dividers in series (CRL_APB.PLn_REF_CTRL, UG1085/UG1087). The PLL is shared:
of all its multipliers Vivado takes the one with which the clocks in use miss their requests least, summed up in parts
of the request, and no clock may be faster than asked for. So an SD card can change the clock of an accelerator.
Vivado computes in single precision: a board asked for 100 MHz is said to run at 99.999985 MHz; so do we, digit for
digit (up to 2018.2 it computed in double precision).
"""

import bisect
import functools
import struct

_MULTIPLIERS = range(45, 91)
_LARGEST_DIVISOR = 63
_ONE_DIVIDER = list(range(1, _LARGEST_DIVISOR + 1))
_TWO_DIVIDERS = sorted({first * second for first in _ONE_DIVIDER for second in _ONE_DIVIDER})
# A PLL reaches the clocks of the other power domain through a divider that keeps it below this (UG1085, "Clocking").
_CROSSING_MHZ = 534

_CRL, _CRF = "PSU__CRL_APB__", "PSU__CRF_APB__"
_DOMAIN = {"IOPLL": _CRL, "RPLL": _CRL, "APLL": _CRF, "DPLL": _CRF, "VPLL": _CRF}
PL_SOURCES = ("IOPLL", "RPLL", "DPLL")

# Clocks that always run, and those that run if one of these parameters is 1.
_RUNNING = {
    _CRF: "ACPU DDR DPDMA_REF GDMA_REF TOPSW_MAIN TOPSW_LSBUS DBG_FPD DBG_TSTMP".split(),
    _CRL: "CPU_R5 ADMA_REF LPD_SWITCH LPD_LSBUS IOU_SWITCH DBG_LPD PCAP AMS_REF TIMESTAMP_REF".split(),
}
_SWITCHED = {
    _CRF: {
        "GPU_REF": ["GPU_PP0__POWER__ON", "GPU_PP1__POWER__ON"],
        "DBG_TRACE": ["TRACE__PERIPHERAL__ENABLE"],
        **{f"{name}_REF": [f"{name}__PERIPHERAL__ENABLE"] for name in ("SATA", "PCIE")},
        **{f"DP_{name}_REF": ["DISPLAYPORT__PERIPHERAL__ENABLE"] for name in ("VIDEO", "AUDIO", "STC")},
    },
    _CRL: {
        **{f"PL{n}_REF": [f"FPGA_PL{n}_ENABLE"] for n in range(4)},
        **{f"GEM{n}_REF": [f"ENET{n}__PERIPHERAL__ENABLE"] for n in range(4)},
        "GEM_TSU_REF": [f"ENET{n}__PERIPHERAL__ENABLE" for n in range(4)],
        **{f"{name}_REF": [f"{name}__PERIPHERAL__ENABLE"] for name in ("QSPI", "NAND")},
        **{
            f"{name}{n}_REF": [f"{name}{n}__PERIPHERAL__ENABLE"] for name in ("UART", "SPI", "I2C", "CAN") for n in "01"
        },
        **{f"SDIO{n}_REF": [f"SD{n}__PERIPHERAL__ENABLE"] for n in "01"},
        "DLL_REF": [f"SD{n}__PERIPHERAL__ENABLE" for n in "01"],
        **{f"USB{n}_BUS_REF": [f"USB{n}__PERIPHERAL__ENABLE"] for n in "01"},
        "USB3_DUAL_REF": [f"USB3_{n}__PERIPHERAL__ENABLE" for n in "01"],
    },
}
# Those with a second divider; the others have DIVISOR0 only.
_WITH_SECOND = ("DP_", "PL", "GEM", "QSPI", "NAND", "UART", "SPI", "I2C", "CAN", "SDIO", "USB", "AMS")


def pl_clock(parameters: dict, number: int, what: str) -> str:
    """DIVISOR0, DIVISOR1 or ACT_FREQMHZ (in MHz, with six decimals) of pl_clk<number>.

    parameters: all those of the PS, by name. Of a clock that is off, and of dividers that the script sets by hand
    (PSU__OVERRIDE__BASIC_CLOCK), the result is what the script has set.
    Raises ValueError if the PLL cannot make the clock.
    """
    name = f"{_CRL}PL{number}_REF_CTRL__"
    stated = parameters[name + what]
    if not _is_on(parameters, f"PSU__FPGA_PL{number}_ENABLE"):
        return stated
    source = parameters[name + "SRCSEL"]
    if source not in PL_SOURCES:
        raise ValueError(f"PLL {source!r} cannot drive a PL clock; choose {', '.join(PL_SOURCES)}")
    by_hand = _is_on(parameters, "PSU__OVERRIDE__BASIC_CLOCK")
    pll = _at_clock(_pll_by_hand(parameters, source) if by_hand else pll_megahertz(parameters, source), source, _CRL)
    if by_hand:
        dividers = int(parameters[name + "DIVISOR0"]), int(parameters[name + "DIVISOR1"])
    else:
        dividers = pl_divisors(float(parameters[name + "FREQMHZ"]), pll)
    if what == "ACT_FREQMHZ":
        return f"{_single(pll / (dividers[0] * dividers[1])):.6f}"
    return stated if by_hand else str(dividers[("DIVISOR0", "DIVISOR1").index(what)])


def pl_divisors(requested: float, pll: float) -> tuple[int, int]:
    """The pair of dividers that comes closest to the request from below, the first as large as possible; both in MHz.

    >>> pl_divisors(100, 1499.99975), pl_divisors(20, 1499.99975)
    ((15, 1), (25, 3))
    """
    if not 0 < requested <= pll:
        raise ValueError(f"a PL clock of {requested:g} MHz is out of range; choose at most {pll:g} MHz")
    product = _product(requested, pll, _TWO_DIVIDERS)
    if product is None:
        raise ValueError(f"a PL clock of {requested:g} MHz is out of range; choose at least {pll / 63**2:.3g} MHz")
    second = next(n for n in _ONE_DIVIDER if product % n == 0 and product // n <= _LARGEST_DIVISOR)
    return product // second, second


def fclk_divisor(parameters: dict, number: int, which: int) -> int:
    """DIVISOR0 or DIVISOR1 of FCLK_CLK<number> of a Zynq-7000 PS, from its IO PLL: the nearest frequency, and of the
    pairs of dividers that make it the one whose members differ least, the larger first. 1 for a clock that is off.
    """
    if not _is_on(parameters, f"PCW_EN_CLK{number}_PORT"):
        return 1
    pll = float(parameters["PCW_CRYSTAL_PERIPHERAL_FREQMHZ"]) * int(parameters["PCW_IOPLL_CTRL_FBDIV"])
    requested = float(parameters[f"PCW_FPGA{number}_PERIPHERAL_FREQMHZ"])
    if not 0 < requested <= pll:
        raise ValueError(f"an FCLK of {requested:g} MHz is out of range; choose at most {pll:g} MHz")
    product = min(_TWO_DIVIDERS, key=lambda product: abs(pll / product - requested))
    pairs = [(product // n, n) for n in _ONE_DIVIDER if product % n == 0 and n <= product // n <= _LARGEST_DIVISOR]
    return pairs[-1][which]


def pll_megahertz(parameters: dict, source: str) -> float:
    """Output of a PLL in MHz, where Vivado chooses its multiplier."""
    clocks = tuple(_clocks_of(parameters, source))
    return _output(_reference(parameters), _multiplier(_reference(parameters), source, clocks), 2)


def _pll_by_hand(parameters, source):
    def stated(what):
        return float(parameters[f"{_DOMAIN[source]}{source}_{what}"])

    fraction = stated("CTRL__FRACDATA") if stated("FRAC_CFG__ENABLED") else 0
    return _output(_reference(parameters), stated("CTRL__FBDIV") + fraction, stated("CTRL__DIV2") + 1)


def _clocks_of(parameters, source):
    """(MHz asked for, domain, possible dividers) of each clock in use that a PLL drives."""
    for domain in (_CRL, _CRF):
        switched = [name for name, switches in _SWITCHED[domain].items()
                    if any(_is_on(parameters, f"PSU__{switch}") for switch in switches)]  # fmt: skip
        for name in (*_RUNNING[domain], *switched):
            if parameters[f"{domain}{name}_CTRL__SRCSEL"] == source:
                requested = float(parameters[f"{domain}{name}_CTRL__FREQMHZ"])
                # The memory's clock counts both edges; the DLL of the SD cards takes the PLL as it is.
                if name == "DDR":
                    requested /= 2
                dividers = 0 if name == "DLL_REF" else 2 if name.startswith(_WITH_SECOND) else 1
                yield requested, domain, dividers


@functools.lru_cache(maxsize=256)
def _multiplier(reference, source, clocks) -> int:
    """The multiplier with the least error; of equal ones the largest."""

    def error(multiplier):
        output = _output(reference, multiplier, 2)
        return sum(_error(_at_clock(output, source, domain), wish, dividers) for wish, domain, dividers in clocks)

    return min(reversed(_MULTIPLIERS), key=lambda multiplier: round(error(multiplier), 9))


def _error(pll, requested, dividers) -> float:
    if dividers == 0:
        return abs(requested - pll) / requested
    product = _product(requested, pll, _ONE_DIVIDER if dividers == 1 else _TWO_DIVIDERS)
    return 1 if product is None else (requested - pll / product) / requested


def _product(requested, pll, products) -> int | None:
    """The smallest division that does not exceed the request."""
    place = bisect.bisect_left(products, True, key=lambda product: pll / product <= requested)
    return products[place] if place < len(products) else None


def _at_clock(pll, source, domain) -> float:
    """What arrives in a domain: in the other one than its own, the output of a PLL divided to below the limit."""
    if _DOMAIN[source] == domain:
        return pll
    return pll / next(n for n in _ONE_DIVIDER if pll / n <= _CROSSING_MHZ)


def _output(reference, multiplier, divider) -> float:
    return _single(_single(reference * multiplier) / divider)


def _reference(parameters) -> float:
    return _single(float(parameters["PSU__PSS_REF_CLK__FREQMHZ"]))


def _is_on(parameters, name) -> bool:
    return parameters.get(name) == "1"


def _single(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]
