"""Jobs on a Dask cluster: other machines, with the same version of this library, behind the address of a scheduler."""

import logging
import queue
import re
import threading
import time
from collections.abc import Iterator, Sequence

from mlfpga.compress.errors import CompressError
from mlfpga.compress.sweeps.processes import Worker, cores
from mlfpga.compress.sweeps.recipe import Recipe
from mlfpga.compress.sweeps.task import Failure, Result

_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})")
# A scheduler that is there answers in milliseconds, one across the world in a second.
_ANSWER_SECONDS = 5
_WITHOUT_WORKERS_SECONDS = 10

_WAY_OUT = "or leave the address out: then this machine's cores do the work"


def check_address(address: str) -> None:
    """Raises CompressError unless `address` looks like that of a scheduler."""
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if not found or not 0 < int(found[3]) < 65536:
        raise CompressError(
            f"{address!r} is not the address of a Dask scheduler; it looks like tcp://host:8786. Give one like that, "
            f"{_WAY_OUT}"
        )


def outcomes(
    inputs: bytes, recipes: Sequence[Recipe], address: str
) -> Iterator[tuple[int, Result | Failure | None] | None]:
    """As `processes.outcomes`, on the cluster whose scheduler is at `address`; all recipes count as started at once.

    Each job runs in a process of its own beside the Dask worker that got it, so that jobs of one worker do not get in
    each other's way. If the sweep is interrupted, jobs that wait are withdrawn; those that run end unheard.

    Raises CompressError if the address is none, if nothing answers there within a few seconds, if the cluster has no
    workers, or if it goes away.
    """
    check_address(address)
    client = _connected(address)
    try:
        _require_workers(client, address)
        happened: queue.SimpleQueue = queue.SimpleQueue()
        shared = client.scatter(inputs, hash=False)
        jobs = {
            client.submit(_do, shared, recipe, pure=False, retries=0): index for index, recipe in enumerate(recipes)
        }
        for job, index in jobs.items():
            job.add_done_callback(happened.put)
            yield index, None
        left, alone_since = len(recipes), None
        while left:
            try:
                job = happened.get(timeout=1)
            except queue.Empty:
                alone_since = _check_alive(client, address, alone_since)
                yield None
                continue
            left -= 1
            yield jobs[job], _outcome(job)
    finally:
        client.close(timeout=_ANSWER_SECONDS)


def _do(inputs: bytes, recipe: Recipe) -> Result | Failure:
    """On the cluster: the job, in a process with this worker's share of the machine."""
    from distributed import get_worker

    worker = Worker(inputs, max(1, cores() // get_worker().state.nthreads))
    try:
        return worker.do(recipe)
    finally:
        worker.close()


def _connected(address: str):
    from distributed import Client  # a second of import, and only a sweep that asks for a cluster needs it

    # Dask logs each failed attempt; the one message below says it all.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    made: queue.SimpleQueue = queue.SimpleQueue()

    def connect() -> None:
        try:
            made.put(Client(address, timeout=_ANSWER_SECONDS, set_as_default=False))
        except Exception as error:
            made.put(error)

    # In a thread, because Dask's own limit does not hold for a port that takes the connection and then says nothing.
    threading.Thread(target=connect, daemon=True).start()
    try:
        client = made.get(timeout=_ANSWER_SECONDS + 1)
    except queue.Empty:
        client = TimeoutError("no answer")
    if isinstance(client, Exception):
        raise CompressError(
            f"no Dask scheduler answers at {address} ({_ANSWER_SECONDS} s waited); start one there with "
            f"`dask scheduler`, correct the address, {_WAY_OUT}"
        ) from client
    return client


def _require_workers(client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_WITHOUT_WORKERS_SECONDS)
    except TimeoutError as error:
        raise CompressError(
            f"the Dask cluster at {address} has no workers; start some with `dask worker {address} --nthreads 1` where "
            f"this library is installed, {_WAY_OUT}"
        ) from error


def _check_alive(client, address: str, alone_since: float | None) -> float | None:
    """Since when the cluster has no workers (None: it has some); CompressError when that is too long."""
    gone = client.status != "running"
    if not gone and client.nthreads():
        return None
    alone_since = alone_since or time.monotonic()
    if time.monotonic() - alone_since > _WITHOUT_WORKERS_SECONDS:
        what = "no longer answers" if gone else "has lost its workers"
        raise CompressError(
            f"the Dask cluster at {address} {what}; what was finished is kept: run the sweep again when it is back, "
            f"{_WAY_OUT}"
        )
    return alone_since


def _outcome(job) -> Result | Failure:
    if job.status == "finished":
        return job.result()
    if job.status == "error":
        error = job.exception()
        return Failure(f"the cluster could not do it: {type(error).__name__}: {error}")
    return Failure(f"the cluster dropped it ({job.status})")
