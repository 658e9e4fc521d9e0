"""The registers of AXI DMA v7.1 in direct register mode, written from AMD's product guide PG021 and from nothing else.

A second opinion for the tests: plain Python, byte by byte, with no code and no structure of mlfpga.board.axi_dma. Where
the guide says "undefined" (a packet longer than the buffer, addresses outside memory), it says what AMD's published HDL
does with the registers. Programs of the tests are lists of steps that `run` gives to a DMA and to this model alike.
"""

from dataclasses import dataclass, field

DMACR, DMASR, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
S2MM = 0x30
RS, RESET, KEYHOLE = 0x1, 0x4, 0x8
HALTED, IDLE, INT_ERR, DEC_ERR = 0x1, 0x2, 0x10, 0x40
IOC, DLY, ERR = 0x1000, 0x2000, 0x4000


@dataclass(frozen=True)
class Parameters:
    """What the block design sets: widths of LENGTH and of addresses in bits, of the ports and the stream in bytes."""

    length_width: int = 26
    address_width: int = 32
    mm2s_data_bytes: int = 4
    s2mm_data_bytes: int = 4
    stream_bytes: int = 4


@dataclass
class ChannelState:
    """One channel's registers, and what its transfer under way was started with."""

    dmacr: int = 0x0001_0002
    dmasr: int = HALTED
    address: int = 0
    address_msb: int = 0
    length: int = 0
    transferring: bool = False
    start: int = 0
    wanted: int = 0
    fixed: bool = False
    count: int = 0

    @property
    def introut(self) -> bool:
        return bool(self.dmacr & self.dmasr & (IOC | DLY | ERR))


@dataclass
class Dma:
    """Both channels, the memory from address `base` on, and both streams. Below `base` nobody looks.

    outgoing   words that MM2S offers and nobody took
    incoming   (word, last) pairs that the accelerator offers to S2MM
    """

    parameters: Parameters
    memory: bytearray
    base: int
    top: int  # first address that the memory ports do not reach
    mm2s: ChannelState = field(default_factory=ChannelState)
    s2mm: ChannelState = field(default_factory=ChannelState)
    outgoing: list = field(default_factory=list)
    incoming: list = field(default_factory=list)

    def read(self, offset: int) -> int:
        channel, register = self._decode(offset)
        return {
            DMACR: channel.dmacr,
            DMASR: channel.dmasr,
            ADDRESS: channel.address,
            ADDRESS_MSB: channel.address_msb,
            LENGTH: channel.length,
        }.get(register, 0)

    def write(self, offset: int, value: int) -> None:
        channel, register = self._decode(offset)
        if register == DMACR and value & RESET:
            self.mm2s, self.s2mm, self.outgoing = ChannelState(), ChannelState(), []
        elif register == DMACR:
            self._control(channel, value)
        elif register == DMASR:
            channel.dmasr &= ~(value & (IOC | DLY | ERR))
        elif register == ADDRESS:
            channel.address = value
        elif register == ADDRESS_MSB and self.parameters.address_width > 32:
            channel.address_msb = value
        elif register == LENGTH:
            channel.length = value % (1 << self.parameters.length_width)
            running = channel.dmacr & RS and not channel.dmasr & HALTED
            if channel.length and running and not channel.transferring:
                self._begin(channel)
        self._receive()

    def take(self, words: int) -> list[int]:
        """The accelerator takes words that MM2S offers."""
        taken, self.outgoing = self.outgoing[:words], self.outgoing[words:]
        if self.mm2s.transferring and not self.outgoing:
            self._end(self.mm2s)
        return taken

    def give(self, words: list[tuple[int, bool]]) -> None:
        """The accelerator offers words to S2MM."""
        self.incoming += words
        self._receive()

    def _decode(self, offset: int) -> tuple[ChannelState, int]:
        offset &= 0x3FF
        return (self.s2mm, offset - S2MM) if S2MM <= offset < 2 * S2MM else (self.mm2s, offset)

    def _control(self, channel: ChannelState, value: int) -> None:
        stuck = any(each.dmasr & (INT_ERR | DEC_ERR) for each in (self.mm2s, self.s2mm))
        run = bool(value & RS) and not stuck
        # Reserved bits 5-11 and 15 read zero, bit 1 reads one, and a threshold of zero is taken as one.
        threshold = value >> 16 & 0xFF or 1
        channel.dmacr = value & 0xFF00_7018 | threshold << 16 | 0x2 | run
        if run:
            channel.dmasr &= ~HALTED
        elif not channel.transferring:
            channel.dmasr = channel.dmasr & ~IDLE | HALTED

    def _begin(self, channel: ChannelState) -> None:
        channel.transferring, channel.count = True, 0
        channel.start = (channel.address_msb << 32 | channel.address) % (1 << self.parameters.address_width)
        channel.wanted, channel.fixed = channel.length, bool(channel.dmacr & KEYHOLE)
        channel.dmasr &= ~IDLE
        if channel is self.mm2s:
            self._send(channel)

    def _send(self, channel: ChannelState) -> None:
        width = self.parameters.mm2s_data_bytes
        places = [channel.start + (i % width if channel.fixed else i) for i in range(channel.wanted)]
        if max(places) >= self.top:
            self._error(channel, DEC_ERR)
            return
        data = [self.memory[place - self.base] if place >= self.base else 0 for place in places]
        size = self.parameters.stream_bytes
        for start in range(0, len(data), size):
            self.outgoing.append(sum(byte << 8 * lane for lane, byte in enumerate(data[start : start + size])))

    def _receive(self) -> None:
        channel, size = self.s2mm, self.parameters.stream_bytes
        while channel.transferring and self.incoming:
            word, last = self.incoming.pop(0)
            for lane in range(size):
                if channel.count == channel.wanted:
                    self._overflow(channel, last)
                    return
                width = self.parameters.s2mm_data_bytes
                place = channel.start + (channel.count % width if channel.fixed else channel.count)
                if place >= self.top:
                    self._spill(last)
                    self._error(channel, DEC_ERR)
                    return
                if place >= self.base:
                    self.memory[place - self.base] = word >> 8 * lane & 0xFF
                channel.count += 1
            if last:
                channel.length = channel.count
                self._end(channel)
            elif channel.count == channel.wanted:
                self._overflow(channel, last)

    def _overflow(self, channel: ChannelState, last: bool) -> None:
        self._spill(last)
        channel.length = channel.count
        self._error(channel, INT_ERR)

    def _spill(self, last: bool) -> None:
        """What was offered of the packet that met an error is lost."""
        while self.incoming and not last:
            _, last = self.incoming.pop(0)

    def _end(self, channel: ChannelState) -> None:
        channel.transferring = False
        channel.dmasr |= IOC
        if channel.dmacr & RS:
            channel.dmasr |= IDLE
        else:
            channel.dmasr |= HALTED

    def _error(self, culprit: ChannelState, bit: int) -> None:
        """Either channel's error stops both; the one that runs tells so with IOC_Irq."""
        for channel in (self.mm2s, self.s2mm):
            if not channel.dmasr & HALTED:
                channel.dmasr |= IOC
            channel.dmasr = channel.dmasr & ~IDLE | HALTED
            channel.dmacr &= ~RS
            channel.transferring = False
        culprit.dmasr |= bit | ERR
        self.outgoing = []
