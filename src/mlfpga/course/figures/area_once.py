"""The area of one IP, in a fresh process: `python -m mlfpga.course.figures.area_once IP` prints a line of JSON."""

import json
import sys

from mlfpga.simulate.rtl import open_ip
from mlfpga.synthesize import area_of, design_of


def main(ip: str) -> None:
    """See the module's text."""
    area = area_of(design_of(open_ip(ip)))
    names = ("luts", "luts_total", "dsps", "bram36", "flip_flops")
    print(json.dumps({name: getattr(area, name) for name in names}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
