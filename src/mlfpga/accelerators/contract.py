"""What an accelerator is to the rest of the house, whichever kind made it."""

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mlfpga.artifacts import writing
from mlfpga.formats import StreamFormat
from mlfpga.simulate import StreamModel, load

PART = "xczu3eg-sfvc784-2-e"
"""The Zynq UltraScale+ device on the AUP-ZU3."""

_ENTRIES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "top", "vlnv", "kind", "part"), str),
    **dict.fromkeys(("input", "output", "settings"), dict),
    "clock_mhz": (int, float),
}


class AcceleratorError(Exception):
    """A model that cannot become an accelerator, or a folder that does not hold one."""


@dataclass(frozen=True)
class Accelerator:
    """An accelerator on disk: its sources, its simulation, and how numbers travel through it.

    name       of the network, e.g. "digits_mlp"
    top        of the IP, e.g. "digits_mlp_axi"; also its HLS top function
    vlnv       vendor:library:name:version under which Vivado finds the IP
    kind       what made it: "hls4ml", …
    input      format of one sample on `s_axis`
    output     format of one result on `m_axis`
    folder     holds accelerator.json, simulation.json and the sources
    clock_mhz  clock it was made for
    settings   what the kind wants to remember (precision and reuse of each layer, …), JSON
    """

    name: str
    top: str
    vlnv: str
    kind: str
    input: StreamFormat
    output: StreamFormat
    folder: Path
    clock_mhz: float = 100.0
    part: str = PART
    settings: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.input.stream_bits != self.output.stream_bits:
            raise AcceleratorError(
                f"{self.name}: the input stream is {self.input.stream_bits} bits wide and the output stream "
                f"{self.output.stream_bits}; the DMA has one width for both"
            )

    @property
    def stream_bits(self) -> int:
        return self.input.stream_bits

    def simulation(self) -> StreamModel:
        """The accelerator as a program; built on the first call, taken from the cache afterwards."""
        return load(self.folder)

    def predict(self, x, saturate: bool = False) -> np.ndarray:
        """Simulate samples `x` (n, *input.shape) in engineering units; results (n, *output.shape), float64.

        Values outside the input format raise RangeError, unless `saturate`.
        """
        return self.output.decode(self.predict_words(self.input.encode(x, saturate)))

    def predict_words(self, words: np.ndarray) -> np.ndarray:
        """Simulate packed samples (n, input.words_per_sample); result words (n, output.words_per_sample)."""
        results, _ = self.simulation().run(words.reshape(-1))
        return results.reshape(-1, self.output.words_per_sample)

    def save(self) -> "Accelerator":
        """Write accelerator.json into the folder."""
        entry = {
            "name": self.name,
            "top": self.top,
            "vlnv": self.vlnv,
            "kind": self.kind,
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "input": self.input.to_dict(),
            "output": self.output.to_dict(),
            "settings": self.settings,
        }
        with writing(self.folder / "accelerator.json") as file:
            file.write_text(json.dumps(entry, indent=2) + "\n")
        return self

    def copy(self, folder: Path | str) -> "Accelerator":
        """The same accelerator in another folder, which must be empty or not exist."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=Path(folder))

    @classmethod
    def load(cls, folder: Path | str) -> "Accelerator":
        """Read the accelerator that `save` wrote.

        Raises AcceleratorError if the folder holds none, or one whose accelerator.json was damaged.
        """
        folder = Path(folder)
        path = folder / "accelerator.json"
        if not path.exists():
            raise AcceleratorError(f"{folder} holds no accelerator (no accelerator.json); lab 03 makes one")
        try:
            return cls(folder=folder, **_fields(json.loads(path.read_text())))
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # of JSON, of UTF-8, of an entry
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise AcceleratorError(
                f"{path} does not describe an accelerator: {reason}; make the accelerator again (lab 03)"
            ) from error


def _fields(entry: dict) -> dict:
    """The fields of an Accelerator as `save` wrote them, each of its type."""
    if not isinstance(entry, dict):
        raise TypeError(f"it holds {type(entry).__name__}, not an object")
    for name, kinds in _ENTRIES.items():
        if not isinstance(entry[name], kinds) or isinstance(entry[name], bool):
            raise TypeError(f"{name} is {entry[name]!r}")
    unknown = sorted(set(entry) - set(_ENTRIES))
    if unknown:
        raise ValueError(f"the entry {unknown[0]} is not known")
    return entry | {side: StreamFormat.from_dict(entry[side]) for side in ("input", "output")}
