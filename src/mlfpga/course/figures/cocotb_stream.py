"""The cocotb side of the comparison: a test that streams vectors through the AXI models of cocotbext-axi.

cocotb imports it inside the simulator. FIGURES_VECTORS names an npz file with `inputs` and `samples`; the answer goes
to FIGURES_RESULT, as npz: `words`, and the wall `seconds` and the `cycles` from the first word in to the last one out.
"""

import logging
import os
import time

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

_PERIOD_NS = 10
_RESET_CYCLES = 16
_START_FOR_GOOD = (0x81).to_bytes(4, "little")


@cocotb.test()
async def streams(dut):
    """All samples in, all results out; the test itself compares nothing."""
    logging.getLogger("cocotb").setLevel(logging.WARNING)  # a line for each frame would be measured too
    vectors = np.load(os.environ["FIGURES_VECTORS"])
    clock, reset = dut.ap_clk, dut.ap_rst_n
    cocotb.start_soon(Clock(clock, _PERIOD_NS, "ns").start())
    reset.value = 0
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "in_r"), clock, reset, False)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "out_r"), clock, reset, False)
    control = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), clock, reset, False)
    await ClockCycles(clock, _RESET_CYCLES)
    reset.value = 1
    await ClockCycles(clock, 2)
    await control.write(0, _START_FOR_GOOD)

    began, first_ns = time.perf_counter(), get_sim_time("ns")
    await source.send(AxiStreamFrame(vectors["inputs"].astype("<u4").tobytes()))
    frames = [await sink.recv() for _ in range(int(vectors["samples"]))]
    seconds, cycles = time.perf_counter() - began, (get_sim_time("ns") - first_ns) / _PERIOD_NS
    words = np.frombuffer(b"".join(bytes(frame.tdata) for frame in frames), dtype="<u4")
    np.savez(os.environ["FIGURES_RESULT"], words=words, seconds=seconds, cycles=cycles)
