"""Sequences of items: the public ones where they can be had without a network, the generated ones everywhere."""

import os
from pathlib import Path

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.artifacts import cache_root
from mlfpga.datasets import DatasetError, recommender

SPLITS = ("train", "validation", "test")
PUBLIC = ("recommender", "recommender-users")


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    """The four files as NumPy reads them."""
    own = os.environ.get("MLFPGA_DATA")
    places = [Path(own) / "recommender"] if own else []
    places.append(cache_root() / "datasets" / "recommender")
    place = next((place for place in places if (place / "train_targets.csv").is_file()), None)
    if place is None:
        pytest.skip("the recommender's files are not here; MLFPGA_DATA names the folder that holds them")
    return {path.stem: np.loadtxt(path, delimiter=",", skiprows=1, dtype=int) for path in place.glob("*.csv")}


def sequences(data, split: str) -> set[bytes]:
    return {row.tobytes() for row in data.split(split)[0]}


@pytest.fixture(params=[*PUBLIC, "recommender-generated"])
def data(request):
    if request.param in PUBLIC:
        request.getfixturevalue("published")
    return datasets.load(request.param)


def test_no_sequence_is_in_two_splits(data):
    found = [sequences(data, split) for split in SPLITS]
    assert not found[0] & found[1] and not found[0] & found[2] and not found[1] & found[2]


def test_items_are_whole_numbers_of_seven_bits(data):
    assert data.case == "rnn" and data.sample_shape == (30,) and data.number == "ufixed<7,7>"
    assert len(data.classes) == 100 and data.input_range == (0.0, 99.0)
    assert data.x_train.dtype == np.float32 and data.y_train.dtype == np.int64


def test_every_next_item_is_one_that_the_model_of_the_walks_allows(data):
    likely = np.array([recommender.chances(item) for item in range(100)])
    for split in SPLITS:
        x, y = data.split(split)
        assert likely[x[:, -1].astype(int), y].min() > 0
        # And as often as it says: the average chance of what happened is its own expectation, within four errors.
        expected = likely[x[:, -1].astype(int)]
        happened = expected[np.arange(len(y)), y]
        assert happened.mean() == pytest.approx(
            (expected**2).sum(axis=1).mean(), abs=4 * happened.std() / len(y) ** 0.5
        )


def test_the_seed_alone_decides_the_split(data):
    again, other = datasets.load(data.name), datasets.load(data.name, seed=7)
    assert np.array_equal(data.x_train, again.x_train) and np.array_equal(data.y_test, again.y_test)
    assert not np.array_equal(data.x_validation[:100], other.x_validation[:100])


def test_the_published_test_set_is_kept_in_its_order(published):
    data = datasets.load("recommender")
    assert np.array_equal(data.x_test, published["test_sequences"])
    assert np.array_equal(data.y_test, published["test_targets"])


def test_training_and_validation_come_from_the_published_training_set(published):
    data = datasets.load("recommender")
    known = {
        (*row, target)
        for row, target in zip(*(published[f"train_{what}"].tolist() for what in ("sequences", "targets")), strict=True)
    }
    for split in ("train", "validation"):
        x, y = data.split(split)
        assert {(*row, target) for row, target in zip(x.astype(int).tolist(), y.tolist(), strict=True)} <= known
    # What is missing shares its sequence with a test sample or, being short, with a validation sample.
    assert 10_900 < len(data.y_train) + len(data.y_validation) < 11_600


def walk_of(x, y) -> tuple[int, ...]:
    return (*np.trim_zeros(x.astype(int), "f").tolist(), int(y))


def test_no_walk_validates_and_trains(published):
    data = datasets.load("recommender")
    training = {walk_of(x, y)[:12] for x, y in zip(*data.split("train"), strict=True)}
    validation = {walk_of(x, y)[:12] for x, y in zip(*data.split("validation"), strict=True)}
    long = {walk for walk in training if len(walk) == 12}
    assert len(long) > 300 and not long & validation


