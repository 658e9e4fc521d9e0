"""Pruning: what was asked for is reached, exactly, kept, and survives quantization; in every kind of layer."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
import tensorflow as tf  # noqa: E402
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host

RNG = np.random.default_rng(21)
L = keras.layers
KERNELS = ("kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel")


def pruned(model, data, sparsity, epochs=4, batch_size=32, **settings):
    made = compress.prunable(model, sparsity, epochs * -(-len(data.x_train) // batch_size), **settings)
    models.train(made, data, epochs, batch_size=batch_size)
    return made


def drift(model, steps, size=0.01):
    """`steps` optimizer steps with random gradients: the weights move as in training, with no data."""
    optimizer, variables = keras.optimizers.SGD(size), model.trainable_variables
    for _ in range(steps):
        optimizer.apply_gradients([(tf.constant(RNG.normal(size=w.shape), tf.float32), w) for w in variables])


def kernels(model):
    """{name: kernel as (inputs, outputs)}, by the names of the variables."""
    found = {}
    for variable in model.variables:
        kind = variable.name.split("/")[-1].split(":")[0]
        if kind in KERNELS:
            outputs = np.prod(variable.shape[-2:] if kind == "depthwise_kernel" else variable.shape[-1:])
            found[variable.name] = variable.numpy().reshape(-1, outputs)
    return found


def zeros(model):
    return {name: int(np.sum(kernel == 0)) for name, kernel in kernels(model).items()}


def allowed(kernel, n, m):
    """By counting, one group after the other: the zeros that an (n, m) pattern costs, and whether it is kept."""
    least, kept = 0, True
    for column in kernel.T:
        for start in range(0, len(column), m):
            group = column[start : start + m]
            least += max(0, len(group) - n)
            kept &= np.count_nonzero(group) <= n
    return least, kept


def everything():
    return keras.Sequential(
        [
            L.Input((8, 8, 1)),
            L.Conv2D(5, 3, padding="same", activation="relu", name="conv"),
            L.BatchNormalization(name="normal"),
            L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
            L.SeparableConv2D(6, 3, name="separable"),
            L.Reshape((16, 6), name="reshape"),
            L.Conv1D(7, 3, name="conv1"),
            L.SimpleRNN(4, return_sequences=True, name="simple"),
            L.GRU(5, return_sequences=True, name="gru"),
            L.Bidirectional(L.LSTM(3), name="lstm"),
            L.Dense(3, use_bias=False, name="logits"),
        ],
        name="everything",
    )


@pytest.mark.parametrize(("sparsity", "epochs"), [(0.5, 4), (0.75, 1), (0.9, 3)])
def test_every_kernel_reaches_the_sparsity_asked_for(trained, data, sparsity, epochs):
    made = compress.finish(pruned(trained, data, sparsity, epochs))
    for layer in made.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            assert np.sum(kernel == 0) == round(sparsity * kernel.size)
            assert np.count_nonzero(bias) > 0


def test_every_kind_of_kernel_is_pruned_exactly():
    made = compress.prunable(everything(), 0.7, 5)
    assert not any(zeros(made).values())
    drift(made, 5)
    found = zeros(made)
    assert found == {name: round(0.7 * kernel.size) for name, kernel in kernels(made).items()}
    assert len(found) == 14, "conv, depthwise, 2 separable, conv1, 2 simple, 2 gru, 4 lstm, logits"
    others = [w.numpy() for w in made.trainable_variables if w.name not in found]
    assert all(np.count_nonzero(w) == w.size for w in others), "biases and factors are left alone"


def test_a_table_is_left_alone():
    made = compress.prunable(keras.Sequential([L.Input((3,)), L.Embedding(9, 4), L.GRU(5), L.Dense(9)]), 0.5, 1)
    drift(made, 1)
    assert np.count_nonzero(made.layers[0].get_weights()[0]) == 36
    assert list(zeros(made).values()) == [30, 38, 22]


@pytest.mark.parametrize("sparsity", [1e-9, 0.01, 0.999999])
def test_extreme_sparsities_leave_a_weight(sparsity):
    made = compress.prunable(models.copy_model(keras.Sequential([L.Input((3,)), L.Dense(1)])), sparsity, 1)
    drift(made, 3)
    assert list(zeros(made).values()) == [2 if sparsity > 0.5 else 0]


@pytest.mark.parametrize("schedule", ["polynomial", "constant"])
def test_the_smallest_go(schedule):
    model = keras.Sequential([L.Input((20,)), L.Dense(15, name="logits")])
    before = model.get_weights()[0]
    made = compress.prunable(model, 0.4, 50, schedule=schedule)
    drift(made, 50, size=1e-9)
    assert np.array_equal(made.get_weights()[0] == 0, np.abs(before) < np.sort(np.abs(before), axis=None)[120])


@pytest.mark.parametrize("steps", [1, 2, 7, 59, 60, 61, 100, 101, 373])
def test_the_zeros_follow_the_cubic_curve(steps):
    made = compress.prunable(keras.Sequential([L.Input((25,)), L.Dense(40)]), 0.8, steps)
    end = max(1, int(0.6 * steps))
    found = []
    for _ in range(min(steps, end + 3)):
        drift(made, 1)
        found += zeros(made).values()
    curve = [800 * (1 - (1 - step / end) ** 3) for step in range(end + 1)]
    late = max(1, end // 60)
    for step in range(1, end + 1):
        assert curve[max(0, step - late)] - 1 <= found[step - 1] <= curve[step] + 1
    assert found[end - 1] == 800 and found[-1] == 800, "the last cut comes, and nothing after it"


@pytest.mark.parametrize("steps", [1, 373, 997, 6450, 100_001])
def test_the_last_cut_comes_however_many_steps_there_are(steps):
    # Also where the end is no multiple of the distance between cuts; a large kernel would stay short of its sparsity.
    made = compress.prunable(keras.Sequential([L.Input((25,)), L.Dense(40)]), 0.8, steps)
    made.layers[0].kernel.constraint._step.assign(max(1, int(0.6 * steps)) - 1)
    drift(made, 1)
    assert list(zeros(made).values()) == [800]


def test_between_cuts_the_same_weights_stay_zero():
    made = compress.prunable(everything(), 0.5, 10)
    drift(made, 6)
    places = {name: kernel == 0 for name, kernel in kernels(made).items()}
    drift(made, 10, size=1.0)
    assert all(np.array_equal(kernel == 0, places[name]) for name, kernel in kernels(made).items())


def test_the_constant_schedule_cuts_once():
    made = compress.prunable(everything(), 0.5, 1000, schedule="constant")
    drift(made, 1)
    assert all(2 * count == pytest.approx(kernels(made)[name].size, abs=1) for name, count in zeros(made).items())


def test_a_sparsity_for_each_layer():
    made = compress.prunable(everything(), {"gru": 0.25, "logits": 0.5}, 1)
    drift(made, 1)
    assert {name: count for name, count in zeros(made).items() if count} == {
        "gru/gru_cell/kernel:0": 15,
        "gru/gru_cell/recurrent_kernel:0": round(0.25 * 75),
        "logits/kernel:0": 9,
    }


@pytest.mark.parametrize("pattern", [(2, 4), (1, 4), (1, 2), (3, 8), (5, 7), (2, 1000)])
def test_every_group_keeps_to_the_pattern(pattern):
    made = compress.prunable(everything(), None, 6, pattern=pattern)  # in three cuts
    drift(made, 6)
    for name, kernel in kernels(made).items():
        least, kept = allowed(kernel, *pattern)
        assert kept, name
        assert np.sum(kernel == 0) == least, f"{name}: not one zero more than the pattern asks for"


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 5, 9, 161])
def test_the_largest_of_each_group_stay(inputs):
    model = keras.Sequential([L.Input((inputs,)), L.Dense(6)])
    before = model.get_weights()[0]
    made = compress.prunable(model, None, 1, pattern=(2, 4))
    drift(made, 1, size=1e-9)
    expected = np.zeros_like(before, bool)
    for output in range(6):
        for start in range(0, inputs, 4):
            group = np.abs(before[start : start + 4, output])
            expected[start + np.argsort(-group)[:2], output] = True
    assert np.array_equal(made.get_weights()[0] != 0, expected)


def test_a_pattern_comes_step_by_step_smallest_first():
    model = keras.Sequential([L.Input((40,)), L.Dense(10)])
    before = np.abs(model.get_weights()[0])
    made = compress.prunable(model, None, 100, pattern=(1, 4))
    found, previous = [], np.zeros_like(before, bool)
    for _ in range(60):
        drift(made, 1, size=1e-9)
        gone = made.get_weights()[0] == 0
        assert np.all(gone[previous]), "what is gone stays gone"
        found.append(gone.sum())
        previous = gone
    assert found == [round(300 * (1 - (1 - step / 60) ** 3)) for step in range(1, 61)]
    largest = before.reshape(10, 4, 10).max(axis=1, keepdims=True) == before.reshape(10, 4, 10)
    assert np.array_equal(~previous.reshape(10, 4, 10), largest)


def test_a_pattern_for_each_layer():
    made = compress.prunable(everything(), None, 1, pattern={"conv1": (1, 3), "conv": (2, 4)})
    drift(made, 1)
    assert {name: count for name, count in zeros(made).items() if count} == {"conv/kernel:0": 20, "conv1/kernel:0": 84}


@pytest.mark.parametrize("shape", [(9, 4), (3, 3, 2, 5), (1, 1), (8, 3)])
def test_the_check_of_a_pattern(shape):
    kernel = RNG.normal(size=shape)
    for _ in range(40):
        kernel[RNG.random(shape) < 0.1] = 0
        for pattern in ((1, 2), (2, 4), (3, 4)):
            assert compress.follows_pattern(kernel, pattern) == allowed(kernel.reshape(-1, shape[-1]), *pattern)[1]
    assert compress.follows_pattern(np.zeros(shape), (1, 4))


@pytest.mark.parametrize("settings", [dict(sparsity=0.5), dict(sparsity=None, pattern=(2, 4))])
def test_pruned_weights_stay_zero_when_quantized(trained, data, settings):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 6)
    both = pruned(quantized, data, **settings)
    before, shadow = models.logits(both, data.x_test), kernels(both)
    finished = compress.finish(both)
    for name, kernel in kernels(finished).items():
        half, pattern = round(0.5 * kernel.size), allowed(kernel, 2, 4)
        assert np.sum(shadow[name] == 0) == (half if settings["sparsity"] else pattern[0])
        assert settings["sparsity"] or pattern[1]
        assert np.all(kernel[shadow[name] == 0] == 0)
        assert np.array_equal(kernel * 2**5, np.round(kernel * 2**5)), "rounded to 6 bits"
    assert np.array_equal(models.logits(finished, data.x_test), before)


@pytest.mark.parametrize("kind", [L.SimpleRNN, L.GRU, L.LSTM])
def test_recurrent_layers_with_dropout_are_pruned_as_any(kind):
    model = keras.Sequential([L.Input((4, 2)), kind(5, dropout=0.2, recurrent_dropout=0.3)])
    made = compress.prunable(model, 0.6, 1)
    drift(made, 1)
    assert zeros(made) == {name: round(0.6 * kernel.size) for name, kernel in kernels(made).items()}


@pytest.mark.parametrize("kind", ["gru", "lstm", "simple_rnn"])
@pytest.mark.parametrize("settings", [dict(sparsity=0.6), dict(sparsity=None, pattern=(1, 4))])
def test_recurrent_twins_are_pruned_too(kind, settings):
    model = models.rnn(4, 9, 9, kind=kind, embedding=5, units=6)
    x = RNG.integers(0, 9, (20, 4)).astype(np.float32)
    made = compress.prunable(compress.quantize(model, compress.ranges(model, x), 6, 6), steps=5, **settings)
    drift(made, 5)
    finished = compress.finish(made)
    assert np.array_equal(models.logits(finished, x), models.logits(made, x))
    raw = [w.numpy() for w in made.variables if "kernel" in w.name]
    assert len(raw) == len(kernels(finished)) == 3
    for unrounded, kernel in zip(raw, kernels(finished).values(), strict=True):
        expected = round(0.6 * kernel.size) if settings["sparsity"] else allowed(kernel, 1, 4)[0]
        assert np.sum(unrounded == 0) == expected
        assert np.all(kernel[unrounded == 0] == 0)
    assert np.count_nonzero(made.get_layer("embedding").get_weights()[0]) == 45


def test_a_constraint_that_was_there_still_holds(trained, data):
    # QKeras clips the weights of its layers to what their quantizers can show.
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 6)
    made = compress.prunable(quantized, 0.5, 1)
    drift(made, 5, size=100.0)
    assert max(np.abs(kernel).max() for kernel in kernels(made).values()) <= 8
    drift(compress.prunable(trained, 0.5, 1), 5, size=100.0)


def test_files_and_copies_know_nothing_of_pruning(trained, data, tmp_path):
    made = compress.prunable(trained, 0.5, 1)
    drift(made, 1)
    assert [layer.get_config() for layer in made.layers] == [layer.get_config() for layer in trained.layers]
    compress.save(made, tmp_path / "pruned.h5")
    back = compress.load(tmp_path / "pruned.h5")
    assert zeros(back) == zeros(made)
    drift(back, 1)
    assert not any(zeros(back).values())


def test_the_original_is_not_changed(trained, data):
    before = trained.get_weights()
    pruned(trained, data, 0.9, epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(trained.get_weights(), before, strict=True))


def test_training_repairs_what_the_cut_broke(trained, data):
    made = compress.finish(pruned(trained, data, 0.5, epochs=15))
    at_once = models.copy_model(trained)
    at_once.set_weights(
        [np.where(np.abs(w) >= np.median(np.abs(w)), w, 0) if w.ndim == 2 else w for w in trained.get_weights()]
    )
    loss = models.logits_loss()
    assert loss(data.y_test, models.logits(made, data.x_test)) < loss(data.y_test, models.logits(at_once, data.x_test))


@pytest.mark.parametrize("sparsity", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_impossible_sparsities_are_refused(trained, sparsity):
    for setting, what in ((sparsity, "sparsity"), ({"logits": sparsity}, "sparsity of layer logits")):
        with pytest.raises(compress.CompressError) as error:
            compress.prunable(trained, setting, 100)
        assert str(error.value) == f"{what} is {sparsity}; choose more than 0 and less than 1 (at 1 no weight is left)"


@pytest.mark.parametrize("pattern", [(0, 4), (4, 4), (5, 4), (2, 4, 8), 4, (1.5, 4), (-1, 2), "2:4"])
def test_impossible_patterns_are_refused(trained, pattern):
    with pytest.raises(compress.CompressError) as error:
        compress.prunable(trained, None, 100, pattern=pattern)
    assert str(error.value) == (
        f"pattern is {pattern}; choose (n, m) with 1 ≤ n < m: (2, 4) leaves 2 of every 4 weights"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(sparsity="0.5"), "sparsity is '0.5'; choose more than 0 and less than 1 (at 1 no weight is left)"),
        (dict(sparsity=0.5, steps=0), "pruning over 0 steps does nothing; train for 1 epoch or more"),
        (dict(sparsity=0.5, schedule="cubic"), "there is no pruning schedule cubic; choose polynomial or constant"),
        (
            dict(sparsity={"dense_9": 0.5, "relu_1": 0.5, "logits": 0.1}),
            "mlp has no layer dense_9, relu_1 to prune; it has dense_1, dense_2, logits",
        ),
        (
            dict(sparsity=None, pattern={"input": (2, 4)}),
            "mlp has no layer input to prune; it has dense_1, dense_2, logits",
        ),
        (dict(sparsity=None), "neither a sparsity nor a pattern is given; choose 0.5, say, or the pattern (2, 4)"),
        (
            dict(sparsity=0.5, pattern=(2, 4)),
            "pattern (2, 4) sets the sparsity itself; give None as the sparsity, not 0.5",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(trained, settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.prunable(trained, **{"steps": 10, **settings})
    assert str(error.value) == message


def test_a_model_that_has_no_weights_yet_is_refused():
    with pytest.raises(models.ModelError) as error:
        compress.prunable(keras.Sequential([L.Dense(3)], name="early"), 0.5, 10)
    assert str(error.value) == (
        "early does not know the shape of its input yet; begin it with keras.Input((features,)), or the shape that its "
        "samples have"
    )


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([L.Input((3,)), L.Embedding(9, 4), L.Flatten()], name="table")
    with pytest.raises(compress.CompressError) as error:
        compress.prunable(model, 0.5, 10)
    assert str(error.value) == "table has nothing to prune: no dense, convolutional or recurrent layer"
