"""The stages of the course in order, and the record that makes a finished stage recognisable.

A stage is a folder `build/<dataset>/<stage>/` with whatever its notebook made, `metrics.json`, and `stage.json`, its
record: which files belong to it, one digest over their content, and the digests of the earlier stages it was made from.

Which notebook trains depends on the case that the dataset belongs to; all later notebooks serve every case.

What a stage's metrics are called, where the report, the figures and later labs look for them. Shares are 0 … 1. All
are measured on the whole test split; in the case rnn `accuracy` is the share of first places and equals `top_1`.

    training      accuracy; parameters; weights (all kernel weights: embedding tables and recurrent kernels too, biases
                  not); classes and confusion up to some twenty classes; rnn: top_1, top_5, top_10, mrr_10
    quantization  table: the rows of `compress.compare`
    pruning       table
    distillation  table
    compression   accuracy, weights, weight_bits and activation_bits (the widest), sparsity (share of `weights` that
                  are zero), winner (its name in the table), table; confusion as above;
                  rnn: top_1, top_5, top_10, mrr_10
    accelerator   accuracy, agreement_with_keras (share of samples with the same answer), estimate (a dict: the
                  estimated cycles and resources); confusion as above; rnn: top_1, top_5, top_10, mrr_10
    overlay       origin ("dry run", or the Vivado that built it)
    bundle        samples, size_bytes
    board         results.json of deploy.ipynb: accuracy, words_equal, words_compared, virtual, latency_ms,
                  throughput_per_s; rnn: top_1, top_5, top_10, mrr_10

Lab 06 (case cnn) has its own way to the board:

    integers         accuracy (of the integer network), float_accuracy, weight_bits, activation_bits, weights, table
    pipeline         accuracy (of the RTL), interval_cycles, latency_cycles, multipliers, table (a row for each stage)
    parallelism      table: a row for each plan and width tried
    pipeline_bundle  samples, size_bytes
    pipeline_board   as board
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
    label: str  # names the executed notebook; sorted in the order of the course
    makes: str  # finishes the sentence "this notebook makes …"
    usually: str  # how long it takes on a laptop, in words
    needs: tuple[str, ...] = ()
    kernel: str = HOST_KERNEL
    bundle: str | None = None  # the stage whose bundle it runs in, on the board


# The cases of the course, and the dataset that stands for each where none is chosen: these three need no network.
DEFAULTS = {"mlp": "pulses-generated", "cnn": "digits", "rnn": "recommender-generated"}


def _training(notebook: str, what: str) -> Stage:
    return Stage(
        name="training",
        notebook=f"labs/lab01_training/{notebook}.ipynb",
        label=f"lab01_{notebook}",
        makes=f"the trained {what}",
        usually="about a minute",
    )


_TRAINING = {"mlp": _training("01_mlp", "MLP"), "cnn": _training("02_cnn", "CNN"), "rnn": _training("03_rnn", "RNN")}

_AFTER_TRAINING = (
    Stage(
        name="quantization",
        notebook="labs/lab02_compression/01_quantization.ipynb",
        label="lab02_01_quantization",
        makes="the quantized model",
        usually="about a minute",
        needs=("training",),
    ),
    Stage(
        name="pruning",
        notebook="labs/lab02_compression/02_pruning.ipynb",
        label="lab02_02_pruning",
        makes="the pruned models",
        usually="about a minute",
        needs=("training",),
    ),
    Stage(
        name="distillation",
        notebook="labs/lab02_compression/03_distillation.ipynb",
        label="lab02_03_distillation",
        makes="the teacher and its student",
        usually="about a minute",
        needs=("training",),
    ),
    Stage(
        name="compression",
        notebook="labs/lab02_compression/04_together.ipynb",
        label="lab02_04_together",
        makes="the compressed model",
        usually="about a minute",
        needs=("training", "quantization", "pruning", "distillation"),
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
        bundle="bundle",
    ),
)

# Lab 06 makes an accelerator of its own, of RTL, from a network of integers: for pictures.
_PIPELINE = (
    Stage(
        name="integers",
        notebook="labs/lab06_pipeline/01_integers.ipynb",
        label="lab06_01_integers",
        makes="the network of integers",
        usually="about a minute",
        needs=("training",),
    ),
    Stage(
        name="pipeline",
        notebook="labs/lab06_pipeline/02_rtl.ipynb",
        label="lab06_02_rtl",
        makes="the network as streaming RTL",
        usually="about a minute",
        needs=("integers",),
    ),
    Stage(
        name="parallelism",
        notebook="labs/lab06_pipeline/03_parallelism.ipynb",
        label="lab06_03_parallelism",
        makes="a table of what bits and parallelism cost",
        usually="about a minute",
        needs=("integers",),
    ),
    Stage(
        name="pipeline_bundle",
        notebook="labs/lab06_pipeline/04_to_the_board.ipynb",
        label="lab06_04_to_the_board",
        makes="the pipeline's folder for the board",
        usually="under a minute",
        needs=("integers", "pipeline"),
    ),
    Stage(
        name="pipeline_board",
        notebook="deploy_templates/deploy.ipynb",
        label="lab06_05_deploy",
        makes="the pipeline's results on the (virtual) board",
        usually="under a minute",
        needs=("pipeline_bundle",),
        kernel=BOARD_KERNEL,
        bundle="pipeline_bundle",
    ),
)

NAMES = ("training", *(stage.name for stage in (*_AFTER_TRAINING, *_PIPELINE)))


def case_of(dataset: str) -> str:
    """The case a dataset belongs to: "mlp" (pulses), "cnn" (images) or "rnn" (sequences).

    Raises DatasetError for an unknown dataset.
    """
    from mlfpga import datasets  # brings NumPy, which the command line's help can do without

    return datasets.case_of(dataset)


def stages_of(dataset: str) -> tuple[Stage, ...]:
    """The stages of a dataset, in order."""
    case = case_of(dataset)
    return (_TRAINING[case], *_AFTER_TRAINING, *(_PIPELINE if case == "cnn" else ()))


def stage(dataset: str, name: str) -> Stage:
    """A dataset's stage of that name. Raises StageError for an unknown one, and for one that its case has not."""
    check_name(name)
    found = next((each for each in stages_of(dataset) if each.name == name), None)
    if found is None:
        raise StageError(f"{dataset} has no stage {name}: lab 06 is about pictures (digits, mnist, …)")
    return found


def check_name(name: str) -> str:
    """`name`, if a stage is called so; else StageError."""
    if name not in NAMES:
        raise StageError(f"there is no stage {name!r}; choose one of {', '.join(NAMES)}")
    return name


def stage_folder(dataset: str, name: str) -> Path:
    """Where a stage of this dataset lives, finished or not."""
    return build_root() / dataset / check_name(name)


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
