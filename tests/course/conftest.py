"""A course of tiny notebooks, one a stage, in a checkout of its own: what runs notebooks is tested without training."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

from mlfpga.course import Stage, stage, stages_of
from mlfpga.course.kernels import METADATA, QUIET

HERE = "from mlfpga import course\nhere = course.workspace()"

BUNDLE = """import shutil
from mlfpga.artifacts import course_root
with here.publish({!r}) as folder:
    shutil.copytree(here.need({!r}), folder / 'overlay')
    shutil.copy(course_root() / 'deploy_templates' / 'deploy.ipynb', folder)"""

RESULTS = """import json
from pathlib import Path
Path('results.json').write_text(json.dumps({'accuracy': 0.5}))"""


class LittleCourse:
    """A checkout for `digits` whose every stage publishes a text made from the texts of the stages it needs."""

    stages = stages_of("digits")

    def __init__(self, root: Path):
        self.root = root
        self.build = root / "build"
        room = root / "src" / "mlfpga" / "models"
        room.mkdir(parents=True)
        (room / "__init__.py").write_text("")
        for each in self.stages:
            if not each.bundle:
                self.write(each.name, HERE, *self._cells(each))
        self.write("bundle", HERE, BUNDLE.format("bundle", "overlay"))
        self.write("pipeline_bundle", HERE, BUNDLE.format("pipeline_bundle", "pipeline"))
        self.write("board", RESULTS)

    def notebook(self, name: str) -> Path:
        """The notebook that makes a stage."""
        return self.root / stage("digits", name).notebook

    def write(self, name: str, *cells: str) -> Path:
        """Replace the notebook of a stage by these code cells; returns its path."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        path = self.notebook(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    @staticmethod
    def _cells(each: Stage) -> list[str]:
        earlier = [f"text += (here.need({name!r}) / 'content.txt').read_text()" for name in each.needs]
        publish = f"with here.publish({each.name!r}, accuracy=0.5) as folder:"
        return [f"text = '{each.name} '", *earlier, publish + "\n    (folder / 'content.txt').write_text(text)"]


@pytest.fixture
def little_course(tmp_path, monkeypatch) -> LittleCourse:
    """The little course, named by the environment; both kernels are this environment's own Python.

    (A board kernel without pynq: what is under test is the runner.)
    """
    root = tmp_path / "checkout"
    monkeypatch.setenv("MLFPGA_ROOT", str(root))
    monkeypatch.setenv("MLFPGA_BUILD", str(root / "build"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for name in ("MLFPGA_DATASET", "MLFPGA_HEADLESS", "MLFPGA_MAKING"):
        monkeypatch.delenv(name, raising=False)
    for name in {each.kernel for each in LittleCourse.stages}:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": name, "language": "python", "env": QUIET, "metadata": METADATA}
        (folder / "kernel.json").write_text(json.dumps(spec))
    return LittleCourse(root)
