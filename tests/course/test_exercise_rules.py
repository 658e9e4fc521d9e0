"""The rules of exercises: a notebook that keeps them, and each way to break one."""

import nbformat
import pytest

from mlfpga.course import exercise_rules as rules

pytestmark = pytest.mark.host

TEXT, START, SOLUTION, CHECK = (
    "## Exercise 1 · Count\n\nCall it `total`.",
    "numbers = [1, 2]\n# total = ...",
    "%matplotlib inline\ntotal = sum(numbers)\nsquares = [n * n for n in numbers]\nassert total == 3",
    "course.check(lambda total: total == sum(numbers), 'add them')",
)


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def code(source, *tags):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["tags"] = list(tags)
    return cell


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def exercise(heading=TEXT, start=START, solution=SOLUTION, check=CHECK):
    return [text(heading), code(start, "exercise"), code(solution, "solution"), code(check, "check")]


def problems(*cells):
    return rules.problems(notebook(text("# Lab"), code("from mlfpga import course"), *cells))


def test_an_exercise_that_keeps_the_rules():
    second = exercise(
        "## Exercise 2 · More", "more = ...", "more = 7; assert more", "course.check(lambda more: more, '')"
    )
    assert problems(*exercise(), text("On we go."), code("print('on')"), *second) == []


@pytest.mark.parametrize("missing, problem", [
    (0, "exercise 1 does not stand under its text, which begins with `## Exercise 1`"),
    (2, "exercise 1 has no solution after it"),
    (3, "the solution of exercise 1 has no check after it"),
])  # fmt: skip
def test_a_missing_part_is_named(missing, problem):
    cells = exercise()
    del cells[missing]
    assert problem in problems(*cells)


def test_exercises_are_numbered():
    assert problems(*exercise("## Exercise 2 · Count")) == [
        "exercise 1 does not stand under its text, which begins with `## Exercise 1`"
    ]


def test_solutions_and_checks_belong_to_exercises():
    assert problems(code("lost = 1", "solution"), code("course.check(lambda lost: lost, '')", "check")) == [
        "a solution has no exercise before it: lost = 1"
    ]
    assert "a check has no solution before it: 1" in problems(code("1", "check"))


def test_the_check_asks_for_what_the_solution_sets():
    wrong = exercise(check="course.check(lambda sum_of_all: sum_of_all, '')")
    assert problems(*wrong) == ["the check asks for sum_of_all, which the solution does not set"]
    assert problems(*exercise(check="print(numbers)")) == [
        "this cell checks nothing; call check(lambda NAME: …): print(numbers)"
    ]


@pytest.mark.parametrize("where", [0, 4])
def test_an_old_value_would_be_judged(where):
    cells = exercise()
    cells.insert(where, code("total = 0"))
    assert problems(*cells) == ["the check asks for total, which another cell sets: an old value would be judged"]


@pytest.mark.parametrize("source", ["print(squares)", "def show():\n    return squares", "[s for s in squares]"])
def test_nothing_else_needs_a_solution(source):
    assert problems(*exercise(), text("Next."), code(source)) == [
        f"squares is known from a solution alone, and is used where there may be none: {source.splitlines()[0]}"
    ]
    leaning = exercise(check="course.check(lambda total: total < sum(squares), '')")
    (problem,) = problems(*leaning)
    assert problem.startswith("squares is known from a solution alone")


def test_names_of_its_own_and_of_the_language_are_no_trouble():
    cells = exercise(solution="total = sum(numbers); print = print; n = 1; assert total")
    assert problems(*cells, text("Next."), code("n = 5\nprint(n, [m for m in range(n)])")) == []


def test_exercises_are_counted_and_the_closing_section_is_found():
    made = notebook(*exercise(), text("Well.\n\n## What hardware people should take from this\n\n* Bits."))
    assert rules.count(made) == 1 and rules.closes(made)
    assert not rules.closes(notebook(*exercise(), text("What hardware people should take from this")))
