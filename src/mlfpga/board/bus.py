"""The address map: which device answers at which physical address."""

from bisect import bisect_right
from typing import NamedTuple, Protocol

from mlfpga.board.errors import BusError


class Device(Protocol):
    """Anything with 32-bit registers. `offset` is a multiple of 4 from the start of its address range."""

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...


class Region(NamedTuple):
    base: int
    size: int
    name: str
    device: Device

    @property
    def end(self) -> int:
        return self.base + self.size

    def __str__(self) -> str:
        return f"{self.name} {self.base:#x}-{self.end - 1:#x}"


class Bus:
    """Devices side by side in the physical address space, none overlapping another."""

    def __init__(self):
        self._regions: list[Region] = []
        self._bases: list[int] = []

    def attach(self, name: str, base: int, size: int, device: Device) -> None:
        """Let `device` answer from `base` for `size` bytes. Raises BusError if another device answers there."""
        for other in self._regions:
            if base < other.end and other.base < base + size:
                raise BusError(f"{name} at {base:#x}-{base + size - 1:#x} overlaps {other}; give each its own range")
        self._regions = sorted([*self._regions, Region(base, size, name, device)], key=lambda region: region.base)
        self._bases = [region.base for region in self._regions]

    def detach(self, name: str) -> None:
        self._regions = [region for region in self._regions if region.name != name]
        self._bases = [region.base for region in self._regions]

    def region(self, address: int) -> Region:
        """The device range that holds `address`. Raises BusError if nothing answers there."""
        index = bisect_right(self._bases, address) - 1
        if index >= 0 and address < self._regions[index].end:
            return self._regions[index]
        programmable = ", ".join(str(region) for region in self._regions if 0x8000_0000 <= region.base < 0xF000_0000)
        raise BusError(
            f"nothing answers at address {address:#x}; in the programmable logic there is "
            f"{programmable or 'nothing yet, because no overlay is loaded'}. "
            "On a board this access ends in a bus error that kills the process, or it never ends"
        )

    def read(self, address: int) -> int:
        region = self.region(address)
        return region.device.read(address - region.base)

    def write(self, address: int, value: int) -> None:
        region = self.region(address)
        region.device.write(address - region.base, value & 0xFFFF_FFFF)
