"""Kinds of accelerator, one folder each; whatever made it, an `Accelerator` drops into the same block design.

The contract every kind keeps: AXI4-Stream slave `s_axis` and master `m_axis`, AXI4-Lite slave `s_axi_control` in the
`ap_ctrl_hs` layout, `ap_clk`, `ap_rst_n`. One start is one sample. TLAST follows TLAST: the last word of a result
carries TLAST if the last input word of that sample did. So a batch that the DMA sends as one transfer comes back as one
transfer, and a sample sent alone comes back alone.
"""

from mlfpga.accelerators.contract import PART, Accelerator, AcceleratorError

__all__ = ["PART", "Accelerator", "AcceleratorError"]
