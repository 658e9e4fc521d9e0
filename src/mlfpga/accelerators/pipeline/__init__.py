"""Accelerator kind `pipeline`: a trained network as integers, and as a pipeline of SystemVerilog blocks.

graph            the float graph that both front ends give
torch_frontend   from_torch: a PyTorch module as a float graph
keras_frontend   from_keras: a Keras or QKeras model as a float graph
quantize         the integer network of a float graph
qat              prepare: the twin that trains with rounded numbers (PyTorch)
training         a short, repeatable training loop for PyTorch modules
recipe           the course's reference network, trained: dataset in, integer network out
layers           the layers of an integer network and their shapes
network          the network and its check
description      the network as a table
arithmetic       requantization, stated once
bounds           how wide each accumulator must be, proved from the weights
reference        what the hardware must give, exact, in NumPy
export           the network as a folder of `.hex` files and `network.json`; readme writes its README.txt
stages           from a plan to blocks of RTL and the streams between them
images           what the blocks' ROMs hold
hdl              the SystemVerilog in `rtl/`: what a design needs of it
top              the generated top module
package          component.xml, by which Vivado takes the IP
kind             build: the accelerator's folder
plan             how much hardware each layer gets
timing           the cycles that a plan takes
cost             what it takes of the device
planner          the cheapest plan for a rate, the fastest for a board
walk             an image through the line buffer, cycle by cycle
watch            samples through the RTL, looked at from inside
checkpoint       a trained module in a file

What needs PyTorch is imported when it is first asked for: a Keras model can do without.
"""

import importlib

from mlfpga.accelerators.pipeline.arithmetic import requantize
from mlfpga.accelerators.pipeline.bounds import bounds
from mlfpga.accelerators.pipeline.description import describe
from mlfpga.accelerators.pipeline.export import load, save
from mlfpga.accelerators.pipeline.graph import GraphError
from mlfpga.accelerators.pipeline.keras_frontend import from_keras
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.layers import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    MaxPool2d,
    NetworkError,
    ReLU,
    Tensor,
)
from mlfpga.accelerators.pipeline.network import Network, check
from mlfpga.accelerators.pipeline.plan import Folding, Plan, PlanError
from mlfpga.accelerators.pipeline.planner import AUP_ZU3, Choice, plan_for_board, plan_for_rate, smallest
from mlfpga.accelerators.pipeline.quantize import quantize
from mlfpga.accelerators.pipeline.reference import integer_accuracy, run, to_integers, trace
from mlfpga.accelerators.pipeline.timing import cycles, timeline
from mlfpga.accelerators.pipeline.walk import follow_window
from mlfpga.accelerators.pipeline.watch import watch

# Name -> the module it stands in.
_WITH_TORCH = {
    "cnn": "recipe",
    "from_torch": "torch_frontend",
    "load_module": "checkpoint",
    "prepare": "qat",
    "save_module": "checkpoint",
    "train": "training",
    "trained": "recipe",
}

__all__ = [
    "AUP_ZU3",
    "Argmax",
    "AvgPool2d",
    "Choice",
    "Conv2d",
    "Dense",
    "Folding",
    "GraphError",
    "MaxPool2d",
    "Network",
    "NetworkError",
    "Plan",
    "PlanError",
    "ReLU",
    "Tensor",
    "bounds",
    "build",
    "check",
    "cnn",
    "cycles",
    "describe",
    "follow_window",
    "from_keras",
    "from_torch",
    "integer_accuracy",
    "load",
    "load_module",
    "plan_for_board",
    "plan_for_rate",
    "prepare",
    "quantize",
    "requantize",
    "run",
    "save",
    "save_module",
    "smallest",
    "timeline",
    "to_integers",
    "trace",
    "train",
    "trained",
    "watch",
]


def __getattr__(name: str):
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
