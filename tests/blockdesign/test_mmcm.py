"""The clocking wizard's frequencies: those that the dividers allow, as close to the request as can be."""

import itertools
import random

import pytest

from mlfpga.blockdesign.mmcm import mmcm_megahertz


@pytest.mark.parametrize("source", [33.333, 99.999985, 100, 125, 156.25, 300])
def test_one_output_is_as_close_as_a_search_through_all_settings_finds(source):
    """UG572: D up to 106, M 2 to 128 and O 1 to 128 in eighths, phase detector 10 to 500 MHz, VCO 800 to 1600 MHz."""
    request = random.Random(source).uniform(8, 700)
    vcos = {
        source / divide * eighths / 8
        for divide, eighths in itertools.product(range(1, 107), range(16, 1025))
        if 10 <= source / divide <= 500 and 800 <= source / divide * eighths / 8 <= 1600
    }
    best = min(abs(vco * 8 / max(round(vco * 8 / request), 8) - request) for vco in vcos)
    assert abs(float(mmcm_megahertz(1, "MMCM", source, request)) - request) == pytest.approx(best, abs=1e-5)


def test_several_outputs_share_one_oscillator():
    requests = (200, 300, 75, 100, 200, 400, 600)
    assert [float(mmcm_megahertz(n + 1, "MMCM", 100, *requests)) for n in range(7)] == list(requests)


def test_only_the_first_output_is_divided_in_eighths():
    # 160 MHz is 1000 MHz / 6.25, and no VCO frequency that makes 1000 MHz is a whole multiple of it.
    assert [mmcm_megahertz(n, "MMCM", 100, 160, 1000) for n in (1, 2)] == ["160.00000", "1000.00000"]
    assert [mmcm_megahertz(n, "MMCM", 100, 1000, 160) for n in (1, 2)] != ["1000.00000", "160.00000"]


def test_a_request_that_cannot_be_met_is_missed_by_little():
    assert abs(float(mmcm_megahertz(2, "MMCM", 100, 74.25, 12.288)) - 12.288) < 0.05


def test_a_pll_moves_in_whole_steps():
    assert mmcm_megahertz(1, "PLL", 100, 300) == "300.00000"
    # 123.125 MHz is 985 MHz / 8: M would have to be 9.85.
    assert mmcm_megahertz(1, "PLL", 100, 123.125) != "123.12500"


@pytest.mark.parametrize("source", [1, 9.9])
def test_a_clock_that_is_too_slow_is_refused(source):
    with pytest.raises(ValueError) as caught:
        mmcm_megahertz(1, "MMCM", source, 100)
    assert str(caught.value) == f"a clock of {source:g} MHz cannot drive a clocking wizard; choose 10 to 800 MHz"
