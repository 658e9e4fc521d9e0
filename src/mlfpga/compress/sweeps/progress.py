"""What a long sweep says while it runs: a line when a job is done, and now and then that it is alive."""

import sys
import time

# Between two signs of life while no job ends. A terminal shows a running line instead.
_ALIVE_EVERY_SECONDS = 60


class Progress:
    """A line per finished job: which of how many, its name, what came out, how long it took, what is left."""

    def __init__(self, names: list[str], jobs: int, at_once: int):
        self._jobs = jobs
        self._at_once = at_once
        self._width = max(map(len, names))
        self._done = 0
        self._took: list[float] = []
        self._running: dict[str, float] = {}
        self._said = time.monotonic()
        self._live = sys.stdout.isatty()

    def kept(self, jobs: int) -> None:
        """So many are there from an earlier sweep."""
        self._done += jobs
        if jobs:
            self._line(f"{jobs} of {self._jobs} recipes are there already, from an earlier sweep")

    def started(self, name: str) -> None:
        """A job begins."""
        self._running[name] = time.monotonic()

    def done(self, name: str, row: dict) -> None:
        """A job ended well."""
        self._took.append(self._ended(name))
        text = f"{row['validation_accuracy']:7.2%} on validation   took {clock(self._took[-1])}"
        self._line(f"{self._head(name)} {text}{self._left()}")

    def failed(self, name: str, reason: str) -> None:
        """A job ended badly."""
        self._ended(name)
        self._line(f"{self._head(name)} FAILED: {reason}")

    def alive(self) -> None:
        """Nothing new has happened for a second."""
        running = [f"{name} ({clock(time.monotonic() - since)})" for name, since in self._running.items()]
        text = f"running: {', '.join(running[: self._at_once])}"
        if self._live:
            sys.stdout.write(f"\r\033[K{text}"[:120])
            sys.stdout.flush()
        elif time.monotonic() - self._said >= _ALIVE_EVERY_SECONDS:
            self._line(text)

    def _head(self, name: str) -> str:
        return f"[{self._done:>{len(str(self._jobs))}}/{self._jobs}] {name:<{self._width}}"

    def _ended(self, name: str) -> float:
        self._done += 1
        return time.monotonic() - self._running.pop(name)

    def _left(self) -> str:
        left = self._jobs - self._done
        if not left:
            return ""
        # On the long side: it counts the jobs that run as if they had not begun.
        return f"   about {clock(left * sum(self._took) / len(self._took) / self._at_once)} left"

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        print(f"\r\033[K{text}" if self._live else text, flush=True)


def clock(seconds: float) -> str:
    """Minutes and seconds: `0:07`, `12:34`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
