"""Recurrent networks, against loops in NumPy."""

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_rnn(x, state, kernel, recurrent, bias):
    return (np.tanh(x @ kernel + state[0] @ recurrent + bias),)


def gru(x, state, kernel, recurrent, bias):
    (h,) = state
    new, old = np.split(x @ kernel + bias[0], 3), np.split(h @ recurrent + bias[1], 3)
    update, reset = sigmoid(new[0] + old[0]), sigmoid(new[1] + old[1])
    return (update * h + (1 - update) * np.tanh(new[2] + reset * old[2]),)


def lstm(x, state, kernel, recurrent, bias):
    h, memory = state
    take, forget, candidate, give = np.split(x @ kernel + h @ recurrent + bias, 4)
    memory = sigmoid(forget) * memory + sigmoid(take) * np.tanh(candidate)
    return sigmoid(give) * np.tanh(memory), memory


STEPS = {"simple_rnn": (simple_rnn, 1), "gru": (gru, 1), "lstm": (lstm, 2)}
WEIGHTS = {
    "simple_rnn": lambda u, e: u * (e + u + 1),
    "gru": lambda u, e: 3 * u * (e + u + 2),
    "lstm": lambda u, e: 4 * u * (e + u + 1),
}


@pytest.mark.parametrize("kind", STEPS)
def test_the_network_looks_up_repeats_and_decides(kind):
    model = models.rnn(5, 11, 7, kind, embedding=3, units=4)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
    table, *cell, kernel, bias = [w.astype(np.float64) for w in model.get_weights()]
    sequences = random.integers(0, 11, (9, 5))
    step, states = STEPS[kind]
    expected = []
    for items in sequences:
        state = (np.zeros(4),) * states
        for item in items:
            state = step(table[item], state, *cell)
        expected.append(state[0] @ kernel + bias)
    assert np.allclose(models.logits(model, sequences.astype(np.float32)), expected, atol=1e-4)


@pytest.mark.parametrize("kind", STEPS)
def test_names_and_sizes_are_the_docstrings(kind):
    model = models.rnn(30, 100, 60, kind, embedding=8, units=16)
    assert [layer.name for layer in model.layers] == ["items", "embedding", kind, "logits"] and model.name == kind
    assert model.get_layer("embedding").count_params() == 100 * 8
    assert model.get_layer(kind).count_params() == WEIGHTS[kind](16, 8)
    assert model.get_layer("logits").count_params() == 16 * 60 + 60
    assert models.rnn(3, 4, 4, kind, name="student").name == "student"


def test_padding_is_an_item_like_any_other():
    model = models.rnn(4, 6, 6, embedding=2, units=3)
    padded = np.array([[0, 0, 1, 2], [3, 3, 1, 2]], dtype=np.float32)
    first, second = models.logits(model, padded)
    assert not np.allclose(first, second)  # a masked layer would have skipped the zeros
    assert not model.get_layer("embedding").mask_zero


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(kind="GRU"), "there is no recurrent layer 'GRU'; choose one of simple_rnn, gru, lstm"),
        (dict(steps=0), "steps is 0; choose a whole number, 1 or more"),
        (dict(items=0), "items is 0; choose a whole number, 1 or more"),
        (dict(classes=-2), "classes is -2; choose a whole number, 1 or more"),
        (dict(embedding=0), "embedding is 0; choose a whole number, 1 or more"),
        (dict(units=2.5), "units is 2.5; choose a whole number, 1 or more"),
    ],
)
def test_impossible_networks_are_refused(changes, message):
    with pytest.raises(models.ModelError) as error:
        models.rnn(**{**dict(steps=3, items=4, classes=5), **changes})
    assert str(error.value) == message
