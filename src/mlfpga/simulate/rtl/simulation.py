"""An IP's RTL, cycle by cycle: words in and out of its streams, accesses to its registers."""

import ctypes
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import IpCore, StreamPort
from mlfpga.simulate.rtl.pins import bus_order, memory_order, stream_order
from mlfpga.simulate.rtl.sources import ROMS
from mlfpga.simulate.rtl.verilator import LIBRARY, TRACES, build

# The most cycles of one call into C; it comes back much sooner, and a Ctrl-C is seen between calls.
_CHUNK = 1 << 40
# The block of an FST file that holds the names of all signals; it is written last.
_FST_NAMES = 6
# An AXI4-Lite access that takes longer never ends.
_ACCESS_LIMIT = 1_000
_UNTIL = {"packet": 1, "taken": 2, "answered": 4, "full": 8, "interrupt": 16}
_STOPS = ("limit", "quiet", "still", "packet", "taken", "answered", "full", "interrupt")


@dataclass(frozen=True)
class Advance:
    """How far a call of `advance` came.

    cycles  clock cycles that passed
    stop    why it ended: "limit" (max_cycles passed), "quiet" (no stream moved for quiet_cycles), "still" (nothing in
            the whole design changes any more, and nothing will until somebody acts), or the event asked for
    """

    cycles: int
    stop: str

    @property
    def quiet(self) -> bool:
        """Whether it ended because nothing moved."""
        return self.stop in ("quiet", "still")


@dataclass(frozen=True)
class Ram:
    """The physical memory that AXI4 masters see, from address `base` on.

    ddr     its bytes (uint8)
    cpu     what the CPU sees of it through its caches; the same array if there are none
    shared  for each `page` bytes whether CPU and hardware see the same (uint8): then the content is in `cpu`
    """

    base: int
    ddr: np.ndarray
    cpu: np.ndarray
    shared: np.ndarray
    page: int = 4096


@dataclass(frozen=True)
class Access:
    """One AXI4-Lite access: the cycle it began at, the interface, offset, value, and whether it wrote."""

    cycle: int
    interface: str
    offset: int
    value: int
    wrote: bool


