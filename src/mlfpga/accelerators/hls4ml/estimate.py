"""Time and area of an accelerator before Vitis has run: estimates from the arithmetic, replaced by Vitis's report.

rule4ml 0.2.0, a learned estimator for hls4ml, was weighed and left out: it knows no embeddings, no recurrent layers
and no device near the xczu3eg. It also brings PyTorch, torch-geometric and Optuna along (850 MB beside
TensorFlow), under the GPL.

So here is a count of what the C++ asks for. Per layer: multipliers (a DSP48E2 multiplies 27 by 18 bits; narrow products
go to logic), adders, the multiplexers that feed shared multipliers, memories of weights, line buffers, FIFOs, tables.
Sources: AMD UG579 (DSP48E2), UG573 (block RAM), UG574 (LUTs as logic, memory and shift registers); hls4ml's nnet_utils.
How far off this is was measured on three published designs; see `tests/accelerators/hls4ml/test_estimate.py`. For one
of them, a pruned MLP, the published time is nearly four times the estimate, and the reason is not known.
"""

from collections.abc import Mapping
from math import ceil, log2, prod
from typing import Any

import numpy as np

from mlfpga.accelerators.contract import Accelerator, AcceleratorError
from mlfpga.accelerators.hls4ml.configuration import configure
from mlfpga.accelerators.hls4ml.graph import unwritten_graph
from mlfpga.accelerators.hls4ml.vitis import read_report
from mlfpga.formats import FixedPoint

ESTIMATE, VITIS = "estimate", "Vitis HLS"
DEVICE = {"lut": 70_560, "ff": 141_120, "dsp": 360, "bram18": 432}
"""What the xczu3eg holds (AMD DS891); block RAM in halves of 18 Kbit."""

# A product of fewer bits is cheaper in LUTs than in a DSP block; Vitis HLS decides likewise.
_LEAST_DSP_PRODUCT = 11
# A constant of so few digits (canonical signed digits) is multiplied by adders.
_MOST_ADDED_DIGITS = 2
_RAM_BITS = 18 * 1024
_GATES = {"GRU": (2, 1, 3), "LSTM": (3, 2, 3), "SimpleRNN": (0, 1, 0)}  # sigmoids, tanhs, products per unit
_MATRIX_LAYERS = ("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D")
# Cycles of a step of a recurrent layer beyond its reuse factor.
_STEP_OVERHEAD = {"latency": 1, "resource": 6}


def estimate(source, config: dict[str, Any] | None = None) -> dict[str, float | str]:
    """Figures of an `Accelerator`, or of a model and its configuration: from Vitis HLS if it has run, else estimated.

    lut, ff, dsp, bram18             of the network and its wrapper; bram18 counts halves of a block RAM
    latency_cycles, interval_cycles  from a sample's first word to its result's; from sample to sample
    origin                           "estimate" or "Vitis HLS"

    Takes a second, no compiler. Raises AcceleratorError for a model without a configuration.
    """
    if isinstance(source, Accelerator):
        report = read_report(source.folder)
        if report is not None:
            return {
                "lut": report["LUT"],
                "ff": report["FF"],
                "dsp": report["DSP"],
                "bram18": report["BRAM_18K"],
                "latency_cycles": report["latency_cycles"],
                "interval_cycles": report["interval_cycles"],
                "origin": VITIS,
            }
        if "estimate" not in source.settings:
            raise AcceleratorError(f"{source.folder} was made without an estimate; make the accelerator again (lab 03)")
        return dict(source.settings["estimate"])
    if config is None:
        raise AcceleratorError("an estimate of a model needs its configuration; call estimate(model, config)")
    with unwritten_graph(source, config) as graph:
        return estimate_graph(graph)


def estimate_model(model, input_number: str, **settings) -> dict[str, float | str]:
    """`estimate` of a model as `configure(model, input_number, **settings)` would build it; for sweeps."""
    return estimate(model, configure(model, input_number, **settings))


def fits(figures: Mapping[str, Any], device: Mapping[str, int] = DEVICE) -> list[str]:
    """What a design exceeds, in words; empty if it fits. Figures as `estimate` gives them."""
    return [
        f"{name.upper()}: {figures[name]:,.0f} of {have:,} ({figures[name] / have:.0%}), "
        f"{figures[name] - have:,.0f} too many"
        for name, have in device.items()
        if figures[name] > have
    ]


