"""Detector pulses: the real ones where they can be had without a network, the generated ones everywhere."""

import os
from pathlib import Path

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.artifacts import cache_root

SPLITS = ("train", "validation", "test")


def real_file() -> Path | None:
    places = [Path(os.environ["MLFPGA_DATA"])] if os.environ.get("MLFPGA_DATA") else []
    candidates = [place / name / "test.csv" for place in places for name in ("pulses", "gamma_neutron")]
    candidates.append(cache_root() / "datasets" / "pulses" / "test.csv")
    return next((path for path in candidates if path.is_file()), None)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """The file as NumPy reads it: 161 counts and the class."""
    path = real_file()
    if path is None:
        pytest.skip("the real pulses are not here; MLFPGA_DATA names the folder that holds them")
    return np.loadtxt(path, delimiter=",", skiprows=1)


@pytest.fixture(scope="module")
def folds(table):
    return [datasets.load(f"pulses-fold{fold}") for fold in range(1, 6)]


def rows(data, *splits) -> np.ndarray:
    """Counts and class of these splits, as the file has them, in a canonical order."""
    found = np.concatenate([np.column_stack([data.split(split)[0] * 512, data.split(split)[1]]) for split in splits])
    return found[np.lexsort(found.T)]


def test_no_two_real_pulses_are_equal(table):
    # So a split by rows is a split by pulses: none can be on both sides.
    assert len(np.unique(table[:, :-1], axis=0)) == len(table) == 1798


def test_the_splits_share_out_the_file(table):
    data = datasets.load("pulses")
    assert np.array_equal(rows(data, *SPLITS), table[np.lexsort(table.T)])
    counts = [np.bincount(data.split(split)[1]).tolist() for split in SPLITS]
    assert counts == [[629, 629], [90, 90], [180, 180]]
    assert data.case == "mlp" and data.number == "ufixed<9,0>" and data.classes == ("gamma", "neutron")


def test_the_seed_alone_decides_the_split_and_shuffles_it(table):
    first, again, other = (datasets.load("pulses", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.x_train, again.x_train) and np.array_equal(first.x_test, again.x_test)
    assert not np.array_equal(np.sort(rows(first, "test"), 0), np.sort(rows(other, "test"), 0))
    for split in SPLITS:  # the file is sorted by class; a shuffled split changes class about every other row
        assert (np.diff(first.split(split)[1]) != 0).mean() > 0.3


def test_the_five_folds_test_every_pulse_once(folds, table):
    tested = np.concatenate([rows(data, "test") for data in folds])
    assert np.array_equal(tested[np.lexsort(tested.T)], table[np.lexsort(table.T)])
    for data in folds:
        assert np.array_equal(rows(data, *SPLITS), table[np.lexsort(table.T)])
        assert len(data.y_validation) == 180 and len(data.y_test) in (359, 360)
        assert abs(int(np.bincount(data.y_test) @ [1, -1])) <= 1


def test_a_fold_is_the_same_whichever_is_loaded(folds):
    test_of_second = {row.tobytes() for row in folds[1].x_test}
    for index in (0, 2, 3, 4):
        others = {row.tobytes() for split in ("train", "validation") for row in folds[index].split(split)[0]}
        assert test_of_second <= others


def test_generated_pulses_have_the_announced_sizes_and_no_sample_twice():
    data = datasets.load("pulses-generated")
    assert [len(data.split(split)[1]) for split in SPLITS] == [8_000, 1_000, 2_000]
    everything = np.concatenate([data.split(split)[0] for split in SPLITS])
    assert len(np.unique(everything, axis=0)) == 11_000
    again = datasets.load("pulses-generated")
    assert np.array_equal(data.x_train, again.x_train) and np.array_equal(data.y_test, again.y_test)
    assert not np.array_equal(data.x_train, datasets.load("pulses-generated", seed=1).x_train)


def test_transfer_trains_on_generated_pulses_and_tests_on_all_real_ones(table):
    transfer, generated = datasets.load("pulses-transfer"), datasets.load("pulses-generated")
    for split in ("train", "validation"):
        assert np.array_equal(transfer.split(split)[0], generated.split(split)[0])
    assert np.array_equal(rows(transfer, "test"), table[np.lexsort(table.T)])


def test_a_file_that_was_altered_is_refused(monkeypatch, tmp_path):
    (tmp_path / "gamma_neutron").mkdir()
    (tmp_path / "gamma_neutron" / "test.csv").write_text("120,121,class\n1,2,0\n")
    monkeypatch.setenv("MLFPGA_DATA", str(tmp_path))
    with pytest.raises(datasets.DatasetError, match=r"gamma_neutron/test.csv is not the published file"):
        datasets.load("pulses")
