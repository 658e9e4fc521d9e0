"""Accelerators as RTL: an IP archive, Verilated, cycle by cycle.

`open_ip` reads what Vitis HLS (or anybody who keeps to its format) exported; `RtlSimulation` builds it once and runs
it.
"""

from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import Field, IpCore, MemoryPort, Register, RegisterInterface, StreamPort, open_ip
from mlfpga.simulate.rtl.model import RtlModel
from mlfpga.simulate.rtl.module import module
from mlfpga.simulate.rtl.simulation import Access, Advance, Ram, RtlSimulation
from mlfpga.simulate.rtl.verilator import best_trace
from mlfpga.simulate.rtl.waveform import StreamTrace, Waveform

__all__ = [
    "Access",
    "Advance",
    "Field",
    "IpCore",
    "MemoryPort",
    "Ram",
    "Register",
    "RegisterInterface",
    "RtlError",
    "RtlModel",
    "RtlSimulation",
    "StreamPort",
    "StreamTrace",
    "Waveform",
    "best_trace",
    "module",
    "open_ip",
]
