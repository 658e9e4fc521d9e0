"""When a program that reads status registers again and again waits in vain.

Nothing moves on the board by itself, so a lone loop that only reads waits for ever. A program may also look now and
then and give up by itself, or let another thread or coroutine go on meanwhile: then much more patience is due.
"""

import asyncio
import resource
import threading
import time

LONG_PATIENCE_S = 30.0
"""Patience with a loop that sleeps between its reads, or that others may end."""


class Polling:
    """Reads of status registers in a row while nothing moved and nothing was written."""

    _POLLS = 1000
    _SLOW_POLLS = 50

    def __init__(self):
        self._bystanders = set(threading.enumerate())
        self._count = 0
        self._since = 0.0
        self._sleeps = 0
        self._yielded = [False]

    def restart(self) -> None:
        """Something moved, or the program did something else."""
        self._count = 0

    def is_in_vain(self, patience_s: float) -> bool:
        """Count one more read; whether the program waits for ever.

        patience_s  how long a lone loop may read without a pause
        """
        if self._count == 0:
            self._begin()
        self._count += 1
        if self._count < self._SLOW_POLLS:
            return False
        waited = time.monotonic() - self._since
        hopeless = waited >= LONG_PATIENCE_S or (
            self._count >= self._POLLS and waited >= patience_s and not self._is_sleeping() and self._is_alone()
        )
        if hopeless:
            self._count = 0
        return hopeless

    def _begin(self) -> None:
        self._since, self._sleeps = time.monotonic(), _sleeps()
        self._yielded = yielded = [False]
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_soon(yielded.__setitem__, 0, True)

    def _is_sleeping(self) -> bool:
        """Whether the program sleeps between its reads; on a crowded machine one that does not is slow too."""
        return _sleeps() - self._sleeps > self._count // 2

    def _is_alone(self) -> bool:
        """Whether no other coroutine had its turn since the first read, and no other thread of the program runs."""
        this, main = threading.current_thread(), threading.main_thread()
        others = set(threading.enumerate()) - self._bystanders - {this}
        return not (self._yielded[0] or others or this is not main)


def _sleeps() -> int:
    """How often this thread gave up its core by itself."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
