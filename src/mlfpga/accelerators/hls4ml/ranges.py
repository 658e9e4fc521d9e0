"""How large the numbers of a network get: measured on samples, and bounded by what its weights allow at most.

Both are given for the layers of hls4ml's graph (see graph.py), which are not quite those of Keras: hls4ml folds a
BatchNormalization into the layer before it, and makes a layer of its own of an activation inside another layer.
"""

from dataclasses import dataclass

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError

RECURRENT = ("GRU", "LSTM", "SimpleRNN")
_BATCH = 512


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of something."""

    low: float
    high: float

    @classmethod
    def of(cls, *arrays) -> "Range":
        return cls(float(min(np.min(a) for a in arrays)), float(max(np.max(a) for a in arrays)))

    @property
    def magnitude(self) -> float:
        return max(abs(self.low), abs(self.high))

    def times(self, factor: float) -> "Range":
        return Range(self.low * factor, self.high * factor)

    def __or__(self, other: "Range") -> "Range":
        return Range(min(self.low, other.low), max(self.high, other.high))

    def __str__(self) -> str:
        return f"{self.low:.4g} … {self.high:.4g}"


def check_samples(model, x) -> np.ndarray:
    """The samples as float32 (n, *input shape). Raises AcceleratorError for another shape, none at all, or NaN."""
    x = np.asarray(x, dtype=np.float32)
    expected = tuple(model.input_shape[1:])
    if x.ndim != len(expected) + 1 or x.shape[1:] != expected or not len(x):
        raise AcceleratorError(
            f"calibration samples have shape {x.shape}; {model.name} takes (n, {', '.join(map(str, expected))}), n at "
            "least 1"
        )
    if not np.isfinite(x).all():
        raise AcceleratorError(
            f"{int((~np.isfinite(x)).sum())} of {x.size} calibration values are NaN or infinite; clean the data first"
        )
    return x


def measure(model, graph, x) -> dict[tuple[str, str], Range]:
    """Ranges on samples `x` (n, *input shape), by (layer of hls4ml's graph, what).

    `what` is "result"; for recurrent layers also "sum" (what goes into the gates) and "state" (LSTM: the cell's state).
    """
    found: dict[tuple[str, str], Range] = {}
    for key, values in activations(model, graph, x):
        found[key] = found[key] | Range.of(values) if key in found else Range.of(values)
    return found


def activations(model, graph, x):
    """Yield ((layer, what), values) for batches of `x`; see `measure`."""
    from tensorflow import keras

    from mlfpga.models import copy_model

    x = check_samples(model, x)
    # A layer that stands in two models, as after taking pruning off, has an output in each; in a copy it has one.
    model = copy_model(model)
    tensors = _tensors(model, graph)
    recurrent = {layer.name: layer for layer in model.layers if type(layer).__name__ in RECURRENT}
    for name, layer in recurrent.items():
        tensors[name, "input"] = layer.input
    probe = keras.Model(model.inputs, tensors)
    for start in range(0, len(x), _BATCH):
        for key, values in probe(x[start : start + _BATCH], training=False).items():
            name, what = key
            if what == "input":
                for inner, numbers in _inside(recurrent[name], np.asarray(values)).items():
                    yield (name, inner), numbers
            else:
                yield key, np.asarray(values)


def _tensors(model, graph) -> dict[tuple[str, str], object]:
    """For each layer of the graph the Keras tensor that it computes."""
    nodes = {node.name: node for node in graph.get_layers()}
    inside: dict[str, list[str]] = {}
    for node in nodes.values():
        before = node.get_input_node()
        if before is not None and node.name.startswith(f"{before.name}_"):
            inside.setdefault(before.name, []).append(node.name)
    tensors: dict[tuple[str, str], object] = {}
    keras_names = {layer.name for layer in model.layers}
    carried_by: dict[str, str] = {}  # Keras layer -> layer of the graph that gives its result
    inputs = [name for name in nodes if nodes[name].class_name == "Input"]
    for name, tensor in zip(inputs, model.inputs, strict=True):
        tensors[name, "result"] = tensor
    for layer in model.layers:
        if layer.name in nodes:
            own = layer.name
            activation = next((name for name in inside.get(own, ()) if name not in keras_names), None)
            if activation is not None:
                tensors[own, "result"] = _before_activation(layer)
            tensors[activation or own, "result"] = layer.output
            carried_by[layer.name] = activation or own
        elif not isinstance(layer.input, list) and layer.input is not None:
            before = carried_by.get(_producer(layer))
            if before is not None:  # fused into the layer before it, or left out
                carried_by[layer.name] = before
                tensors[before, "result"] = layer.output
    return tensors


def _producer(layer) -> str:
    node = layer.inbound_nodes[0]
    before = node.inbound_layers
    return before.name if not isinstance(before, list) else ""


def _before_activation(layer):
    """The sums of a layer, without the activation inside it."""
    from mlfpga.models import quiet_serialization

    with quiet_serialization():
        linear = type(layer).from_config(layer.get_config() | {"activation": None, "name": f"{layer.name}_sums"})
    sums = linear(layer.input)
    linear.set_weights(layer.get_weights())
    return sums


def _inside(layer, x: np.ndarray) -> dict[str, np.ndarray]:
    """What a recurrent layer computes on its way through `x` (n, steps, features), as hls4ml's C++ does.

    "sum": all that goes into the gates' functions, and its two halves (from the input, from the state), which have one
    type in the C++; "state": the cell's state of an LSTM, the output of the others.
    """
    kind, weights = type(layer).__name__, [np.asarray(w, np.float64) for w in layer.get_weights()]
    kernel, recurrent, *bias = weights
    units = recurrent.shape[0]
    # A GRU has two rows of biases, one for each matrix.
    from_bias, state_bias = bias[0] if kind == "GRU" else (bias[0], np.zeros(kernel.shape[1]))
    function = {"tanh": np.tanh, "sigmoid": _sigmoid, "relu": lambda v: np.maximum(v, 0), "linear": lambda v: v}
    act = function[layer.activation.__name__]
    gate = function[layer.recurrent_activation.__name__] if kind != "SimpleRNN" else None
    h = np.zeros((len(x), units))
    cell = np.zeros_like(h)
    sums, states = [], []
    for step in range(x.shape[1]):
        a, b = x[:, step] @ kernel + from_bias, h @ recurrent + state_bias
        if kind == "GRU":
            z, r = gate((a + b)[:, :units]), gate((a + b)[:, units : 2 * units])
            candidate = a[:, 2 * units :] + r * b[:, 2 * units :]
            sums += [a, b, (a + b)[:, : 2 * units], candidate]
            h = z * h + (1 - z) * act(candidate)
            states.append(h)
        elif kind == "LSTM":
            i, f, c, o = np.split(a + b, 4, axis=1)
            sums += [a, b, a + b]
            cell = gate(f) * cell + gate(i) * act(c)
            h = gate(o) * act(cell)
            states.append(cell)
        else:
            sums += [a, b, a + b]
            h = act(a + b)
            states.append(h)
    return {"sum": np.concatenate(sums, axis=1), "state": np.concatenate(states, axis=1)}


def _sigmoid(v: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * v))


def bound_of_sum(weights: np.ndarray, bias: np.ndarray, x: Range) -> Range:
    """What sum(weights * x) + bias can reach for any x in its range. weights (inputs, outputs), bias (outputs,).

    Zero is part of the range: at the edge of a picture, part of a sum is missing.
    """
    low, high = min(x.low, 0.0), max(x.high, 0.0)
    positive, negative = np.maximum(weights, 0).sum(axis=0), np.minimum(weights, 0).sum(axis=0)
    return Range(
        float(np.min(positive * low + negative * high + bias)), float(np.max(positive * high + negative * low + bias))
    )
