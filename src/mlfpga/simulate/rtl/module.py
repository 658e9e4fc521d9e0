"""A plain SystemVerilog module as a core: one block of a design, simulated without an IP around it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import Clock, IpCore, Pin, Reset, StreamPort
from mlfpga.simulate.rtl.sources import Sources

_ROLES = {"s_": "slave", "m_": "master"}


def module(
    top: str,
    files: Sequence[Path],
    streams: Mapping[str, int],
    parameters: Mapping[str, int | str] | None = None,
    data: Sequence[Path] = (),
    last: Sequence[str] = (),
) -> IpCore:
    """The core of a module whose ports follow the house's names.

    top         the module; it has `clk`, `rst_n` (active low), and for each stream NAME the ports NAME_tdata,
                NAME_tvalid and NAME_tready
    files       its SystemVerilog and that of the modules it uses
    streams     name -> bits of TDATA; a name that begins with s_ takes words, one with m_ gives them
    parameters  values that replace the module's defaults; a text becomes a string parameter (a file's name)
    data        what its $readmemh reads, found by its file's name
    last        names of the streams that have NAME_tlast as well

    Raises RtlError for a stream of another name or without bits, and for a file that is not there.
    """
    missing = [path for path in (*files, *data) if not Path(path).is_file()]
    if missing:
        raise RtlError(f"{top} needs {missing[0]}, which is not there")
    ports = {name: _stream(name, bits, name in last) for name, bits in streams.items()}
    pins = {pin.name: pin for port in ports.values() for pin in port.pins.values()}
    clock, reset = Pin("clk", "in", 1), Pin("rst_n", "in", 1)
    return IpCore(
        folder=Path(),
        vlnv=f"mlfpga:module:{top}:1.0",
        name=top,
        top=top,
        streams=ports,
        registers={},
        clocks={"clk": Clock(clock, "rst_n", tuple(ports))},
        resets={"rst_n": Reset(reset, 0)},
        interrupts=(),
        handshakes={},
        memories={},
        pins={"clk": clock, "rst_n": reset, **pins},
        parameters={name: f'"{v}"' if isinstance(v, str) else int(v) for name, v in (parameters or {}).items()},
        sources=Sources(Path(), tuple(map(Path, files)), (), tuple(map(Path, data)), ()),
        revision=0,
    )


def _stream(name: str, bits: int, last: bool) -> StreamPort:
    role = _ROLES.get(name[:2])
    if role is None or bits < 1:
        raise RtlError(f"stream {name} of {bits} bits: choose a name that begins with s_ or m_, and at least 1 bit")
    taken, given = ("in", "out") if role == "slave" else ("out", "in")
    pins = {"TDATA": Pin(f"{name}_tdata", taken, bits), "TVALID": Pin(f"{name}_tvalid", taken, 1)}
    pins |= {"TREADY": Pin(f"{name}_tready", given, 1)}
    if last:
        pins["TLAST"] = Pin(f"{name}_tlast", taken, 1)
    return StreamPort(name, role, bits, last, pins)
