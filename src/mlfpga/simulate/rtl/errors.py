"""The one error of this room."""

from mlfpga.simulate.model import SimulationError


class RtlError(SimulationError):
    """An IP could not be opened, built or simulated."""
