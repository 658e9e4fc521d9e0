"""Stages appear whole or not at all, and know what they were made from."""

import json

import numpy as np
import pytest

from mlfpga import course, datasets
from mlfpga.course import stages


@pytest.fixture(autouse=True)
def own_build_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path / "build"))
    monkeypatch.delenv("MLFPGA_DATASET", raising=False)
    monkeypatch.delenv("MLFPGA_HEADLESS", raising=False)
    return tmp_path / "build"


def publish(here, name, text, **metrics):
    with here.publish(name, **metrics) as folder:
        (folder / "content.txt").write_text(text)


def forbid_making(monkeypatch):
    def refuse(self, name, reason):
        raise AssertionError(f"{name} was made although it was there: {reason}")

    monkeypatch.setattr(course.Workspace, "_make", refuse)


def record_making(monkeypatch):
    """Replace the notebook run by a publication with other content; returns the list of (stage, reason)."""
    made = []

    def make(self, name, reason):
        made.append((name, reason))
        publish(course.workspace(self.dataset), name, "remade")

    monkeypatch.setattr(course.Workspace, "_make", make)
    return made


def test_dataset_comes_from_the_environment_and_defaults_to_digits(monkeypatch):
    assert course.workspace().dataset == "digits"
    monkeypatch.setenv("MLFPGA_DATASET", "mnist")
    assert course.workspace().dataset == "mnist"
    assert course.workspace("digits").dataset == "digits"


def test_a_lab_of_one_case_takes_the_chosen_dataset_if_it_is_of_that_case(monkeypatch, capsys):
    monkeypatch.setenv("MLFPGA_DATASET", "mnist")
    assert course.workspace(case="cnn").dataset == "mnist"
    assert course.workspace("digits", case="cnn").dataset == "digits"
    assert capsys.readouterr().out == ""


def test_a_lab_of_one_case_says_which_dataset_it_takes_instead(monkeypatch, capsys):
    assert course.workspace(case="cnn").dataset == "digits"
    assert capsys.readouterr().out == "This notebook works on digits (none was chosen).\n"
    monkeypatch.setenv("MLFPGA_DATASET", "mnist")
    assert course.workspace(case="rnn").dataset == "recommender-generated"
    assert capsys.readouterr().out == (
        "This notebook works on recommender-generated (mnist, which MLFPGA_DATASET names, is for another notebook).\n"
    )


def test_a_case_that_does_not_fit_is_refused(monkeypatch):
    with pytest.raises(course.StageError) as caught:
        course.workspace(case="transformer")
    assert str(caught.value) == "there is no case 'transformer'; choose one of mlp, cnn, rnn"
    with pytest.raises(course.StageError) as caught:
        course.workspace("mnist", case="mlp")
    assert str(caught.value) == "mnist is a dataset of the case cnn, not mlp; pulses-generated is one"
    monkeypatch.setenv("MLFPGA_DATASET", "cifar")
    with pytest.raises(datasets.DatasetError, match="there is no dataset called 'cifar'"):
        course.workspace(case="cnn")


@pytest.mark.parametrize("case, dataset", course.DEFAULTS.items())
def test_a_dataset_knows_its_case_and_its_stages(case, dataset):
    assert course.workspace(dataset).case == course.case_of(dataset) == case
    training, *others = course.stages_of(dataset)
    assert training.notebook.startswith("labs/lab01_training/") and training.notebook.endswith(f"_{case}.ipynb")
    names = [training.name, *(each.name for each in others)]
    assert names == list(stages.NAMES)[: len(names)]
    assert others == list(course.stages_of("digits")[1 : len(names)]), "all but the first serve every case"
    assert (names == list(stages.NAMES)) == (case == "cnn"), "lab 06 is about pictures"


def test_a_stage_that_a_case_has_not_is_refused():
    with pytest.raises(course.StageError) as caught:
        course.stage("recommender", "pipeline")
    assert str(caught.value) == "recommender has no stage pipeline: lab 06 is about pictures (digits, mnist, …)"


def test_stages_need_earlier_stages_only():
    known = set()
    for each in course.stages_of("digits"):
        assert set(each.needs) <= known
        known.add(each.name)


def test_a_dataset_name_that_would_leave_the_build_folder_is_refused():
    with pytest.raises(course.StageError) as caught:
        course.workspace("../elsewhere")
    assert str(caught.value) == "'../elsewhere' cannot name a dataset; use lower-case letters, digits, - and _"


