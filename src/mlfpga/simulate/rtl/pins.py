"""Write `pins.h`: what the harness must know of one core's ports."""

import re
from collections.abc import Callable

from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import IpCore, MemoryPort, Pin, RegisterInterface, StreamPort

# Members of the harness's struct Bus, in its order.
_BUS = (
    *("AWADDR", "AWVALID", "AWREADY", "WDATA", "WSTRB", "WVALID", "WREADY", "BRESP", "BVALID", "BREADY"),
    *("ARADDR", "ARVALID", "ARREADY", "RDATA", "RRESP", "RVALID", "RREADY"),
)
# Members of the harness's struct MemoryPort, in its order.
_MEMORY = (
    *("ARADDR", "ARLEN", "ARSIZE", "ARBURST", "ARID", "ARVALID", "ARREADY"),
    *("RDATA", "RRESP", "RLAST", "RID", "RVALID", "RREADY"),
    *("AWADDR", "AWLEN", "AWSIZE", "AWBURST", "AWID", "AWVALID", "AWREADY"),
    *("WDATA", "WSTRB", "WVALID", "WREADY", "BRESP", "BID", "BVALID", "BREADY"),
)
# Inputs of a block-level handshake without registers: a block design ties them high, so that the kernel runs for ever.
_TIED = ("AP_START", "AP_CONTINUE", "START", "CONTINUE")


def stream_order(core: IpCore) -> list[str]:
    """The streams by the number that the harness knows them by."""
    return list(core.streams)


def bus_order(core: IpCore) -> list[str]:
    """The register interfaces by the number that the harness knows them by."""
    return list(core.registers)


def memory_order(core: IpCore) -> list[str]:
    """The AXI4 masters by the number that the harness knows them by."""
    return list(core.memories)


def pins_header(core: IpCore, prefix: str, names: dict[str, str], trigger: str | None) -> str:
    """The text of `pins.h` for a model that Verilator wrote with `prefix`.

    `names` are those of `verilated_names`;
    `trigger` names the member that remembers the clock's level before, if skipping the falling edge is safe.
    Raises RtlError if the core has no clock or a port that the harness cannot serve.
    """
    if not core.clocks:
        raise RtlError(f"{core.vlnv} has no clock interface; nothing can be simulated cycle by cycle")

    def pin(found: Pin | None) -> str:
        return f"PIN({names[found.name]}, {found.bits})" if found else "Pin{}"

    lines = [f"RTL_CLOCK({pin(clock.pin)})" for clock in core.clocks.values()]
    lines += [f"RTL_RESET({pin(reset.pin)}, {reset.active})" for reset in core.resets.values()]
    lines += [f"RTL_INTERRUPT({pin(output)})" for output in core.interrupts]
    for pins in core.handshakes.values():
        lines += [f"RTL_TIED({pin(tied)})" for logical, tied in pins.items() if logical in _TIED]
    lines += [_stream(stream, pin) for stream in core.streams.values()]
    lines += [_bus(bus, core, pin) for bus in core.registers.values()]
    lines += [_memory(port, core, pin) for port in core.memories.values()]
    joined = " \\\n    ".join(lines)
    return (
        f'#include "{prefix}.h"\n#include "{prefix}___024root.h"\n#include "{prefix}__Syms.h"\n'
        f"#define RTL_TOP {prefix}\n"
        + (f"#define RTL_TRIGGER {trigger}\n" if trigger else "")
        + f"#define RTL_PINS \\\n    {joined}\n"
    )


def verilated_names(header: str, core: IpCore) -> dict[str, str]:
    """Port -> its name in the C++ header that Verilator wrote.

    Verilator writes two underscores in another way, and puts `__SYM__` before what C++ would misunderstand. Raises
    RtlError if the top module lacks a port that component.xml lists.
    """
    written = {name.removeprefix("__SYM__"): name for name in re.findall(r"VL_(?:IN|OUT|INOUT)\w*\(&(\w+),", header)}
    names = {}
    for port in core.pins:
        found = written.get(port.replace("__", "___05F"))
        if found is None:
            raise RtlError(
                f"{core.vlnv}: component.xml lists port {port}, which module {core.top} lacks; export it again"
            )
        names[port] = found
    return names


def _stream(stream: StreamPort, pin: Callable[[Pin | None], str]) -> str:
    gives = "true" if stream.role == "master" else "false"
    pins = ", ".join(pin(stream.pins.get(name)) for name in ("TDATA", "TKEEP", "TSTRB", "TLAST", "TVALID", "TREADY"))
    return f"RTL_STREAM({gives}, {stream.bits}, {pins})"


def _bus(bus: RegisterInterface, core: IpCore, pin: Callable[[Pin | None], str]) -> str:
    if bus.data_bits not in (32, 64):
        raise RtlError(
            f"{core.vlnv}: register interface {bus.name} is {bus.data_bits} bits wide; choose 32 or 64 (AXI4-Lite)"
        )
    return f"RTL_BUS({', '.join(pin(bus.pins.get(name)) for name in _BUS)})"


def _memory(port: MemoryPort, core: IpCore, pin: Callable[[Pin | None], str]) -> str:
    if port.data_bits % 8 or port.data_bits & (port.data_bits - 1):
        raise RtlError(
            f"{core.vlnv}: AXI4 master {port.name} is {port.data_bits} bits wide; choose 8, 16, 32, … or 1024"
        )
    return f"RTL_MEMORY({', '.join(pin(port.pins.get(name)) for name in _MEMORY)})"
