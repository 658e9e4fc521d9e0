"""Accelerator kind `pipeline`: a trained network as integers, and as a pipeline of SystemVerilog blocks.

layers       the layers of an integer network and their shapes
network      the network and its check
description  the network as a table
arithmetic   requantization, stated once
bounds       how wide each accumulator must be, proved from the weights
reference    what the hardware must give, exact, in NumPy
export       the network as a folder of `.hex` files and `network.json`; readme writes its README.txt
"""
