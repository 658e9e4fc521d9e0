"""The reference network of the course and how it is trained: from a dataset of pictures to the integer network.

    network = trained(load("mnist")).network

Two strided convolutions and a dense layer. For 28 × 28 pixels that is 103,000 multiplications a picture, about 130 for
each pixel that comes in; strides do the work of pooling, and save the results that pooling would throw away.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.qat import Bits, Twin, prepare
from mlfpga.accelerators.pipeline.quantize import quantize
from mlfpga.accelerators.pipeline.reference import integer_accuracy
from mlfpga.accelerators.pipeline.training import accuracy, train

if TYPE_CHECKING:
    from mlfpga.datasets import Dataset


def cnn(input_shape, classes: int, channels=(8, 16), kernels=None, strides=None) -> nn.Sequential:
    """A CNN for pictures (H, W, C): for each of `channels` Conv2d, BatchNorm2d, ReLU; then Flatten and Linear.

    channels  that each convolution gives
    kernels   their sizes, odd; else 5 and 3, or 3 and 3 for pictures below 16 × 16 pixels
    strides   of each; else 2 and 2, or 1 and 2 for small pictures. A stride of 2 leaves a quarter of the pixels
    """
    height, width, before = input_shape
    small = min(height, width) < 16
    kernels = kernels or ((3, 3) if small else (5, 3))
    strides = strides or ((1, 2) if small else (2, 2))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for at, (count, kernel, stride) in enumerate(zip(channels, kernels, strides, strict=True), start=1):
        layers[f"conv_{at}"] = nn.Conv2d(before, count, kernel, stride, kernel // 2, bias=False)
        layers[f"batchnorm_{at}"] = nn.BatchNorm2d(count)
        layers[f"relu_{at}"] = nn.ReLU()
        before, height, width = count, -(-height // stride), -(-width // stride)
    layers["flatten"] = nn.Flatten()
    layers["logits"] = nn.Linear(before * height * width, classes)
    return nn.Sequential(layers)


@dataclass(frozen=True)
class Recipe:
    """Epochs and learning rates of the float training and of the quantization-aware training behind it."""

    float_epochs: int
    twin_epochs: int
    float_rate: float = 1e-2
    twin_rate: float = 2e-3
    batch_size: int = 128
    augment: int = 1


RECIPES = {"mnist": Recipe(5, 14), "digits": Recipe(15, 10, batch_size=32, augment=0)}
_OTHERS = Recipe(10, 10)


def recipe_of(data: "Dataset") -> Recipe:
    """The course's recipe for a dataset."""
    return RECIPES.get(data.name, _OTHERS)


@dataclass(frozen=True)
class Trained:
    """What `trained` made: the float module, its twin and the integer network; accuracies on the validation split."""

    module: nn.Module
    twin: Twin
    network: Network
    float_accuracy: float
    accuracy: float


def trained(
    data: "Dataset",
    weight_bits: Bits = 4,
    activation_bits: Bits = 4,
    recipe: Recipe | None = None,
    module: nn.Module | None = None,
    seed: int = 0,
    progress=print,
) -> Trained:
    """Float training, then quantization-aware training, of `module` (else `cnn`) on `data`; repeatable by `seed`."""
    recipe = recipe or recipe_of(data)
    torch.manual_seed(seed)
    module = module or cnn(data.sample_shape, len(data.classes))
    settings = dict(batch_size=recipe.batch_size, augment=recipe.augment, progress=progress)
    train(module, data, recipe.float_epochs, recipe.float_rate, seed=seed, **settings)
    twin = prepare(module, data.x_train[:1024], weight_bits, activation_bits)
    train(twin, data, recipe.twin_epochs, recipe.twin_rate, seed=seed + 1, **settings)
    network = quantize(twin.graph())
    in_float = accuracy(module, data.x_validation, data.y_validation)
    return Trained(module, twin, network, in_float, integer_accuracy(network, data.x_validation, data.y_validation))
