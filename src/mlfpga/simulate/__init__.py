"""Accelerators as programs: stream words in, stream words out.

`load(folder)` opens a simulation folder (its `simulation.json` says which kind it is) and returns a `StreamModel`. The
virtual board drives the same object that the labs call, so both see the same words.
"""

from pathlib import Path

from mlfpga.simulate.csim import CSimulation
from mlfpga.simulate.model import SimulationError, StreamModel, read_description
from mlfpga.simulate.rtl import RtlModel

_KINDS = {"csim": CSimulation, "rtl": RtlModel}

__all__ = ["CSimulation", "RtlModel", "SimulationError", "StreamModel", "load", "read_description"]


def load(folder: Path | str) -> StreamModel:
    """Open the simulation that a folder's `simulation.json` describes, building it if it was not built before.

    Raises SimulationError if the folder holds none, or none of a known kind.
    """
    kind = read_description(Path(folder)).get("kind")
    if kind not in _KINDS:
        raise SimulationError(f"{folder}: simulation kind {kind!r} is not known; known: {', '.join(_KINDS)}")
    return _KINDS[kind](folder)
