"""AXI DMA against PG021 (register tables, direct register mode), and against a model of the guide (pg021.py)."""

import warnings

import numpy as np
import pg021
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlfpga.board import BoardWarning
from mlfpga.board.axi_dma import AxiDma, DmaSettings
from mlfpga.board.memory import CMA_BASE, Memory
from mlfpga.board.stream import Stream

MM2S, S2MM = 0x00, 0x30
DMACR, DMASR, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
HALTED, IDLE, INT_ERR, DEC_ERR, IOC, ERR = 1, 2, 0x10, 0x40, 0x1000, 0x4000
LOW_DDR = ((0, 0x7FFF_FFFF),)


class Bench:
    """One AXI DMA with both its streams in the test's hands."""

    def __init__(self, stream_bits: int = 32, memory_bytes: int = 1 << 20, **settings):
        self.memory = Memory(size=memory_bytes)
        self.to_pl, self.from_pl = Stream("to_pl", stream_bits), Stream("from_pl", stream_bits)
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
        self.from_pl.offer(np.asarray(words, dtype=self.from_pl.word_dtype), last)
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


def test_without_tlast_a_transfer_waits_until_its_buffer_is_full(bench):
    """The published HDL takes a full buffer without TLAST for a packet that is too long, before one more word comes."""
    address = bench.memory.allocate(8)
    bench.start(S2MM, address, 8)
    bench.give([1], end=False)
    assert bench.status(S2MM) == 0
    with pytest.warns(BoardWarning, match="or the accelerator sets no TLAST"):
        bench.give([2], end=False)
    assert bench.status(S2MM) == HALTED | INT_ERR | IOC | ERR
    assert bench.memory.ddr(address, 8).view("<u4").tolist() == [1, 2]


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
        "axi_dma_0 S2MM halted, DMAIntErr: the buffer's 8 bytes were full before the packet ended: the packet is "
        "longer than the buffer, or the accelerator sets no TLAST. pynq will not say so"
    )


@pytest.mark.filterwarnings("ignore:axi_dma_0 S2MM writes 4 bytes at 0x7ffffffc")
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
    bench.to_pl.take(2)
    bench.settle()
    assert [transfer.nbytes for transfer in bench.dma.activity.transfers] == [8]


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


def test_with_keyhole_every_access_is_to_one_address():
    bench = Bench(read_bytes=8, write_bytes=8)
    address = bench.memory.allocate(64)
    bench.memory.ddr(address, 16)[:] = range(16)
    for channel in (MM2S, S2MM):
        bench.dma.write(channel + DMACR, 0x9)
        bench.dma.write(channel + ADDRESS, address)
        bench.dma.write(channel + LENGTH, 20)
    assert bench.to_pl.take(9)[0].tolist() == [0x03020100, 0x07060504] * 2 + [0x03020100]
    bench.give([1, 2, 3, 4, 5])
    assert bench.memory.ddr(address, 16).view("<u4").tolist() == [5, 4, 0x0B0A0908, 0x0F0E0D0C]


def test_a_channel_left_out_of_the_design_reads_zero():
    bench = Bench()
    dma = AxiDma("d", DmaSettings(), bench.memory, bench.to_pl, None)
    dma.write(S2MM + DMACR, 1)
    assert dma.read(S2MM + DMACR) == dma.read(S2MM + DMASR) == 0


