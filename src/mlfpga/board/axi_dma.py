"""AXI DMA v7.1 in direct register mode, as AMD PG021 describes it and its published HDL behaves.

Where the guide leaves something open, the model does what the HDL does:

* an error in one channel stops both (Halted, RS cleared), raises IOC_Irq with Err_Irq, and lasts until a reset;
* S2MM takes a full buffer whose last word came without TLAST for a packet that is too long (DMAIntErr);
* clearing RS lets the transfer under way end first: Halted waits for it;
* a LENGTH of zero, and a LENGTH written while a transfer is under way, start nothing;
* a transfer keeps the address, the length and Keyhole that it was started with;
* the register interface decodes 10 bits of address, so the registers come again every 1 KiB.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from mlfpga.board.activity import WRITE_LATENCY, Activity, Transfer
from mlfpga.board.errors import warn
from mlfpga.board.memory import Memory
from mlfpga.board.stream import Stream

# DMACR, bits (PG021, MM2S_DMACR and S2MM_DMACR)
RUN, RESET, KEYHOLE, CYCLIC = 1 << 0, 1 << 2, 1 << 3, 1 << 4
IOC_IRQ, DLY_IRQ, ERR_IRQ = 1 << 12, 1 << 13, 1 << 14  # the enables in DMACR, the events in DMASR
# DMASR, bits
HALTED, IDLE = 1 << 0, 1 << 1
INTERNAL_ERROR, SLAVE_ERROR, DECODE_ERROR = 1 << 4, 1 << 5, 1 << 6

_ALWAYS_ONE = 1 << 1
_IRQS = IOC_IRQ | DLY_IRQ | ERR_IRQ
_WRITABLE = RUN | KEYHOLE | CYCLIC | _IRQS
_THRESHOLD_ONE = 1 << 16
_ERROR_NAMES = {INTERNAL_ERROR: "DMAIntErr", SLAVE_ERROR: "DMASlvErr", DECODE_ERROR: "DMADecErr"}
S2MM_OFFSET = 0x30
_REGISTER_BYTES = 0x400


@dataclass(frozen=True)
class DmaSettings:
    """What the block design chose for an AXI DMA.

    length_bits    c_sg_length_width: one transfer moves at most 2**length_bits - 1 bytes
    address_bits   c_addr_width; with 32, the upper address registers do not exist; bits above it reach no memory
    read_bytes     width of the memory port of MM2S: addresses are multiples of it unless realigning is included
    write_bytes    the same for S2MM
    realign_read   c_include_mm2s_dre
    realign_write  c_include_s2mm_dre
    read_ranges    (first, last) addresses that the MM2S memory port reaches
    write_ranges   the same for S2MM
    """

    length_bits: int = 14
    address_bits: int = 32
    read_bytes: int = 4
    write_bytes: int = 4
    realign_read: bool = False
    realign_write: bool = False
    read_ranges: tuple[tuple[int, int], ...] = ()
    write_ranges: tuple[tuple[int, int], ...] = ()


class AxiDma:
    """Both channels of one AXI DMA; a channel whose stream is None was left out of the design.

    activity  where transfers are recorded
    """

    def __init__(
        self,
        name: str,
        settings: DmaSettings,
        memory: Memory,
        to_pl: Stream | None,
        from_pl: Stream | None,
        activity: Activity | None = None,
    ):
        self.name = name
        self.activity = activity or Activity()
        self.channels: list[Channel] = []
        if to_pl is not None:
            self.channels.append(SendChannel(self, settings, memory, to_pl))
        if from_pl is not None:
            self.channels.append(ReceiveChannel(self, settings, memory, from_pl))

    def read(self, offset: int) -> int:
        offset %= _REGISTER_BYTES
        channel = self._channel(offset)
        return channel.read(offset - channel.offset) if channel else 0

    def write(self, offset: int, value: int) -> None:
        offset %= _REGISTER_BYTES
        channel = self._channel(offset)
        if channel:
            self.activity.add_access(self.name, offset, value)
            channel.write(offset - channel.offset, value)

    def is_waiting(self, offset: int) -> bool:
        """Whether a program that reads `offset` again and again waits for a transfer to end."""
        offset %= _REGISTER_BYTES
        channel = self._channel(offset)
        return channel is not None and offset - channel.offset == 0x04 and not channel.read(0x04) & IDLE

    def advance(self) -> bool:
        """Move what can move now; whether anything did."""
        return any([channel.advance() for channel in self.channels])

    def reset(self) -> None:
        """What DMACR.Reset of either channel does: both channels start afresh."""
        for channel in self.channels:
            channel.reset()

    def stop_all(self) -> None:
        """An error anywhere stops the whole engine."""
        for channel in self.channels:
            channel.stop_for_error()

    def conditions(self) -> list[str]:
        return [channel.condition() for channel in self.channels]

    def _channel(self, offset: int) -> "Channel | None":
        return next((c for c in self.channels if c.offset <= offset < c.offset + S2MM_OFFSET), None)


class Channel(ABC):
    """The registers and the transfer that MM2S and S2MM have in common. `offset` is that of its DMACR."""

    offset: int
    label: str
    direction: str
    address_register: str

    def __init__(self, dma: AxiDma, settings: DmaSettings, memory: Memory, stream: Stream):
        self.dma = dma
        self.name = f"{dma.name} {self.label}"
        self.stream = stream
        self._memory = memory
        self._length_mask = (1 << settings.length_bits) - 1
        self._wide_address = settings.address_bits > 32
        self._address_mask = (1 << settings.address_bits) - 1
        self._port_bytes, self._realigns, self._ranges = self._port(settings)
        self.reset()

    def reset(self) -> None:
        self.control = _THRESHOLD_ONE
        self.halted = True
        self.idle = False
        self.errors = 0
        self.events = 0
        self.address = 0
        self.length = 0
        self.cause = ""
        self._busy = False
        self._first = self._asked = 0
        self._keyhole = False
        self._clear_stream()

    def read(self, offset: int) -> int:
        if offset == 0x00:
            return self.control | _ALWAYS_ONE
        if offset == 0x04:
            return self.halted * HALTED | self.idle * IDLE | self.errors | self.events
        if offset == 0x18:
            return self.address & 0xFFFF_FFFF
        if offset == 0x1C:
            return self.address >> 32
        return self.length if offset == 0x28 else 0

    def write(self, offset: int, value: int) -> None:
        if offset == 0x00:
            self._write_control(value)
        elif offset == 0x04:
            self.events &= ~(value & _IRQS)
        elif offset == 0x18:
            self.address = self.address >> 32 << 32 | value
        elif offset == 0x1C and self._wide_address:
            self.address = self.address & 0xFFFF_FFFF | value << 32
        elif offset == 0x28:
            self.length = value & self._length_mask
            self._write_length(value)

    @property
    def busy(self) -> bool:
        """A transfer is under way."""
        return self._busy

    @property
    def under_way(self) -> Transfer | None:
        """The transfer that has begun and not ended; its `end` is now."""
        if not self._busy:
            return None
        return Transfer(self.name, self._began, max(self.dma.activity.cycles, self._began), self._asked)

    @property
    def interrupt(self) -> bool:
        """The level of mm2s_introut or s2mm_introut."""
        return bool(self.events & self.control & _IRQS)

    def _write_control(self, value: int) -> None:
        if value & RESET:
            self.dma.reset()
            return
        threshold = value & 0x00FF_0000 or _THRESHOLD_ONE
        self.control = value & (_WRITABLE | 0xFF00_0000) | threshold
        if any(channel.errors for channel in self.dma.channels):
            self.control &= ~RUN
        if self.control & RUN:
            self.halted = False
        elif not self._busy:
            self._halt()

    def _write_length(self, value: int) -> None:
        if value != self.length:
            warn(
                f"{self.name}: LENGTH {value:,} was cut to {self.length:,}: the register has "
                f"{self._length_mask.bit_length()} bits in this design (c_sg_length_width)"
            )
        if self.halted or not self.control & RUN:
            warn(f"{self.name}: LENGTH written while the channel is halted starts nothing; {self._how_to_run()}")
        elif self._busy:
            warn(f"{self.name}: LENGTH written while a transfer is under way starts nothing; wait() for its end first")
        elif self.length == 0:
            warn(f"{self.name}: LENGTH 0 starts nothing")
        else:
            self._start()

    def _start(self) -> None:
        if self.address % self._port_bytes and not self._realigns:
            warn(
                f"{self.name}: address {self.address:#x} is not a multiple of {self._port_bytes} bytes, the width of "
                "the memory port, and the design includes no realignment: the hardware's result is undefined"
            )
        self._first, self._asked = self.address & self._address_mask, self.length
        self._keyhole = bool(self.control & KEYHOLE)
        self._busy = True
        self.idle = False
        self._began = self.dma.activity.cycles
        self._begin()

    def _complete(self, nbytes: int) -> None:
        self.dma.activity.add_transfer(self.name, self._began, self._ended(), nbytes)
        self._busy = False
        self.idle = True
        self.events |= IOC_IRQ
        if not self.control & RUN:
            self._halt()

    def _halt(self) -> None:
        self.halted = True
        self.idle = False

    def _fail(self, error: int, cause: str) -> None:
        self.errors |= error
        self.events |= ERR_IRQ
        self.cause = f"{_ERROR_NAMES[error]}: {cause}"
        self.dma.stop_all()
        warn(f"{self.name} halted, {self.cause}. pynq will not say so")

    def stop_for_error(self) -> None:
        self.control &= ~RUN
        if self._busy:
            activity = self.dma.activity
            activity.add_transfer(self.name, self._began, activity.cycles, self.length, failed=True)
        if not self.halted:
            self.events |= IOC_IRQ
        self._busy = False
        self._halt()
        self._clear_stream()

    def _reaches(self, address: int, nbytes: int) -> bool:
        return any(first <= address and address + nbytes - 1 <= last for first, last in self._ranges)

    def _memory_span(self) -> tuple[int, int]:
        """Address and bytes of the transfer under way; with Keyhole every access is to the first address."""
        return self._first, min(self._asked, self._port_bytes) if self._keyhole else self._asked

    def _fail_outside(self, address: int, nbytes: int) -> None:
        reached = ", ".join(f"{first:#x}-{last:#x}" for first, last in self._ranges) or "nothing"
        self._fail(DECODE_ERROR, f"{nbytes} bytes at {address:#x} are outside memory; this port reaches {reached}")

    def _how_to_run(self) -> str:
        if self.errors:
            return f"after an error only a reset helps: {self.dma.name}.write({self.offset:#x}, 4), then start() again"
        return f"start it: {self.dma.name}.{self.direction}channel.start()"

    def condition(self) -> str:
        """One sentence: what this channel is doing."""
        who = f"{self.name} ({self.direction})"
        if self.errors:
            return f"{who} is halted after {self.cause}; {self._how_to_run()}"
        if self.halted:
            return f"{who} is halted; {self._how_to_run()}"
        if not self._busy:
            return f"{who} is idle" if self.idle else f"{who} runs, but no transfer was given to it"
        return f"{who} {self._progress()}{self._whose_buffer()}"

    def _whose_buffer(self) -> str:
        """A warning if the transfer's memory belongs to no buffer."""
        address, nbytes = self._memory_span()
        if self._memory.buffer_of(address, nbytes) is not None:
            return ""
        return f"; its {nbytes:,} bytes at {address:#x} are not inside one buffer of pynq.allocate()"

    @abstractmethod
    def _port(self, settings: DmaSettings) -> tuple[int, bool, tuple[tuple[int, int], ...]]:
        """Width in bytes, realigning or not, and reachable ranges of this channel's memory port."""

    @abstractmethod
    def _begin(self) -> None:
        """A transfer of `length` bytes starts."""

    @abstractmethod
    def advance(self) -> bool:
        """Move what can move now; whether anything did."""

    @abstractmethod
    def _ended(self) -> int:
        """The cycle at which the transfer ended."""

    @abstractmethod
    def _clear_stream(self) -> None:
        """Drop what this channel holds of its stream."""

    @abstractmethod
    def _progress(self) -> str:
        """How far the transfer under way has come."""


