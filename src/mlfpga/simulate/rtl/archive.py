"""Find the folder of an IP: given as it is, one level up, or packed in a zip."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from mlfpga.artifacts import cache_root, sha256, writing_folder
from mlfpga.simulate.rtl.errors import RtlError


def ip_folder(path: Path | str) -> Path:
    """The folder with `component.xml` that `path` (an IP archive, that folder, or the folder above it) stands for.

    A zip is unpacked once, into the cache, under its content. Raises RtlError if there is no such file, if the zip is
    broken or would write outside its folder, or if there is not exactly one `component.xml`.
    """
    path = Path(path)
    if path.is_dir():
        return _only_component(path, path)
    if not path.exists():
        raise RtlError(f"{path} does not exist; give an IP archive (.zip) or a folder with component.xml")
    if not zipfile.is_zipfile(path):
        raise RtlError(f"{path} is not a zip archive; give an IP archive (.zip) or a folder with component.xml")
    return _only_component(_unpacked(path), path)


def _only_component(folder: Path, named: Path) -> Path:
    if (folder / "component.xml").is_file():
        return folder
    found = sorted(folder.glob("*/component.xml"))
    if not found:
        raise RtlError(f"{named} holds no component.xml; export the IP from Vitis HLS with export_design")
    if len(found) > 1:
        names = ", ".join(component.parent.name for component in found)
        raise RtlError(f"{named} holds several IPs ({names}); name the folder of one")
    return found[0].parent


def _unpacked(archive: Path) -> Path:
    folder = cache_root() / "rtl" / "ip" / f"{archive.stem[:60]}-{sha256(archive)[:16]}"
    if not folder.exists():
        with zipfile.ZipFile(archive) as packed:
            _refuse_escapes(packed, archive)
            with writing_folder(folder) as unpacked:
                _extract(packed, unpacked, archive)
    return folder


def _refuse_escapes(packed: zipfile.ZipFile, archive: Path) -> None:
    for member in packed.infolist():
        # Python's own extraction drops "..", which would hide a hostile or broken archive instead of refusing it.
        name = PurePosixPath(member.filename.replace("\\", "/"))
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if name.is_absolute() or ".." in name.parts or ":" in member.filename or is_link:
            raise RtlError(
                f"{archive} holds {member.filename}, which would lie outside its folder; it was not unpacked"
            )


def _extract(packed: zipfile.ZipFile, folder: Path, archive: Path) -> None:
    try:
        packed.extractall(folder)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise RtlError(f"{archive} cannot be unpacked: {error}; get the archive again") from None
