"""The design of a dry run, with what one asks of it: findings, the handoff, pictures."""

from pathlib import Path

from mlfpga.blockdesign import address_picture, bitstream, checks, drawing, hwh
from mlfpga.blockdesign.checks import Finding
from mlfpga.blockdesign.design import Design


class DryDesign(Design):
    """A `Design` that can check, hand off and draw itself."""

    def check(self) -> list[Finding]:
        """Everything wrong with the design, worst first."""
        return checks.check(self)

    def write_hwh(self, path) -> Path:
        """Write the hardware handoff (.hwh), stamped as a dry run's. The same design gives the same bytes."""
        return hwh.write_hwh(self, path)

    def write_bitstream_standin(self, path, handoff=None) -> Path:
        """Write a .bit file that stands in for the bitstream; it carries the sha256 of the handoff beside it."""
        return bitstream.write_standin(self, path, handoff)

    def draw(self, path, clocks: bool = True, resets: bool = True) -> Path:
        """Draw the design into an .svg or .png file; clock and reset wires can be left out."""
        return drawing.draw(self, path, clocks=clocks, resets=resets)

    def draw_addresses(self, path) -> Path:
        """Draw the address map into an .svg or .png file: a column for each master, blocks from address to address."""
        return address_picture.draw_addresses(self, path)
