"""Width converters, subset converters and broadcasters against models that move one byte at a time (AMD PG085)."""

import re

import numpy as np
import pytest
from conftest import Mixer
from fake_rtl import Core, Library, ports
from hypothesis import given, settings
from hypothesis import strategies as st
from pynq import Overlay, allocate

from mlfpga.board import BoardError, BoardWarning, StalledError
from mlfpga.board.stream import Stream
from mlfpga.board.stream_blocks import StreamBlock, SubsetConverter, WidthConverter

Word = tuple[bytes, bool, int]


def words_of(stream: Stream, count: int) -> list[Word]:
    """Take words as (bytes, TLAST, bytes that TKEEP marks)."""
    kept = [stream.word_bytes] * count if stream.kept is None else stream.kept[:count].tolist()
    words, last = stream.take(count)
    data, size = words.tobytes(), stream.word_bytes
    return [(data[i * size : (i + 1) * size], bool(last[i]), kept[i]) for i in range(count)]


def put(stream: Stream, words: list[Word]) -> None:
    if words:
        data = np.frombuffer(b"".join(word[0] for word in words), stream.word_dtype)
        stream.offer(data, np.array([word[1] for word in words]), np.array([word[2] for word in words]))


def one_by_one(words: list[Word], bytes_in: int, bytes_out: int) -> list[Word]:
    """What the published HDL of axis_dwidth_converter makes of words: an upsizer, then a downsizer."""
    wide = int(np.lcm(bytes_in, bytes_out))
    widened, data, marks = [], b"", ""
    for word, last, kept in words:
        data += word
        marks += "k" * kept + "-" * (bytes_in - kept)
        if last or len(data) == wide:
            widened.append((data.ljust(wide, b"\0"), marks.ljust(wide, "-"), last))
            data, marks = b"", ""
    narrowed = []
    for data, marks, last in widened:
        parts = [(data[i : i + bytes_out], marks[i : i + bytes_out]) for i in range(0, wide, bytes_out)]
        while len(parts) > 1 and "k" not in parts[-1][1]:
            parts.pop()
        narrowed += [(d, last and i == len(parts) - 1, m.count("k")) for i, (d, m) in enumerate(parts)]
    return narrowed


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_width_becomes_any_other_as_in_the_hdl(data):
    sizes = st.sampled_from([1, 2, 3, 4, 6, 8, 16, 64, 128])
    bytes_in, bytes_out = data.draw(sizes), data.draw(sizes)
    source, sink = Stream("in", 8 * bytes_in), Stream("out", 8 * bytes_out)
    block = StreamBlock("converter", source, [(sink, WidthConverter(bytes_in, bytes_out))])
    sent, came = [], []
    for size in data.draw(st.lists(st.integers(1, 9), max_size=6)):
        packet = [(data.draw(st.binary(min_size=bytes_in, max_size=bytes_in)), False, bytes_in) for _ in range(size)]
        if data.draw(st.booleans()):
            packet[-1] = (packet[-1][0], True, data.draw(st.integers(1, bytes_in)))
        put(source, packet)
        sent += packet
        block.advance()
        came += words_of(sink, data.draw(st.integers(0, sink.waiting)))
        block.advance()
    came += words_of(sink, sink.waiting)
    block.advance()
    assert came == one_by_one(sent, bytes_in, bytes_out) and source.waiting == 0


def test_a_word_is_taken_when_its_last_part_is_and_not_before():
    source, sink = Stream("in", 32), Stream("out", 16)
    block = StreamBlock("converter", source, [(sink, WidthConverter(4, 2))])
    put(source, [(b"abcd", False, 4), (b"efgh", True, 4)])
    left = []
    for _ in range(4):
        block.advance()
        words_of(sink, 1)
        block.advance()
        left.append(source.waiting)
    assert left == [2, 1, 1, 0]


def test_an_unfinished_wide_word_is_kept_inside_and_told():
    source, sink = Stream("ip.m_axis", 16), Stream("converter.M_AXIS", 32)
    block = StreamBlock("converter", source, [(sink, WidthConverter(2, 4))])
    put(source, [(b"ab", False, 2), (b"cd", False, 2), (b"ef", False, 2)])
    block.advance()
    assert words_of(sink, sink.waiting) == [(b"abcd", False, 4)]
    block.advance()
    assert source.waiting == 0
    assert block.conditions() == [
        "converter keeps 1 words of ip.m_axis until a wider word of converter.M_AXIS is whole, or TLAST comes"
    ]
    put(source, [(b"gh", True, 2)])
    block.advance()
    assert words_of(sink, sink.waiting) == [(b"efgh", True, 4)] and block.conditions() == []


