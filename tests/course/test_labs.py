"""The committed notebooks: clean, with a solution to every exercise, and running from top to bottom on digits."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from mlfpga import course
from mlfpga.artifacts import course_root
from mlfpga.course import notebooks, release, runner
from mlfpga.course.stages import BOARD_KERNEL, HOST_KERNEL

pytestmark = pytest.mark.host

NOTEBOOKS = release.course_notebooks(course_root())
KERNELS = {HOST_KERNEL: "mlfpga (host)", BOARD_KERNEL: "AUP-ZU3 (virtual)"}


def each_notebook(function):
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)(function)


# A lab beside the stages: it runs on the virtual board, needs no other lab, and leaves nothing for one.
HANGING = course_root() / "labs" / "lab05_deployment" / "02_when_the_dma_hangs.ipynb"


def kernel_of(path: Path) -> str:
    return BOARD_KERNEL if path.parent.name == "deploy_templates" or path == HANGING else HOST_KERNEL


def test_every_stage_has_its_notebook():
    assert {course_root() / stage.notebook for stage in course.STAGES} <= set(NOTEBOOKS)


@each_notebook
def test_notebook_is_valid_and_in_the_format_with_cell_ids(path):
    notebook = notebooks.read(path)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


@each_notebook
def test_notebook_is_committed_without_outputs(path):
    for cell in notebooks.read(path).cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.source[:60]


@each_notebook
def test_notebook_names_its_kernel_and_no_machine(path):
    notebook = notebooks.read(path)
    assert notebook.metadata.kernelspec.name == kernel_of(path)
    assert notebook.metadata.kernelspec.display_name == KERNELS[kernel_of(path)]
    # An absolute path: quoted, or of this checkout.
    text = json.dumps(notebook)
    assert str(course_root()) not in text
    assert not re.search(r"""(['"]/\w+/|C:\\\\Users)""", text)


@each_notebook
def test_code_cells_are_introduced_by_text(path):
    """At most two code cells follow one text: a calculation and its picture, or an exercise and its solution."""
    cells = notebooks.read(path).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    for three in zip(cells, cells[1:], cells[2:], strict=False):
        assert any(cell.cell_type == "markdown" for cell in three), three[0].source[:60]


@each_notebook
def test_every_exercise_has_a_solution_that_checks_itself(path):
    if (course_root() / release.MARK).exists():
        pytest.skip("a student release has no solutions")
    notebook = notebooks.read(path)
    assert release.unsolved_exercises(notebook) == []
    for cell in notebook.cells:
        if release.SOLUTION in release.tags(cell) and cell.cell_type == "code":
            assert re.search(r"\bassert\b|AssertionError", cell.source), cell.source[:60]


def test_labs_have_exercises_and_the_release_drops_their_solutions(tmp_path):
    if (course_root() / release.MARK).exists():
        pytest.skip("this is a release")
    solutions = [
        cell.source for path in NOTEBOOKS for cell in notebooks.read(path).cells if "solution" in release.tags(cell)
    ]
    assert len(solutions) >= 4
    released = release.write(tmp_path / "release")
    assert len(released) == len(NOTEBOOKS)
    text = "".join(path.read_text() for path in released)
    assert '"exercise"' in text and '"solution"' not in text
    for path in released:
        nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.slow
@pytest.mark.parametrize("stage", course.STAGES, ids=lambda stage: stage.name)
def test_notebook_runs_on_digits(stage):
    """Runs where `make labs` does, so what is up to date there (same text, library, data, stages) is not run twice."""
    runner.run("digits", [stage.name])
    assert runner.is_up_to_date("digits", stage)
    executed = nbformat.read(runner.executed_notebook("digits", stage), as_version=4)
    for cell in executed.cells:
        if cell.cell_type == "code" and cell.source.strip():
            assert cell.execution_count is not None, cell.source[:60]
            assert not [output for output in cell.outputs if output.output_type == "error"]


@pytest.mark.slow
def test_the_lab_on_hanging_dmas_runs_alone():
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # the tests' own makes no pictures
    outcome = notebooks.execute(HANGING, HANGING.parent, BOARD_KERNEL, inline, lambda *_: None)
    assert outcome.failure is None
    code = [cell for cell in outcome.notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert all(cell.execution_count is not None for cell in code)
    told = "".join(output.get("text", "") for cell in code for output in cell.outputs)
    assert told.count("this wait would never end") >= 4
    pictures = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 5


@pytest.mark.slow
def test_board_gives_what_the_c_simulation_gave():
    here = course.workspace("digits")
    board = here.metrics("board")
    assert board["words_equal"] == board["words_compared"] > 0
    assert board["accuracy"] == pytest.approx(here.metrics("accelerator")["accuracy"], abs=1e-12)
