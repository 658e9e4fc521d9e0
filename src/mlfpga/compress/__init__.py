"""Making a trained network smaller: fewer bits, fewer weights, a small network well taught; and all of them at once.

    quantize   a QKeras copy of a model that trains with the numbers the hardware will have
    prunable   a copy that learns to do without its smallest weights, along a schedule
    Distiller  trains a small student on a large teacher's logits
    finish     what goes to hardware: no training wrappers, every weight the very value its quantizer gives
    cost       bits, zeros, multiplications of one model; `compare` makes the table

Each takes a model and gives a new one, so that they combine: `prunable(quantize(model, …), …)` learns both at once, and
a `Distiller` may have that as its student.
"""

from mlfpga.compress.cost import compare, cost
from mlfpga.compress.distillation import Distiller, distillation_loss
from mlfpga.compress.errors import CompressError
from mlfpga.compress.finish import finish
from mlfpga.compress.pruning import prunable
from mlfpga.compress.quantization import Ranges, integer_bits, quantize, quantizers, ranges
from mlfpga.models import load, save

__all__ = [
    "CompressError",
    "Distiller",
    "Ranges",
    "compare",
    "cost",
    "distillation_loss",
    "finish",
    "integer_bits",
    "load",
    "prunable",
    "quantize",
    "quantizers",
    "ranges",
    "save",
]