class SendChannel(Channel):
    """MM2S: memory to stream. The last word of a transfer carries TLAST."""

    offset = 0x00
    label = "MM2S"
    direction = "send"

    def _port(self, settings: DmaSettings) -> tuple[int, bool, tuple[tuple[int, int], ...]]:
        return settings.read_bytes, settings.realign_read, settings.read_ranges

    def _begin(self) -> None:
        address, nbytes = self._memory_span()
        if not self._reaches(address, nbytes):
            self._fail_outside(address, nbytes)
            return
        data = self._memory.dma_read(address, nbytes, self.name)
        if self._keyhole:
            data = np.resize(data, self._asked)
        # A transfer that ends inside a word has TKEEP low for the rest of it; the sink sees zeros there.
        size = self.stream.word_bytes
        padded = np.zeros(-(-len(data) // size) * size, dtype=np.uint8)
        padded[: len(data)] = data
        last = np.zeros(len(padded) // size, dtype=bool)
        last[-1] = True
        kept = None
        if len(data) < len(padded):
            kept = np.full(len(last), size)
            kept[-1] = len(data) % size
        self.stream.offer(padded.view(self.stream.word_dtype), last, kept)

    def advance(self) -> bool:
        if not self._busy or self.stream.waiting:
            return False
        self._complete(self._asked)
        return True

    def _ended(self) -> int:
        return max(self.stream.taken_at, self._began)

    def _clear_stream(self) -> None:
        self.stream.clear()

    def _progress(self) -> str:
        total = -(-self._asked // self.stream.word_bytes)
        return f"has {self.stream.waiting} of its {total} words left, and nobody takes them"


class ReceiveChannel(Channel):
    """S2MM: stream to memory. A transfer ends with TLAST; LENGTH then holds the bytes that came."""

    offset = S2MM_OFFSET
    label = "S2MM"
    direction = "recv"

    def _port(self, settings: DmaSettings) -> tuple[int, bool, tuple[tuple[int, int], ...]]:
        return settings.write_bytes, settings.realign_write, settings.write_ranges

    def _begin(self) -> None:
        self._received = 0
        self._open()

    def _open(self) -> None:
        """Ready for what the buffer still holds."""
        self.stream.ready = True
        self.stream.room = -(-(self._asked - self._received) // self.stream.word_bytes)

    def advance(self) -> bool:
        if not self._busy or not self.stream.waiting:
            return False
        packet = self.stream.packet_words()
        count = packet or self.stream.waiting
        kept = self.stream.kept
        words, _ = self.stream.take(count)
        # Only the last word of a packet may have bytes that TKEEP leaves out: those are not stored.
        dropped = 0 if kept is None else self.stream.word_bytes - int(kept[count - 1])
        data = words.view(np.uint8)[: words.nbytes - dropped]
        fits = data[: self._asked - self._received]
        reached = min(self._received + len(fits), self._memory_span()[1])
        if not self._reaches(self._first, reached):
            self._store(fits[: self._reachable() - self._received])
            self._fail_outside(*self._memory_span())
            return True
        self._store(fits)
        self._received += len(fits)
        if len(fits) < len(data) or not packet and self._received == self._asked:
            self.length = self._received
            self._fail(
                INTERNAL_ERROR,
                f"the buffer's {self._asked:,} bytes were full before the packet ended: the packet is longer than the "
                "buffer, or the accelerator sets no TLAST",
            )
        elif packet:
            self.length = self._received
            self.stream.ready = False
            self._complete(self._received)
        else:
            self._open()
        return True

    def _reachable(self) -> int:
        """Bytes from the transfer's first address to the end of what this port reaches; at least those received."""
        ends = [last + 1 - self._first for first, last in self._ranges if first <= self._first <= last]
        return max([self._received, *ends])

    def _store(self, data: np.ndarray) -> None:
        """Put the next bytes of the packet into memory."""
        if not len(data):
            return
        if not self._keyhole:
            self._memory.dma_write(self._first + self._received, data, self.name)
            return
        newest = data[-self._port_bytes :]
        place = self._received + len(data) - len(newest)
        for number, byte in enumerate(newest.reshape(-1, 1), start=place):
            self._memory.dma_write(self._first + number % self._port_bytes, byte, self.name)

    def _ended(self) -> int:
        return max(self.stream.since, self._began) + WRITE_LATENCY

    def _clear_stream(self) -> None:
        # What the accelerator still offers is the accelerator's: only a new overlay takes it away.
        self.stream.ready = False

    def _progress(self) -> str:
        return f"waits for TLAST: {self._received} of {self._asked} bytes came"
