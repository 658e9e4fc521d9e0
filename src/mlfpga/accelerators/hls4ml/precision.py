"""A format for every number of a network, and the reason for it.

Three rules decide:

* Weights: those of a QKeras layer keep their quantizer's format; weights that are whole multiples of a power of two get
  the smallest format that holds them all exactly; other weights are rounded to WEIGHT_BITS.
* Sums cannot overflow: their integer bits come from the weights themselves and the range of the input's format, their
  fraction bits hold every product exactly. In recurrent layers, whose sums go into tables, STATE_FRACTION bits will do.
* What leaves a layer is rounded and stops at the ends of its range instead of wrapping around. Its integer bits hold
  MARGIN times the largest value measured on the calibration samples; without samples, the largest value possible.
"""

import re
from dataclasses import dataclass, field
from math import ceil, floor, log2, prod

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.hls4ml.ranges import RECURRENT, Range, bound_of_sum, measure
from mlfpga.formats import FixedPoint, FormatError

MARGIN = 1.25
"""What is measured on samples may be exceeded by others: room is left for this many times the largest value."""
WEIGHT_BITS = 16
ACTIVATION_BITS = 16
SUM_BITS = 24
"""Sums leave a layer as they are up to this width (an activation rounds them next); wider ones are rounded first."""
STATE_BITS = 18
STATE_FRACTION = 14
TABLE_BITS = 18
TABLE_SIZE = 2048
SOFTMAX_TABLE_SIZE = 4096
PROBABILITY = "ufixed<16,1,RND,SAT>"

_WITH_SUMS = ("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D")
_PASSING = ("Reshape", "Pooling1D", "Pooling2D", "GlobalPooling1D", "GlobalPooling2D", "ZeroPadding1D", "ZeroPadding2D",
            "Clone", "Repack", "Transpose", "Resize")  # fmt: skip
_MERGING = ("Merge", "Concatenate")
_WITHIN_ONE = {"tanh": Range(-1, 1), "sigmoid": Range(0, 1), "hard_sigmoid": Range(0, 1), "softsign": Range(-1, 1)}
_TABLE = FixedPoint(TABLE_BITS, 1, True, "RND", "SAT")
_TABLES = ("sigmoid", "tanh", "softplus", "softsign", "selu", "elu")


@dataclass(frozen=True)
class Choice:
    """One format, and why.

    layer, what  e.g. "dense_1", "weight" ("weight", "bias", "accum", "result", "table", …, as hls4ml names them)
    number       the format, as text
    why          in words
    range        smallest and largest value that it is made for; None if it is not made for one
    """

    layer: str
    what: str
    number: str
    why: str
    range: Range | None = None


@dataclass
class Plan:
    """All choices of a network, and settings that are not formats ({layer: {"TableSize": 2048}})."""

    choices: list[Choice] = field(default_factory=list)
    settings: dict[str, dict] = field(default_factory=dict)


def plan(model, config: dict, graph, input_number: str, calibration, output_number: str | None) -> Plan:
    """Choose every format of a model, of which hls4ml's own configuration and graph are given. See `configure`.

    Where hls4ml's configuration says anything but `auto` for a weight or a result, a QKeras quantizer stands behind it.
    """
    measured = measure(model, graph, calibration) if calibration is not None else {}
    made = _Planner(measured, config, graph, output_number)
    for node in graph.get_layers():
        made.add(node, input_number)
    return made.plan


def fitting(found: Range, width: int, signed: bool) -> FixedPoint:
    """The format of `width` bits with the fewest integer bits that hold `found`, rounded and saturated."""
    return FixedPoint(width, integer_bits(found, signed), signed, "RND", "SAT")


def integer_bits(found: Range, signed: bool) -> int:
    """Bits before the binary point, sign included, that hold `found`: -2^(i-1) … below 2^(i-1), or below 2^i."""
    up = floor(log2(found.high)) + 1 if found.high > 0 else -64
    down = ceil(log2(-found.low)) if signed and found.low < 0 else -64
    needed = max(up, down)
    return (needed if needed > -64 else 0) + int(signed)


