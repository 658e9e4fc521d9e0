"""The one error of this room."""


class SynthesisError(Exception):
    """A design could not be synthesised, or its netlist not be simulated."""