def test_without_tkeep_every_byte_counts():
    for keeps, expected in (((True, False), [(b"ab\0\0", True, 4)]), ((True, True), [(b"ab\0\0", True, 2)])):
        source, sink = Stream("in", 16), Stream("out", 32)
        put(source, [(b"ab", True, 2)])
        StreamBlock("converter", source, [(sink, WidthConverter(2, 4, *keeps))]).advance()
        assert words_of(sink, sink.waiting) == expected
    source, sink = Stream("in", 32), Stream("out", 16)
    put(source, [(b"ab\0\0", True, 2)])
    StreamBlock("converter", source, [(sink, WidthConverter(4, 2, False))]).advance()
    assert words_of(sink, sink.waiting) == [(b"ab", False, 2), (b"\0\0", True, 2)]


def test_what_a_reset_takes_back_is_taken_back_behind_the_block():
    source, sink = Stream("in", 32), Stream("out", 16)
    block = StreamBlock("converter", source, [(sink, WidthConverter(4, 2))])
    put(source, [(b"abcd", False, 4)])
    block.advance()
    words_of(sink, 1)
    block.advance()
    source.clear()
    put(source, [(b"wxyz", True, 4)])
    block.advance()
    assert words_of(sink, sink.waiting) == [(b"wx", False, 2), (b"yz", True, 2)]
    block.advance()
    assert source.waiting == 0 and sink.withdrawn == 1


@pytest.mark.parametrize(
    "remap, bytes_out, expected",
    [
        ("tdata[31:0]", 4, 0xA1B2C3D4),
        ("tdata[15:0]", 2, 0xC3D4),
        ("", 2, 0xC3D4),
        ("tdata[7:0],tdata[15:8],tdata[23:16],tdata[31:24]", 4, 0xD4C3B2A1),
        ("16'b0000000000000000, tdata[31:16]", 4, 0x0000A1B2),
        ("{8'hFF,tdata[7:0]}", 2, 0xFFD4),
        ("8'b1010_0101,tdata[23:0]", 4, 0xA5B2C3D4),
        ("7'b0000000,tdata[31],tdata[11:4]", 2, 0x013D),
    ],
)
def test_a_subset_converter_remaps_tdata(remap, bytes_out, expected):
    source, sink = Stream("in", 32), Stream("out", 8 * bytes_out)
    put(source, [(0xA1B2C3D4.to_bytes(4, "little"), True, 4)] * 3)
    StreamBlock("subset", source, [(sink, SubsetConverter(4, bytes_out, remap))]).advance()
    assert words_of(sink, 3) == [(expected.to_bytes(bytes_out, "little"), True, bytes_out)] * 3


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"every": 3, "has_last": False}, "001001001"),
        ({"every": 1, "has_last": False}, "111111111"),
        ({"every": 0, "has_last": False}, "000000000"),
        ({"every": 3}, "010000000"),
        ({"last_remap": "1'b1"}, "111111111"),
        ({"last_remap": "1'b0"}, "000000000"),
    ],
)
def test_a_subset_converter_generates_tlast(settings, expected):
    source, sink = Stream("in", 8), Stream("out", 8)
    block = StreamBlock("subset", source, [(sink, SubsetConverter(1, 1, **settings))])
    came = []
    for size in (4, 1, 4):
        put(source, [(b"x", not came and i == 1, 1) for i in range(size)])
        block.advance()
        came += words_of(sink, sink.waiting)
        block.advance()
    assert "".join(str(int(word[1])) for word in came) == expected


@pytest.mark.parametrize(
    "remap, told",
    [
        ("tuser[7:0],tdata[7:0]", "TDATA remap 'tuser[7:0],tdata[7:0]' is not modelled: 'tuser[7:0]' is neither"),
        ("tdata[23:8]", "TDATA remap 'tdata[23:8]' takes tdata[23:8] of 16 bits"),
        ("tdata[7:0]", "TDATA remap 'tdata[7:0]' gives 8 bits for 16"),
    ],
)
def test_a_remap_that_is_not_modelled_is_named(remap, told):
    with pytest.raises(BoardError, match=re.escape(told)):
        SubsetConverter(2, 2, remap)
    with pytest.raises(BoardError, match=re.escape("TLAST remap '|tuser' is not modelled; choose tlast[0], 1'b0")):
        SubsetConverter(2, 2, last_remap="|tuser")


