"""The IP archives that a design's accelerators are simulated from: `--ip`, or MLFPGA_IP in the environment."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlfpga.board.memory import Memory
from mlfpga.board.rtl import Simulation

IP_VARIABLE = "MLFPGA_IP"
"""Archives or folders of IPs, separated as in PATH."""
TRACE_VARIABLE = "MLFPGA_TRACE"
"""Folder for the waveforms, one per accelerator; without it none is written."""
TRACE_KIND_VARIABLE = "MLFPGA_TRACE_KIND"
"""Their suffix: .vcd (without it), which can be read even after the kernel was killed, or .fst, which is smaller."""


class IpLibrary:
    """IPs by what they call themselves in `component.xml`. Archives are opened when the first one is asked for."""

    def __init__(self, archives: Iterable[str | Path] = (), trace: str | Path | None = None, trace_kind: str = ".vcd"):
        self.archives = [Path(archive) for archive in archives]
        self.trace = Path(trace) if trace else None
        self.trace_kind = trace_kind
        self._cores: list[Any] | None = None

    @classmethod
    def from_environment(cls) -> "IpLibrary":
        """The archives in MLFPGA_IP, and where waveforms go."""
        archives = [entry for entry in os.environ.get(IP_VARIABLE, "").split(os.pathsep) if entry]
        return cls(archives, os.environ.get(TRACE_VARIABLE), os.environ.get(TRACE_KIND_VARIABLE) or ".vcd")

    def find(self, vlnv: str) -> Any | None:
        """The core for an IP of the design: the same VLNV, else the same name; None if no archive has it."""
        cores = self._open()
        exact = (core for core in cores if core.vlnv == vlnv)
        alike = (core for core in cores if core.name == (vlnv.split(":") + [""] * 3)[2])
        return next(exact, None) or next(alike, None)

    def open(self, folder: Path) -> Any:
        """The core in a folder of its own."""
        from mlfpga.simulate.rtl import open_ip

        return open_ip(folder)

    def simulate(self, core: Any, name: str, memory: Memory, mhz: float = 100.0) -> Simulation:
        """Build the core's simulation, for the accelerator `name` at a clock of `mhz`.

        `memory` is what its AXI4 masters reach.
        """
        from mlfpga.simulate.rtl import Ram, RtlSimulation

        trace = None
        if self.trace is not None:
            self.trace.mkdir(parents=True, exist_ok=True)
            trace = self.trace / f"{name.replace('/', '_')}{self.trace_kind}"
        simulation = RtlSimulation(core, trace=trace, clock_mhz=mhz)
        if core.memories:
            simulation.connect(Ram(*memory.arrays))
        return simulation

    def _open(self) -> list[Any]:
        if self._cores is None:
            self._cores = [self.open(archive) for archive in self.archives]
        return self._cores
