"""Real pynq, unpatched, on the virtual board: what a notebook does by hand, and its classic mistakes."""

import asyncio
import threading
import time
import warnings

import numpy as np
import pynq
import pytest
from pynq import MMIO, Clocks, Overlay, allocate

from mlfpga.board import BoardError, BoardWarning, BusError, HandoffError, StalledError
from mlfpga.board.patience import LONG_PATIENCE_S

DMA_BASE, IP_BASE = 0x8000_0000, 0x8001_0000


def expected(words: np.ndarray) -> np.ndarray:
    """What the accelerator behind accelerator_0 must give for samples in words."""
    return pynq.Device.active_device.models["accelerator_0"].expected(words)


@pytest.fixture
def buffers(overlay):
    """A started accelerator, and buffers for ten samples."""
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate((10, 5), "u4"), allocate((10, 3), "u4")
    send[:] = np.random.default_rng(1).integers(0, 1 << 30, send.shape)
    return send, receive


def test_pynq_is_as_installed_and_uses_the_virtual_board(board):
    assert pynq.Device.active_device is board
    assert board.name == "AUP-ZU3 (virtual)" and board.virtual


def test_the_overlay_lists_its_ips_and_binds_the_dma_driver(overlay):
    assert set(overlay.ip_dict) == {"axi_dma_0", "accelerator_0", "ps"}
    assert isinstance(overlay.axi_dma_0, pynq.lib.DMA)
    assert overlay.ip_dict["accelerator_0"]["phys_addr"] == IP_BASE
    assert overlay.is_loaded()
    overlay.reset()
    assert overlay.is_loaded()


def test_clocks_are_those_of_the_board(overlay):
    assert Clocks.fclk0_mhz == pytest.approx(100, abs=0.01)
    assert Clocks.cpu_mhz == pytest.approx(1200, abs=0.1)
    Clocks.fclk0_mhz = 50
    assert Clocks.fclk0_mhz == pytest.approx(50, abs=0.01)


@pytest.mark.parametrize("receive_first", [True, False])
def test_one_sample_by_hand_in_either_order(overlay, buffers, receive_first):
    dma, (send, receive) = overlay.axi_dma_0, (b[:1] for b in buffers)
    transfers = [(dma.recvchannel, receive), (dma.sendchannel, send)]
    for channel, buffer in transfers if receive_first else reversed(transfers):
        channel.transfer(buffer)
    dma.sendchannel.wait()
    dma.recvchannel.wait()
    assert np.array_equal(receive, expected(send))
    assert dma.recvchannel.transferred == 12


@pytest.mark.parametrize("bits", [32, 64])
def test_a_batch_is_one_transfer_and_one_call_of_the_model(board, write_overlay, mixer, bits):
    board.models["accelerator_0"] = model = mixer(bits)
    overlay = Overlay(str(write_overlay(stream_bits=bits)))
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate((10_000, 5), f"u{bits // 8}"), allocate((10_000, 3), f"u{bits // 8}")
    send[:] = np.random.default_rng(2).integers(0, 1 << 30, send.shape)
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    overlay.axi_dma_0.sendchannel.wait()
    overlay.axi_dma_0.recvchannel.wait()
    assert np.array_equal(receive, expected(send)) and model.calls == 1


def test_a_round_trip_takes_less_than_half_a_millisecond(overlay, buffers):
    dma, (send, receive) = overlay.axi_dma_0, (b[:1] for b in buffers)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        dma.recvchannel.transfer(receive)
        dma.sendchannel.transfer(send)
        dma.sendchannel.wait()
        dma.recvchannel.wait()
        times.append(time.perf_counter() - began)
    assert np.median(times) < 0.0005


def test_the_result_is_stale_until_wait(overlay, buffers):
    dma, (send, receive) = overlay.axi_dma_0, buffers
    receive[:] = 77
    dma.recvchannel.transfer(receive)
    dma.sendchannel.transfer(send)
    assert (receive == 77).all()
    dma.recvchannel.wait()
    assert np.array_equal(receive, expected(send))


def transfer_by_hand(mmio, send, receive):
    for offset, buffer in ((0x30, receive), (0x00, send)):
        mmio.write(offset + 0x18, buffer.physical_address)
        mmio.write(offset + 0x28, buffer.nbytes)


