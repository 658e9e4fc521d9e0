"""Registers of the processing system that pynq touches before and while it loads an overlay.

Clocks, and the widths of the AXI ports between the processing system (PS) and the programmable logic (PL). They store
what is written; reset values are those of a booted AUP-ZU3 (PLL settings of its board preset: 33.333 MHz reference,
IOPLL x 90 / 2 = 1500 MHz, PL0 = IOPLL / 15 = 100 MHz). Offsets and fields: AMD UG1087, register reference.
"""

from collections.abc import Mapping

from mlfpga.board.bus import Bus

CRL_APB = 0xFF5E_0000
CRF_APB = 0xFD1A_0000
FPD_SLCR = 0xFD61_0000
LPD_SLCR = 0xFF41_0000
AFIFM = (0xFD36_0000, 0xFD37_0000, 0xFD38_0000, 0xFD39_0000, 0xFD3A_0000, 0xFD3B_0000, 0xFF9B_0000)

REFERENCE_MHZ = 33.333
_DIV2, _CLOCK_ACTIVE = 1 << 16, 1 << 24
_FABRIC_128 = 0


def _pll(feedback: int) -> int:
    return _DIV2 | feedback << 8


def _clock(divisor0: int, divisor1: int) -> int:
    return _CLOCK_ACTIVE | divisor1 << 16 | divisor0 << 8


_CLOCKS_LPD = {0x20: _pll(90), 0x30: _pll(63)} | {0xC0 + 4 * n: _clock(15, 1) for n in range(4)}
_CLOCKS_FPD = {0x20: _pll(72), 0x2C: _pll(72), 0x38: _pll(90), 0x60: 0x0300_0000 | 1 << 8}
_AXI_PORTS = {0x00: _FABRIC_128, 0x14: _FABRIC_128}


class Registers:
    """32-bit registers that keep what is written and do nothing."""

    def __init__(self, reset: Mapping[int, int] | None = None):
        self._values = dict(reset or {})

    def read(self, offset: int) -> int:
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self._values[offset] = value


def attach_ps(bus: Bus) -> None:
    """Put the PS registers on the bus; they answer before any overlay is loaded."""
    bus.attach("CRL_APB", CRL_APB, 0x1_0000, Registers(_CLOCKS_LPD))
    bus.attach("CRF_APB", CRF_APB, 0x1_0000, Registers(_CLOCKS_FPD))
    bus.attach("FPD_SLCR", FPD_SLCR, 0x1_0000, Registers())
    bus.attach("LPD_SLCR", LPD_SLCR, 0x1_0000, Registers())
    for number, base in enumerate(AFIFM):
        bus.attach(f"AFIFM{number}", base, 0x1_0000, Registers(_AXI_PORTS))


def pl_clock_mhz(bus: Bus, number: int = 0) -> float:
    """Frequency of PL clock `number` that the clock registers give."""
    pll, control = bus.read(CRL_APB + 0x20), bus.read(CRL_APB + 0xC0 + 4 * number)
    return REFERENCE_MHZ * (pll >> 8 & 0x7F) / 2 / (control >> 8 & 0x3F) / (control >> 16 & 0x3F)
