"""C simulation: an HLS top function compiled with g++ and called with stream words.

What runs is the source that Vitis HLS would synthesize; only `ap_axi_sdata.h` in this folder is ours in place of the
vendor's.
"""

from mlfpga.simulate.csim.simulation import CSimulation

__all__ = ["CSimulation"]
