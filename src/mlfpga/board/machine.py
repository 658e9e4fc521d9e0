"""The machine behind the registers: processing system, memory, and whatever the overlay put into the logic."""

import time
from collections.abc import Mapping
from pathlib import Path

from mlfpga.board.accelerator import Accelerator, MissingModel, Model
from mlfpga.board.axi_dma import AxiDma, DmaSettings
from mlfpga.board.bus import Bus
from mlfpga.board.errors import BoardError, StalledError, warn
from mlfpga.board.memory import Memory
from mlfpga.board.ps import attach_ps
from mlfpga.board.stream import Stream
from mlfpga.board.wiring import Design, Link, Module
from mlfpga.simulate import SimulationError, load


class Machine:
    """Registers on a bus. Everything that can move, moves when a register is written; reading moves nothing.

    So a program that reads a status register again and again, and writes nothing, waits for ever: after `patience_s`
    seconds of that, `read` raises StalledError and says what stands still.
    """

    patience_s = 0.5
    _POLLS = 1000
    _SLOWEST_POLL_S = 0.01

    def __init__(self):
        self.bus = Bus()
        self.memory = Memory()
        self.dmas: list[AxiDma] = []
        self.accelerators: list[Accelerator | MissingModel] = []
        self._logic: list[str] = []
        self._polls = 0
        self._polling_since = 0.0
        attach_ps(self.bus)

    def read(self, address: int) -> int:
        """The 32-bit register at a physical address."""
        region = self.bus.region(address)
        offset = address - region.base
        value = region.device.read(offset)
        if region.name in self._logic and region.device.is_waiting(offset):
            self._count_poll()
        return value

    def write(self, address: int, value: int) -> None:
        self._polls = 0
        self.bus.write(address, value)
        self._settle()

    def configure(self, design: Design, models: Mapping[str, Model], folder: Path) -> None:
        """Fill the programmable logic with `design`, as loading a bitstream does.

        models  simulation models by name of the IP, looked at first
        folder  of the bitstream; its `sim/<IP>/` or `sim/` is looked at next
        """
        for name in self._logic:
            self.bus.detach(name)
        links = design.links()
        streams = {link: Stream(".".join(link.source), _width(design, link)) for link in links}
        self.dmas = [self._dma(m, streams) for m in design.modules if m.ip == "axi_dma"]
        self.accelerators = []
        for module in _stream_processors(design, links):
            self.accelerators.append(_accelerator(module, models, folder, streams))
        self._attach(design)

    def explain(self) -> list[str]:
        """What each part of the programmable logic is doing, one sentence each."""
        return [line for device in (*self.dmas, *self.accelerators) for line in device.conditions()]

    def _dma(self, module: Module, streams: Mapping[Link, Stream]) -> AxiDma:
        if module.number("c_include_sg", 0):
            raise BoardError(
                f"{module.name} has the scatter-gather engine; the virtual board knows AXI DMA in direct register mode "
                "only. Set c_include_sg to 0 in the block design"
            )
        to_pl = next((s for link, s in streams.items() if link.source == (module.name, "M_AXIS_MM2S")), None)
        from_pl = next((s for link, s in streams.items() if link.sink == (module.name, "S_AXIS_S2MM")), None)
        return AxiDma(module.name, _dma_settings(module), self.memory, to_pl, from_pl)

    def _attach(self, design: Design) -> None:
        devices = {device.name: device for device in (*self.dmas, *self.accelerators)}
        self._logic = []
        for module, entry in design.registers():
            device = devices.get(module.name) or MissingModel(
                module.name, module.vlnv, "the virtual board models AXI DMA and accelerators between its streams"
            )
            self.bus.attach(module.name, entry.first, entry.size, device)
            self._logic.append(module.name)

    def _settle(self) -> None:
        movers = (*self.dmas, *self.accelerators)
        while any([device.advance() for device in movers]):
            pass

    def _count_poll(self) -> None:
        now = time.monotonic()
        if self._polls == 0:
            self._polling_since = now
        self._polls += 1
        waited = now - self._polling_since
        if self._polls >= self._POLLS and self.patience_s <= waited < self._polls * self._SLOWEST_POLL_S:
            self._polls = 0
            raise StalledError(
                "this wait would never end, because nothing on the board can move any more:\n"
                + "\n".join(f"  - {line}" for line in self.explain())
            )


def _dma_settings(module: Module) -> DmaSettings:
    def ranges(master: str) -> tuple[tuple[int, int], ...]:
        return tuple((r.first, r.last) for r in module.ranges if r.memory and r.master == master)

    return DmaSettings(
        length_bits=module.number("c_sg_length_width", 14),
        address_bits=module.number("c_addr_width", 32),
        read_bytes=module.number("c_m_axi_mm2s_data_width", 32) // 8,
        write_bytes=module.number("c_m_axi_s2mm_data_width", 32) // 8,
        realign_read=bool(module.number("c_include_mm2s_dre", 0)),
        realign_write=bool(module.number("c_include_s2mm_dre", 0)),
        read_ranges=ranges("M_AXI_MM2S"),
        write_ranges=ranges("M_AXI_S2MM"),
    )


def _width(design: Design, link: Link) -> int:
    """Bits of a stream: what the DMA at either end says."""
    modules = {module.name: module for module in design.modules}
    widths = {
        f"{end[0]}.{end[1]}": modules[end[0]].number(parameter, 32)
        for end, parameter in (
            (link.source, "c_m_axis_mm2s_tdata_width"),
            (link.sink, "c_s_axis_s2mm_tdata_width"),
        )
        if modules[end[0]].ip == "axi_dma"
    }
    if len(set(widths.values())) > 1:
        raise BoardError(
            "the two ends of a stream differ in width: "
            + ", ".join(f"{name} {bits} bits" for name, bits in widths.items())
        )
    return next(iter(widths.values()), 32)


def _stream_processors(design: Design, links: list[Link]) -> list[Module]:
    """IPs other than the DMA with a stream in and a stream out."""
    sources, sinks = {link.source[0] for link in links}, {link.sink[0] for link in links}
    return [m for m in design.modules if m.ip != "axi_dma" and m.name in sources and m.name in sinks]


def _accelerator(
    module: Module, models: Mapping[str, Model], folder: Path, streams: Mapping[Link, Stream]
) -> Accelerator | MissingModel:
    model = models.get(module.name)
    if model is None:
        try:
            model = _simulation(module, folder / "sim")
        except SimulationError as error:
            missing = MissingModel(module.name, module.vlnv, str(error))
            warn(missing.message)
            return missing
    source = next(s for link, s in streams.items() if link.sink[0] == module.name)
    sink = next(s for link, s in streams.items() if link.source[0] == module.name)
    has_control = any(i.kind == "aximm" and i.role == "SLAVE" for i in module.interfaces)
    return Accelerator(module.name, model, source, sink, running=not has_control)


def _simulation(module: Module, sim: Path) -> Model:
    own = sim / module.name
    folder = own if (own / "simulation.json").exists() else sim
    if not (folder / "simulation.json").exists():
        raise SimulationError(f"put its simulation into {sim} (a bundle brings it along; a bare overlay does not)")
    model = load(folder)
    if model.top != module.ip:
        raise SimulationError(f"{folder} simulates {model.top}, not {module.ip}; make the bundle of this overlay again")
    return model
