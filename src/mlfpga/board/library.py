"""The IP archives that a design's accelerators are simulated from: `--ip`, or MLFPGA_IP in the environment."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlfpga.board.errors import BoardError, warn
from mlfpga.board.memory import Memory
from mlfpga.board.rtl import Simulation

IP_VARIABLE = "MLFPGA_IP"
"""Archives or folders of IPs, separated as in PATH."""
TRACE_VARIABLE = "MLFPGA_TRACE"
"""Folder for the waveforms, one per accelerator; without it none is written."""
TRACE_KIND_VARIABLE = "MLFPGA_TRACE_KIND"
"""Their suffix: .vcd (without it), which can be read even after the kernel was killed, or .fst, which is smaller."""

_ANOTHER = "what is computed may differ from what the bitstream computes. Give the archive that it was built with"


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

    def find(self, vlnv: str, revision: int = 0) -> Any | None:
        """The core for an IP of the design; None if no archive has it.

        Of cores of the same name, one with the same VLNV goes first, and of those the one with the same revision.
        Warns if the one that is left is another version or another build. Raises BoardError if several are.
        """
        alike = [core for core in self._open() if core.name == (vlnv.split(":") + [""] * 3)[2]]
        found = [core for core in alike if core.vlnv == vlnv] or alike
        found = [core for core in found if revision and core.revision == revision] or found
        if len({core.folder for core in found}) > 1:
            raise BoardError(
                f"{len(found)} IP archives fit {vlnv}: {', '.join(str(core.folder) for core in found)}; give the one "
                "that the design was built with"
            )
        if not found:
            return None
        core = found[0]
        if core.vlnv != vlnv:
            warn(f"the overlay holds {vlnv}, but the IP archive holds {core.vlnv}; {_ANOTHER}")
        elif revision and core.revision and core.revision != revision:
            warn(
                f"the IP archive of {vlnv} is another build (core revision {core.revision}) than the one in the "
                f"overlay ({revision}); {_ANOTHER}"
            )
        return core

    def unused(self, vlnvs: Iterable[str]) -> list[str]:
        """VLNVs of the archives that fit none of these IPs."""
        names = {(vlnv.split(":") + [""] * 3)[2] for vlnv in vlnvs}
        return [core.vlnv for core in self._open() if core.name not in names]

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