def estimate_graph(graph, stream_bits: int = 32) -> dict[str, float | str]:
    """`estimate` of an hls4ml graph."""
    area = {"lut": 0.0, "ff": 0.0, "dsp": 0.0, "bram18": 0.0}
    intervals, latency = [1.0], 0.0
    for node in graph.get_layers():
        part, interval, delay = _layer(node)
        for name, value in part.items():
            area[name] += value
        for name, value in _fifo(node).items():
            area[name] += value
        intervals.append(interval)
        latency += delay
    (x,), (y,) = graph.get_input_variables(), graph.get_output_variables()
    for variable in (x, y):
        words = _words(variable, stream_bits)
        intervals.append(words)
        latency += words if len(variable.shape) == 1 else 0
        # The wrapper's shift register between words and groups, and its control.
        bits = variable.shape[-1] * _width(variable)
        area["ff"] += bits + 200
        area["lut"] += bits / 2 + 200
    streamed = max(intervals)
    # A picture streams through all layers at once: the slowest sets the time, the others only add their delays.
    total = latency + (streamed if len(x.shape) > 1 else max(intervals[:-2]))
    figures = {name: float(ceil(value)) for name, value in area.items()}
    return figures | {
        "latency_cycles": float(ceil(total)),
        "interval_cycles": float(ceil(streamed)),
        "origin": ESTIMATE,
    }


