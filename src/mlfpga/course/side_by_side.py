"""Several datasets at once, each run in a process of its own, so that no core is idle.

    python -m mlfpga.course.side_by_side digits [--only STAGE …] [--fresh]

is one of these processes: it runs one dataset and says on stderr what failed.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from mlfpga.course.stages import StageError

# Each process holds TensorFlow, hls4ml and a compiler's memory: more at once would need more than a laptop has.
MOST_AT_ONCE = 3


def run(datasets: list[str], names: list[str] | None = None, fresh: bool = False, stream: TextIO = sys.stdout) -> None:
    """Bring the stages of all datasets up to date, as many datasets at a time as there are cores, at most three.

    Each line on `stream` begins with the dataset it is about. A dataset whose notebook fails leaves the others to go
    on; at the end StageError tells every failure. After Ctrl-C all stop as a single run does, and the next run goes on
    from there.
    """
    at_once = min(len(datasets), cores(), MOST_AT_ONCE)
    options = [*(["--only", *names] if names is not None else []), *(["--fresh"] if fresh else [])]
    runs = [_Run(dataset, options, threads=max(1, cores() // at_once)) for dataset in datasets]
    lock, width = threading.Lock(), max(map(len, datasets))

    def follow(run: _Run) -> None:
        for line in run.lines():
            with lock:
                print(f"{run.dataset:<{width}}  {line}", file=stream, flush=True)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            list(pool.map(follow, runs))
        except KeyboardInterrupt:
            for each in runs:
                each.stop()
            raise
    failures = [f"{each.dataset}: {each.failure}" for each in runs if each.failure]
    if failures:
        raise StageError("\n".join(failures))


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class _Run:
    """The process of one dataset, started when its lines are asked for."""

    def __init__(self, dataset: str, options: list[str], threads: int):
        self.dataset = dataset
        self.failure: str | None = None
        self._command = [sys.executable, "-m", "mlfpga.course.side_by_side", dataset, *options]
        # Threads beyond the cores would only wait for each other.
        limits = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        self._environment = {name: str(threads) for name in limits} | os.environ
        self._process: subprocess.Popen | None = None

    def lines(self) -> Iterator[str]:
        """What it says, line by line, until it ends; then `failure` tells how."""
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            # A session of its own: Ctrl-C on the terminal is for the whole run, which stops each process once.
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=self._environment,
                start_new_session=True,
            )
            with self._process as process:
                yield from map(str.rstrip, process.stdout)
            if process.returncode:
                errors.seek(0)
                said = errors.read().strip().splitlines()
                self.failure = said[-1] if said else f"it ended with status {process.returncode}"

    def stop(self) -> None:
        """Interrupt it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)


def main(arguments: list[str] | None = None) -> int:
    """Run one dataset."""
    from mlfpga.course import runner

    parser = argparse.ArgumentParser(prog="python -m mlfpga.course.side_by_side", description=__doc__.split("\n")[0])
    parser.add_argument("dataset")
    parser.add_argument("--only", nargs="*", metavar="STAGE")
    parser.add_argument("--fresh", action="store_true")
    chosen = parser.parse_args(arguments)
    # A process started in the background has Ctrl-C ignored; this one is stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        runner.run(chosen.dataset, chosen.only, chosen.fresh)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not type(error).__module__.startswith("mlfpga."):
            raise
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
