"""What an integer network is, and every reason why hardware of this kind would not compute it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from networks import random_network

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.pipeline.network import (
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    MaxPool2d,
    Network,
    NetworkError,
    ReLU,
    Tensor,
    check,
    window_counts,
)

IMAGE = Tensor((7, 6, 2), 8, False, 1 / 255)
CONV = Conv2d(
    "conv",
    np.full((3, 3, 2, 2), -8),
    [1, 2, 3],
    [9, 8, 7],
    [4, 5, 6],
    4,
    (2, 1),
    (1, 0, 0, 1),
    Tensor((3, 6, 3), 4, False),
)
POOL = MaxPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), Tensor((1, 3, 3), 4, False))
MEAN = AvgPool2d("mean", (1, 3), (1, 1), (0, 0, 1, 1), 5461, 14, Tensor((1, 3, 3), 5, True))
RELU = ReLU("relu", Tensor((1, 3, 3), 5, True))
DENSE = Dense("fc", np.ones((4, 9)), np.zeros(4), None, None, 2, Tensor((4,), 32, True))
ARGMAX = Argmax("answer", Tensor((1,), 2, False))
NETWORK = Network("net", IMAGE, (CONV, POOL, MEAN, RELU, DENSE, ARGMAX))


def test_a_network_of_all_layers_is_fine():
    check(NETWORK)


@pytest.mark.parametrize("kind", ["any", "conv", "dense"])
def test_random_networks_are_fine(kind):
    for seed in range(60):
        check(random_network(seed, kind=kind, weights=("random", "lowest", "highest", "zero")[seed % 4]))


@pytest.mark.parametrize(
    "bits, signed, low, high, text",
    [
        (1, False, 0, 1, "unsigned 1 bit"),
        (1, True, -1, 0, "signed 1 bit"),
        (4, True, -8, 7, "signed 4 bits"),
        (8, False, 0, 255, "unsigned 8 bits"),
        (32, True, -(2**31), 2**31 - 1, "signed 32 bits"),
    ],
)
def test_the_range_of_a_type(bits, signed, low, high, text):
    tensor = Tensor((2, 3, 4), bits, signed)
    assert (tensor.low, tensor.high, tensor.type, tensor.size) == (low, high, text, 24)


def test_shapes_by_counting_windows():
    for size in range(1, 9):
        for kernel in range(1, 5):
            for stride in range(1, 4):
                for before in range(kernel):
                    for after in range(kernel):
                        starts = range(-before, size + after - kernel + 1, stride)
                        if len(starts):
                            pads = (before, after, 0, 0)
                            assert window_counts((size, 1, 1), (kernel, 1), (stride, 1), pads) == (len(starts), 1)
                            pads = (0, 0, before, after)
                            assert window_counts((1, size, 1), (1, kernel), (1, stride), pads) == (1, len(starts))


def test_what_a_layer_gives_and_takes():
    assert NETWORK.output == ARGMAX.output
    assert NETWORK.tensors == (IMAGE, CONV.output, POOL.output, MEAN.output, RELU.output, DENSE.output)
    shorter = NETWORK.upto("mean")
    assert (shorter.layers, shorter.output, shorter.input) == ((CONV, POOL, MEAN), MEAN.output, IMAGE)
    assert (Network("empty", IMAGE, ()).tensors, Network("empty", IMAGE, ()).output) == ((), IMAGE)


def test_a_layer_that_is_not_there():
    with pytest.raises(NetworkError) as error:
        NETWORK.upto("conv9")
    assert str(error.value) == "net has no layer 'conv9'; its layers are conv, pool, mean, relu, fc, answer"


def test_layers_are_equal_when_their_numbers_are():
    assert replace(CONV) == CONV and hash(replace(CONV)) == hash(CONV)
    changed = CONV.weights.copy()
    changed[2, 2, 1, 1] = 7
    for other in (replace(CONV, weights=changed), replace(CONV, multiplier=None), replace(CONV, name="b"), POOL, 3):
        assert other != CONV
    assert Network("net", IMAGE, list(NETWORK.layers)) == NETWORK
    assert replace(NETWORK, layers=(replace(CONV, weights=changed), *NETWORK.layers[1:])) != NETWORK


def test_numbers_of_a_layer_are_its_own():
    weights = np.ones((4, 9), np.int8)
    layer = replace(DENSE, weights=weights)
    weights[:] = 0
    assert layer.weights.dtype == np.int64 and layer.weights.all()
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0, 0] = 5


def test_one_multiplier_for_all_channels():
    layer = replace(CONV, multiplier=9, shift=4)
    assert (layer.multiplier.tolist(), layer.shift.tolist()) == ([9, 9, 9], [4, 4, 4])


@pytest.mark.parametrize(
    "wrong",
    [
        np.array([0, 1, 2, 0.5]),
        np.array([0, 1, 2, np.nan]),
        np.array([0, 1, 2, np.inf]),
        np.array([0, 1, 2, 2.0**53]),
        np.array([0, 1, 2, 2**70]),
        np.full(4, 2**63, np.uint64),
        np.array(list("abcd")),
    ],
)
def test_numbers_that_are_no_integers(wrong):
    with pytest.raises(NetworkError) as error:
        replace(DENSE, bias=wrong)
    assert str(error.value) == "fc: bias are not integers of at most 64 bits; quantize them first"


@dataclass(frozen=True)
class Softmax:
    name: str
    output: Tensor


def change(**fields):
    """The network with fields of its layers changed: conv={"stride": (1, 1)}; a layer instead of a dict replaces it."""
    layers = [
        new if not isinstance(new := fields.get(layer.name, {}), dict) else replace(layer, **new)
        for layer in NETWORK.layers
    ]
    return replace(NETWORK, layers=layers, **fields.get("network", {}))


def with_one(values, place, value):
    values = np.array(values)
    values[place] = value
    return values


WRONG = {
    "no block": (
        change(answer=Softmax("probabilities", ARGMAX.output)),
        "layer probabilities: there is no block for Softmax; the pipeline has Conv2d, Dense, MaxPool2d, AvgPool2d, "
        "ReLU, Argmax",
    ),
    "no layers": (Network("net", IMAGE, ()), "net has no layers; it needs at least one"),
    "network name": (
        replace(NETWORK, name="my net"),
        "the network is called 'my net'; names become files and hardware: a letter, then letters, digits and _",
    ),
    "layer name": (
        change(conv={"name": "../conv"}),
        "a layer is called '../conv'; names become files and hardware: a letter, then letters, digits and _",
    ),
    "twice": (
        change(pool={"name": "CONV"}),
        "two layers are called CONV (capitals do not count); give each its own name",
    ),
    "input shape": (
        replace(NETWORK, input=replace(IMAGE, shape=(7, 6))),
        "the input has the shape (7, 6); it must be (height, width, channels) or (numbers,)",
    ),
    "empty input": (
        replace(NETWORK, input=replace(IMAGE, shape=(7, 0, 2))),
        "the input has the shape (7, 0, 2); it must be (height, width, channels) or (numbers,)",
    ),
    "input bits": (replace(NETWORK, input=replace(IMAGE, bits=9)), "the input has 9 bits; choose 1 … 8"),
    "input scale": (replace(NETWORK, input=replace(IMAGE, scale=0)), "the input: scale 0; it must be a number above 0"),
    "scale": (
        change(conv={"output": replace(CONV.output, scale=float("inf"))}),
        "layer conv: scale inf; it must be a number above 0",
    ),
    "after argmax": (
        replace(NETWORK, layers=(*NETWORK.layers, ReLU("late", ARGMAX.output))),
        "layer late follows answer, an Argmax; an Argmax must be the last layer",
    ),
    "argmax of an image": (
        replace(NETWORK, layers=(CONV, ARGMAX)),
        "layer answer: Argmax must follow a Dense layer",
    ),
    "accumulators in the middle": (
        replace(NETWORK, layers=(replace(CONV, multiplier=None, shift=None, output=Tensor((3, 6, 3), 32, True)), POOL)),
        "layer pool takes the 32-bit accumulators of conv; only the last layer or one before Argmax may leave them: "
        "give conv a multiplier and a shift",
    ),
    "window of a vector": (
        replace(NETWORK, layers=(replace(DENSE, name="first", weights=np.ones((4, 84)), multiplier=1, shift=0,
                                         output=Tensor((4,), 4, True)), POOL)),
        "layer pool takes (height, width, channels); first gives (4,)",
    ),
    "window of a vector input": (
        Network("net", Tensor((84,), 8, False), (CONV,)),
        "layer conv takes (height, width, channels); the input gives (84,)",
    ),
    "weights' axes": (
        change(conv={"weights": np.ones((3, 3, 2))}),
        "layer conv: its weights have the shape (3, 3, 2); it must be (outputs, kernel rows, kernel columns, inputs)",
    ),
    "dense weights' axes": (
        change(fc={"weights": np.ones((4, 1, 3, 3))}),
        "layer fc: its weights have the shape (4, 1, 3, 3); it must be (outputs, inputs)",
    ),
    "no outputs": (
        change(fc={"weights": np.ones((0, 9)), "bias": np.ones(0)}),
        "layer fc: its weights have the shape (0, 9); it must be (outputs, inputs)",
    ),
    "channels": (
        change(conv={"weights": np.ones((3, 3, 2, 1))}),
        "layer conv: its weights (3, 3, 2, 1) are for 1 channels; its input (7, 6, 2) has 2",
    ),
    "numbers": (
        change(fc={"weights": np.ones((4, 10))}),
        "layer fc: its weights (4, 10) are for 10 numbers; its input (1, 3, 3) has 9",
    ),
    "weight bits": (change(conv={"weight_bits": 9}), "layer conv: weights of 9 bits; choose 2 … 8"),
    "one weight bit": (change(conv={"weight_bits": 1}), "layer conv: weights of 1 bits; choose 2 … 8"),
    "a weight too large": (
        change(conv={"weights": with_one(CONV.weights, (2, 0, 1, 1), 8)}),
        "layer conv: weights [2, 0, 1, 1] is 8; signed 4 bits hold -8 … 7",
    ),
    "a weight too small": (
        change(fc={"weights": with_one(DENSE.weights, (3, 8), -3)}),
        "layer fc: weights [3, 8] is -3; signed 2 bits hold -2 … 1",
    ),
    "biases": (change(conv={"bias": [1, 2]}), "layer conv: its bias has the shape (2,); it must be (3,)"),
    "a bias": (
        change(conv={"bias": [0, -(2**31) - 1, 0]}),
        "layer conv: bias [1] is -2,147,483,649; signed 32 bits hold -2,147,483,648 … 2,147,483,647",
    ),
    "stride": (change(conv={"stride": (0, 1)}), "layer conv: stride (0, 1); it must be (down, right), each at least 1"),
    "kernel": (change(pool={"kernel": (2,)}), "layer pool: kernel (2,); it must be (down, right), each at least 1"),
    "padding": (
        change(pool={"padding": (0, 0, -1, 0)}),
        "layer pool: padding (0, 0, -1, 0); it must be (top, bottom, left, right), each at least 0",
    ),
    "padding of two": (
        change(pool={"padding": (1, 1)}),
        "layer pool: padding (1, 1); it must be (top, bottom, left, right), each at least 0",
    ),
    "padding at the bottom": (
        change(conv={"padding": (1, 3, 0, 0)}),
        "layer conv: padding 3 at the bottom with a kernel of 3; choose at most 2",
    ),
    "padding at the left": (
        change(conv={"padding": (2, 2, 2, 0)}),
        "layer conv: padding 2 at the left with a kernel of 2; choose at most 1",
    ),
    "kernel too large": (
        change(pool={"kernel": (4, 2)}),
        "layer pool: its kernel (4, 2) does not fit its input (3, 6, 3) with padding (0, 0, 0, 0); choose a smaller "
        "kernel or more padding",
    ),
    "multiplier alone": (
        change(fc={"multiplier": [1] * 4}),
        "layer fc: multiplier and shift go together; give both, or None for both",
    ),
    "accumulators of 8 bits": (
        change(conv={"multiplier": None, "shift": None}),
        "layer conv: without a multiplier its accumulators leave as signed 32 bits; its output is unsigned 4 bits",
    ),
    "output bits": (
        change(conv={"output": replace(CONV.output, bits=9)}),
        "layer conv: an output of 9 bits; choose 2 … 8",
    ),
    "one output bit": (
        change(mean={"output": replace(MEAN.output, bits=1)}),
        "layer mean: an output of 1 bits; choose 2 … 8",
    ),
    "multipliers": (
        change(conv={"multiplier": [1, 2]}),
        "layer conv: its multiplier has the shape (2,); it must be (3,)",
    ),
    "shifts": (
        change(conv={"shift": [[1], [2], [3]]}),
        "layer conv: its shift has the shape (3, 1); it must be (3,)",
    ),
    "a multiplier": (
        change(conv={"multiplier": [1, 65536, 3]}),
        "layer conv: multiplier 65536 is outside 0 … 65535; see arithmetic.scaling",
    ),
    "a shift": (
        change(mean={"shift": 48}),
        "layer mean: shift 48 is outside 0 … 47; see arithmetic.scaling",
    ),
    "output shape": (
        change(conv={"output": replace(CONV.output, shape=(4, 6, 3))}),
        "layer conv: from (7, 6, 2) it gives (3, 6, 3); its output says (4, 6, 3)",
    ),
    "pool's type": (
        change(pool={"output": replace(POOL.output, signed=True)}),
        "layer pool: MaxPool2d keeps the type of its input, unsigned 4 bits of scale 1; its output says signed 4 bits "
        "of scale 1",
    ),
    "relu's scale": (
        change(relu={"output": replace(RELU.output, scale=0.5)}),
        "layer relu: ReLU keeps the type of its input, signed 5 bits of scale 1; its output says signed 5 bits of "
        "scale 0.5",
    ),
    "indices": (
        change(answer={"output": Tensor((1,), 1, False)}),
        "layer answer: indices up to 3 need unsigned 2 bits or more; its output is unsigned 1 bit",
    ),
    "one index too many": (
        change(fc={"weights": np.ones((5, 9)), "bias": np.zeros(5), "output": Tensor((5,), 32, True)}),
        "layer answer: indices up to 4 need unsigned 3 bits or more; its output is unsigned 2 bits",
    ),
    "overflow": (
        change(fc={"bias": [0, 2**31 - 1, 0, 0]}),
        "layer fc, channel 1: its accumulator can reach 2,147,483,782, which is 135 above 2,147,483,647, the end of "
        "signed 32 bits; use fewer bits for weights or input, a smaller bias, or fewer inputs for each output",
    ),
    "signed indices": (
        change(answer={"output": Tensor((1,), 4, True)}),
        "layer answer: indices up to 3 need unsigned 2 bits or more; its output is signed 4 bits",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_no_hardware_of_this_kind_computes(what):
    network, text = WRONG[what]
    with pytest.raises(NetworkError) as error:
        check(network)
    assert str(error.value) == text
    assert isinstance(error.value, AcceleratorError)
