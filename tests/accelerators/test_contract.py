"""An accelerator comes back from its folder as it was saved; a damaged description is named, with the way out."""

import json
from pathlib import Path

import pytest

from mlfpga.accelerators import Accelerator, AcceleratorError
from mlfpga.formats import FixedPoint, StreamFormat


@pytest.fixture
def saved(tmp_path) -> Accelerator:
    return Accelerator(
        name="small",
        top="small_axi",
        vlnv="mlfpga:hls:small_axi:1.0",
        kind="hls4ml",
        input=StreamFormat(FixedPoint.parse("ufixed<8,1>"), (2, 3)),
        output=StreamFormat(FixedPoint.parse("fixed<16,6>"), (4,)),
        folder=tmp_path,
        clock_mhz=125.0,
        settings={"reuse": {"dense": 4}},
    ).save()


def test_what_was_saved_is_loaded(saved):
    assert Accelerator.load(saved.folder) == saved
    assert Accelerator.load(str(saved.folder)) == saved


def test_a_copy_is_the_same_accelerator_elsewhere(saved, tmp_path):
    copy = saved.copy(tmp_path / "copy")
    assert copy.folder == tmp_path / "copy" and Accelerator.load(copy.folder) == copy


def test_two_stream_widths_are_refused(saved):
    with pytest.raises(AcceleratorError) as error:
        Accelerator("a", "b", "c", "d", saved.input, StreamFormat(saved.output.number, (4,), 64), saved.folder)
    assert str(error.value) == (
        "a: the input stream is 32 bits wide and the output stream 64; the DMA has one width for both"
    )


def test_a_folder_without_an_accelerator_says_where_one_is_made(tmp_path):
    with pytest.raises(AcceleratorError) as error:
        Accelerator.load(tmp_path)
    assert str(error.value) == f"{tmp_path} holds no accelerator (no accelerator.json); lab 03 makes one"


def without(name: str):
    return lambda entry: entry.pop(name)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without("top"), "'top' is missing"),
        (without("input"), "'input' is missing"),
        (lambda entry: entry["output"].pop("shape"), "'shape' is missing"),
        (lambda entry: entry.update(top=None), "top is None"),
        (lambda entry: entry.update(clock_mhz="100"), "clock_mhz is '100'"),
        (lambda entry: entry.update(settings=[]), "settings is []"),
        (lambda entry: entry.update(color="red"), "the entry color is not known"),
    ],
)
def test_a_damaged_entry_is_named(saved, damage, reason):
    path = saved.folder / "accelerator.json"
    entry = json.loads(path.read_text())
    damage(entry)
    path.write_text(json.dumps(entry))
    with pytest.raises(AcceleratorError) as error:
        Accelerator.load(saved.folder)
    assert str(error.value) == f"{path} does not describe an accelerator: {reason}; make the accelerator again (lab 03)"


def test_a_file_cut_anywhere_is_refused_by_name(saved):
    path: Path = saved.folder / "accelerator.json"
    whole = path.read_bytes()
    for length in range(len(whole) - 2):
        path.write_bytes(whole[:length])
        with pytest.raises(AcceleratorError, match=f"^{path} does not describe an accelerator: .*; make the acc"):
            Accelerator.load(saved.folder)
    for content in (b"[]", b"\xff\xfe", b"null", b"\x00" * 100):
        path.write_bytes(content)
        with pytest.raises(AcceleratorError, match=f"^{path} does not describe an accelerator: .*; make the acc"):
            Accelerator.load(saved.folder)