def test_a_broadcast_word_is_taken_when_all_have_taken_it():
    source, sinks = Stream("in", 16), [Stream("a", 16), Stream("b", 8)]
    block = StreamBlock(
        "broadcaster",
        source,
        [(s, SubsetConverter(2, s.word_bytes, r)) for s, r in zip(sinks, ("", "tdata[15:8]"), strict=True)],
    )
    put(source, [(b"ab", False, 2), (b"cd", True, 2)])
    sinks[0].ready = True
    block.advance()
    assert not source.ready
    assert words_of(sinks[0], 2) == [(b"ab", False, 2), (b"cd", True, 2)]
    block.advance()
    assert source.waiting == 2
    assert words_of(sinks[1], 1) == [(b"b", False, 1)]
    sinks[1].ready = True
    block.advance()
    assert source.waiting == 1 and source.ready


def between(text: str, net: str, name: str, ip: str, bytes_in: int, bytes_out: int, **parameters) -> str:
    """The handoff with an IP in front of what ends at `net`."""
    text = re.sub(rf'BUSNAME="{net}"( NAME="\w+" TYPE="TARGET")', rf'BUSNAME="{name}"\1', text)
    entries = "".join(f'<PARAMETER NAME="{key}" VALUE="{value}"/>' for key, value in parameters.items())
    ends = "".join(
        f'<BUSINTERFACE BUSNAME="{bus}" NAME="{port}" TYPE="{role}" VLNV="xilinx.com:interface:axis:1.0">'
        f'<PARAMETER NAME="TDATA_NUM_BYTES" VALUE="{size}"/></BUSINTERFACE>'
        for bus, port, role, size in (
            (net, "S_AXIS", "TARGET", bytes_in),
            (name, "M_AXIS" if ip != "axis_broadcaster" else "M00_AXIS", "INITIATOR", bytes_out),
        )
    )
    module = (
        f'<MODULE FULLNAME="/{name}" INSTANCE="{name}" MODTYPE="{ip}" VLNV="xilinx.com:ip:{ip}:1.1"><PARAMETERS>'
        f"{entries}</PARAMETERS><PORTS/><BUSINTERFACES>{ends}</BUSINTERFACES><MEMORYMAP/></MODULE>"
    )
    return text.replace("</MODULES>", f"{module}</MODULES>")


def with_converters(text: str, dma_bytes: int, ip_bytes: int) -> str:
    text = between(text, "to_pl", "to_ip", "axis_dwidth_converter", dma_bytes, ip_bytes)
    return between(text, "from_pl", "to_dma", "axis_dwidth_converter", ip_bytes, dma_bytes)


def exchange(overlay, send, receive) -> int:
    """Bytes that S2MM received."""
    dma = overlay.axi_dma_0
    dma.recvchannel.transfer(receive)
    dma.sendchannel.transfer(send)
    dma.sendchannel.wait()
    dma.recvchannel.wait()
    return dma.recvchannel.transferred


@pytest.mark.parametrize("samples", [1, 4, 1001])
def test_a_32_bit_dma_in_front_of_a_16_bit_c_simulation(board, write_overlay, handoff_text, samples):
    """An odd number of 16-bit words ends inside a word of the DMA, in both directions."""
    board.models["accelerator_0"] = model = Mixer(16)
    overlay = Overlay(str(write_overlay(text=with_converters(handoff_text(), 4, 2))))
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate((samples, 5), "u2"), allocate((samples + 1, 3), "u2")
    send[:] = np.random.default_rng(samples).integers(0, 1 << 16, send.shape)
    receive[:] = 7
    assert exchange(overlay, send, receive) == samples * 6
    assert np.array_equal(receive[:samples], Mixer.expected(send)) and (receive[samples:] == 7).all()
    assert model.calls == 1


