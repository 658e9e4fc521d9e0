"""The self-check of an exercise: what it says of right, wrong, missing and impossible answers, and when it raises."""

import subprocess
import sys

import numpy as np
import pytest

from mlfpga import course, exercises


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("MLFPGA_CHECKS", raising=False)


def said(capsys, condition, hint="look at the axis", **variables):
    """What the check prints in a notebook whose cells left these variables."""
    notebook = {"check": course.check, "condition": condition, "hint": hint, **variables}
    assert eval("check(condition, hint)", notebook) is None
    return capsys.readouterr().out


@pytest.mark.parametrize("answer", [3, 3.0, np.float32(3), np.array([3, 3, 3]), np.full((2, 2), 3)])
def test_a_right_answer_is_told_so(capsys, answer):
    assert said(capsys, lambda total: total == 3, total=answer) == "✓ `total`: right\n"


@pytest.mark.parametrize("answer", [4, np.array([3, 4]), np.nan, "3", []])
def test_a_wrong_answer_gets_the_hint(capsys, answer):
    assert said(capsys, lambda total: total == 3, total=answer) == "✗ `total`: not yet. Hint: look at the axis\n"


@pytest.mark.parametrize("variables", [{}, {"total": ...}, {"total": None}])
def test_without_a_value_the_exercise_is_not_solved_yet_and_the_condition_is_not_asked(capsys, variables):
    def condition(total):
        raise AssertionError("asked without a value")

    assert said(capsys, condition, **variables) == "· not solved yet: `total` has no value\n"


def test_each_variable_that_is_missing_is_named(capsys):
    condition = lambda low, middle, high: low < middle < high  # noqa: E731
    assert said(capsys, condition, middle=2) == "· not solved yet: `low` and `high` have no value\n"
    assert said(capsys, condition, low=1, middle=2, high=3) == "✓ `low` and `middle` and `high`: right\n"


def test_an_answer_that_cannot_be_compared_says_why(capsys):
    assert said(capsys, lambda total: total.shape == (3,), total=7) == (
        "✗ `total`: not yet (AttributeError: 'int' object has no attribute 'shape'). Hint: look at the axis\n"
    )


def test_variables_of_a_function_are_found_too(capsys):
    by_hand = 7
    course.check(lambda by_hand: by_hand == 7, "count again")
    assert by_hand and capsys.readouterr().out == "✓ `by_hand`: right\n"


def test_a_run_with_solutions_raises_on_a_wrong_answer_and_on_nothing_else(capsys, monkeypatch):
    monkeypatch.setenv("MLFPGA_CHECKS", exercises.STRICT)
    with pytest.raises(exercises.CheckError) as caught:
        said(capsys, lambda total: total == 3, total=4)
    assert str(caught.value) == "the solution does not pass its check: `total` (look at the axis)"
    with pytest.raises(exercises.CheckError, match=r"`total` \(ZeroDivisionError: division by zero\) \(look at"):
        said(capsys, lambda total: 1 / total, total=0)
    assert said(capsys, lambda total: total == 3).startswith("· not solved yet")
    assert said(capsys, lambda total: total == 3, total=3) == "✓ `total`: right\n"


def test_a_condition_without_variables_is_refused():
    with pytest.raises(TypeError) as caught:
        course.check(lambda: True, "nothing to see")
    assert str(caught.value) == "the condition names no variable of the student's; write lambda my_result: …"


def test_the_file_stands_alone(tmp_path):
    """As it does in a bundle: no package around it, nothing but the standard library."""
    (tmp_path / "exercises.py").write_text(open(exercises.__file__, encoding="utf-8").read(), encoding="utf-8")
    program = "from exercises import check\nstatus = 17\ncheck(lambda status: status & 1, 'bit 0')"
    done = subprocess.run([sys.executable, "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("✓ `status`: right\n", "")
