"""The virtual AUP-ZU3 as pynq sees it: a `pynq.Device` like the one for the board it runs on.

Everything above it is pynq as installed: Overlay, allocate, MMIO, Clocks and the drivers are not patched.
"""

import atexit
import weakref
from pathlib import Path

import numpy as np
import pynq
import pynq.buffer
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from mlfpga.board.accelerator import Accelerator, Model
from mlfpga.board.axi_dma import ReceiveChannel
from mlfpga.board.errors import BoardError, HandoffError, warn
from mlfpga.board.handoff import find_handoff
from mlfpga.board.interrupts import replace_uio
from mlfpga.board.library import IpLibrary
from mlfpga.board.machine import Machine
from mlfpga.board.performance import Performance, measure
from mlfpga.board.window import RegisterWindow
from mlfpga.board.wiring import read_design

# On a board pynq adds the processing system's memory to every overlay's memories, under the name PSDDR.
_PS_MEMORY = {"base_address": 0, "size": 2 << 30, "type": "DDR4", "used": 1, "streaming": False, "idx": 0}


class PynqBuffer(pynq.buffer.PynqBuffer):
    """pynq's buffer, which also looks whether its elements lie side by side: a DMA knows no strides."""

    def flush(self) -> None:
        self._check_contiguous()
        super().flush()

    def invalidate(self) -> None:
        self._check_contiguous()
        super().invalidate()

    def _check_contiguous(self) -> None:
        if not self.flags.c_contiguous:
            warn(
                f"this view of shape {self.shape} takes its elements from apart (strides {self.strides} bytes), but a "
                f"DMA moves the {self.nbytes:,} bytes that lie side by side from its first element on. Copy the "
                "elements into a buffer of their own: buffer[:] = view"
            )


