"""Why each number of a configuration has its format, and whether real numbers fit it."""

from math import ceil, log2
from typing import Any

import numpy as np

from mlfpga.accelerators.hls4ml.checks import check_model
from mlfpga.accelerators.hls4ml.graph import CHOICES_KEY, OUTPUT_KEY, precision, unwritten_graph
from mlfpga.accelerators.hls4ml.output import with_output
from mlfpga.accelerators.hls4ml.ranges import Range, measure
from mlfpga.formats import FixedPoint

_WORDS = {
    "result": "results",
    "weight": "weights",
    "recurrent_weight": "weights of the state",
    "bias": "biases",
    "recurrent_bias": "biases of the state",
    "embeddings": "entries",
    "scale": "scales",
    "accum": "sums",
}


def explain(config: dict[str, Any]) -> list[dict[str, str]]:
    """One row for each choice that `configure` made: layer, what, range, format, why; for `pandas.DataFrame`.

    A format that was changed since says so, and what had been chosen. An empty list if `configure` did not make it.
    """
    rows = []
    for choice in config.get(CHOICES_KEY, []):
        low, high = choice["range"] or (None, None)
        now, why = _now(config["LayerName"].get(choice["layer"], {}), choice), choice["why"]
        if now != choice["format"]:
            why = f"changed by hand; chosen was {choice['format']}"
        rows.append(
            {
                "layer": choice["layer"],
                "what": choice["what"],
                "range": "" if low is None else str(Range(low, high)),
                "format": now,
                "why": why,
            }
        )
    return rows


def check_ranges(model, config: dict[str, Any], x) -> list[str]:
    """A warning for each kind of number of each layer that does not fit its format; empty if all do.

    Weights and biases are known; results, and the sums of recurrent layers, are measured on samples `x` (n, *input
    shape) with Keras. Works for configurations from `configure` and for those changed by hand. Raises AcceleratorError
    for samples of another shape or with NaN.
    """
    model = with_output(model, config.get(OUTPUT_KEY, "logits"))
    check_model(model)
    warnings = []
    with unwritten_graph(model, config) as graph:
        measured = measure(model, graph, x)
        for node in graph.get_layers():
            found = {what: Range.of(weights.data) for what, weights in node.weights.items() if np.size(weights.data)}
            for what, inner in (("accum", "sum"), ("result", "state"), ("result", "result")):
                if (node.name, inner) in measured:
                    values = measured[node.name, inner]
                    found[what] = found[what] | values if what in found else values
            for what, values in found.items():
                type_ = node.types.get(f"{what}_t")
                text = type_ and precision(type_)
                if text and "fixed" in text:
                    warnings += _warning(node.name, what, FixedPoint.parse(text), values)
    return warnings


def _now(entry: dict, choice: dict) -> str:
    if choice["what"] == "strategy":
        return f"{entry.get('Strategy')}, reuse {entry.get('ReuseFactor')}"
    return str(entry.get("Precision", {}).get(choice["what"]))


def _warning(layer: str, what: str, number: FixedPoint, values: Range) -> list[str]:
    plain = FixedPoint(number.width, number.integer, number.signed)
    start = f"layer {layer}: {_WORDS.get(what, what)} reach"
    if values.low < 0 and not number.signed:
        return [f"{start} {values.low:.4g}, but {plain} holds no negative numbers; give it a sign (fixed, not ufixed)"]
    # What lies less than a step beyond the end and stops there is off by less than rounding may be: a tanh of 1.0.
    slack = plain.step if number.overflow.startswith("SAT") else plain.step / 2
    above, below = values.high - (plain.maximum + slack), plain.minimum - slack - values.low
    if above <= 0 and below <= 0:
        return []
    worst, end = (values.high, plain.maximum) if above >= below else (values.low, plain.minimum)
    more = max(1, ceil(log2(abs(worst) / 2.0 ** (plain.integer - int(plain.signed)))))
    bits = "1 more integer bit" if more == 1 else f"{more} more integer bits"
    return [f"{start} {worst:.4g}, but {plain} ends at {end:.4g}; give it {bits}"]
