"""Memory-mapped registers as the array that pynq's MMIO reads and writes."""

from collections.abc import Iterator

import numpy as np

from mlfpga.board.errors import BoardError
from mlfpga.board.machine import Machine


class RegisterWindow:
    """`count` registers of `itemsize` bytes from physical address `base`, indexed like a NumPy array.

    On a board pynq maps /dev/mem and gets an array whose elements are the hardware; here each element read or written
    is one register access of the machine. 64-bit elements are two accesses, low word first.
    """

    def __init__(self, machine: Machine, base: int, count: int, itemsize: int = 4):
        self._machine = machine
        self._base = base
        self._count = count
        self._itemsize = itemsize

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(f"<u{self._itemsize}")

    @property
    def shape(self) -> tuple[int]:
        return (self._count,)

    @property
    def nbytes(self) -> int:
        return self._count * self._itemsize

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.unsignedinteger]:
        return (self[index] for index in range(self._count))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array([int(value) for value in self], dtype=dtype or self.dtype)

    def view(self, dtype) -> "RegisterWindow":
        itemsize = np.dtype(dtype).itemsize
        return RegisterWindow(self._machine, self._base, self.nbytes // itemsize, itemsize)

    def __getitem__(self, index):
        __tracebackhide__ = True  # IPython leaves such a function out of what it shows
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            if step != 1:
                return np.array([self._read(i) for i in range(start, stop, step)], dtype=self.dtype)
            return RegisterWindow(
                self._machine, self._base + start * self._itemsize, max(stop - start, 0), self._itemsize
            )
        return self.dtype.type(self._read(self._position(index)))

    def __setitem__(self, index, value) -> None:
        __tracebackhide__ = True
        if isinstance(index, slice):
            positions = range(*index.indices(self._count))
            for position, element in zip(positions, np.broadcast_to(value, len(positions)), strict=True):
                self._write(position, int(element))
        else:
            self._write(self._position(index), int(value))

    def _position(self, index: int) -> int:
        if not -self._count <= index < self._count:
            raise IndexError(
                f"index {index} is out of bounds for axis 0 with size {self._count}: the registers at "
                f"{self._base:#x} end at {self._base + self.nbytes - 1:#x}"
            )
        return index % self._count

    def _read(self, position: int) -> int:
        address = self._base + position * self._itemsize
        try:
            value = self._machine.read(address)
            return value if self._itemsize == 4 else value | self._machine.read(address + 4) << 32
        except BoardError as error:
            # How the virtual board found out is not what the program's author has to read.
            raise error.with_traceback(None) from None

    def _write(self, position: int, value: int) -> None:
        address = self._base + position * self._itemsize
        try:
            self._machine.write(address, value & 0xFFFF_FFFF)
            if self._itemsize == 8:
                self._machine.write(address + 4, value >> 32 & 0xFFFF_FFFF)
        except BoardError as error:
            raise error.with_traceback(None) from None
