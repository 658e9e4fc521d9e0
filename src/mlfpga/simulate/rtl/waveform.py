"""What a waveform says, cycle by cycle: the streams inside a design, which no port shows."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mlfpga.simulate.rtl.errors import RtlError

# The harness holds the reset for so many cycles, and cycles count from its end.
_RESET_CYCLES = 16


@dataclass(frozen=True)
class StreamTrace:
    """One stream over the cycles of a simulation.

    valid, ready  bool for each cycle
    data          TDATA of each cycle as a Python integer (object array): any width
    """

    valid: np.ndarray
    ready: np.ndarray
    data: np.ndarray

    @property
    def moves(self) -> np.ndarray:
        """Whether a beat moved, for each cycle."""
        return self.valid & self.ready

    @property
    def cycles(self) -> np.ndarray:
        """The cycles (int64) in which a beat moved."""
        return np.flatnonzero(self.moves)

    def elements(self, bits: int, signed: bool) -> np.ndarray:
        """The beats that moved as numbers of `bits` each, lowest first: (beats, width // bits) int64."""
        beats = self.data[self.moves]
        count = max((int(beat).bit_length() for beat in beats), default=0)
        count = -(-max(count, 1) // bits)
        mask, wrap = (1 << bits) - 1, 1 << (bits - 1)
        rows = [[int(beat) >> bits * place & mask for place in range(count)] for beat in beats]
        numbers = np.array(rows, dtype=np.int64).reshape(len(beats), count)
        return (numbers ^ wrap) - wrap if signed else numbers


class Waveform:
    """A waveform that `RtlSimulation` wrote (`trace=`), read after its `close`.

    path   the .vcd or .fst file
    scope  where names are looked for: the instance, with dots; the top module itself by default

    Cycles count as those of the simulation do, from the end of the reset.
    """

    def __init__(self, path: Path | str, scope: str = ""):
        import pywellen  # only what looks inside needs it

        if not Path(path).is_file():
            raise RtlError(f"there is no waveform {path}; simulate with trace={str(path)!r} and close the simulation")
        self.path = Path(path)
        found = pywellen.Waveform(str(path))
        # Without the harness's own scope; an element of a memory is `name[index]`, whatever the reader calls it.
        self._signals = {v.full_name.split(".", 1)[-1].replace(".[", "["): v for v in found.all_vars()}
        tops = sorted({name.split(".")[0] for name in self._signals if "." in name})
        self.scope = ".".join(filter(None, (tops[0] if tops else "", scope)))
        clock = np.array([time for time, level in self._signals[self._clock].tv if level == 1], dtype=np.int64)
        self._edges = clock[_RESET_CYCLES:]

    @cached_property
    def _clock(self) -> str:
        return next((name for name in ("clk", "ap_clk") if name in self._signals), "clk")

    @property
    def cycles(self) -> int:
        """How many cycles the waveform covers."""
        return len(self._edges)

    @property
    def streams(self) -> list[str]:
        """Names of the streams in the scope: those with NAME_tvalid, NAME_tready and NAME_tdata."""
        prefix = f"{self.scope}."
        names = [name.removeprefix(prefix) for name in self._signals if name.startswith(prefix)]
        here = {name.lower() for name in names if "." not in name}
        return [
            name[: -len("_tvalid")]
            for name in names
            if name.lower().endswith("_tvalid")
            and {f"{name[:-7].lower()}_{one}" for one in ("tready", "tdata")} <= here
        ]

    def values(self, name: str) -> np.ndarray:
        """A signal's value in each cycle, as the rising edge that ends the cycle sees it (object array of integers).

        Raises RtlError if the scope has no such signal.
        """
        full = f"{self.scope}.{name}"
        if full not in self._signals:
            raise RtlError(f"the waveform has no signal {full}; scope {self.scope!r} has the streams {self.streams}")
        changes = self._signals[full].tv
        times = np.array([time for time, _ in changes], dtype=np.int64)
        levels = np.array([level for _, level in changes], dtype=object)
        # A register changes at the edge itself; what the edge sees is the value before.
        return levels[np.maximum(np.searchsorted(times, self._edges, side="left") - 1, 0)]

    def stream(self, name: str) -> StreamTrace:
        """The stream NAME (signals NAME_tvalid, NAME_tready, NAME_tdata) over all cycles."""
        valid, ready = (self.values(f"{name}_{one}").astype(int).astype(bool) for one in ("tvalid", "tready"))
        return StreamTrace(valid, ready, self.values(f"{name}_tdata"))
