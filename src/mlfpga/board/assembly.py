"""Make the devices of the programmable logic from a design: DMAs, accelerators, interrupt controllers, streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlfpga.board.accelerator import Accelerator, MissingModel, Model
from mlfpga.board.activity import Activity
from mlfpga.board.axi_dma import AxiDma, DmaSettings
from mlfpga.board.axi_intc import AxiIntc, connect_interrupts
from mlfpga.board.bus import Device
from mlfpga.board.errors import BoardError, warn
from mlfpga.board.library import IpLibrary
from mlfpga.board.memory import Memory
from mlfpga.board.peripherals import PERIPHERALS, AxiTimer, make_peripherals
from mlfpga.board.rtl import RtlAccelerator, RtlPort
from mlfpga.board.stream import Stream
from mlfpga.board.stream_blocks import BLOCKS, StreamBlock, make_block
from mlfpga.board.wiring import WIRES, AddressRange, Design, Link, Module
from mlfpga.simulate import SimulationError, load, read_description

_DMA, _INTERRUPTS = "axi_dma", "axi_intc"
# What surrounds accelerators in every design: it is modelled elsewhere, or it has nothing to compute.
_INFRASTRUCTURE = ("zynq_ultra_ps_e", "smartconnect", "axi_interconnect", "proc_sys_reset")


@dataclass
class Logic:
    """The devices of one design, and (name, address range, device) of all that the processor reaches."""

    activity: Activity
    dmas: list[AxiDma]
    accelerators: list[Accelerator | RtlAccelerator | MissingModel]
    interrupts: list[AxiIntc]
    ports: list[tuple[str, AddressRange, Device]]
    blocks: list[StreamBlock] = field(default_factory=list)
    peripherals: dict[str, Device] = field(default_factory=dict)

    @property
    def clocked(self) -> list[RtlAccelerator]:
        """Those that move only while the clock runs."""
        return [device for device in self.accelerators if isinstance(device, RtlAccelerator)]

    @property
    def timers(self) -> list[AxiTimer]:
        return [device for device in self.peripherals.values() if isinstance(device, AxiTimer)]

    @property
    def chained(self) -> bool:
        """Whether one of those feeds another."""
        fed = {id(stream) for device in self.clocked for stream in device.sinks.values()}
        for _ in self.blocks:
            fed |= {id(sink) for block in self.blocks if id(block.source) in fed for sink in block.sinks}
        return any(id(stream) in fed for device in self.clocked for stream in device.sources.values())


def assemble(
    design: Design, models: Mapping[str, Model], library: IpLibrary, folder: Path, memory: Memory, mhz: float
) -> Logic:
    """Build everything in `design`.

    models   simulation models of whole samples by name of the IP, looked at first
    library  IP archives, looked at next
    folder   of the bitstream; its `sim/<IP>/` or `sim/` is looked at last
    mhz      of the PL clock

    Raises BoardError if the design cannot be built; an accelerator without a model is warned of and does not answer.
    """
    links = design.links()
    missing, whole, cores = [], {}, {}
    for module in _accelerators(design):
        try:
            core = None if module.name in models else _core(module, library, folder)
            if core is not None:
                cores[module.name] = core
            elif _processes_streams(module, links):
                whole[module.name] = models.get(module.name) or _simulation(module, folder / "sim")
        except SimulationError as error:
            missing.append(MissingModel(module.name, module.vlnv, str(error)))
            warn(missing[-1].message)
    for vlnv in library.unused(m.vlnv for m in _accelerators(design)):
        warn(f"the IP archive of {vlnv} fits no IP of this overlay, which holds {_list_of(_accelerators(design))}")
    memory.mastered = any(core.memories for core in cores.values())
    streams = {link: Stream(".".join(link.source), _width(design, link, cores)) for link in links}
    blocks = []
    for module in design.modules:
        try:
            blocks += _blocks(module, streams)
        except BoardError as error:
            missing.append(MissingModel(module.name, module.vlnv, f"{error}; configure it so, or leave it out"))
            warn(missing[-1].message)
    activity = Activity(mhz, timed=bool(cores) and not whole)
    dmas = [_dma(m, streams, memory, activity) for m in design.modules if m.ip == _DMA]
    accelerators = [
        _rtl(m, cores[m.name], library, streams, activity, memory)
        if m.name in cores
        else _whole_samples(m, whole[m.name], streams)
        for m in design.modules
        if m.name in cores or m.name in whole
    ]
    interrupts = [AxiIntc(m.name) for m in design.modules if m.ip == _INTERRUPTS]
    peripherals = make_peripherals(design, lambda: activity.cycles)
    devices = {device.name: device for device in (*dmas, *accelerators, *missing, *interrupts, *peripherals.values())}
    connect_interrupts(design, interrupts, devices)
    ports = [(m.name, entry, _port(m, entry, devices, cores)) for m, entry in design.registers()]
    logic = Logic(activity, dmas, [*accelerators, *missing], interrupts, ports, blocks, peripherals)
    for timer in logic.timers if whole else ():
        warn(f"{timer.name} counts the virtual clock, which a C simulation does not know: what it measures is unknown")
    return logic


def _accelerators(design: Design) -> list[Module]:
    """IPs that compute: they have a stream or a bus, and are none that every design may hold."""
    known = (_DMA, _INTERRUPTS, *_INFRASTRUCTURE, *WIRES, *BLOCKS, *PERIPHERALS)
    return [m for m in design.modules if m.ip not in known and {"axis", "aximm"} & {i.kind for i in m.interfaces}]


def _list_of(modules: list[Module]) -> str:
    return ", ".join(f"{m.name} ({m.vlnv})" for m in modules) or "no accelerator"


def _processes_streams(module: Module, links: list[Link]) -> bool:
    return any(link.source[0] == module.name for link in links) and any(link.sink[0] == module.name for link in links)


def _blocks(module: Module, streams: Mapping[Link, Stream]) -> list[StreamBlock]:
    """The block of a module in the path of streams, if it is one and both of its sides are connected."""
    sources = [stream for link, stream in streams.items() if link.sink[0] == module.name]
    sinks = {link.source[1]: stream for link, stream in streams.items() if link.source[0] == module.name}
    return [make_block(module, sources[0], sinks)] if module.ip in BLOCKS and sources and sinks else []


def _core(module: Module, library: IpLibrary, folder: Path) -> Any | None:
    """The RTL of an IP: from an archive, or from the bundle's `sim/<IP>/` or `sim/`."""
    core = library.find(module.vlnv, module.revision)
    if core is not None:
        return core
    for place in (folder / "sim" / module.name, folder / "sim"):
        if (place / "simulation.json").exists():
            description = read_description(place)
            return library.open(place / description.get("ip", "ip")) if description.get("kind") == "rtl" else None
    return None


