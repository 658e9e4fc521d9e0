"""AXI DMA against PG021 (register tables, direct register mode), and against a small reference model of its own."""

import warnings

import numpy as np
import pytest

from mlfpga.board import BoardWarning
from mlfpga.board.axi_dma import AxiDma, DmaSettings
from mlfpga.board.memory import Memory
from mlfpga.board.stream import Stream

MM2S, S2MM = 0x00, 0x30
DMACR, DMASR, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
HALTED, IDLE, INT_ERR, DEC_ERR, IOC, ERR = 1, 2, 0x10, 0x40, 0x1000, 0x4000
LOW_DDR = ((0, 0x7FFF_FFFF),)


class Bench:
    """One AXI DMA with both its streams in the test's hands."""

    def __init__(self, **settings):
        self.memory = Memory(size=1 << 20)
        self.to_pl, self.from_pl = Stream("to_pl", 32), Stream("from_pl", 32)
        settings = {"length_bits": 26, "read_ranges": LOW_DDR, "write_ranges": LOW_DDR} | settings
        self.dma = AxiDma("axi_dma_0", DmaSettings(**settings), self.memory, self.to_pl, self.from_pl)

    def start(self, channel: int, address: int, nbytes: int) -> None:
        self.dma.write(channel + DMACR, 1)
        self.dma.write(channel + ADDRESS, address)
        self.dma.write(channel + LENGTH, nbytes)
        self.settle()

    def settle(self) -> None:
        while self.dma.advance():
            pass

    def give(self, words, end: bool = True) -> None:
        """The accelerator offers a packet, or with `end` false the beginning of one."""
        last = np.zeros(len(words), bool)
        last[-1] = end
        self.from_pl.offer(np.asarray(words, dtype="<u4"), last)
        self.settle()

    def status(self, channel: int) -> int:
        return self.dma.read(channel + DMASR)


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize("channel", [MM2S, S2MM])
def test_reset_values_are_those_of_the_product_guide(bench, channel):
    assert bench.dma.read(channel + DMACR) == 0x0001_0002
    assert bench.status(channel) == HALTED
    assert [bench.dma.read(channel + o) for o in (ADDRESS, ADDRESS_MSB, LENGTH)] == [0, 0, 0]


@pytest.mark.parametrize("channel", [MM2S, S2MM])
def test_running_before_the_first_transfer_is_neither_halted_nor_idle(bench, channel):
    bench.dma.write(channel + DMACR, 1)
    assert bench.status(channel) == 0


def test_a_send_ends_when_its_last_word_is_taken(bench):
    address = bench.memory.allocate(12)
    bench.memory.ddr(address, 12)[:] = range(12)
    bench.start(MM2S, address, 12)
    assert bench.status(MM2S) == 0
    words, last = bench.to_pl.take(2)
    bench.settle()
    assert bench.status(MM2S) == 0
    assert words.tolist() == [0x0302_0100, 0x0706_0504] and last.tolist() == [False, False]
    words, last = bench.to_pl.take(1)
    bench.settle()
    assert bench.status(MM2S) == IDLE | IOC
    assert words.tolist() == [0x0B0A_0908] and last.tolist() == [True]
    assert bench.dma.read(MM2S + LENGTH) == 12


def test_a_send_that_ends_inside_a_word_fills_it_with_zeros(bench):
    address = bench.memory.allocate(8)
    bench.memory.ddr(address, 8)[:] = 0xFF
    bench.start(MM2S, address, 6)
    words, last = bench.to_pl.take(9)
    assert words.tolist() == [0xFFFF_FFFF, 0x0000_FFFF] and last.tolist() == [False, True]


def test_a_send_reads_ddr_and_not_the_cpu_copy(bench):
    address = bench.memory.allocate(4)
    bench.memory.cpu(address, 4)[:] = 1
    bench.start(MM2S, address, 4)
    assert bench.to_pl.take(1)[0].tolist() == [0]


def test_a_packet_shorter_than_the_buffer_tells_its_length(bench):
    address = bench.memory.allocate(64)
    bench.start(S2MM, address, 64)
    bench.give([1, 2, 3])
    assert bench.status(S2MM) == IDLE | IOC
    assert bench.dma.read(S2MM + LENGTH) == 12
    assert bench.memory.ddr(address, 16).view("<u4").tolist() == [1, 2, 3, 0]


