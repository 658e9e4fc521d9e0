"""A sweep: many recipes, on all cores or on a cluster, each done once and kept."""

import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tensorflow import keras

from mlfpga import datasets, models
from mlfpga.artifacts import cache_root, content_key, writing_folder
from mlfpga.compress.errors import CompressError
from mlfpga.compress.sweeps import cluster, processes
from mlfpga.compress.sweeps.progress import Progress
from mlfpga.compress.sweeps.recipe import Recipe, prepared
from mlfpga.compress.sweeps.task import Failure, Result, packed
from mlfpga.datasets import Dataset

_ROW, _MODEL = "row.json", "model.h5"
# A training with another version of one of these gives other weights.
_PACKAGES = ("tensorflow-cpu", "keras", "qkeras", "tensorflow-model-optimization", "numpy")


class SweepError(CompressError):
    """Some recipes of a sweep could not be done. The `rows` of all others are here, and kept for the next sweep."""

    def __init__(self, message: str, rows: list[dict]):
        super().__init__(message)
        self.rows = rows


def sweep(
    model: keras.Model,
    data: Dataset,
    recipes: Sequence[Recipe],
    teacher: keras.Model | None = None,
    workers: int | None = None,
    address: str | None = None,
    folder: Path | str | None = None,
) -> list[dict]:
    """`apply` every recipe to `model`; one row for each, in the order given.

    A row is as `compare` gives: `accuracy` on the test split and the `cost`; and `validation_accuracy`, by which to
    choose, and `path`, the finished model's .h5 file.

    Jobs run in processes of their own, `workers` at a time (as many as there are cores, if not given); or on the Dask
    cluster whose scheduler is at `address` ("tcp://host:8786"). Each finished one prints a line and is kept in `folder`
    (the course's cache, if not given) under a key of all that decides it: model, teacher, data, recipe, this library's
    code. So a sweep that was interrupted goes on where it stopped, and one with more recipes does only the new ones.

    Raises CompressError, before anything is done, for no recipes, two of one name, a teacher that is missing, less than
    one worker, and an address where no scheduler answers; and SweepError at the end, if some recipes could not be done.
    """
    _check(recipes, teacher, workers)
    if address is not None:
        cluster.check_address(address)
    root = Path(folder) if folder is not None else cache_root() / "sweeps"
    common = _key(model, data, teacher)
    places = [root / content_key(common, recipe.content()) for recipe in recipes]

    # Recipes that differ in nothing but the name are one job.
    missing = {place: recipe for place, recipe in zip(places[::-1], recipes[::-1], strict=True) if not _is_whole(place)}
    jobs = [(place, missing[place]) for place in dict.fromkeys(places) if place in missing]
    at_once = len(jobs) if address else min(workers or processes.cores(), len(jobs))
    progress = Progress([recipe.name for recipe in recipes], len(set(places)), at_once)
    progress.kept(len(set(places)) - len(jobs))
    failures = {}
    if jobs:
        _rehearse(jobs, model, data, teacher)
        todo = [recipe for _, recipe in jobs]
        inputs = packed(model, data, teacher)
        found = cluster.outcomes(inputs, todo, address) if address else processes.outcomes(inputs, todo, at_once)
        failures = _collect(found, jobs, progress)

    rows = [_row(place, recipe) for place, recipe in zip(places, recipes, strict=True) if place not in failures]
    if failures:
        raise SweepError(_told(failures, len(recipes)), rows)
    return rows


def _check(recipes: Sequence[Recipe], teacher: keras.Model | None, workers: int | None) -> None:
    if not recipes:
        raise CompressError("a sweep over no recipes does nothing; give some, or make them with grid(…)")
    names = [recipe.name for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CompressError(f"two recipes are called {twice[0]!r}; give each a name of its own")
    if workers is not None and workers < 1:
        raise CompressError(f"{workers} workers do nothing; choose 1 or more")


def _rehearse(jobs: list[tuple[Path, Recipe]], model: keras.Model, data: Dataset, teacher: keras.Model | None) -> None:
    """Refuse a recipe that cannot be done now, by name, and not after the minutes that the others take."""
    for _, recipe in jobs:
        try:
            prepared(recipe, model, data, teacher)
        except CompressError as error:
            raise CompressError(f"recipe {recipe.name!r}: {error}") from error


def _collect(found: Iterator, jobs: list[tuple[Path, Recipe]], progress: Progress) -> dict[Path, tuple[str, str]]:
    """Keep what is finished, tell what happens; the failures, by place: the recipe's name and the reason."""
    failures = {}
    with closing(found):
        for event in found:
            if event is None:
                progress.alive()
                continue
            index, outcome = event
            place, recipe = jobs[index]
            if outcome is None:
                progress.started(recipe.name)
            elif isinstance(outcome, Failure):
                failures[place] = recipe.name, outcome.reason
                progress.failed(recipe.name, outcome.reason)
            else:
                _keep(place, outcome)
                progress.done(recipe.name, outcome.row)
    return failures


def _keep(place: Path, result: Result) -> None:
    with writing_folder(place) as folder:
        (folder / _MODEL).write_bytes(result.model)
        (folder / _ROW).write_text(json.dumps({**result.row, "seconds": round(result.seconds, 1)}, indent=2))


def _is_whole(place: Path) -> bool:
    return (place / _ROW).is_file() and (place / _MODEL).is_file()


def _row(place: Path, recipe: Recipe) -> dict:
    return {**json.loads((place / _ROW).read_text()), "name": recipe.name, "path": place / _MODEL}


def _told(failures: dict[Path, tuple[str, str]], recipes: int) -> str:
    told = "\n".join(f"  {name}: {reason}" for name, reason in failures.values())
    return (
        f"{len(failures)} of {recipes} recipes could not be done; the others are kept, and the next sweep does not do "
        f"them again:\n{told}"
    )


def _key(model: keras.Model, data: Dataset, teacher: keras.Model | None) -> str:
    parts: list[str | bytes | Path] = [platform.machine(), *(f"{name} {version(name)}" for name in _PACKAGES)]
    parts += [Path(room.__file__).parent for room in (models, datasets)] + [Path(__file__).parents[1]]
    for network in (model, teacher):
        if network is not None:
            with models.quiet_serialization():
                parts.append(network.to_json())
            parts += [np.ascontiguousarray(weight).tobytes() for weight in network.get_weights()]
    for split in ("train", "validation", "test"):
        parts += [np.ascontiguousarray(values).tobytes() for values in data.split(split)]
    return content_key(*parts)
