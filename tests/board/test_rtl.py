"""RTL on the virtual board, driven by real pynq: registers, streams with backpressure, explanations, cycles."""

import re

import numpy as np
import pytest
from fake_rtl import Core, Interface, Library, Register
from pynq import Overlay, allocate

from mlfpga.board import BoardError, BoardWarning, StalledError
from mlfpga.board.activity import READ_LATENCY, WRITE_LATENCY


@pytest.fixture
def load(board, write_overlay, monkeypatch):
    """Load the small overlay with a core as its accelerator; keywords as for `Core`."""
    board.models.clear()
    monkeypatch.setattr(board.machine, "patience_cycles", 50_000)

    def make(**settings):
        monkeypatch.setattr(board, "library", Library(Core(**settings)))
        overlay = Overlay(str(write_overlay()))
        return overlay, board.library.made["accelerator_0"]

    return make


def exchange(overlay, words, room: int | None = None):
    """Send words, receive as many (or `room`) words; the receive buffer."""
    send, receive = allocate(len(words), "u4"), allocate(room or len(words), "u4")
    send[:] = words
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    overlay.axi_dma_0.sendchannel.wait()
    overlay.axi_dma_0.recvchannel.wait()
    return np.array(receive)


def test_one_start_is_one_sample_and_registers_are_the_rtls_own(load):
    overlay, simulation = load()
    overlay.accelerator_0.write(0x10, 7)
    assert overlay.accelerator_0.read(0x10) == 7
    for sample in np.arange(15).reshape(3, 5):
        overlay.accelerator_0.write(0x00, 1)
        assert exchange(overlay, sample).tolist() == (7 * sample).tolist()
        assert overlay.accelerator_0.read(0x00) & 2
    assert simulation.accesses[0] == ("write", 0x10, "s_axi_control")


def test_the_second_sample_waits_until_the_next_start(load):
    overlay, simulation = load()
    overlay.accelerator_0.write(0x00, 1)
    send, receive = allocate(10, "u4"), allocate(10, "u4")
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    with pytest.raises(StalledError) as stalled:
        overlay.axi_dma_0.sendchannel.wait()
    told = str(stalled.value)
    assert "axi_dma_0 MM2S (send) has 5 of its 10 words left, and nobody takes them" in told
    assert (
        "accelerator_0 was started 1 times, without auto_restart; accelerator_0.write(0x00, 0x1) starts it again; it "
        "has taken 5 words at s_axis (none with TLAST) and given 5 words at m_axis (none with TLAST)"
    ) in told
    overlay.accelerator_0.write(0x00, 1)
    overlay.axi_dma_0.recvchannel.wait()


def test_polling_ap_done_shows_the_result_in_a_default_buffer(load):
    """As notebooks do that wait for their IP, and not for the DMA."""
    overlay, _ = load()
    send, receive = allocate(5, "u4"), allocate(5, "u4")
    send[:] = range(5)
    overlay.accelerator_0.write(0x10, 3)
    overlay.accelerator_0.write(0x00, 1)
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    assert not receive.any()
    while not overlay.accelerator_0.read(0x00) & 2:
        pass
    assert receive.tolist() == [0, 3, 6, 9, 12]


def test_a_batch_under_auto_restart_comes_back_as_one_transfer(load):
    overlay, _ = load()
    overlay.accelerator_0.write(0x00, 0x81)
    words = np.random.default_rng(1).integers(0, 1 << 32, 5000, dtype=np.uint32)
    assert np.array_equal(exchange(overlay, words), words)


def test_no_word_moves_before_the_receive_channel_is_armed(load):
    overlay, simulation = load()
    overlay.accelerator_0.write(0x00, 0x81)
    send = allocate(40, "u4")
    overlay.axi_dma_0.sendchannel.transfer(send)
    with pytest.raises(StalledError, match=r"given 0 words at m_axis"):
        overlay.axi_dma_0.sendchannel.wait()
    assert simulation.taken("s_axis") == 16 and simulation.taken("m_axis") == 0
    receive = allocate(40, "u4")
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.wait()
    overlay.axi_dma_0.recvchannel.wait()
    assert simulation.taken("m_axis") == 40


