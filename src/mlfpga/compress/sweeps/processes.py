"""Jobs in processes of this machine, a few at a time."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence

from mlfpga.compress.sweeps.recipe import Recipe
from mlfpga.compress.sweeps.task import Failure, Result

_LAST_WORDS = 3


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Worker:
    """One process that does jobs, one after another."""

    def __init__(self, inputs: bytes, threads: int):
        self._log = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "mlfpga.compress.sweeps.worker", str(threads)]
        # A session of its own: Ctrl-C is for the sweep, which then ends its workers itself.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True
        )
        self._inputs: bytes | None = inputs

    def do(self, recipe: Recipe) -> Result | Failure:
        """The job's outcome; a Failure, too, if the process dies over it (then it takes no more jobs)."""
        try:
            if self._inputs is not None:
                self._send(self._inputs)
                self._inputs = None
            self._send(recipe)
            return pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            return Failure(self._end())

    @property
    def alive(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """Let it go, and free what it held."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            try:
                stream.close()
            except BrokenPipeError:
                pass  # what was not sent yet is not missed

    def _send(self, message) -> None:
        pickle.dump(message, self._process.stdin)
        self._process.stdin.flush()

    def _end(self) -> str:
        code = self._process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            return f"its process was killed ({name}); if memory ran out, use fewer workers"
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()[-_LAST_WORDS:]
        return f"its process ended with code {code}; its last words: {' / '.join(said) or 'none'}"


def outcomes(
    inputs: bytes, recipes: Sequence[Recipe], workers: int
) -> Iterator[tuple[int, Result | Failure | None] | None]:
    """Do all recipes, at most `workers` at a time; yield (index, None) when one starts and (index, outcome) when it
    ends, in whatever order that happens, and None once a second when nothing does. Ends its processes when it is
    closed, whether all is done or not.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for number in range(len(recipes)):
        waiting.put(number)
    happened: queue.SimpleQueue = queue.SimpleQueue()
    running: set[Worker] = set()
    over = threading.Event()
    threads = max(1, cores() // workers)

    def serve() -> None:
        worker = None
        try:
            while not over.is_set():
                index = waiting.get_nowait()
                happened.put((index, None))
                try:
                    if worker is None or not worker.alive:
                        worker = _replaced(worker, inputs, threads, running)
                    if over.is_set():
                        return  # it was made too late to be among those that were killed
                    happened.put((index, worker.do(recipes[index])))
                except OSError as error:
                    happened.put((index, Failure(f"no process could be started for it: {error}")))
        except queue.Empty:
            pass
        finally:
            if worker is not None:
                worker.close()

    served = [threading.Thread(target=serve, daemon=True) for _ in range(min(workers, len(recipes)))]
    for thread in served:
        thread.start()
    try:
        left = len(recipes)
        while left:
            try:
                event = happened.get(timeout=1)
            except queue.Empty:
                yield None
                continue
            left -= event[1] is not None
            yield event
    finally:
        over.set()
        for worker in list(running):
            worker.kill()
        for thread in served:
            thread.join()


def _replaced(worker: Worker | None, inputs: bytes, threads: int, running: set[Worker]) -> Worker:
    if worker is not None:
        running.discard(worker)
        worker.close()
    made = Worker(inputs, threads)
    running.add(made)
    return made
