"""The small IP of the lab on hanging DMAs: its words, timing and style, on the overlay that is made around it."""

import subprocess

import numpy as np
import pytest
from pynq import Overlay, allocate

from mlfpga.artifacts import course_root
from mlfpga.board import StalledError
from mlfpga.course.overlays import write_overlay
from mlfpga.simulate.rtl import RtlError
from mlfpga.simulate.rtl.verilator import find_verilator

IP = course_root() / "rtl" / "linear"
WEIGHTS = np.array([[1] * 8, range(1, 9), [4, -3, 2, -1, 1, -2, 3, -4]])
BIAS = np.array([0, 100, -7])


@pytest.fixture
def overlay(board, tmp_path):
    board.models.clear()
    return Overlay(str(write_overlay(IP, tmp_path / "made")))


def exchange(overlay, samples: np.ndarray) -> np.ndarray:
    send, receive = allocate(samples.shape, "i4"), allocate((len(samples), 3), "i4")
    send[:] = samples
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    overlay.axi_dma_0.sendchannel.wait()
    overlay.axi_dma_0.recvchannel.wait()
    return np.array(receive)


@pytest.mark.slow
def test_words_latency_and_interval_are_what_its_header_says(overlay, board):
    overlay.accelerator_0.write(0x00, 0x81)
    samples = np.random.default_rng(2).integers(-(2**31), 2**31, (200, 8), dtype=np.int32)
    samples[0], samples[1] = -(2**31), 2**31 - 1
    expected = (samples.astype(np.int64) @ WEIGHTS.T + BIAS).astype(np.int32)
    assert np.array_equal(exchange(overlay, samples), expected)
    made = board.performance(words_in=8, words_out=3)
    assert set(made.latency) == set(made.interval) == {11} and made.cycles == 2200
    assert made.input_share == pytest.approx(1600 / (2200 - 3)) and made.simulated_hz > 0
    # While three words leave, the DMA offers the next one in vain.
    handshakes = board.machine.activity.handshakes("axi_dma_0.M_AXIS_MM2S")
    lengths = np.diff(handshakes.cycles)
    assert lengths[handshakes.state[:-1] == 1].tolist() == [3] * 199


@pytest.mark.slow
def test_one_start_is_one_sample_and_the_registers_tell(overlay):
    ip = overlay.accelerator_0
    assert ip.register_map.CTRL.AP_IDLE == 1
    ip.write(0x04, 1)
    ip.write(0x08, 1)
    ip.write(0x00, 0x01)
    assert exchange(overlay, np.ones((1, 8), int)).tolist() == [[8, 136, -7]]
    assert ip.read(0x00) & 0xF == 0b1110 and ip.read(0x00) & 0xF == 0b0100  # ap_done and ap_ready clear on read
    assert ip.read(0x0C) == 1
    ip.write(0x0C, 1)
    assert ip.read(0x0C) == 0
    with pytest.raises(StalledError, match="without auto_restart"):
        exchange(overlay, np.ones((1, 8), int))


def test_it_is_clean_under_verilators_lint():
    tool = find_verilator()
    ran = subprocess.run(
        [*tool.command, "--lint-only", "-Wall", str(IP / "hdl" / "linear.sv")],
        env=tool.environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def test_an_ip_that_does_not_keep_the_contract_is_refused(tmp_path):
    folder = tmp_path / "ip"
    folder.mkdir()
    (folder / "hdl").symlink_to(IP / "hdl")
    text = (IP / "component.xml").read_text()
    for old, new, message in (
        (">m_axis<", ">result<", "mlfpga:lab:linear:1.0 has no AXI4-Stream master m_axis"),
        (">s_axi_control<", ">control<", "mlfpga:lab:linear:1.0 has no AXI4-Lite slave s_axi_control"),
    ):
        (folder / "component.xml").write_text(text.replace(old, new))
        with pytest.raises(RtlError, match=message):
            write_overlay(folder, tmp_path / "made")
    assert not (tmp_path / "made").exists()
