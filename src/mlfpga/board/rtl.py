"""An accelerator whose own RTL runs, cycle by cycle, behind its registers and its streams.

A register access of the program becomes a bus access of the simulation. Words move only while the clock runs, and it
runs in `run`: the machine calls it when a program looks at what the logic did (see machine.py).
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from mlfpga.board.activity import READ_LATENCY, Activity
from mlfpga.board.errors import warn
from mlfpga.board.memory import Memory
from mlfpga.board.stream import Stream

CHAIN_DEPTH = 1024
"""Words that may wait between two accelerators that run in turns."""


class Simulation(Protocol):
    """RTL that runs: see mlfpga.simulate.rtl.RtlSimulation."""

    cycle: int
    interrupt: bool

    def read(self, offset: int, interface: str | None = None) -> int: ...

    def write(self, offset: int, value: int, interface: str | None = None) -> None: ...

    def offer(self, port: str, words: np.ndarray, last: np.ndarray) -> None: ...

    def withdraw(self, port: str) -> None: ...

    def allow(self, port: str, words: int | None) -> None: ...

    def advance(self, max_cycles: int, until: Any = None) -> Any: ...

    def taken(self, port: str) -> int: ...

    def collect(self, port: str) -> tuple[np.ndarray, np.ndarray]: ...

    def stamps(self, port: str, first: int = 0) -> np.ndarray: ...

    def touched(self, port: str, wrote: bool) -> np.ndarray: ...

    def memory_beats(self, port: str) -> int: ...

    def handshakes(self, port: str) -> tuple[np.ndarray, np.ndarray]: ...

    def close(self) -> None: ...


class Progress(NamedTuple):
    """Whether a word moved, and whether the logic stands still until somebody acts."""

    moved: bool
    still: bool


@dataclass
class MasterCount:
    """What went through an AXI4 master: bytes read and written, handshakes, and whether it left the buffers."""

    read: int = 0
    written: int = 0
    beats: int = 0
    strayed: bool = False

    def add(self, wrote: bool, nbytes: int) -> None:
        self.written += nbytes * wrote
        self.read += nbytes * (not wrote)


class RtlAccelerator:
    """RTL between the streams it reads and those it writes.

    sources, sinks  streams by the name of the accelerator's own port
    start           (interface, offset) of the register with ap_start; None if it has none and always runs
    spans           bytes of address that each AXI4-Lite interface decodes; it ignores the address bits above
    masters         names of its AXI4 masters, through which it reads and writes `memory` by itself
    """

    def __init__(
        self,
        name: str,
        simulation: Simulation,
        sources: Mapping[str, Stream],
        sinks: Mapping[str, Stream],
        activity: Activity,
        start: tuple[str, int] | None = None,
        spans: Mapping[str, int] | None = None,
        masters: Iterable[str] = (),
        memory: Memory | None = None,
    ):
        self.name = name
        self.simulation = simulation
        self.sources = dict(sources)
        self.sinks = dict(sinks)
        self.starts = 0
        self.auto_restart = False
        self._start = start
        self._spans = dict(spans or {})
        self._activity = activity
        self._offset = 0  # the board's cycle = the simulation's + this
        self._queued = dict.fromkeys(sources, 0)
        self._withdrawn = {port: stream.withdrawn for port, stream in self.sources.items()}
        self._taken = dict.fromkeys(sources, 0)
        self._given = dict.fromkeys(sinks, 0)
        self._packets_in = dict.fromkeys(sources, 0)
        self._packets_out = dict.fromkeys(sinks, 0)
        self._memory = memory
        self._masters = {name: MasterCount() for name in masters}
        self._awake = False
        for stream in self.sources.values():
            stream.ready = True
            stream.room = CHAIN_DEPTH
        for stream in self.sinks.values():
            stream.clocked = True

    def read(self, offset: int, interface: str | None = None) -> int:
        interface, offset = self._decoded(interface, offset)
        value = self.simulation.read(offset, interface)
        self._activity.reach(self._now)
        return value

    def write(self, offset: int, value: int, interface: str | None = None) -> None:
        interface, offset = self._decoded(interface, offset)
        if self._start == (interface, offset):
            self.starts += value & 1
            self.auto_restart = bool(value >> 7 & 1)
        self._begin_at(self._activity.cycles)
        self._activity.add_access(self.name, offset, value)
        self._awake = bool(self._masters)
        self.simulation.write(offset, value, interface)
        self._activity.reach(self._now)

    @property
    def interrupt(self) -> bool:
        """The level of its interrupt output."""
        return bool(self.simulation.interrupt)

    def is_waiting(self, offset: int) -> bool:
        """Whether the program may be waiting for the RTL when it reads `offset` again and again: it always may."""
        return True

    @property
    def busy(self) -> bool:
        """Whether it may still read or write memory by itself, because of what the program wrote to it."""
        return self._awake

    def advance(self) -> bool:
        """Nothing moves while the clock stands."""
        return False

    def run(self, cycles: int) -> Progress:
        """Let the clock run for at most `cycles`, up to the next TLAST."""
        for port, stream in self.sources.items():
            self._offer(port, stream)
        for port, stream in self.sinks.items():
            self.simulation.allow(port, stream.room if stream.ready else 0)
        before, began = self.simulation.cycle, time.perf_counter()
        ended = self.simulation.advance(cycles, until=("packet", "full"))
        self._activity.add_run(self.simulation.cycle - before, time.perf_counter() - began)
        took = [self._take(port, stream) for port, stream in self.sources.items()]
        gave = [self._give(port, stream) for port, stream in self.sinks.items()]
        self._note_handshakes()
        accessed = [self._access_memory(name, count) for name, count in self._masters.items()]
        self._awake = self._awake and ended.stop != "still"
        if any(accessed):
            self._activity.reach(self._now)
        return Progress(any(took + gave + accessed), ended.stop == "still")

    def close(self) -> None:
        """End the simulation; its waveform is whole then."""
        self.simulation.close()

    def spend(self) -> None:
        """The program waited for what the clock ran, though no word moved."""
        self._activity.reach(self._now)

    @property
    def _now(self) -> int:
        return self.simulation.cycle + self._offset

    def _decoded(self, interface: str | None, offset: int) -> tuple[str | None, int]:
        """The interface of an access (the only one, if none is named) and the offset that it sees."""
        if interface is None and len(self._spans) == 1:
            interface = next(iter(self._spans))
        return interface, offset % self._spans[interface] if interface in self._spans else offset

    def _begin_at(self, cycle: int) -> None:
        """What comes now comes at the board's `cycle`, whatever the simulation ran ahead to find that nothing moves."""
        self._note_handshakes()
        self._offset = cycle - self.simulation.cycle
        for stream in self._told_of().values():
            self._activity.rewind(stream.name, cycle)

    def _note_handshakes(self) -> None:
        for port, stream in self._told_of().items():
            cycles, state = self.simulation.handshakes(port)
            self._activity.add_handshakes(stream.name, cycles + self._offset, state)

    def _told_of(self) -> dict[str, Stream]:
        """Streams whose handshake this end records: of one between two of us, the end that gives does."""
        return {port: s for port, s in self.sources.items() if not s.clocked} | self.sinks

    def _offer(self, port: str, stream: Stream) -> None:
        """Queue what the source offers and the simulation has not got yet."""
        if self._withdrawn[port] != stream.withdrawn:
            self._withdrawn[port] = stream.withdrawn
            self.simulation.withdraw(port)
            self._queued[port] = 0
        words, last = stream.peek(self._queued[port])
        if len(words):
            if not any(self._queued.values()):
                self._begin_at(max(self._activity.cycles + READ_LATENCY, stream.since))
            self.simulation.offer(port, _to_simulation(words), last)
            self._queued[port] += len(words)

    def _take(self, port: str, stream: Stream) -> bool:
        taken = self.simulation.taken(port) - self._taken[port]
        if taken:
            _, last = stream.take(taken)
            cycles = self._stamps(port, self._taken[port])
            self._taken[port] += taken
            self._queued[port] -= taken
            self._packets_in[port] += int(last.sum())
            stream.taken_at = int(cycles[-1])
            if not stream.clocked:
                self._activity.add_beats(stream.name, cycles, last)
        stream.room = max(CHAIN_DEPTH - stream.waiting, 0)
        return bool(taken)

    def _give(self, port: str, stream: Stream) -> bool:
        words, last = self.simulation.collect(port)
        if len(words):
            cycles = self._stamps(port, self._given[port])
            self._given[port] += len(words)
            self._packets_out[port] += int(last.sum())
            if last.any():
                # Whoever receives may be done with it: no word moves behind TLAST while registers are accessed.
                self.simulation.allow(port, 0)
            stream.offer(_from_simulation(words, stream), np.asarray(last, dtype=bool))
            stream.since = int(cycles[-1])
            self._activity.add_beats(stream.name, cycles, last)
        return bool(len(words))

    def _access_memory(self, name: str, count: MasterCount) -> bool:
        """Take note of what a master read and wrote; whether anything moved there."""
        for wrote in (False, True):
            for address, nbytes in self.simulation.touched(name, wrote).tolist():
                count.add(wrote, nbytes)
                if not count.strayed and self._memory and not self._memory.is_allocated(address, nbytes):
                    count.strayed = True
                    warn(
                        f"{self.name} {'writes' if wrote else 'reads'} {nbytes:,} bytes at {address:#010x} through "
                        f"{name}, which are not all inside buffers of pynq.allocate(); on a board that memory belongs "
                        "to Linux. Write the physical_address of a buffer that is large enough to its registers"
                    )
        before, count.beats = count.beats, self.simulation.memory_beats(name)
        return count.beats != before

    def _stamps(self, port: str, first: int) -> np.ndarray:
        """The board's cycles of the beats at `port` from the `first` on."""
        return self.simulation.stamps(port, first) + self._offset

    def conditions(self) -> list[str]:
        """One sentence: started or not, and how many words and TLASTs went in and out."""
        took = [
            f"has taken {self._taken[port]:,} words at {port}{_packets(self._packets_in[port])}"
            for port in self.sources
        ]
        gave = [
            f"given {self._given[port]:,} words at {port}{_packets(self._packets_out[port])}" for port in self.sinks
        ]
        memory = [f"has read {c.read:,} and written {c.written:,} bytes at {n}" for n, c in self._masters.items()]
        count = " and ".join(took + gave + memory) or "has no streams"
        return [f"{self.name} {self._state()}; it {count}"]

    def _state(self) -> str:
        if self._start is None:
            return "runs without being started"
        one, for_good = (f"{self.name}.write({self._start[1]:#04x}, {value:#x})" for value in (0x01, 0x81))
        if not self.starts:
            return f"was never started: {one} starts it once, {for_good} for good (ap_start and auto_restart)"
        again = "with auto_restart" if self.auto_restart else f"without auto_restart; {one} starts it again"
        return f"was started {self.starts:,} times, {again}"


