"""Does an overlay belong to an accelerator? Its hardware handoff says which IPs it has, and how wide their streams are.

The driver asks the same on the board, of the handoff as pynq reads it. Here it is asked when the bundle is made, where
the mistake is.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from mlfpga.bundle.manifest import BundleError

_WAY_OUT = "make the overlay of this accelerator (lab 04), then the bundle"


def check_overlay(handoff: Path, dma: str, accelerator: str, vlnv: str, stream_bits: int) -> None:
    """Raise BundleError unless the design of a .hwh has the AXI DMA `dma` and the IP `accelerator` as they must be.

    vlnv         of the accelerator: vendor:library:name:version
    stream_bits  width of both streams of the DMA
    """
    modules = _modules(handoff)
    for name in (dma, accelerator):
        if name not in modules:
            raise BundleError(f"{handoff.name} has no IP named {name}; it has {', '.join(modules)}: {_WAY_OUT}")
    for name, expected in ((dma, ":axi_dma:"), (accelerator, vlnv)):
        found = modules[name].get("VLNV", "")
        if expected not in found:
            raise BundleError(f"{handoff.name}: {name} is {found}, not {expected.strip(':')}; {_WAY_OUT}")
    parameters = {p.get("NAME", "").lower(): p.get("VALUE") for p in modules[dma].iter("PARAMETER")}
    for parameter in ("c_m_axis_mm2s_tdata_width", "c_s_axis_s2mm_tdata_width"):
        if parameters.get(parameter) != str(stream_bits):
            raise BundleError(
                f"{handoff.name}: {dma} has {parameter} = {parameters.get(parameter)}, but the accelerator's streams "
                f"are {stream_bits} bits wide; {_WAY_OUT}"
            )


def _modules(handoff: Path) -> dict[str, ElementTree.Element]:
    """The design's IPs by name."""
    try:
        root = ElementTree.parse(handoff).getroot()
    except ElementTree.ParseError as error:
        raise BundleError(f"{handoff} is not a whole hardware handoff: {error}; {_WAY_OUT}") from None
    return {module.get("FULLNAME", "").strip("/"): module for module in root.iterfind("./MODULES/MODULE")}
