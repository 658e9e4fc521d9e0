"""Distillation, against NumPy: temperature and softmax once each, and in the right places."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
import tensorflow as tf  # noqa: E402
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402
from mlfpga.datasets import Dataset  # noqa: E402

pytestmark = pytest.mark.host

RNG = np.random.default_rng(8)


def softmax(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def by_hand(teacher, student, temperature):
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    return temperature**2 * np.sum(p * (np.log(p) - np.log(q)), axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_the_loss_is_the_definition(temperature):
    teacher, student = 4 * RNG.normal(size=(2, 50, 7))
    ours = compress.distillation_loss(teacher, student, temperature).numpy()
    assert np.allclose(ours, by_hand(teacher, student, temperature), rtol=1e-3, atol=1e-5)


def test_the_loss_is_zero_for_a_perfect_student_and_survives_huge_logits():
    logits = 1e4 * RNG.normal(size=(5, 3))
    assert np.allclose(compress.distillation_loss(logits, logits + 7, 2.0), 0, atol=1e-3)
    assert np.isfinite(compress.distillation_loss(logits, -logits, 2.0)).all()


def test_the_gradient_keeps_its_size_when_the_temperature_grows():
    # Hinton et al.: for high T the gradient is (z - v) / classes, z and v being the centred logits, whatever T is.
    teacher = tf.constant(RNG.normal(size=(1, 4)), tf.float32)
    student = tf.Variable(RNG.normal(size=(1, 4)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = compress.distillation_loss(teacher, student, 100.0)
    centred = [logits - np.mean(logits) for logits in (student.numpy(), teacher.numpy())]
    assert np.allclose(tape.gradient(loss, student), (centred[0] - centred[1]) / 4, atol=0.02)


def test_the_teachers_part_weighs_the_same_at_every_temperature():
    # Without T² the gradient would fall by a factor of 10,000 from T = 1 to T = 100; with it, hardly at all.
    teacher = tf.constant(0.1 * RNG.normal(size=(30, 5)), tf.float32)
    student = tf.Variable(0.1 * RNG.normal(size=(30, 5)), dtype=tf.float32)
    gradients = []
    for temperature in (1.0, 3.0, 10.0, 100.0):
        with tf.GradientTape() as tape:
            loss = compress.distillation_loss(teacher, student, temperature)
        gradients.append(tape.gradient(loss, student).numpy())
        # By hand: T² · (1 / T) · (softmax(student / T) - softmax(teacher / T)).
        exact = softmax(student.numpy() / temperature) - softmax(teacher.numpy() / temperature)
        assert np.allclose(gradients[-1], temperature * exact, atol=2e-5)
    assert all(np.linalg.norm(g) == pytest.approx(np.linalg.norm(gradients[0]), rel=0.1) for g in gradients)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_distiller_adds_label_and_teacher(trained, data, weight):
    student = models.mlp(8, 3, hidden=(4,), l2=0.1)
    distiller = compress.Distiller(student, trained, temperature=3.0, weight=weight)
    distiller.compile(metrics=["accuracy"])
    x, y = data.x_test[:64], data.y_test[:64]
    ours = distiller.evaluate(x, y, batch_size=50, verbose=0, return_dict=True)
    z, v = models.logits(student, x).astype(np.float64), models.logits(trained, x).astype(np.float64)
    label = -np.log(softmax(z)[np.arange(64), y]).mean()
    penalty = 0.1 * sum(np.sum(w**2) for w in student.get_weights() if w.ndim == 2)
    expected = (1 - weight) * label + weight * by_hand(v, z, 3.0).mean() + penalty
    assert ours["loss"] == pytest.approx(expected, rel=1e-4)
    assert ours["accuracy"] == pytest.approx(np.mean(z.argmax(1) == y))


def test_only_the_student_learns(trained, data):
    student = models.mlp(8, 3, hidden=(8,))
    before = [trained.get_weights(), student.get_weights()]
    distiller = compress.Distiller(student, trained, weight=1.0)
    history = models.train(distiller, data, epochs=15, learning_rate=0.02, batch_size=32)
    assert all(np.array_equal(a, b) for a, b in zip(trained.get_weights(), before[0], strict=True))
    assert not np.array_equal(student.get_weights()[0], before[1][0])
    assert len(distiller.trainable_variables) == len(student.trainable_variables)
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_a_quantized_and_pruned_student_is_taught_too(trained, data):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 6)
    student = compress.prunable(quantized, 0.5, 3 * 19)
    distiller = compress.Distiller(student, trained)
    models.train(distiller, data, epochs=3, batch_size=32)
    assert compress.cost(compress.finish(student))["sparsity"] >= 0.5


def test_samples_may_weigh_differently(trained, data):
    student = models.mlp(8, 3, hidden=(4,))
    distiller = compress.Distiller(student, trained, temperature=2.0, weight=0.6)
    distiller.compile()
    x, y, weight = data.x_test[:32], data.y_test[:32], RNG.random(32)
    ours = distiller.evaluate(x, y, sample_weight=weight, batch_size=32, verbose=0)
    z, v = models.logits(student, x).astype(np.float64), models.logits(trained, x).astype(np.float64)
    label = -np.log(softmax(z)[np.arange(32), y])
    assert ours == pytest.approx(np.mean(weight * (0.4 * label + 0.6 * by_hand(v, z, 2.0))), rel=1e-4)


def made_up(name, x, classes):
    """A dataset whose labels can be learned from the sum of each sample."""
    total = x.reshape(len(x), -1).sum(axis=1)
    y = np.digitize(total, np.quantile(total, np.arange(1, classes) / classes)).astype(np.int64)
    parts = (slice(0, 192), slice(192, 224), slice(224, None))
    splits = [values[part] for part in parts for values in (x.astype(np.float32), y)]
    names = tuple(str(index) for index in range(classes))
    case, number = ("rnn", "ufixed<8,8>") if x.ndim == 2 else ("cnn", "ufixed<8,0>")
    return Dataset(name, case, *splits, names, x.shape[1:], number, "made", "none", "none")


def picture_case():
    data = made_up("pictures", RNG.integers(0, 256, (256, 8, 8, 1)) / 256, 3)
    return data, models.cnn((8, 8, 1), 3, filters=(3,), pool=2), models.cnn((8, 8, 1), 3, filters=(6,), pool=2)


def ranking_case(kind="simple_rnn"):
    data = made_up("items", RNG.integers(0, 9, (256, 5)), 9)
    student, teacher = (models.rnn(5, 9, 9, kind, units - 1, units) for kind, units in ((kind, 4), ("simple_rnn", 8)))
    return data, student, teacher


@pytest.mark.parametrize("make", [picture_case, ranking_case])
def test_samples_of_any_shape_and_rankings(make):
    data, student, teacher = make()
    before = teacher.get_weights()
    distiller = compress.Distiller(student, teacher, temperature=3.0, weight=0.8)
    distiller.compile()
    z, v = (models.logits(model, data.x_test).astype(np.float64) for model in (student, teacher))
    label = -np.log(softmax(z)[np.arange(len(z)), data.y_test]).mean()
    loss = distiller.evaluate(data.x_test, data.y_test, verbose=0)
    assert loss == pytest.approx(0.2 * label + 0.8 * by_hand(v, z, 3.0).mean(), rel=1e-4)
    history = models.train(distiller, data, epochs=4, learning_rate=0.02, batch_size=32)
    assert history["loss"][-1] < history["loss"][0]
    assert all(np.array_equal(a, b) for a, b in zip(teacher.get_weights(), before, strict=True)), "BatchNorm's too"
    assert len(distiller.trainable_variables) == len(student.trainable_variables)


@pytest.mark.parametrize("kind", ["gru", "lstm", "simple_rnn"])
def test_a_recurrent_student_is_rounded_pruned_and_taught_at_once(kind):
    data, student, teacher = ranking_case(kind)
    rounded = compress.quantize(student, compress.ranges(student, data.x_train), 6, 6)
    both = compress.prunable(rounded, 0.5, 2 * 6)
    models.train(compress.Distiller(both, teacher), data, epochs=2, learning_rate=0.01, batch_size=32)
    finished = compress.finish(both)
    assert np.array_equal(models.logits(finished, data.x_test), models.logits(both, data.x_test))
    moved = [
        not np.array_equal(a, b) for a, b in zip(both.get_weights(), rounded.get_weights(), strict=True) if a.ndim == 2
    ]
    assert all(moved), "every matrix was trained"
    for kernel in [*finished.get_layer(kind).get_weights()[:2], finished.get_layer("logits").get_weights()[0]]:
        assert np.sum(kernel == 0) >= round(0.5 * kernel.size)
        assert np.array_equal(kernel * 2**5, np.round(kernel * 2**5))


def test_an_item_that_the_student_has_no_row_for_is_told_before_training():
    data, _, teacher = ranking_case()
    with pytest.raises(models.TrainingError) as error:
        models.train(compress.Distiller(models.rnn(5, 7, 9, "simple_rnn"), teacher), data, epochs=1)
    assert str(error.value) == (
        "items: x_train holds 0 to 8; layer embedding needs whole numbers 0 to 6, the rows of its table"
    )


def test_data_that_the_networks_do_not_fit_are_told_before_training(trained):
    data, _, _ = picture_case()
    with pytest.raises(models.TrainingError) as error:
        models.train(compress.Distiller(models.mlp(8, 3), trained), data, epochs=1)
    assert str(error.value) == (
        "model distilled_mlp maps (8,) to (3,), but pictures has samples of shape (8, 8, 1) and 3 classes; begin it "
        "with keras.Input((8, 8, 1)), and end it with a logit for each class, Dense(3)"
    )


def spoilt(model):
    copy = models.copy_model(model)
    copy.set_weights([np.full_like(copy.get_weights()[0], np.nan), *copy.get_weights()[1:]])
    return copy


def with_softmax(model):
    return keras.Sequential([model, keras.layers.Softmax()], name="late")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda t: (models.mlp(8, 4), t),
            "teacher mlp maps (8,) to (3,), but student mlp maps (8,) to (4,); they must agree",
        ),
        (
            lambda t: (models.mlp(7, 3), t),
            "teacher mlp maps (8,) to (3,), but student mlp maps (7,) to (3,); they must agree",
        ),
        (
            lambda t: (models.mlp(8, 3), with_softmax(t)),
            "late ends in softmax, and distillation applies softmax itself; end it in logits "
            "(a Dense without activation)",
        ),
        (
            lambda t: (models.cnn((8, 8, 1), 3, filters=(2,), pool=2), t),
            "teacher mlp maps (8,) to (3,), but student cnn maps (8, 8, 1) to (3,); they must agree",
        ),
        (
            lambda t: (keras.Sequential([keras.layers.Dense(3)], name="early"), t),
            "early does not know the shape of its input yet; begin it with keras.Input((features,)), or the shape that "
            "its samples have",
        ),
        (lambda t: (models.mlp(8, 3), spoilt(t)), "mlp holds 96 weights that are NaN or infinite; train it again"),
        (
            lambda t: (t, t),
            "mlp is student and teacher at once; teach another network, or a copy: models.copy_model(mlp)",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(trained, make, message):
    with pytest.raises(compress.CompressError) as error:
        compress.Distiller(*make(trained))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(temperature=0), "temperature is 0; choose more than 0 (2 to 6 is usual)"),
        (dict(temperature=float("nan")), "temperature is nan; choose more than 0 (2 to 6 is usual)"),
        (dict(temperature=float("inf")), "temperature is inf; choose more than 0 (2 to 6 is usual)"),
        (dict(weight=float("nan")), "the teacher's weight is nan; choose 0 to 1"),
        (dict(weight=1.2), "the teacher's weight is 1.2; choose 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(trained, settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.Distiller(models.mlp(8, 3), trained, **settings)
    assert str(error.value) == message
