"""What the virtual board says when a program does what would hang, corrupt or kill a physical board."""

import warnings


class BoardError(RuntimeError):
    """The virtual board cannot do what was asked."""


class BusError(BoardError):
    """A read or write at an address where nothing answers."""


class StalledError(BoardError):
    """A program waits for something that cannot happen any more."""


class HandoffError(BoardError):
    """A hardware handoff (.hwh) that is missing, cut short, or describes a machine we cannot build."""


class BoardWarning(UserWarning):
    """The hardware said nothing, but the program is about to be surprised."""


def warn(message: str) -> None:
    """Show a BoardWarning every time, without a line of our own source code in it."""
    warnings.warn_explicit(message, BoardWarning, filename="virtual AUP-ZU3", lineno=0)
