"""Sweeps: what a recipe does, that each is done once and none is lost, and that processes come and go."""

import json
import os
import socket
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402
from mlfpga.compress.sweeps import cluster, processes, task  # noqa: E402
from mlfpga.compress.sweeps.progress import Progress  # noqa: E402

pytestmark = pytest.mark.host

Recipe = compress.Recipe
QUICK = dict(epochs=1, batch_size=64, learning_rate=0.01)


def weights(model):
    return [np.asarray(values) for values in model.get_weights()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


@pytest.fixture
def pretended(monkeypatch):
    """Processes that are none: `pretended.outcomes[name]` is what becomes of a recipe, a result unless it is given."""
    made = SimpleNamespace(done=[], outcomes={})

    def outcomes(inputs, recipes, workers):
        for index in range(len(recipes)):
            yield index, None
        yield None
        for index in reversed(range(len(recipes))):
            name = recipes[index].name
            outcome = made.outcomes.get(name, task.Result({"name": name, "validation_accuracy": 0.5}, b"file", 2.0))
            if isinstance(outcome, BaseException):
                raise outcome
            made.done.append(name)
            yield index, outcome

    monkeypatch.setattr(processes, "outcomes", outcomes)
    return made


# What a recipe is.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(name=" "), "a recipe is called ' '; give it a name to find it by in the table"),
        (
            dict(name="a", epochs=0),
            "recipe 'a' has 0 epochs, which train nothing; choose 1 or more, or None for no training at all",
        ),
        (
            dict(name="a", epochs=None, pattern=(2, 4)),
            "recipe 'a' has no epochs, and pruning needs training; give it 1 or more",
        ),
        (
            dict(name="a", epochs=None, distil=True),
            "recipe 'a' has no epochs, and distillation needs training; give it 1 or more",
        ),
        (
            dict(name="a", epochs=None, shrink=0.5),
            "recipe 'a' has no epochs, and shrinking needs training; give it 1 or more",
        ),
        (
            dict(name="a", sparsity=0.5, pattern=(2, 4)),
            "recipe 'a' has the sparsity 0.5 and the pattern (2, 4), which sets the sparsity itself; give one of them",
        ),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(settings, message):
    with pytest.raises(compress.CompressError) as error:
        Recipe(**settings)
    assert str(error.value) == message


def test_a_grid_has_every_combination_in_order_and_says_what_differs():
    recipes = compress.grid(weight_bits=(4, 6), sparsity=np.array([0, 0.5]), epochs=3)
    assert [recipe.name for recipe in recipes] == [
        "4 bit, 0 % zeros",
        "4 bit, 50 % zeros",
        "6 bit, 0 % zeros",
        "6 bit, 50 % zeros",
    ]
    assert [(r.weight_bits, r.activation_bits, r.sparsity) for r in recipes] == [
        (4, 4, 0),
        (4, 4, 0.5),
        (6, 6, 0),
        (6, 6, 0.5),
    ]
    assert {recipe.epochs for recipe in recipes} == {3}
    one, two = compress.grid(pattern=[(2, 4), None], distil=True)
    assert (one.name, one.pattern, two.name, two.pattern) == ("2 of 4", (2, 4), "no pattern", None)
    assert compress.grid(pattern=(2, 4), name=lambda recipe: f"N:M {recipe.pattern}")[0].name == "N:M (2, 4)"


def test_a_grid_of_what_no_recipe_has_is_refused():
    with pytest.raises(compress.CompressError, match="a recipe has no bits; settings are activation_bits, augment"):
        compress.grid(bits=(4, 6))
    with pytest.raises(compress.CompressError, match="no values are given for sparsity; give at least one"):
        compress.grid(sparsity=[])


# What applying it does.


def test_a_recipe_does_what_it_says(trained, data):
    before = weights(trained)
    recipe = Recipe("all", weight_bits=6, activation_bits=5, sparsity=0.5, distil=True, shrink=0.25, **QUICK)
    made = compress.apply(recipe, trained, data, teacher=trained)
    cost = compress.cost(made)
    assert (cost["weight_bits"], cost["activation_bits"]) == (6, 5)
    assert cost["weights"] == 8 * 9 + 9 * 4 + 4 * 3, "a quarter of 12 and of 6 neurons is gone"
    assert cost["sparsity"] >= 0.49
    assert all(np.array_equal(a, b) for a, b in zip(weights(trained), before, strict=True))


def test_rounding_alone_trains_nothing(trained, data):
    made = compress.apply(Recipe("rounded", weight_bits=8, activation_bits=8, epochs=None), trained, data)
    alone = compress.finish(compress.quantize(trained, compress.ranges(trained, data.x_train), 8, 8))
    assert same(made, alone)


def test_batch_normalization_is_folded_before_rounding(data):
    inputs = keras.Input((8,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(5, name="dense_1")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(keras.layers.ReLU(name="relu_1")(x)))
    made = compress.apply(Recipe("folded", weight_bits=16, activation_bits=16, epochs=None), model, data)
    assert [layer.name for layer in made.layers if "norm" in layer.name] == []
    assert np.allclose(models.logits(made, data.x_test), models.logits(model, data.x_test), atol=1e-2)


def test_the_same_seed_gives_the_same_model(trained, data):
    one, two, other = (compress.apply(Recipe("on", seed=seed, **QUICK), trained, data) for seed in (0, 0, 1))
    assert same(one, two) and not same(one, other)


# Sweeping, without processes.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(weight_bits=0), "recipe 'odd': weight_bits is 0; choose 2 to 32"),
        (dict(weight_bits=33), "recipe 'odd': weight_bits is 33; choose 2 to 32"),
        (
            dict(sparsity=1.0),
            "recipe 'odd': sparsity is 1.0; choose more than 0 and less than 1 (at 1 no weight is left)",
        ),
        (dict(distil=True), "recipe 'odd': there is no teacher to distil from; give one"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_runs(trained, data, pretended, tmp_path, settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.sweep(trained, data, [Recipe("fine"), Recipe("odd", **settings)], folder=tmp_path)
    assert str(error.value) == message
    assert not pretended.done


def test_a_finished_recipe_is_not_done_again_but_a_new_one_is(trained, data, pretended, tmp_path, capsys):
    recipes = [Recipe(f"{bits} bit", seed=bits) for bits in (4, 5, 6)]
    rows = compress.sweep(trained, data, recipes[:2], folder=tmp_path)
    assert [row["name"] for row in rows] == ["4 bit", "5 bit"] and pretended.done == ["5 bit", "4 bit"]
    renamed = Recipe("four", seed=4)
    rows = compress.sweep(trained, data, [recipes[2], renamed, recipes[1]], folder=tmp_path)
    assert [row["name"] for row in rows] == ["6 bit", "four", "5 bit"] and pretended.done[2:] == ["6 bit"]
    assert rows[1]["path"].read_bytes() == b"file"
    assert "2 of 3 recipes are there already, from an earlier sweep\n" in capsys.readouterr().out


def test_another_model_or_other_data_is_another_sweep(trained, data, pretended, tmp_path):
    recipe, other = Recipe("4 bit", seed=4), models.copy_model(trained)
    other.set_weights([values + 1e-3 for values in other.get_weights()])
    for model, samples, teacher in ((trained, data, None), (other, data, None), (trained, data.subset(300, 1), None)):
        compress.sweep(model, samples, [recipe], teacher, folder=tmp_path)
    compress.sweep(trained, data, [recipe], other, folder=tmp_path)
    assert pretended.done == ["4 bit"] * 4


def test_an_interrupted_sweep_goes_on_where_it_stopped(trained, data, pretended, tmp_path):
    recipes = [Recipe(f"{bits} bit", seed=bits) for bits in (4, 5, 6)]
    pretended.outcomes["5 bit"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        compress.sweep(trained, data, recipes, folder=tmp_path)
    pretended.outcomes.clear()
    compress.sweep(trained, data, recipes, folder=tmp_path)
    assert pretended.done == ["6 bit", "5 bit", "4 bit"]


def test_what_is_half_there_is_done_again(trained, data, pretended, tmp_path):
    row = compress.sweep(trained, data, [Recipe("4 bit", seed=4)], folder=tmp_path)[0]
    row["path"].unlink()
    compress.sweep(trained, data, [Recipe("4 bit", seed=4)], folder=tmp_path)
    assert pretended.done == ["4 bit"] * 2


def test_a_failure_is_named_and_loses_no_other(trained, data, pretended, tmp_path):
    recipes = [Recipe(f"{bits} bit", seed=bits) for bits in (4, 5, 6)]
    pretended.outcomes["5 bit"] = task.Failure("it broke")
    with pytest.raises(compress.SweepError) as error:
        compress.sweep(trained, data, recipes, folder=tmp_path)
    assert str(error.value) == (
        "1 of 3 recipes could not be done; the others are kept, and the next sweep does not do them again:\n"
        "  5 bit: it broke"
    )
    assert [row["name"] for row in error.value.rows] == ["4 bit", "6 bit"]


def test_recipes_that_differ_in_name_alone_are_done_once(trained, data, pretended, tmp_path):
    rows = compress.sweep(trained, data, [Recipe("a"), Recipe("b")], folder=tmp_path)
    assert [row["name"] for row in rows] == ["a", "b"] and len(pretended.done) == 1


@pytest.mark.parametrize(
    ("recipes", "settings", "message"),
    [
        ([], {}, "a sweep over no recipes does nothing; give some, or make them with grid(…)"),
        ([Recipe("a"), Recipe("a", seed=1)], {}, "two recipes are called 'a'; give each a name of its own"),
        ([Recipe("a")], dict(workers=0), "0 workers do nothing; choose 1 or more"),
    ],
)
def test_sweeps_that_make_no_sense_are_refused(trained, data, recipes, settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.sweep(trained, data, recipes, **settings)
    assert str(error.value) == message


def test_progress_tells_what_is_left(capsys, monkeypatch):
    now = iter(range(0, 100000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    progress = Progress(["long name", "b", "c"], jobs=3, at_once=2)
    for name in ("long name", "b"):
        progress.started(name)
    progress.done("b", {"validation_accuracy": 0.9876})
    progress.failed("long name", "it broke")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "[1/3] b          98.76% on validation   took 0:10   about 0:10 left",
        "[2/3] long name FAILED: it broke",
    ]


# The one call.


def test_explore_gives_table_picture_and_choice(trained, data, tmp_path, monkeypatch):
    def outcomes(inputs, recipes, workers):  # the real work, in this process
        for index, recipe in enumerate(recipes):
            yield index, None
            yield index, task.do(inputs, recipe)

    monkeypatch.setattr(processes, "outcomes", outcomes)
    found = compress.explore(
        trained,
        data,
        compress.grid(weight_bits=(4, 8), epochs=None),
        estimate=lambda model: {"LUT": model.count_params()},
        score=lambda logits, labels: {"top_2": float(np.mean(np.argsort(-logits)[:, :2] == labels[:, None]) * 2)},
        folder=tmp_path,
    )
    table = found.table()
    assert list(table.index) == ["float", "4 bit", "8 bit"]
    assert table["LUT (estimated)"].tolist() == [f"{trained.count_params():,}"] * 3
    assert len(found.show().axes) == 4 and found.show(measure="top_2").axes[0].get_ylabel() == "top_2"
    for row in found.rows:
        made = models.load(row["path"]) if "path" in row else trained
        assert row["accuracy"] == np.mean(models.logits(made, data.x_test).argmax(1) == data.y_test)
        assert row["validation_accuracy"] == np.mean(
            models.logits(made, data.x_validation).argmax(1) == data.y_validation
        )
        assert row["accuracy"] <= row["top_2"] <= 1
    assert found.choose(lose=1.0)["name"] == "4 bit", "the smallest, if any loss is allowed"
    best = found.choose(lose=0.0)
    assert best["validation_accuracy"] >= found.rows[0]["validation_accuracy"]
    with pytest.raises(compress.CompressError, match="the rows have no cost 'FF'; they have name, "):
        found.choose(cost="FF")


# Processes.


def test_two_processes_give_what_one_does_here_at_the_same_time(trained, data, tmp_path):
    recipes = [Recipe(f"{bits} bit", weight_bits=bits, activation_bits=6, sparsity=0.5, **QUICK) for bits in (5, 6)]
    found, events = {}, []
    for event in processes.outcomes(task.packed(trained, data, None), recipes, workers=2):
        if event is not None:
            events.append(event)
    assert {index for index, outcome in events[:2] if outcome is None} == {0, 1}, "both began before one ended"
    found = {index: outcome for index, outcome in events if outcome is not None}
    for index, recipe in enumerate(recipes):
        assert same(task.model_of(found[index].model), compress.apply(recipe, trained, data))
        assert json.loads(json.dumps(found[index].row)) == found[index].row and found[index].seconds > 0


def test_a_process_that_is_killed_is_told_and_the_next_job_gets_a_new_one(trained, data):
    worker = processes.Worker(b"", threads=1)
    threading.Timer(0.5, worker.kill).start()
    try:
        outcome = worker.do(Recipe("a"))
    finally:
        worker.close()
    assert outcome.reason == "its process was killed (SIGKILL); if memory ran out, use fewer workers"
    assert not worker.alive


def test_a_process_that_cannot_start_tells_its_last_words(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho one >&2; echo two >&2; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(processes.sys, "executable", str(broken))
    events = list(processes.outcomes(b"x" * 10**6, [Recipe("a"), Recipe("b")], workers=1))
    reasons = [event[1].reason for event in events if event and event[1]]
    assert reasons == ["its process ended with code 3; its last words: one / two"] * 2


def test_leaving_a_sweep_ends_its_processes_at_once(trained, data):
    import psutil

    found = processes.outcomes(task.packed(trained, data, None), [Recipe("a", epochs=10**6)], workers=1)
    assert next(found) == (0, None)
    time.sleep(0.3)
    ours = psutil.Process(os.getpid()).children()
    started = time.monotonic()
    found.close()
    assert time.monotonic() - started < 2
    assert ours and not any(process.is_running() for process in ours)


# A cluster.


@pytest.mark.parametrize(
    "address", ["", "host", "host:8786", "http://host:80", "tcp://host", "tcp://:1", "tcp://a:0", 8786]
)
def test_what_is_no_address_is_refused(trained, data, address):
    with pytest.raises(compress.CompressError) as error:
        compress.sweep(trained, data, [Recipe("a")], address=address)
    assert str(error.value) == (
        f"{address!r} is not the address of a Dask scheduler; it looks like tcp://host:8786. Give one like that, or "
        "leave the address out: then this machine's cores do the work"
    )


def test_an_address_that_does_not_answer_is_one_clear_error_soon(trained, data, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_SECONDS", 1)
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(compress.CompressError) as error:
            compress.sweep(trained, data, [Recipe("a")], address=address, folder=tmp_path)
    assert time.monotonic() - started < 10
    assert str(error.value) == (
        f"no Dask scheduler answers at {address} (1 s waited); start one there with `dask scheduler`, correct the "
        "address, or leave the address out: then this machine's cores do the work"
    )


@pytest.mark.slow
def test_a_cluster_gives_what_this_machine_gives(trained, data, tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "_WITHOUT_WORKERS_SECONDS", 1)
    recipe = Recipe("5 bit", weight_bits=5, activation_bits=5, **QUICK)
    # The worker is a thread here; what it is asked to do, it does in a process of its own anyway.
    settings = dict(processes=False, protocol="tcp", dashboard_address=None)
    with LocalCluster(n_workers=0, threads_per_worker=1, **settings) as made:
        address = made.scheduler_address
        with pytest.raises(compress.CompressError, match=f"the Dask cluster at {address} has no workers; start some"):
            compress.sweep(trained, data, [recipe], address=address, folder=tmp_path)
        made.scale(1)
        monkeypatch.setattr(cluster, "_WITHOUT_WORKERS_SECONDS", 30)
        row = compress.sweep(trained, data, [recipe], address=address, folder=tmp_path)[0]
    assert same(models.load(row["path"]), compress.apply(recipe, trained, data))