def test_without_tlast_a_full_buffer_goes_on_waiting(bench):
    bench.start(S2MM, bench.memory.allocate(8), 8)
    bench.give([1, 2], end=False)
    assert bench.status(S2MM) == 0


def test_a_packet_longer_than_the_buffer_stops_both_channels(bench):
    address = bench.memory.allocate(64)
    bench.dma.write(MM2S + DMACR, 1)
    with pytest.warns(BoardWarning) as warned:
        bench.start(S2MM, address, 8)
        bench.give([1, 2, 3])
    assert bench.status(S2MM) == HALTED | INT_ERR | IOC | ERR
    assert bench.status(MM2S) == HALTED | IOC
    assert bench.dma.read(S2MM + DMACR) & 1 == bench.dma.read(MM2S + DMACR) & 1 == 0
    assert bench.memory.ddr(address, 12).view("<u4").tolist() == [1, 2, 0]
    assert str(warned[0].message) == (
        "axi_dma_0 S2MM halted, DMAIntErr: the packet is longer than the buffer: 8 bytes were asked for and at least "
        "12 came before TLAST. pynq will only say that the channel is not started"
    )


@pytest.mark.parametrize("channel", [MM2S, S2MM])
@pytest.mark.parametrize("address", [0x8000_0000, 0x7FFF_FFFC, 0xFFFF_FFF8])
def test_an_address_outside_memory_is_a_decode_error(bench, channel, address):
    with pytest.warns(BoardWarning, match=f"DMADecErr: 8 bytes at {address:#x} are outside memory"):
        bench.start(channel, address, 8)
        if channel == S2MM:
            bench.give([1, 2])
    assert bench.status(channel) == HALTED | DEC_ERR | IOC | ERR


def test_errors_outlast_everything_but_a_reset(bench):
    with pytest.warns(BoardWarning):
        bench.start(MM2S, 0x8000_0000, 8)
    bench.dma.write(MM2S + DMASR, 0xFFFF_FFFF)
    bench.dma.write(MM2S + DMACR, 1)
    assert bench.status(MM2S) == HALTED | DEC_ERR
    bench.dma.write(S2MM + DMACR, 4)
    bench.dma.write(MM2S + DMACR, 1)
    assert bench.status(MM2S) == 0


def test_reset_of_either_channel_clears_both_and_drops_what_was_sent(bench):
    address = bench.memory.allocate(16)
    bench.start(MM2S, address, 16)
    bench.start(S2MM, address, 16)
    bench.dma.write(S2MM + DMACR, 4)
    for channel in (MM2S, S2MM):
        assert bench.dma.read(channel + DMACR) == 0x0001_0002
        assert bench.status(channel) == HALTED
        assert bench.dma.read(channel + ADDRESS) == bench.dma.read(channel + LENGTH) == 0
    assert bench.to_pl.waiting == 0 and not bench.from_pl.ready


def test_interrupt_events_clear_where_a_one_is_written(bench):
    bench.start(MM2S, bench.memory.allocate(4), 4)
    bench.to_pl.take(1)
    bench.settle()
    channel = bench.dma.channels[0]
    assert not channel.interrupt
    bench.dma.write(MM2S + DMACR, 0x1001)
    assert channel.interrupt
    bench.dma.write(MM2S + DMASR, 0x4000)
    assert bench.status(MM2S) == IDLE | IOC
    bench.dma.write(MM2S + DMASR, 0x1000)
    assert bench.status(MM2S) == IDLE and not channel.interrupt


def test_stopping_waits_for_the_transfer_under_way(bench):
    bench.start(MM2S, bench.memory.allocate(4), 4)
    bench.dma.write(MM2S + DMACR, 0)
    assert bench.status(MM2S) == 0
    bench.to_pl.take(1)
    bench.settle()
    assert bench.status(MM2S) == HALTED | IOC


