"""Which simulation stands behind which IP, and designs with more than one DMA."""

import json
import time

import numpy as np
import pytest
from pynq import Overlay, allocate

from mlfpga.board import BoardWarning, assembly
from mlfpga.board.machine import Machine
from mlfpga.board.wiring import read_design


@pytest.fixture
def simulated(monkeypatch, mixer):
    """Every simulation folder holds a Mixer whose top is the one its simulation.json names."""

    def load(folder):
        model = mixer()
        model.top = json.loads((folder / "simulation.json").read_text())["top"]
        model.folder = folder
        return model

    monkeypatch.setattr(assembly, "load", load)


def add_simulation(folder, top: str = "mixer_axi") -> None:
    folder.mkdir(parents=True)
    (folder / "simulation.json").write_text(json.dumps({"top": top}))


def test_the_simulation_beside_the_bitstream_is_found(simulated, write_overlay):
    bitstream = write_overlay()
    add_simulation(bitstream.parent / "sim")
    made = Machine()
    made.configure(read_design(bitstream.with_suffix(".hwh")), {}, bitstream.parent)
    assert made.accelerators[0].model.folder == bitstream.parent / "sim"


def test_a_folder_named_like_the_ip_comes_first(simulated, write_overlay):
    bitstream = write_overlay()
    add_simulation(bitstream.parent / "sim" / "accelerator_0")
    (bitstream.parent / "sim" / "simulation.json").write_text('{"top": "other_axi"}')
    made = Machine()
    made.configure(read_design(bitstream.with_suffix(".hwh")), {}, bitstream.parent)
    assert made.accelerators[0].model.folder.name == "accelerator_0"


def test_a_simulation_of_another_ip_is_refused(simulated, write_overlay):
    bitstream = write_overlay()
    sim = bitstream.parent / "sim"
    add_simulation(sim, top="other_axi")
    with pytest.warns(BoardWarning) as warned:
        Machine().configure(read_design(bitstream.with_suffix(".hwh")), {}, bitstream.parent)
    assert str(warned[0].message) == (
        f"accelerator_0 (mlfpga:hls:mixer_axi:1.0) has no simulation model; {sim} simulates other_axi, not mixer_axi; "
        "make the bundle of this overlay again"
    )


def test_two_dmas_with_their_accelerators_do_not_mix(mixer, handoff_text, tmp_path):
    first = handoff_text()
    second = handoff_text(dma="axi_dma_1", accelerator="accelerator_1")
    for old, new in (("to_pl", "to_pl_1"), ("from_pl", "from_pl_1"), ("0x80", "0x90")):
        second = second.replace(old, new)
    modules = second.split("<MODULES>")[1].split("<MODULE IS_PL")[0]
    ranges = second.split("<MEMORYMAP>")[-1].split("</MEMORYMAP>")[0]
    head, _, tail = first.rpartition("</MEMORYMAP>")
    (tmp_path / "two.hwh").write_text(
        (head + ranges + "</MEMORYMAP>" + tail).replace("<MODULES>", "<MODULES>" + modules)
    )

    made = Machine()
    models = {"accelerator_0": mixer(), "accelerator_1": mixer()}
    made.configure(read_design(tmp_path / "two.hwh"), models, tmp_path)
    for base, number in ((0x8000_0000, 1), (0x9000_0000, 2)):
        source, target = made.memory.allocate(20), made.memory.allocate(12)
        made.memory.ddr(source, 20).view("<u4")[:] = number
        made.write(base + 0x1_0000, 0x81)
        for channel, address, nbytes in ((0x30, target, 12), (0x00, source, 20)):
            made.write(base + channel, 1)
            made.write(base + channel + 0x18, address)
            made.write(base + channel + 0x28, nbytes)
        assert made.memory.ddr(target, 12).view("<u4").tolist() == [3 * number] * 3
    assert [model.calls for model in models.values()] == [1, 1]


def test_explain_names_every_part(mixer, write_overlay):
    bitstream = write_overlay()
    made = Machine()
    made.configure(read_design(bitstream.with_suffix(".hwh")), {"accelerator_0": mixer()}, bitstream.parent)
    assert [line.split(" ")[0] for line in made.explain()] == ["axi_dma_0", "axi_dma_0", "accelerator_0"]
    assert made.explain()[0] == "axi_dma_0 MM2S (send) is halted; start it: axi_dma_0.sendchannel.start()"


def test_a_batch_costs_little_more_than_the_model(mixer, write_overlay, board):
    """10,000 samples in one transfer: no Python for each word."""
    overlay = Overlay(str(write_overlay()))
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate((10_000, 5), "u4"), allocate((10_000, 3), "u4")
    send[:] = np.arange(50_000).reshape(send.shape)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        overlay.axi_dma_0.recvchannel.transfer(receive)
        overlay.axi_dma_0.sendchannel.transfer(send)
        overlay.axi_dma_0.recvchannel.wait()
        times.append(time.perf_counter() - began)
    assert min(times) < 0.02