def _layer(node) -> tuple[dict[str, float], float, float]:
    """(area, interval in cycles per sample, delay in cycles that it adds to the latency) of one layer."""
    kind = node.class_name
    if kind in _MATRIX_LAYERS:
        return _matrix_layer(node)
    if kind in _GATES:
        return _recurrent(node)
    values, width = int(node.get_output_variable().shape[-1]), _width(node.get_output_variable())
    rounds = prod(node.get_output_variable().shape[:-1])
    if kind == "Embedding":
        weights = node.get_weights("embeddings")
        steps = int(node.get_output_variable().shape[0])
        return _rom(weights.data.size // values, values * weights.type.precision.width), steps, steps
    if kind == "Softmax":
        table = int(node.get_attr("table_size"))
        products = ceil(values / int(node.get_attr("reuse_factor") or 1))
        area = _tables(values, table, 18) | {"lut": values * 60.0, "ff": values * 60.0, "dsp": float(products)}
        area["bram18"] += ceil(table * 18 / _RAM_BITS)
        return area, 1, 20
    if kind == "BatchNormalization":
        return {"dsp": float(values), "lut": values * width * 2.0, "ff": values * width * 2.0}, rounds, 4
    if kind in ("Pooling1D", "Pooling2D"):
        pixels = prod(node.get_input_variable().shape[:-1])
        width_in = int(node.get_input_variable().shape[-2])
        rows = int(node.get_attr("pool_height") or 1) - 1
        area = {"lut": values * width * (1.5 + rows * ceil(width_in / 32)), "ff": values * width * 4.0}
        return area, pixels, 4 + rows * width_in
    if kind in ("ZeroPadding1D", "ZeroPadding2D", "Input", "Reshape", "Clone", "Repack"):
        return {"lut": 30.0, "ff": 30.0}, rounds, 1
    function = node.get_attr("activation") or ""
    area = {"lut": values * width * 1.5, "ff": values * width * 1.0}
    if function in ("sigmoid", "tanh", "softplus", "softsign", "elu", "selu"):
        area |= {"bram18": _tables(values, int(node.get_attr("table_size")), 18)["bram18"]}
    return area, rounds, 2


def _matrix_layer(node) -> tuple[dict[str, float], float, float]:
    weights = node.get_weights("weight")
    outputs = int(node.get_output_variable().shape[-1])
    inputs = weights.data.size // outputs
    x = _input_width(node)
    accum = node.types["accum_t"].precision.width
    reuse = int(node.get_attr("reuse_factor") or 1)
    area = _multiply_add(weights.data, inputs, outputs, x, weights.type.precision, accum, reuse, _strategy(node))
    result = _width(node.get_output_variable())
    if str(node.get_output_variable().type.precision.saturation_mode).upper().endswith("SAT"):
        area["lut"] += outputs * result * 1.5  # rounding and stopping at the ends
    area["ff"] += inputs * x + outputs * result
    delay = reuse + ceil(log2(inputs + 1)) + 4
    if node.class_name in ("Dense",):
        return area, reuse, delay
    pixels = prod(node.get_input_variable().shape[:-1])
    columns, channels = (int(size) for size in node.get_input_variable().shape[-2:])
    rows = int(node.get_attr("filt_height") or 1) - 1
    area["lut"] += rows * channels * x * ceil(columns / 32)  # shift registers of the lines
    return area, pixels * reuse, delay + rows * columns * reuse


def _recurrent(node) -> tuple[dict[str, float], float, float]:
    units = int(node.get_attr("n_out"))
    sigmoids, tanhs, products = _GATES[node.class_name]
    steps = int(node.get_input_variable().shape[0])
    accum, state = node.types["accum_t"].precision.width, _width(node.get_output_variable())
    area = {"lut": 0.0, "ff": 0.0, "dsp": 0.0, "bram18": 0.0}
    factors = (int(node.get_attr("reuse_factor") or 1), int(node.get_attr("recurrent_reuse_factor") or 1))
    for what, width, reuse in zip(("weight", "recurrent_weight"), (_input_width(node), state), factors, strict=True):
        weights = node.get_weights(what)
        outputs = units * (sigmoids + 1 if node.class_name != "SimpleRNN" else 1)
        part = _multiply_add(
            weights.data, weights.data.size // outputs, outputs, width, weights.type.precision, accum, reuse,
            _strategy(node),
        )  # fmt: skip
        for name, value in part.items():
            area[name] += value
    for count in (sigmoids, tanhs):
        for name, value in _tables(
            units * count, int(node.get_attr("table_size")), node.types["table_t"].precision.width
        ).items():
            area[name] += value
    area["dsp"] += units * products * _dsps(accum, state)
    area["lut"] += units * (sigmoids + tanhs + products) * accum
    area["ff"] += units * (sigmoids + tanhs + products) * accum
    cycles = steps * (max(factors) + _STEP_OVERHEAD[_strategy(node)])
    return area, cycles, 4


def _multiply_add(data, inputs, outputs, x: int, weight, accum: int, reuse: int, strategy: str) -> dict[str, float]:
    """A matrix of weights times a vector of x-bit numbers, each multiplier used `reuse` times."""
    area = {"lut": 0.0, "ff": 0.0, "dsp": 0.0, "bram18": 0.0}
    nonzero = int(np.count_nonzero(data))
    if strategy == "latency" and reuse == 1:
        digits = _digits(data, weight)
        added = digits[(digits > 0) & (digits <= _MOST_ADDED_DIGITS)]
        area["lut"] += float((added - 1).sum()) * x
        multiplied = digits[digits > _MOST_ADDED_DIGITS]
        wide = x + weight.width >= _LEAST_DSP_PRODUCT + 5
        area["dsp" if wide else "lut"] += (
            float(multiplied.size) * _dsps(x, weight.width) if wide else float((multiplied - 1).sum()) * x
        )
        products = nonzero
    else:
        products = ceil(inputs * outputs / reuse)
        if strategy == "latency":
            products -= (inputs * outputs - nonzero) // reuse
        if x + weight.width >= _LEAST_DSP_PRODUCT:
            area["dsp"] += products * _dsps(x, weight.width)
        else:
            area["lut"] += products * x * weight.width
        # Each multiplier chooses among its inputs: a LUT is a 4-to-1 multiplexer of one bit.
        area["lut"] += products * x * (reuse - 1) / 3
        for name, value in _rom(reuse, products * weight.width).items():
            area[name] += value
    # Every term is added once a sample in hardware of its own, or once a cycle in shared hardware.
    area["lut"] += (nonzero if strategy == "latency" else products + outputs) * accum
    area["ff"] += products * (x + weight.width) + outputs * accum * 2
    return area


def _digits(data, weight) -> np.ndarray:
    """For each weight the digits that are not zero in its canonical signed form: additions it takes, and one more."""
    number = FixedPoint.parse(weight.definition_cpp())
    raw = np.abs(number.to_raw(np.ravel(np.asarray(data, dtype=np.float64)), saturate=True)).astype(np.int64)
    # 3n XOR n marks the digits of the canonical signed form of n (Reitwieser 1960).
    marks = (3 * raw) ^ raw
    return np.array([bin(value).count("1") for value in marks.tolist()])


def _dsps(a: int, b: int) -> int:
    wide, narrow = max(a, b), min(a, b)
    return 1 if wide <= 27 and narrow <= 18 else ceil(wide / 26) * ceil(narrow / 17)


def _rom(depth: int, width: float) -> dict[str, float]:
    """A memory that gives `width` bits a cycle: in LUTs (64 bits each) if it is shallow, else in block RAM."""
    if depth <= 64:
        return {"lut": float(width)}
    return {"bram18": float(ceil(width / 36) * ceil(depth / 512))}


def _tables(lookups: int, size: int, width: int) -> dict[str, float]:
    """Tables for so many look-ups a cycle: a block RAM has two ports."""
    return {"bram18": float(ceil(lookups / 2) * ceil(size * width / _RAM_BITS)), "lut": lookups * 20.0}


def _fifo(node) -> dict[str, float]:
    variable = node.get_output_variable()
    depth = int(variable.pragma[1]) if isinstance(variable.pragma, tuple) else 1
    width = int(variable.shape[-1]) * _width(variable)
    if depth <= 2:
        return {"lut": width * 0.5 + 20, "ff": width * 2.0 + 20}
    if depth * width <= 1024 or depth <= 32:
        return {"lut": width * ceil(depth / 32) + 30.0, "ff": width + 20.0}
    return {"bram18": float(ceil(width / 36) * ceil(depth / 512)), "lut": 60.0, "ff": width + 40.0}


def _words(variable, stream_bits: int) -> int:
    lane = next(bits for bits in (8, 16, 32, 64) if bits >= _width(variable))
    return prod(variable.shape[:-1]) * ceil(variable.shape[-1] / max(1, stream_bits // lane))


def _width(variable) -> int:
    return int(variable.type.precision.width)


def _input_width(node) -> int:
    return int(node.get_input_variable().type.precision.width)


def _strategy(node) -> str:
    return "resource" if "resource" in str(node.get_attr("strategy", "latency")).lower() else "latency"
