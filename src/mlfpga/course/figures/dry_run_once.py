"""One dry run with checks and handoff, in a process of its own, for the figures: prints cells and findings."""

import sys
import tempfile
from pathlib import Path

from mlfpga.blockdesign import accelerator_ip, dry_run


def main(script: str) -> None:
    design = dry_run(script, ips=[accelerator_ip("mlfpga:hls:accelerator_axi:1.0", 32, 32)])
    with tempfile.TemporaryDirectory() as folder:
        design.write_hwh(Path(folder, "overlay.hwh"))
    print(len(design.cells), len(design.check()))


if __name__ == "__main__":
    main(sys.argv[1])
