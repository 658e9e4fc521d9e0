"""Interrupts through pynq's own code: DMA channels and an accelerator's pin behind an AXI interrupt controller."""

import asyncio
import re

import numpy as np
import pytest
from fake_rtl import Core, Library
from pynq import Interrupt, Overlay, allocate

from mlfpga.board import StalledError, interrupts
from mlfpga.board.axi_intc import AxiIntc

INTC_BASE = 0x8004_0000


def port(name: str, direction: str, net: str, other: str, other_port: str, left: int | None = None) -> str:
    width = "" if left is None else f' LEFT="{left}" RIGHT="0"'
    return (
        f'<PORT DIR="{direction}" NAME="{name}" SIGIS="INTERRUPT" SIGNAME="{net}"{width}><CONNECTIONS>'
        f'<CONNECTION INSTANCE="{other}" PORT="{other_port}"/></CONNECTIONS></PORT>'
    )


def with_ports(text: str, instance: str, ports: str) -> str:
    """The handoff with the ports of one module filled in."""
    pattern = rf'(<MODULE [^>]*INSTANCE="{instance}"[^>]*>(?:(?!</MODULE>).)*?)<PORTS/>'
    changed, count = re.subn(pattern, lambda m: f"{m[1]}<PORTS>{ports}</PORTS>", text, flags=re.DOTALL)
    assert count == 1, instance
    return changed


def with_interrupts(text: str) -> str:
    """The small design with an AXI interrupt controller: MM2S on input 0, S2MM on 1, the accelerator on 2."""
    sources = [("axi_dma_0", "mm2s_introut"), ("axi_dma_0", "s2mm_introut"), ("accelerator_0", "interrupt")]
    inputs = "".join(
        port(f"In{number}", "I", f"{name}_{pin}", name, pin, left=0) for number, (name, pin) in enumerate(sources)
    )
    concat = (
        '<MODULE FULLNAME="/xlconcat_0" INSTANCE="xlconcat_0" MODTYPE="xlconcat" VLNV="xilinx.com:ip:xlconcat:2.1">'
        '<PARAMETERS><PARAMETER NAME="NUM_PORTS" VALUE="3"/></PARAMETERS>'
        f"<PORTS>{inputs}{port('dout', 'O', 'xlconcat_0_dout', 'axi_intc_0', 'intr', left=2)}</PORTS>"
        "<BUSINTERFACES/><MEMORYMAP/></MODULE>"
    )
    controller = (
        '<MODULE FULLNAME="/axi_intc_0" INSTANCE="axi_intc_0" MODTYPE="axi_intc" VLNV="xilinx.com:ip:axi_intc:4.1">'
        f"<PARAMETERS/><PORTS>{port('intr', 'I', 'xlconcat_0_dout', 'xlconcat_0', 'dout', left=2)}"
        f"{port('irq', 'O', 'axi_intc_0_irq', 'ps', 'pl_ps_irq0')}</PORTS>"
        '<BUSINTERFACES><BUSINTERFACE BUSNAME="m02" NAME="s_axi" TYPE="SLAVE" VLNV="xilinx.com:interface:aximm:1.0"/>'
        "</BUSINTERFACES><MEMORYMAP/></MODULE>"
    )
    entry = (
        f'<MEMRANGE BASEVALUE="{INTC_BASE:#x}" HIGHVALUE="{INTC_BASE + 0xFFFF:#x}" INSTANCE="axi_intc_0" '
        'MASTERBUSINTERFACE="M_AXI_HPM0_LPD" SLAVEBUSINTERFACE="s_axi" MEMTYPE="REGISTER" ADDRESSBLOCK="Reg"/>'
    )
    for instance in ("axi_dma_0", "accelerator_0"):
        pins = "".join(
            port(pin, "O", f"{name}_{pin}", "xlconcat_0", f"In{number}")
            for number, (name, pin) in enumerate(sources)
            if name == instance
        )
        text = with_ports(text, instance, pins)
    text = with_ports(text, "ps", port("pl_ps_irq0", "I", "axi_intc_0_irq", "axi_intc_0", "irq", left=0))
    head, _, tail = text.rpartition("</MEMORYMAP>")
    return f"{head}{entry}</MEMORYMAP>{tail}".replace("</MODULES>", f"{concat}{controller}</MODULES>")


@pytest.fixture
def overlay(board, write_overlay, handoff_text):
    return Overlay(str(write_overlay(text=with_interrupts(handoff_text()))))


