"""The folder that goes to a board: written here, read and verified on both sides.

`manifest.py` is itself part of every bundle, as the driver's reader; so it needs the standard library alone.
"""

from mlfpga.bundle.manifest import BundleError, Manifest, load
from mlfpga.bundle.overlay import check_overlay
from mlfpga.bundle.writer import Overlay, write

__all__ = ["BundleError", "Manifest", "Overlay", "check_overlay", "load", "write"]
