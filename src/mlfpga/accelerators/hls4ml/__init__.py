"""The kind `hls4ml`: a Keras or QKeras model becomes C++ for Vitis HLS, inside an AXI wrapper of ours.

config = configure(model, input_number="ufixed<8,1>", calibration=x)   # hls4ml's own configuration, every layer in it
explain(config); check_ranges(model, config, x); estimate(model, config)
accelerator = convert(model, config, name="digits_mlp", folder=…, stream_bits=32)
accelerator.predict(x)                                                 # C simulation of the wrapper
build_ip(accelerator)                                                  # Vitis HLS, where it is installed
"""

from mlfpga.accelerators.hls4ml.configuration import configure
from mlfpga.accelerators.hls4ml.conversion import convert
from mlfpga.accelerators.hls4ml.estimate import DEVICE, estimate, estimate_model, fits
from mlfpga.accelerators.hls4ml.explanation import check_ranges, explain
from mlfpga.accelerators.hls4ml.profiling import Profile, profile
from mlfpga.accelerators.hls4ml.reuse import reuse_table
from mlfpga.accelerators.hls4ml.vitis import build_ip, find_vitis, read_report

__all__ = [
    "DEVICE",
    "Profile",
    "build_ip",
    "check_ranges",
    "configure",
    "convert",
    "estimate",
    "estimate_model",
    "explain",
    "find_vitis",
    "fits",
    "profile",
    "read_report",
    "reuse_table",
]
