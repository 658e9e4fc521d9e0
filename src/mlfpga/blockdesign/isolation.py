"""Work in a process of its own, with limits on time, memory and files.

A safe interpreter keeps a script from the machine's files and programs, but not from asking for all of its memory, or
for one power of two that takes an hour. On Linux such a process ends, and the caller's lives on. Elsewhere the work is
done in the caller's process: forking one that may use the system's frameworks is not safe there.
"""

import faulthandler
import gc
import os
import pickle
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# A design of 200 cells needs 100 MB. A script may write a few files; they are thrown away.
_MEMORY = 1 << 30
_FILE_SIZE = 20_000_000


class Stopped(Exception):
    """The work was ended because of what it asked for."""


def in_own_process(work: Callable, seconds: float):
    """What `work()` returns or raises; either is pickled on its way. Raises Stopped if it takes more than is allowed.

    seconds: after these, the process is ended
    """
    if not sys.platform.startswith("linux"):
        return work()
    with tempfile.TemporaryDirectory(prefix="mlfpga-dry-run-") as folder:
        receiver, sender = os.pipe()
        child = os.fork()
        if child == 0:
            _work(work, sender, folder)
        os.close(sender)
        status = None
        try:
            answer, ended = _receive(receiver, seconds)
            if ended:
                status = os.waitpid(child, 0)[1]
        finally:
            os.close(receiver)
            if status is None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    if not ended:
        raise Stopped(f"stopped after {seconds:g} s: one of its commands does not end")
    good, result = (False, MemoryError()) if status else pickle.loads(answer)
    if good:
        return result
    if isinstance(result, MemoryError):
        raise Stopped(f"stopped: it asked for more than {_MEMORY >> 30} GB of memory")
    raise result


def _work(work, sender, folder):
    """The child: it must never return to what its parent was doing."""
    status = 1
    try:
        _limit(folder)
        try:
            answer = pickle.dumps((True, work()))
        except Exception as error:
            answer = pickle.dumps((False, error))
        with os.fdopen(sender, "wb") as channel:
            channel.write(answer)
        status = 0
    finally:
        os._exit(status)  # 1 without an answer: there was no memory left for one


def _limit(folder):
    import resource

    # Ctrl-C is for the parent, which ends this process then.
    os.setsid()
    # What the parent left as garbage is the parent's: collected here, it may ask for threads that were not forked.
    gc.freeze()
    # What Tcl and Python say on their way out would stand between the parent's own lines.
    faulthandler.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # If this process is ended, the parent still throws away what it wrote.
    tempfile.tempdir = folder
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    allowed = pages * resource.getpagesize() + _MEMORY
    for kind, amount in ((resource.RLIMIT_AS, allowed), (resource.RLIMIT_FSIZE, _FILE_SIZE), (resource.RLIMIT_CORE, 0)):
        _, highest = resource.getrlimit(kind)
        if highest == resource.RLIM_INFINITY or amount < highest:
            resource.setrlimit(kind, (amount, amount))


def _receive(receiver, seconds):
    """All that comes, and whether it came to its end in time."""
    deadline, parts = time.monotonic() + seconds, []
    while True:
        ready, _, _ = select.select([receiver], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return b"", False
        part = os.read(receiver, 1 << 20)
        if not part:
            return b"".join(parts), True
        parts.append(part)
