"""The machine behind the registers: processing system, memory, and whatever the overlay put into the logic.

Everything without a clock of its own (DMA, C simulations) moves as far as it can when a register is written. RTL moves
while its clock runs, and the clock runs when a program looks at what the logic did:

* a DMA status register is read during a transfer: until the transfer ends, at most `slice_cycles` for one read;
* a register of RTL is read again and again: as long as a read from Python takes on a board, then longer and longer;
* another status register is read again and again, though no transfer is under way;
* a buffer is invalidated, or an interrupt is waited for;
* RTL is written to during a transfer;
* a register of RTL is read while the RTL reads and writes memory by itself;
* a timer is read.

Every read of a register in the logic takes time on a board: the program then sees what DMAs brought into its buffers
until then (`Memory.settle`).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from mlfpga.board.accelerator import Accelerator, MissingModel, Model
from mlfpga.board.activity import Activity
from mlfpga.board.assembly import Logic, assemble
from mlfpga.board.axi_dma import AxiDma
from mlfpga.board.axi_intc import AxiIntc
from mlfpga.board.bus import Bus, Region
from mlfpga.board.errors import BoardError, StalledError
from mlfpga.board.library import IpLibrary
from mlfpga.board.memory import Memory
from mlfpga.board.patience import Polling
from mlfpga.board.peripherals import AxiTimer
from mlfpga.board.ps import attach_ps, pl_clock_mhz
from mlfpga.board.rtl import RtlAccelerator, RtlPort
from mlfpga.board.wiring import Design

PATIENCE_VARIABLE = "MLFPGA_PATIENCE_CYCLES"
ACCESS_CYCLES = 1000
"""What a register access from Python takes on a board: about 10 µs at 100 MHz."""


class Machine:
    """Registers on a bus.

    A program that reads status registers again and again while nothing moves waits for ever: after `patience_s` seconds
    of that (more, if others may still act: see patience.py), and `patience_cycles` cycles of the RTL, `read` raises
    StalledError and says what stands still.

    writes  register writes so far
    """

    patience_s = 0.5
    slice_cycles = 20_000
    chain_cycles = 64
    _MANY_READS = 50
    _POLLED_REGISTERS = 4  # more than that, and a program reads data

    def __init__(self):
        self.bus = Bus()
        self.memory = Memory()
        self.patience_cycles = _patience()
        self.logic = Logic(Activity(), [], [], [], [])
        self.writes = 0
        self._names: set[str] = set()
        self._clocked: list[RtlAccelerator] = []
        self._step = self.slice_cycles
        self._idle_cycles = 0
        self._still = False
        self._polled_cycles = 0
        self._waiting_reads = 0
        self._seen: dict[int, int] = {}
        self._polling = Polling()
        attach_ps(self.bus)

    @property
    def activity(self) -> Activity:
        return self.logic.activity

    @property
    def dmas(self) -> list[AxiDma]:
        return self.logic.dmas

    @property
    def accelerators(self) -> list[Accelerator | RtlAccelerator | MissingModel]:
        return self.logic.accelerators

    @property
    def interrupts(self) -> list[AxiIntc]:
        return self.logic.interrupts

    def read(self, address: int) -> int:
        """The 32-bit register at a physical address."""
        region = self.bus.region(address)
        if region.name not in self._names:
            return region.device.read(address - region.base)
        offset = address - region.base
        writes = self.writes
        if isinstance(region.device, AxiTimer):
            self._pass_time(ACCESS_CYCLES)
        elif self._clocked:
            self._look(region, offset)
        value = region.device.read(offset)
        self.memory.settle()
        if self._seen.get(address, value) != value:
            self._polling.restart()
            self._polled_cycles = self._waiting_reads = 0
        self._seen[address] = value
        if region.device.is_waiting(offset) and len(self._seen) <= self._POLLED_REGISTERS:
            self._count_poll(writes)
        return value

    def write(self, address: int, value: int) -> None:
        region = self.bus.region(address)
        if _is_rtl(region) and self._transferring():
            self._run(ACCESS_CYCLES, lambda: not self._transferring())
        self._polling.restart()
        self._idle_cycles = self._polled_cycles = self._waiting_reads = 0
        self._seen.clear()
        self.writes += 1
        self.bus.write(address, value)
        self._settle()

    def look(self) -> None:
        """The program looks at memory: whatever is under way goes on."""
        if self._clocked and self._transferring():
            self._run(self.slice_cycles, lambda: not self._transferring())

    def wait(self, done: Callable[[], bool]) -> bool:
        """Let the clock run for a while or until `done`; whether anything may still come."""
        self._run(self.slice_cycles, done)
        counting = any(timer.running for timer in self.logic.timers)
        if counting and not done():
            self._pass_time(self.slice_cycles)
        return done() or counting or bool(self._clocked) and self._idle_cycles < self.patience_cycles

    def configure(
        self, design: Design, models: Mapping[str, Model], folder: Path, library: IpLibrary | None = None
    ) -> None:
        """Fill the programmable logic with `design`, as loading a bitstream does.

        models   simulation models of whole samples by name of the IP, looked at first
        folder   of the bitstream; its `sim/<IP>/` or `sim/` is looked at last
        library  IP archives to simulate RTL from
        """
        # A kernel's own threads are there by now, though not yet when the board was made: they end no wait.
        self._polling = Polling()
        self.close()  # before the next ones open waveforms of the same names
        mhz = pl_clock_mhz(self.bus, design.clock)
        logic = assemble(design, models, library or IpLibrary(), folder, self.memory, mhz)
        for name in self._names:
            self.bus.detach(name)
        self.logic = logic
        self._clocked = logic.clocked
        # Accelerators that feed each other run in turns, so that neither gets far ahead.
        self._step = self.chain_cycles if logic.chained else self.slice_cycles
        self._names = {name for name, _, _ in logic.ports}
        for name, entry, device in logic.ports:
            self.bus.attach(name, entry.first, entry.size, device)

    def close(self) -> None:
        """End the simulations of RTL and finish their waveforms."""
        for accelerator in self._clocked:
            accelerator.close()
        self._clocked = []

    def explain(self) -> list[str]:
        """What each part of the programmable logic is doing, one sentence each."""
        return [line for device in (*self.dmas, *self.logic.blocks, *self.accelerators) for line in device.conditions()]

    def stalled(self) -> StalledError:
        """The error that says what stands still."""
        waited = f" (no word moved in {self._idle_cycles:,} cycles; {PATIENCE_VARIABLE} sets how many are too many)"
        waited = waited if self._clocked and not self._still else ""
        return StalledError(
            f"this wait would never end, because nothing on the board can move any more{waited}:\n"
            + "\n".join(f"  - {line}" for line in self.explain())
        )

    def _look(self, region: Region, offset: int) -> None:
        """Before a register of the logic is read: let the clock run if the program waits for something."""
        if not _is_rtl(region):
            polled = self._waiting_reads >= self._MANY_READS
            if region.device.is_waiting(offset) and (polled or self._transferring()):
                self._run(self.slice_cycles, lambda: not region.device.is_waiting(offset))
        elif region.base + offset in self._seen and len(self._seen) <= self._POLLED_REGISTERS:
            cycles = min(max(ACCESS_CYCLES, self._polled_cycles // 4), self.slice_cycles)
            self._polled_cycles += cycles
            self._run(cycles)
            for accelerator in self._clocked:
                accelerator.spend()
        elif self._mastering():
            self._run(ACCESS_CYCLES, lambda: not self._mastering())

    def _pass_time(self, cycles: int) -> None:
        """The virtual clock goes on, as it does while the program accesses a timer or waits for one."""
        end = self.activity.cycles + cycles
        if self._transferring():
            self._run(cycles, lambda: not self._transferring())
        self.activity.reach(end)

    def _transferring(self) -> bool:
        return any(channel.busy for dma in self.dmas for channel in dma.channels) or self._mastering()

    def _mastering(self) -> bool:
        """Whether an accelerator may be reading or writing memory by itself."""
        return any(accelerator.busy for accelerator in self._clocked)

    def _run(self, limit: int, done: Callable[[], bool] = lambda: False) -> None:
        """Let the clock run for about `limit` cycles, until `done`, or until patience ends."""
        spent = 0
        while self._clocked and spent < limit and self._idle_cycles < self.patience_cycles and not done():
            step = min(self._step, limit - spent)
            progress = [accelerator.run(step) for accelerator in self._clocked]
            self._settle()
            if any(one.moved for one in progress):
                self._idle_cycles = 0
            else:
                self._still = all(one.still for one in progress)
                self._idle_cycles = self.patience_cycles if self._still else self._idle_cycles + step
            spent += step

    def _settle(self) -> None:
        movers = (*self.dmas, *self.logic.blocks, *self.accelerators)
        while any([device.advance() for device in movers]):
            pass

    def _count_poll(self, writes: int) -> None:
        """One more read while nothing moved; there had been `writes` when it began."""
        self._waiting_reads += 1
        if self._clocked and self._idle_cycles < self.patience_cycles:
            self._polling.restart()
        elif self._polling.is_in_vain(self.patience_s) and self.writes == writes:
            # Otherwise another thread has acted in the middle of this read, and perhaps ended.
            raise self.stalled()


def _is_rtl(region: Region) -> bool:
    return isinstance(region.device, RtlAccelerator | RtlPort)


def _patience() -> int:
    """Cycles without a word moving after which RTL is taken to stand still."""
    value = os.environ.get(PATIENCE_VARIABLE, "2000000")
    if not value.isdigit() or int(value) == 0:
        raise BoardError(f"{PATIENCE_VARIABLE}={value} is not a number of cycles; 2000000 is the default")
    return int(value)
