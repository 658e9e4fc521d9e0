"""A manifest is read strictly, and every file of a bundle is held to its SHA-256."""

import copy
import hashlib
import json

import pytest

from mlfpga.bundle import BundleError, load

FILES = {"overlay.bit": b"bits", "overlay.hwh": b"<xml/>", "vectors.npz": b"zip", "sim/a.cpp": b"int x;"}
STREAM = {"number": "ufixed<8,1>", "shape": [64], "stream_bits": 32, "words_per_sample": 16}
ENTRY = {
    "schema": 2,
    "name": "digits_mlp",
    "case": "cnn",
    "board": "AUP-ZU3",
    "part": "xczu3eg-sfvc784-2-e",
    "clock_mhz": 100,
    "overlay": {
        "bitstream": "overlay.bit",
        "handoff": "overlay.hwh",
        "origin": "dry run",
        "dma": "axi_dma_0",
        "accelerator": "accelerator_0",
        "vlnv": "mlfpga:hls:digits_mlp_axi:1.0",
    },
    "input": STREAM,
    "output": STREAM,
    "classes": ["0", "1"],
    "vectors": "vectors.npz",
    "expected": {"samples": 2, "accuracy": {"float": 1, "c_simulation": 0.5}, "ranking": {}},
    "files": {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()},
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    write(tmp_path, ENTRY)
    return tmp_path


def write(folder, entry):
    (folder / "manifest.json").write_text(json.dumps(entry))


def test_a_whole_bundle_is_read_and_verified(folder):
    manifest = load(folder)
    manifest.verify()
    assert manifest.name == "digits_mlp" and manifest.clock_mhz == 100.0
    assert manifest.input.shape == (64,) and manifest.overlay.dma == "axi_dma_0"
    assert manifest.expected.accuracy == {"float": 1.0, "c_simulation": 0.5}
    assert json.loads(json.dumps(manifest.to_dict())) == ENTRY


def test_a_stream_says_how_many_pixels_travel_together_only_if_there_are_several(folder):
    entry = ENTRY | {"input": STREAM | {"pixels": 4}}
    write(folder, entry)
    manifest = load(folder)
    assert (manifest.input.pixels, manifest.output.pixels) == (4, 1)
    assert json.loads(json.dumps(manifest.to_dict())) == entry


@pytest.mark.parametrize("name", FILES)
def test_a_single_changed_bit_is_named(folder, name):
    content = bytearray(FILES[name])
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError) as caught:
        load(folder).verify()
    assert str(caught.value) == (
        f"{name} is not the file this bundle was made with (its SHA-256 differs from manifest.json); "
        "copy the folder again, or make the bundle anew with `mlfpga bundle`"
    )


def test_a_missing_file_is_named(folder):
    (folder / "sim/a.cpp").unlink()
    with pytest.raises(BundleError) as caught:
        load(folder).verify()
    assert str(caught.value) == f"sim/a.cpp is missing from the bundle {folder}; copy the whole folder again"


def test_files_that_the_manifest_does_not_know_are_left_alone(folder):
    (folder / "results.json").write_text("{}")
    load(folder).verify()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], 1, "{folder}/manifest.json has schema 1; this reader knows 2: make the bundle anew"),
        (["case"], "gan", "manifest.json: there is no case 'gan'; known are mlp, cnn, rnn"),
        (["expected", "ranking"], {"float": 1}, "manifest.json: expected: ranking.float: 1 is not an object"),
        (["name"], 3, "manifest.json: name: 3 is not a text"),
        (["clock_mhz"], True, "manifest.json: clock_mhz: true is not a number"),
        (["clock_mhz"], float("nan"), "manifest.json: clock_mhz: NaN is not a number"),
        (["overlay"], "x", 'manifest.json: overlay: "x" is not an object'),
        (["overlay", "dma"], None, "manifest.json: overlay: dma: null is not a text"),
        (["input", "shape"], 64, "manifest.json: input: shape: 64 is not a list"),
        (["input", "shape"], [6.5], "manifest.json: input: shape[0]: 6.5 is not an integer"),
        (["expected", "accuracy"], [], "manifest.json: expected: accuracy: [] is not an object"),
        (["files", "/etc/passwd"], "0", "manifest.json: files names '/etc/passwd', which is outside the bundle"),
        (["files", "../x"], "0", "manifest.json: files names '../x', which is outside the bundle"),
        (["vectors"], "other.npz", "manifest.json names other.npz, but has no SHA-256 for it in files"),
        (["colour"], "red", "manifest.json: colour is not known; known are schema, name, case, board, part, clock_mhz, "
         "overlay, input, output, classes, vectors, expected, files"),
    ],
)  # fmt: skip
def test_an_entry_that_does_not_fit_is_named(folder, path, value, message):
    entry = copy.deepcopy(ENTRY)
    place = entry
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    write(folder, entry)
    with pytest.raises(BundleError) as caught:
        load(folder)
    assert str(caught.value) == message.format(folder=folder)


def test_a_missing_entry_is_named(folder):
    entry = copy.deepcopy(ENTRY)
    del entry["overlay"]["vlnv"]
    write(folder, entry)
    with pytest.raises(BundleError) as caught:
        load(folder)
    assert str(caught.value) == "manifest.json: overlay: vlnv is missing"


def test_a_folder_without_a_manifest_and_one_cut_short_are_refused(folder):
    (folder / "manifest.json").write_text(json.dumps(ENTRY)[:100])
    with pytest.raises(BundleError, match=r"manifest.json is not JSON .*; copy the bundle again"):
        load(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(BundleError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder} is not a bundle: it has no manifest.json"


def test_a_manifest_that_is_no_text_is_refused(folder):
    (folder / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder}/manifest.json is not JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte); "
        "copy the bundle again"
    )


def test_a_file_is_not_a_bundle(folder):
    with pytest.raises(BundleError) as caught:
        load(folder / "manifest.json")
    assert str(caught.value) == f"{folder / 'manifest.json'} is not a bundle: it has no manifest.json"
