"""A small IP archive, Verilated, as the accelerator of an overlay that real pynq drives."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from pynq import Overlay, allocate

from mlfpga.board import StalledError
from mlfpga.board.library import IpLibrary

ROM = np.array([3, 1, 4, 1])


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The doubler of the RTL tests: four words a sample, each times `scale` plus a number from a ROM."""
    source = Path(__file__).parents[1] / "simulate" / "rtl" / "small_ips.py"
    spec = importlib.util.spec_from_file_location("small_ips", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubler(tmp_path_factory.mktemp("ip") / "doubler")


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
def test_words_beyond_the_sample_are_explained(overlay):
    overlay.accelerator_0.write(0x00, 1)
    with pytest.raises(StalledError) as stalled:
        exchange(overlay, range(6))
    told = str(stalled.value)
    assert "axi_dma_0 MM2S (send) has 2 of its 6 words left, and nobody takes them" in told
    assert "axi_dma_0 S2MM (recv) waits for TLAST: 16 of 24 bytes came" in told
    assert "accelerator_0 was started 1 times, without auto_restart" in told
    assert "has taken 4 words at s_axis (none with TLAST) and given 4 words at m_axis (none with TLAST)" in told
