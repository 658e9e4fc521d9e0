"""Batch normalization disappears into its neighbour: in a trained network it is a scale and a shift per channel.

With gamma, beta, mean and variance of the normalization (Ioffe and Szegedy, Batch Normalization, 2015) and

    scale = gamma / sqrt(variance + epsilon)      shift = beta - mean · scale

a layer before it, y = W·x + b, becomes (scale·W)·x + (scale·b + shift); a layer after it, W·(scale·x + shift) + b,
becomes (W·scale)·x + (W·shift + b). Nothing is left to compute, and the weights are what is quantized later.
"""

import numpy as np
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import check_built, copy_model, quiet_serialization

_FOLDABLE = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
_NAMES = ", ".join(layer.__name__ for layer in _FOLDABLE)


def fold_batchnorm(model: keras.Model) -> keras.Model:
    """An uncompiled copy of `model` without batch normalization that computes the same, up to float rounding.

    Each normalization goes into the Dense, Conv1D, Conv2D or DepthwiseConv2D right before it, if that layer has no
    activation of its own, else into the one right after it. Layers keep their names and the model its kind (functional
    or Sequential); a layer that takes in a shift gets a bias. A model without normalization is just copied.

    Raises CompressError, with the layer's name and the reason, for a normalization that would change the result if
    folded: with padding around the next layer's input (the zeros there are never shifted), with no neighbour that has
    weights, with a value in between that something else uses too, or inside a nested model or a wrapper.
    """
    check_built(model, CompressError)
    _check_nested(model)
    # The weights are in double precision until all is folded.
    weights = {layer.name: [w.astype(np.float64) for w in layer.get_weights()] for layer in model.layers}
    graph = _Graph(model)
    while graph.normalizations:
        reasons = {}
        for name in graph.normalizations:
            try:
                graph.fold(name, weights)
                break
            except CompressError as error:
                # It may fold later: of two in a row, the second goes first.
                reasons[name] = error
        else:
            raise next(iter(reasons.values()))
    if not graph.folded:
        return copy_model(model)
    folded = graph.build()
    for layer in folded.layers:
        layer.set_weights(weights[layer.name])
    return folded


class _Graph:
    """A model as its configuration: which layer reads which."""

    def __init__(self, model: keras.Model):
        self._kind = type(model)
        with quiet_serialization():
            self._config = model.get_config()
        self._layers = {layer.name: layer for layer in model.layers}
        self._sequential = isinstance(model, keras.Sequential)
        self.folded: set[str] = set()

    @property
    def normalizations(self) -> list[str]:
        return [
            name
            for name, layer in self._layers.items()
            if isinstance(layer, keras.layers.BatchNormalization) and name not in self.folded
        ]

    def fold(self, name: str, weights: dict[str, list[np.ndarray]]) -> None:
        """Into `weights` of the layer before or after; raises CompressError if neither takes it."""
        scale, shift = _scale_and_shift(self._layers[name], weights[name])
        before, why_not_before = self._before(name)
        after, why_not_after = self._after(name, shift)
        if before:
            weights[before] = _scaled_output(self._layers[before], weights[before], scale, shift)
        elif after:
            weights[after] = _scaled_input(self._layers[after], weights[after], scale, shift)
        else:
            raise CompressError(
                f"batch normalization {name} cannot be folded: {why_not_before}; {why_not_after}. Put it right after a "
                f"{_NAMES} without activation"
            )
        self._entry(before or after)["config"]["use_bias"] = True
        self._remove(name)

    def build(self) -> keras.Model:
        return self._kind.from_config(self._config)

    def _before(self, name: str) -> tuple[str | None, str]:
        """The layer before that takes the normalization in, or why there is none."""
        sources = self._reads(name)
        if len(sources) != 1:
            return None, "it is used more than once"
        source = sources[0]
        layer = self._layers.get(source)
        if layer is None or isinstance(layer, keras.layers.InputLayer):
            return None, "before it is the model's input"
        if type(layer) not in _FOLDABLE:
            return None, f"before it is {source} ({type(layer).__name__})"
        if layer.activation is not keras.activations.linear:
            return None, f"layer {source} before it has activation {layer.activation.__name__}"
        if self._uses(source) != 1 or len(self._reads(source)) != 1:
            return None, f"layer {source} before it is used more than once"
        return source, ""

    def _after(self, name: str, shift: np.ndarray) -> tuple[str | None, str]:
        """The layer after that takes the normalization in, or why there is none."""
        readers = self._read_by(name)
        if self._uses(name) != 1 or len(self._reads(name)) != 1:
            return None, "what it gives is used more than once"
        if not readers:
            return None, "after it the model ends"
        reader = readers[0]
        layer = self._layers[reader]
        if type(layer) not in _FOLDABLE:
            return None, f"after it is {reader} ({type(layer).__name__})"
        if len(self._reads(reader)) != 1:
            return None, f"layer {reader} after it is used more than once"
        if getattr(layer, "padding", "valid") != "valid" and np.any(shift):
            return None, f"layer {reader} after it pads its input with zeros (padding={layer.padding!r})"
        if getattr(layer, "groups", 1) != 1:
            return None, f"layer {reader} after it has {layer.groups} groups"
        return reader, ""

    def _entry(self, name: str) -> dict:
        return next(entry for entry in self._config["layers"] if entry["config"]["name"] == name)

    def _order(self) -> list[str]:
        """Of a Sequential model."""
        return [entry["config"]["name"] for entry in self._config["layers"]]

    def _reads(self, name: str) -> list[str]:
        """The layers that `name` reads, one for each time it is used."""
        if self._sequential:
            index = self._order().index(name)
            return [self._order()[index - 1]] if index else ["input"]
        return [source for reader, source in self._edges() if reader == name]

    def _read_by(self, name: str) -> list[str]:
        if self._sequential:
            order = self._order()
            return order[order.index(name) + 1 :][:1]
        return [reader for reader, source in self._edges() if source == name]

    def _uses(self, name: str) -> int:
        """How often what `name` gives is used, by layers or as an output of the model."""
        if self._sequential:
            return 1
        outputs = [reference[0] for reference in _references(self._config["output_layers"])]
        return len(self._read_by(name)) + outputs.count(name)

    def _edges(self) -> list[tuple[str, str]]:
        """(reader, source) for every value that one layer of a functional model takes from another."""
        return [
            (entry["name"], reference[0])
            for entry in self._config["layers"]
            for reference in _references(entry["inbound_nodes"])
        ]

    def _remove(self, name: str) -> None:
        """Whoever reads `name` now reads what it reads."""
        if not self._sequential:
            (source,) = _references(self._entry(name)["inbound_nodes"])
            places = [entry["inbound_nodes"] for entry in self._config["layers"]] + [self._config["output_layers"]]
            for place in places:
                for reference in _references(place):
                    if reference[0] == name:
                        reference[:3] = source[:3]
        self._config["layers"] = [entry for entry in self._config["layers"] if entry["config"]["name"] != name]
        self.folded.add(name)


