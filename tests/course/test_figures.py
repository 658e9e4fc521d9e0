"""Figures: verdicts, groups, and entries of other groups that stay."""

import io
import json

import pytest

from mlfpga.course import StageError, figures

pytestmark = pytest.mark.host
GROUPS = dict(figures.GROUPS)  # as they are before a test replaces them


@pytest.fixture(autouse=True)
def own_build_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path))
    groups = {
        "fast": lambda: iter([figures.at_most("fast.start", 0.4, "s", 0.5, "stopwatch")]),
        "good": lambda: iter([figures.at_least("good.accuracy", 97.4, "%", 97.5, "test set")]),
    }
    monkeypatch.setattr(figures, "GROUPS", groups)
    return tmp_path


def entries(folder):
    return {entry["name"]: entry for entry in json.loads((folder / "figures.json").read_text())}


def test_all_groups_are_measured_and_one_miss_is_a_miss(own_build_folder):
    said = io.StringIO()
    assert figures.measure(None, said) is False
    assert [line.split()[-1] for line in said.getvalue().splitlines()] == ["met", "MISSED"]
    assert entries(own_build_folder)["fast.start"] == {
        "name": "fast.start",
        "value": 0.4,
        "unit": "s",
        "limit": 0.5,
        "met": True,
        "how": "stopwatch; at most",
    }


def test_one_group_leaves_the_others_as_they_were(own_build_folder):
    figures.measure(None, io.StringIO())
    assert figures.measure("fast", io.StringIO()) is True
    assert set(entries(own_build_folder)) == {"fast.start", "good.accuracy"}


def test_unknown_group_names_the_known_ones():
    with pytest.raises(StageError) as caught:
        figures.measure("slow")
    assert str(caught.value) == "there is no group of figures 'slow'; choose one of fast, good"


@pytest.mark.parametrize("value, most, least", [(1.0, True, True), (1.0000001, False, True), (0.9999999, True, False)])
def test_the_limit_itself_is_met_and_rounding_does_not_decide(value, most, least):
    assert figures.at_most("a", value, "", 1.0, "")["met"] is most
    assert figures.at_least("a", value, "", 1.0, "")["met"] is least


def test_what_was_measured_stays_when_a_later_measurement_fails(own_build_folder, monkeypatch):
    def breaks():
        yield figures.at_most("fast.first", 1, "s", 2, "stopwatch")
        raise StageError("the labs on digits failed")

    figures.measure("fast", io.StringIO())
    monkeypatch.setitem(figures.GROUPS, "fast", breaks)
    with pytest.raises(StageError, match="the labs on digits failed"):
        figures.measure("fast", io.StringIO())
    assert set(entries(own_build_folder)) == {"fast.start", "fast.first"}


def test_what_a_group_no_longer_measures_goes(own_build_folder, monkeypatch):
    figures.measure(None, io.StringIO())
    monkeypatch.setitem(figures.GROUPS, "fast", lambda: iter([figures.at_most("fast.other", 1, "s", 2, "stopwatch")]))
    figures.measure("fast", io.StringIO())
    assert set(entries(own_build_folder)) == {"fast.other", "good.accuracy"}


def test_the_groups_of_the_course():
    modules = (figures.path, figures.board, figures.vivado, figures.cases, figures.pipeline)
    names = ["path", "board", "vivado", "cases", "pipeline"]
    assert GROUPS == {name: getattr(module, name) for name, module in zip(names, modules, strict=True)}