def test_rtl_that_was_never_started_is_told(load):
    overlay, _ = load()
    with pytest.raises(StalledError, match=r"accelerator_0 was never started: accelerator_0.write\(0x00, 0x1\)"):
        exchange(overlay, range(5))


@pytest.mark.parametrize("keeps_counting", [False, True])
def test_a_wait_before_any_transfer_ends_too(load, keeps_counting):
    overlay, _ = load(keeps_counting=keeps_counting)
    overlay.accelerator_0.write(0x00, 1)
    with pytest.raises(StalledError, match=r"axi_dma_0 S2MM \(recv\) runs, but no transfer was given to it"):
        overlay.axi_dma_0.recvchannel.wait()


def test_a_missing_tlast_is_told(load):
    overlay, _ = load(drops_last=True)
    overlay.accelerator_0.write(0x00, 1)
    with pytest.raises(StalledError) as stalled:
        exchange(overlay, range(5), room=6)
    assert "waits for TLAST: 20 of 24 bytes came" in str(stalled.value)
    assert "given 5 words at m_axis (none with TLAST)" in str(stalled.value)


def test_a_buffer_that_is_full_without_tlast_is_an_error_of_the_dma(load):
    overlay, _ = load(drops_last=True)
    overlay.accelerator_0.write(0x00, 1)
    with (
        pytest.warns(BoardWarning, match="bytes were full before the packet ended: .* the accelerator sets no TLAST"),
        pytest.raises(RuntimeError),
    ):
        exchange(overlay, range(5))
    assert overlay.axi_dma_0.read(0x34) == 0x5011


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
def test_a_buffer_that_was_never_allocated_is_told(load, board):
    overlay, _ = load()
    for offset, value in ((0x30, 1), (0x48, 0x1000_0000), (0x58, 40)):
        overlay.axi_dma_0.write(offset, value)
    with pytest.raises(StalledError) as stalled:
        while not overlay.axi_dma_0.read(0x34) & 2:
            pass
    assert "waits for TLAST: 0 of 40 bytes came; its 40 bytes at 0x10000000 are not inside one buffer" in str(
        stalled.value
    )


def test_a_bundle_may_bring_an_ip_archive(board, write_overlay, monkeypatch, tmp_path):
    library = Library()
    opened = []
    library.open = lambda place: opened.append(place) or Core()
    monkeypatch.setattr(board, "library", library)
    board.models.clear()
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "simulation.json").write_text('{"kind": "rtl", "ip": "mixer.zip"}')
    overlay = Overlay(str(write_overlay()))
    overlay.accelerator_0.write(0x00, 1)
    assert exchange(overlay, range(5)).tolist() == list(range(5))
    assert opened == [tmp_path / "sim" / "mixer.zip"]


def test_rtl_that_never_answers_ends_after_the_patience(load):
    overlay, _ = load(answers=False, keeps_counting=True)
    overlay.accelerator_0.write(0x00, 1)
    with pytest.raises(StalledError, match=r"no word moved in 60,000 cycles; MLFPGA_PATIENCE_CYCLES sets how many"):
        exchange(overlay, range(5))


def test_polling_a_register_lets_the_clock_run(board, write_overlay, handoff_text, monkeypatch):
    monkeypatch.setattr(board, "library", Library(Core(streams={})))
    board.models.clear()
    without_streams = re.sub('<BUSINTERFACE [^>]*NAME="[sm]_axis"[^>]*>', "", handoff_text())
    overlay = Overlay(str(write_overlay(text=without_streams)))
    overlay.accelerator_0.write(0x00, 1)
    polls = 0
    while not overlay.accelerator_0.read(0x00) & 2:
        polls += 1
    assert 3 <= polls <= 8  # 5000 cycles, about a thousand for each poll


