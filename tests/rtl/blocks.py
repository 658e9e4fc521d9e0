"""Blocks of an accelerator on a bench: many parameterisations of one block in one Verilator build.

Every case is an instance with a stream s_CASE in and m_CASE out. The bench itself watches the rules of a stream (data
stay while they wait, TVALID does not fall) and stops the simulation if one is
broken. A word at the stream s_reset holds all instances in reset for one cycle for each 1 in it.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from mlfpga.simulate.rtl import RtlSimulation
from mlfpga.simulate.rtl.ipxact import IpCore
from mlfpga.simulate.rtl.module import module

RTL = Path(__file__).parents[2] / "rtl"

_INSTANCE = """
    {top} #({parameters}) dut_{name} (
        .clk, .rst_n(alive),
        // Without tvalid the data mean nothing, so they are wrong then.
        .s_axis_tdata(s_{name}_tdata ^ {{{width}{{~s_{name}_tvalid}}}}), .s_axis_tvalid(s_{name}_tvalid),
        .s_axis_tready(s_{name}_tready),
        .m_axis_tdata(m_{name}_tdata), .m_axis_tvalid(m_{name}_tvalid), .m_axis_tready(m_{name}_tready)
    );
`ifdef VERILATOR  // a netlist has nobody to stop
    logic [{out}-1:0] data_{name};
    logic waits_{name};
    always_ff @(posedge clk) begin
        data_{name} <= m_{name}_tdata;
        waits_{name} <= m_{name}_tvalid & ~m_{name}_tready & alive;
        if (alive & waits_{name} & (~m_{name}_tvalid | m_{name}_tdata != data_{name})) $stop;
    end
`endif
"""

_BENCH = """module bench (
    input logic clk, input logic rst_n,
    input logic [31:0] s_reset_tdata, input logic s_reset_tvalid, output logic s_reset_tready{ports}
);
    logic [31:0] resets;
    wire alive = rst_n & ~resets[0];
    assign s_reset_tready = resets == 0;
    always_ff @(posedge clk) resets <= ~rst_n ? 0 : s_reset_tready & s_reset_tvalid ? s_reset_tdata : resets >> 1;
{instances}endmodule
"""


@dataclass(frozen=True)
class Case:
    """One instance: the module, its parameters, and the bits of a word at its streams s_axis and m_axis."""

    top: str
    parameters: Mapping[str, int | str]
    in_bits: int
    out_bits: int


@dataclass(frozen=True)
class Run:
    """What a case gave: the words, and the cycles at which it took and gave each word."""

    words: np.ndarray
    taken: np.ndarray = field(repr=False)
    given: np.ndarray = field(repr=False)


def pack(elements: np.ndarray, bits: int) -> np.ndarray:
    """Integers (n, elements), the first in the lowest bits -> (n,) words of a stream, or (n, k) of uint64."""
    elements = np.asarray(elements, dtype=np.int64)
    rows, count = elements.shape
    flags = (elements[:, :, None] >> np.arange(bits)) & 1
    total = count * bits
    size = next((size for size in (8, 16, 32, 64) if total <= size), -(-total // 64) * 64)
    padded = np.zeros((rows, size), dtype=np.uint8)
    padded[:, :total] = flags.reshape(rows, total)
    words = np.packbits(padded, axis=1, bitorder="little").view(f"<u{min(size // 8, 8)}")
    return words[:, 0] if size <= 64 else words


def unpack(words: np.ndarray, count: int, bits: int, signed: bool = False) -> np.ndarray:
    """The inverse of `pack`: words -> (n, count) int64."""
    words = np.ascontiguousarray(words)
    octets = words.reshape(len(words), -1).view(np.uint8)
    flags = np.unpackbits(octets, axis=1, bitorder="little")[:, : count * bits].astype(np.int64)
    values = flags.reshape(-1, count, bits) @ (np.int64(1) << np.arange(bits))
    return values - ((values >> (bits - 1) & 1) << bits) if signed else values


def write_rom(path: Path, elements: np.ndarray, bits: int) -> Path:
    """A memory image for $readmemh: one word of integers (n, elements) a line, the first element in the lowest bits."""
    elements = np.asarray(elements, dtype=np.int64)
    digits = -(-elements.shape[1] * bits // 4)
    mask = (1 << bits) - 1
    lines = [sum((int(v) & mask) << (bits * i) for i, v in enumerate(row)) for row in elements]
    path.write_text("".join(f"{line:0{digits}x}\n" for line in lines))
    return path


def bench(
    cases: Mapping[str, Case], files: Iterable[str], data: Iterable[Path] = (), defines: Iterable[str] = ()
) -> IpCore:
    """A core with one instance for each case (names are lower-case words); `files` are relative to rtl/."""
    ports, instances, streams = "", "", {"s_reset": 32}
    for name, case in cases.items():
        parameters = ", ".join(
            f'.{key}("{value}")' if isinstance(value, str) else f".{key}({value})"
            for key, value in case.parameters.items()
        )
        for role, bits, taken, given in (
            ("s", case.in_bits, "input", "output"),
            ("m", case.out_bits, "output", "input"),
        ):
            port = f"{role}_{name}"
            streams[port] = bits
            ports += f",\n    {taken} logic [{bits}-1:0] {port}_tdata, {taken} logic {port}_tvalid"
            ports += f", {given} logic {port}_tready"
        instances += _INSTANCE.format(
            top=case.top, name=name, parameters=parameters, width=case.in_bits, out=case.out_bits
        )
    text = "".join(f"`define {name}\n" for name in defines) + _BENCH.format(ports=ports, instances=instances)
    path = Path(tempfile.mkdtemp(dir=_folder())) / "bench.sv"
    path.write_text(text)
    return module("bench", [path, *(RTL / file for file in files)], streams, data=tuple(data))


def run_bench(
    core: IpCore,
    words: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    stalls: tuple[float, float] = (0, 0),
    seed: int = 0,
    limit: int = 1_000_000,
) -> dict[str, Run]:
    """Offer `words` to each case named, and see exactly `counts` words come out of it.

    stalls  the probabilities that an input rests and that an output's reader does not take
    """
    with RtlSimulation(core) as simulation:
        return drive(simulation, words, counts, stalls, seed, limit)


def drive(
    simulation: RtlSimulation,
    words: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    stalls: tuple[float, float] = (0, 0),
    seed: int = 0,
    limit: int = 1_000_000,
) -> dict[str, Run]:
    """What `run_bench` does, in a simulation that is already open."""
    begun = {name: (len(simulation.stamps(f"s_{name}")), len(simulation.stamps(f"m_{name}"))) for name in words}
    for number, name in enumerate(words):
        simulation.stall(f"s_{name}", stalls[0], 2 * number + 1000 * seed)
        simulation.stall(f"m_{name}", stalls[1], 2 * number + 1 + 1000 * seed)
        simulation.allow(f"m_{name}", None)
        simulation.offer(f"s_{name}", words[name])
    simulation.advance(limit, quiet_cycles=1000)
    runs = {}
    for name in words:
        taken, given = begun[name]
        result = Run(
            simulation.collect(f"m_{name}")[0],
            simulation.stamps(f"s_{name}", taken),
            simulation.stamps(f"m_{name}", given),
        )
        assert len(result.words) == counts[name], f"{name} gave {len(result.words)} words, not {counts[name]}"
        assert simulation.waiting(f"s_{name}") == 0, f"{name} left {simulation.waiting(f's_{name}')} words untaken"
        runs[name] = result
    return runs


def reset(simulation: RtlSimulation, cycles: int = 1) -> None:
    """Hold every instance in reset for some cycles (at most 32), wherever it is; words that wait are withdrawn.

    Its readers refuse meanwhile, so that only the reset can take back what an instance offers.
    """
    for name, port in simulation.core.streams.items():
        if port.role == "master":
            simulation.allow(name, 0)
    simulation.offer("s_reset", np.array([(1 << cycles) - 1], dtype=np.uint32))
    simulation.advance(1)  # now they are in reset; a word must not be withdrawn before
    for name, port in simulation.core.streams.items():
        if port.role == "slave":
            simulation.withdraw(name)
    simulation.advance(cycles + 1)
    for name, port in simulation.core.streams.items():
        if port.role == "master":
            simulation.collect(name)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
