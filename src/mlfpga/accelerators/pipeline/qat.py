"""Quantization-aware training: a twin of the network that computes with rounded numbers, and learns with them.

    twin = prepare(module, data.x_train[:1024], weight_bits=4, activation_bits=4)
    train(twin, data, epochs=8, learning_rate=2e-3)
    network = quantize(twin.graph())

In the forward pass the twin rounds and clips every weight, bias and activation as the hardware will. In the backward
pass the gradient ignores the rounding (the straight-through estimator, Bengio et al., 2013), so that training finds
weights that work after rounding. The steps are learned with the weights (Esser et al., "Learned step size
quantization", 2020), as their logarithms: they stay positive, and a learning rate changes all of them alike.

Batch normalisation is folded before: the twin trains what the hardware has, a weight and a bias. The twin and the
integer network differ only where float32 and the 16-bit multiplier of the requantization put a value on the other side
of a half.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mlfpga.accelerators.pipeline import graph as floats
from mlfpga.accelerators.pipeline.graph import Graph, Number, Round
from mlfpga.accelerators.pipeline.quantize import Bits, calibrate
from mlfpga.accelerators.pipeline.torch_frontend import from_torch


def prepare(
    module: nn.Module | Graph,
    samples: np.ndarray,
    weight_bits: Bits = 4,
    activation_bits: Bits = 4,
    per_channel: bool = True,
    input_bits: int = 8,
    input_scale: float | None = None,
    clip: str | float = "mse",
) -> "Twin":
    """The twin of a trained PyTorch `module` (or of a float graph, from Keras for instance), calibrated on `samples`.

    samples  (n, H, W, C) or (n, N), channels last as in `mlfpga.datasets`; a few hundred of the training data
    The others, and the errors raised, are those of `quantize`.
    """
    samples = np.asarray(samples)
    if not isinstance(module, Graph):
        shape = samples.shape[1:]
        module = from_torch(module, (shape[2], *shape[:2]) if len(shape) == 3 else shape)
    known = calibrate(
        module, samples, weight_bits, activation_bits, per_channel, input_bits, input_scale, clip, correct_bias=False
    )
    return Twin(known, per_channel)


class Twin(nn.Module):
    """A calibrated graph that trains. Takes what the module takes: float32 (n, C, H, W) or (n, N); gives the logits.

    `graph()` is the calibrated graph with the weights and steps learned so far; `quantize` makes its integer network.
    """

    def __init__(self, graph: Graph, per_channel: bool = True):
        super().__init__()
        self._graph = graph
        self.input = _Rounding(graph.layers[0].number, learn=False)
        stages: list[nn.Module] = []
        self._stages: dict[str, nn.Module] = {}
        scale = self.input
        for at, layer in enumerate(graph.layers[1:], start=1):
            if isinstance(layer, floats.WEIGHTED):
                final = at == len(graph.layers) - 1
                stage = _Weighted(layer, scale, per_channel, final)
            elif isinstance(layer, Round):
                stage = scale = _Rounding(layer.number, learn=True)
            elif isinstance(layer, floats.ReLU):
                stage = nn.ReLU()
            else:
                stage = _Pooling(layer)
            self._stages[layer.name] = stage
            # Rounding keeps the order of values: the maximum first is the same function, with less to round.
            behind = stages and isinstance(stages[-1], _Rounding) and isinstance(layer, floats.MaxPool2d)
            stages.insert(len(stages) - 1 if behind else len(stages), stage)
        self.stages = nn.ModuleList(stages)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            x = self.input(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def graph(self) -> Graph:
        """The calibrated float graph as trained so far."""
        layers = [self._graph.layers[0]]
        for layer in self._graph.layers[1:]:
            stage = self._stages[layer.name]
            layers.append(stage.update(layer) if hasattr(stage, "update") else layer)
        return replace(self._graph, layers=tuple(layers))


def fake_round(x: torch.Tensor, scale: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """`x` rounded to multiples of `scale` from low to high, halves up. The gradient reaches x where it is not clipped,
    and scale: what rounding leaves over, or the end of the range where it is clipped."""
    steps = torch.clamp(x / scale, low, high)
    return (steps + (torch.floor(steps + 0.5) - steps).detach()) * scale


class _Rounding(nn.Module):
    """An activation's number type; its step is learned, but for the input's."""

    def __init__(self, number: Number, learn: bool):
        super().__init__()
        self.number = number
        self.log_scale = nn.Parameter(torch.tensor(np.log2(number.scale), dtype=torch.float32), requires_grad=learn)

    @property
    def scale(self) -> torch.Tensor:
        return torch.exp2(self.log_scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return fake_round(x, self.scale, self.number.low, self.number.high)

    def update(self, layer: Round) -> Round:
        return replace(layer, number=replace(self.number, scale=_float(self.scale)))


class _Weighted(nn.Module):
    """A convolution or dense layer with rounded weights and biases."""

    def __init__(self, layer, before: _Rounding, per_channel: bool, final: bool):
        super().__init__()
        self.layer, self.final = layer, final
        # Outside the modules: the step of what comes in belongs to the rounding before.
        self._before = [before]
        convolution = isinstance(layer, floats.Conv2d)
        weights = layer.weights.transpose(0, 3, 1, 2) if convolution else layer.weights
        self.weight = nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        self.bias = nn.Parameter(torch.tensor(layer.bias, dtype=torch.float32))
        self._column = (-1, *[1] * (weights.ndim - 1))
        steps = layer.weight_scale if per_channel and not final else layer.weight_scale[:1]
        if final:
            # The accumulator's step, a power of two, stays; the weights' step follows the input's.
            steps = steps * 2.0 ** _float(before.log_scale)
        self.log_scale = nn.Parameter(torch.tensor(np.log2(steps), dtype=torch.float32), requires_grad=not final)

    def _scale(self) -> torch.Tensor:
        scale = torch.exp2(self.log_scale)
        return scale / self._before[0].scale.detach() if self.final else scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self._scale()
        largest = 1 << (self.layer.weight_bits - 1)
        weight = fake_round(self.weight, scale.reshape(self._column), -largest, largest - 1)
        bias = fake_round(self.bias, (scale * self._before[0].scale).detach(), -(2**31), 2**31 - 1)
        if isinstance(self.layer, floats.Dense):
            # Weights are in the order of the hardware, channels last.
            x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
            return functional.linear(x.flatten(1), weight, bias)
        top, bottom, left, right = self.layer.padding
        if (top, left) != (bottom, right):
            x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
        return functional.conv2d(x, weight, bias, self.layer.stride, (top, left))

    def update(self, layer):
        weights = self.weight.detach().numpy().astype(np.float64)
        weights = weights.transpose(0, 2, 3, 1) if isinstance(layer, floats.Conv2d) else weights
        scale = self._scale().detach().numpy().astype(np.float64)
        if self.final:
            # float32 has lost the exact power of two.
            power = np.exp2(np.rint(self.log_scale.detach().numpy().astype(np.float64)))
            scale = power / _float(self._before[0].scale)
        bias = self.bias.detach().numpy().astype(np.float64)
        return replace(layer, weights=weights, bias=bias, weight_scale=np.broadcast_to(scale, (len(weights),)).copy())


class _Pooling(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        largest = isinstance(layer, floats.MaxPool2d)
        if any(layer.padding):
            top, bottom, left, right = layer.padding
            x = functional.pad(x, (left, right, top, bottom), value=-torch.inf if largest else 0.0)
        return (functional.max_pool2d if largest else functional.avg_pool2d)(x, layer.kernel, layer.stride)


def _float(value: torch.Tensor) -> float:
    return float(value.detach())
