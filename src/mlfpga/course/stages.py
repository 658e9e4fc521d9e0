"""The stages of the course in order, and the record that makes a finished stage recognisable.

A stage is a folder `build/<dataset>/<stage>/` with whatever its notebook made, `metrics.json`, and `stage.json`, its
record: which files belong to it, one digest over their content, and the digests of the earlier stages it was made from.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlfpga.artifacts import build_root, content_key, sha256

RECORD = "stage.json"
METRICS = "metrics.json"

HOST_KERNEL = "mlfpga-host"
BOARD_KERNEL = "aup-zu3-virtual"


class StageError(Exception):
    """A stage is unknown, or the notebook that makes it did not."""


@dataclass(frozen=True)
class Stage:
    """One step of the course and the notebook that makes it."""

    name: str
    notebook: str  # relative to the checkout
    label: str  # the name of the executed notebook in build/labs/, sorted in the order of the course
    makes: str  # finishes the sentence "this notebook makes …"
    usually: str  # how long it takes on a laptop, in words
    needs: tuple[str, ...] = ()
    kernel: str = HOST_KERNEL


STAGES: tuple[Stage, ...] = (
    Stage(
        name="training",
        notebook="labs/lab01_training/01_mlp.ipynb",
        label="lab01_01_mlp",
        makes="the trained model",
        usually="about a minute",
    ),
    Stage(
        name="compression",
        notebook="labs/lab02_compression/01_compression.ipynb",
        label="lab02_01_compression",
        makes="the compressed model",
        usually="one to three minutes",
        needs=("training",),
    ),
    Stage(
        name="accelerator",
        notebook="labs/lab03_hls4ml/01_accelerator.ipynb",
        label="lab03_01_accelerator",
        makes="the accelerator's C++ sources and their simulation",
        usually="one to two minutes",
        needs=("compression",),
    ),
    Stage(
        name="overlay",
        notebook="labs/lab04_vivado/01_block_design.ipynb",
        label="lab04_01_block_design",
        makes="the block design and its hardware handoff",
        usually="a few seconds",
        needs=("accelerator",),
    ),
    Stage(
        name="bundle",
        notebook="labs/lab05_deployment/01_bundle.ipynb",
        label="lab05_01_bundle",
        makes="the folder that goes to the board",
        usually="under a minute",
        needs=("training", "compression", "accelerator", "overlay"),
    ),
    Stage(
        name="board",
        notebook="deploy_templates/deploy.ipynb",
        label="lab05_02_deploy",
        makes="the results measured on the (virtual) board",
        usually="under a minute",
        needs=("bundle",),
        kernel=BOARD_KERNEL,
    ),
)


def stage(name: str) -> Stage:
    """The stage of that name. Raises StageError for an unknown one."""
    for candidate in STAGES:
        if candidate.name == name:
            return candidate
    raise StageError(f"there is no stage {name!r}; choose one of {', '.join(s.name for s in STAGES)}")


def stage_folder(dataset: str, name: str) -> Path:
    """Where a stage of this dataset lives, finished or not."""
    return build_root() / dataset / stage(name).name


def seal(folder: Path, name: str, dataset: str, metrics: dict[str, Any], upstream: dict[str, str]) -> None:
    """Write `metrics.json` and `stage.json` into a folder that holds everything else the stage made.

    `upstream` maps each earlier stage that was used to its digest. Values in `metrics` may be NumPy scalars and arrays.
    Raises ValueError for a metric that JSON cannot hold (a NaN among them: it would read back as nothing).
    """
    try:
        text = json.dumps(metrics, indent=1, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the metrics of stage {name} cannot be written as JSON: {error}") from error
    (folder / METRICS).write_text(text + "\n")
    files = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    digest = content_key(*(part for item in files.items() for part in item))
    record = {"stage": name, "dataset": dataset, "digest": digest, "upstream": upstream, "files": files}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")


def record(dataset: str, name: str) -> dict[str, Any] | None:
    """The record of a finished stage, or None if the stage is not there or lost one of its files."""
    folder = stage_folder(dataset, name)
    try:
        found = json.loads((folder / RECORD).read_text())
        whole = all((folder / file).is_file() for file in found["files"])
    except (OSError, ValueError, KeyError):
        return None
    return found if whole else None


def digest(dataset: str, name: str) -> str | None:
    """What a finished stage holds, as one key; None if it is not finished."""
    found = record(dataset, name)
    return found["digest"] if found else None


def stale_because(dataset: str, name: str) -> str | None:
    """The earlier stage whose content has changed since this one was made from it, or None if all are the same."""
    found = record(dataset, name)
    for earlier, used in (found or {"upstream": {}})["upstream"].items():
        if digest(dataset, earlier) != used or stale_because(dataset, earlier):
            return earlier
    return None


def _plain(value: Any) -> Any:
    """A NumPy scalar or array, or a path, as JSON knows it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}")