@pytest.mark.parametrize(
    "nbytes, running, text",
    [
        (0, True, "axi_dma_0 MM2S: LENGTH 0 starts nothing"),
        (
            4,
            False,
            "axi_dma_0 MM2S: LENGTH written while the channel is halted starts nothing; "
            "start it: axi_dma_0.sendchannel.start()",
        ),
    ],
)
def test_a_length_that_starts_nothing_says_so(bench, nbytes, running, text):
    bench.dma.write(MM2S + DMACR, int(running))
    with pytest.warns(BoardWarning) as warned:
        bench.dma.write(MM2S + LENGTH, nbytes)
    assert str(warned[0].message) == text
    assert bench.to_pl.waiting == 0 and bench.status(MM2S) == (0 if running else HALTED)


def test_a_second_length_during_a_transfer_starts_nothing(bench):
    address = bench.memory.allocate(8)
    bench.start(MM2S, address, 8)
    with pytest.warns(BoardWarning, match="LENGTH written while a transfer is under way starts nothing"):
        bench.dma.write(MM2S + LENGTH, 4)
    assert bench.to_pl.waiting == 2


@pytest.mark.parametrize("bits", [8, 14, 23, 26])
def test_the_length_register_keeps_only_its_own_bits(bits):
    bench = Bench(length_bits=bits)
    address = bench.memory.allocate(1 << 14)
    bench.dma.write(MM2S + DMACR, 1)
    bench.dma.write(MM2S + ADDRESS, address)
    with pytest.warns(BoardWarning, match=rf"was cut to 4: the register has {bits} bits"):
        bench.dma.write(MM2S + LENGTH, (1 << bits) + 4)
    assert bench.dma.read(MM2S + LENGTH) == 4 and bench.to_pl.waiting == 1


def test_the_upper_address_exists_only_in_designs_beyond_32_bits():
    for bits, value in ((32, 0), (40, 0x12)):
        bench = Bench(address_bits=bits)
        bench.dma.write(S2MM + ADDRESS_MSB, 0x12)
        bench.dma.write(S2MM + ADDRESS, 0x34)
        assert bench.dma.read(S2MM + ADDRESS_MSB) == value and bench.dma.read(S2MM + ADDRESS) == 0x34


def test_an_unaligned_address_without_realignment_is_called_undefined():
    for realign, expected in ((False, 1), (True, 0)):
        bench = Bench(read_bytes=8, realign_read=realign)
        address = bench.memory.allocate(16)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            bench.start(MM2S, address + 4, 4)
        assert len(warned) == expected
        assert all("is not a multiple of 8 bytes" in str(w.message) for w in warned)


def test_a_channel_left_out_of_the_design_reads_zero():
    bench = Bench()
    dma = AxiDma("d", DmaSettings(), bench.memory, bench.to_pl, None)
    dma.write(S2MM + DMACR, 1)
    assert dma.read(S2MM + DMACR) == dma.read(S2MM + DMASR) == 0


