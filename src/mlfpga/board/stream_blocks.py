"""IPs in the path of a stream: width converters, subset converters, broadcasters (AMD PG085).

They have no time of their own here: a word that their source offers is offered to their sinks at once, and it is taken
from the source once every sink has taken what became of it. A wider word that lacks its last part is kept inside.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mlfpga.board.errors import BoardError
from mlfpga.board.stream import Stream
from mlfpga.board.wiring import Module

_SLICE = re.compile(r"tdata\[(\d+)(?::(\d+))?\]")
_CONSTANT = re.compile(r"(\d+)'([bh])([0-9a-f_]+)")


class Words(NamedTuple):
    """Stream words as bytes (n, bytes of a word; uint8), their TLAST flags (bool), and the bytes that TKEEP marks."""

    data: np.ndarray
    last: np.ndarray
    kept: np.ndarray


class Converter(Protocol):
    """What becomes of the words of a stream. `held` words are inside it, because more must come first."""

    held: int

    def convert(self, words: Words) -> tuple[Words, np.ndarray]:
        """New words -> words for the sink, and how many of the new words are used up once each of those is taken."""

    def room(self, room: int) -> int:
        """Words that fit in if `room` words fit out."""

    def reset(self) -> None:
        """Forget what is held."""


class WidthConverter:
    """axis_dwidth_converter: `narrow` bytes to `wide` and back, whatever the ratio; the lowest byte comes first.

    A packet that ends inside a wide word gives one whose other bytes TKEEP leaves out; narrow words of which TKEEP
    marks nothing are not given, but for the first of a wide word.

    keep_in, keep_out  whether the streams have TKEEP; without it all bytes count
    """

    def __init__(self, bytes_in: int, bytes_out: int, keep_in: bool = True, keep_out: bool = True):
        common = int(np.lcm(bytes_in, bytes_out))
        self._up, self._down = common // bytes_in, common // bytes_out
        self._bytes_in, self._bytes_out = bytes_in, bytes_out
        self._keep_in, self._keep_out = keep_in, keep_out
        self.reset()

    def reset(self) -> None:
        self._begun = Words(np.empty((0, self._bytes_in), np.uint8), np.empty(0, bool), np.empty(0, np.int64))

    @property
    def held(self) -> int:
        return len(self._begun.last)

    def room(self, room: int) -> int:
        return -(-room * self._up // self._down) - self.held

    def convert(self, words: Words) -> tuple[Words, np.ndarray]:
        if not self._keep_in:
            words = words._replace(kept=np.full(len(words.kept), self._bytes_in))
        before = self.held
        words, used = self._widen(Words(*map(np.concatenate, zip(self._begun, words, strict=True))))
        words, beats = self._narrow(words)
        if not self._keep_out:
            words = words._replace(kept=np.full(len(words.kept), self._bytes_out))
        whole = np.concatenate([[0], used])[beats]
        return words, np.maximum(whole - before, 0)

    def _widen(self, words: Words) -> tuple[Words, np.ndarray]:
        """Put `_up` words into one; also how many are used up with each."""
        if self._up == 1:
            return words, np.arange(1, len(words.last) + 1)
        place = np.arange(len(words.last))
        first = np.zeros(len(place), dtype=np.int64)
        first[1:] = np.where(words.last[:-1], place[1:], 0)
        slot = (place - np.maximum.accumulate(first)) % self._up
        group = np.cumsum(slot == 0) - 1
        ends = np.flatnonzero(words.last | (slot == self._up - 1))
        whole = ends[-1] + 1 if len(ends) else 0
        self._begun = Words(words.data[whole:], words.last[whole:], words.kept[whole:])
        data = np.zeros((len(ends), self._up, self._bytes_in), dtype=np.uint8)
        data[group[:whole], slot[:whole]] = words.data[:whole]
        kept = slot[ends] * self._bytes_in + words.kept[ends]
        return Words(data.reshape(len(ends), self._up * self._bytes_in), words.last[ends], kept), ends + 1

    def _narrow(self, words: Words) -> tuple[Words, np.ndarray]:
        """Split each word into up to `_down`; also how many are used up with each part."""
        number = np.arange(1, len(words.last) + 1)
        if self._down == 1:
            return words, number
        parts = np.maximum(-(-words.kept // self._bytes_out), 1)[:, None]
        part = np.arange(self._down)
        given = part < parts
        final = part == parts - 1
        data = words.data.reshape(len(number), self._down, self._bytes_out)[given]
        kept = np.clip(words.kept[:, None] - part * self._bytes_out, 0, self._bytes_out)[given]
        beats = (number[:, None] - ~final)[given]
        return Words(data, (words.last[:, None] & final)[given], kept), beats


class SubsetConverter:
    """axis_subset_converter, or one output of axis_broadcaster: each word gives one, of other bits.

    remap       of TDATA, as Vivado writes it: a concatenation of tdata[a:b] and constants
    last_remap  of TLAST: "tlast[0]", "1'b0" or "1'b1"
    every       TLAST on each so many words, where the input has none (DEFAULT_TLAST); 0: on none
    has_last    whether the input has TLAST

    Raises BoardError, which names the remap, if it is another one.
    """

    held = 0

    def __init__(
        self,
        bytes_in: int,
        bytes_out: int,
        remap: str = "",
        last_remap: str = "tlast[0]",
        every: int = 0,
        has_last: bool = True,
    ):
        self._bytes_in, self._bytes_out = bytes_in, bytes_out
        self._bits = _remapped_bits(remap or f"tdata[{8 * min(bytes_in, bytes_out) - 1}:0]", bytes_in, bytes_out)
        self._last_remap = re.sub(r"[\s{}]", "", last_remap).lower()
        if self._last_remap not in ("tlast[0]", "tlast", "1'b0", "1'b1"):
            raise BoardError(f"TLAST remap {last_remap!r} is not modelled; choose tlast[0], 1'b0 or 1'b1")
        self._every = every
        self._has_last = has_last
        self.reset()

    def reset(self) -> None:
        self._count = 0

    def room(self, room: int) -> int:
        return room

    def convert(self, words: Words) -> tuple[Words, np.ndarray]:
        number = np.arange(1, len(words.last) + 1)
        kept = words.kept if self._bytes_in == self._bytes_out else np.full(len(number), self._bytes_out)
        return Words(self._data(words.data), self._lasts(words.last, number), kept), number

    def _data(self, data: np.ndarray) -> np.ndarray:
        bits = self._bits.reshape(-1, 8)
        lanes = bits[:, 0] // 8
        if np.array_equal(bits, np.arange(8) + 8 * lanes[:, None]):  # whole bytes of the input
            return data[:, lanes]
        sources = np.zeros((len(data), 8 * self._bytes_in + 2), dtype=np.uint8)
        sources[:, :-2] = np.unpackbits(data, axis=1, bitorder="little")
        sources[:, -1] = 1
        return np.packbits(sources[:, self._bits], axis=1, bitorder="little")

    def _lasts(self, last: np.ndarray, number: np.ndarray) -> np.ndarray:
        if self._last_remap.startswith("1'b"):
            return np.full(len(last), self._last_remap == "1'b1")
        if self._has_last:
            return last
        counted = self._count + number
        self._count += len(number)
        return counted % self._every == 0 if self._every else np.zeros(len(last), bool)


def _remapped_bits(remap: str, bytes_in: int, bytes_out: int) -> np.ndarray:
    """For each bit of the output, lowest first, the bit of the input; behind those stand a zero and a one."""
    zero = 8 * bytes_in
    bits: list[int] = []
    for part in reversed(re.sub(r"[\s{}]", "", remap).lower().split(",")):
        if found := _SLICE.fullmatch(part):
            high, low = int(found[1]), int(found[2] or found[1])
            bits += range(low, high + 1)
        elif found := _CONSTANT.fullmatch(part):
            value = int(found[3].replace("_", ""), 2 if found[2] == "b" else 16)
            bits += [zero + (value >> bit & 1) for bit in range(int(found[1]))]
        else:
            raise BoardError(f"TDATA remap {remap!r} is not modelled: {part!r} is neither tdata[a:b] nor a constant")
        if found[0].startswith("tdata") and not low <= high < zero:
            raise BoardError(f"TDATA remap {remap!r} takes {part} of {zero} bits")
    if len(bits) != 8 * bytes_out:
        raise BoardError(f"TDATA remap {remap!r} gives {len(bits)} bits for {8 * bytes_out}")
    return np.array(bits)


class _Lane:
    """A sink with its converter, and the words it was offered and has not taken."""

    def __init__(self, sink: Stream, converter: Converter):
        self.sink = sink
        self.converter = converter
        self.used = np.empty(0, dtype=np.int64)  # words of the source used up once each waiting word is taken

    def take_note(self, seen: int, done: int) -> int:
        """Words of the source that this sink has used up, of `seen`; it was `done` before."""
        taken = len(self.used) - self.sink.waiting
        done = int(self.used[taken - 1]) if taken else done
        self.used = self.used[taken:]
        return done if len(self.used) else seen

    def offer(self, words: Words, seen: int, since: int) -> None:
        given, used = self.converter.convert(words)
        sink = self.sink
        if len(given.last):
            full = bool((given.kept == sink.word_bytes).all())
            data = np.ascontiguousarray(given.data).reshape(-1).view(sink.word_dtype)
            sink.since = since
            sink.offer(data, given.last, None if full else given.kept)
            self.used = np.concatenate([self.used, used + seen])

    def reset(self) -> None:
        self.sink.clear()
        self.converter.reset()
        self.used = self.used[:0]


class StreamBlock:
    """One IP with a source stream and, for each of its sinks, what it makes of the words."""

    def __init__(self, name: str, source: Stream, sinks: Sequence[tuple[Stream, Converter]]):
        self.name = name
        self.source = source
        self._lanes = [_Lane(*pair) for pair in sinks]
        self._withdrawn = source.withdrawn
        self._seen = self._taken = 0
        self._done = [0] * len(self._lanes)

    @property
    def sinks(self) -> list[Stream]:
        return [lane.sink for lane in self._lanes]

    def advance(self) -> bool:
        """Let words and readiness through as far as possible now; whether anything changed."""
        if self._withdrawn != self.source.withdrawn:
            self._withdrawn = self.source.withdrawn
            self._taken = self._seen
            for lane in self._lanes:
                lane.reset()
        return any([self._take(), self._give(), self._pass_readiness()])

    def _take(self) -> bool:
        """Take from the source what every sink has used up."""
        self._done = [lane.take_note(self._seen, done) for lane, done in zip(self._lanes, self._done, strict=True)]
        count = min(self._done) - self._taken
        if count <= 0:
            return False
        self.source.taken_at = max(lane.sink.taken_at for lane in self._lanes)
        self.source.take(count)
        self._taken += count
        return True

    def _give(self) -> bool:
        """Offer to the sinks what the source newly offers."""
        source, start = self.source, self._seen - self._taken
        count = source.waiting - start
        if not count:
            return False
        words, last = source.peek(start)
        data = np.ascontiguousarray(words).view(np.uint8).reshape(count, source.word_bytes)
        kept = np.full(count, source.word_bytes) if source.kept is None else source.kept[start:]
        for lane in self._lanes:
            lane.offer(Words(data, last, kept), self._seen, source.since)
        self._seen += count
        return True

    def _pass_readiness(self) -> bool:
        rooms = [lane.converter.room(lane.sink.room) for lane in self._lanes if lane.sink.room is not None]
        now = all(lane.sink.ready for lane in self._lanes), min(rooms, default=None)
        changed = now != (self.source.ready, self.source.room)
        self.source.ready, self.source.room = now
        return changed

    def conditions(self) -> list[str]:
        """One sentence if words are kept inside."""
        return [
            f"{self.name} keeps {lane.converter.held} words of {self.source.name} until a wider word of "
            f"{lane.sink.name} is whole, or TLAST comes"
            for lane in self._lanes
            if lane.converter.held
        ]


def _width_converter(module: Module, source: Stream, sinks: dict[str, Stream]) -> list[tuple[Stream, Converter]]:
    keeps = {interface.name: interface.has_keep for interface in module.interfaces}
    (name, sink), *_ = sinks.items()
    given = next(iter(module.streams("TARGET"))).name
    return [(sink, WidthConverter(source.word_bytes, sink.word_bytes, keeps[given], keeps[name]))]


def _subset_converter(module: Module, source: Stream, sinks: dict[str, Stream]) -> list[tuple[Stream, Converter]]:
    sink = next(iter(sinks.values()))
    gives_last = module.number("m_has_tlast", 1)
    return [
        (
            sink,
            SubsetConverter(
                source.word_bytes,
                sink.word_bytes,
                module.text("tdata_remap"),
                module.text("tlast_remap") or "tlast[0]" if gives_last else "1'b0",
                module.number("default_tlast", 0),
                bool(module.number("s_has_tlast", 1)),
            ),
        )
    ]


def _broadcaster(module: Module, source: Stream, sinks: dict[str, Stream]) -> list[tuple[Stream, Converter]]:
    remaps = {name: module.text(f"{name.split('_')[0].lower()}_tdata_remap") for name in sinks}
    return [(s, SubsetConverter(source.word_bytes, s.word_bytes, remaps[name])) for name, s in sinks.items()]


_KINDS: dict[str, Callable[[Module, Stream, dict[str, Stream]], list[tuple[Stream, Converter]]]] = {
    "axis_dwidth_converter": _width_converter,
    "axis_subset_converter": _subset_converter,
    "axis_broadcaster": _broadcaster,
}
BLOCKS = tuple(_KINDS)
"""The types of IP that `make_block` knows."""


def make_block(module: Module, source: Stream, sinks: dict[str, Stream]) -> StreamBlock:
    """The block of a module of a type in BLOCKS, with its sinks by the name of its own interface.

    Raises BoardError if it is configured in a way that is not modelled.
    """
    return StreamBlock(module.name, source, _KINDS[module.ip](module, source, sinks))
