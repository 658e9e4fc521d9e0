"""The figures of the case studies: read off the stages of labs that are replaced by records here."""

import io
import json
from dataclasses import dataclass

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.course import StageError, figures, stages_of
from mlfpga.course.figures import cases, entries

pytestmark = pytest.mark.host

RANKING = {"top_1": 0.197, "top_5": 0.7074, "top_10": 0.991, "mrr_10": 0.402}
COMPRESSION = {"weights": 900, "weight_bits": 6, "activation_bits": 8, "sparsity": 0.625}
PULSES = np.random.default_rng(0).integers(0, 512, (20, 161)) / 512


@dataclass
class Pulses:
    """Twenty pulses; fold n tests four of them."""

    x_train: np.ndarray
    x_validation: np.ndarray
    x_test: np.ndarray

    def split(self, name):
        return getattr(self, f"x_{name}"), None


def fold_of(name):
    test = np.arange(20) % 5 == int(name[-1]) - 1 if name[-1].isdigit() else np.arange(20) < 4
    rest = PULSES[~test]
    return Pulses(rest[:12], rest[12:], PULSES[test])


@pytest.fixture
def labs(tmp_path, monkeypatch):
    """Labs that finish at once; returns the metrics they leave, to be changed, and the datasets that were run."""
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path))
    monkeypatch.setattr(datasets, "load", fold_of)
    board = {"accuracy": 0.99, "samples": 10_000, "words_compared": 70, "words_equal": 70}
    metrics = {
        "mnist": {"training": {"accuracy": 0.9912}, "board": board},
        "recommender": {"training": RANKING, "board": board | RANKING | {"top_5": 0.7024}},
        "pulses-transfer": {"training": {"accuracy": 0.981}, "board": board | {"accuracy": 0.976, "samples": 1798}},
    }
    for fold in cases.FOLDS:
        metrics[fold] = {"training": {"accuracy": 1.0}, "board": board | {"accuracy": 0.75, "samples": 4}}
    ran = []

    def run_labs(build, dataset, *arguments, show=False):
        assert show and not arguments
        ran.append(dataset)
        for name, recorded in ({"compression": COMPRESSION} | metrics[dataset]).items():
            folder = build / dataset / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "metrics.json").write_text(json.dumps(recorded))
            np.savez(folder / "vectors.npz", inputs=metrics.get("inputs", lambda n: fold_of(n).x_test)(dataset))
        for number, stage in enumerate(stages_of(dataset)):
            folder = build / dataset / "labs"
            folder.mkdir(parents=True, exist_ok=True)
            seconds = 60 + 60 * (dataset == "pulses-fold3") if number < 5 else 1000
            (folder / f"{stage.label}.json").write_text(json.dumps({"seconds": seconds}))

    monkeypatch.setattr(cases, "run_labs", run_labs)
    return metrics, ran


def measured():
    return {entry["name"].removeprefix("cases."): entry for entry in cases.cases()}


def test_every_figure_of_the_issue_is_read_off_the_stages(labs):
    found = measured()
    assert {name: (entry["value"], entry["limit"]) for name, entry in found.items()} == {
        "mnist_float": (99.12, 99.0),
        "mnist_board": (99.0, 98.8),
        "mnist_weights": (900, 12_000),
        "mnist_weight_bits": (6, 8),
        "mnist_activation_bits": (8, 8),
        "mnist_zeros": (62.5, 50),
        "mnist_words_different": (0, 0),
        "pulses_float": (100.0, 99.5),
        "pulses_board": (75.0, 99.3),
        "pulses_weights": (900, 1_500),
        "pulses_words_different": (0, 0),
        "transfer_float": (98.1, None),
        "transfer_board": (97.6, 97.5),
        "transfer_weights": (900, 1_500),
        "transfer_words_different": (0, 0),
        "recommender_float_top_10": (0.991, 0.99),
        "recommender_float_top_5": (0.7074, 0.70),
        "recommender_apart_top_1": (0.0, 0.005),
        "recommender_apart_top_5": (0.005, 0.005),
        "recommender_apart_top_10": (0.0, 0.005),
        "recommender_apart_mrr_10": (0.0, 0.005),
        "recommender_weights": (900, 4_000),
        "recommender_words_different": (0, 0),
        "minutes": (20.0, 25),  # five notebooks each of mnist, the slowest fold (twice as long) and the recommender
    }
    assert [name for name, entry in found.items() if not entry["met"]] == ["pulses_board"]
    assert "each of 20 real pulses tested once" in found["pulses_board"]["how"]
    assert sorted(labs[1]) == sorted(["mnist", *cases.FOLDS, "pulses-transfer", "recommender"]), "each once"


def test_words_that_differ_on_any_board_are_counted(labs):
    for fold in cases.FOLDS[:2]:
        labs[0][fold]["board"]["words_equal"] = 68
    assert measured()["pulses_words_different"]["value"] == 4


def test_a_pulse_tested_twice_and_one_never_is_refused(labs):
    labs[0]["inputs"] = lambda name: fold_of("pulses-fold2" if name == "pulses-fold1" else name).x_test
    with pytest.raises(StageError, match="^pulses-fold1: 4 of the 4 tested pulses were trained on$"):
        measured()


def test_a_pulse_that_nobody_tested_is_refused(labs):
    labs[0]["inputs"] = lambda name: fold_of(name).x_test[: 3 if name == "pulses-fold4" else 4]
    with pytest.raises(StageError) as caught:
        measured()
    assert str(caught.value) == (
        "the folds tested 19 pulses, 19 of them distinct; they must be the 20 published ones, 20 of them distinct, "
        "each once"
    )


def test_a_pulse_tested_twice_by_its_own_fold_does_not_stand_for_another(labs):
    def inputs(name):
        own = fold_of(name).x_test
        return own[[0, 0, 1, 2]] if name == "pulses-fold4" else own

    labs[0]["inputs"] = inputs
    with pytest.raises(StageError, match="^the folds tested 20 pulses, 19 of them distinct; they must be the 20 "):
        measured()


def test_fewer_images_than_all_are_refused(labs):
    labs[0]["mnist"]["board"]["samples"] = 9_999
    with pytest.raises(StageError) as caught:
        measured()
    assert str(caught.value) == "the board was given 9,999 test images of MNIST; all 10,000 must be tested"


def test_labs_show_their_progress_and_a_failure_is_told(tmp_path, capfd):
    with pytest.raises(StageError, match="^the labs on cifar failed: mlfpga: there is no dataset called 'cifar'"):
        entries.run_labs(tmp_path, "cifar", show=True)


def test_a_figure_without_a_limit_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path))
    entry = figures.reported("cases.transfer_float", 98.1234567, "%", "Keras")
    monkeypatch.setattr(figures, "GROUPS", {"cases": lambda: iter([entry])})
    said = io.StringIO()
    assert figures.measure("cases", said) is True
    assert said.getvalue().split() == ["cases.transfer_float", "98.1235", "%", "reported"]
    assert json.loads((tmp_path / "figures.json").read_text()) == [entry]
    assert entry["limit"] is None and entry["how"] == "Keras; reported"