class RtlSimulation:
    """A core under Verilator, just after its reset.

    trace        a file to write the waveform to, .vcd or .fst; None for none (faster). A .vcd can be read at any time,
                 even after a crash; a .fst is much smaller, and can be read after `close`
    clock_mhz    the clock that the times in the waveform are those of
    trace_limit  bytes after which the waveform ends, with a warning; the simulation goes on

    The first simulation of a core builds it, which takes up to a minute; later ones take it from the cache.
    Cycles count from the end of the reset; in a waveform the 16 cycles of the reset come before them. Raises RtlError
    if the core cannot be built.
    """

    def __init__(
        self, core: IpCore, trace: Path | str | None = None, clock_mhz: float = 100.0, trace_limit: int = 1 << 30
    ):
        kind = Path(trace).suffix if trace is not None else None
        if kind is not None and kind not in TRACES:
            raise RtlError(f"waveform {trace} is neither .vcd nor .fst; choose one of them")
        self.core = core
        self.accesses: list[Access] = []
        self._streams = {name: number for number, name in enumerate(stream_order(core))}
        self._buses = {name: number for number, name in enumerate(bus_order(core))}
        self._memories = {name: number for number, name in enumerate(memory_order(core))}
        self._ram: Ram | None = None
        folder = build(core, kind)
        self._library = _bound(folder / LIBRARY)
        path = str(Path(trace).resolve()).encode() if trace is not None else None
        self._trace = Path(trace) if trace is not None else None
        self._stopped: str | None = None
        self._handle = self._library.rtl_open(str(folder / ROMS).encode(), path, 1e6 / clock_mhz, trace_limit)
        if not self._handle:
            raise RtlError(f"{core.vlnv} did not start: {self._problem()}")

    def __enter__(self) -> "RtlSimulation":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self._library.rtl_close(self._handle)

    def close(self) -> None:
        """End the simulation and finish its waveform; a warning tells if that could not be written."""
        if self._handle:
            self._library.rtl_end_trace(self._handle)
            self._watch_trace(closed=True)
            self._library.rtl_close(self._handle)
            self._handle = None

    @property
    def cycle(self) -> int:
        """Clock cycles since the reset."""
        return self._library.rtl_cycle(self._open)

    @property
    def interrupt(self) -> bool:
        """Whether an interrupt output is high."""
        return self._checked(self._library.rtl_interrupt(self._running)) > 0

    def write(self, offset: int, value: int, interface: str | None = None) -> None:
        """Write a 32-bit register; takes the few cycles that the bus needs.

        interface  name of the AXI4-Lite slave; may be left out if there is one
        Raises RtlError if the core refuses the access or does not answer.
        """
        name = self._bus(interface, offset)
        begun = self.cycle
        result = self._library.rtl_write(self._running, self._buses[name], offset, value & 0xFFFFFFFF, _ACCESS_LIMIT)
        self._explain_access(result, "write to", name, offset)
        self.accesses.append(Access(begun, name, offset, value & 0xFFFFFFFF, True))

    def read(self, offset: int, interface: str | None = None) -> int:
        """Read a 32-bit register; see `write`."""
        name = self._bus(interface, offset)
        begun = self.cycle
        value = ctypes.c_uint32()
        result = self._library.rtl_read(self._running, self._buses[name], offset, ctypes.byref(value), _ACCESS_LIMIT)
        self._explain_access(result, "read of", name, offset)
        self.accesses.append(Access(begun, name, offset, value.value, False))
        return value.value

    def connect(self, ram: Ram) -> None:
        """Give the AXI4 masters their memory; without it they read zeros, and every response is a decode error."""
        for array in (ram.ddr, ram.cpu, ram.shared):
            if array.dtype != np.uint8 or not array.flags.c_contiguous:
                raise RtlError("memory is given as contiguous arrays of uint8")
        if len(ram.cpu) != len(ram.ddr) or len(ram.shared) * ram.page < len(ram.ddr):
            raise RtlError(f"{len(ram.ddr)} bytes of memory need as many of the CPU's, and a flag for each page")
        self._ram = ram  # keeps the arrays alive
        addresses = (array.ctypes.data for array in (ram.ddr, ram.cpu, ram.shared))
        self._library.rtl_memory(self._open, ram.base, len(ram.ddr), ram.page, *addresses)

    def touched(self, port: str, wrote: bool) -> np.ndarray:
        """Memory that an AXI4 master asked to read (`wrote`: to write) since last asked.

        (n, 2) of uint64: address and bytes of each range; bursts that follow each other are one.
        """
        number = self._memories[port]
        ranges = np.empty((self._library.rtl_touched(self._open, number, wrote), 2), dtype=np.uint64)
        if len(ranges):
            self._library.rtl_fetch_touched(self._open, number, wrote, ranges.ctypes.data)
        return ranges

    def memory_beats(self, port: str) -> int:
        """Handshakes of an AXI4 master since the reset: addresses, words and responses."""
        return self._library.rtl_memory_beats(self._open, self._memories[port])

    def offer(self, port: str, words: np.ndarray, last: np.ndarray | None = None) -> None:
        """Queue words at an input stream, behind those that wait there.

        words  (n,) of the stream's word type; a stream wider than 64 bits takes (n, bits / 64) of uint64
        last   TLAST of each word; None sets it on the last one only
        Raises RtlError if the port is none of the inputs or the numbers of words and flags differ.
        """
        number = self._number(port, "slave")
        words = np.ascontiguousarray(words, dtype=self.word_dtype(port)).reshape(-1, self._columns(port))
        if last is None:
            last = np.zeros(len(words), dtype=np.uint8)
            last[-1:] = 1
        last = np.ascontiguousarray(last, dtype=bool).astype(np.uint8).reshape(-1)
        if len(last) != len(words):
            raise RtlError(f"{len(words)} words for {port} came with {len(last)} TLAST flags; give one for each word")
        self._checked(self._library.rtl_offer(self._open, number, words.ctypes.data, last.ctypes.data, len(words)))

    def withdraw(self, port: str) -> None:
        """Take back the words that an input stream did not take yet, as a DMA does when it is reset."""
        self._library.rtl_withdraw(self._open, self._number(port, "slave"))

    def allow(self, port: str, words: int | None) -> None:
        """How many more words an output stream's reader takes: 0 keeps TREADY low, None sets no limit."""
        self._library.rtl_allow(self._open, self._number(port, "master"), -1 if words is None else words)

    def allowed(self, port: str) -> int | None:
        """What is left of the allowance of an output stream; None for no limit."""
        left = self._library.rtl_allowed(self._open, self._number(port, "master"))
        return None if left < 0 else left

    def stall(self, port: str, probability: float, seed: int = 0) -> None:
        """Hold a stream back at random: its source rests, or its reader drops TREADY, with this probability a cycle."""
        if not 0 <= probability < 1:
            raise RtlError(f"stall probability {probability} is not in 0 … 1; 1 itself would stall for ever")
        self._library.rtl_stalls(self._open, self._number(port, None), probability, seed)

    def advance(
        self, max_cycles: int, until: str | Iterable[str] | None = None, quiet_cycles: int | None = None
    ) -> Advance:
        """Let up to `max_cycles` clock cycles pass.

        until         what else ends it, one name or several: "packet" (an output word with TLAST), "taken" (all
                      offered words were taken), "answered" (both), "full" (a reader's allowance is used up),
                      "interrupt"
        quiet_cycles  ends it after so many cycles in which no stream moved; None waits for ever
        It also ends as soon as the design stands still: when one cycle changes nothing in all of its state. After a
        KeyboardInterrupt the simulation stands where it was, between two cycles, and can go on.
        """
        names = [until] if isinstance(until, str) else list(until or ())
        unknown = [name for name in names if name not in _UNTIL]
        if unknown:
            raise RtlError(f"advance until {unknown[0]!r} is not known; choose from {', '.join(_UNTIL)}")
        events = sum({_UNTIL[name] for name in names})
        quiet = max_cycles + 1 if quiet_cycles is None else quiet_cycles
        done, passed, fresh = ctypes.c_int64(), 0, 1
        while True:
            chunk = min(_CHUNK, max_cycles - passed)
            stop = self._library.rtl_advance(self._running, chunk, events, quiet, fresh, ctypes.byref(done))
            passed, fresh = passed + done.value, 0
            self._watch_trace()
            if self._checked(stop) or passed >= max_cycles:
                return Advance(passed, _STOPS[stop])

    def taken(self, port: str) -> int:
        """Words that the core took from an input stream since the reset."""
        return self._library.rtl_moved(self._open, self._number(port, "slave"))

    def given(self, port: str) -> int:
        """Words that the core gave at an output stream since the reset."""
        return self._library.rtl_moved(self._open, self._number(port, "master"))

    def waiting(self, port: str) -> int:
        """Words offered at an input that the core did not take yet, or given at an output and not collected yet."""
        return self._library.rtl_queued(self._open, self._number(port, None))

    def collect(self, port: str) -> tuple[np.ndarray, np.ndarray]:
        """The words that the core gave since last asked, with their TLAST flags (bool); see `offer` for the shape.

        A stream without TLAST gives False everywhere.
        """
        number = self._number(port, "master")
        count, columns = self._library.rtl_queued(self._open, number), self._columns(port)
        words = np.empty((count, columns), dtype=self.word_dtype(port))
        last = np.empty(count, dtype=np.uint8)
        self._library.rtl_collect(self._open, number, words.ctypes.data, last.ctypes.data)
        return (words[:, 0] if columns == 1 else words), last.astype(bool)

    def stamps(self, port: str, first: int = 0) -> np.ndarray:
        """The cycle (int64) at which each word moved since the reset, from the `first` one on."""
        number = self._number(port, None)
        stamps = np.empty(max(self._library.rtl_moved(self._open, number) - first, 0), dtype=np.int64)
        self._library.rtl_stamps(self._open, number, first, stamps.ctypes.data)
        return stamps

    def handshakes(self, port: str) -> tuple[np.ndarray, np.ndarray]:
        """How TVALID and TREADY of a stream changed since last asked (at first: since the reset, where both were low).

        Returns the cycles (int64) of the changes, and TVALID + 2 * TREADY (uint8) from each of them on.
        """
        number = self._number(port, None)
        count = self._library.rtl_turns(self._open, number)
        cycles, states = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.uint8)
        if count:
            self._library.rtl_fetch_turns(self._open, number, cycles.ctypes.data, states.ctypes.data)
        return cycles, states

    def waited(self, port: str) -> int:
        """Cycles in which a stream had a word (TVALID) that its reader did not take (no TREADY)."""
        return self._library.rtl_waited(self._open, self._number(port, None))

    def partial(self, port: str) -> int:
        """Words that the core gave with a TKEEP that is not all ones: a DMA does not write all of their bytes."""
        return self._library.rtl_partial(self._open, self._number(port, "master"))

    def word_dtype(self, port: str) -> np.dtype:
        """The type of one word of a stream: the smallest unsigned integer that holds it, at most uint64."""
        bits = self._port(port).bits
        return np.dtype(f"<u{next(size for size in (1, 2, 4, 8) if bits <= 8 * size or size == 8)}")

    def _columns(self, port: str) -> int:
        return max(1, -(-self._port(port).bits // 64))

    def _port(self, port: str) -> StreamPort:
        try:
            return self.core.streams[port]
        except KeyError:
            names = ", ".join(self.core.streams) or "none"
            raise RtlError(f"{self.core.name} has no stream {port}; it has {names}") from None

    def _number(self, port: str, role: str | None) -> int:
        found = self._port(port)
        if role is not None and found.role != role:
            kind = {"slave": "an input", "master": "an output"}
            raise RtlError(f"{port} of {self.core.name} is {kind[found.role]}, not {kind[role]}")
        return self._streams[port]

    def _bus(self, interface: str | None, offset: int) -> str:
        if interface is None and len(self._buses) == 1:
            interface = next(iter(self._buses))
        if interface not in self._buses:
            names = ", ".join(self._buses) or "none"
            raise RtlError(f"{self.core.name}: register interface {interface} is not known; it has {names}")
        limit = 1 << self.core.registers[interface].address_bits
        if offset % 4 or offset < 0:
            raise RtlError(f"offset {offset:#x} of {interface} is not a multiple of 4; registers are 32-bit words")
        if offset >= limit:
            raise RtlError(f"offset {offset:#x} is outside {interface} of {self.core.name} (0 … {limit - 4:#x})")
        return interface

    def _explain_access(self, result: int, what: str, name: str, offset: int) -> None:
        if result == 1:
            raise RtlError(f"{self.core.name} refused the {what} {name} offset {offset:#x} (SLVERR)")
        if result == 2:
            raise RtlError(
                f"{self.core.name} did not answer the {what} {name} offset {offset:#x} within {_ACCESS_LIMIT} cycles"
            )
        self._checked(-1 if result == 3 else result)

    @property
    def _open(self) -> int:
        if not self._handle:
            raise RtlError(f"the simulation of {self.core.name} was closed; make a new RtlSimulation")
        return self._handle

    @property
    def _running(self) -> int:
        """What stopped in the middle of a cycle cannot go on; what it gave until then can still be collected."""
        if self._stopped:
            raise RtlError(f"{self._stopped}; make a new RtlSimulation")
        return self._open

    def _checked(self, result: int) -> int:
        if result < 0:
            self._stopped = f"{self.core.name} stopped: {self._problem()}"
            raise RtlError(self._stopped)
        return result

    def _watch_trace(self, closed: bool = False) -> None:
        """Warn if the waveform ended before the simulation."""
        reason = self._library.rtl_trace_end(self._handle) if self._trace else 0
        if reason < 0:
            why = f"it has {self._trace.stat().st_size:,} bytes, the most it may have"
        elif reason > 0:
            why = os.strerror(reason)
        elif closed and self._trace and self._trace.suffix == ".fst" and not _is_whole_fst(self._trace):
            why = "it could not be written to its end; is the disk full?"
        else:
            return
        warnings.warn(
            f"the waveform {self._trace} ends at cycle {self.cycle:,}: {why}; the simulation goes on without it",
            RuntimeWarning,
            stacklevel=3,
        )
        self._trace = None

    def _problem(self) -> str:
        return self._library.rtl_problem().decode(errors="replace")


class _Signatures:
    """Argument types of the library's C functions, as `harness.cpp` declares them."""

    handle, number, count, data = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p

    @cached_property
    def table(self) -> dict[str, tuple]:
        one = (self.handle, self.number)
        return {
            "rtl_problem": (ctypes.c_char_p,),
            "rtl_open": (self.handle, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_double, self.count),
            "rtl_end_trace": (None, self.handle),
            "rtl_trace_end": (self.number, self.handle),
            "rtl_close": (None, self.handle),
            "rtl_cycle": (self.count, self.handle),
            "rtl_interrupt": (self.number, self.handle),
            "rtl_write": (self.number, *one, ctypes.c_uint64, ctypes.c_uint32, self.count),
            "rtl_read": (self.number, *one, ctypes.c_uint64, self.data, self.count),
            "rtl_advance": (self.number, self.handle, self.count, ctypes.c_uint, self.count, self.number, self.data),
            "rtl_stalls": (None, *one, ctypes.c_double, ctypes.c_uint64),
            "rtl_offer": (self.number, *one, self.data, self.data, self.count),
            "rtl_withdraw": (None, *one),
            "rtl_allow": (None, *one, self.count),
            "rtl_allowed": (self.count, *one),
            "rtl_moved": (self.count, *one),
            "rtl_waited": (self.count, *one),
            "rtl_partial": (self.count, *one),
            "rtl_queued": (self.count, *one),
            "rtl_collect": (None, *one, self.data, self.data),
            "rtl_stamps": (None, *one, self.count, self.data),
            "rtl_turns": (self.count, *one),
            "rtl_fetch_turns": (None, *one, self.data, self.data),
            "rtl_memory": (None, self.handle, *[ctypes.c_uint64] * 3, *[self.data] * 3),
            "rtl_memory_beats": (self.count, *one),
            "rtl_touched": (self.count, *one, self.number),
            "rtl_fetch_touched": (None, *one, self.number, self.data),
        }


def _is_whole_fst(path: Path) -> bool:
    """Whether an FST file has all of its blocks; each begins with its kind (a byte) and how many bytes follow.

    Its writer does not say that it could not write.
    """
    kinds, place, size = set(), 0, path.stat().st_size
    with open(path, "rb") as file:
        while place < size:
            file.seek(place)
            head = file.read(9)
            kinds.add(head[0])
            place += 1 + max(int.from_bytes(head[1:], "big"), 8)
    return place == size and _FST_NAMES in kinds


def _bound(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (result, *arguments) in _Signatures().table.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
