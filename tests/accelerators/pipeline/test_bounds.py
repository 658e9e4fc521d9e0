"""Bounds of accumulators: reached by the worst input, never left by any, and refused beyond 32 bits."""

from itertools import product

import numpy as np
import pytest
from networks import random_inputs, random_network

from mlfpga.accelerators.pipeline.bounds import bounds, layer_bounds
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, NetworkError, Tensor
from mlfpga.accelerators.pipeline.network import Network, check
from mlfpga.accelerators.pipeline.reference import accumulate, trace

RAW = (None, None)


def dense(weights, bias, bits=8, name="fc"):
    return Dense(name, weights, bias, *RAW, bits, Tensor((len(weights),), 32, True))


@pytest.mark.parametrize("signed", [False, True])
def test_all_inputs_of_a_small_layer(signed):
    tensor = Tensor((3,), 2, signed)
    layer = dense([[3, -2, 0], [-4, -4, -1], [0, 0, 0], [1, 2, 3]], [5, -7, 9, -100])
    everything = np.array(list(product(range(tensor.low, tensor.high + 1), repeat=3)))
    acc = everything @ layer.weights.T + layer.bias
    found = layer_bounds(layer, tensor)
    assert found.low.tolist() == acc.min(0).tolist()
    assert found.high.tolist() == acc.max(0).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_the_worst_input_of_a_convolution_reaches_the_bound(seed):
    rng = np.random.default_rng(seed)
    tensor = Tensor((3, 2, 4), int(rng.integers(1, 9)), bool(seed % 2))
    weights = rng.integers(-128, 128, (5, 3, 2, 4))
    layer = Conv2d("c", weights, rng.integers(-999, 999, 5), *RAW, 8, (1, 1), (1, 1, 1, 0), Tensor((3, 2, 5), 32, True))
    found = layer_bounds(layer, tensor)
    for channel in range(5):
        favoured = np.where(weights[channel] > 0, tensor.high, tensor.low)
        hated = np.where(weights[channel] > 0, tensor.low, tensor.high)
        acc = accumulate(layer, tensor, np.stack([favoured, hated]))[..., channel]
        # The one window that lies inside the image; those that pads cut off stay inside the bounds.
        assert acc[0, 1, 1] == found.high[channel] == acc.max()
        assert acc[1, 1, 1] == found.low[channel] == acc.min()


@pytest.mark.parametrize("weights", ["random", "lowest", "highest", "zero"])
def test_no_input_leaves_the_bounds(weights):
    for seed in range(25):
        network = random_network(seed, weights=weights)
        x = random_inputs(network, 10, seed)
        layers = {None: x, **trace(network, x)}
        limits = bounds(network)
        names = [None, *layers]
        for before, layer, tensor in zip(names[1:], network.layers, network.tensors, strict=False):
            assert (layer.name in limits) == isinstance(layer, (Conv2d, Dense, AvgPool2d))
            if layer.name in limits:
                acc = accumulate(layer, tensor, layers[before])
                assert (acc >= limits[layer.name].low).all() and (acc <= limits[layer.name].high).all()


def test_average_pooling_adds_up_its_window():
    layer = AvgPool2d("pool", (2, 3), (1, 1), (0, 0, 0, 0), 1, 3, Tensor((1, 1, 2), 8, True))
    found = layer_bounds(layer, Tensor((2, 3, 2), 8, True))
    assert (found.low.tolist(), found.high.tolist(), found.accumulator_bits) == ([-768] * 2, [762] * 2, 11)
    assert layer_bounds(layer, Tensor((2, 3, 2), 8, False)).accumulator_bits == 12


@pytest.mark.parametrize(
    "weights, bias, low, high, bits",
    [
        ([[1]], [0], 0, 255, 9),
        ([[1]], [1], 1, 256, 10),
        ([[-1]], [-1], -256, -1, 9),
        ([[-1]], [-2], -257, -2, 10),
        ([[0]], [0], 0, 0, 1),
    ],
)
def test_accumulator_bits_are_just_enough(weights, bias, low, high, bits):
    found = layer_bounds(dense(weights, bias), Tensor((1,), 8, False))
    assert (found.low.tolist(), found.high.tolist(), found.accumulator_bits) == ([low], [high], bits)


def test_the_last_bias_that_fits():
    tensor = Tensor((2,), 8, False)
    assert layer_bounds(dense([[127, -1]], [2**31 - 1 - 127 * 255]), tensor).high.tolist() == [2**31 - 1]
    assert layer_bounds(dense([[1, -128]], [-(2**31) + 128 * 255]), tensor).low.tolist() == [-(2**31)]


@pytest.mark.parametrize(
    "weights, bias, says",
    [
        (
            [[1, 1], [127, -1]],
            [0, 2**31 - 127 * 255],
            "layer fc, channel 1: its accumulator can reach 2,147,483,648, which is 1 above 2,147,483,647",
        ),
        (
            [[1, -128], [0, -1]],
            [-(2**31) + 128 * 255 - 7, 0],
            "layer fc, channel 0: its accumulator can reach -2,147,483,655, which is 7 below -2,147,483,648",
        ),
    ],
)
def test_an_accumulator_that_could_overflow(weights, bias, says):
    network = Network("n", Tensor((2,), 8, False), [dense(weights, bias)])
    for judge in (bounds, check):
        with pytest.raises(NetworkError) as error:
            judge(network)
        assert str(error.value) == (
            f"{says}, the end of signed 32 bits; use fewer bits for weights or input, a smaller bias, or fewer inputs "
            "for each output"
        )


def test_the_proof_itself_does_not_overflow():
    with pytest.raises(NetworkError, match=f"can reach {2**40 * (2**32 - 1):,}, which is "):
        layer_bounds(dense([[2**40]], [0]), Tensor((1,), 32, False))


def test_the_worst_of_several_channels_is_named():
    many = Tensor((70_000,), 8, False)
    weights = np.array([[127], [-128], [1]]) * np.ones((1, 70_000), int)
    network = Network("n", many, [dense(weights, [0, 0, 0])])
    with pytest.raises(NetworkError) as error:
        check(network)
    assert str(error.value) == (
        f"layer fc, channel 1: its accumulator can reach {-128 * 255 * 70_000:,}, which is "
        f"{128 * 255 * 70_000 - 2**31:,} below -2,147,483,648, the end of signed 32 bits (1 other channel too); use "
        "fewer bits for weights or input, a smaller bias, or fewer inputs for each output"
    )