class RtlPort:
    """One AXI4-Lite interface of an accelerator that has several."""

    def __init__(self, accelerator: RtlAccelerator, interface: str):
        self.accelerator = accelerator
        self.interface = interface

    def read(self, offset: int) -> int:
        return self.accelerator.read(offset, self.interface)

    def write(self, offset: int, value: int) -> None:
        self.accelerator.write(offset, value, self.interface)

    def is_waiting(self, offset: int) -> bool:
        return self.accelerator.is_waiting(offset)


def _to_simulation(words: np.ndarray) -> np.ndarray:
    """Words of any width as the simulation takes them: in the next larger integer, or in rows of 64-bit ones."""
    size = words.dtype.itemsize
    if words.dtype.kind == "u":
        return words
    wide = 4 if size < 4 else -(-size // 8) * 8
    padded = np.zeros((len(words), wide), dtype=np.uint8)
    padded[:, :size] = words.view(np.uint8).reshape(-1, size)
    return padded.view("<u4" if wide == 4 else "<u8")


def _from_simulation(words: np.ndarray, stream: Stream) -> np.ndarray:
    """The words of a simulation as those of a stream."""
    if stream.word_dtype.kind == "u":
        return np.asarray(words, dtype=stream.word_dtype)
    data = np.ascontiguousarray(words).view(np.uint8).reshape(len(words), -1)[:, : stream.word_bytes]
    return np.ascontiguousarray(data).reshape(-1).view(stream.word_dtype)


def _packets(count: int) -> str:
    return f" ({count:,} with TLAST)" if count else " (none with TLAST)"
