"""The area of a design on an UltraScale+ device, as Yosys estimates it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from mlfpga.artifacts import cache_root
from mlfpga.simulate.building import Tools, build_once
from mlfpga.synthesize.design import Design, design
from mlfpga.synthesize.yosys import on_all_cores, run

NETLIST = "netlist.v"
_AREA, _STAT = "area.json", "stat.json"
SYNTHESIS = """\
synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}
tee -q -o stat.json stat -json
"""
_WRITE = f"write_verilog -noattr {NETLIST}\n"

_LUTS = tuple(f"LUT{inputs}" for inputs in range(1, 7))
# LUTs that one LUTRAM takes (UG574, table of distributed RAM configurations).
_LUTRAM = {
    **{"RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8},
    **{"RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8},
    **{"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM32X16DR8": 8, "RAM64X8SW": 8},
}
_SHIFT = ("SRL16E", "SRLC16E", "SRLC32E")
_FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")


@dataclass(frozen=True)
class Area:
    """Cells of a design after synthesis for UltraScale+; an estimate, before placement.

    cells    how many of each kind of cell there are
    seconds  what the synthesis took when it was run

    The figures of the course call `luts` the LUT cells. Yosys packs no registers and no adders into DSP48E2: Vivado
    needs fewer flip-flops and LUTs where multipliers are followed by either.
    """

    cells: dict[str, int]
    seconds: float = field(default=0.0, compare=False)

    @property
    def luts(self) -> int:
        """LUT cells: LUT1 … LUT6. Memories and shift registers made of LUTs are not among them, nor inverters."""
        return self._sum(_LUTS)

    @property
    def lutrams(self) -> int:
        """Cells of distributed memory (RAM32M16, RAM64X1D, …)."""
        return self._sum(_LUTRAM)

    @property
    def lutram_luts(self) -> int:
        """LUTs that the distributed memories take: a RAM32M16 takes 8."""
        return sum(count * self.cells.get(name, 0) for name, count in _LUTRAM.items())

    @property
    def shift_registers(self) -> int:
        """Shift registers made of LUTs (SRL16E, SRLC32E), one LUT each."""
        return self._sum(_SHIFT)

    @property
    def luts_total(self) -> int:
        """LUTs of the device that the design takes: LUT cells, inverters, distributed memory and shift registers.

        An upper bound: inverters mostly vanish into what follows them, and two small functions can share a LUT.
        """
        return self.luts + self.cells.get("INV", 0) + self.lutram_luts + self.shift_registers

    @property
    def dsps(self) -> int:
        """DSP48E2."""
        return self.cells.get("DSP48E2", 0)

    @property
    def bram36(self) -> float:
        """Block RAMs of 36 Kbit; one of 18 Kbit is half of one."""
        return self.cells.get("RAMB36E2", 0) + self.cells.get("RAMB18E2", 0) / 2

    @property
    def urams(self) -> int:
        """URAM288."""
        return self.cells.get("URAM288", 0)

    @property
    def flip_flops(self) -> int:
        """Flip-flops."""
        return self._sum(_FLIP_FLOPS)

    @property
    def carry(self) -> int:
        """Bits of carry chains: 4 for a CARRY4 (this Yosys makes those), 8 for a CARRY8 (what the device has)."""
        return 4 * self.cells.get("CARRY4", 0) + 8 * self.cells.get("CARRY8", 0)

    def __add__(self, other: "Area") -> "Area":
        names = {**self.cells, **other.cells}
        both = {name: self.cells.get(name, 0) + other.cells.get(name, 0) for name in names}
        return Area(both, self.seconds + other.seconds)

    def _sum(self, names: Sequence[str] | Mapping) -> int:
        return sum(self.cells.get(name, 0) for name in names)


def area(
    top: str,
    files: Sequence[Path | str],
    parameters: Mapping[str, int | str] | None = None,
    data: Sequence[Path | str] = (),
) -> Area:
    """Synthesise a module, hierarchy flattened, and count its cells.

    top         the module
    files       its SystemVerilog and that of the modules it uses
    parameters  values that replace the module's defaults; a text becomes a string parameter (a file's name)
    data        what its $readmemh reads, found by its file's name

    Kept in the cache under the content of all of these and Yosys' version: asked again, it costs nothing. Raises
    SynthesisError if Yosys is missing, if a file or a parameter is not there, or with what Yosys says of the design.
    """
    return area_of(design(top, files, parameters, data))


def area_of(chosen: Design) -> Area:
    """As `area`, for a `Design`."""
    return read_area(synthesise(chosen))


def synthesise(chosen: Design) -> Path:
    """The folder with the netlist, the area and Yosys' log of a design; made once."""
    made: list[Path] = []
    on_all_cores(root(), lambda tools, one: made.append(synthesised(tools, one)), [chosen])
    return made[0]


def synthesised(tools: Tools, chosen: Design) -> Path:
    """As `synthesise`, beside other work of the same `tools`."""
    script = chosen.read() + SYNTHESIS.format(top=chosen.top) + _WRITE
    return kept(tools, Job(chosen.top, script, chosen.lay_out, chosen.top, chosen.names), chosen.key(script), True)


@dataclass(frozen=True)
class Job:
    """One run of Yosys.

    top      the module whose cells are counted
    script   what Yosys does
    lay_out  puts what the script reads into a folder
    what     what the user calls it
    names    what files are called in that folder -> what the user calls them
    """

    top: str
    script: str
    lay_out: Callable[[Path], None]
    what: str
    names: Mapping[str, str] = field(default_factory=dict)


def kept(tools: Tools, job: Job, key: str, announce: bool = False) -> Path:
    """The folder with what a job made, run once for its key; a run that was stopped leaves nothing."""
    folder = root() / f"{job.top[:60]}-{key[:20]}"
    return build_once(folder, f"the netlist of {job.what} with Yosys", partial(_make, tools, job), announce)


def _make(tools: Tools, job: Job, made: Path) -> None:
    job.lay_out(made)
    started = time.monotonic()
    run(tools, made, job.script, job.what, job.names)
    seconds = round(time.monotonic() - started, 2)
    if (made / _STAT).is_file():
        stat = json.loads((made / _STAT).read_text())
        counted = stat["modules"][f"\\{job.top}"].get("num_cells_by_type", {})
        # Where an instance was before flattening: no cell of the device.
        area = Area({name: count for name, count in counted.items() if name != "$scopeinfo"}, seconds)
        (made / _AREA).write_text(json.dumps(asdict(area), indent=1) + "\n")


def read_area(folder: Path) -> Area:
    """The area that `kept` wrote."""
    return Area(**json.loads((folder / _AREA).read_text()))


def root() -> Path:
    """Where syntheses are kept."""
    return cache_root() / "synthesis"
