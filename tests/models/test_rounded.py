"""Recurrent layers and embeddings with rounded weights are Keras's layers with weights that were rounded beforehand."""

import numpy as np
import pytest

from mlfpga.formats import FixedPoint

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
import tensorflow as tf  # noqa: E402
import tensorflow_model_optimization as tfmot  # noqa: E402
from tensorflow import keras  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host
KINDS = [
    ("SimpleRNN", {}),
    ("SimpleRNN", dict(activation="relu")),
    ("GRU", {}),
    ("GRU", dict(reset_after=False)),
    ("LSTM", {}),
    ("LSTM", dict(use_bias=False, return_sequences=True, go_backwards=True)),
]


def network(kind: str, **settings) -> keras.Model:
    keras.utils.set_random_seed(5)
    spread = keras.initializers.RandomNormal(0, 0.6, seed=1)
    layers = [
        keras.Input((6,)),
        keras.layers.Embedding(9, 4, embeddings_initializer=spread, name="table"),
        getattr(keras.layers, kind)(5, name="memory", bias_initializer="random_normal", **settings),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(3, name="logits"),
    ]
    return keras.Sequential(layers, name="recommender")


def items(samples: int = 40) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 9, (samples, 6)).astype(np.float32)


def rounded(values, bits: int) -> np.ndarray:
    integer = 1 + compress.integer_bits(float(np.abs(values).max()))
    number = FixedPoint(bits, integer, rounding="RND_CONV", overflow="SAT")
    return number.from_raw(number.to_raw(values, saturate=True))


def quantized(model, bits):
    return compress.quantize(model, compress.ranges(model, items()), bits, 8)


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_the_twin_computes_what_keras_computes_with_rounded_weights(kind, settings, tmp_path):
    model = network(kind, **settings)
    twin = quantized(model, 4)
    by_hand = models.copy_model(model)
    for layer in by_hand.layers:
        layer.set_weights([rounded(w, 4) for w in layer.get_weights()])
    expected = models.logits(by_hand, items())
    assert np.abs(expected - models.logits(model, items())).max() > 1e-3, "rounding is seen at all"
    assert np.allclose(models.logits(twin, items()), expected, atol=1e-6)
    if not settings:  # as a graph too, where the loop over the steps is TensorFlow's
        assert np.allclose(twin.predict(items(), verbose=0), expected, atol=1e-6)

    finished = compress.finish(twin)
    for name, plain in (("table", "Embedding"), ("memory", kind)):
        layer = finished.get_layer(name)
        assert type(layer) is getattr(keras.layers, plain)
        for value, exact in zip(layer.get_weights(), by_hand.get_layer(name).get_weights(), strict=True):
            assert np.array_equal(value, exact) and FixedPoint.exact(value).width <= 4
    for made in (twin, finished):
        models.save(made, tmp_path / "model.h5")
        back = models.load(tmp_path / "model.h5")
        assert np.array_equal(models.logits(back, items()), models.logits(made, items()))
        assert [type(layer) for layer in back.layers] == [type(layer) for layer in made.layers]
    assert compress.cost(twin)["weight_bits"] == 4
    assert compress.cost(finished)["multiplications"] == compress.cost(twin)["multiplications"]


def test_ranges_and_quantizers_tell_every_weight():
    model = network("GRU")
    found = compress.ranges(model, items())
    kernel, recurrent, bias = (float(np.abs(w).max()) for w in model.get_layer("memory").get_weights())
    assert found["memory"] == compress.Ranges(weight=kernel, bias=bias, recurrent=recurrent)
    assert found["table"] == compress.Ranges(weight=float(np.abs(model.get_layer("table").get_weights()[0]).max()))
    told = compress.quantizers(compress.quantize(model, found, {"table": 6, "memory": 5, "logits": None}))
    assert list(told) == ["table", "memory"]
    assert list(told["memory"]) == ["kernel", "recurrent_kernel", "bias"]
    assert told["memory"]["recurrent_kernel"].startswith("quantized_bits(5,")
    assert told["table"]["embeddings"].startswith("quantized_bits(6,")


@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_the_gradient_ignores_the_rounding(kind):
    """It is the gradient of Keras's own layer, taken at the rounded weights."""
    model = network(kind)
    twin = quantized(model, 4)
    finished = compress.finish(twin)

    def gradients(made):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(made(items(), training=True)))
        return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, made.trainable_weights)]

    assert [w.name for w in twin.trainable_weights] == [w.name for w in model.trainable_weights]
    for straight_through, exact in zip(gradients(twin), gradients(finished), strict=True):
        assert np.allclose(straight_through, exact, rtol=1e-4, atol=1e-5)


def test_training_moves_the_unrounded_weights():
    twin = quantized(network("GRU"), 3)
    before = twin.get_weights()
    twin.compile(keras.optimizers.Adam(0.02), models.logits_loss())
    labels = (items()[:, 0] % 3).astype(np.int64)
    history = twin.fit(items(), labels, epochs=12, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert all(len(np.unique(w)) > 2**3 for w in twin.get_weights()[:3]) and not np.array_equal(
        before[1], twin.get_weights()[1]
    )
    assert all(len(np.unique(w)) <= 2**3 for w in compress.finish(twin).get_weights())


def test_pruning_finds_kernels_and_table_but_no_bias():
    twin = quantized(network("SimpleRNN"), 4)
    names = [w.name.split("/")[-1] for layer in twin.layers[:2] for w in layer.get_prunable_weights()]
    assert names == ["embeddings:0", "kernel:0", "recurrent_kernel:0"]

    schedule = tfmot.sparsity.keras.ConstantSparsity(0.5, begin_step=0, frequency=1)

    def wrap(layer):
        return tfmot.sparsity.keras.prune_low_magnitude(layer, schedule) if layer.get_weights() else layer

    pruned = keras.models.clone_model(models.copy_model(twin), clone_function=wrap)
    pruned.compile("adam", models.logits_loss())
    labels = (items()[:, 0] % 3).astype(np.int64)
    pruned.fit(items(), labels, epochs=1, verbose=0, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])
    finished = compress.finish(pruned)
    assert [type(layer).__name__ for layer in finished.layers] == ["Embedding", "SimpleRNN", "Flatten", "QDense"]
    for kernel in [*finished.get_layer("memory").get_weights()[:2], *finished.get_layer("table").get_weights()]:
        assert np.mean(kernel == 0) >= 0.5
    assert compress.cost(finished)["nonzero"] == compress.cost(pruned)["nonzero"]
