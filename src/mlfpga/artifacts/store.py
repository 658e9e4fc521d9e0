"""Folders of the course, content hashes, and writing that survives an interruption."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


class ArtifactError(Exception):
    """Something the course wanted to keep could not be written or found."""


def course_root() -> Path:
    """The checkout with `labs/`, `vivado/` and `deploy_templates/`; `MLFPGA_ROOT` overrides.

    The package is installed editable, so its own source tree tells where the checkout is.
    """
    named = os.environ.get("MLFPGA_ROOT")
    root = Path(named) if named else Path(__file__).resolve().parents[3]
    if not (root / "deploy_templates").is_dir():
        raise ArtifactError(
            f"{root} is not a checkout of the course (it has no deploy_templates/); "
            "set MLFPGA_ROOT to the folder that `git clone` made"
        )
    return root


def build_root() -> Path:
    """Where everything made goes: `build/` in the checkout; `MLFPGA_BUILD` overrides."""
    return named_folder("MLFPGA_BUILD") or course_root() / "build"


def cache_root() -> Path:
    """Where results named by their content are kept; `MLFPGA_CACHE` overrides. Deleting it loses only time."""
    return named_folder("MLFPGA_CACHE") or build_root() / "cache"


def named_folder(variable: str) -> Path | None:
    """The folder that an environment variable names, there or not; None if it names none.

    A relative one is seen from the checkout, where `make` is typed: each notebook runs in a folder of its own. (The
    command line resolves it before, from where it was typed.)
    """
    named = os.environ.get(variable)
    if not named:
        return None
    return Path(named).resolve() if Path(named).is_absolute() else (course_root() / named).resolve()


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_key(*parts: str | bytes | Path) -> str:
    """One hex key for texts, bytes, files and folders, in the order given.

    A `Path` stands for its content: a file's bytes, or every file below a folder with its relative name. Lengths are
    hashed too, so that no two different lists of parts run into the same bytes.
    """
    digest = hashlib.sha256()

    def add(data: bytes) -> None:
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)

    for part in parts:
        if isinstance(part, Path) and part.is_dir():
            for file in sorted(p for p in part.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
                add(file.relative_to(part).as_posix().encode())
                add(file.read_bytes())
        elif isinstance(part, Path):
            add(part.read_bytes())
        else:
            add(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary file beside `path`; it becomes `path` if the block ends well, and goes away if not.

    Raises ArtifactError if the disk is full, or if `path` cannot be written.
    """
    path = Path(path)
    with _explaining_refusal(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    # mkstemp makes private files; what we keep gets the permissions any new file would have.
    temporary.chmod(0o666 & ~_umask())
    try:
        with _explaining_full_disk(path):
            yield temporary
        with _explaining_refusal(path):
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` if the block ends well, and goes away if not.

    Raises ArtifactError if the disk is full, or if `path` cannot be written.
    """
    path = Path(path)
    with _explaining_refusal(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    temporary.chmod(0o777 & ~_umask())
    try:
        with _explaining_full_disk(path):
            yield temporary
        with _explaining_refusal(path):
            _replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(new: Path, path: Path) -> None:
    # A folder cannot be renamed over a full one, so the old one steps aside first; if we are stopped between the two
    # renames the folder is missing, never half there.
    if path.exists():
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
        os.replace(path, aside / "old")
        os.replace(new, path)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.replace(new, path)


@contextmanager
def _explaining_full_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if _says_full(error):
            raise ArtifactError(
                f"the disk is full: {path} was not written, and nothing half-written was left; free some space "
                "(`make clean` removes what the course built) and run again"
            ) from error
        raise


@contextmanager
def _explaining_refusal(path: Path) -> Iterator[None]:
    """For our own steps: a refusal of the system names what the caller wants to keep, not our temporary name."""
    try:
        with _explaining_full_disk(path):
            yield
    except OSError as error:
        reason = f"{path.parent} is a file" if path.parent.is_file() else error.strerror
        raise ArtifactError(f"{path} cannot be written: {reason}; choose another place") from error


def _says_full(error: OSError) -> bool:
    if error.errno is not None:
        return error.errno in _FULL
    # Two that carry no number: copytree lists what the system said of each file, and NumPy tells only of a short write.
    said = str(error)
    return any(os.strerror(number) in said for number in _FULL) or bool(_SHORT_WRITE.fullmatch(said))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
