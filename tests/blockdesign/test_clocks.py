"""Clocks of the Zynq UltraScale+ PS: what Vivado makes of a request, whatever else shares the PLL."""

import doctest
import random

import pytest

from mlfpga.blockdesign import clocks
from mlfpga.blockdesign.catalogue import load_catalogue

PS = load_catalogue()["xilinx.com:ip:zynq_ultra_ps_e:3.5"]
AUP_ZU3 = {"PSU__PSS_REF_CLK__FREQMHZ": "33.33333", "PSU__SD0__PERIPHERAL__ENABLE": "1"}


def pl(number=0, **changes):
    """(DIVISOR0, DIVISOR1, MHz) of a clock, for parameters of the PS without PSU__."""
    values = PS.values(AUP_ZU3 | {f"PSU__{name}": str(value) for name, value in changes.items()})
    return tuple(
        values[f"PSU__CRL_APB__PL{number}_REF_CTRL__{what}"] for what in ("DIVISOR0", "DIVISOR1", "ACT_FREQMHZ")
    )


def asked(megahertz, source="IOPLL", **more):
    return pl(CRL_APB__PL0_REF_CTRL__FREQMHZ=megahertz, CRL_APB__PL0_REF_CTRL__SRCSEL=source, **more)


def test_examples_in_docstrings_hold():
    assert doctest.testmod(clocks).failed == 0


@pytest.mark.parametrize(
    ("megahertz", "expected"),
    [
        (100, ("15", "1", "99.999985")),
        (250, ("6", "1", "249.999954")),
        (200, ("8", "1", "187.499969")),
        (300, ("5", "1", "299.999939")),
        (50, ("30", "1", "49.999992")),
        (20, ("25", "3", "19.999996")),
    ],
)
def test_clocks_are_those_that_vivado_computes(megahertz, expected):
    """Expected: dividers and frequencies of other clocks from the same PLL, in a .hwh that Vivado 2024.1 wrote."""
    assert asked(megahertz) == expected


@pytest.mark.parametrize(
    ("reference", "expected"), [("33.333", "99.999001"), ("33.333333", "100.000000"), ("33.330", "99.990005")]
)
def test_the_reference_clock_counts_to_the_last_digit(reference, expected):
    """Expected: a 100 MHz clock on boards with these reference clocks, as Vivado 2018.3 to 2023.2 say."""
    assert asked(100, PSS_REF_CLK__FREQMHZ=reference)[2] == expected


def test_what_else_the_pll_drives_decides_its_frequency():
    """Without an SD card's DLL, which wants 1500 MHz, 200 MHz of a SPI and of the boot port are worth a slower PLL."""
    kria = {"SD0__PERIPHERAL__ENABLE": 0, "PSS_REF_CLK__FREQMHZ": "33.333", "SPI1__PERIPHERAL__ENABLE": 1}
    kria |= {"CRL_APB__SPI1_REF_CTRL__SRCSEL": "IOPLL", "CRL_APB__CPU_R5_CTRL__SRCSEL": "RPLL"}
    kria |= {"CRL_APB__IOU_SWITCH_CTRL__FREQMHZ": 250, "CRF_APB__GPU_REF_CTRL__SRCSEL": "IOPLL"}
    assert asked(100, **kria) == ("10", "1", "99.999001")
    assert asked(100, **kria | {"SD0__PERIPHERAL__ENABLE": 1}) == ("15", "1", "99.999001")


def test_a_pll_that_nothing_needs_runs_as_fast_as_it_can():
    assert clocks.pll_megahertz(PS.values({}), "RPLL") == pytest.approx(33.333 * 90 / 2)


def test_the_memory_counts_both_edges():
    """At 800 million transfers a second, 1200 MHz / 3 is as good as 800 / 2, and the larger one is taken."""
    alone = {f"PSU__CRF_APB__{name}_CTRL__SRCSEL": "APLL" for name in ("GPU_REF", "GDMA_REF", "TOPSW_MAIN")}
    values = PS.values(alone | {"PSU__CRF_APB__DDR_CTRL__FREQMHZ": "800"})
    assert clocks.pll_megahertz(values, "DPLL") == pytest.approx(33.333 * 72 / 2)


def test_a_pll_of_the_other_domain_is_divided_first():
    """1200 MHz of the DPLL arrive as 400: 200 MHz are a division by 2. So in a public .hwh of the AUP-ZU3."""
    assert asked(200, "DPLL", CRF_APB__DDR_CTRL__FREQMHZ=1200) == ("2", "1", "199.999954")


def test_a_clock_that_is_off_keeps_what_the_script_says():
    assert pl(1) == ("4", "1", "100")
    assert pl(1, CRL_APB__PL1_REF_CTRL__ACT_FREQMHZ="9.999999") == ("4", "1", "9.999999")


def test_dividers_set_by_hand_stay():
    by_hand = {"OVERRIDE__BASIC_CLOCK": 1, "CRL_APB__IOPLL_CTRL__FBDIV": 45, "CRL_APB__IOPLL_CTRL__DIV2": 0}
    by_hand |= {"CRL_APB__PL0_REF_CTRL__DIVISOR0": 15, "CRL_APB__PL0_REF_CTRL__DIVISOR1": 4}
    assert asked(100, **by_hand) == ("15", "4", "24.999996")


def test_no_pair_of_dividers_comes_closer_from_below():
    """Oracle: all 63 * 63 pairs."""
    numbers = random.Random(5)
    for _ in range(30):
        pll, wish = numbers.uniform(750, 1500), 10 ** numbers.uniform(0, 2.8)
        first, second = clocks.pl_divisors(wish, pll)
        rates = [pll / (a * b) for a in range(1, 64) for b in range(1, 64)]
        assert pll / (first * second) == max(rate for rate in rates if rate <= wish)


@pytest.mark.parametrize("megahertz", [0, -1, 1501, 0.1])
def test_a_clock_that_cannot_be_made_is_refused(megahertz):
    with pytest.raises(ValueError, match=f"a PL clock of {megahertz} MHz is out of range; choose at "):
        asked(megahertz)


def test_a_pll_that_cannot_drive_the_logic_is_refused():
    with pytest.raises(ValueError, match="PLL 'APLL' cannot drive a PL clock; choose IOPLL, RPLL, DPLL"):
        asked(100, "APLL")
