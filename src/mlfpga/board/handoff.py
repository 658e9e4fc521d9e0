"""Which hardware handoff belongs to what a notebook gave to `Overlay`: beside a .bit, or inside an .xsa.

An .xsa (Xilinx support archive) is a zip. Its `sysdef.xml` names the handoff of the whole design among those of the
sub-designs that Vivado packs with it.
"""

import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from mlfpga.artifacts import content_key
from mlfpga.board.errors import HandoffError

LARGEST_HANDOFF = 256 << 20
"""Bytes; a large design's handoff has a few million."""


def find_handoff(overlay: Path) -> Path:
    """The .hwh of an overlay (.bit, .bin or .xsa); that of an .xsa is unpacked into the temporary folder.

    Raises HandoffError if an .xsa is no archive, holds no bitstream, or holds no handoff.
    """
    return _unpacked(overlay) if overlay.suffix == ".xsa" else overlay.with_suffix(".hwh")


def _unpacked(archive: Path) -> Path:
    try:
        with zipfile.ZipFile(archive) as content:
            if not any(name.endswith(".bit") for name in content.namelist()):
                raise HandoffError(
                    f"{archive} holds no bitstream, so no board can load it; export the hardware again with "
                    "`write_hw_platform -fixed -include_bit`"
                )
            name = _default_handoff(archive, content)
            size = content.getinfo(name).file_size
            if size > LARGEST_HANDOFF:
                raise HandoffError(
                    f"{archive}: its {name} unpacks to {size:,} bytes, and no handoff has more than "
                    f"{LARGEST_HANDOFF:,}; export it again"
                )
            data = content.read(name)
    except FileNotFoundError:
        raise HandoffError(f"{archive} is not there; overlays are looked for in the notebook's own folder") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise HandoffError(f"{archive} is not a whole .xsa archive: {error}; copy or export it again") from None
    # The name in the archive is only a name: the file's place is ours, so nothing is written outside it.
    folder = Path(tempfile.gettempdir()) / f"mlfpga_xsa_{content_key(data)[:16]}"
    folder.mkdir(exist_ok=True)
    target = folder / PurePosixPath(name).name
    target.write_bytes(data)
    return target


def _default_handoff(archive: Path, content: zipfile.ZipFile) -> str:
    """Name of the whole design's handoff in the archive."""
    handoffs = [name for name in content.namelist() if name.endswith(".hwh")]
    if not handoffs:
        raise HandoffError(f"{archive} holds no hardware handoff (.hwh); export the hardware of a block design")
    try:
        files = ElementTree.fromstring(content.read("sysdef.xml")).findall("File")
    except (KeyError, ElementTree.ParseError):
        files = []
    for file in files:
        if file.get("BD_TYPE") == "DEFAULT_BD" and file.get("Name") in handoffs:
            return file.get("Name", "")
    return handoffs[0]