def test_a_32_bit_dma_in_front_of_16_bit_rtl(board, write_overlay, handoff_text, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", Library(Core(streams=ports(16, s_axis="slave", m_axis="master"))))
    overlay = Overlay(str(write_overlay(text=with_converters(handoff_text(), 4, 2))))
    overlay.accelerator_0.write(0x10, 3)
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate(1005, "u2"), allocate(1005, "u2")
    send[:] = np.random.default_rng(1).integers(0, 1 << 16, 1005)
    assert exchange(overlay, send, receive) == 2010
    assert np.array_equal(receive, send * np.uint16(3))
    assert board.performance(words_in=5, words_out=5).samples == 201


def test_rtl_behind_a_converter_stops_when_nobody_receives(board, write_overlay, handoff_text, monkeypatch):
    board.models.clear()
    core = Core(streams=ports(16, s_axis="slave", m_axis="master"))
    monkeypatch.setattr(board, "library", Library(core))
    overlay = Overlay(str(write_overlay(text=with_converters(handoff_text(), 4, 2))))
    overlay.accelerator_0.write(0x00, 0x81)
    send = allocate(100, "u2")
    overlay.axi_dma_0.sendchannel.transfer(send)
    with pytest.raises(StalledError) as stalled:
        overlay.axi_dma_0.sendchannel.wait()
    told = str(stalled.value)
    assert "axi_dma_0 MM2S (send) has 42 of its 50 words left" in told, "16 words are inside the core"
    assert "has taken 16 words at s_axis (none with TLAST) and given 0 words at m_axis" in told


def test_a_chain_of_blocks_carries_a_stream(board, write_overlay, handoff_text):
    text = handoff_text(accelerator=None)
    text = between(text, "to_pl", "narrow", "axis_dwidth_converter", 4, 1)
    text = between(text, "narrow", "fifo", "axis_data_fifo", 1, 1)
    text = between(text, "fifo", "copy", "axis_broadcaster", 1, 1, NUM_MI=1, M00_TDATA_REMAP="tdata[7:0]")
    settings = {"TDATA_REMAP": "tdata[3:0],tdata[7:4]", "TLAST_REMAP": "tlast[0]", "S_HAS_TLAST": 1, "M_HAS_TLAST": 1}
    text = between(text, "copy", "swap", "axis_subset_converter", 1, 1, **settings)
    text = between(text, "swap", "wide", "axis_dwidth_converter", 1, 4)
    overlay = Overlay(str(write_overlay(text=text)))
    send, receive = allocate(4001, "u1"), allocate(4001, "u1")
    send[:] = np.random.default_rng(2).integers(0, 256, 4001)
    assert exchange(overlay, send, receive) == 4001
    assert np.array_equal(receive, send << 4 | send >> 4)


def test_a_block_that_is_not_modelled_is_named_and_the_overlay_loads(board, write_overlay, handoff_text):
    text = between(handoff_text(), "to_pl", "subset", "axis_subset_converter", 4, 4, TDATA_REMAP="tid[31:0]")
    with pytest.warns(BoardWarning) as told:
        overlay = Overlay(str(write_overlay(text=text)))
    message = (
        "subset (xilinx.com:ip:axis_subset_converter:1.1) has no simulation model; TDATA remap 'tid[31:0]' is not "
        "modelled: 'tid[31:0]' is neither tdata[a:b] nor a constant; configure it so, or leave it out"
    )
    assert [str(warning.message) for warning in told] == [message]
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate(5, "u4"), allocate(3, "u4")
    with pytest.raises(StalledError) as stalled:
        exchange(overlay, send, receive)
    assert message in str(stalled.value)


@pytest.mark.parametrize("bits", [8, 16, 128, 256, 512, 1024])
def test_a_dma_of_any_width_sends_and_receives(board, write_overlay, bits):
    width = {"c_m_axi_mm2s_data_width": bits, "c_m_axi_s2mm_data_width": bits}
    overlay = Overlay(str(write_overlay(stream_bits=bits, accelerator=None, **width)))
    send, receive = allocate(10_001, "u1"), allocate(10_001, "u1")
    send[:] = np.random.default_rng(bits).integers(0, 256, 10_001)
    assert exchange(overlay, send, receive) == 10_001
    assert np.array_equal(receive, send)


def test_a_stream_is_whole_bytes():
    with pytest.raises(BoardError) as error:
        Stream("ip.m_axis", 12)
    assert str(error.value) == ("the stream ip.m_axis is 12 bits wide; AXI4-Stream carries whole bytes (8, 16, 24, …)")
