"""The committed notebooks: clean, with exercises that check themselves, and running from top to bottom, every case."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from mlfpga import course
from mlfpga.artifacts import course_root
from mlfpga.course import exercise_rules, notebooks, release, runner, side_by_side
from mlfpga.course.measures import RANKING
from mlfpga.course.stages import BOARD_KERNEL, HOST_KERNEL

pytestmark = pytest.mark.host

NOTEBOOKS = release.course_notebooks(course_root())
DATASETS = list(course.DEFAULTS.values())
KERNELS = {HOST_KERNEL: "mlfpga (host)", BOARD_KERNEL: "AUP-ZU3 (virtual)"}


def each_notebook(function):
    return pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)(function)


# A lab beside the stages: it runs on the virtual board, needs no other lab, and leaves nothing for one.
HANGING = course_root() / "labs" / "lab05_deployment" / "02_when_the_dma_hangs.ipynb"


def kernel_of(path: Path) -> str:
    return BOARD_KERNEL if path.parent.name == "deploy_templates" or path == HANGING else HOST_KERNEL


def test_every_stage_has_its_notebook():
    stages = {stage for dataset in DATASETS for stage in course.stages_of(dataset)}
    assert {course_root() / stage.notebook for stage in stages} <= set(NOTEBOOKS)


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
    """At most two code cells follow one text: a calculation and its picture, or an exercise and its solution.

    (The check of an exercise is not counted.)
    """
    cells = [cell for cell in notebooks.read(path).cells if exercise_rules.CHECK not in exercise_rules.tags(cell)]
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    for three in zip(cells, cells[1:], cells[2:], strict=False):
        assert any(cell.cell_type == "markdown" for cell in three), three[0].source[:60]


@each_notebook
def test_three_to_five_exercises_and_what_hardware_people_should_take_from_it(path):
    notebook = notebooks.read(path)
    assert 3 <= exercise_rules.count(notebook) <= 5
    assert exercise_rules.closes(notebook)


@each_notebook
def test_every_exercise_has_a_solution_and_a_check_that_can_do_without_it(path):
    if (course_root() / release.MARK).exists():
        pytest.skip("a student release has no solutions")
    notebook = notebooks.read(path)
    assert exercise_rules.problems(notebook) == []
    for cell in notebook.cells:
        if exercise_rules.SOLUTION in exercise_rules.tags(cell):
            assert re.search(r"\bassert\b|AssertionError", cell.source), cell.source[:60]


def test_labs_have_exercises_and_the_release_drops_their_solutions(tmp_path):
    if (course_root() / release.MARK).exists():
        pytest.skip("this is a release")
    solutions = [
        cell.source
        for path in NOTEBOOKS
        for cell in notebooks.read(path).cells
        if "solution" in exercise_rules.tags(cell)
    ]
    assert len(solutions) >= 4
    released = release.write(tmp_path / "release")
    assert len(released) == len(NOTEBOOKS)
    text = "".join(path.read_text() for path in released)
    assert '"exercise"' in text and '"check"' in text and '"solution"' not in text
    for path in released:
        nbformat.validate(nbformat.read(path, as_version=4))


@pytest.fixture(scope="session")
def failures() -> str:
    """All labs run on the dataset of each case that needs no network, side by side; what failed, if anything did.

    They run where `make labs` does, so what is up to date there (same text, library, data, stages) is not run twice.
    """
    try:
        side_by_side.run(DATASETS)
    except course.StageError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "dataset, stage",
    [(dataset, stage) for dataset in DATASETS for stage in course.stages_of(dataset)],
    ids=lambda value: getattr(value, "name", value),
)
def test_notebook_runs(failures, dataset, stage):
    assert runner.is_up_to_date(dataset, stage), failures
    executed = nbformat.read(runner.executed_notebook(dataset, stage), as_version=4)
    for cell in executed.cells:
        if cell.cell_type == "code" and cell.source.strip():
            assert cell.execution_count is not None, cell.source[:60]
            assert not [output for output in cell.outputs if output.output_type == "error"]
            if exercise_rules.CHECK in exercise_rules.tags(cell) and not (course_root() / release.MARK).exists():
                told = "".join(output.get("text", "") for output in cell.outputs).splitlines()
                assert told and all(line.startswith("✓ ") for line in told), told


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
@pytest.mark.parametrize("dataset", DATASETS)
def test_board_gives_what_the_c_simulation_gave(failures, dataset):
    here = course.workspace(dataset)
    board, simulated = here.metrics("board"), here.metrics("accelerator")
    assert board["words_equal"] == board["words_compared"] > 0
    for measure in ("accuracy", *(RANKING if here.case == "rnn" else ())):
        assert board[measure] == pytest.approx(simulated[measure], abs=1e-12), measure
