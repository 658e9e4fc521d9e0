"""A generated IP in the shape of a Vitis HLS export, for measuring: no vendor's export can be part of the repository.

`network(...)` draws a small streaming network with folded weights, `write_export(...)` writes it as an IP folder, and
`Network.words` says, in NumPy, which words the IP must give.
"""

from mlfpga.course.figures.export.network import Layer, Network, large, small
from mlfpga.course.figures.export.package import line_count, write_export

__all__ = ["Layer", "Network", "large", "line_count", "small", "write_export"]
