"""A bundle holds all that the board needs, whole, and its vectors are the simulation's own words."""

import json

import numpy as np
import pytest

from mlfpga import bundle, cli, formats
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


HANDOFF = """<EDKSYSTEM><MODULES>
<MODULE FULLNAME="/axi_dma_0" VLNV="xilinx.com:ip:axi_dma:7.1"><PARAMETERS>
<PARAMETER NAME="C_M_AXIS_MM2S_TDATA_WIDTH" VALUE="32"/><PARAMETER NAME="c_s_axis_s2mm_tdata_width" VALUE="32"/>
</PARAMETERS></MODULE>
<MODULE FULLNAME="/accelerator_0" VLNV="mlfpga:hls:doubler_axi:1.0"/>
</MODULES></EDKSYSTEM>"""


@pytest.fixture
def accelerator(tmp_path):
    return Doubler(tmp_path / "accelerator")


@pytest.fixture
def overlay(tmp_path):
    (tmp_path / "design.bit").write_text("design.bit")
    (tmp_path / "design.hwh").write_text(HANDOFF)
    return bundle.Overlay(tmp_path / "design.bit", tmp_path / "design.hwh", "dry run")


INPUTS = np.array([[0.5, 0.25], [0.0, 1.0], [1.0, 0.5]])
LABELS = np.array([0, 1, 1])


def write(tmp_path, accelerator, overlay, inputs=INPUTS, labels=LABELS, **more):
    return bundle.write(tmp_path / "bundle", accelerator, overlay, inputs, labels, ["a", "b"], {"float": 0.9}, **more)


def test_the_bundle_is_complete_and_verifies(tmp_path, accelerator, overlay):
    manifest = write(tmp_path, accelerator, overlay)
    manifest.verify()
    assert set(manifest.files) == {
        "overlay.bit", "overlay.hwh", "vectors.npz", "driver.py", "formats.py", "exercises.py", "manifest.py",
        "sim/simulation.json", "sim/hls/top.cpp",
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


def test_the_case_is_told_or_seen_in_the_shape(tmp_path, accelerator, overlay):
    assert write(tmp_path, accelerator, overlay).case == "mlp"
    assert write(tmp_path, accelerator, overlay, case="rnn").case == "rnn"
    accelerator.input = StreamFormat(accelerator.input.number, (1, 2))
    accelerator.output = StreamFormat(accelerator.output.number, (1, 2))
    assert write(tmp_path, accelerator, overlay, inputs=INPUTS[:, np.newaxis]).case == "cnn"
    with pytest.raises(bundle.BundleError) as caught:
        write(tmp_path, accelerator, overlay, case="gan")
    assert str(caught.value) == "there is no case 'gan'; choose one of mlp, cnn, rnn"


def test_a_ranking_is_measured_too_with_ties_for_the_smaller_index(tmp_path, accelerator, overlay):
    """Oracle: the place of the label in Python's own stable sort."""
    items = 12
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 4, (40, items)) / 4  # many equal ones
    labels = generator.integers(0, items, 40)
    accelerator.input = StreamFormat(accelerator.input.number, (items,))
    accelerator.output = StreamFormat(accelerator.output.number, (items,))
    before = {"float": {"top_1": 0.5}}
    manifest = write(tmp_path, accelerator, overlay, scores, labels, case="rnn", ranking=before)
    orders = [sorted(range(items), key=lambda item, row=row: -row[item]) for row in scores]
    places = [1 + order.index(label) for order, label in zip(orders, labels, strict=True)]
    assert manifest.expected.ranking == before | {
        "c_simulation": {
            "top_1": sum(place == 1 for place in places) / 40,
            "top_5": sum(place <= 5 for place in places) / 40,
            "top_10": sum(place <= 10 for place in places) / 40,
            "mrr_10": pytest.approx(sum(1 / place for place in places if place <= 10) / 40, abs=1e-12),
        }
    }
    assert manifest.expected.accuracy["c_simulation"] == manifest.expected.ranking["c_simulation"]["top_1"]


