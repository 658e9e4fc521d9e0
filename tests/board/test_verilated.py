"""A small IP archive, Verilated, as the accelerator of an overlay that real pynq drives."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from pynq import Overlay, allocate
from test_stream_blocks import with_converters

from mlfpga.board import BoardWarning, StalledError
from mlfpga.board.library import IpLibrary

ROM = np.array([3, 1, 4, 1])


@pytest.fixture(scope="module")
def small_ips():
    """The IPs of the RTL tests."""
    source = Path(__file__).parents[1] / "simulate" / "rtl" / "small_ips.py"
    spec = importlib.util.spec_from_file_location("small_ips", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archive(small_ips, tmp_path_factory):
    """The doubler: four words a sample, each times `scale` plus a number from a ROM."""
    return small_ips.doubler(tmp_path_factory.mktemp("ip") / "doubler")


@pytest.fixture(scope="module")
def adder(small_ips, tmp_path_factory):
    """An accelerator that is a bus master: words at `source` plus `addend`, written to `target`."""
    return small_ips.adder(tmp_path_factory.mktemp("ip") / "adder")


@pytest.fixture
def mastering(board, adder, write_overlay, handoff_text, monkeypatch):
    """An overlay with the adder, and no stream between it and the DMA."""
    board.models.clear()
    monkeypatch.setattr(board, "library", IpLibrary([adder]))
    text = re.sub('BUSNAME="(?:to|from)_pl"', 'BUSNAME="__NOC__"', handoff_text(vlnv="mlfpga:hls:adder:1.0"))
    return Overlay(str(write_overlay(text=text)))


def start(ip, source, target, count, addend):
    for offset, value in ((0x10, source), (0x1C, target), (0x28, count), (0x30, addend), (0x00, 1)):
        ip.write(offset, value)


@pytest.fixture
def overlay(board, archive, write_overlay, monkeypatch, tmp_path):
    board.models.clear()
    library = IpLibrary([archive], trace=tmp_path / "waves")
    vlnv = library._open()[0].vlnv
    monkeypatch.setattr(board, "library", library)
    return Overlay(str(write_overlay(vlnv=vlnv)))


def exchange(overlay, words, room=None):
    send, receive = allocate(len(words), "u4"), allocate(room or len(words), "u4")
    send[:] = words
    overlay.axi_dma_0.sendchannel.transfer(send)
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.wait()
    overlay.axi_dma_0.recvchannel.wait()
    return np.array(receive)


@pytest.mark.slow
def test_samples_one_by_one_and_a_batch(overlay, board, tmp_path):
    ip = overlay.accelerator_0
    ip.write(0x10, 5)
    for sample in np.arange(12).reshape(3, 4):
        ip.write(0x00, 1)
        assert exchange(overlay, sample).tolist() == (5 * sample + ROM).tolist()
        assert ip.read(0x00) & 2
    ip.write(0x00, 0x81)
    words = np.random.default_rng(9).integers(0, 1 << 32, (2500, 4), dtype=np.uint32)
    assert np.array_equal(exchange(overlay, words.reshape(-1)).reshape(-1, 4), (words * 5 + ROM).astype(np.uint32))
    made = board.performance(words_in=4, words_out=4)
    assert made.samples == 2503 and np.median(made.interval) == 4 and np.median(made.latency) == 5
    waves = (tmp_path / "waves" / "accelerator_0.vcd").read_text()
    assert "$enddefinitions" in waves and re.search(r"^#\d+$", waves, re.MULTILINE)


@pytest.mark.slow
def test_a_24_bit_stream_behind_width_converters(board, small_ips, write_overlay, handoff_text, monkeypatch, tmp_path):
    """Four words of the IP are three of the DMA."""
    board.models.clear()
    monkeypatch.setattr(board, "library", IpLibrary([small_ips.doubler(tmp_path / "doubler", 24)]))
    text = with_converters(handoff_text(vlnv="mlfpga:hls:doubler:1.0"), 4, 3)
    overlay = Overlay(str(write_overlay(text=text)))
    overlay.accelerator_0.write(0x10, 5)
    overlay.accelerator_0.write(0x00, 0x81)
    numbers = np.random.default_rng(3).integers(0, 1 << 24, (250, 4))
    send = numbers.astype("<u4").view("u1").reshape(-1, 4)[:, :3].reshape(-1)
    assert len(send) == 3000
    sent, received = allocate(3000, "u1"), allocate(3000, "u1")
    sent[:] = send
    for channel, buffer in ((overlay.axi_dma_0.recvchannel, received), (overlay.axi_dma_0.sendchannel, sent)):
        channel.transfer(buffer)
    overlay.axi_dma_0.recvchannel.wait()
    words = np.zeros((1000, 4), "u1")
    words[:, :3] = np.array(received).reshape(-1, 3)
    assert np.array_equal(words.view("<u4").reshape(-1, 4), (numbers * 5 + ROM) % (1 << 24))


@pytest.mark.slow
def test_a_128_bit_stream(board, small_ips, write_overlay, monkeypatch, tmp_path):
    board.models.clear()
    monkeypatch.setattr(board, "library", IpLibrary([small_ips.doubler(tmp_path / "doubler", 128)]))
    width = {"c_m_axi_mm2s_data_width": 128, "c_m_axi_s2mm_data_width": 128}
    overlay = Overlay(str(write_overlay(stream_bits=128, vlnv="mlfpga:hls:doubler:1.0", **width)))
    overlay.accelerator_0.write(0x10, 3)
    overlay.accelerator_0.write(0x00, 0x81)
    words = np.random.default_rng(5).integers(0, 256, (400, 16), dtype=np.uint8)
    result = exchange(overlay, words.view("<u4").reshape(-1))
    expected = [
        (int.from_bytes(word.tobytes(), "little") * 3 + int(ROM[i % 4])) % (1 << 128) for i, word in enumerate(words)
    ]
    assert result.tobytes() == b"".join(number.to_bytes(16, "little") for number in expected)


@pytest.mark.slow
def test_words_beyond_the_sample_are_explained(overlay):
    overlay.accelerator_0.write(0x00, 1)
    with pytest.raises(StalledError) as stalled:
        exchange(overlay, range(6))
    told = str(stalled.value)
    assert "axi_dma_0 MM2S (send) has 2 of its 6 words left, and nobody takes them" in told
    assert "axi_dma_0 S2MM (recv) waits for TLAST: 16 of 24 bytes came" in told
    assert "accelerator_0 was started 1 times, without auto_restart" in told
    assert "has taken 4 words at s_axis (none with TLAST) and given 4 words at m_axis (none with TLAST)" in told


@pytest.mark.slow
def test_a_bus_master_works_on_buffers_that_are_not_cached(mastering):
    source, target = allocate(1000, "u4"), allocate(1000, "u4")
    source[:] = np.random.default_rng(4).integers(0, 1 << 32, 1000, dtype=np.uint32)
    start(mastering.accelerator_0, source.physical_address, target.physical_address, 1000, 77)
    while not mastering.accelerator_0.read(0x00) & 2:
        pass
    assert np.array_equal(target, source + np.uint32(77))
    target.invalidate()
    assert np.array_equal(target, source + np.uint32(77)), "nothing is cached, so nothing is dropped"


@pytest.mark.slow
def test_a_bus_master_sees_cached_buffers_only_after_a_flush(mastering):
    source, target = (allocate(4, "u4", cacheable=True) for _ in range(2))
    source[:] = [1, 2, 3, 4]
    ip = mastering.accelerator_0
    start(ip, source.physical_address, target.physical_address, 4, 5)
    target.invalidate()
    assert target.tolist() == [5, 5, 5, 5]
    source.flush()
    start(ip, source.physical_address, target.physical_address, 4, 5)
    assert ip.read(0x00) & 2, "done, by the time of a register access from Python"
    assert target.tolist() == [5, 5, 5, 5]
    target.invalidate()
    assert target.tolist() == [6, 7, 8, 9]


@pytest.mark.slow
def test_a_bus_master_outside_its_buffers_is_told_once(mastering):
    ip = mastering.accelerator_0
    with pytest.warns(BoardWarning, match="^accelerator_0 (reads|writes) ") as told:
        start(ip, 0x1000, 0x2000, 3, 0)
        ip.read(0x00)
    texts = [str(warning.message) for warning in told]
    assert len(texts) == 1 and texts[0].startswith(
        "accelerator_0 reads 12 bytes at 0x00001000 through m_axi, which are not all inside buffers of pynq.allocate()"
    )


@pytest.mark.slow
def test_a_wait_for_a_bus_master_that_was_never_started_is_explained(mastering):
    with pytest.raises(StalledError) as stalled:
        while not mastering.accelerator_0.read(0x00) & 2:
            pass
    assert "accelerator_0 was never started" in str(stalled.value)
    assert "it has read 0 and written 0 bytes at m_axi" in str(stalled.value)


@pytest.mark.slow
def test_an_archive_that_fits_nothing_is_told_and_the_overlay_loads(board, archive, adder, write_overlay, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", IpLibrary([archive, adder]))
    with pytest.warns(BoardWarning) as told:
        overlay = Overlay(str(write_overlay(vlnv="mlfpga:hls:doubler:1.0")))
    assert [str(warning.message) for warning in told if "archive" in str(warning.message)] == [
        "the IP archive of mlfpga:hls:adder:1.0 fits no IP of this overlay, which holds accelerator_0 "
        "(mlfpga:hls:doubler:1.0)"
    ]
    overlay.accelerator_0.write(0x00, 1)
    assert exchange(overlay, range(4)).tolist() == (2 * np.arange(4) + ROM).tolist()
