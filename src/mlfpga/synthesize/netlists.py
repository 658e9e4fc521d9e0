"""The netlist that Yosys makes of a design, as something that Verilator simulates."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlfpga.artifacts import content_key
from mlfpga.simulate.building import build_once
from mlfpga.simulate.rtl import IpCore
from mlfpga.simulate.rtl.sources import Sources
from mlfpga.synthesize.areas import NETLIST, read_area, root, synthesise
from mlfpga.synthesize.design import Design, design, design_of
from mlfpga.synthesize.errors import SynthesisError
from mlfpga.synthesize.yosys import find_yosys

CELLS = "cells.sv"
_OWN = Path(__file__).parent / "cells"
_MODULE = re.compile(r"^module (\w+) ?\(.*?^endmodule\n", re.MULTILINE | re.DOTALL)
# Delays: nothing for a simulation that counts clock cycles.
_DELAYS = re.compile(r"^ *specify\b.*?\bendspecify\b[^\n]*\n", re.MULTILINE | re.DOTALL)


def netlist(
    top: str,
    files: Sequence[Path | str],
    parameters: Mapping[str, int | str] | None = None,
    data: Sequence[Path | str] = (),
) -> Path:
    """A folder with `netlist.v`, the design made of LUTs, flip-flops and other cells, and `cells.sv`, what those do.

    The module keeps its name and its ports; parameters and memory contents are settled. See `area` for what is given;
    both come from the same run of Yosys. Raises SynthesisError as `area` does, and for cells that have no model for
    simulation (UltraRAM).
    """
    return netlist_of(design(top, files, parameters, data))


def gate_level(core: IpCore) -> IpCore:
    """A core with its netlist in place of its RTL: the same ports for `simulate.rtl.RtlSimulation`.

    core  from `simulate.rtl.module` or `simulate.rtl.open_ip`
    Raises SynthesisError as `netlist` does.
    """
    folder = netlist_of(design_of(core))
    sources = Sources(folder, (Path(NETLIST), Path(CELLS)), (), (), ())
    return replace(core, vlnv=f"{core.vlnv} (netlist)", sources=sources, parameters={})


def netlist_of(chosen: Design) -> Path:
    """As `netlist`, for a `Design`."""
    made = synthesise(chosen)
    kinds = sorted(read_area(made).cells)
    models = _models(chosen.top, kinds)
    key = content_key(json.dumps(kinds), models, made / NETLIST)

    def make(folder: Path) -> None:
        shutil.copyfile(made / NETLIST, folder / NETLIST)
        (folder / CELLS).write_text(models)

    folder = root() / f"netlist-{chosen.top[:60]}-{key[:20]}"
    return build_once(folder, f"the netlist of {chosen.top}", make, announce=False)


def _models(top: str, kinds: Sequence[str]) -> str:
    """What these cells do: Yosys' own models, and ours where it has none."""
    cells = (find_yosys().share / "xilinx" / "cells_sim.v").read_text()
    known = {found[1]: _DELAYS.sub("", found[0]) for found in _MODULE.finditer(cells)}
    own = {path.stem: path.read_text() for path in _OWN.glob("*.sv")}
    known |= own
    missing = [kind for kind in kinds if kind not in known]
    if missing:
        raise SynthesisError(
            f"the netlist of {top} holds {', '.join(missing)}, for which there is no model to simulate; keep its "
            'memories in LUTs ((* ram_style = "distributed" *)), or simulate the RTL'
        )
    used = "\n".join(own.get(kind, "") for kind in kinds)
    shared = [name for name in own if re.search(rf"^ +{name} #\(", used, re.MULTILINE)]  # what ours stand on
    return "\n".join(known[kind] for kind in [*kinds, *shared])
