"""The virtual AUP-ZU3: importing this package puts a board that needs no hardware behind pynq.

    import mlfpga.board
    from pynq import Overlay, allocate      # pynq as installed, now with a device to talk to

What is there: the registers of the processing system that pynq touches, contiguous memory with the CPU's and DDR's
copies apart, AXI DMA in direct register mode, and accelerators from their simulation in `sim/` beside the overlay.
What it adds: a wait that can never end raises and explains, and what hardware keeps quiet about becomes a BoardWarning.
"""

import os
import platform
import warnings

if platform.machine() in ("x86_64", "AMD64"):
    # With AVX-512 NumPy sorts equal values into another order than on the board's Arm cores: a ranking with ties would
    # differ. It works where NumPy is not imported yet, as in the board's kernel.
    os.environ.setdefault(
        "NPY_DISABLE_CPU_FEATURES",
        "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX512_KNL AVX512_KNM",
    )

with warnings.catch_warnings():
    # pynq 4.0.0 imports pkg_resources, which warns about itself; nothing a user could do about it.
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    from mlfpga.board.device import VirtualBoard
from mlfpga.board.errors import BoardError, BoardWarning, BusError, HandoffError, StalledError

warnings.simplefilter("always", BoardWarning)

__all__ = [
    "BoardError",
    "BoardWarning",
    "BusError",
    "HandoffError",
    "StalledError",
    "VirtualBoard",
    "virtual_board",
]


def virtual_board() -> VirtualBoard:
    """The virtual board that pynq uses in this process."""
    import pynq

    active = pynq.Device.active_device
    if not isinstance(active, VirtualBoard):
        raise BoardError(
            f"pynq uses {active.name}, not the virtual board; import mlfpga.board before pynq finds a device"
        )
    return active
