"""Distillation, against NumPy: temperature and softmax once each, and in the right places."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow import keras  # noqa: E402
from tensorflow_model_optimization.sparsity.keras import UpdatePruningStep  # noqa: E402

from mlfpga import models  # noqa: E402

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
    import tensorflow as tf

    teacher = tf.constant(RNG.normal(size=(1, 4)), tf.float32)
    student = tf.Variable(RNG.normal(size=(1, 4)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = compress.distillation_loss(teacher, student, 100.0)
    centred = [logits - np.mean(logits) for logits in (student.numpy(), teacher.numpy())]
    assert np.allclose(tape.gradient(loss, student), (centred[0] - centred[1]) / 4, atol=0.02)


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
    models.train(distiller, data, epochs=3, batch_size=32, callbacks=[UpdatePruningStep()])
    assert compress.cost(compress.finish(student))["sparsity"] >= 0.5


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
        (dict(weight=1.2), "the teacher's weight is 1.2; choose 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(trained, settings, message):
    with pytest.raises(compress.CompressError) as error:
        compress.Distiller(models.mlp(8, 3), trained, **settings)
    assert str(error.value) == message
