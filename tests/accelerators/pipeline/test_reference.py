"""The integer reference against PyTorch's operators in float64 (exact for these sizes) and Python's own integers."""

import numpy as np
import pytest
from networks import random_inputs, random_network

from mlfpga.accelerators.pipeline import reference
from mlfpga.accelerators.pipeline.layers import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    MaxPool2d,
    NetworkError,
    ReLU,
    Tensor,
)
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.reference import accumulate, run, trace

torch = pytest.importorskip("torch")


def expected_layer(layer, tensor, x):
    """One layer by PyTorch, in its own order (n, C, H, W), and requantized in Python's integers."""
    planes = torch.from_numpy(x.astype(np.float64))
    if isinstance(layer, (Conv2d, MaxPool2d, AvgPool2d)):
        top, bottom, left, right = layer.padding
        value = tensor.low if isinstance(layer, MaxPool2d) else 0
        planes = torch.nn.functional.pad(planes.permute(0, 3, 1, 2), (left, right, top, bottom), value=value)
    if isinstance(layer, MaxPool2d):
        return _channels_last(torch.nn.functional.max_pool2d(planes, layer.kernel, layer.stride))
    if isinstance(layer, ReLU):
        return torch.relu(planes).numpy().astype(np.int64)
    if isinstance(layer, Argmax):
        return np.array([[row.index(max(row))] for row in x.tolist()])
    if isinstance(layer, AvgPool2d):
        acc = _channels_last(torch.nn.functional.avg_pool2d(planes, layer.kernel, layer.stride, divisor_override=1))
    elif isinstance(layer, Dense):
        weights, bias = (torch.from_numpy(a.astype(np.float64)) for a in (layer.weights, layer.bias))
        acc = torch.nn.functional.linear(planes.flatten(1), weights, bias).numpy().astype(np.int64)
    else:
        weights = torch.from_numpy(layer.weights.transpose(0, 3, 1, 2).astype(np.float64))
        bias = torch.from_numpy(layer.bias.astype(np.float64))
        acc = _channels_last(torch.nn.functional.conv2d(planes, weights, bias, layer.stride))
    if layer.multiplier is None:
        return acc
    multiplier, shift = (np.broadcast_to(v, acc.shape).ravel().tolist() for v in (layer.multiplier, layer.shift))
    low, high = layer.output.low, layer.output.high
    numbers = [
        min(max((2 * a * m + 2**s) // 2 ** (s + 1), low), high)  # floor(a * m / 2^s + 1/2)
        for a, m, s in zip(acc.ravel().tolist(), multiplier, shift, strict=True)
    ]
    return np.array(numbers, np.int64).reshape(acc.shape)


def _channels_last(planes):
    return planes.permute(0, 2, 3, 1).numpy().astype(np.int64)


@pytest.mark.parametrize("kind", ["any", "conv", "dense"])
@pytest.mark.parametrize("weights", ["random", "lowest", "highest", "zero"])
def test_every_layer_is_what_pytorch_gives(kind, weights):
    seen = set()
    for seed in range(40 if weights == "random" else 12):
        network = random_network(seed, kind=kind, weights=weights, common_shift=bool(seed % 2))
        x = random_inputs(network, 3, seed)
        found, before = trace(network, x), x
        for layer, tensor in zip(network.layers, network.tensors, strict=True):
            expected = expected_layer(layer, tensor, before)
            assert found[layer.name].dtype == np.int64
            assert found[layer.name].shape == (len(x), *layer.output.shape)
            assert np.array_equal(found[layer.name], expected), (network.name, layer.name, type(layer))
            before = expected
            seen.add(type(layer))
        assert np.array_equal(run(network, x), before)
    if weights == "random":
        few = {"conv": {Dense, Argmax}, "dense": {Conv2d, MaxPool2d, AvgPool2d}, "any": set()}[kind]
        assert seen == {Conv2d, Dense, MaxPool2d, AvgPool2d, ReLU, Argmax} - few


def test_random_networks_have_every_odd_shape():
    """What the test above relies on: strides that leave pixels over, one channel, 1x1, uneven padding, all widths."""
    layers = [
        pair for seed in range(40) for n in [random_network(seed)] for pair in zip(n.layers, n.tensors, strict=True)
    ]
    convs = [(layer, tensor) for layer, tensor in layers if isinstance(layer, Conv2d)]
    assert any(layer.kernel == (1, 1) for layer, _ in convs)
    assert any(tensor.shape[2] == 1 for _, tensor in convs) and any(tensor.shape[2] > 1 for _, tensor in convs)
    assert any(layer.stride == (2, 2) for layer, _ in convs)
    assert any(layer.padding[0] != layer.padding[1] for layer, _ in convs)
    assert any(
        (tensor.shape[0] + sum(layer.padding[:2]) - layer.kernel[0]) % layer.stride[0] for layer, tensor in convs
    )
    assert {layer.weight_bits for layer, _ in convs} == set(range(2, 9))
    assert {(t.bits, t.signed) for _, t in layers} >= {(b, s) for b in range(3, 8) for s in (False, True)}


def test_a_convolution_by_hand():
    """No flip; weights (O, KH, KW, I); padding top and left; bias; half rounds up; unsigned is a ReLU."""
    tensor = Tensor((2, 3, 1), 4, False)
    layer = Conv2d("c", [[[[1], [2]], [[0], [-4]]]], [1], 1, 1, 4, (1, 1), (1, 0, 0, 0), Tensor((2, 2, 1), 3, False))
    x = np.array([[[[1], [2], [3]], [[0], [5], [1]]]])
    # sums: 1 - 4*2 = -7, 1 - 4*3 = -11; 1 + 1*1 + 2*2 - 4*5 = -14, 1 + 1*2 + 2*3 - 4*1 = 5 -> 5/2 + 1/2
    assert accumulate(layer, tensor, x)[0, ..., 0].tolist() == [[-7, -11], [-14, 5]]
    assert run(Network("n", tensor, [layer]), x)[0, ..., 0].tolist() == [[0, 0], [0, 3]]


def test_dense_counts_rows_columns_channels():
    tensor = Tensor((2, 3, 4), 8, False)
    layer = Dense("d", np.arange(24)[None] - 12, [0], None, None, 6, Tensor((1,), 32, True))
    one_hot = np.eye(24, dtype=int).reshape(24, 2, 3, 4)
    assert run(Network("n", tensor, [layer]), one_hot).ravel().tolist() == list(range(-12, 12))


def test_the_smallest_index_wins():
    layers = [
        Dense("d", np.eye(4), [0] * 4, None, None, 2, Tensor((4,), 32, True)),
        Argmax("a", Tensor((1,), 2, False)),
    ]
    x = [[7, 7, 7, 7], [1, 3, 3, 2], [-8, -8, -3, -3], [0, 0, 0, 1]]
    assert run(Network("n", Tensor((4,), 4, True), layers), x).tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize("inputs", [500, 513, 519, 600, 9000])
def test_sums_beyond_the_whole_numbers_of_float32(inputs):
    tensor = Tensor((inputs,), 8, False)
    weights = np.full((2, inputs), 127)
    weights[1, ::3] = -127
    layer = Dense("d", weights, [1, -1], None, None, 8, Tensor((2,), 32, True))
    x = np.full((2, inputs), 255)
    x[1, -1] = 254
    expected = [[sum(w * v for w, v in zip(row, sample, strict=True)) + b for row, b in
                 zip(weights.tolist(), [1, -1], strict=True)] for sample in x.tolist()]  # fmt: skip
    assert run(Network("n", tensor, [layer]), x).tolist() == expected


@pytest.mark.parametrize(
    "weight, count, bits, signed, exact",
    [
        (127, 518, 8, False, np.float32),  # 127 * 518 * 255 < 2^24
        (127, 519, 8, False, np.float64),
        (-128, 1023, 8, True, np.float32),
        (-128, 1024, 8, True, np.float64),  # 2^24 itself is not below 2^24
        (-128, 1 << 14, 32, True, np.float64),
        (-128, 1 << 15, 32, True, np.int64),
    ],
)
def test_the_fast_type_is_exact(weight, count, bits, signed, exact):
    weights = np.stack([np.zeros(count, np.int64), np.full(count, weight)])
    assert reference._exact_type(weights, Tensor((count,), bits, signed)) is exact


def test_batches_do_not_matter(monkeypatch):
    network = random_network(8)
    x = random_inputs(network, 30, 8)
    together = run(network, x)
    assert np.array_equal(np.concatenate([run(network, x[n : n + 1]) for n in range(len(x))]), together)
    for numbers in (1, 1000, 5000):
        monkeypatch.setattr(reference, "_BATCH_NUMBERS", numbers)
        assert np.array_equal(run(network, x), together)
        assert all(len(values) == len(x) for values in trace(network, x).values())


def test_no_samples_give_no_results():
    network = random_network(2)
    assert run(network, np.zeros((0, *network.input.shape), int)).shape == (0, *network.output.shape)


def test_narrow_inputs_do_not_overflow():
    tensor = Tensor((4, 4, 1), 8, False)
    layer = AvgPool2d("p", (4, 4), (4, 4), (0, 0, 0, 0), 1, 4, Tensor((1, 1, 1), 8, False))
    network = Network("n", tensor, [layer])
    x = np.full((1, 4, 4, 1), 255, np.uint8)
    assert run(network, x).item() == 255
    assert accumulate(layer, tensor, x).item() == 16 * 255


@pytest.mark.parametrize(
    "x, text",
    [
        (np.zeros((2, 4)), "n: the input is float64; it takes integers, signed 4 bits"),
        (np.zeros((2, 3), int), "n: the input has the shape (2, 3); it takes samples of (4,), that is (n, 4)"),
        (np.zeros(4, int), "n: the input has the shape (4,); it takes samples of (4,), that is (n, 4)"),
        ([[0, 0, 7, -9]], "n: the input holds -9; signed 4 bits hold -8 … 7"),
        ([[0, 0, 8, 0]], "n: the input holds 8; signed 4 bits hold -8 … 7"),
    ],
)
def test_wrong_inputs(x, text):
    network = Network("n", Tensor((4,), 4, True), [ReLU("r", Tensor((4,), 4, True))])
    for function in (run, trace):
        with pytest.raises(NetworkError) as error:
            function(network, x)
        assert str(error.value) == text


def test_a_network_that_fails_its_check_does_not_run():
    network = Network("n", Tensor((4,), 4, True), [ReLU("r", Tensor((4,), 5, True))])
    with pytest.raises(NetworkError, match="^layer r: ReLU keeps the type of its input"):
        run(network, np.zeros((1, 4), int))
