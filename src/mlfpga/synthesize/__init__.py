"""What a design takes on the device: areas as Yosys estimates them, and the netlist behind them, simulated.

    area            LUT cells, DSP48E2, block RAM, flip-flops of a SystemVerilog module, as an `Area`
    area_by_block   the same for each block of a design and for the whole, as `BlockAreas`; `evaluate.area_table` and
                    `evaluate.plot_area` show them
    netlist         the folder with the netlist and its cells
    gate_level      a core whose netlist is simulated in place of its RTL
    find_yosys      the Yosys that is used

Figures are for UltraScale+ (`synth_xilinx -family xcup`), before placement. Yosys gives no clock frequency that means
anything. Everything is kept in the cache under the content of what it was made from.
"""

from mlfpga.synthesize.areas import Area, area, area_of
from mlfpga.synthesize.blocks import BlockAreas, area_by_block, area_by_block_of
from mlfpga.synthesize.design import Design, design, design_of
from mlfpga.synthesize.errors import SynthesisError
from mlfpga.synthesize.netlists import gate_level, netlist, netlist_of
from mlfpga.synthesize.yosys import Yosys, find_yosys

__all__ = [
    "Area",
    "BlockAreas",
    "Design",
    "SynthesisError",
    "Yosys",
    "area",
    "area_by_block",
    "area_by_block_of",
    "area_of",
    "design",
    "design_of",
    "find_yosys",
    "gate_level",
    "netlist",
    "netlist_of",
]