def test_a_missing_flush_and_a_missing_invalidate_show_in_cached_buffers(overlay, buffers):
    send, receive = (allocate(buffer.shape, buffer.dtype, cacheable=True) for buffer in buffers)
    mmio = overlay.axi_dma_0.mmio
    send.flush()
    send[:] = 1

    def transfer():
        transfer_by_hand(mmio, send, receive)
        assert mmio.read(0x34) & 0x1000

    transfer()
    assert not receive.any()
    receive.invalidate()
    assert not (receive == 3).any()
    send.flush()
    transfer()
    receive.invalidate()
    assert (receive == 3).all()


def test_buffers_are_not_cached_unless_asked_so_a_missing_flush_is_told_once(overlay, buffers):
    """What a board prints for a transfer by hand, without flush and invalidate, with allocate's default."""
    send, receive = buffers
    mmio = overlay.axi_dma_0.mmio
    send[:] = 1
    with pytest.warns(BoardWarning, match="that were not flushed. It works because the buffer is not cached; one made"):
        transfer_by_hand(mmio, send, receive)
    assert not receive.any(), "nobody has waited yet"
    assert mmio.read(0x34) & 0x1000
    assert (receive == 3).all()
    send[:] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transfer_by_hand(mmio, send, receive)
    assert (receive == 3).all()
    mmio.write(0x34, 0x1000)
    assert (receive == 3).all(), "a write does not wait"
    assert overlay.accelerator_0.read(0x00) & 0x80
    assert (receive == 6).all(), "any read in the logic takes time"


def test_an_uncached_buffer_needs_neither(overlay):
    buffer = allocate(4, "u4", cacheable=False)
    buffer[:] = 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.flush()
        buffer.invalidate()
    assert overlay.device.machine.memory.ddr(buffer.physical_address, 4).view("<u4").tolist() == [5]


def test_register_map_reads_and_writes_the_hardware(overlay):
    control = MMIO(IP_BASE, 0x1000)
    control.array[0] = 0x81
    assert control.read(0) == 0x81 and int(control.array[0:4][0]) == 0x81
    assert control.read(0, length=8) == 0x81
    assert np.array(control.array[0:2]).tolist() == [0x81, 0]
    control.write(0x04, b"\x01\x00\x00\x00\x03\x00\x00\x00")
    assert control.array[1:3].view("u8")[0] == 0x3_0000_0001
    with pytest.raises(IndexError) as error:
        control.array[1024]
    assert str(error.value) == (
        "index 1024 is out of bounds for axis 0 with size 1024: the registers at 0x80010000 end at 0x80010fff"
    )


def test_an_unmapped_address_raises_a_bus_error(overlay):
    with pytest.raises(BusError, match="nothing answers at address 0x90000000"):
        MMIO(0x9000_0000, 4).read()


def test_a_receive_that_nothing_was_sent_for_explains_itself(overlay, buffers):
    overlay.axi_dma_0.recvchannel.transfer(buffers[1])
    with pytest.raises(StalledError) as error:
        overlay.axi_dma_0.recvchannel.wait()
    assert str(error.value) == (
        "this wait would never end, because nothing on the board can move any more:\n"
        "  - axi_dma_0 MM2S (send) runs, but no transfer was given to it\n"
        "  - axi_dma_0 S2MM (recv) waits for TLAST: 0 of 120 bytes came\n"
        "  - accelerator_0 runs and waits for input: it took 0 words and finished 0 samples"
    )