class VirtualBoard(pynq.Device):
    """One virtual AUP-ZU3.

    machine  what the registers and the memory do
    models   simulation models by name of the IP, used before all others
    library  IP archives to simulate RTL from; None: those that MLFPGA_IP in the environment names
    virtual  True: what is measured here is the simulation's time, not the board's
    """

    # The lowest number wins; a board's own device has 50. Nothing imports this module on a board.
    _probe_priority_ = 40

    @classmethod
    def _probe_(cls) -> list["VirtualBoard"]:
        return [cls()]

    def __init__(self, tag: str = "virtual_aup_zu3"):
        super().__init__(tag)
        self.name = "AUP-ZU3 (virtual)"
        self.arch = "aarch64"  # pynq.Clocks chooses the clock registers by it
        self.capabilities = {"MEMORY_MAPPED": True}
        self.virtual = True
        self.machine = Machine()
        atexit.register(self.machine.close)
        self.models: dict[str, Model] = {}
        self.library: IpLibrary | None = None

    def busy_cycles(self) -> int | None:
        """Cycles of the PL clock in which a DMA transfer was under way; None if parts of the design have no clock."""
        activity = self.machine.activity
        return activity.busy if activity.timed else None

    def performance(
        self, accelerator: str | None = None, words_in: int | None = None, words_out: int | None = None
    ) -> Performance:
        """Latency, initiation interval and utilisation of an accelerator since the overlay was loaded.

        accelerator          its name in the design; may be left out if there is one
        words_in, words_out  stream words of a sample; without them a sample ends with TLAST

        A C simulation has no clock: where one is part of the design, all but the number of its samples is unknown.

        Raises BoardError if there is no such accelerator, or nothing to measure yet.
        """
        whole = {a.name: a for a in self.machine.accelerators if isinstance(a, Accelerator)}
        streaming = {a.name: a for a in self.machine.logic.clocked if a.sources and a.sinks}
        known = [*streaming, *whole]
        if accelerator is None and len(known) == 1:
            accelerator = known[0]
        if accelerator not in known:
            asked = f"{accelerator} is no accelerator between streams" if accelerator else "say which accelerator"
            raise BoardError(f"{asked}; choose from {', '.join(known) or 'none: load an overlay first'}")
        activity = self.machine.activity
        if accelerator in whole:
            return Performance(accelerator, activity.mhz, whole[accelerator].samples)
        chosen = streaming[accelerator]
        taken, given = (activity.beats(next(iter(streams.values())).name) for streams in (chosen.sources, chosen.sinks))
        made = measure(accelerator, activity, taken, given, words_in, words_out)
        return made if activity.timed else Performance(accelerator, activity.mhz, made.samples)

    def timeline(self, first: int | None = None, last: int | None = None):
        """A picture (matplotlib Figure) of register writes, transfers and stream words; see `timeline.draw`."""
        from mlfpga.board.timeline import draw

        machine = self.machine
        if not machine.activity.timed:
            raise BoardError(
                "cycles are unknown: no accelerator of this design runs as RTL, or one runs as a C simulation, which "
                "has no clock; give the IP archives (--ip, or MLFPGA_IP in the environment)"
            )
        under_way = [channel.under_way for dma in machine.dmas for channel in dma.channels if channel.under_way]
        readers = {
            channel.stream.name: f"{dma.name}.S_AXIS_S2MM"
            for dma in machine.dmas
            for channel in dma.channels
            if isinstance(channel, ReceiveChannel)
        }
        readers |= {s.name: f"{a.name}.{port}" for a in machine.logic.clocked for port, s in a.sources.items()}
        return draw(machine.activity, first, last, under_way, readers)

    def peripheral(self, name: str):
        """The model of a simple IP of the overlay, e.g. to set what comes to the pins of an AXI GPIO.

        Raises BoardError if there is none of that name.
        """
        known = self.machine.logic.peripherals
        if name not in known:
            raise BoardError(
                f"{name} is no GPIO, timer or block memory of this overlay; choose from {', '.join(known)}"
            )
        return known[name]

    def mmap(self, base_addr: int, length: int) -> RegisterWindow:
        """The registers from a physical address, as an array."""
        return RegisterWindow(self.machine, base_addr, length >> 2)

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> RuntimeMetadataParser:
        """What pynq knows about an overlay, read from the .hwh beside the bitstream or inside the .xsa."""
        handoff = find_handoff(Path(bitfile_name))
        read_design(handoff).clock  # noqa: B018 - says what is wrong with the file before pynq trips over it
        try:
            parser = RuntimeMetadataParser(Metadata(input=handoff))
        except Exception as error:
            raise HandoffError(f"pynq cannot read {handoff}: {type(error).__name__}: {error}") from error
        parser.mem_dict["PSDDR"] = dict(_PS_MEMORY)
        return parser

    def download(self, bitstream, parser=None) -> None:
        """Load an overlay: the programmable logic becomes what the .hwh describes."""
        path = Path(bitstream.bitfile_name)
        library = self.library or IpLibrary.from_environment()
        self.machine.configure(read_design(find_handoff(path)), self.models, path.parent, library)
        replace_uio(self.machine)
        self.post_download(bitstream, parser, self.name)

    def gen_cache(self, bitstream, parser=None) -> None:
        """pynq keeps the metadata of the loaded bitstream between processes; a virtual board ends with its process."""

    def shutdown(self) -> None:
        """Nothing runs in the logic that would have to be quiet before it is replaced."""

    def allocate(self, shape, dtype, cacheable: bool | None = None, **_) -> PynqBuffer:
        """A buffer in contiguous memory.

        cacheable  False: the CPU works on DDR's copy itself. True: on its own copy. None: as on a board, where pynq's
                   buffers are not cached unless they are asked to be, but a program that does not wait for its DMA
                   shows (see `Memory`)
        """
        dtype = np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        memory = self.machine.memory
        address = memory.allocate(nbytes)
        if cacheable is None:
            memory.share(address)
        uncached = cacheable is not None and not cacheable
        data = (memory.ddr if uncached else memory.cpu)(address, nbytes)
        buffer = PynqBuffer(
            shape, dtype, buffer=data, device=self, device_address=address, bo=address, coherent=uncached
        )
        buffer.memory = memory
        buffer.pointer = _Allocation(buffer, address)
        buffer.return_to = self
        return buffer

    def get_memory(self, description: dict) -> "MemoryBank":
        """What `overlay.PSDDR` is, and `allocate(..., target=overlay.PSDDR)` allocates from; block memories too."""
        if "base_address" in description:
            return MemoryBank(self, description["base_address"], description["size"])
        return MemoryBank(self, description["phys_addr"], description["addr_range"])

    def return_pointer(self, allocation: "_Allocation") -> None:
        """Called by PynqBuffer.freebuffer()."""
        allocation.mark_freed()
        self.machine.memory.free(allocation.address)

    def flush(self, bo: int, offset: int, vaddr: int, nbytes: int) -> None:
        if self._is_buffer(bo + offset, nbytes, vaddr, "flush"):
            self.machine.memory.flush(bo + offset, nbytes)

    def invalidate(self, bo: int, offset: int, vaddr: int, nbytes: int) -> None:
        self.machine.look()
        if self._is_buffer(bo + offset, nbytes, vaddr, "invalidate"):
            self.machine.memory.invalidate(bo + offset, nbytes)

    def _is_buffer(self, address: int, nbytes: int, vaddr: int, what: str) -> bool:
        if self.machine.memory.is_cpu_view(address, nbytes, vaddr):
            return True
        warn(
            f"{what}: this array is outside contiguous memory, though pynq calls it a PynqBuffer: a copy or the result "
            "of arithmetic (buffer.copy(), buffer * 2) is. Write into an allocated buffer instead: buffer[:] = values"
        )
        return False


class MemoryBank:
    """A memory of the overlay, as pynq shows it: `base_address`, `size` in bytes, and ways to it: allocate, MMIO."""

    def __init__(self, device: VirtualBoard, base_address: int, size: int):
        self.base_address = base_address
        self.size = size
        self.allocate = device.allocate
        self.mmio = pynq.MMIO(base_address, size, device=device)
        self.read, self.write = self.mmio.read, self.mmio.write


class _Allocation:
    """Stands for a buffer's memory. Tells the buffer when it is freed, so that it is freed once."""

    def __init__(self, buffer: PynqBuffer, address: int):
        self.address = address
        self._buffer = weakref.ref(buffer)

    def mark_freed(self) -> None:
        buffer = self._buffer()
        if buffer is not None:
            buffer.freed = True
