"""Making stages: each notebook in its kernel, in order, skipping what is up to date.

A notebook is up to date if nothing it was made from has changed: its own text, the library, the Tcl, the templates, the
locked packages, the tools on PATH, the dataset's name, and the content of the stages before it. The record of a run is
`build/<dataset>/labs/NAME.json`, beside the executed notebook and its HTML.
"""

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlfpga.artifacts import ArtifactError, build_root, content_key, course_root, writing, writing_folder
from mlfpga.course import notebooks
from mlfpga.course.progress import Progress, Silent
from mlfpga.course.release import MARK as RELEASE_MARK
from mlfpga.course.stages import NAMES, Stage, StageError, digest, seal, stage_folder, stages_of, stale_because
from mlfpga.course.stages import stage as stage_named
from mlfpga.exercises import STRICT

# A notebook that finds one of these does more than it does without.
OPTIONAL_TOOLS = ("vitis-run", "vitis_hls", "vivado")

# A half-written stage that nothing has touched for this long belongs to no run any more.
LEFTOVER_SECONDS = 3600

# Rooms that start, show and package the course; no stage's content depends on them.
ROOMS_AROUND = ("course", "cli")


def run(dataset: str, names: list[str] | None = None, fresh: bool = False, progress: Progress | None = None) -> None:
    """Bring the stages up to date in order: all of them, or only those named; `fresh` runs even what is up to date.

    Raises StageError for the first notebook that fails. Finished stages are kept whatever happens, so the next run
    goes on where this one stopped.
    """
    progress = progress or Progress(sys.stdout)
    chosen = [stage for stage in stages_of(dataset) if names is None or stage.name in names]
    with _alone(dataset, progress):
        _sweep(build_root() / dataset)
        for position, stage in enumerate(chosen, start=1):
            progress.stage(position, len(chosen), stage.label, stage.makes)
            if not fresh and is_up_to_date(dataset, stage):
                progress.skipped(last_run(dataset, stage)["seconds"])
                _copy_to_shown(dataset, stage)
            else:
                make_stage(stage, dataset, progress)


def is_up_to_date(dataset: str, stage: Stage) -> bool:
    """True if the executed notebook and the finished stage are what a run would make now."""
    last = last_run(dataset, stage)
    return (
        last is not None
        and executed_notebook(dataset, stage).with_suffix(".html").is_file()
        and last["digest"] == digest(dataset, stage.name)
        and stale_because(dataset, stage.name) is None
        and last["key"] == stage_key(dataset, stage)
    )


def make_stage(stage: Stage, dataset: str, progress: Progress | None = None) -> None:
    """Execute the notebook that makes a stage; keep the executed notebook even if it fails.

    Raises StageError naming notebook, cell and error if it fails, or if it ends without publishing the stage.
    """
    progress = progress or Silent()
    making = [name for name in os.environ.get("MLFPGA_MAKING", "").split(",") if name]
    if stage.name in making:
        raise StageError(f"{stage.notebook} makes the stage {stage.name} and needs it itself: {' → '.join(making)}")
    environment = {
        "MLFPGA_DATASET": dataset,
        "MLFPGA_HEADLESS": "1",
        "MLFPGA_MAKING": ",".join([*making, stage.name]),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # pictures belong in the notebook, whatever is set
        # Solutions must pass the checks of their exercises; what a student tried is told and stops nothing.
        "MLFPGA_CHECKS": "" if (course_root() / RELEASE_MARK).exists() else STRICT,
    }
    before = time.time()
    if stage.bundle:
        outcome = _run_on_board(stage, dataset, environment, progress)
    else:
        source = course_root() / stage.notebook
        outcome = _execute(stage, source, source.parent, environment, progress)
    _keep(stage, dataset, outcome)
    if outcome.failure is None and not _was_published_since(before, stage_folder(dataset, stage.name)):
        outcome = _failed(outcome, f"it ended without publishing; it must end with `here.publish({stage.name!r}, …)`")
    if outcome.failure is not None:
        progress.failed(outcome.seconds)
        shown = _relative(shown_notebook(dataset, stage).with_suffix(".html"))
        raise StageError(f"{stage.notebook}: {outcome.failure} (the notebook as far as it came: {shown})")
    _write_record(stage, dataset, outcome)
    progress.done(outcome.seconds)


def stage_key(dataset: str, stage: Stage) -> str:
    """One key for everything a stage is made from, as it stands now."""
    root = course_root()
    earlier = [digest(dataset, name) or "missing" for name in stage.needs]
    tools = [tool for tool in OPTIONAL_TOOLS if shutil.which(tool)]
    return content_key(dataset, root / stage.notebook, library_key(root), *earlier, *tools)


def library_key(root: Path) -> str:
    """One key for the library, the Tcl, the board's templates and the locked packages."""
    rooms = sorted(
        path for path in (root / "src" / "mlfpga").iterdir() if path.stem not in (*ROOMS_AROUND, "__pycache__")
    )
    others = [root / "deploy_templates", root / "vivado", *sorted((root / "environments").glob("*.lock"))]
    return content_key(*rooms, *(path for path in others if path.exists()))


