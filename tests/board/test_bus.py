import pytest

from mlfpga.board import BusError
from mlfpga.board.bus import Bus
from mlfpga.board.ps import Registers, attach_ps, pl_clock_mhz


def test_each_address_reaches_its_own_device():
    bus = Bus()
    for name, base in (("second", 0x8001_0000), ("first", 0x8000_0000)):
        bus.attach(name, base, 0x1_0000, Registers())
    bus.write(0x8000_0004, 1)
    bus.write(0x8001_0004, 2)
    assert [bus.read(0x8000_0004), bus.read(0x8001_0004), bus.read(0x8001_0008)] == [1, 2, 0]


@pytest.mark.parametrize("address", [0x7FFF_FFFC, 0x8001_0000, 0x8002_FFFC, 0])
def test_an_unmapped_address_names_itself_and_the_map(address):
    bus = Bus()
    bus.attach("axi_dma_0", 0x8000_0000, 0x1_0000, Registers())
    with pytest.raises(BusError) as error:
        bus.read(address)
    assert str(error.value) == (
        f"nothing answers at address {address:#x}; in the programmable logic there is axi_dma_0 0x80000000-0x8000ffff. "
        "On a board this access ends in a bus error that kills the process, or it never ends"
    )


def test_before_an_overlay_the_programmable_logic_is_silent():
    bus = Bus()
    attach_ps(bus)
    with pytest.raises(BusError, match="there is nothing yet, because no overlay is loaded"):
        bus.write(0x8000_0000, 1)


def test_overlapping_devices_are_refused():
    bus = Bus()
    bus.attach("a", 0x1000, 0x1000, Registers())
    with pytest.raises(BusError, match="b at 0x1800-0x27ff overlaps a 0x1000-0x1fff; give each its own range"):
        bus.attach("b", 0x1800, 0x1000, Registers())


def test_a_booted_board_clocks_the_logic_at_100_mhz():
    bus = Bus()
    attach_ps(bus)
    assert pl_clock_mhz(bus) == pytest.approx(99.999, abs=1e-9)
