"""Accelerators as programs: stream words in, stream words out.

`load(folder)` opens a simulation folder (its `simulation.json` says which kind it is) and returns a `StreamModel`. The
virtual board drives the same object that the labs call, so both see the same words.
"""

from mlfpga.simulate.csim import CSimulation
from mlfpga.simulate.model import SimulationError, StreamModel, load

__all__ = ["CSimulation", "SimulationError", "StreamModel", "load"]