@pytest.mark.parametrize(
    "mistake, reason",
    [
        ("never started", "accelerator_0 was never started; accelerator_0.write(0x00, 0x81) starts it for good"),
        ("started once", "accelerator_0 stopped after its sample, because auto_restart is off"),
        ("too few words", "accelerator_0 runs and has 2 of the 5 words of a sample"),
        ("never received", "cannot give its result of 3 words: nobody receives"),
    ],
)
def test_each_classic_mistake_is_named(overlay, mistake, reason):
    dma, ip = overlay.axi_dma_0, overlay.accelerator_0
    send, receive = allocate((4, 5), "u4"), allocate((4, 3), "u4")
    ip.write(0x00, {"never started": 0, "started once": 1}.get(mistake, 0x81))
    if mistake != "never received":
        dma.recvchannel.transfer(receive)
    dma.sendchannel.transfer(send, nbytes=7 * 4 if mistake == "too few words" else 0)
    with pytest.raises(StalledError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        dma.sendchannel.wait()
        dma.recvchannel.wait()


def test_polling_by_hand_is_a_wait_too(overlay):
    with pytest.raises(StalledError):
        while not overlay.accelerator_0.read(0x00) & 2:
            pass


def test_starting_a_channel_after_an_error_does_not_hang(overlay, buffers):
    dma = overlay.axi_dma_0
    dma.recvchannel.transfer(buffers[1][:2])
    with pytest.warns(BoardWarning, match="the packet is longer than the buffer"):
        dma.sendchannel.transfer(buffers[0])
    with pytest.raises(RuntimeError, match="DMA channel not started"):
        dma.recvchannel.wait()
    with pytest.raises(StalledError, match=r"only a reset helps: axi_dma_0.write\(0x30, 4\), then start\(\) again"):
        dma.recvchannel.start()
    dma.write(0x30, 4)
    dma.sendchannel.start()
    dma.recvchannel.start()
    assert dma.recvchannel.running and dma.sendchannel.running


def test_a_program_that_writes_between_its_reads_does_not_wait(overlay):
    ip, end = overlay.accelerator_0, time.monotonic() + 0.1
    while time.monotonic() < end:
        for _ in range(900):
            assert ip.read(0x00) == 0x04
        ip.write(0x10, 0)


def test_threads_from_before_the_overlay_are_the_kernels_and_end_no_wait(overlay, board):
    """IPython's kernel has threads of its own, which start after the board was made."""
    end = threading.Event()
    kernels = threading.Thread(target=end.wait, daemon=True)
    kernels.start()
    try:
        overlay.download()
        receive = allocate(3, "u4")
        overlay.axi_dma_0.recvchannel.transfer(receive)
        began = time.monotonic()
        with pytest.raises(StalledError):
            overlay.axi_dma_0.recvchannel.wait()
        assert time.monotonic() - began < LONG_PATIENCE_S / 2
    finally:
        end.set()
        kernels.join()


def test_a_thread_may_send_what_another_one_waits_for(overlay, buffers):
    dma, (send, receive) = overlay.axi_dma_0, buffers

    def later():
        time.sleep(0.3)
        dma.sendchannel.transfer(send)

    sender = threading.Thread(target=later)
    dma.recvchannel.transfer(receive)
    sender.start()
    dma.recvchannel.wait()
    sender.join()
    assert np.array_equal(receive, expected(send))


def test_a_thread_that_sends_in_the_middle_of_the_last_read_is_in_time(overlay, buffers, board, monkeypatch):
    dma, (send, receive) = overlay.axi_dma_0, buffers

    def meanwhile(_) -> bool:
        for offset, value in ((0x18, send.physical_address), (0x28, send.nbytes)):
            dma.write(offset, value)
        return True

    send.flush()

    dma.recvchannel.transfer(receive)
    monkeypatch.setattr(board.machine._polling, "is_in_vain", meanwhile)
    dma.recvchannel.wait()
    assert np.array_equal(receive, expected(send))


def test_a_coroutine_may_send_what_another_one_polls_for(overlay, buffers):
    dma, (send, receive) = overlay.axi_dma_0, buffers

    async def poll():
        while not dma.recvchannel.idle:
            await asyncio.sleep(0)

    async def later():
        await asyncio.sleep(0.3)
        dma.sendchannel.transfer(send)

    async def run():
        dma.recvchannel.transfer(receive)
        await asyncio.gather(poll(), later())

    asyncio.run(run())
    dma.recvchannel.wait()
    assert np.array_equal(receive, expected(send))


def test_an_error_of_the_board_shows_one_line_of_it_at_most(overlay):
    with pytest.raises(StalledError) as error:
        overlay.axi_dma_0.recvchannel.wait()
    frames = [entry.path.name for entry in error.traceback if "mlfpga" in entry.path.parts]
    assert len(frames) == 2 and set(frames) == {"window.py"}
    assert "__tracebackhide__" in error.traceback[-2].frame.f_locals


@pytest.mark.parametrize("make", [lambda b: b[::2], lambda b: b.T, lambda b: b[:, :3]])
def test_a_view_with_gaps_is_told_because_a_dma_knows_no_strides(overlay, buffers, make):
    view = make(buffers[0])
    with pytest.warns(BoardWarning) as warned:
        overlay.axi_dma_0.sendchannel.transfer(view)
    assert str(warned[0].message) == (
        f"this view of shape {view.shape} takes its elements from apart (strides {view.strides} bytes), but a DMA "
        f"moves the {view.nbytes} bytes that lie side by side from its first element on. Copy the elements into a "
        "buffer of their own: buffer[:] = view"
    )


def test_whole_rows_of_a_buffer_and_other_shapes_of_it_are_as_good_as_the_buffer(overlay, buffers):
    dma, (send, receive) = overlay.axi_dma_0, buffers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dma.recvchannel.transfer(receive[4:8].reshape(-1))
        dma.sendchannel.transfer(send[4:8].view("i4"))
        dma.sendchannel.wait()
        dma.recvchannel.wait()
    assert np.array_equal(receive[4:8], expected(send[4:8])) and not receive[:4].any()
    assert repr(receive[:1, :1]) == "PynqBuffer([[0]], dtype=uint32)"


@pytest.mark.parametrize("make", [lambda b: b.copy(), lambda b: b + 1])
def test_a_copy_of_a_buffer_is_no_buffer(overlay, buffers, make):
    with pytest.warns(BoardWarning, match="outside contiguous memory, though pynq calls it a PynqBuffer"):
        make(buffers[0]).flush()


def test_buffers_are_freed_once_by_hand_by_scope_or_by_garbage_collection(board):
    memory = board.machine.memory
    free = memory.free_bytes
    with allocate(10) as buffer:
        buffer.freebuffer()
    view = allocate(5000)[10:20]
    assert memory.free_bytes < free
    view[:] = 1
    del view, buffer
    assert memory.free_bytes == free


def test_memory_that_is_used_up_says_so(board):
    with pytest.raises(MemoryError, match="no room for a buffer of 134,217,729 bytes"):
        allocate(134_217_729, "u1")


def test_the_memory_bank_of_the_overlay_allocates_too(overlay):
    assert overlay.PSDDR.base_address == 0
    buffer = allocate(4, "u4", target=overlay.PSDDR)
    assert overlay.device.machine.memory.buffer_of(buffer.physical_address, 16) == buffer.physical_address


def test_a_new_overlay_replaces_the_logic(overlay, write_overlay):
    overlay.accelerator_0.write(0x00, 0x81)
    again = Overlay(str(write_overlay()))
    assert again.accelerator_0.read(0x00) == 0x04
    assert not overlay.is_loaded()


def test_a_loopback_without_accelerator_returns_what_was_sent(board, write_overlay):
    dma = Overlay(str(write_overlay(accelerator=None))).axi_dma_0
    send, receive = allocate(100, "u4"), allocate(100, "u4")
    send[:] = np.arange(100)
    dma.recvchannel.transfer(receive)
    dma.sendchannel.transfer(send)
    dma.sendchannel.wait()
    dma.recvchannel.wait()
    assert np.array_equal(send, receive)


def test_an_accelerator_without_simulation_is_named_and_the_rest_loads(board, write_overlay):
    board.models.clear()
    with pytest.warns(
        BoardWarning, match=r"accelerator_0 \(mlfpga:hls:mixer_axi:1.0\) has no simulation model; give its IP archive"
    ):
        overlay = Overlay(str(write_overlay()))
    assert overlay.axi_dma_0.recvchannel.running
    with pytest.raises(BoardError, match="accelerator_0 .* has no simulation model"):
        overlay.accelerator_0.write(0x00, 0x81)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"c_include_sg": 1}, "axi_dma_0 has the scatter-gather engine"),
        ({"stream_bits": 64}, "accelerator_0 has 32-bit streams, but axi_dma_0.M_AXIS_MM2S is 64 bits wide"),
    ],
)
def test_a_design_the_board_cannot_be_is_refused(board, write_overlay, settings, message):
    with pytest.raises(BoardError, match=message):
        Overlay(str(write_overlay(**settings)))


def test_an_overlay_without_its_handoff_is_refused(board, write_overlay):
    bitstream = write_overlay()
    bitstream.with_suffix(".hwh").unlink()
    with pytest.raises(HandoffError, match="overlay.hwh does not exist"):
        Overlay(str(bitstream))


def test_default_length_width_ends_at_16383_bytes(board, write_overlay):
    dma = Overlay(str(write_overlay(length_bits=14))).axi_dma_0
    with pytest.raises(
        ValueError, match="Transfer size is 16384 bytes, which exceeds the maximum DMA buffer size 16383"
    ):
        dma.sendchannel.transfer(allocate(4096, "u4"))


def test_the_dma_answers_at_its_address(overlay):
    assert MMIO(DMA_BASE, 0x100).read(0x04) == 0x01
    overlay.axi_dma_0.sendchannel.start()
    assert MMIO(DMA_BASE, 0x100).read(0x04) == 0x00