class Reference:
    """The registers as PG021 tells them, one flat dictionary a channel; knows nothing of the code under test."""

    def __init__(self, memory: bytes, base: int):
        self.memory, self.base = bytearray(memory), base
        self.send, self.receive = self.fresh(), self.fresh()
        self.outgoing, self.incoming = [], []

    @staticmethod
    def fresh() -> dict:
        return {"cr": 0x10002, "sr": 1, "addr": 0, "len": 0, "left": None, "got": 0}

    def poke(self, ch: dict, register: int, value: int) -> None:
        if register == DMACR and value & 4:
            self.send, self.receive, self.outgoing = self.fresh(), self.fresh(), []
        elif register == DMACR:
            ch["cr"] = value & 0xFFFF_7019 | 2
            if not value & 0x00FF_0000:
                ch["cr"] |= 0x1_0000
            if (self.send["sr"] | self.receive["sr"]) & 0x70:
                ch["cr"] &= ~1
            if ch["cr"] & 1:
                ch["sr"] &= ~1
            elif ch["left"] is None:
                ch["sr"] = ch["sr"] & ~2 | 1
        elif register == DMASR:
            ch["sr"] &= ~(value & 0x7000)
        elif register == ADDRESS:
            ch["addr"] = value
        elif register == LENGTH:
            ch["len"] = value
            if value and ch["cr"] & 1 and not ch["sr"] & 1 and ch["left"] is None:
                ch["left"], ch["got"], ch["at"] = value, 0, ch["addr"]
                ch["sr"] &= ~2
                if ch is self.send:
                    self.load()

    def load(self) -> None:
        ch, count = self.send, self.send["left"]
        if ch["addr"] + count > 0x8000_0000:
            self.error(ch, 0x40)
            return
        start = ch["addr"] - self.base
        data = bytes(self.memory[start : start + count]) + bytes(-count % 4)
        self.outgoing = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]

    def error(self, culprit: dict, bit: int) -> None:
        for ch in (self.send, self.receive):
            if not ch["sr"] & 1:
                ch["sr"] |= 0x1000
            ch["sr"] = ch["sr"] & ~2 | 1
            ch["cr"] &= ~1
            ch["left"] = None
        culprit["sr"] |= bit | 0x4000
        self.outgoing = []

    def done(self, ch: dict) -> None:
        ch["left"] = None
        ch["sr"] |= 0x1002
        if not ch["cr"] & 1:
            ch["sr"] = ch["sr"] & ~2 | 1

    def take(self, count: int) -> None:
        self.outgoing = self.outgoing[count:]
        if self.send["left"] is not None and not self.outgoing:
            self.done(self.send)

    def drain(self) -> None:
        while self.receive["left"] is not None and self.incoming:
            word, last = self.incoming.pop(0)
            for byte in word.to_bytes(4, "little"):
                ch = self.receive
                if ch["left"] is None:
                    break
                if ch["got"] == ch["left"]:
                    self.spill(last)
                    self.error(ch, 0x10)
                    return
                if ch["at"] + ch["got"] >= 0x8000_0000:
                    self.spill(last)
                    self.error(ch, 0x40)
                    return
                self.memory[ch["at"] - self.base + ch["got"]] = byte
                ch["got"] += 1
            if last:
                self.receive["len"] = self.receive["got"]
                self.done(self.receive)

    def spill(self, last: bool) -> None:
        """The rest of a packet that met an error is lost with it."""
        while not last:
            _, last = self.incoming.pop(0)


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
@pytest.mark.parametrize("seed", range(20))
def test_random_programs_do_what_the_product_guide_says(seed):
    random = np.random.default_rng(seed)
    bench = Bench()
    base = bench.memory.allocate(4096)
    bench.memory.ddr(base, 4096)[:] = random.integers(0, 256, 4096, dtype=np.uint8)
    reference = Reference(bench.memory.ddr(base, 4096).tobytes(), base)

    def check(step):
        for offset, ch in ((MM2S, reference.send), (S2MM, reference.receive)):
            got = [bench.dma.read(offset + o) for o in (DMACR, DMASR, ADDRESS, LENGTH)]
            assert got == [ch["cr"], ch["sr"], ch["addr"], ch["len"]], f"step {step}, channel {offset:#x}"
        assert bench.to_pl.waiting == len(reference.outgoing), step
        assert bench.memory.ddr(base, 4096).tobytes() == bytes(reference.memory), step

    for step in range(400):
        kind = random.choice(
            ["program", "control", "status", "take", "give", "length"], p=[0.3, 0.1, 0.1, 0.25, 0.2, 0.05]
        )
        offset = int(random.choice([MM2S, S2MM]))
        ch = reference.send if offset == MM2S else reference.receive
        writes = []
        if kind == "program":
            address = base + 4 * int(random.integers(0, 900)) if random.random() < 0.97 else 0x8000_0000
            nbytes = int(random.integers(1, 65))
            writes = [(DMACR, 1), (ADDRESS, address), (LENGTH, nbytes)]
        elif kind == "control":
            writes = [(DMACR, int(random.choice([0, 1, 1, 4, 0x7001, 0x02051001])))]
        elif kind == "status":
            writes = [(DMASR, int(random.choice([0x1000, 0x4000, 0x7000, 0xFFFFFFFF])))]
        elif kind == "length":
            writes = [(LENGTH, 0)]
        elif kind == "take":
            count = int(random.integers(1, 20))
            bench.to_pl.take(count)
            bench.settle()
            reference.take(count)
        else:
            words = [int(w) for w in random.integers(0, 1 << 32, int(random.integers(1, 20)))]
            bench.give(words)
            reference.incoming += [(word, i == len(words) - 1) for i, word in enumerate(words)]
        for register, value in writes:
            bench.dma.write(offset + register, value)
            bench.settle()
            ch = reference.send if offset == MM2S else reference.receive
            reference.poke(ch, register, value)
        reference.drain()
        check(step)
