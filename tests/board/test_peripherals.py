"""GPIO, timers and block memories beside an accelerator, driven by pynq's own drivers."""

import re

import numpy as np
import pytest
from conftest import DMA_BASE
from fake_rtl import Core, Library
from pynq import MMIO, Overlay, allocate
from pynq.lib import AxiGPIO

from mlfpga.board import BoardError, BoardWarning
from mlfpga.board.peripherals import AxiGpio, AxiTimer

GPIO, TIMER, BRAM = DMA_BASE + 0x2_0000, DMA_BASE + 0x3_0000, DMA_BASE + 0x4_0000


def with_ip(text: str, name: str, vlnv: str, base: int, size: int = 0x1_0000, bram: str = "", **parameters) -> str:
    """The handoff with one more IP that the processor reaches; `bram` is the net of its memory side."""
    entries = "".join(f'<PARAMETER NAME="{key}" VALUE="{value}"/>' for key, value in parameters.items())
    side = f'<BUSINTERFACE BUSNAME="{bram}" NAME="BRAM_PORTA" TYPE="INITIATOR" VLNV="xilinx.com:interface:bram:1.0"/>'
    kind = 'MEMTYPE="MEMORY" ADDRESSBLOCK="Mem0"' if bram else 'MEMTYPE="REGISTER" ADDRESSBLOCK="Reg"'
    module = (
        f'<MODULE FULLNAME="/{name}" INSTANCE="{name}" MODTYPE="{vlnv.split(":")[2]}" VLNV="{vlnv}"><PARAMETERS>'
        f'{entries}</PARAMETERS><PORTS/><BUSINTERFACES><BUSINTERFACE BUSNAME="{name}_bus" NAME="S_AXI" TYPE="SLAVE" '
        f'VLNV="xilinx.com:interface:aximm:1.0"/>{side if bram else ""}</BUSINTERFACES><MEMORYMAP/></MODULE>'
    )
    reached = (
        f'<MEMRANGE BASEVALUE="0x{base:08X}" HIGHVALUE="0x{base + size - 1:08X}" INSTANCE="{name}" '
        f'MASTERBUSINTERFACE="M_AXI_HPM0_LPD" SLAVEBUSINTERFACE="S_AXI" {kind}/>'
    )
    before, name_of_ps, processor = text.partition('INSTANCE="ps" MODTYPE')
    text = before + name_of_ps + processor.replace("<MEMORYMAP>", f"<MEMORYMAP>{reached}", 1)
    return text.replace("</MODULES>", f"{module}</MODULES>")


@pytest.fixture
def load(board, write_overlay, handoff_text):
    """Load the small overlay with one more IP; keywords as for `with_ip`."""

    def make(*ip, **settings):
        return Overlay(str(write_overlay(text=with_ip(handoff_text(), *ip, **settings))))

    return make


def test_pynqs_gpio_driver_reads_back_outputs_and_reads_what_comes_in(load, board):
    settings = {"C_IS_DUAL": 1, "C_GPIO_WIDTH": 8, "C_ALL_OUTPUTS": 1, "C_GPIO2_WIDTH": 4, "C_ALL_INPUTS_2": 1}
    overlay = load("axi_gpio_0", "xilinx.com:ip:axi_gpio:2.0", GPIO, C_DOUT_DEFAULT="0x00000081", **settings)
    gpio, pins = overlay.axi_gpio_0, board.peripheral("axi_gpio_0")
    assert isinstance(gpio, AxiGPIO)
    assert gpio.read(0x00) == 0x81 and gpio.read(0x04) == 0 and gpio.read(0x0C) == 0xF
    gpio.setdirection("out", 1)
    gpio.setdirection("in", 2)
    gpio.channel1.write(0x5A, 0xFF)
    assert gpio.read(0x00) == 0x5A == pins.output(1)
    gpio.write(0x04, 0xFF)
    assert gpio.read(0x00) == 0x5A, "its direction is fixed"
    assert gpio.channel2.read() == 0
    pins.set_input(0b1010, channel=2)
    assert gpio.channel2.read() == 0b1010 and [gpio.channel2[i].read() for i in range(4)] == [0, 1, 0, 1]


def test_directions_of_pins_are_chosen_bit_by_bit():
    gpio = AxiGpio("gpio", (8,))
    gpio.write(0x00, 0xCC)
    gpio.set_input(0x33)
    assert (gpio.read(0x00), gpio.output()) == (0x33, 0)
    gpio.write(0x04, 0x0F)
    assert (gpio.read(0x00), gpio.output()) == (0xC3, 0xC0)


def test_a_change_of_an_input_is_an_interrupt_if_enabled():
    gpio = AxiGpio("gpio", (8, 8))
    gpio.write(0x128, 0b10)
    gpio.write(0x11C, 0x8000_0000)
    gpio.set_input(1, channel=1)
    assert not gpio.interrupt
    gpio.set_input(1, channel=2)
    assert gpio.interrupt and gpio.read(0x120) == 0b11
    gpio.write(0x120, 0b10)
    assert not gpio.interrupt and gpio.read(0x120) == 0b01


