"""What moved, and when: the virtual clock of the programmable logic and the record that measurements are made from.

Time is counted in cycles of the design's first PL clock. It passes while RTL runs: beats move at the cycles at which
the RTL moved them, a register access takes its bus cycles, and a program that polls lets the logic run on. What
the CPU does between two accesses takes no time here: these are the logic's own cycles, a lower bound for a board.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

READ_LATENCY = 6
"""Cycles from the start of MM2S to its first word (AMD PG021, "Latency and Throughput"; without the memory's own)."""
WRITE_LATENCY = 39
"""Cycles from the last word that S2MM takes to the end of its transfer (PG021: s_axis_s2mm_tvalid to awvalid)."""


@dataclass(frozen=True)
class Access:
    """A register write by the CPU."""

    cycle: int
    name: str
    offset: int
    value: int


@dataclass(frozen=True)
class Transfer:
    """A DMA transfer that ended: `channel` is e.g. "axi_dma_0 MM2S", `begin` and `end` are cycles."""

    channel: str
    begin: int
    end: int
    nbytes: int


@dataclass(frozen=True)
class Beats:
    """Words that moved over a stream: the cycle of each (int64, rising), and whether it carried TLAST (bool)."""

    cycles: np.ndarray
    last: np.ndarray

    @property
    def utilisation(self) -> float:
        """Share of the cycles from the first word to the last in which a word moved; nan without words."""
        if not len(self.cycles):
            return float("nan")
        return len(self.cycles) / int(self.cycles[-1] - self.cycles[0] + 1)

    def after(self, cycle: int) -> "Beats":
        """Those from `cycle` on."""
        start = int(np.searchsorted(self.cycles, cycle))
        return Beats(self.cycles[start:], self.last[start:])


class Activity:
    """The record since the overlay was loaded: the newest `limit` beats of each stream and the newest writes.

    cycles  the virtual clock
    mhz     its frequency
    timed   False when a part of the design is a C simulation: then cycles are unknown
    busy    cycles in which a DMA transfer was under way
    """

    def __init__(self, mhz: float = 100.0, timed: bool = False, limit: int = 2_000_000):
        self.mhz = mhz
        self.timed = timed
        self.cycles = 0
        self.busy = 0
        self.limit = limit
        self.accesses: deque[Access] = deque(maxlen=100_000)
        self.transfers: deque[Transfer] = deque(maxlen=100_000)
        self._beats: dict[str, deque[Beats]] = {}
        self._kept: dict[str, int] = {}
        self._covered = 0

    @property
    def seconds(self) -> float | None:
        """The virtual clock in seconds; None if cycles are unknown."""
        return self.cycles / (self.mhz * 1e6) if self.timed else None

    def reach(self, cycle: int) -> None:
        """The clock is at `cycle` at least."""
        self.cycles = max(self.cycles, cycle)

    def add_access(self, name: str, offset: int, value: int) -> None:
        self.accesses.append(Access(self.cycles, name, offset, value))

    def add_beats(self, stream: str, cycles: np.ndarray, last: np.ndarray) -> None:
        """`cycles` at which words moved over `stream`, with their TLAST flags."""
        if not len(cycles):
            return
        self.reach(int(cycles[-1]))
        kept = self._beats.setdefault(stream, deque())
        kept.append(Beats(np.asarray(cycles, dtype=np.int64), np.asarray(last, dtype=bool)))
        self._kept[stream] = self._kept.get(stream, 0) + len(cycles)
        while self._kept[stream] - len(kept[0].cycles) > self.limit:
            self._kept[stream] -= len(kept.popleft().cycles)

    def add_transfer(self, channel: str, begin: int, end: int, nbytes: int) -> None:
        """A transfer that began and ended at these cycles."""
        self.reach(end)
        self.transfers.append(Transfer(channel, begin, end, nbytes))
        self.busy += max(0, end - max(begin, self._covered))
        self._covered = max(self._covered, end)

    @property
    def streams(self) -> list[str]:
        """Streams over which words moved."""
        return list(self._beats)

    def beats(self, stream: str) -> Beats:
        """The beats of a stream, oldest first."""
        parts = self._beats.get(stream, ())
        if not parts:
            return Beats(np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
        return Beats(np.concatenate([b.cycles for b in parts]), np.concatenate([b.last for b in parts]))