def test_published_stage_is_found_without_running_anything(own_build_folder, monkeypatch):
    forbid_making(monkeypatch)
    here = course.workspace()
    publish(here, "training", "model", accuracy=0.5)
    assert here.need("training") == own_build_folder / "digits" / "training"
    assert (here.need("training") / "content.txt").read_text() == "model"
    assert here.metrics("training") == {"accuracy": 0.5}


def test_metrics_take_numpy_values_and_read_back_as_plain_python():
    here = course.workspace()
    publish(here, "training", "", accuracy=np.float32(0.25), confusion=np.eye(2, dtype=int), classes=["a", "b"])
    assert here.metrics("training") == {"accuracy": 0.25, "confusion": [[1, 0], [0, 1]], "classes": ["a", "b"]}


@pytest.mark.parametrize("bad", [float("nan"), object()])
def test_metric_that_json_cannot_hold_is_refused_and_nothing_is_published(bad):
    here = course.workspace()
    with pytest.raises(ValueError, match="the metrics of stage training cannot be written as JSON"):
        publish(here, "training", "", accuracy=bad)
    assert stages.digest("digits", "training") is None


def test_interrupted_publication_leaves_the_earlier_stage_and_no_debris(own_build_folder):
    here = course.workspace()
    publish(here, "training", "first")
    with pytest.raises(KeyboardInterrupt), here.publish("training") as folder:
        (folder / "content.txt").write_text("half")
        raise KeyboardInterrupt
    assert (here.need("training") / "content.txt").read_text() == "first"
    assert [path.name for path in (own_build_folder / "digits").iterdir()] == ["training"]


def test_unknown_stage_names_the_known_ones():
    with pytest.raises(course.StageError) as caught:
        course.workspace().need("trainnig")
    assert str(caught.value) == (
        "there is no stage 'trainnig'; choose one of training, quantization, pruning, distillation, compression, "
        "accelerator, overlay, bundle, board, integers, pipeline, parallelism, pipeline_bundle, pipeline_board"
    )


def test_missing_stage_is_made(monkeypatch):
    made = record_making(monkeypatch)
    here = course.workspace()
    assert (here.need("training") / "content.txt").read_text() == "remade"
    assert made == [("training", "There is no training stage for digits yet")]


def test_stage_that_lost_a_file_is_made_again(monkeypatch):
    here = course.workspace()
    publish(here, "training", "model")
    (here.need("training") / "content.txt").unlink()
    made = record_making(monkeypatch)
    here.need("training")
    assert [name for name, _ in made] == ["training"]


def test_stage_whose_record_is_cut_off_counts_as_missing(own_build_folder):
    publish(course.workspace(), "training", "model")
    record = own_build_folder / "digits" / "training" / "stage.json"
    record.write_text(record.read_text()[:40])
    assert stages.record("digits", "training") is None


def made_from_another_training():
    here = course.workspace()
    publish(here, "training", "old")
    here.need("training")
    publish(here, "compression", "small")
    publish(course.workspace(), "training", "new")


def test_stage_records_the_digests_of_the_stages_it_used(own_build_folder):
    here = course.workspace()
    publish(here, "training", "old")
    here.need("training")
    publish(here, "compression", "small")
    record = json.loads((own_build_folder / "digits" / "compression" / "stage.json").read_text())
    assert record["upstream"] == {"training": stages.digest("digits", "training")}
    assert stages.stale_because("digits", "compression") is None


def test_person_is_told_of_a_stale_stage_and_keeps_it(capsys, monkeypatch):
    made_from_another_training()
    forbid_making(monkeypatch)
    folder = course.workspace().need("compression")
    assert (folder / "content.txt").read_text() == "small"
    assert capsys.readouterr().out == (
        "Note: the compression stage was made from another version of training. It is used as it is; "
        "to bring it up to date run labs/lab02_compression/04_together.ipynb again.\n"
    )


def test_headless_run_remakes_a_stale_stage(monkeypatch):
    made_from_another_training()
    monkeypatch.setenv("MLFPGA_HEADLESS", "1")
    made = record_making(monkeypatch)
    course.workspace().need("compression")
    assert made == [("compression", "The compression stage was made from another version of training")]


def test_remaking_the_same_content_makes_nothing_stale():
    here = course.workspace()
    publish(here, "training", "same", accuracy=0.5)
    here.need("training")
    publish(here, "compression", "small")
    publish(course.workspace(), "training", "same", accuracy=0.5)
    assert stages.stale_because("digits", "compression") is None


def test_staleness_reaches_through_the_stages_between():
    made_from_another_training()
    here = course.workspace()
    here._used = {"compression": stages.digest("digits", "compression")}  # it never looked at training itself
    publish(here, "accelerator", "sources")
    assert stages.stale_because("digits", "accelerator") == "compression"
