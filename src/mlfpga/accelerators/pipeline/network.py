"""The integer network: what the front ends make, the reference runs, the export writes and the hardware computes.

    network = Network("digits", Tensor((28, 28, 1), 8, False), (Conv2d(…), MaxPool2d(…), Dense(…)))
    check(network)

`Network` and the layers are plain numbers. `check` says whether hardware of this kind can compute them: every layer has
a block, shapes follow from each other, numbers fit their bits, no accumulator can overflow.
"""

from dataclasses import dataclass

from mlfpga.accelerators.pipeline.layers import (
    LAYERS,
    RAW_BITS,
    Argmax,
    AvgPool2d,
    Conv2d,
    Dense,
    Layer,
    MaxPool2d,
    NetworkError,
    ReLU,
    Tensor,
    window_counts,
)

__all__ = [
    "LAYERS",
    "RAW_BITS",
    "Argmax",
    "AvgPool2d",
    "Conv2d",
    "Dense",
    "Layer",
    "MaxPool2d",
    "Network",
    "NetworkError",
    "ReLU",
    "Tensor",
    "check",
    "window_counts",
]


@dataclass(frozen=True)
class Network:
    """Layers one after another. `name` and the layers' names become names of files and of hardware."""

    name: str
    input: Tensor
    layers: tuple[Layer, ...]

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))

    @property
    def output(self) -> Tensor:
        """What the last layer gives; the input if there is no layer."""
        return self.layers[-1].output if self.layers else self.input

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The input of each layer."""
        return (self.input, *(layer.output for layer in self.layers[:-1])) if self.layers else ()

    def upto(self, name: str) -> "Network":
        """The network that ends with the layer `name`; its output is that layer's."""
        names = [layer.name for layer in self.layers]
        if name not in names:
            raise NetworkError(f"{self.name} has no layer {name!r}; its layers are {', '.join(names)}")
        return Network(self.name, self.input, self.layers[: names.index(name) + 1])


def check(network: Network) -> None:
    """Nothing, if hardware of this kind can compute the network; else NetworkError."""
