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
"""

from mlfpga.accelerators.pipeline.kind import build

__all__ = ["build"]
