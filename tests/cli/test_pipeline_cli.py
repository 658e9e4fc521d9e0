"""`mlfpga pipeline`: from training to RTL on the command line, each step on what the one before left."""

import pytest

from mlfpga import cli
from mlfpga.accelerators.pipeline import load

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of integers made from a module that was trained for one epoch."""
    made = tmp_path_factory.mktemp("pipeline")
    assert cli.main(["pipeline", "train", "--dataset", "digits", "--epochs", "1", str(made / "digits.pt")]) == 0
    quantize = ["pipeline", "quantize", str(made / "digits.pt"), str(made / "integers"), "--post-training"]
    assert cli.main([*quantize, "--weight-bits", "3"]) == 0
    return made


def run(capsys, *words) -> tuple[int, str, str]:
    code = cli.main(["pipeline", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_quantize_writes_the_network_with_the_bits_asked_for(folder):
    network = load(folder / "integers")
    assert {layer.weight_bits for layer in network.layers} == {3}
    assert network.name == "digits_cnn" and list((folder / "integers").glob("*_weights.hex"))


def test_a_training_with_rounded_numbers_goes_on_from_the_float_one(folder, tmp_path, capsys):
    code, out, _ = run(capsys, "quantize", folder / "digits.pt", tmp_path / "aware", "--epochs", 1)
    assert code == 0 and "epoch 1/1" in out and "on the test samples, in integers" in out


def test_plan_tells_stages_and_what_limits(folder, tmp_path, capsys):
    code, out, _ = run(capsys, "plan", folder / "integers", "--cycles", 200, "--picture", tmp_path / "plan.png")
    assert code == 0 and (tmp_path / "plan.png").stat().st_size > 10_000
    assert "(limits)" in out and "an image every" in out and "conv_1" in out
    assert run(capsys, "plan", folder / "integers", "--share", 0.5)[0] == 0


@pytest.mark.slow
def test_export_and_simulate_agree_with_the_reference(folder, capsys):
    code, out, _ = run(capsys, "export", folder / "integers", folder / "ip", "--cycles", 200, "--name", "mine")
    assert code == 0 and "mlfpga:pipeline:mine:1.0" in out and (folder / "ip" / "ip" / "component.xml").is_file()
    code, out, _ = run(capsys, "simulate", folder / "ip", "--dataset", "digits", "--samples", 30)
    assert code == 0
    assert "30 samples" in out and "0 of 300 numbers differ from the reference" in out and "latency" in out


def test_estimate_asks_yosys_about_the_ip(folder, capsys, monkeypatch):
    from mlfpga.cli import synthesis

    asked = []
    monkeypatch.setattr(synthesis, "work_area", asked.append)
    assert run(capsys, "estimate", folder / "ip", "--blocks")[0] == 0
    assert (asked[0].ip, asked[0].blocks, asked[0].files) == (folder / "ip" / "ip", 1, [])


@pytest.mark.parametrize(
    "words, code, told",
    [
        (
            ["train", "--dataset", "recommender-generated", "x.pt"],
            1,
            "recommender-generated has no pictures; the course's",
        ),
        (["quantize", "absent.pt", "new"], 1, "absent.pt is not there"),
        (
            ["plan", "FOLDER/integers", "--cycles", "9", "--share", "1"],
            2,
            "--cycles and --share are two ways to choose",
        ),
        (["plan", "FOLDER/integers", "--cycles", "3"], 1, "3 cycles per image"),
        (["plan", "FOLDER"], 1, "network.json"),
        (["export", "FOLDER/integers", "FOLDER"], 2, "exists; name a new folder or remove this one"),
        (["quantize", "FOLDER/integers/network.json", "new"], 2, "is neither a .pt that train wrote nor a Keras model"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(folder, capsys, monkeypatch, tmp_path, words, code, told):
    monkeypatch.chdir(tmp_path)
    found, _, said = run(capsys, *(word.replace("FOLDER", str(folder)) for word in words))
    assert (found, told in said) == (code, True), said
    assert len(said.splitlines()) == 1


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, capsys):
    (tmp_path / "other.pt").write_bytes(b"not a checkpoint")
    code, _, said = run(capsys, "quantize", tmp_path / "other.pt", tmp_path / "new")
    assert code == 1 and "holds no network that `mlfpga pipeline train` wrote" in said
