"""Making a trained network smaller: fewer bits, fewer weights, a small network well taught; and all of them at once.

    fold_batchnorm  a copy without batch normalization, whose scale and shift its neighbour takes in
    quantize        a copy that computes, and trains, with the numbers the hardware will have
    sensitivity     how much each layer suffers from few bits; `choose_bits` chooses widths for `quantize` from it
    prunable        a copy that learns to do without its smallest weights, along a schedule, anywhere or in an N:M
                    pattern
    shrink          a smaller copy, without its least important neurons, channels or recurrent units
    Distiller       trains a small student on a large teacher's logits
    finish          what goes to hardware: no training wrappers, every weight the very value its quantizer gives
    cost            bits, zeros, multiplications of one model; `compare` makes the table
    explore         many recipes for one model, on every core or a Dask cluster: the table and the Pareto picture;
                    `sweep` gives the rows alone, `apply` follows one `Recipe`, `grid` makes many

Each takes a model and gives a new one, so that they combine: `prunable(quantize(model, …), …)` learns both at once, and
a `Distiller` may have that as its student.
"""

from mlfpga.compress.cost import compare, cost
from mlfpga.compress.distillation import Distiller, distillation_loss
from mlfpga.compress.errors import CompressError
from mlfpga.compress.finish import finish
from mlfpga.compress.folding import fold_batchnorm
from mlfpga.compress.pruning import follows_pattern, prunable
from mlfpga.compress.quantization import Ranges, integer_bits, quantize, quantizers, ranges
from mlfpga.compress.sensitivity import choose_bits, sensitivity
from mlfpga.compress.structured import importance, shrink, shrink_in_steps
from mlfpga.compress.sweeps import Exploration, Recipe, SweepError, apply, explore, grid, sweep
from mlfpga.models import load, save

__all__ = [
    "CompressError",
    "Distiller",
    "Exploration",
    "Ranges",
    "Recipe",
    "SweepError",
    "apply",
    "choose_bits",
    "compare",
    "cost",
    "distillation_loss",
    "explore",
    "finish",
    "fold_batchnorm",
    "follows_pattern",
    "grid",
    "importance",
    "integer_bits",
    "load",
    "prunable",
    "quantize",
    "quantizers",
    "ranges",
    "save",
    "sensitivity",
    "shrink",
    "shrink_in_steps",
    "sweep",
]
