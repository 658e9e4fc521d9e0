"""The progress display: a live line on a terminal, plain lines in a log."""

import time
from typing import TextIO

# A log gets a line now and then, so that a long notebook is seen to be alive without filling the log.
LOG_EVERY_SECONDS = 15


class Progress:
    """Says which notebook is running, which cell of how many, and how long it and the whole run have taken."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._live = stream.isatty()
        self._run_started = time.monotonic()
        self._head = ""
        self._makes = ""
        self._cells = 0
        self._said: float | None = None  # when a line was last written to the log; None: not yet for this stage

    def stage(self, position: int, of: int, label: str, makes: str) -> None:
        """A stage comes next."""
        self._head = f"[{position}/{of}] {label:<24}"
        self._makes = makes
        self._cells = 0
        self._said = None

    def cell(self, number: int, cells: int, seconds: float) -> None:
        """Cell `number` of `cells` is running (0: the kernel is starting), `seconds` after the notebook began."""
        self._cells = cells
        where = f"cell {number:>2} of {cells}" if number else "starting its kernel"
        text = f"{self._head} {where}  {clock(seconds)}  (in all {clock(time.monotonic() - self._run_started)})"
        if self._live:
            self._stream.write(f"\r\033[K{text}")
            self._stream.flush()
        elif self._said is None:
            self._said = seconds
            self._line(f"{self._head} starts: {self._makes}")
        elif seconds - self._said >= LOG_EVERY_SECONDS:
            self._said = seconds
            self._line(text)

    def waiting(self, reason: str) -> None:
        """Nothing runs yet, and why."""
        self._line(reason)

    def skipped(self, seconds: float) -> None:
        """The stage was up to date; `seconds` is how long it took when it ran."""
        self._line(f"{self._head} up to date (took {clock(seconds)} when it ran)")

    def done(self, seconds: float) -> None:
        """The stage is finished."""
        self._line(f"{self._head} done, {self._cells} cells in {clock(seconds)}")

    def failed(self, seconds: float) -> None:
        """The notebook ended with an error, which is told elsewhere."""
        self._line(f"{self._head} FAILED after {clock(seconds)}")

    def _line(self, text: str) -> None:
        self._stream.write(f"\r\033[K{text}\n" if self._live else f"{text}\n")
        self._stream.flush()


class Silent(Progress):
    """Shows nothing: for notebooks that run on behalf of another notebook."""

    def __init__(self):
        self._cells = 0

    def waiting(self, reason: str) -> None: ...

    def stage(self, position: int, of: int, label: str, makes: str) -> None: ...

    def cell(self, number: int, cells: int, seconds: float) -> None: ...

    def skipped(self, seconds: float) -> None: ...

    def done(self, seconds: float) -> None: ...

    def failed(self, seconds: float) -> None: ...


def clock(seconds: float) -> str:
    """Minutes and seconds: `0:07`, `12:34`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
