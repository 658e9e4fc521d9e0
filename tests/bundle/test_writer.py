"""A bundle holds all that the board needs, whole, and its vectors are the simulation's own words."""

import json

import numpy as np
import pytest

from mlfpga import bundle, formats
from mlfpga.formats import FixedPoint, RangeError, StreamFormat


class Doubler:
    """Stands for an accelerator: two numbers in, their doubles out, 16 bits each."""

    name, vlnv, part, clock_mhz = "doubler", "mlfpga:hls:doubler_axi:1.0", "xczu3eg-sfvc784-2-e", 100.0
    input = StreamFormat(FixedPoint.parse("ufixed<8,1>"), (2,))
    output = StreamFormat(FixedPoint.parse("fixed<16,6>"), (2,))

    def __init__(self, folder):
        self.folder = folder
        (folder / "hls/weights").mkdir(parents=True)
        (folder / "hls/top.cpp").write_text("// top")
        (folder / "hls/build_ip.log").write_text("not for the board")
        (folder / "notes.txt").write_text("not for the board")
        description = {"kind": "csim", "sources": ["hls/top.cpp"], "include": ["hls"], "weights": "hls/weights"}
        (folder / "simulation.json").write_text(json.dumps(description))

    def predict_words(self, words):
        return self.output.encode(2 * self.input.decode(words))


@pytest.fixture
def accelerator(tmp_path):
    return Doubler(tmp_path / "accelerator")


@pytest.fixture
def overlay(tmp_path):
    for name in ("design.bit", "design.hwh"):
        (tmp_path / name).write_text(name)
    return bundle.Overlay(tmp_path / "design.bit", tmp_path / "design.hwh", "dry run")


INPUTS = np.array([[0.5, 0.25], [0.0, 1.0], [1.0, 0.5]])
LABELS = np.array([0, 1, 1])


def write(tmp_path, accelerator, overlay, inputs=INPUTS, labels=LABELS):
    return bundle.write(tmp_path / "bundle", accelerator, overlay, inputs, labels, ["a", "b"], {"float": 0.9})


def test_the_bundle_is_complete_and_verifies(tmp_path, accelerator, overlay):
    manifest = write(tmp_path, accelerator, overlay)
    manifest.verify()
    assert set(manifest.files) == {
        "overlay.bit", "overlay.hwh", "vectors.npz", "driver.py", "formats.py", "manifest.py", "sim/simulation.json",
        "sim/hls/top.cpp",
    }  # fmt: skip
    assert StreamFormat.from_dict(manifest.to_dict()["output"]) == Doubler.output
    assert (manifest.folder / "formats.py").read_bytes() == open(formats.__file__, "rb").read()


def test_a_notebook_that_was_saved_after_a_run_spoils_nothing(tmp_path, accelerator, overlay):
    manifest = write(tmp_path, accelerator, overlay)
    notebook = manifest.folder / "deploy.ipynb"
    notebook.write_text(notebook.read_text() + "\n")
    manifest.verify()


def test_vectors_are_the_simulations_words_and_the_accuracy_is_measured(tmp_path, accelerator, overlay):
    manifest = write(tmp_path, accelerator, overlay)
    vectors = np.load(manifest.folder / "vectors.npz")
    assert (Doubler.output.decode(vectors["expected_words"]) == 2 * INPUTS).all()
    assert (vectors["inputs"] == INPUTS).all() and (vectors["labels"] == LABELS).all()
    assert manifest.expected.samples == 3
    assert manifest.expected.accuracy == {"float": 0.9, "c_simulation": 2 / 3}


def test_what_cannot_be_bundled_leaves_the_old_bundle_as_it_was(tmp_path, accelerator, overlay):
    before = write(tmp_path, accelerator, overlay)
    with pytest.raises(RangeError, match=r"1 of 6 values are outside ufixed<8,1>"):
        write(tmp_path, accelerator, overlay, inputs=INPUTS + [[0, 0], [0, 1.5], [0, 0]])
    with pytest.raises(bundle.BundleError) as caught:
        write(tmp_path, accelerator, overlay, labels=LABELS[:2])
    assert str(caught.value) == "3 inputs came with 2 labels"
    overlay.handoff.unlink()
    with pytest.raises(FileNotFoundError):
        write(tmp_path, accelerator, overlay)
    assert bundle.load(tmp_path / "bundle") == before
    before.verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accelerator", "bundle", "design.bit"]
