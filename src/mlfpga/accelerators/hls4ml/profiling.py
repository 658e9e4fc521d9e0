"""Do the numbers fit their formats? Weights, biases and activations of a model against the accelerator's precisions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlfpga.accelerators.contract import Accelerator
from mlfpga.accelerators.hls4ml.graph import base_config, unwritten_graph
from mlfpga.accelerators.hls4ml.output import with_output
from mlfpga.accelerators.hls4ml.ranges import activations
from mlfpga.formats import FixedPoint

_QUANTILES = (0, 0.25, 0.5, 0.75, 1)


@dataclass(frozen=True)
class Profile:
    """How large one kind of number of one layer gets.

    layer, what  e.g. "hidden1", "weight" ("weight", "bias", "result", "recurrent_weight", "embeddings", "accum", …)
    number       the format that the accelerator gives it
    magnitudes   minimum, quartiles and maximum of |value| over all that are not zero; empty if all are zero
    overflows    share of the values outside the format's range
    """

    layer: str
    what: str
    number: FixedPoint
    magnitudes: tuple[float, ...]
    overflows: float

    @property
    def spare_bits(self) -> float:
        """Integer bits that the largest value leaves unused; negative where the format overflows."""
        if not self.magnitudes:
            return float(self.number.integer)
        return float(np.log2(max(self.number.maximum, -self.number.minimum) / self.magnitudes[-1]))


def profile(model, accelerator: Accelerator, x: np.ndarray) -> list[Profile]:
    """Profile a Keras or QKeras model, run on samples `x` (n, *shape), against the accelerator made from it.

    Returns one Profile for each layer's weights, biases, sums (of recurrent layers) and results, from input to output;
    what an LSTM's cell holds counts among its results, whose format it has. Layers that the accelerator has merged into
    their neighbours (a linear activation) are left out, and those that only pass numbers on.
    """
    settings = accelerator.settings["layers"]
    with_ending = with_output(model, "softmax" if list(settings.values())[-1]["kind"] == "Softmax" else "logits")
    with unwritten_graph(with_ending, base_config(with_ending)) as graph:
        return list(_profiles(with_ending, graph, settings, x))


def _profiles(model, graph, settings: dict, x: np.ndarray) -> Iterator[Profile]:
    results: dict[tuple[str, str], list[np.ndarray]] = {}
    for key, values in activations(model, graph, x):
        results.setdefault(key, []).append(np.ravel(values))
    for node in graph.get_layers():
        types = settings.get(node.name, {}).get("precision", {})
        found = {what: np.ravel(weights.data) for what, weights in node.weights.items()}
        for what, inner in (("accum", "sum"), ("result", "state"), ("result", "result")):
            if (node.name, inner) in results:
                found[what] = np.concatenate([*results[node.name, inner], found.get(what, [])])
        for what, values in found.items():
            if "fixed" in types.get(f"{what}_t", "") and values.size:
                yield _profile(node.name, what, FixedPoint.parse(types[f"{what}_t"]), values)


def _profile(layer: str, what: str, number: FixedPoint, values: np.ndarray) -> Profile:
    magnitudes = np.abs(values[values != 0])
    quartiles = tuple(float(q) for q in np.quantile(magnitudes, _QUANTILES)) if magnitudes.size else ()
    outside = (values < number.minimum) | (values >= number.maximum + number.step)
    return Profile(layer, what, number, quartiles, float(outside.mean()))
