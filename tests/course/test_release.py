"""The students' release has the exercises and not the solutions."""

import nbformat
import pytest

from mlfpga.course import release

pytestmark = pytest.mark.host


def cell(source, *tags):
    made = nbformat.v4.new_code_cell(source)
    made.metadata["tags"] = list(tags)
    return made


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    root = tmp_path / "checkout"
    for folder in ("labs/lab01_training", "deploy_templates", "src/mlfpga/__pycache__", "build"):
        (root / folder).mkdir(parents=True)
    (root / "README.md").write_text("read me")
    (root / "src/mlfpga/__pycache__/x.pyc").write_text("")
    cells = cell("1 + 1"), cell("# your turn", "exercise"), cell("answer = 42", "solution")
    cells += (cell("check(lambda answer: answer == 42, 'ask again')", "check"),)
    nbformat.write(notebook(*cells), root / "labs/lab01_training/01_mlp.ipynb")
    monkeypatch.setenv("MLFPGA_ROOT", str(root))
    return root


def test_release_drops_solutions_and_keeps_exercises_and_their_checks(checkout, tmp_path):
    (written,) = release.write(tmp_path / "release")
    sources = [each.source for each in nbformat.read(written, as_version=4).cells]
    assert sources == ["1 + 1", "# your turn", "check(lambda answer: answer == 42, 'ask again')"]
    assert "answer = 42" not in written.read_text()
    original = nbformat.read(checkout / "labs/lab01_training/01_mlp.ipynb", as_version=4)
    assert len(original.cells) == 4, "the checkout itself keeps its solutions"


def test_release_holds_the_course_and_nothing_that_was_built(checkout, tmp_path):
    release.write(tmp_path / "release")
    names = {path.name for path in (tmp_path / "release").iterdir()}
    assert names == {"README.md", "labs", "deploy_templates", "src", release.MARK}
    assert not list((tmp_path / "release").rglob("__pycache__"))


def test_existing_folder_is_refused_and_left_alone(checkout, tmp_path):
    (tmp_path / "release").mkdir()
    with pytest.raises(release.ReleaseError, match="exists; name a folder that does not, or remove it"):
        release.write(tmp_path / "release")
    assert not list((tmp_path / "release").iterdir())


def test_release_inside_the_checkout_is_refused(checkout):
    with pytest.raises(release.ReleaseError, match="lies in the checkout itself"):
        release.write(checkout / "release")