def test_what_cannot_be_bundled_leaves_the_old_bundle_as_it_was(tmp_path, accelerator, overlay):
    before = write(tmp_path, accelerator, overlay)
    with pytest.raises(RangeError, match=r"1 of 6 values are outside ufixed<8,1>"):
        write(tmp_path, accelerator, overlay, inputs=INPUTS + [[0, 0], [0, 1.5], [0, 0]])
    with pytest.raises(bundle.BundleError) as caught:
        write(tmp_path, accelerator, overlay, labels=LABELS[:2])
    assert str(caught.value) == "3 inputs came with 2 labels; give one for each, and at least one"
    with pytest.raises(bundle.BundleError, match="^0 inputs came with 0 labels; "):
        write(tmp_path, accelerator, overlay, inputs=INPUTS[:0], labels=LABELS[:0])
    overlay.handoff.unlink()
    with pytest.raises(FileNotFoundError):
        write(tmp_path, accelerator, overlay)
    assert bundle.load(tmp_path / "bundle") == before
    before.verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accelerator", "bundle", "design.bit"]


WAY_OUT = "make the overlay of this accelerator (lab 04), then the bundle"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('"/axi_dma_0"', '"/dma"', f"design.hwh has no IP named axi_dma_0; it has dma, accelerator_0: {WAY_OUT}"),
        (
            "doubler_axi",
            "mixer_axi",
            "design.hwh: accelerator_0 is mlfpga:hls:mixer_axi:1.0, not mlfpga:hls:doubler_axi:1.0; " + WAY_OUT,
        ),
        ("ip:axi_dma:", "ip:axi_cdma:", "design.hwh: axi_dma_0 is xilinx.com:ip:axi_cdma:7.1, not axi_dma; " + WAY_OUT),
        (
            'WIDTH" VALUE="32"',
            'WIDTH" VALUE="64"',
            "design.hwh: axi_dma_0 has c_m_axis_mm2s_tdata_width = 64, but the accelerator's streams are 32 bits wide; "
            + WAY_OUT,
        ),
    ],
)
def test_another_accelerator_s_overlay_is_refused(tmp_path, accelerator, overlay, old, new, message):
    overlay.handoff.write_text(HANDOFF.replace(old, new))
    with pytest.raises(bundle.BundleError) as caught:
        write(tmp_path, accelerator, overlay)
    assert str(caught.value) == message
    assert not (tmp_path / "bundle").exists()


def test_a_handoff_that_was_cut_short_is_refused(tmp_path, accelerator, overlay):
    overlay.handoff.write_text(HANDOFF[:100])
    with pytest.raises(bundle.BundleError, match=r"design\.hwh is not a whole hardware handoff: "):
        write(tmp_path, accelerator, overlay)


def test_inputs_between_the_steps_of_float32_are_simulated_as_the_board_reads_them(tmp_path, accelerator, overlay):
    almost = np.full((1, 2), 0.5 - 1e-12)  # 0.5 in float32
    manifest = write(tmp_path, accelerator, overlay, inputs=almost, labels=LABELS[:1])
    vectors = np.load(manifest.folder / "vectors.npz")
    assert (Doubler.output.decode(vectors["expected_words"]) == 2 * vectors["inputs"]).all()


def test_verifying_on_the_command_line_asks_the_overlay_too(tmp_path, accelerator, overlay, capsys):
    folder = write(tmp_path, accelerator, overlay).folder
    assert cli.main(["bundle", "verify", str(folder)]) == 0
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("doubler_axi:1.0", "doubler_axi:2.0"))
    assert cli.main(["bundle", "verify", str(folder)]) == 1
    assert capsys.readouterr().err == (
        "mlfpga: overlay.hwh: accelerator_0 is mlfpga:hls:doubler_axi:1.0, not mlfpga:hls:doubler_axi:2.0; "
        + WAY_OUT
        + "\n"
    )
