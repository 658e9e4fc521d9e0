"""One thing that a check has found."""

from dataclasses import dataclass

from mlfpga.blockdesign.design import Where


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: severity ("error" or "warning"), what it is, and the line that it comes from."""

    severity: str
    message: str
    where: Where | None

    def __str__(self):
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.severity}: {self.message}"


def error(message: str, where: Where | None) -> Finding:
    """Vivado would refuse this."""
    return Finding("error", message, where)


def warning(message: str, where: Where | None) -> Finding:
    """Vivado builds this, perhaps with a warning of its own."""
    return Finding("warning", message, where)
