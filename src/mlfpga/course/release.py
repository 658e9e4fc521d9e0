"""The release for students: the checkout without solutions. The checks of the exercises stay."""

import shutil
from pathlib import Path

import nbformat

from mlfpga.artifacts import course_root, writing_folder
from mlfpga.course import notebooks
from mlfpga.course.exercise_rules import SOLUTION, tags

# What a student needs; tests too, so that a student who changes the library can check it.
CONTENT = """
    README.md LICENSE CITATION.cff Makefile pyproject.toml environment.yaml .gitignore
    environments labs rtl deploy_templates vivado img src tests course_instances
""".split()
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.egg-info", ".ipynb_checkpoints")

# This file says that the checkout is a release: tests then do not ask for solutions.
MARK = "STUDENT_RELEASE"


class ReleaseError(Exception):
    """The release cannot be written there."""


def write(folder: Path) -> list[Path]:
    """Write the students' checkout to `folder`, which must not exist; returns its notebooks. Raises ReleaseError."""
    folder = Path(folder)
    if folder.exists():
        raise ReleaseError(f"{folder} exists; name a folder that does not, or remove it")
    root = course_root()
    if root in folder.resolve().parents:
        raise ReleaseError(f"{folder} lies in the checkout itself; name a folder outside {root}")
    with writing_folder(folder) as release:
        for name in CONTENT:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, release / name, ignore=LEFT_BEHIND)
            elif source.exists():
                shutil.copy2(source, release / name)
        for path in course_notebooks(release):
            nbformat.write(without_solutions(notebooks.read(path)), path)
        (release / MARK).write_text("The course for students: the exercises are yours to solve.\n")
    return course_notebooks(folder)


def course_notebooks(root: Path) -> list[Path]:
    """Every notebook of a checkout, in the order of the course."""
    return sorted((root / "labs").rglob("*.ipynb")) + sorted((root / "deploy_templates").glob("*.ipynb"))


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without its cells tagged `solution`."""
    kept = [cell for cell in notebook.cells if SOLUTION not in tags(cell)]
    return nbformat.NotebookNode({**notebook, "cells": kept})
