"""The twin computes what the integer network computes, and training it finds better networks than rounding alone."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mlfpga.accelerators.pipeline.graph import GraphError  # noqa: E402
from mlfpga.accelerators.pipeline.qat import fake_round, prepare  # noqa: E402
from mlfpga.accelerators.pipeline.quantize import quantize  # noqa: E402
from mlfpga.accelerators.pipeline.recipe import Recipe, cnn, trained  # noqa: E402
from mlfpga.accelerators.pipeline.reference import integer_accuracy, run, to_integers  # noqa: E402
from mlfpga.accelerators.pipeline.torch_frontend import from_torch  # noqa: E402
from mlfpga.accelerators.pipeline.training import TrainingError, accuracy, logits, train  # noqa: E402
from mlfpga.datasets import load  # noqa: E402

pytestmark = pytest.mark.host


def every_layer() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(2, 6, (2, 3), padding="same"),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.AvgPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 3 * 2, 12),
        nn.ReLU(),
        nn.Linear(12, 5),
    ).eval()


def compare(twin, x: np.ndarray) -> tuple[float, float]:
    """The parts of samples for which the integer network gives the twin's logits, and its class."""
    network = quantize(twin.graph())
    counts = run(network, to_integers(network, x))
    expected = logits(twin, x) / network.output.scale
    # Relative to float32's own error: the logits are integers of the accumulator's step.
    equal = (np.abs(counts - expected) < 1e-3 * (1 + np.abs(expected).max())).all(1)
    return equal.mean(), (counts.argmax(1) == expected.argmax(1)).mean()


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 7])
def test_the_twin_is_the_integer_network(bits, per_channel):
    x = np.random.default_rng(1).integers(0, 256, (300, 12, 9, 2)) / 256
    twin = prepare(every_layer(), x, bits, bits, per_channel)
    network = quantize(twin.graph())
    # Nothing is learned yet: this is what rounding alone gives.
    alone = quantize(from_torch(every_layer(), (2, 12, 9)), x, bits, bits, per_channel, correct_bias=False)
    for layer, other in zip(network.layers, alone.layers, strict=True):
        if hasattr(layer, "weights"):
            assert (layer.weights == other.weights).mean() > 0.98  # a half in float32 is not always one in float64
            assert layer.output.scale == pytest.approx(other.output.scale, rel=1e-6)
    # Random steps, as after training.
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if parameter.requires_grad:
                parameter += torch.randn_like(parameter) * (0.1 if "log_scale" in name else 0.02)
    equal, same = compare(twin, x)
    assert equal > 0.95
    assert same > 0.98


def test_rounding_is_that_of_torch_and_learns_its_step():
    # torch rounds halves to even: the values stay clear of them.
    x = torch.linspace(-3, 3, 601) + 0.0021
    scale = torch.tensor(0.25, requires_grad=True)
    x.requires_grad_()
    ours = fake_round(x, scale, -8, 7)
    theirs = torch.fake_quantize_per_tensor_affine(x, 0.25, 0, -8, 7)
    assert torch.allclose(ours, theirs)
    ours.sum().backward()
    assert torch.equal(x.grad, ((x >= -2) & (x <= 1.75)).float())
    steps = x.detach() / 0.25
    inside = steps.round() - steps
    expected = torch.where(steps < -8, torch.tensor(-8.0), torch.where(steps > 7, torch.tensor(7.0), inside))
    assert scale.grad.item() == pytest.approx(expected.sum().item(), rel=1e-4)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def float_digits(digits):
    torch.manual_seed(0)
    module = cnn(digits.sample_shape, len(digits.classes))
    history = train(module, digits, 8, 1e-2, batch_size=32, progress=None)
    assert history[-1] == accuracy(module, digits.x_validation, digits.y_validation) > 0.94
    return module


def test_training_recovers_what_rounding_to_two_bits_costs(digits, float_digits):
    split = digits.x_validation, digits.y_validation
    graph = from_torch(float_digits, (1, 8, 8))
    alone = integer_accuracy(quantize(graph, digits.x_train, 2, 2, per_channel=False, correct_bias=False), *split)
    twin = prepare(float_digits, digits.x_train, 2, 2, per_channel=False)
    before = [parameter.clone() for parameter in twin.parameters()]
    train(twin, digits, 6, 4e-3, batch_size=32, progress=None)
    learned = integer_accuracy(quantize(twin.graph()), *split)
    assert learned > max(alone + 0.02, 0.85)
    # Weights, biases and steps all moved, but the input's and the logits' step, which stay.
    moved = sum(not torch.equal(old, new) for old, new in zip(before, twin.parameters(), strict=True))
    assert moved == len(before) - 2
    equal, same = compare(twin, digits.x_test)
    assert equal > 0.95
    assert same > 0.99
    assert np.log2(quantize(twin.graph()).output.scale) % 1 == 0


def test_a_training_is_repeatable(digits):
    few = digits.subset(300, seed=1)
    lines = []
    recipe = Recipe(2, 2, batch_size=32, augment=1)
    one, other = (trained(few, recipe=recipe, seed=seed, progress=lines.append) for seed in (4, 4))
    assert one.network == other.network
    assert one.accuracy == integer_accuracy(one.network, few.x_validation, few.y_validation)
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"] * 4
    assert trained(few, recipe=recipe, seed=5, progress=None).network != one.network


def test_the_reference_network_of_mnist_fits_the_budget():
    graph = from_torch(cnn((28, 28, 1), 10), (1, 28, 28))
    assert [shape for shape in graph.shapes] == [(14, 14, 8)] * 2 + [(7, 7, 16)] * 2 + [(10,)]
    assert graph.macs == 196 * 25 * 8 + 49 * 72 * 16 + 7840 == 103_488


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs 0, learning_rate 0.005, batch_size 128, augment 0; choose epochs of at least 1"),
        (
            {"learning_rate": np.nan},
            "learning_rate nan, batch_size 128, augment 0; choose epochs of at least 1, a learn",
        ),
    ],
)
def test_settings_that_train_nothing(digits, settings, message):
    with pytest.raises(TrainingError, match=re.escape(message)):
        train(cnn((8, 8, 1), 10), digits.subset(200, 1), **{"epochs": 1, "progress": None, **settings})


def test_a_training_that_leaves_the_numbers_stops(digits):
    module = cnn((8, 8, 1), 10)
    module[-1].bias.data[0] = torch.nan
    with pytest.raises(TrainingError, match="the loss is nan after epoch 1; choose a smaller learning_rate"):
        train(module, digits.subset(200, 1), 1, progress=None)


def test_rows_are_not_shifted(digits):
    with pytest.raises(TrainingError, match="augment shifts pictures, and digits has none; leave it at 0"):
        train(nn.Linear(64, 10), digits.flat(), 1, augment=1)


def test_a_module_that_has_no_blocks_is_refused(digits):
    with pytest.raises(GraphError, match="layer '1' is a GELU, which has no block"):
        prepare(nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU()), digits.x_train[:9])
