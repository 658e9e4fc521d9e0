"""From a PyTorch module to the float graph.

`torch.fx` traces the module: what its `forward` does to one tensor, call by call. Each call becomes a layer, or is
refused by name. PyTorch keeps pictures as (C, H, W); the graph has channels last, so the weights are permuted here,
once, and the hardware never permutes anything.
"""

import operator
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mlfpga.accelerators.pipeline.graph import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Graph,
    GraphError,
    Layer,
    MaxPool2d,
    ReLU,
    identifier,
    simplified,
)

if TYPE_CHECKING:
    import torch

SUPPORTED = (
    "Conv2d, Linear, ReLU, MaxPool2d, AvgPool2d, BatchNorm2d (BatchNorm1d behind Linear), Flatten, Dropout, Identity, "
    "and a Softmax at the end"
)
_SHAPE_OF_BATCH = object()  # what x.size(0) and x.shape[0] give while tracing


def from_torch(module: "torch.nn.Module", input_shape, name: str | None = None) -> Graph:
    """The float graph of `module`, which takes samples of `input_shape`: (C, H, W), or (N,).

    Layers keep their names ("features.0" becomes `features_0`); a name that is only a number, as in an
    `nn.Sequential`, becomes `conv_1`, `dense_1`, …, counted through. The graph takes (H, W, C). Raises GraphError for
    what has no block: the layer's name, what it is, what is supported.
    """
    import torch

    if hasattr(input_shape, "shape"):
        input_shape = input_shape.shape[1:]
    shape = tuple(int(n) for n in input_shape)
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise GraphError(f"input shape {shape} is no picture (C, H, W) and no row (N,)")
    try:
        traced = torch.fx.symbolic_trace(module)
    except Exception as error:
        raise GraphError(
            f"torch.fx cannot trace {type(module).__name__}: {error}; its forward must be the same calls for every "
            "input, without if and for over values"
        ) from error
    reader = _Reader(shape)
    for node in traced.graph.nodes:
        reader.read(node, traced)
    input_shape = (*shape[1:], shape[0]) if len(shape) == 3 else shape
    name = identifier(name or type(module).__name__.lower())
    return simplified(Graph(name, input_shape, tuple(reader.layers), tuple(reader.notes)))


