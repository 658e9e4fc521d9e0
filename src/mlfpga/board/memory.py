"""The part of the DDR memory that pynq allocates from, as the CPU sees it and as the DMA sees it.

The CPU works through its caches and the DMA (on HP0, which is not coherent) does not, so one address has two contents.
`flush` carries the CPU's copy to DDR, `invalidate` carries DDR's copy to the CPU. Real caches also write back when they
please; here nothing moves unless a program asks, so that a forgotten flush shows every time instead of sometimes.

On a board pynq's buffers are cached only if they are asked to be (`cacheable=True`). The others are *shared*: what the
CPU writes reaches a DMA without a flush, which is told once; what a DMA writes is seen once the program has read any
register of the logic, which takes time. Until then the old content stays, so that a program that does not wait shows.
"""

import numpy as np

from mlfpga.board.errors import warn

CMA_BASE = 0x77E0_0000
"""Where Linux keeps contiguous memory for DMA on the AUP-ZU3 image."""
CMA_SIZE = 128 << 20
PAGE = 4096


class Memory:
    """`size` bytes from physical address `base`, given out in pages.

    mastered  whether the logic holds a bus master other than AXI DMA. Its programs rely on what is true on a board:
              buffers that did not ask to be cached are not, so CPU and hardware see the same in them
    """

    def __init__(self, base: int = CMA_BASE, size: int = CMA_SIZE):
        self.base = base
        self.size = size
        # Pages of these two arrays take no memory of the host until something is written to them.
        self._ddr = np.zeros(size, dtype=np.uint8)
        self._cpu = np.zeros(size, dtype=np.uint8)
        self._shared = np.zeros(-(-size // PAGE), dtype=np.uint8)
        self.mastered = False
        self._arrived: list[tuple[int, int]] = []
        self._told = False
        self._holes = [(base, size)]
        self._buffers: dict[int, int] = {}

    def allocate(self, nbytes: int) -> int:
        """Physical address of a new buffer, zero in both copies. Raises MemoryError when no hole is large enough."""
        needed = -(-max(nbytes, 1) // PAGE) * PAGE
        for index, (address, size) in enumerate(self._holes):
            if size >= needed:
                self._holes[index : index + 1] = [(address + needed, size - needed)] if size > needed else []
                self._buffers[address] = needed
                self._share(address, False)
                self.cpu(address, needed)[:] = 0
                self.ddr(address, needed)[:] = 0
                return address
        raise MemoryError(
            f"no room for a buffer of {nbytes:,} bytes: {self.free_bytes:,} of the {self.size:,} bytes of contiguous "
            "memory are free; free buffers that are no longer needed (buffer.freebuffer(), or del buffer)"
        )

    def free(self, address: int) -> None:
        """Give a buffer back. Its content stays until the pages are given out again, as on the board."""
        end = address + self._buffers[address]
        self._arrived = [(start, size) for start, size in self._arrived if not address <= start < end]
        self._holes = _merged(sorted([*self._holes, (address, self._buffers.pop(address))]))

    def share(self, address: int) -> None:
        """The buffer at `address` did not ask to be cached."""
        self._share(address, True)

    def settle(self) -> None:
        """Time has passed for the program: what transfers brought into shared buffers is now seen there."""
        while self._arrived:
            try:
                address, nbytes = self._arrived.pop()
            except IndexError:  # another thread of the program took the last one
                return
            self.cpu(address, nbytes)[:] = self.ddr(address, nbytes)

    def _share(self, address: int, shared: bool) -> None:
        first = (address - self.base) // PAGE
        self._shared[first : first + self._buffers[address] // PAGE] = shared

    @property
    def free_bytes(self) -> int:
        return sum(size for _, size in self._holes)

    @property
    def arrays(self) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, int]:
        """Base, DDR's bytes, the CPU's, which pages are shared, and bytes of a page: what a bus master works on."""
        return self.base, self._ddr, self._cpu, self._shared, PAGE

    def cpu(self, address: int, nbytes: int) -> np.ndarray:
        """The CPU's copy (uint8, a view)."""
        return self._cpu[address - self.base : address - self.base + nbytes]

    def ddr(self, address: int, nbytes: int) -> np.ndarray:
        """DDR's copy (uint8, a view)."""
        return self._ddr[address - self.base : address - self.base + nbytes]

    def is_cpu_view(self, address: int, nbytes: int, virtual_address: int) -> bool:
        """Whether the host's `virtual_address` is where the CPU sees the `nbytes` at physical `address`."""
        return self._contains(address, nbytes) and virtual_address - self._cpu.ctypes.data == address - self.base

    def flush(self, address: int, nbytes: int) -> None:
        if self._is_shared(address):
            self.settle()
        self.ddr(address, nbytes)[:] = self.cpu(address, nbytes)

    def invalidate(self, address: int, nbytes: int) -> None:
        if self._is_shared(address):
            # No cache holds anything that could be dropped: what the CPU wrote stays.
            self.settle()
        else:
            self.cpu(address, nbytes)[:] = self.ddr(address, nbytes)

    def buffer_of(self, address: int, nbytes: int) -> int | None:
        """Address of the buffer that holds all `nbytes` at `address`; None if they are not inside one buffer."""
        for start, size in self._buffers.items():
            if start <= address and address + nbytes <= start + size:
                return start
        return None

    def is_allocated(self, address: int, nbytes: int) -> bool:
        """Whether every byte belongs to a buffer, though perhaps to several that lie side by side."""
        end = address + nbytes
        while address < end:
            start = self.buffer_of(address, 1)
            if start is None:
                return False
            address = start + self._buffers[start]
        return True

    def dma_read(self, address: int, nbytes: int, reader: str) -> np.ndarray:
        """DDR's bytes for a DMA. Outside our pages they are somebody else's: zeros here, and a warning."""
        self._check_owner(address, nbytes, f"{reader} reads")
        if not self._contains(address, nbytes):
            return np.zeros(nbytes, dtype=np.uint8)
        if self._is_shared(address):
            self._write_back(address, nbytes, reader)
        return self.ddr(address, nbytes)

    def dma_write(self, address: int, data: np.ndarray, writer: str) -> None:
        """Write bytes to DDR's copy for a DMA; outside our pages they are lost here, and a warning is given."""
        self._check_owner(address, len(data), f"{writer} writes")
        if self._contains(address, len(data)):
            self.ddr(address, len(data))[:] = data
            if self._is_shared(address):
                self._arrived.append((address, len(data)))
                if self.mastered:
                    self.settle()

    def _is_shared(self, address: int) -> bool:
        return bool(self._shared[(address - self.base) // PAGE])

    def _write_back(self, address: int, nbytes: int, reader: str) -> None:
        self.settle()
        forgotten = not np.array_equal(self.cpu(address, nbytes), self.ddr(address, nbytes))
        if forgotten and not self.mastered and not self._told:
            self._told = True
            warn(
                f"{reader} reads {nbytes} bytes at {address:#010x} that were not flushed. It works because the buffer "
                "is not cached; one made with cacheable=True would send its old content. Call buffer.flush() before"
            )
        self.flush(address, nbytes)

    def _contains(self, address: int, nbytes: int) -> bool:
        return self.base <= address and address + nbytes <= self.base + self.size

    def _check_owner(self, address: int, nbytes: int, who: str) -> None:
        if self.buffer_of(address, nbytes) is None:
            warn(
                f"{who} {nbytes} bytes at {address:#010x}, which are not inside one buffer of pynq.allocate(); on a "
                "board that memory belongs to Linux. Pass an allocated buffer that was not freed, or a slice of one: a "
                "copy or the result of arithmetic (buffer.copy(), buffer * 2) is an ordinary array with a wrong "
                "physical address"
            )


def _merged(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring holes (address, size), in order of address, made one."""
    merged: list[tuple[int, int]] = []
    for address, size in holes:
        if merged and sum(merged[-1]) == address:
            merged[-1] = (merged[-1][0], merged[-1][1] + size)
        else:
            merged.append((address, size))
    return merged