def _references(nested) -> list[list]:
    """All [layer, node, tensor, …] in Keras's nested description of where values come from."""
    if isinstance(nested, dict):
        return [found for part in nested.values() for found in _references(part)]
    if not isinstance(nested, list | tuple):
        return []
    if len(nested) >= 3 and isinstance(nested[0], str) and all(isinstance(part, int) for part in nested[1:3]):
        return [nested, *(found for part in nested[3:] for found in _references(part))]
    return [found for part in nested for found in _references(part)]


def _scale_and_shift(layer: keras.layers.BatchNormalization, weights: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    rank = len(layer.input_shape)
    if axis % rank != rank - 1:
        raise CompressError(
            f"batch normalization {layer.name} works along axis {axis}; only the last axis, the channels, can be folded"
        )
    *trained, mean, variance = weights
    gamma = trained.pop(0) if layer.scale else 1.0
    beta = trained.pop(0) if layer.center else 0.0
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


def _scaled_output(layer, weights: list[np.ndarray], scale: np.ndarray, shift: np.ndarray) -> list[np.ndarray]:
    kernel, bias = weights[0], weights[1] if len(weights) > 1 else 0.0
    # A depthwise kernel (height, width, channels, multiplier) gives channels · multiplier channels, in this order.
    along = scale.reshape(kernel.shape[2:]) if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
    return [kernel * along, bias * scale + shift]


def _scaled_input(layer, weights: list[np.ndarray], scale: np.ndarray, shift: np.ndarray) -> list[np.ndarray]:
    kernel = weights[0]
    added = kernel * shift[:, None]
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        added = added.sum(axis=(0, 1)).ravel()
    else:
        added = added.reshape(-1, kernel.shape[-1]).sum(axis=0)
    return [kernel * scale[:, None], added + (weights[1] if len(weights) > 1 else 0.0)]


def _check_nested(model: keras.Model) -> None:
    for layer in model.layers:
        inside = [
            part.name
            for part in layer._flatten_layers(include_self=False)
            if isinstance(part, keras.layers.BatchNormalization)
        ]
        if inside:
            raise CompressError(
                f"batch normalization {inside[0]} is inside {layer.name} ({type(layer).__name__}) and cannot be "
                "folded; build the model from its layers directly"
            )