class _Reader:
    """Follows one tensor through the traced calls."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape  # as PyTorch has it: (C, H, W) or (N,)
        self.picture: tuple[int, ...] | None = None  # (C, H, W) of what was flattened into (N,)
        self.layers: list[Layer] = []
        self.notes: list[str] = []
        self._value: Any = None  # the fx node that holds the tensor
        self._sizes: dict[Any, Any] = {}  # nodes that hold the batch's size, or the whole shape
        self._counts: Counter[str] = Counter()
        self._ended: str | None = None
        self._used: set[str] = set()

    def read(self, node, traced) -> None:
        if node.op == "placeholder":
            if self._value is not None:
                raise GraphError(f"the module takes a second input {node.name!r}; a pipeline has one")
            self._value = node
            return
        if node.op == "output":
            if node.args[0] is not self._value:
                raise GraphError("the module returns something else than its last layer's output; return that alone")
            return
        if self._is_size(node):
            return
        if node.op == "get_attr" or not node.args or node.args[0] is not self._value or len(self._inputs(node)) > 1:
            raise GraphError(
                f"{node.name} ({self._target(node, traced)}) does not continue the chain of layers; a pipeline is one "
                "layer after another, without branches, sums and constants"
            )
        if self._ended:
            raise GraphError(f"layer {self._ended} is a softmax, and {node.name} follows it; only the last may be one")
        if node.op == "call_module":
            if node.target in self._used:
                raise GraphError(f"layer {node.target!r} is used twice; give each place a layer of its own")
            self._used.add(node.target)
            self._module(node.target, traced.get_submodule(node.target))
        else:
            self._call(node)
        self._value = node

    def _inputs(self, node) -> list:
        return [other for other in node.all_input_nodes if other not in self._sizes]

    def _target(self, node, traced) -> str:
        if node.op == "call_module":
            return type(traced.get_submodule(node.target)).__name__
        return getattr(node.target, "__name__", str(node.target))

    def _is_size(self, node) -> bool:
        """x.size(0), x.size(), x.shape, x.shape[0]: remembered, for view and reshape."""
        if node.op == "call_method" and node.target == "size" and node.args[0] is self._value:
            dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
            self._sizes[node] = "shape" if dim is None else self._size(dim)
            return True
        if node.op == "call_function" and node.target is getattr and node.args == (self._value, "shape"):
            self._sizes[node] = "shape"
            return True
        if node.op == "call_function" and node.target is operator.getitem and self._sizes.get(node.args[0]) == "shape":
            self._sizes[node] = self._size(node.args[1])
            return True
        return False

    def _size(self, dim: int):
        sizes = (_SHAPE_OF_BATCH, *self.shape)
        return sizes[dim]

    def _call(self, node) -> None:
        import torch
        from torch.nn import functional

        name, target, arguments = node.name, node.target, (*node.args[1:], *node.kwargs.values())
        if target in (torch.relu, functional.relu, "relu"):
            self._add(ReLU(self._named("relu", name)))
        elif target in (torch.flatten, "flatten"):
            start = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
            end = node.args[2] if len(node.args) > 2 else node.kwargs.get("end_dim", -1)
            self._flatten(name, start, end)
        elif target in ("view", "reshape", torch.reshape):
            self._reshape(name, arguments[0] if isinstance(arguments[0], tuple | list) else arguments)
        elif target in (functional.dropout, functional.dropout2d, "contiguous"):
            pass
        elif target in (functional.max_pool2d, torch.max_pool2d, functional.avg_pool2d):
            kinds = {functional.avg_pool2d: torch.nn.AvgPool2d}
            self._module(name, kinds.get(target, torch.nn.MaxPool2d)(*node.args[1:], **node.kwargs))
        elif target in (functional.softmax, functional.log_softmax, torch.softmax, torch.log_softmax, "softmax"):
            self._softmax(name)
        else:
            kind = getattr(target, "__name__", str(target))
            raise GraphError(f"the module calls {kind} ({name}), which has no block; supported are {SUPPORTED}")

    def _module(self, name: str, module) -> None:
        from torch import nn

        match module:
            case nn.Conv2d() if type(module) is nn.Conv2d:
                self._convolution(name, module)
            case nn.Linear() if type(module) is nn.Linear:
                self._linear(name, module)
            case nn.ReLU():
                self._add(ReLU(self._named("relu", name)))
            case nn.BatchNorm2d() | nn.BatchNorm1d():
                self._norm(name, module)
            case nn.MaxPool2d():
                self._refuse(name, module, dilation=1, return_indices=False, ceil_mode=False)
                self._pool(MaxPool2d, name, module.kernel_size, module.stride, module.padding)
            case nn.AvgPool2d():
                self._refuse(name, module, ceil_mode=False, divisor_override=None)
                if any(_pair(module.padding)):
                    self._refuse(name, module, count_include_pad=True)
                self._pool(AvgPool2d, name, module.kernel_size, module.stride, module.padding)
            case nn.AdaptiveAvgPool2d():
                self._adaptive(name, module)
            case nn.Flatten():
                self._flatten(name, module.start_dim, module.end_dim)
            case nn.Dropout() | nn.Dropout2d() | nn.Identity():
                pass
            case nn.Softmax() | nn.LogSoftmax():
                self._softmax(name)
            case _:
                raise GraphError(
                    f"layer {name!r} is a {type(module).__name__}, which has no block; supported are {SUPPORTED}"
                )

    def _convolution(self, name: str, module) -> None:
        self._refuse(name, module, groups=1, dilation=1, padding_mode="zeros")
        self._picture(name, "Conv2d")
        kernel = module.kernel_size
        if module.padding == "same":
            before = tuple((size - 1) // 2 for size in kernel)
            padding = (before[0], kernel[0] - 1 - before[0], before[1], kernel[1] - 1 - before[1])
        elif module.padding == "valid":
            padding = (0, 0, 0, 0)
        else:
            padding = _sides(module.padding)
        self._channels(name, module.in_channels)
        weights = _array(module.weight).transpose(0, 2, 3, 1)
        self._add(Conv2d(self._named("conv", name), weights, self._bias(module), _pair(module.stride), padding))

    def _linear(self, name: str, module) -> None:
        if len(self.shape) != 1:
            raise GraphError(
                f"layer {name!r} is a Linear on a picture of shape {self.shape}, where it would see one row at a time; "
                "put a Flatten before it"
            )
        self._channels(name, module.in_features)
        weights = _array(module.weight)
        if self.picture:
            weights = weights.reshape(-1, *self.picture).transpose(0, 2, 3, 1).reshape(len(weights), -1)
            self.picture = None
        self._add(Dense(self._named("dense", name), weights, self._bias(module)))

    def _norm(self, name: str, module) -> None:
        if module.running_mean is None:
            raise GraphError(f"layer {name!r} keeps no statistics; set track_running_stats=True and train again")
        if self.picture:
            raise GraphError(f"layer {name!r} normalises a flattened picture; put it before the Flatten")
        self._channels(name, module.num_features)
        factor = 1 / np.sqrt(_array(module.running_var) + module.eps)
        if module.affine:
            factor = factor * _array(module.weight)
        offset = -_array(module.running_mean) * factor
        if module.affine:
            offset = offset + _array(module.bias)
        self._add(BatchNorm(self._named("batchnorm", name), factor, offset))

    def _pool(self, kind, name: str, kernel, stride, padding) -> None:
        self._picture(name, kind.__name__)
        kernel = _pair(kernel)
        # PyTorch's functional form means "as the kernel" with None.
        stride = kernel if stride is None or stride == [] else _pair(stride)
        self._add(kind(self._named("pool", name), kernel, stride, _sides(padding)))

    def _adaptive(self, name: str, module) -> None:
        self._picture(name, "AdaptiveAvgPool2d")
        height, width = (size or now for size, now in zip(_pair(module.output_size), self.shape[1:], strict=True))
        if self.shape[1] % height or self.shape[2] % width:
            raise GraphError(
                f"layer {name!r} is an AdaptiveAvgPool2d from {self.shape[1]} × {self.shape[2]} to {height} × {width}, "
                "whose windows differ in size; choose an output that divides the picture, or use AvgPool2d"
            )
        kernel = (self.shape[1] // height, self.shape[2] // width)
        self._pool(AvgPool2d, name, kernel, kernel, 0)

    def _flatten(self, name: str, start: int, end: int) -> None:
        if start not in (1, -len(self.shape)) or end not in (-1, len(self.shape)):
            raise GraphError(f"{name} flattens the axes {start} to {end}; flatten all but the batch: start 1, end -1")
        if len(self.shape) == 3:
            self.picture, self.shape = self.shape, (int(np.prod(self.shape)),)

    def _reshape(self, name: str, sizes) -> None:
        sizes = [self._sizes.get(size, size) if hasattr(size, "op") else size for size in sizes]
        whole = int(np.prod(self.shape))
        flat = len(sizes) == 2 and (sizes in ([-1, whole], [_SHAPE_OF_BATCH, whole], [_SHAPE_OF_BATCH, -1]))
        if not flat:
            raise GraphError(f"{name} changes the shape to something else than (n, {whole}); use torch.flatten(x, 1)")
        self._flatten(name, 1, -1)

    def _softmax(self, name: str) -> None:
        self._ended = repr(name)
        self.notes.append(f"softmax {name!r} is left out: it changes no decision, and the logits leave instead")

    def _add(self, layer: Layer) -> None:
        if len(self.shape) == 3:
            channels, height, width = self.shape
            out = layer.output_shape((height, width, channels))
            self.shape = (out[2], *out[:2])
        else:
            self.shape = layer.output_shape(self.shape)
        if min(self.shape) < 1:
            raise GraphError(f"layer {layer.name!r} leaves nothing of its picture; use a smaller kernel or padding")
        self.layers.append(layer)

    def _named(self, kind: str, name: str) -> str:
        self._counts[kind] += 1
        return f"{kind}_{self._counts[kind]}" if name.isdigit() else identifier(name)

    def _bias(self, module) -> np.ndarray:
        return np.zeros(len(module.weight)) if module.bias is None else _array(module.bias)

    def _picture(self, name: str, kind: str) -> None:
        if len(self.shape) != 3:
            raise GraphError(f"layer {name!r} is a {kind} and needs pictures (C, H, W); it gets {self.shape}")

    def _channels(self, name: str, expected: int) -> None:
        if self.shape[0] != expected:
            raise GraphError(f"layer {name!r} takes {expected} channels or features; it gets {self.shape}")

    def _refuse(self, name: str, module, **allowed) -> None:
        for setting, value in allowed.items():
            given = getattr(module, setting)
            if given != value and given != (value, value):
                raise GraphError(
                    f"layer {name!r} is a {type(module).__name__} with {setting}={given!r}, which has no block; "
                    f"supported is {setting}={value!r}"
                )


def _array(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _pair(value) -> tuple[int, int]:
    first, second = value if isinstance(value, tuple | list) else (value, value)
    return int(first), int(second)


def _sides(padding) -> tuple[int, int, int, int]:
    down, across = _pair(padding)
    return down, down, across, across