class _Planner:
    """Walks the graph from input to output; remembers what format each layer hands on, and what its values can be."""

    def __init__(self, measured: dict, config: dict, graph, output_number: str | None):
        self.plan = Plan()
        self.config = config["LayerName"]
        self.measured = measured
        self.last = graph.outputs[0]
        self.output_number = output_number
        self.formats: dict[str, FixedPoint] = {}
        self.bounds: dict[str, Range] = {}
        self.readers: dict[str, list] = {}
        for node in graph.get_layers():
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)

    def add(self, node, input_number: str) -> None:
        kind = node.class_name
        if kind == "Input":
            number = FixedPoint.parse(input_number)
            found = self.measured.get((node.name, "result"))
            self._choose(node, "result", number, "the format of the data, as stated", found)
            self._hand_on(node, number)
        elif kind in _WITH_SUMS:
            self._sums(node)
        elif kind == "BatchNormalization" or kind == "ApplyAlpha":
            self._scaling(node)
        elif kind == "Embedding":
            self._embedding(node)
        elif kind in RECURRENT:
            self._recurrent(node)
        elif kind == "Softmax":
            self._softmax(node)
        elif kind in _MERGING:
            self._merging(node)
        elif kind in _PASSING:
            self._passing(node)
        else:
            self._activation(node)

    # One method for each kind of layer.

    def _sums(self, node) -> None:
        weight = self._weights(node, "weight")
        bias = self._weights(node, "bias")
        x = self._input(node)
        kernel = _as_held(node.get_weights("weight").data, weight)
        bound = bound_of_sum(kernel.reshape(-1, kernel.shape[-1]), _as_held(node.get_weights("bias").data, bias), x)
        fraction = max(weight.fraction + self._input_format(node).fraction, bias.fraction)
        integer = max(integer_bits(bound, True), 1 - fraction)
        exact = FixedPoint(min(integer + fraction, 64), integer)
        self._choose(node, "accum", exact, "no input can make a larger sum, and every product is exact", bound)
        found = self.measured.get((node.name, "result"))
        if self._is_last(node):
            self._last(node, found, bound)
        elif self._feeds_softmax(node):
            self._logits(node, found or bound)
        elif exact.width <= SUM_BITS:
            self._choose(node, "result", exact, "the sum as it is; the next layer rounds it", found or bound)
            self._hand_on(node, exact, bound)
        else:
            self._result(node, found, bound, STATE_BITS)

    def _scaling(self, node) -> None:
        for what in ("scale", "bias"):
            if what in node.weights:
                self._weights(node, what)
        scale, bias = (np.ravel(node.get_weights(what).data) for what in ("scale", "bias"))
        x = self._input(node)
        ends = np.concatenate([scale * x.low + bias, scale * x.high + bias])
        found = self.measured.get((node.name, "result"))
        if self._is_last(node):
            self._last(node, found, Range.of(ends))
        else:
            self._result(node, found, Range.of(ends), STATE_BITS)

    def _embedding(self, node) -> None:
        table = self._weights(node, "embeddings")
        held = Range.of(_as_held(node.get_weights("embeddings").data, table))
        self._choose(node, "result", table, "the table's entries as they are", held)
        self._hand_on(node, table, held)

    def _recurrent(self, node) -> None:
        numbers = {what: self._weights(node, what) for what in _matrices(node)}
        data = {what: _as_held(node.get_weights(what).data, number) for what, number in numbers.items()}
        function = node.get_attr("activation")
        state = self.measured.get((node.name, "state"))
        if function not in _WITHIN_ONE and state is None:
            raise AcceleratorError(
                f"layer {node.name}: with {function} its state has no bound; give calibration samples to measure it"
            )
        h = _WITHIN_ONE.get(function) or state.times(MARGIN)
        from_input = bound_of_sum(data["weight"], data["bias"], self._input(node))
        from_state = bound_of_sum(data["recurrent_weight"], data.get("recurrent_bias", np.zeros(1)), h)
        sums = Range(from_input.low + from_state.low, from_input.high + from_state.high) | from_input | from_state
        number = self._state(node, state, h)
        integer = integer_bits(sums, True)
        why = f"no sum can be larger; {STATE_FRACTION} fraction bits are more than the tables resolve"
        self._choose(node, "accum", FixedPoint(integer + STATE_FRACTION, integer), why, sums)
        self._choose(node, "table", _TABLE, "values of sigmoid and tanh, -1 … 1", Range(-1, 1))
        self.plan.settings[node.name] = {"TableSize": TABLE_SIZE}
        self._hand_on(node, number, h)

    def _state(self, node, state: Range | None, h: Range) -> FixedPoint:
        """The format of a recurrent layer's results, which is also that of what it remembers (LSTM: of its cell)."""
        if self._is_last(node) and self.output_number is not None:
            number, why, found = FixedPoint.parse(self.output_number), "stated; it is the state's, too", state or h
        elif node.class_name == "LSTM":
            steps = float(node.get_input_variable().shape[0])
            found = state or Range(-steps * h.magnitude, steps * h.magnitude)
            why = (
                f"also its cell, measured, with a margin of {MARGIN:g}" if state else "also its cell: 1 more each step"
            )
            number = fitting(found.times(MARGIN) if state else found, STATE_BITS, signed=True)
        elif h.magnitude == 1:
            # The tables end just below 1, so no integer bit is needed for it.
            number, why, found = FixedPoint(STATE_BITS, 1, True, "RND", "SAT"), "also the state: below 1", state or h
        else:
            number, found = fitting(h, STATE_BITS, signed=True), state
            why = f"also the state, measured, with a margin of {MARGIN:g}"
        self._choose(node, "result", number, why, found)
        return number

    def _softmax(self, node) -> None:
        classes = int(node.get_output_variable().shape[-1])
        grow = classes.bit_length()  # integer bits of the sum
        size = f"for sums of {classes} exponentials, each at most 1"
        ratio = FixedPoint(18, 1, False, "RND", "SAT")
        self._choose(node, "exp_table", ratio, "exp(x - largest x) is at most 1", Range(0, 1))
        self._choose(node, "accum", FixedPoint(17 + grow, grow, False, "RND", "SAT"), size, Range(0, classes))
        self._choose(node, "inv_inp", FixedPoint(17 + grow, grow, False, "RND", "SAT"), size, Range(1, classes))
        self._choose(node, "inv_table", ratio, "1 / sum, at most 1", Range(0, 1))
        self.plan.settings[node.name] = {"TableSize": SOFTMAX_TABLE_SIZE, "Implementation": "stable"}
        number = FixedPoint.parse(self.output_number if self._is_last(node) and self.output_number else PROBABILITY)
        self._choose(node, "result", number, "probabilities, 0 … 1", Range(0, 1))
        self._hand_on(node, number, Range(0, 1))

    def _merging(self, node) -> None:
        """Two values for each result, or two groups of them side by side."""
        a, b = (self.bounds[name] for name in node.inputs)
        one, other = (self.formats[name] for name in node.inputs)
        operation = str(node.get_attr("op")).lower() if node.class_name == "Merge" else "concatenate"
        fraction, bound, why = max(one.fraction, other.fraction), a | b, "holds both inputs exactly"
        if operation == "add":
            bound, why = Range(a.low + b.low, a.high + b.high), "no sum of two can be larger, and every one is exact"
        elif operation == "subtract":
            bound, why = Range(a.low - b.high, a.high - b.low), "no difference can be larger, and every one is exact"
        elif operation == "multiply":
            fraction = one.fraction + other.fraction
            bound = Range.of([x * y for x in (a.low, a.high) for y in (b.low, b.high)])
            why = "no product of two can be larger, and every one is exact"
        elif operation == "average":
            fraction, why = fraction + 1, "the mean of two, exactly"
        signed = bound.low < 0
        integer = max(integer_bits(bound, signed), 1 - fraction)
        exact, found = FixedPoint(integer + fraction, integer, signed), self.measured.get((node.name, "result"))
        if self._is_last(node):
            self._last(node, found, bound)
        elif self._feeds_softmax(node):
            self._logits(node, found or bound)
        elif exact.width <= SUM_BITS:
            self._choose(node, "result", exact, why, found or bound)
            self._hand_on(node, exact, bound)
        else:
            self._result(node, found, bound, STATE_BITS)

    def _passing(self, node) -> None:
        x, before = self._input(node), self._input_format(node)
        if str(node.get_attr("pool_op", "")).lower() == "average":
            more = ceil(log2(prod(node.get_input_variable().shape[:-1]) / prod(node.get_output_variable().shape[:-1])))
            number = FixedPoint(before.width + more, before.integer, before.signed, "RND", "SAT")
            self._choose(node, "result", number, f"the mean keeps {more} bits more than its terms", x)
            self._hand_on(node, number, x)
        else:
            # hls4ml gives these their input's format, and so does nothing to the numbers.
            self._hand_on(node, before, x)

    def _activation(self, node) -> None:
        quantized = self._quantizer(node, "result")
        function = node.get_attr("activation") or ""
        found = self.measured.get((node.name, "result"))
        x = self._input(node)
        bound = _WITHIN_ONE.get(function) or (Range(max(x.low, 0), max(x.high, 0)) if function == "relu" else None)
        if function in _TABLES:
            if function in _WITHIN_ONE:
                self._choose(node, "table", _TABLE, f"values of {function}", bound)
            self.plan.settings[node.name] = {"TableSize": TABLE_SIZE}
        if self._is_last(node) and (self.output_number is not None or quantized is None):
            self._last(node, found, bound)
        elif quantized is not None:
            self._choose(node, "result", quantized, "its quantizer's format", found)
            self._hand_on(node, quantized)
        elif found is None and bound is None:
            self._hand_on(node, FixedPoint.parse(node.get_output_variable().type.precision.definition_cpp()))
        else:
            self._result(node, found if function not in _WITHIN_ONE else None, bound, ACTIVATION_BITS)

    # What they share.

    def _weights(self, node, what: str) -> FixedPoint:
        """Choose the format of a layer's weights (`what` of them) and return it."""
        data = np.asarray(node.get_weights(what).data, dtype=np.float64)
        found = Range.of(data) if data.size else Range(0, 0)
        number = self._quantizer(node, what)
        if number is not None:
            self._choose(node, what, number, "its quantizer's format", found)
            return number
        try:
            number = FixedPoint.exact(data, max_width=WEIGHT_BITS)
            if not number.signed:
                # A sign costs nothing in a constant, and keeps products signed where C++ would need a cast.
                number = FixedPoint(number.width + 1, number.integer + 1)
            why = "the smallest that holds every value exactly"
        except FormatError:
            number = fitting(found, WEIGHT_BITS, signed=True)
            why = f"largest value, rounded to {WEIGHT_BITS} bits"
        self._choose(node, what, number, why, found)
        return number

    def _result(self, node, found: Range | None, bound: Range | None, width: int) -> None:
        why = f"measured, with a margin of {MARGIN:g}" if found else "the largest value possible"
        held = found.times(MARGIN) if found else bound
        # A value just below the next power of two must not be rounded up to it.
        inside = Range(held.low, held.high * (1 - 2.0**-width) if held.high > 0 else held.high)
        number = fitting(inside, width, signed=held.low < 0 or (bound is not None and bound.low < 0))
        self._choose(node, "result", number, why, found or bound)
        self._hand_on(node, number, None)

    def _last(self, node, found: Range | None, bound: Range | None) -> None:
        if self.output_number is not None:
            number = FixedPoint.parse(self.output_number)
            self._choose(node, "result", number, "stated", found or bound)
            self._hand_on(node, number)
        else:
            self._result(node, found, bound, ACTIVATION_BITS)

    def _quantizer(self, node, what: str) -> FixedPoint | None:
        """The format that a QKeras quantizer brings along, if there is one."""
        text = self.config.get(node.name, {}).get("Precision", {}).get(what, "auto")
        # Of a format without a fraction hls4ml 1.3.0 makes an integer, "uint<1>", and forgets how QKeras rounds.
        text = re.sub(r"^(u?)int<(\d+)>$", r"\1fixed<\2,\2,RND_CONV,SAT>", text)
        return None if text == "auto" else FixedPoint.parse(text)

    def _logits(self, node, found: Range) -> None:
        """Results for hls4ml's softmax, which looks up exp(x - largest x).

        It takes that difference modulo the range of x: one too large would come out small, and all probabilities wrong.
        """
        spread = (found.high - found.low) * MARGIN
        number = fitting(Range(-spread, spread), STATE_BITS, signed=True)
        self._choose(node, "result", number, f"softmax: holds the largest difference of two, {spread:.3g}", found)
        self._hand_on(node, number)

    def _feeds_softmax(self, node) -> bool:
        return any(reader.class_name == "Softmax" for reader in self.readers.get(node.outputs[0], ()))

    def _is_last(self, node) -> bool:
        return node.outputs[0] == self.last

    def _choose(self, node, what: str, number: FixedPoint, why: str, found: Range | None = None) -> None:
        self.plan.choices.append(Choice(node.name, what, str(number), why, found))

    def _hand_on(self, node, number: FixedPoint, bound: Range | None = None) -> None:
        own = Range(number.minimum, number.maximum)
        held = Range(max(own.low, bound.low), min(own.high, bound.high)) if bound is not None else own
        for name in node.outputs:  # a Clone has several, all the same
            self.formats[name], self.bounds[name] = number, held

    def _input(self, node) -> Range:
        return self.bounds[node.inputs[0]]

    def _input_format(self, node) -> FixedPoint:
        return self.formats[node.inputs[0]]


def _matrices(node) -> list[str]:
    """The weights of a recurrent layer, as hls4ml names them."""
    return [what for what in ("weight", "recurrent_weight", "bias", "recurrent_bias") if what in node.weights]


def _as_held(data, number: FixedPoint) -> np.ndarray:
    """Weights as the hardware has them."""
    return number.from_raw(number.to_raw(np.asarray(data, dtype=np.float64), saturate=True))