def test_each_of_two_register_interfaces_has_its_own_addresses(load, board, write_overlay, handoff_text, monkeypatch):
    registers = {name: Interface(name, (Register("x", 0x10),)) for name in ("s_axi_control", "s_axi_data")}
    monkeypatch.setattr(board, "library", Library(Core(registers=registers)))
    second = '<MEMRANGE BASEVALUE="0x80020000" HIGHVALUE="0x8002FFFF" INSTANCE="accelerator_0" MEMTYPE="REGISTER" '
    second += 'MASTERBUSINTERFACE="M_AXI_HPM0_LPD" SLAVEBUSINTERFACE="s_axi_data" ADDRESSBLOCK="Reg"/>'
    head, _, tail = handoff_text().rpartition("</MEMORYMAP>")
    board.models.clear()
    Overlay(str(write_overlay(text=f"{head}{second}</MEMORYMAP>{tail}")))
    board.machine.write(0x8001_0010, 1)
    board.machine.write(0x8002_0010, 2)
    assert (board.machine.read(0x8001_0010), board.machine.read(0x8002_0010)) == (1, 2)


def test_a_dma_reset_takes_back_what_was_offered(load):
    overlay, simulation = load()
    send = allocate(10, "u4")
    overlay.axi_dma_0.sendchannel.transfer(send)
    assert not overlay.axi_dma_0.sendchannel.idle
    overlay.axi_dma_0.write(0x00, 4)
    for channel in (overlay.axi_dma_0.sendchannel, overlay.axi_dma_0.recvchannel):
        channel.start()
    overlay.accelerator_0.write(0x00, 1)
    assert exchange(overlay, [1, 2, 3, 4, 5]).tolist() == [1, 2, 3, 4, 5]


def test_the_clock_counts_what_the_logic_took(load, board):
    overlay, simulation = load()
    overlay.accelerator_0.write(0x00, 0x81)
    activity = board.machine.activity
    exchange(overlay, range(1000))
    taken, given = activity.beats("axi_dma_0.M_AXIS_MM2S"), activity.beats("accelerator_0.m_axis")
    assert len(taken.cycles) == len(given.cycles) == 1000
    assert given.cycles[0] - taken.cycles[0] == 20
    assert given.last.nonzero()[0].tolist() == [999]
    send, receive = sorted(activity.transfers, key=lambda transfer: transfer.channel)
    assert taken.cycles[0] - send.begin == READ_LATENCY
    assert receive.end - given.cycles[-1] == WRITE_LATENCY
    assert activity.busy == receive.end - send.begin
    assert activity.timed and activity.seconds == pytest.approx(activity.cycles / 1e8, rel=1e-4)


def test_waiting_in_vain_costs_no_time_on_the_virtual_clock(load, board):
    overlay, _ = load()
    with pytest.raises(StalledError):
        exchange(overlay, range(5))
    assert board.machine.activity.cycles < 100


def test_the_board_tells_latency_and_draws_the_timeline(load, board):
    overlay, _ = load()
    for _ in range(3):
        overlay.accelerator_0.write(0x00, 1)
        exchange(overlay, range(5))
    made = board.performance()
    assert made.latency.tolist() == [25] * 3  # 5 words, and each comes out 20 cycles after it went in
    assert board.busy_cycles() < board.machine.activity.cycles
    assert board.timeline().axes
    with pytest.raises(BoardError, match="other is no accelerator between streams; choose from accelerator_0"):
        board.performance("other")


def test_cycles_of_a_c_simulation_are_unknown(overlay, board):
    assert board.machine.activity.seconds is None and board.busy_cycles() is None
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate(10, "u4"), allocate(6, "u4")
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    made = board.performance()
    assert (made.samples, made.latency, made.samples_per_s) == (2, None, None) and "unknown" in str(made)
    with pytest.raises(BoardError, match="cycles are unknown"):
        board.timeline()


