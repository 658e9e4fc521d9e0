"""What compilers make for a simulation: made once, kept whole in the cache, and no compiler outlives us."""

import errno
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from mlfpga.artifacts import sha256, writing_folder
from mlfpga.simulate.model import SimulationError

STAMP = "sha256sums"
"""In every folder that `build_once` keeps: the hash of each file, as `sha256sum` writes and checks them."""

# Descriptor 3 is our pipe. `read` ends when we close it or when the kernel does because we are gone; then the whole
# process group ends: the program, and what it started itself (g++ starts cc1plus).
_GUARD = (
    "exec 3<&0 </dev/null; { read -r _ <&3; kill -9 0; } >/dev/null 2>&1 & "
    '"$@" 3<&-; status=$?; kill -9 $!; exit $status'
)
_DISK_FULL = os.strerror(errno.ENOSPC)
_LEFTOVER = re.compile(r"\.(.+-[0-9a-f]{20})\..+")


class Tools:
    """Runs compilers that end when the `with` block ends, or when our process does, however it is killed.

    scratch  where they put their temporary files
    """

    def __init__(self, scratch: Path):
        self._environment = {"TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}  # English: their messages are searched

    def __enter__(self) -> "Tools":
        self._pipe = list(os.pipe())
        return self

    def __exit__(self, *_) -> None:
        for end in self._pipe:
            os.close(end)

    def run(self, command: Sequence[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Run one program to its end; its two outputs are texts.

        Raises SimulationError if the disk became full.
        """
        done = subprocess.run(
            ["/bin/sh", "-c", _GUARD, "sh", *command],
            stdin=self._pipe[0],
            capture_output=True,
            text=True,
            errors="replace",
            env={**(environment or os.environ), **self._environment},
            start_new_session=True,
        )
        if done.returncode and _DISK_FULL in done.stderr:
            raise SimulationError(
                f"the disk became full while {Path(command[0]).name} ran; free some space and run again"
            )
        return done

    def run_all(self, work: Callable, jobs: Sequence) -> None:
        """Call `work` (which calls `run`) with every job, on all cores; the first that raises ends the others."""
        pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        try:
            list(pool.map(work, jobs))
        except BaseException:
            # Every guard reads the end of the pipe: nothing is left to wait for.
            os.close(self._pipe.pop())
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def build_once(folder: Path, what: str, make: Callable[[Path], None], announce: bool = True) -> Path:
    """`folder`, filled by `make(empty folder)` unless that was done before; `announce` says so when it begins.

    Its name must end in a hyphen and 20 hex digits that stand for its content. A folder that was damaged since, and one
    whose build was killed, is built again; of two processes that want the same one, one builds and the other waits.
    """
    if _is_whole(folder):
        return folder
    with _alone(folder, f"another process is building {what}; waiting for it …"):
        _sweep(folder.parent, folder.name)
        if not _is_whole(folder):
            if announce:
                why = "it is damaged in the cache" if folder.exists() else "once; usually under a minute"
                print(f"building {what} ({why}) …", flush=True)
            with writing_folder(folder) as made:
                make(made)
                _stamp(made)
    return folder


def _stamp(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    (folder / STAMP).write_text("".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files))


def _is_whole(folder: Path) -> bool:
    # A library cut short would end Python itself, with a bus error; a ROM cut short would give wrong results.
    try:
        lines = (folder / STAMP).read_text().splitlines()
        return all(sha256(folder / name) == digest for digest, name in (line.split("  ", 1) for line in lines))
    except (OSError, ValueError):
        return False


@contextmanager
def _alone(folder: Path, waiting: str) -> Iterator[None]:
    """While the block runs, no other process that asks for the same folder is in such a block."""
    lock = _lock(_lock_file(folder), waiting)
    try:
        yield
    finally:
        if lock is not None:
            _lock_file(folder).unlink(missing_ok=True)
            os.close(lock)


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _lock(path: Path, waiting: str | None) -> int | None:
    """The open, locked file; None if files cannot be locked here, or if it is taken and there is nothing to wait for.

    The system gives it free when its process ends, however it ends.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:
            return None  # whoever writes into the folder next says why that is not possible
        held = False
        try:
            held = _take(handle, waiting) and _names(path, handle)
        except OSError:
            return None  # taken; or no locks on this file system: then two that build the same both do, and end well
        finally:
            if not held:
                os.close(handle)
        if held:
            return handle


def _take(handle: int, waiting: str | None) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is None:
            raise
        print(waiting, flush=True)
        fcntl.flock(handle, fcntl.LOCK_EX)
    return True


def _names(path: Path, handle: int) -> bool:
    """Whether the file that was opened is still the one at `path`: who had the lock before removed it."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sweep(folder: Path, locked: str) -> None:
    """Remove what killed builds left: temporary names whose lock nobody holds. `locked` is held by us."""
    leftovers: dict[str, list[Path]] = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _LEFTOVER.fullmatch(path.name)
        if found:
            leftovers.setdefault(found[1], []).append(path)
    for name, paths in leftovers.items():
        own = name == locked
        lock = None if own else _lock(_lock_file(folder / name), None)
        if lock is None and not own:
            continue
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif not (own and path == _lock_file(folder / name)):
                path.unlink(missing_ok=True)
        if lock is not None:
            _lock_file(folder / name).unlink(missing_ok=True)
            os.close(lock)
