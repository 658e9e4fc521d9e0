"""From the float graph to the integer network.

    network = quantize(graph, samples, weight_bits=4, activation_bits=4)

in two steps: `calibrate` chooses the step of every number in the graph (that is all the freedom there is), `integers`
writes the same function in integers. A quantization-aware training (`qat`) stands between the two: it starts from what
`calibrate` chose, and trains weights and steps.

    activations   one step a tensor; from what samples give, with the smallest mean squared error of rounding and
                  clipping together, or so that a given percentile of the values is not clipped
    weights       one step for each output channel; smallest mean squared error
    last layer    one step, such that its accumulators count in a power of two: logits leave exactly, as fixed point
    biases        in steps of the accumulator, so that nothing but the requantization rounds
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mlfpga.accelerators.pipeline import graph as floats
from mlfpga.accelerators.pipeline import network as whole
from mlfpga.accelerators.pipeline.arithmetic import MULTIPLIER_BITS, scaling
from mlfpga.accelerators.pipeline.graph import Graph, GraphError, Number, Round

Bits = int | Mapping[str, int]
"""One width for all layers, or {layer's name: width}; layers without an entry get 4 bits."""

_DEFAULT_BITS = 4
_CLIPS = np.linspace(0.2, 1.0, 65)  # parts of the largest value that calibration tries as the end of the type
_SMALLEST_STEP = 1 / 64  # of the layer's largest: a smaller channel would need a finer multiplier than there is
_SAMPLES, _VALUES = 1024, 1 << 18  # calibration looks at so many, evenly spaced over what it is given


def quantize(
    graph: Graph,
    samples: np.ndarray | None = None,
    weight_bits: Bits = 4,
    activation_bits: Bits = 4,
    per_channel: bool = True,
    input_bits: int = 8,
    input_scale: float | None = None,
    clip: str | float = "mse",
    correct_bias: bool = True,
    multiplier_bits: Bits = MULTIPLIER_BITS,
    common_shift: bool = True,
    argmax: bool = False,
) -> whole.Network:
    """The integer network of `graph`; what the graph knows already (QKeras, a trained twin) stays as it is.

    samples          (n, *input shape), channels last, as the training data; a few hundred are plenty. None if the
                     graph knows all its numbers
    weight_bits      2 … 8, or {layer's name: bits}
    activation_bits  2 … 8 of what a layer gives; by the name of the layer with weights or of its ReLU
    per_channel      each output channel has a weight step of its own; False: one for the layer
    input_bits       1 … 8; the input's step is the smallest power of two whose type holds all samples, signed if one of
    input_scale      them is negative; or `input_scale`
    clip             "mse", or the percentile of an activation's values that must not be clipped, such as 99.9
    correct_bias     shift each channel so that rounding the weights leaves its mean on the samples unchanged
    multiplier_bits  of the requantization, at most 16; fewer cost less hardware
    common_shift     one shift for all channels of a layer, so that the hardware needs no shifter
    argmax           end with the index of the largest logit instead of the logits

    Raises GraphError for samples, bits or options that do not fit, naming layer, value and way out, and NetworkError
    for a network that the hardware cannot compute.
    """
    known = calibrate(
        graph, samples, weight_bits, activation_bits, per_channel, input_bits, input_scale, clip, correct_bias
    )
    return integers(known, multiplier_bits, common_shift, argmax)


def calibrate(
    graph: Graph,
    samples: np.ndarray | None = None,
    weight_bits: Bits = 4,
    activation_bits: Bits = 4,
    per_channel: bool = True,
    input_bits: int = 8,
    input_scale: float | None = None,
    clip: str | float = "mse",
    correct_bias: bool = True,
) -> Graph:
    """The graph with all its numbers: a `Round` at the input and behind each layer that requantizes, a step and bits
    for all weights. Arguments and errors as in `quantize`."""
    _check_settings(graph, weight_bits, activation_bits, input_bits, input_scale, clip)
    layers = list(graph.layers)
    if samples is None:
        if not is_calibrated(graph):
            raise GraphError(f"{graph.name} does not know all its numbers yet; give samples of the training data")
        return graph
    exact = floats.check_samples(graph, samples)[:: max(1, -(-len(samples) // _SAMPLES))]
    first = layers.pop(0) if isinstance(layers[0], Round) else None
    number = first.number if first else _input_number(exact, input_bits, input_scale)
    known: list[floats.Layer] = [first or Round("input", number)]
    exact, rounded = floats.apply(first, exact) if first else exact, floats.apply(known[0], exact)
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, floats.ReLU | floats.MaxPool2d):
            if isinstance(layer, floats.ReLU) and not number.signed:
                continue
            known.append(layer)
            exact, rounded = floats.apply(layer, exact), floats.apply(layer, rounded)
            continue
        before, exact = rounded, floats.apply(layer, exact)
        if isinstance(layer, floats.WEIGHTED):
            fresh = layer.weight_scale is None
            if fresh:
                bits = _bits(weight_bits, layer.name)
                step = _weight_step(layer, bits, per_channel, number.scale, final=not layers)
                layer = replace(layer, weight_bits=bits, weight_scale=step)
            rounded = floats.apply(_rounded(layer), before)
            if fresh and correct_bias:
                axes = tuple(range(exact.ndim - 1))
                change = exact.mean(axes) - rounded.mean(axes)
                layer, rounded = replace(layer, bias=layer.bias + change), rounded + change
        else:
            rounded = floats.apply(layer, before)
        known.append(layer)
        if not layers and isinstance(layer, floats.WEIGHTED):
            break
        if layers and isinstance(layers[0], Round):
            rounding = layers.pop(0)
        else:
            relu = layers.pop(0) if layers and isinstance(layers[0], floats.ReLU) else None
            bits = _bits(activation_bits, layer.name, relu.name if relu else None)
            unsigned = relu is not None or (isinstance(layer, floats.AvgPool2d) and not number.signed)
            rounding = Round(
                relu.name if relu else f"{layer.name}_round",
                _activation_number(layer, rounded, bits, not unsigned, clip, number.scale),
            )
            exact = np.maximum(exact, 0) if relu else exact
        known.append(rounding)
        number, rounded = rounding.number, floats.apply(rounding, rounded)
    return replace(graph, layers=tuple(known))


def integers(
    graph: Graph, multiplier_bits: Bits = MULTIPLIER_BITS, common_shift: bool = True, argmax: bool = False
) -> whole.Network:
    """The calibrated graph's function, in integers, checked. See `quantize` for the arguments and errors."""
    layers = list(graph.layers)
    shapes = dict(zip((layer.name for layer in layers), graph.shapes, strict=True))
    number = layers.pop(0).number
    tensor = first = _tensor(graph.input_shape, number)
    made: list[whole.Layer] = []
    while layers:
        layer = layers.pop(0)
        shape = shapes[layer.name]
        match layer:
            case floats.ReLU():
                tensor = whole.Tensor(shape, tensor.bits, tensor.signed, tensor.scale)
                made.append(whole.ReLU(layer.name, tensor))
            case floats.MaxPool2d():
                tensor = whole.Tensor(shape, tensor.bits, tensor.signed, tensor.scale)
                made.append(whole.MaxPool2d(layer.name, layer.kernel, layer.stride, layer.padding, tensor))
            case floats.AvgPool2d():
                number = layers.pop(0).number
                ratio = tensor.scale / (number.scale * layer.kernel[0] * layer.kernel[1])
                multiplier, shift = _scaling(layer.name, ratio, multiplier_bits, common_shift)
                tensor = _tensor(shape, number)
                made.append(
                    whole.AvgPool2d(layer.name, layer.kernel, layer.stride, layer.padding, multiplier, shift, tensor)
                )
            case floats.Conv2d() | floats.Dense():
                if not layers:
                    layer = _one_step(layer)
                counts = _integers(layer)
                step = tensor.scale * layer.weight_scale
                bias = np.floor(layer.bias / step + 0.5)
                if (worst := np.abs(bias).max()) >= 2**31:
                    raise GraphError(
                        f"layer {layer.name!r}: a bias is {worst:.3g} steps of its accumulator, more than 32 bits "
                        "hold; train with a smaller bias, or give the weights of the channel a larger step"
                    )
                if layers:
                    number = layers.pop(0).number
                    multiplier, shift = _scaling(layer.name, step / number.scale, multiplier_bits, common_shift)
                    tensor = _tensor(shape, number)
                else:
                    multiplier = shift = None
                    tensor = whole.Tensor(shape, whole.RAW_BITS, True, _exact_power(float(step[0])))
                settings = (layer.name, counts, bias, multiplier, shift, layer.weight_bits)
                if isinstance(layer, floats.Dense):
                    made.append(whole.Dense(*settings, tensor))
                else:
                    made.append(whole.Conv2d(*settings, layer.stride, layer.padding, tensor))
    if argmax:
        classes = tensor.size
        made.append(whole.Argmax("argmax", whole.Tensor((1,), max(1, (classes - 1).bit_length()), False)))
    network = whole.Network(graph.name, first, tuple(made))
    whole.check(network)
    return network


def _exact_power(step: float) -> float:
    """The power of two that `step` is but for the rounding of a product; another step stays as it is."""
    power = float(np.exp2(np.rint(np.log2(step))))
    return power if np.isclose(step, power, rtol=1e-12, atol=0) else step


def is_calibrated(graph: Graph) -> bool:
    """Whether the graph knows the type of its input, the step of all weights and what each layer rounds to."""
    layers = graph.layers
    if not isinstance(layers[0], Round):
        return False
    for layer, behind in zip(layers, (*layers[1:], None), strict=True):
        if isinstance(layer, floats.WEIGHTED):
            if layer.weight_scale is None or not (behind is None or isinstance(behind, Round)):
                return False
        elif isinstance(layer, floats.AvgPool2d) and not isinstance(behind, Round):
            return False
    return True


def _tensor(shape, number: Number) -> whole.Tensor:
    return whole.Tensor(shape, number.bits, number.signed, number.scale)


def _scaling(name: str, ratio, bits: Bits, common_shift: bool):
    bits = bits if isinstance(bits, int) else bits.get(name, MULTIPLIER_BITS)
    if np.max(ratio) >= (1 << bits) - 0.5:
        raise GraphError(
            f"layer {name!r}: one step of its accumulator is {np.max(ratio):.3g} steps of its output, more than a "
            f"multiplier of {bits} bits holds; use more multiplier_bits or other samples for the calibration"
        )
    return scaling(ratio, bits=bits, common_shift=common_shift)


def _integers(layer) -> np.ndarray:
    """The weights in steps, halves up, within their bits."""
    step = layer.weight_scale.reshape(-1, *[1] * (layer.weights.ndim - 1))
    largest = 1 << (layer.weight_bits - 1)
    return np.clip(np.floor(layer.weights / step + 0.5), -largest, largest - 1).astype(np.int64)


def _rounded(layer):
    step = layer.weight_scale.reshape(-1, *[1] * (layer.weights.ndim - 1))
    return replace(layer, weights=_integers(layer) * step)


def _one_step(layer):
    """The last layer with one step for all channels, so that its accumulators can be compared."""
    step = layer.weight_scale.min()
    ratio = layer.weight_scale / step
    if np.allclose(ratio, 1, rtol=1e-9):
        return replace(layer, weight_scale=np.full_like(layer.weight_scale, step))
    if not np.array_equal(np.exp2(np.rint(np.log2(ratio))), ratio):
        raise GraphError(
            f"layer {layer.name!r}: its channels have different steps, and the last layer's accumulators leave as they "
            "are; give it one step for all (QKeras: alpha=1)"
        )
    counts = _integers(layer) * ratio.astype(np.int64).reshape(-1, *[1] * (layer.weights.ndim - 1))
    bits = max(int(counts.max()).bit_length(), int(-counts.min() - 1).bit_length() if counts.min() < 0 else 0) + 1
    if bits > 8:
        raise GraphError(
            f"layer {layer.name!r}: its channels have different steps, and with one step for all its weights need "
            f"{bits} bits, more than 8; give it one step for all (QKeras: alpha=1)"
        )
    shape = [1] * (layer.weights.ndim - 1)
    weights = counts * step * np.ones((len(counts), *shape))
    return replace(
        layer,
        weights=weights,
        weight_bits=max(bits, layer.weight_bits),
        weight_scale=np.full_like(layer.weight_scale, step),
    )


def _input_number(samples: np.ndarray, bits: int, scale: float | None) -> Number:
    signed = bool(samples.min() < 0)
    if scale is None:
        high, largest = Number(bits, signed, 1.0).high, np.abs(samples).max()
        if high == 0:
            raise GraphError("a signed input of 1 bit holds 0 and -1 alone; choose input_bits of 2 to 8")
        scale = 2.0 ** np.ceil(np.log2(largest / high)) if largest else 1.0 / high
        # Half a step more than the largest value is still that value, rounded: 0.998 in steps of 1/256 is 255/256.
        if largest and largest / (scale / 2) < high + 0.5:
            scale /= 2
    return Number(bits, signed, float(scale))


def _activation_number(layer, values: np.ndarray, bits: int, signed: bool, clip, input_scale: float) -> Number:
    """The type of what `layer` gives, for the `values` it gave to the samples."""
    number = Number(bits, signed, 1.0)
    values = values.reshape(-1)[:: max(1, values.size // _VALUES)]
    values = values if signed else np.maximum(values, 0)
    largest = np.abs(values).max()
    if not largest:
        # Nothing came out for any sample: the bias and the weights say what could.
        weights = getattr(layer, "weights", np.zeros((1, 1)))
        reach = np.abs(weights).reshape(len(weights), -1).sum(1) * input_scale + np.abs(getattr(layer, "bias", 0))
        return replace(number, scale=float(reach.max()) / number.high or float(input_scale))
    if clip == "mse":
        return replace(number, scale=float(_best_step(values[None], number)[0]))
    end = np.percentile(np.abs(values), clip)
    return replace(number, scale=float(end or largest) / number.high)


def _weight_step(layer, bits: int, per_channel: bool, input_scale: float, final: bool) -> np.ndarray:
    """One step for each output channel (O,)."""
    rows = layer.weights.reshape(len(layer.weights), -1)
    number = Number(bits, True, 1.0)
    if final:
        step = np.full(len(rows), _power_of_two_step(rows.reshape(1, -1), layer.bias, number, input_scale))
        return step
    if per_channel:
        step = _best_step(rows, number)
    else:
        step = np.repeat(_best_step(rows.reshape(1, -1), number), len(rows))
    biases = np.abs(layer.bias) / input_scale
    if not step.max():
        return np.full(len(rows), biases.max() / 256 or 1.0)
    # No channel much finer than the others, and no bias beyond what an accumulator holds well.
    return np.maximum(step, np.maximum(step.max() * _SMALLEST_STEP, biases / 2**24))


def _best_step(rows: np.ndarray, number: Number) -> np.ndarray:
    """For each row the step with the smallest squared error of rounding and clipping; 0 for a row of zeros."""
    largest = np.abs(rows).max(1)
    best, error = largest / number.high, np.full(len(rows), np.inf)
    for part in _CLIPS:
        step = np.where(largest > 0, part * largest / number.high, 1.0)
        new = _error(rows, step, number)
        best, error = np.where(new < error, step, best), np.minimum(new, error)
    return np.where(largest > 0, best, 0.0)


def _power_of_two_step(row: np.ndarray, bias: np.ndarray, number: Number, input_scale: float) -> float:
    """The weights' step with which input_scale * step is a power of two, of smallest squared error."""
    largest, constant = np.abs(row).max(), np.abs(bias).max()
    if not largest:
        return 2.0 ** np.floor(np.log2(constant / 256 or 1.0)) / input_scale
    exponent = np.ceil(np.log2(largest / number.high * input_scale))
    # Not so fine that a bias leaves the accumulator.
    finest = np.ceil(np.log2(constant / 2**24)) if constant else -np.inf
    steps = [2.0 ** max(exponent - less, finest) / input_scale for less in range(4)]
    return min(steps, key=lambda step: _error(row, np.array([step]), number)[0])


def _error(rows: np.ndarray, step: np.ndarray, number: Number) -> np.ndarray:
    step = step[:, None]
    rounded = np.clip(np.floor(rows / step + 0.5), number.low, number.high) * step
    return ((rows - rounded) ** 2).mean(1)


def _bits(setting: Bits, *names: str | None) -> int:
    if not isinstance(setting, Mapping):
        return int(setting)
    return next((int(setting[name]) for name in names if name in setting), _DEFAULT_BITS)


def _check_settings(graph: Graph, weight_bits, activation_bits, input_bits, input_scale, clip) -> None:
    names = [layer.name for layer in graph.layers]
    for what, setting, low in (
        ("weight_bits", weight_bits, 2),
        ("activation_bits", activation_bits, 2),
        ("input_bits", input_bits, 1),
    ):
        entries = setting if isinstance(setting, Mapping) else {"": setting}
        for name, bits in entries.items():
            if name and name not in names:
                raise GraphError(f"{what}: {graph.name} has no layer {name!r}; its layers are {', '.join(names)}")
            if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)) or not low <= bits <= 8:
                where = f" of layer {name!r}" if name else ""
                raise GraphError(f"{what}{where} is {bits!r}; choose a whole number, {low} to 8")
    if input_scale is not None and not 0 < input_scale < np.inf:
        raise GraphError(f"input_scale is {input_scale!r}; choose a number above 0, such as 1/256 for 8-bit pixels")
    if clip != "mse" and not (isinstance(clip, (int, float)) and 50 <= clip <= 100):
        raise GraphError(f"clip is {clip!r}; choose 'mse' or a percentile from 50 to 100")
