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
    """A DMA transfer that ended: `channel` is e.g. "axi_dma_0 MM2S", `begin` and `end` are cycles.

    failed  whether the DMA gave it up with an error
    """

    channel: str
    begin: int
    end: int
    nbytes: int
    failed: bool = False


@dataclass(frozen=True)
class Beats:
    """Words that moved over a stream: the cycle of each (int64, rising), and whether it carried TLAST (bool).

    words_before, packets_before  older words and TLASTs, which were forgotten
    cut                           whether the first packet here lost its beginning with them
    """

    cycles: np.ndarray
    last: np.ndarray
    words_before: int = 0
    packets_before: int = 0
    cut: bool = False

    @property
    def utilisation(self) -> float:
        """Share of the cycles from the first word to the last in which a word moved; nan without words."""
        if not len(self.cycles):
            return float("nan")
        return len(self.cycles) / int(self.cycles[-1] - self.cycles[0] + 1)


@dataclass(frozen=True)
class Handshakes:
    """How TVALID and TREADY of a stream changed: the cycle of each change (int64, rising), and both from then on.

    state  TVALID + 2 * TREADY (uint8): 3 a word moves, 1 the source waits for the reader, 2 the reader for the source
    """

    cycles: np.ndarray
    state: np.ndarray


class Activity:
    """The record since the overlay was loaded: the newest `limit` beats of each stream and the newest writes.

    cycles  the virtual clock
    mhz     its frequency
    timed   False when a part of the design is a C simulation: then cycles are unknown
    busy    cycles in which a DMA transfer was under way
    ran     (cycles, seconds) that the simulations of RTL ran on this machine, those that found that nothing moves too
    """

    def __init__(self, mhz: float = 100.0, timed: bool = False, limit: int = 2_000_000):
        self.mhz = mhz
        self.timed = timed
        self.cycles = 0
        self.busy = 0
        self.limit = limit
        self.accesses: deque[Access] = deque(maxlen=100_000)
        self.transfers: deque[Transfer] = deque(maxlen=100_000)
        self.ran = (0, 0.0)
        self._beats: dict[str, deque[Beats]] = {}
        self._handshakes: dict[str, deque[Handshakes]] = {}
        self._kept: dict[str, int] = {}
        self._forgotten: dict[str, tuple[int, int, bool]] = {}
        self._changes: dict[str, int] = {}
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
            oldest = kept.popleft()
            self._kept[stream] -= len(oldest.cycles)
            words, packets, _ = self._forgotten.get(stream, (0, 0, False))
            packets += int(np.count_nonzero(oldest.last))
            self._forgotten[stream] = (words + len(oldest.cycles), packets, not oldest.last[-1])

    def add_handshakes(self, stream: str, cycles: np.ndarray, state: np.ndarray) -> None:
        """Changes of TVALID and TREADY; see Handshakes. The newest `limit` are kept, or a few more."""
        kept = self._handshakes.setdefault(stream, deque())
        if not len(cycles):
            return
        kept.append(Handshakes(np.asarray(cycles, dtype=np.int64), np.asarray(state, dtype=np.uint8)))
        self._changes[stream] = self._changes.get(stream, 0) + len(cycles)
        while self._changes[stream] - len(kept[0].cycles) > self.limit:
            self._changes[stream] -= len(kept.popleft().cycles)

    def rewind(self, stream: str, cycle: int) -> None:
        """What the simulation saw after the last word, running ahead to find what moves, comes at `cycle` at once."""
        kept = self._handshakes.get(stream)
        if not kept:
            return
        if stream in self._beats:
            cycle = max(cycle, int(self._beats[stream][-1].cycles[-1]) + 1)
        state = kept[-1].state[-1:]
        ahead = False
        while kept and kept[-1].cycles[-1] >= cycle:
            ahead = True
            newest = kept.pop()
            count = int(np.searchsorted(newest.cycles, cycle))
            self._changes[stream] -= len(newest.cycles) - count
            if count:
                kept.append(Handshakes(newest.cycles[:count], newest.state[:count]))
        if ahead:
            self.add_handshakes(stream, np.array([cycle]), state)

    def add_run(self, cycles: int, seconds: float) -> None:
        """A simulation ran so many cycles in so many seconds of this machine's time."""
        self.ran = (self.ran[0] + cycles, self.ran[1] + seconds)

    def add_transfer(self, channel: str, begin: int, end: int, nbytes: int, failed: bool = False) -> None:
        """A transfer that began and ended at these cycles; `failed`: the DMA gave it up with an error."""
        self.reach(end)
        self.transfers.append(Transfer(channel, begin, end, nbytes, failed))
        self.busy += max(0, end - max(begin, self._covered))
        self._covered = max(self._covered, end)

    @property
    def streams(self) -> list[str]:
        """Streams over which words moved, or would if the other side were ready."""
        return list(self._beats | self._handshakes)

    def handshakes(self, stream: str) -> Handshakes:
        """The changes of a stream's TVALID and TREADY, oldest first."""
        parts = self._handshakes.get(stream, ())
        if not parts:
            return Handshakes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))
        cycles = np.concatenate([h.cycles for h in parts])
        # A bus access may begin in the cycle of the last word, and what it changed too.
        return Handshakes(np.maximum.accumulate(cycles), np.concatenate([h.state for h in parts]))

    def beats(self, stream: str) -> Beats:
        """The beats of a stream, oldest first."""
        parts = self._beats.get(stream, ())
        if not parts:
            return Beats(np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
        cycles, last = np.concatenate([b.cycles for b in parts]), np.concatenate([b.last for b in parts])
        return Beats(cycles, last, *self._forgotten.get(stream, (0, 0, False)))