def test_the_published_split_leaks_and_the_one_by_user_does_not(published):
    leaking = {}
    for name in PUBLIC:
        data = datasets.load(name)
        training = {walk_of(x, y)[:12] for x, y in zip(*data.split("train"), strict=True)}
        tested = [walk_of(x, y)[:12] for x, y in zip(*data.split("test"), strict=True)]
        leaking[name] = np.mean([walk in training for walk in tested if len(walk) == 12])
    assert leaking["recommender"] > 0.85 and leaking["recommender-users"] == 0


def test_nearly_all_public_samples_are_shared_out_by_user(published):
    data = datasets.load("recommender-users")
    sizes = [len(data.split(split)[1]) for split in SPLITS]
    assert 14_000 < sum(sizes) <= 14_500
    assert sizes[2] / sum(sizes) == pytest.approx(0.2, abs=0.02) and sizes[1] / sum(sizes) == pytest.approx(
        0.1, abs=0.02
    )


def test_the_public_walks_are_what_the_generator_makes(published):
    every = np.concatenate([published["train_sequences"], published["test_sequences"]])
    full = np.unique(every[(every > 0).all(axis=1) | (every[:, 1:] > 0).all(axis=1)][:, 1:], axis=0)
    made = recommender.walks(4000, np.random.default_rng(1))[:, :29]
    assert len(full) > 250
    for walks in (full, made):
        moves = np.diff(walks, axis=1)
        assert moves.min() == -3 and moves.max() == 3
        for first, last in recommender.CLUSTERS:
            inside = (walks >= first) & (walks <= last)
            assert (inside.all(axis=1) | ~inside.any(axis=1)).all()
    # Moves that do not meet an end of a cluster are even: seven equal bars.
    borders = np.array(recommender.CLUSTERS)
    free = np.array([np.abs(borders - item).min() > 3 for item in range(100)])
    for walks in (full, made):
        moves = np.diff(walks, axis=1)[free[walks[:, :-1]]]
        shares = np.bincount(moves + 3, minlength=7) / len(moves)
        assert shares == pytest.approx(np.full(7, 1 / 7), abs=4 * np.sqrt(6 / 49 / len(moves)))


def test_histories_are_the_beginnings_padded_in_front():
    walked = np.arange(1, 31)[np.newaxis] + np.array([[0], [100]])
    x, y = recommender.histories(walked)
    assert x.shape == (58, 30) and y.shape == (58,)
    for sequence, following in zip(x, y, strict=True):
        items = sequence[sequence > 0]
        walk = walked[int(items[0] > 100)]
        assert np.array_equal(items, walk[: len(items)]) and following == walk[len(items)]
        assert np.array_equal(sequence[30 - len(items) :], items)


def test_what_begins_a_walk_of_a_later_part_is_in_that_part_too():
    rng = np.random.default_rng(3)
    samples = recommender.histories(recommender.walks(120, rng))
    parts = recommender._by_user(samples, [0.3, 0.3], rng)
    assert sum(len(y) for _, y in parts) == len(samples[1])
    whole = [{walk_of(x, y) for x, y in zip(*part, strict=True)} for part in parts]
    assert min(map(len, whole)) > 500
    for earlier, later in ((0, 1), (0, 2), (1, 2)):
        beginnings = {walk[:length] for walk in whole[later] for length in range(1, len(walk) + 1)}
        assert not whole[earlier] & beginnings


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (0, {0: 4, 1: 1, 2: 1, 3: 1}),
        (28, {25: 1, 26: 1, 27: 1, 28: 1, 29: 3}),
        (30, {30: 4, 31: 1, 32: 1, 33: 1}),
        (50, dict.fromkeys(range(47, 54), 1)),
        (99, {96: 1, 97: 1, 98: 1, 99: 4}),
    ],
)
def test_chances_of_the_next_item(item, expected):
    wanted = np.zeros(100)
    for other, sevenths in expected.items():
        wanted[other] = sevenths / 7
    assert recommender.chances(item) == pytest.approx(wanted)


@pytest.mark.parametrize("item", [-1, 100])
def test_chances_of_what_is_no_item_are_refused(item):
    with pytest.raises(DatasetError) as error:
        recommender.chances(item)
    assert str(error.value) == f"there is no item {item}; choose 0 to 99"
