"""The stand-in for the bitstream: honest about what it is, and another one for another handoff."""

import struct

import pytest

from mlfpga.artifacts import sha256
from mlfpga.blockdesign import is_standin


def write(run, folder, **settings):
    folder.mkdir()
    design = run(**settings)
    design.write_hwh(folder / "overlay.hwh")
    return design.write_bitstream_standin(folder / "overlay.bit")


def test_it_carries_the_hash_of_its_handoff_and_says_what_it_is(run, tmp_path):
    bitstream = write(run, tmp_path / "a")
    text = bitstream.read_bytes().decode("latin-1")
    assert f"handoff sha256: {sha256(tmp_path / 'a' / 'overlay.hwh')}" in text
    assert "This is not a bitstream." in text
    assert is_standin(bitstream)


def test_another_handoff_gives_another_file_and_the_same_one_the_same(run, tmp_path):
    first, again, other = (
        write(run, tmp_path / name, **settings).read_bytes()
        for name, settings in (("a", {}), ("b", {}), ("c", {"clock_mhz": 150}))
    )
    assert first == again != other


def test_its_header_is_that_of_a_bit_file(run, tmp_path):
    """The fields a to e one after the other, as Xilinx's tools write them; the data is whole 32-bit words."""
    data = write(run, tmp_path / "a").read_bytes()
    position = 2 + struct.unpack(">H", data[:2])[0] + 2
    fields = {}
    while data[position] != ord("e"):
        key, length = chr(data[position]), struct.unpack(">H", data[position + 1 : position + 3])[0]
        fields[key] = data[position + 3 : position + 3 + length].rstrip(b"\x00").decode()
        position += 3 + length
    length = struct.unpack(">I", data[position + 1 : position + 5])[0]
    assert fields["a"].startswith("accelerator_system_wrapper;") and fields["b"] == "xczu3eg-sfvc784-2-e"
    assert position + 5 + length == len(data) and length % 4 == 0


def test_it_needs_its_handoff(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no handoff .*overlay.hwh; write it first"):
        run().write_bitstream_standin(tmp_path / "overlay.bit")


def test_a_real_bitstream_is_not_taken_for_one(tmp_path):
    path = tmp_path / "real.bit"
    path.write_bytes(b"\x00\x09\x0f\xf0" + bytes(100))
    assert not is_standin(path)
