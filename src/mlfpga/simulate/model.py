"""What every simulated accelerator looks like, and how one describes itself on disk."""

import json
from pathlib import Path
from typing import Protocol

import numpy as np


class SimulationError(Exception):
    """A simulation could not be built or did not behave as an accelerator must."""


class StreamModel(Protocol):
    """An accelerator seen from its two streams, whole samples at a time.

    top          name of the top-level function or module
    stream_bits  TDATA's width of both streams
    words_in     input words of one sample
    words_out    output words of one sample
    """

    top: str
    stream_bits: int
    words_in: int
    words_out: int

    def run(self, words: np.ndarray, last: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Send `words` (n * words_in,) with their TLAST flags; return n * words_out words with theirs.

        `last` is a bool per word; None sets it on the last word only, as a DMA does with one transfer.
        """
        ...


def read_description(folder: Path) -> dict:
    """The content of `simulation.json`; SimulationError if there is none, or if it is no JSON object."""
    path = folder / "simulation.json"
    try:
        description = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise SimulationError(f"{folder} is not a simulation folder: it has no simulation.json") from None
    except ValueError as error:  # of JSON, or of UTF-8
        raise SimulationError(f"{path} is not JSON: {error}") from None
    if not isinstance(description, dict):
        raise SimulationError(f"{path} does not describe a simulation; it must be an object with kind, top, …")
    return description
