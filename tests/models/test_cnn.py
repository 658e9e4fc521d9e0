"""The CNN, against loops in NumPy."""

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


def with_random_weights(model, seed: int = 1):
    """Every weight drawn anew; variances, the last of a normalisation's four, stay positive."""
    random = np.random.default_rng(seed)
    model.set_weights([np.abs(random.normal(size=w.shape)) + 0.1 for w in model.get_weights()])
    for layer in model.layers:
        if "conv" in layer.name or "dense" in layer.name or layer.name == "logits":
            layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    return model


def convolve(x, kernel, bias):
    """x (h, w, c), kernel (k, k, c, f): one dot product per output pixel."""
    k = len(kernel)
    out = np.empty((x.shape[0] - k + 1, x.shape[1] - k + 1, kernel.shape[3]))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = np.tensordot(x[row : row + k, column : column + k], kernel, 3) + bias
    return out


def pooled(x, p):
    rows, columns = x.shape[0] // p, x.shape[1] // p
    return np.array(
        [[x[p * r : p * r + p, p * c : p * c + p].max((0, 1)) for c in range(columns)] for r in range(rows)]
    )


@pytest.mark.parametrize(("kernel_size", "batch_norm"), [(3, True), (2, False)])
def test_the_network_computes_convolution_normalisation_relu_pooling_dense(kernel_size, batch_norm):
    model = models.cnn((9, 10, 2), 3, (4, 5), kernel_size, pool=(2, 1), dense=(6,), batch_norm=batch_norm)
    with_random_weights(model)
    samples = np.random.default_rng(2).normal(size=(3, 9, 10, 2)).astype(np.float32)
    expected = []
    for x in samples:
        for index, pool in ((1, 2), (2, 1)):
            weights = model.get_layer(f"conv_{index}").get_weights()
            x = convolve(x, weights[0], weights[1] if len(weights) == 2 else 0)
            if batch_norm:
                gamma, beta, mean, variance = model.get_layer(f"batchnorm_{index}").get_weights()
                x = gamma * (x - mean) / np.sqrt(variance + model.get_layer(f"batchnorm_{index}").epsilon) + beta
            x = pooled(np.maximum(x, 0), pool)
        (w1, b1), (w2, b2) = model.get_layer("dense_1").get_weights(), model.get_layer("logits").get_weights()
        expected.append(np.maximum(x.reshape(-1) @ w1 + b1, 0) @ w2 + b2)
    assert np.allclose(models.logits(model, samples, batch_size=2), expected, rtol=1e-4, atol=1e-3)


def test_layers_have_the_names_that_the_hardware_keeps():
    model = models.cnn((12, 12, 1), 10, (4, 8), pool=(2, 1), dense=(6,), dropout=0.2)
    assert [layer.name for layer in model.layers] == [
        *("image", "conv_1", "batchnorm_1", "relu_1", "pool_1", "conv_2", "batchnorm_2", "relu_2"),
        *("flatten", "dense_1", "relu_3", "dropout_1", "logits"),
    ]
    plain = models.cnn((12, 12, 1), 10, (4,), pool=1, batch_norm=False)
    assert [layer.name for layer in plain.layers] == ["image", "conv_1", "relu_1", "flatten", "logits"]


def test_weights_are_as_many_as_the_docstring_says():
    kernels = [w.size for w in models.cnn((28, 28, 1), 10, (8, 16, 24)).get_weights() if w.ndim > 1]
    assert kernels == [3 * 3 * 1 * 8, 3 * 3 * 8 * 16, 3 * 3 * 16 * 24, 3 * 3 * 24 * 10]


def test_l2_counts_kernels_and_nothing_else():
    model = with_random_weights(models.cnn((6, 6, 1), 3, (4,), pool=2, dense=(5,), l2=0.01))
    squares = sum(np.sum(w**2) for w in model.get_weights() if w.ndim > 1)
    assert float(sum(model.losses)) == pytest.approx(0.01 * squares, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(input_shape=(28, 28)), "a CNN takes pictures (height, width, channels); (28, 28) is not one"),
        (dict(input_shape=(28, 28, 0)), "channels is 0; choose a whole number, 1 or more"),
        (dict(classes=0), "classes is 0; choose a whole number, 1 or more"),
        (dict(filters=(8, -1)), "number of filters is -1; choose a whole number, 1 or more"),
        (dict(kernel_size=1.5), "kernel_size is 1.5; choose a whole number, 1 or more"),
        (dict(pool=(2, 0)), "pool is 0; choose a whole number, 1 or more"),
        (
            dict(pool=(2,)),
            "pool (2,) has 1 entries for 2 convolutions; give one to each, or one number for all",
        ),
        (dict(dense=(0,)), "dense width is 0; choose a whole number, 1 or more"),
        (dict(dropout=1.0), "dropout is 1.0; choose 0 or more and less than 1"),
        (dict(l2=float("nan")), "l2 is nan; choose 0 or more"),
        (
            dict(input_shape=(5, 9, 1)),
            "conv_2 leaves nothing of a picture of 1 × 3; choose fewer layers, a smaller kernel_size or less pooling",
        ),
        (
            dict(input_shape=(3, 3, 1)),
            "pool_1 leaves nothing of a picture of 3 × 3; choose fewer layers, a smaller kernel_size or less pooling",
        ),
    ],
)
def test_impossible_networks_are_refused(changes, message):
    arguments = dict(input_shape=(28, 28, 1), classes=10, filters=(8, 16), pool=2)
    with pytest.raises(models.ModelError) as error:
        models.cnn(**{**arguments, **changes})
    assert str(error.value) == message