def test_a_core_without_the_designs_port_is_refused(board, write_overlay, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", Library(Core(streams={})))
    with pytest.raises(BoardError, match="accelerator_0 has the stream s_axis in the design, but the IP archive of"):
        Overlay(str(write_overlay()))


def test_patience_must_be_a_number(monkeypatch):
    from mlfpga.board.machine import Machine

    monkeypatch.setenv("MLFPGA_PATIENCE_CYCLES", "long")
    with pytest.raises(BoardError, match="MLFPGA_PATIENCE_CYCLES=long is not a number of cycles"):
        Machine()


def test_accelerators_feed_each_other_and_the_slower_one_sets_the_pace(board, write_overlay, handoff_text, monkeypatch):
    """DMA → accelerator_0 → accelerator_1 → DMA."""
    second = "mlfpga:hls:second_axi:1.0"
    library = Library(Core(free_running=True), Core(vlnv=second, free_running=True, latency=70))
    monkeypatch.setattr(board, "library", library)
    board.models.clear()
    text = handoff_text().replace('BUSNAME="from_pl" NAME="m_axis"', 'BUSNAME="between" NAME="m_axis"')
    interfaces = "".join(
        f'<BUSINTERFACE BUSNAME="{bus}" NAME="{name}" TYPE="{role}" VLNV="xilinx.com:interface:axis:1.0"/>'
        for bus, name, role in (("between", "s_axis", "TARGET"), ("from_pl", "m_axis", "INITIATOR"))
    )
    module = (
        f'<MODULE FULLNAME="/accelerator_1" INSTANCE="accelerator_1" MODTYPE="second_axi" VLNV="{second}"><PARAMETERS/>'
        f"<PORTS/><BUSINTERFACES>{interfaces}</BUSINTERFACES><MEMORYMAP/></MODULE>"
    )
    overlay = Overlay(str(write_overlay(text=text.replace("</MODULES>", f"{module}</MODULES>"))))
    words = np.random.default_rng(7).integers(0, 1 << 32, 3000, dtype=np.uint32)
    assert np.array_equal(exchange(overlay, words), words)
    between = board.machine.activity.beats("accelerator_0.m_axis").cycles
    given = board.machine.activity.beats("accelerator_1.m_axis").cycles
    taken = board.machine.activity.beats("axi_dma_0.M_AXIS_MM2S").cycles
    assert len(between) == len(given) == 3000
    assert (given > between).all() and (between > taken).all()
    assert given[-1] - given[0] < 20 * 3000


def test_two_dmas_with_rtl_do_not_mix(board, write_overlay, handoff_text, monkeypatch):
    second = handoff_text(dma="axi_dma_1", accelerator="accelerator_1", vlnv="mlfpga:hls:second_axi:1.0")
    for old, new in (("to_pl", "to_pl_1"), ("from_pl", "from_pl_1"), ("0x80", "0x90")):
        second = second.replace(old, new)
    modules = second.split("<MODULES>")[1].split("<MODULE IS_PL")[0]
    ranges = second.split("<MEMORYMAP>")[-1].split("</MEMORYMAP>")[0]
    head, _, tail = handoff_text().rpartition("</MEMORYMAP>")
    text = (head + ranges + "</MEMORYMAP>" + tail).replace("<MODULES>", "<MODULES>" + modules)
    monkeypatch.setattr(board, "library", Library(Core(), Core(vlnv="mlfpga:hls:second_axi:1.0")))
    board.models.clear()
    overlay = Overlay(str(write_overlay(text=text)))
    buffers = []
    for number in (0, 1):
        ip, dma = getattr(overlay, f"accelerator_{number}"), getattr(overlay, f"axi_dma_{number}")
        send, receive = allocate(5, "u4"), allocate(5, "u4")
        send[:] = np.arange(5)
        ip.write(0x10, number + 2)
        ip.write(0x00, 1)
        dma.recvchannel.transfer(receive)
        dma.sendchannel.transfer(send)
        buffers.append((dma, receive))
    for number, (dma, receive) in reversed(list(enumerate(buffers))):
        dma.sendchannel.wait()
        dma.recvchannel.wait()
        assert receive.tolist() == [(number + 2) * n for n in range(5)]


def test_the_next_overlay_ends_the_simulations_of_the_last(load, board, write_overlay, mixer):
    _, simulation = load()
    board.models["accelerator_0"] = mixer()
    Overlay(str(write_overlay()))
    assert simulation.closed
