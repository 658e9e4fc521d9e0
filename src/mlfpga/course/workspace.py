"""The face a lab sees: what it needs, what it publishes."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlfpga.artifacts import build_root, course_root, writing_folder
from mlfpga.course.stages import (
    DEFAULTS,
    METRICS,
    StageError,
    case_of,
    digest,
    seal,
    stage,
    stage_folder,
    stale_because,
)

DEFAULT_DATASET = "digits"


def workspace(dataset: str | None = None, case: str | None = None) -> "Workspace":
    """The workspace of a dataset: the one named, else `MLFPGA_DATASET`, else `digits`.

    A lab that serves one case alone ("mlp", "cnn" or "rnn") names it. A dataset of another case in `MLFPGA_DATASET` is
    then no choice for it: it takes its case's own and says so. Raises StageError for an unknown case, and for a dataset
    that is named and belongs to another case.
    """
    chosen = os.environ.get("MLFPGA_DATASET")
    if case is None:
        return Workspace(dataset or chosen or DEFAULT_DATASET)
    if case not in DEFAULTS:
        raise StageError(f"there is no case {case!r}; choose one of {', '.join(DEFAULTS)}")
    if dataset is not None and case_of(dataset) != case:
        raise StageError(f"{dataset} is a dataset of the case {case_of(dataset)}, not {case}; {DEFAULTS[case]} is one")
    if dataset is None and chosen and case_of(chosen) == case:
        dataset = chosen
    if dataset is None:
        dataset = DEFAULTS[case]
        why = f"{chosen}, which MLFPGA_DATASET names, is for another notebook" if chosen else "none was chosen"
        print(f"This notebook works on {dataset} ({why}).")
    return Workspace(dataset)


class Workspace:
    """The stages of one dataset, under `build/<dataset>/`.

    It remembers which stages were needed, so that a stage published later knows what it was made from.
    """

    def __init__(self, dataset: str):
        # The name becomes a folder; that it is a dataset at all is for `mlfpga.datasets.load` to say.
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", dataset):
            raise StageError(f"{dataset!r} cannot name a dataset; use lower-case letters, digits, - and _")
        self.dataset = dataset
        self._used: dict[str, str] = {}

    @property
    def case(self) -> str:
        """The case of the dataset: "mlp", "cnn" or "rnn"."""
        return case_of(self.dataset)

    def __repr__(self) -> str:
        return f"Workspace({self.dataset!r})"

    def need(self, name: str) -> Path:
        """The folder of a finished stage; if it is missing, the notebook that makes it is run first, headless.

        A stage made from an earlier version of the stages before it is stale: a headless run remakes it, a person at
        the keyboard is told and decides. Raises StageError if the notebook fails.
        """
        changed = stale_because(self.dataset, name)
        if digest(self.dataset, name) is None:
            self._make(name, f"There is no {name} stage for {self.dataset} yet")
        elif changed and _headless():
            self._make(name, f"The {name} stage was made from another version of {changed}")
        elif changed:
            print(
                f"Note: the {name} stage was made from another version of {changed}. It is used as it is; "
                f"to bring it up to date run {stage(self.dataset, name).notebook} again."
            )
        self._used[name] = digest(self.dataset, name)
        return stage_folder(self.dataset, name)

    def metrics(self, name: str) -> dict[str, Any]:
        """The metrics a stage was published with (and, as `need`, the stage made first if it is missing)."""
        return json.loads((self.need(name) / METRICS).read_text())

    def draft(self, name: str) -> Path:
        """A place for work in progress, beside the stages; whatever was there stays until it is written again."""
        return build_root() / self.dataset / "drafts" / name

    @contextmanager
    def publish(self, name: str, **metrics: Any) -> Iterator[Path]:
        """Yield an empty folder for the stage's files; it becomes the stage when the block ends well.

        `metrics` (numbers, texts, lists, NumPy arrays) are kept beside the files in `metrics.json`. If the block
        raises or the run is interrupted, the stage stays what it was before.
        """
        target = stage_folder(self.dataset, name)
        with writing_folder(target) as folder:
            yield folder
            upstream = {used: key for used, key in self._used.items() if used != name}
            seal(folder, name, self.dataset, metrics, upstream)

    def _make(self, name: str, reason: str) -> None:
        from mlfpga.course.runner import make_stage  # brings nbclient, which only a run needs

        wanted = stage(self.dataset, name)
        where = course_root() / wanted.notebook
        if not where.is_file():
            raise StageError(f"the {name} stage is made by {wanted.notebook}, which is not in {course_root()}")
        print(
            f"{reason}: running {wanted.notebook}, which makes {wanted.makes} (usually {wanted.usually}) …", flush=True
        )
        started = time.monotonic()
        make_stage(wanted, self.dataset)
        print(f"… {name} is ready, after {time.monotonic() - started:.0f} s.", flush=True)


def _headless() -> bool:
    return bool(os.environ.get("MLFPGA_HEADLESS"))