@pytest.fixture
def load_rtl(board, write_overlay, handoff_text, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", Library(Core()))
    return Overlay(str(write_overlay(text=with_interrupts(handoff_text()))))


async def exchange(overlay, send, receive) -> None:
    overlay.axi_dma_0.recvchannel.transfer(receive)
    overlay.axi_dma_0.sendchannel.transfer(send)
    await asyncio.gather(overlay.axi_dma_0.sendchannel.wait_async(), overlay.axi_dma_0.recvchannel.wait_async())


def test_pynq_finds_the_pins_through_the_concatenation(overlay):
    assert set(overlay.axi_dma_0.description["interrupts"]) == {"mm2s_introut", "s2mm_introut"}


def test_wait_async_returns_when_the_transfers_ended(overlay, board):
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate((4, 5), "u4"), allocate((4, 3), "u4")
    send[:] = np.arange(20).reshape(4, 5)
    for _ in range(3):
        receive[:] = 0
        asyncio.run(asyncio.wait_for(exchange(overlay, send, receive), 5))
        assert np.array_equal(receive, board.models["accelerator_0"].expected(send))


def test_wait_async_lets_the_clock_of_rtl_run(load_rtl):
    load_rtl.accelerator_0.write(0x00, 1)
    send, receive = allocate(5, "u4"), allocate(5, "u4")
    send[:] = [1, 2, 3, 4, 5]
    asyncio.run(asyncio.wait_for(exchange(load_rtl, send, receive), 5))
    assert receive.tolist() == [1, 2, 3, 4, 5]


def test_an_accelerators_own_interrupt_wakes_a_program(load_rtl):
    async def run():
        ip = load_rtl.accelerator_0
        for offset, value in ((0x04, 1), (0x08, 1), (0x00, 1)):
            ip.write(offset, value)
        send, receive = allocate(5, "u4"), allocate(5, "u4")
        load_rtl.axi_dma_0.recvchannel.transfer(receive)
        load_rtl.axi_dma_0.sendchannel.transfer(send)
        await Interrupt("accelerator_0/interrupt").wait()
        ip.write(0x0C, 1)
        return ip.read(0x00)

    assert asyncio.run(asyncio.wait_for(run(), 5)) & 2


def test_waiting_for_an_interrupt_that_cannot_come_is_explained(overlay, monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE_S", 0.05)

    async def run():
        receive = allocate(3, "u4")
        overlay.axi_dma_0.recvchannel.transfer(receive)
        await overlay.axi_dma_0.recvchannel.wait_async()

    with pytest.raises(StalledError, match="accelerator_0 was never started"):
        asyncio.run(asyncio.wait_for(run(), 5))


def test_another_coroutine_may_send_later(overlay, monkeypatch):
    monkeypatch.setattr(interrupts, "PATIENCE_S", 1.0)
    overlay.accelerator_0.write(0x00, 0x81)

    async def later(send):
        await asyncio.sleep(0.1)
        overlay.axi_dma_0.sendchannel.transfer(send)

    async def run():
        send, receive = allocate(5, "u4"), allocate(3, "u4")
        overlay.axi_dma_0.recvchannel.transfer(receive)
        await asyncio.gather(overlay.axi_dma_0.recvchannel.wait_async(), later(send))

    asyncio.run(asyncio.wait_for(run(), 5))


@pytest.fixture
def controller():
    """A controller whose two inputs follow `levels`."""
    made = AxiIntc("axi_intc_0")
    made.levels = [False, False]
    made.inputs = {number: lambda number=number: made.levels[number] for number in range(2)}
    made.write(0x1C, 3)
    return made


def test_only_enabled_inputs_are_pending_and_reach_the_output(controller):
    controller.levels[1] = True
    assert (controller.read(0x00), controller.read(0x04), controller.interrupt) == (2, 0, False)
    controller.write(0x10, 2)
    assert (controller.read(0x08), controller.read(0x04), controller.read(0x18)) == (2, 2, 1)
    assert controller.interrupt
    controller.write(0x14, 2)
    assert not controller.interrupt and controller.read(0x18) == 0xFFFF_FFFF


def test_an_input_stays_until_it_is_acknowledged_while_low(controller):
    controller.write(0x08, 1)
    controller.levels[0] = True
    controller.write(0x0C, 1)
    assert controller.read(0x04) == 1
    controller.levels[0] = False
    assert controller.read(0x04) == 1
    controller.write(0x0C, 1)
    assert controller.read(0x04) == 0


def test_nothing_gets_through_before_the_master_enable(controller):
    controller.write(0x1C, 0)
    fresh = AxiIntc("axi_intc_1")
    fresh.inputs = {0: lambda: True}
    fresh.write(0x08, 1)
    assert (fresh.read(0x00), fresh.interrupt) == (0, False)
    assert controller.read(0x1C) == 2  # hardware interrupts, once on, stay on
