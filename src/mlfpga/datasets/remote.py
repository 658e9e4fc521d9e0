"""Published files: found in the user's folder, in the cache, or on the network; believed only if their hash is right.

The order is `MLFPGA_DATA` (the user's folder, read only), `cache_root()/datasets`, the mirrors. A file reaches the
cache only after its content was checked, and whole or not at all: an interrupted run leaves nothing to clean up.
"""

import gzip
import hashlib
import urllib.request
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from mlfpga.artifacts import cache_root, named_folder, writing
from mlfpga.datasets.dataset import DatasetError

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class RemoteFile:
    """A file that one or several public places offer, gzip-compressed or plain.

    dataset      its folder's name
    name         its name without .gz
    sha256       of the decompressed content
    mirrors      addresses to put `published_as` behind, tried in this order
    compressed   whether they offer it as `name`.gz
    folders      other names that its folder in MLFPGA_DATA may have
    common_name  whether files of other datasets are called the same: then it is looked for in its own folder only
    """

    dataset: str
    name: str
    sha256: str
    mirrors: tuple[str, ...]
    compressed: bool = True
    folders: tuple[str, ...] = ()
    common_name: bool = False

    @property
    def published_as(self) -> str:
        """The file's name at its public place, and in the cache."""
        return f"{self.name}.gz" if self.compressed else self.name


def content(file: RemoteFile) -> bytes:
    """The verified, decompressed content. Raises DatasetError, which says where it was looked for and what to do."""
    own = _in_own_folder(file)
    if own is not None:
        return _verified(own.read_bytes(), file, str(own), "replace it, or point MLFPGA_DATA to another folder")

    cached = cache_root() / "datasets" / file.dataset / file.published_as
    if cached.is_file():
        try:
            return _verified(cached.read_bytes(), file, str(cached), "")
        except DatasetError:
            # The cache is ours: a file that went bad there is simply fetched again.
            cached.unlink()
    return _download(file, cached)


def _in_own_folder(file: RemoteFile) -> Path | None:
    """The file in the folder named by MLFPGA_DATA, or in its subfolder for the dataset; None if not there."""
    folder = named_folder("MLFPGA_DATA")
    if folder is None:
        return None
    if not folder.is_dir():
        raise DatasetError(f"MLFPGA_DATA is {folder}, which is not a folder; correct it or unset it")
    places = [folder / name for name in (file.dataset, *file.folders)] + [folder] * (not file.common_name)
    candidates = (place / f"{file.name}{suffix}" for place in places for suffix in (".gz", ""))
    return next((path for path in candidates if path.is_file()), None)


def _download(file: RemoteFile, cached: Path) -> bytes:
    failures = []
    for mirror in file.mirrors:
        address = f"{mirror}{file.published_as}"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as response:
                data = response.read()
            unpacked = _verified(data, file, address, "")
        except (OSError, HTTPException, DatasetError) as error:
            failures.append(f"{address}: {error}")
            continue
        with writing(cached) as path:
            path.write_bytes(data)
        return unpacked
    raise DatasetError(
        f"{file.dataset}: {file.published_as} could not be downloaded. Without a network, put {file.dataset}'s files "
        f"into {named_folder('MLFPGA_DATA') or 'a folder and set MLFPGA_DATA to it'}. Tried:\n  "
        + "\n  ".join(failures)
    )


def _verified(data: bytes, file: RemoteFile, where: str, way_out: str) -> bytes:
    """`data` decompressed, if its hash is the published one."""
    ending = f"; {way_out}" if way_out else ""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise DatasetError(f"{where} is truncated or damaged ({error}){ending}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise DatasetError(
            f"{where} is not the published file (sha256 {digest[:12]}…, expected {file.sha256[:12]}…){ending}"
        )
    return data