def test_pins_that_do_not_exist_are_told(load, board):
    load("axi_gpio_0", "xilinx.com:ip:axi_gpio:2.0", GPIO, C_GPIO_WIDTH=4)
    pins = board.peripheral("axi_gpio_0")
    for call, told in (
        (lambda: pins.set_input(16), "0x10 does not fit the 4 pins of channel 1 of axi_gpio_0"),
        (lambda: pins.set_input(0, 2), "axi_gpio_0 has no channel 2; it has 1"),
        (
            lambda: board.peripheral("gpio"),
            "gpio is no GPIO, timer or block memory of this overlay; choose from axi_gpio_0",
        ),
    ):
        with pytest.raises(BoardError) as error:
            call()
        assert str(error.value) == told


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("reload", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_timer_counts_the_clock_and_rolls_over(down, reload, at_once):
    """Ten steps to the end take an interval of twelve cycles (PG079: TLR + 2, or the largest value - TLR + 2)."""
    for cycles in range(40):
        now = [100]
        timer = AxiTimer("timer", lambda now=now: now[0])
        first = 10 if down else 0xFFFF_FFFF - 10
        timer.write(0x04, first)
        timer.write(0x00, 1 << 5)
        now[0] += 50
        assert timer.read(0x08) == first, "it is loaded, not counting"
        timer.write(0x00, 1 << 7 | down << 1 | reload << 4)
        for _ in range(1 if at_once else cycles):
            now[0] += cycles if at_once else 1
            timer.read(0x00)
        steps = min(cycles % 12, 10)
        rolled = 0xFFFF_FFFF if down else 0
        expected = rolled if cycles >= 12 and not reload else first + (-steps if down else steps)
        assert timer.read(0x08) == expected
        assert bool(timer.read(0x00) & 1 << 8) == (cycles >= 12)
        timer.write(0x00, timer.read(0x00))
        assert not timer.read(0x00) & 1 << 8, "writing one clears the event"


@pytest.mark.filterwarnings("ignore:axi_timer_0 counts the virtual clock")
def test_a_timer_raises_its_interrupt_while_somebody_waits_for_it(load, board):
    overlay = load("axi_timer_0", "xilinx.com:ip:axi_timer:2.0", TIMER)
    timer = board.peripheral("axi_timer_0")
    overlay.axi_timer_0.write(0x04, 1_000_000)
    for control in (1 << 5, 1 << 7 | 1 << 6 | 1 << 1):
        overlay.axi_timer_0.write(0x00, control)
    rounds = 0
    while not timer.interrupt:
        assert board.machine.wait(lambda: timer.interrupt)
        rounds += 1
    assert rounds == -(-1_000_002 // board.machine.slice_cycles)


def test_a_timer_measures_a_transfer_in_cycles_of_the_design(board, write_overlay, handoff_text, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", Library(Core()))
    text = with_ip(handoff_text(), "axi_timer_0", "xilinx.com:ip:axi_timer:2.0", TIMER)
    overlay = Overlay(str(write_overlay(text=text)))
    timer, dma = overlay.axi_timer_0, overlay.axi_dma_0
    overlay.accelerator_0.write(0x00, 0x81)
    send, receive = allocate(5000, "u4"), allocate(5000, "u4")
    timer.write(0x00, 1 << 7)
    dma.recvchannel.transfer(receive)
    dma.sendchannel.transfer(send)
    dma.recvchannel.wait()
    measured = timer.read(0x08)
    assert board.busy_cycles() <= measured <= board.busy_cycles() + 2000
    assert timer.read(0x08) > measured, "an access from Python takes time"


def test_a_timer_beside_a_c_simulation_is_told_to_measure_nothing(load):
    with pytest.warns(BoardWarning) as told:
        load("axi_timer_0", "xilinx.com:ip:axi_timer:2.0", TIMER)
    assert [str(warning.message) for warning in told] == [
        "axi_timer_0 counts the virtual clock, which a C simulation does not know: what it measures is unknown"
    ]


def test_two_controllers_share_a_block_memory_and_a_third_has_its_own(board, write_overlay, handoff_text):
    text, vlnv = handoff_text(), "xilinx.com:ip:axi_bram_ctrl:4.1"
    for number, net in enumerate(("port_a", "port_b", "other")):
        text = with_ip(text, f"axi_bram_ctrl_{number}", vlnv, BRAM + 0x1_0000 * number, 0x2000, bram=net)
    ports = "".join(
        f'<BUSINTERFACE BUSNAME="{net}" NAME="{net}" TYPE="TARGET" VLNV="xilinx.com:interface:bram:1.0"/>'
        for net in ("port_a", "port_b")
    )
    memory = (
        '<MODULE FULLNAME="/mem" INSTANCE="mem" MODTYPE="blk_mem_gen" VLNV="xilinx.com:ip:blk_mem_gen:8.4">'
        f"<PARAMETERS/><PORTS/><BUSINTERFACES>{ports}</BUSINTERFACES><MEMORYMAP/></MODULE>"
        '<MODULE FULLNAME="/xlconstant_0" INSTANCE="xlconstant_0" MODTYPE="xlconstant" '
        'VLNV="xilinx.com:ip:xlconstant:1.1"><PARAMETERS/><PORTS/><BUSINTERFACES/><MEMORYMAP/></MODULE>'
    )
    overlay = Overlay(str(write_overlay(text=text.replace("</MODULES>", f"{memory}</MODULES>"))))
    first, second, third = (MMIO(BRAM + 0x1_0000 * number, 0x2000) for number in range(3))
    words = np.random.default_rng(6).integers(0, 1 << 32, 0x800, dtype=np.uint32)
    first.array[:] = words
    assert np.array_equal(np.array(second.array), words) and not np.array(third.array).any()
    second.write(0x1FFC, 77)
    assert first.read(0x1FFC) == 77
    assert overlay.axi_bram_ctrl_0.read(0x1FFC) == 77, "as pynq shows it"


def test_an_unknown_ip_is_named_and_the_rest_works(load):
    overlay = load("axi_quad_spi_0", "xilinx.com:ip:axi_quad_spi:3.2", GPIO)
    with pytest.raises(
        BoardError, match=re.escape("models accelerators, axi_dma, axi_intc, axi_gpio, axi_timer, axi_")
    ):
        overlay.axi_quad_spi_0.read(0x60)
    assert overlay.accelerator_0.read(0x00) == 4