def _simulation(module: Module, sim: Path) -> Model:
    own = sim / module.name
    folder = own if (own / "simulation.json").exists() else sim
    if not (folder / "simulation.json").exists():
        raise SimulationError(
            "give its IP archive (--ip, or MLFPGA_IP in the environment), or put its simulation into "
            f"{sim} (a bundle brings it along; a bare overlay does not)"
        )
    model = load(folder)
    if model.top != module.ip:
        raise SimulationError(f"{folder} simulates {model.top}, not {module.ip}; make the bundle of this overlay again")
    return model


def _port(module: Module, entry: AddressRange, devices: Mapping[str, Device], cores: Mapping[str, Any]) -> Device:
    """What answers in one of a module's address ranges."""
    device = devices.get(module.name)
    if device is None:
        return MissingModel(
            module.name,
            module.vlnv,
            f"the virtual board models accelerators, axi_dma, axi_intc, {', '.join(PERIPHERALS)}; give the IP's own "
            "archive (--ip, or MLFPGA_IP in the environment)",
        )
    interfaces = cores[module.name].registers if module.name in cores else {}
    return RtlPort(device, entry.slave) if len(interfaces) > 1 and entry.slave in interfaces else device


def _dma(module: Module, streams: Mapping[Link, Stream], memory: Memory, activity: Activity) -> AxiDma:
    if module.number("c_include_sg", 0):
        raise BoardError(
            f"{module.name} has the scatter-gather engine; the virtual board knows AXI DMA in direct register mode "
            "only. Set c_include_sg to 0 in the block design"
        )
    to_pl = next((s for link, s in streams.items() if link.source == (module.name, "M_AXIS_MM2S")), None)
    from_pl = next((s for link, s in streams.items() if link.sink == (module.name, "S_AXIS_S2MM")), None)
    return AxiDma(module.name, _dma_settings(module), memory, to_pl, from_pl, activity)


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