def last_run(dataset: str, stage: Stage) -> dict | None:
    """The record of the last run that ended well: key, digest, seconds, cells, finished; None if there was none."""
    try:
        return json.loads(executed_notebook(dataset, stage).with_suffix(".json").read_text())
    except (OSError, ValueError):
        return None


def executed_notebook(dataset: str, stage: Stage) -> Path:
    """Where the executed notebook of a stage is kept; its HTML stands beside it."""
    return build_root() / dataset / "labs" / f"{stage.label}.ipynb"


def shown_notebook(dataset: str, stage: Stage) -> Path:
    """Where `build/labs/`, which shows the notebooks of all datasets side by side, has a copy of it."""
    return build_root() / "labs" / f"{dataset}_{stage.label}.ipynb"


@contextmanager
def _alone(dataset: str, progress: Progress) -> Iterator[None]:
    """Wait until no other run of this dataset is under way, and keep others waiting meanwhile."""
    lock = build_root() / dataset / "labs" / ".lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.waiting(f"another run of the labs on {dataset} is under way; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed outright left half-written. Recent leftovers may be at work in JupyterLab."""
    for name in NAMES:
        for left in folder.glob(f".{name}.*"):
            if time.time() - left.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _execute(stage: Stage, source: Path, folder: Path, environment: dict, progress: Progress) -> notebooks.Outcome:
    if not source.is_file():
        raise StageError(f"the stage {stage.name} is made by {stage.notebook}, which is not there")
    return notebooks.execute(source, folder, stage.kernel, environment, progress.cell)


def _run_on_board(stage: Stage, dataset: str, environment: dict, progress: Progress) -> notebooks.Outcome:
    """Copy the bundle to "the board" and run the notebook that came with it there, as a person would.

    The stage is the folder as it stands on the board afterwards: the bundle and `results.json`, which are its metrics.
    """
    bundle = stage_folder(dataset, stage.bundle)
    if digest(dataset, stage.bundle) is None or stale_because(dataset, stage.bundle):
        made_by = stage_named(dataset, stage.bundle)
        progress.waiting(f"the board needs a bundle: running {made_by.notebook} first (usually {made_by.usually})")
        make_stage(made_by, dataset)
    used = digest(dataset, stage.bundle)
    try:
        with writing_folder(stage_folder(dataset, stage.name)) as folder:
            shutil.copytree(bundle, folder, dirs_exist_ok=True)
            for name in ("stage.json", "metrics.json"):
                (folder / name).unlink()
            outcome = _execute(stage, folder / Path(stage.notebook).name, folder, environment, progress)
            results = _read_results(folder)
            if outcome.failure is None and results is None:
                outcome = _failed(outcome, "it ended without writing results.json")
            if outcome.failure:
                raise _OnBoardFailure
            seal(folder, stage.name, dataset, results, {stage.bundle: used})
    except _OnBoardFailure:
        pass  # what stood there before stays; the outcome says what went wrong
    return outcome


def _read_results(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "results.json").read_text())
    except (OSError, ValueError):
        return None


class _OnBoardFailure(Exception):
    """Leaves `writing_folder` without publishing."""


def _failed(outcome: notebooks.Outcome, failure: str) -> notebooks.Outcome:
    return notebooks.Outcome(outcome.notebook, outcome.cells, outcome.seconds, failure)


def _was_published_since(moment: float, folder: Path) -> bool:
    try:
        return (folder / "stage.json").stat().st_mtime >= moment - 1  # file systems round times
    except OSError:
        return False


def _keep(stage: Stage, dataset: str, outcome: notebooks.Outcome) -> None:
    """Keep the executed notebook and its HTML, and take away the record: it is written again only after a success."""
    target = executed_notebook(dataset, stage)
    target.with_suffix(".json").unlink(missing_ok=True)
    notebooks.save(outcome.notebook, target, course_root() / Path(stage.notebook).parent)
    _copy_to_shown(dataset, stage)


def _copy_to_shown(dataset: str, stage: Stage) -> None:
    for suffix in (".ipynb", ".html"):
        with writing(shown_notebook(dataset, stage).with_suffix(suffix)) as temporary:
            shutil.copyfile(executed_notebook(dataset, stage).with_suffix(suffix), temporary)


def _write_record(stage: Stage, dataset: str, outcome: notebooks.Outcome) -> None:
    last = {
        "key": stage_key(dataset, stage),
        "digest": digest(dataset, stage.name),
        "seconds": round(outcome.seconds, 1),
        "cells": outcome.cells,
        "finished": time.strftime("%Y-%m-%d %H:%M"),
    }
    with writing(executed_notebook(dataset, stage).with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(last, indent=1) + "\n")


def _relative(path: Path) -> Path:
    try:
        return path.relative_to(course_root())
    except (ValueError, ArtifactError):
        return path
