"""What is wrong with a design: found in a second instead of after half an hour, or on the board.

A finding is an error only where Vivado itself would refuse the design. What Vivado builds is at most a warning, also
where the hardware would hang: the message then says so. What Vivado itself says of the same is named by its number, as
[BD 41-758].
"""

from mlfpga.blockdesign.checks import addresses, dma, interfaces, project, wires
from mlfpga.blockdesign.checks.finding import Finding
from mlfpga.blockdesign.checks.project import BOARD_PART
from mlfpga.blockdesign.design import Design

__all__ = ["BOARD_PART", "Finding", "check"]

_CHECKS = (*project.CHECKS, *dma.CHECKS, *wires.CHECKS, *interfaces.CHECKS, *addresses.CHECKS)


def check(design: Design) -> list[Finding]:
    """All findings, errors first, otherwise in the order of the checks."""
    findings = [finding for each in _CHECKS for finding in each(design)]
    return sorted(findings, key=lambda finding: finding.severity != "error")
