"""PyTorch is the oracle: the float graph must answer as the module does."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from mlfpga.accelerators.pipeline import graph as floats  # noqa: E402
from mlfpga.accelerators.pipeline.graph import GraphError, forward  # noqa: E402
from mlfpga.accelerators.pipeline.torch_frontend import from_torch  # noqa: E402

pytestmark = pytest.mark.host


def norm(channels: int, kind=nn.BatchNorm2d, positive: bool = False) -> nn.Module:
    """A batch normalisation that has seen something: no statistic and no factor is 0 or 1."""
    layer = kind(channels)
    with torch.no_grad():
        layer.weight.uniform_(0.3 if positive else -1.5, 1.5)
        layer.bias.uniform_(-1, 1)
        layer.running_mean.uniform_(-1, 1)
        layer.running_var.uniform_(0.2, 3)
    return layer


def check(module: nn.Module, shape, tail: nn.Module | None = None) -> floats.Graph:
    """The graph of `module`, after comparing it with the module (without its `tail`) on random samples."""
    module.eval()
    graph = from_torch(module, shape)
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = (tail or module)(x).numpy()
    last = x.numpy().transpose(0, 2, 3, 1) if len(shape) == 3 else x.numpy()
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    answers = forward(graph, last)
    assert answers.shape == expected.shape
    np.testing.assert_allclose(answers, expected, atol=2e-5 * (1 + np.abs(expected).max()))
    return graph


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(7)


@pytest.mark.parametrize(
    ("shape", "layers"),
    {
        "odd picture": ((1, 9, 7), lambda: [nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(189, 4)]),
        "stride": ((2, 11, 10), lambda: [nn.Conv2d(2, 5, (3, 2), (2, 3), (1, 0)), nn.Flatten(), nn.Linear(90, 2)]),
        "no bias": ((3, 5, 5), lambda: [nn.Conv2d(3, 4, 1, bias=False), nn.ReLU()]),
        "same, even kernel": ((1, 6, 7), lambda: [nn.Conv2d(1, 2, (2, 4), padding="same"), nn.ReLU()]),
        "valid": ((1, 6, 7), lambda: [nn.Conv2d(1, 2, 3, padding="valid")]),
        "pools": (
            (2, 13, 13),
            lambda: [
                nn.Conv2d(2, 4, 3),
                nn.MaxPool2d(3, 2, 1),
                nn.ReLU(),
                nn.Conv2d(4, 4, 2),
                nn.AvgPool2d(2, padding=1),
            ],
        ),
        "norm behind convolution": (
            (1, 6, 6),
            lambda: [nn.Conv2d(1, 3, 3, bias=False), norm(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)],
        ),
        "norm behind maximum": (
            (1, 8, 8),
            lambda: [nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(2), norm(3, positive=True), nn.Conv2d(3, 2, 3, 1, 1)],
        ),
        "norm behind mean": ((1, 8, 8), lambda: [nn.Conv2d(1, 3, 3), nn.AvgPool2d(2), norm(3), nn.ReLU()]),
        "norm first": ((2, 6, 6), lambda: [norm(2), nn.Conv2d(2, 3, 3), nn.ReLU()]),
        "norm before dense": (
            (2, 4, 4),
            lambda: [nn.Conv2d(2, 3, 3), nn.ReLU(), norm(3), nn.Flatten(), nn.Linear(12, 3)],
        ),
        "rows": (
            (6,),
            lambda: [nn.Linear(6, 8), norm(8, nn.BatchNorm1d), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3, bias=False)],
        ),
        "adaptive": ((1, 8, 6), lambda: [nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d((4, 2)), nn.ReLU()]),
        "adaptive to one": (
            (1, 8, 6),
            lambda: [
                nn.Conv2d(1, 4, 3),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Identity(),
                nn.Linear(4, 2),
            ],
        ),
        "ReLU first": ((1, 5, 5), lambda: [nn.ReLU(), nn.Conv2d(1, 2, 3), nn.ReLU(), nn.ReLU()]),
    }.values(),
)
def test_the_graph_answers_as_the_module(shape, layers):
    graph = check(nn.Sequential(*layers()), shape)
    assert not any(isinstance(layer, floats.BatchNorm) for layer in graph.layers)


def test_a_negative_factor_does_not_pass_a_maximum():
    turned = norm(3, positive=True)
    turned.weight.data[1] *= -1
    layers = [nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), turned]
    check(nn.Sequential(*layers, nn.Flatten(), nn.Linear(27, 2)), (1, 8, 8))
    with pytest.raises(GraphError, match="'batchnorm_1' has no convolution or dense layer to fold into"):
        from_torch(nn.Sequential(*layers, nn.Conv2d(3, 2, 3, padding=1)), (1, 8, 8))


class Functional(nn.Module):
    """The same picture of layers, as calls; `flat` says how it flattens."""

    def __init__(self, flat):
        super().__init__()
        self.flat = flat
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.head = nn.Linear(4 * 3 * 2, 5)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.features(x)), 2)
        x = functional.dropout(torch.relu(x), training=self.training)
        x = functional.avg_pool2d(x, kernel_size=(1, 1), stride=1)
        return self.head(self.flat(x))


@pytest.mark.parametrize(
    "flat",
    [
        lambda x: torch.flatten(x, 1),
        lambda x: torch.flatten(x, start_dim=1),
        lambda x: x.flatten(1),
        lambda x: x.view(-1, 24),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.reshape(x.shape[0], 24),
        lambda x: x.reshape((x.size()[0], -1)),
    ],
)
def test_traced_calls(flat):
    module = Functional(flat)
    module.features[1] = norm(4)
    graph = check(module, (1, 6, 5))
    assert [layer.name for layer in graph.layers][0] == "features_0"
    assert graph.layers[-1].name == "head"


def test_names_numbers_and_order():
    graph = from_torch(
        nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(27, 4)
        ),
        (1, 12, 12),
    )
    # The ReLU stands before the maximum, so that it fuses with the convolution.
    assert [layer.name for layer in graph.layers] == ["conv_1", "relu_1", "pool_1", "conv_2", "dense_1"]
    assert graph.shapes == ((10, 10, 2), (10, 10, 2), (5, 5, 2), (3, 3, 3), (4,))
    assert graph.macs == 100 * 18 + 9 * 54 + 27 * 4


def test_softmax_at_the_end_is_left_out_with_a_note():
    layers = [nn.Flatten(), nn.Linear(16, 3)]
    graph = check(nn.Sequential(*layers, nn.LogSoftmax(1)), (1, 4, 4), nn.Sequential(*layers))
    assert graph.notes == ("softmax '2' is left out: it changes no decision, and the logits leave instead",)


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


class Twice(Branch):
    def forward(self, x):
        return self.conv(self.conv(x))


class Choice(Branch):
    def forward(self, x):
        return x if x.sum() > 0 else self.conv(x)


class Both(Branch):
    def forward(self, x):
        return x, self.conv(x)


class Sigmoid(Branch):
    def forward(self, x):
        return torch.sigmoid(self.conv(x))


REFUSED = {
    "groups": (
        nn.Conv2d(2, 2, 3, groups=2),
        "layer '0' is a Conv2d with groups=2, which has no block; supported is gro",
    ),
    "dilation": (nn.Conv2d(2, 2, 3, dilation=2), "Conv2d with dilation=(2, 2), which has no block; supported is dilat"),
    "reflect": (
        nn.Conv2d(2, 2, 3, padding_mode="reflect"),
        "padding_mode='reflect', which has no block; supported is ",
    ),
    "ceil": (nn.MaxPool2d(2, ceil_mode=True), "layer '0' is a MaxPool2d with ceil_mode=True, which has no block"),
    "indices": (nn.MaxPool2d(2, return_indices=True), "MaxPool2d with return_indices=True, which has no block"),
    "divisor": (nn.AvgPool2d(2, divisor_override=3), "AvgPool2d with divisor_override=3, which has no block"),
    "not counted": (nn.AvgPool2d(2, padding=1, count_include_pad=False), "AvgPool2d with count_include_pad=False"),
    "ReLU6": (nn.ReLU6(), "layer '0' is a ReLU6, which has no block; supported are Conv2d, Linear, ReLU, MaxPool2d, "),
    "LSTM": (nn.LSTM(6, 6), "layer '0' is a LSTM, which has no block"),
    "transposed": (nn.ConvTranspose2d(2, 2, 3), "layer '0' is a ConvTranspose2d, which has no block"),
    "adaptive": (nn.AdaptiveAvgPool2d(4), "an AdaptiveAvgPool2d from 6 × 6 to 4 × 4, whose windows differ in size"),
    "unflattened": (
        nn.Linear(6, 3),
        "layer '0' is a Linear on a picture of shape (2, 6, 6), where it would see one row",
    ),
    "channels": (nn.Conv2d(3, 2, 3), "layer '0' takes 3 channels or features; it gets (2, 6, 6)"),
    "too large": (nn.Conv2d(2, 2, 7), "layer 'conv_1' leaves nothing of its picture; use a smaller kernel or padding"),
    "flatten": (nn.Flatten(2), "0 flattens the axes 2 to -1; flatten all but the batch: start 1, end -1"),
    "statistics": (nn.BatchNorm2d(2, track_running_stats=False), "layer '0' keeps no statistics; set track_running_st"),
    "softmax": (
        nn.Sequential(nn.Softmax(1), nn.ReLU()),
        "layer '0.0' is a softmax, and _0_1 follows it; only the last",
    ),
    "norm": (nn.Sequential(norm(2), nn.Conv2d(2, 2, 3, padding=1)), "'batchnorm_1' has no convolution or dense layer"),
    "nothing": (nn.ReLU(), "sequential has no convolution and no dense layer; there is nothing to compute"),
}


@pytest.mark.parametrize(("layer", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_block_is_refused_by_name(layer, message):
    if isinstance(layer, nn.Sequential) and message.startswith("'batchnorm"):
        layer[0].eval()
        module = layer
    else:
        module = nn.Sequential(layer)
    with pytest.raises(GraphError, match=re.escape(message)):
        from_torch(module, (2, 6, 6))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Branch, "add (add) does not continue the chain of layers; a pipeline is one layer after another"),
        (Twice, "layer 'conv' is used twice; give each place a layer of its own"),
        (
            Choice,
            "torch.fx cannot trace Choice: symbolically traced variables cannot be used as inputs to control flow",
        ),
        (Both, "the module returns something else than its last layer's output; return that alone"),
        (Sigmoid, "the module calls sigmoid (sigmoid), which has no block; supported are Conv2d"),
    ],
)
def test_what_is_no_chain_is_refused(module, message):
    with pytest.raises(GraphError, match=re.escape(message)):
        from_torch(module(), (1, 6, 6))


def test_weights_that_are_no_numbers_are_refused():
    module = nn.Sequential(nn.Conv2d(1, 2, 3))
    module[0].weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(GraphError, match="layer 'conv_1' has weights that are NaN or infinite; train the model again"):
        from_torch(module, (1, 6, 6))


def test_samples_of_another_shape_are_refused():
    graph = from_torch(nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 6, 7))
    message = "samples have shape (4, 1, 6, 7); sequential takes (n, 6, 7, 1), n at least 1, channels last"
    with pytest.raises(GraphError, match=re.escape(message)):
        forward(graph, np.zeros((4, 1, 6, 7)))
