"""The dry run's .bit file: it stands where the bitstream would, says what it is, and configures nothing.

PYNQ keeps what it has read from a .hwh under the hash of the .bit beside it. So the stand-in carries the sha256 of the
handoff: another handoff, another .bit. The header is a real one (fields a to e, as PYNQ's `parse_bit_header` reads).
"""

import struct
from pathlib import Path

from mlfpga.artifacts import sha256, writing

_NOTICE = "This is not a bitstream. A dry run without Vivado wrote it to stand in for one; it configures nothing."


def write_standin(design, path, handoff=None) -> Path:
    """Write the stand-in beside its handoff.

    handoff: the .hwh it belongs to; default: the one with the same stem, which must exist (FileNotFoundError)
    """
    path = Path(path)
    handoff = Path(handoff) if handoff else path.with_suffix(".hwh")
    if not handoff.is_file():
        raise FileNotFoundError(f"there is no handoff {handoff}; write it first (Design.write_hwh)")
    payload = f"{_NOTICE}\nhandoff sha256: {sha256(handoff)}\n".encode("ascii")
    # PYNQ swaps the bytes of each 32-bit word on the way to the FPGA manager: a whole number of words.
    payload += b"\n" * (-len(payload) % 4)
    header = b"\x00\x09\x0f\xf0\x0f\xf0\x0f\xf0\x0f\xf0\x00\x00\x01"
    texts = {"a": f"{design.name}_wrapper;DRYRUN=TRUE;Version=dry run", "b": design.part}
    texts |= {"c": "1970/01/01", "d": "00:00:00"}
    for key, text in texts.items():
        data = text.encode("ascii") + b"\x00"
        header += key.encode("ascii") + struct.pack(">H", len(data)) + data
    with writing(path) as temporary:
        Path(temporary).write_bytes(header + b"e" + struct.pack(">I", len(payload)) + payload)
    return path


def is_standin(path) -> bool:
    """Whether a .bit file is a dry run's."""
    return _NOTICE.encode("ascii") in Path(path).read_bytes()[:4096]