WIDTHS = st.sampled_from([4, 8, 16])
PARAMETERS = st.builds(
    pg021.Parameters,
    length_width=st.sampled_from([8, 14, 26]),
    address_width=st.sampled_from([32, 40, 64]),
    mm2s_data_bytes=WIDTHS,
    s2mm_data_bytes=WIDTHS,
    stream_bytes=st.sampled_from([1, 2, 4, 8]),
)
CHANNELS = st.sampled_from([MM2S, S2MM])
LENGTHS = st.one_of(st.integers(1, 80), st.sampled_from([0, 1, 0xFF, 0x100, 9000, 1 << 26, 0xFC00_0004]))
CONTROLS = st.one_of(st.sampled_from([0, 1, 4, 5, 0x1001, 0x7001]), st.integers(0, 0xFFFF_FFFF))
MEMORY = 1 << 15
# Addresses are given from the start of memory on, which also ends at MEMORY.
PLACES = st.one_of(st.integers(0, 4096), st.integers(MEMORY - 40, MEMORY + 40))
STEPS = st.one_of(
    st.tuples(st.just("transfer"), CHANNELS, st.sampled_from([1, 1, 9, 0x1001]), PLACES, st.integers(1, 80)),
    st.tuples(st.just("write"), CHANNELS, st.sampled_from([DMACR]), CONTROLS),
    st.tuples(st.just("write"), CHANNELS, st.sampled_from([DMASR]), st.integers(0, 0xFFFF_FFFF)),
    st.tuples(st.just("write"), CHANNELS, st.sampled_from([ADDRESS_MSB]), st.sampled_from([0, 1, 0x100, 0xFFFF_FFFF])),
    st.tuples(st.just("write"), CHANNELS, st.sampled_from([LENGTH]), LENGTHS),
    st.tuples(st.just("write"), CHANNELS, st.sampled_from([0x08, 0x0C, 0x14, 0x20, 0x2C, 0x60]), st.just(0xFFFF_FFFF)),
    st.tuples(st.just("take"), st.integers(1, 90)),
    st.tuples(st.just("give"), st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=40), st.booleans()),
)


def run_beside_the_reference(parameters: pg021.Parameters, steps: list[tuple]) -> None:
    """One program on the DMA and on the model of PG021; every register, the streams and the memory after each step."""
    size = parameters.stream_bytes
    top = CMA_BASE + MEMORY
    bench = Bench(
        stream_bits=8 * size,
        memory_bytes=MEMORY,
        length_bits=parameters.length_width,
        address_bits=parameters.address_width,
        read_bytes=parameters.mm2s_data_bytes,
        write_bytes=parameters.s2mm_data_bytes,
        realign_read=True,
        realign_write=True,
        read_ranges=((0, top - 1),),
        write_ranges=((0, top - 1),),
    )
    base = bench.memory.allocate(MEMORY)
    memory = bench.memory.ddr(base, MEMORY)
    memory[:] = np.arange(MEMORY) * 89 % 251
    reference = pg021.Dma(parameters, bytearray(memory.tobytes()), base, top)

    def write(offset: int, value: int) -> None:
        bench.dma.write(offset, value)
        bench.settle()
        reference.write(offset, value)

    for number, (kind, *values) in enumerate(steps):
        if kind == "transfer":
            offset, control, place, nbytes = values
            for register, value in ((DMACR, control), (ADDRESS, base + place), (ADDRESS_MSB, 0), (LENGTH, nbytes)):
                write(offset + register, value)
        elif kind == "write":
            write(values[0] + values[1], values[2])
        elif kind == "take":
            words, _ = bench.to_pl.take(values[0])
            bench.settle()
            assert words.tolist() == reference.take(values[0]), f"step {number}"
        else:
            words = [word % (1 << 8 * size) for word in values[0]]
            bench.give(words, end=values[1])
            last = [False] * (len(words) - 1) + [values[1]]
            reference.give(list(zip(words, last, strict=True)))
        for offset in (*range(0, 0x64, 4), 0x404, 0xFC34):
            assert bench.dma.read(offset) == reference.read(offset), f"step {number}, register {offset:#04x}"
        outgoing, last = bench.to_pl.peek()
        assert outgoing.tolist() == reference.outgoing and last.sum() == bool(reference.outgoing), f"step {number}"
        assert bench.from_pl.waiting == len(reference.incoming), f"step {number}"
        assert [c.interrupt for c in bench.dma.channels] == [reference.mm2s.introut, reference.s2mm.introut]
        assert memory.tobytes() == bytes(reference.memory), f"step {number}"


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(PARAMETERS, st.lists(STEPS, min_size=1, max_size=60))
def test_random_programs_do_what_the_product_guide_says(parameters, steps):
    run_beside_the_reference(parameters, steps)


def test_a_transfer_under_way_has_the_bytes_it_was_started_with(bench):
    address = bench.memory.allocate(64)
    bench.start(MM2S, address, 64)
    with pytest.warns(BoardWarning, match="while a transfer is under way starts nothing"):
        bench.dma.write(MM2S + LENGTH, 8)
    assert bench.dma.channels[0].under_way.nbytes == 64