def _width(design: Design, link: Link, cores: Mapping[str, Any]) -> int:
    """Bits of a stream: what the DMA, the RTL or the converter at either end says. Raises BoardError if they differ.

    Where none of those is, what the handoff says of the interfaces.
    """
    modules = {module.name: module for module in design.modules}
    widths, spare = {}, {}
    for (name, port), parameter, side in (
        (link.source, "c_m_axis_mm2s_tdata_width", "m"),
        (link.sink, "c_s_axis_s2mm_tdata_width", "s"),
    ):
        if modules[name].ip == _DMA:
            widths[f"{name}.{port}"] = modules[name].number(parameter, 32)
        elif name in cores and port in cores[name].streams:
            widths[f"{name}.{port}"] = cores[name].streams[port].bits
        else:
            nbytes = next((i.data_bytes for i in modules[name].interfaces if i.name == port), 0)
            nbytes = nbytes or modules[name].number(f"{side}_tdata_num_bytes", 0)
            (widths if modules[name].ip in BLOCKS and nbytes else spare)[f"{name}.{port}"] = 8 * nbytes
    if len(set(widths.values())) > 1:
        raise BoardError(
            "the two ends of a stream differ in width: "
            + ", ".join(f"{name} {bits} bits" for name, bits in widths.items())
            + "; give the IP archive that the design was built with"
        )
    return next((bits for bits in (*widths.values(), *spare.values()) if bits), 32)


def _whole_samples(module: Module, model: Model, streams: Mapping[Link, Stream]) -> Accelerator:
    source = next(s for link, s in streams.items() if link.sink[0] == module.name)
    sink = next(s for link, s in streams.items() if link.source[0] == module.name)
    has_control = any(i.kind == "aximm" and i.role == "SLAVE" for i in module.interfaces)
    return Accelerator(module.name, model, source, sink, running=not has_control)


def _rtl(
    module: Module, core: Any, library: IpLibrary, streams: Mapping[Link, Stream], activity: Activity, memory: Memory
) -> RtlAccelerator:
    sources = {link.sink[1]: s for link, s in streams.items() if link.sink[0] == module.name}
    sinks = {link.source[1]: s for link, s in streams.items() if link.source[0] == module.name}
    for port in (*sources, *sinks):
        if port not in core.streams:
            raise BoardError(
                f"{module.name} has the stream {port} in the design, but the IP archive of {core.vlnv} has "
                f"{', '.join(core.streams) or 'none'}; give the archive that the design was built with"
            )
    simulation = library.simulate(core, module.name, memory, mhz=activity.mhz)
    spans = {name: 1 << interface.address_bits for name, interface in core.registers.items()}
    return RtlAccelerator(
        module.name, simulation, sources, sinks, activity, _start_register(core), spans, core.memories, memory
    )


def _start_register(core: Any) -> tuple[str, int] | None:
    """(interface, offset) of the register that starts the accelerator: CTRL, with AP_START, as Vitis HLS names them."""
    for interface in core.registers.values():
        for register in interface.registers:
            if register.name == "CTRL" or any(field.name == "AP_START" for field in register.fields):
                return interface.name, register.offset
    return None
