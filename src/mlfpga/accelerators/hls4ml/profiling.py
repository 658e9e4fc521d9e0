"""Do the numbers fit their formats? Weights, biases and activations of a model against the accelerator's precisions."""

from dataclasses import dataclass

import numpy as np

from mlfpga.accelerators.contract import Accelerator
from mlfpga.formats import FixedPoint

_QUANTILES = (0, 0.25, 0.5, 0.75, 1)


@dataclass(frozen=True)
class Profile:
    """How large one kind of number of one layer gets.

    layer, what  e.g. "hidden1", "weight" ("weight", "bias" or "result")
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

    Returns one Profile for each layer's weights, biases and results, from input to output. Layers that the accelerator
    has merged into their neighbours (a linear activation) are left out.
    """
    import tensorflow as tf

    from mlfpga.models import copy_model

    # A layer that stands in two models, as after taking pruning off, has an output in each; in a copy it has one.
    model = copy_model(model)
    layers = [layer for layer in model.layers if layer.name in accelerator.settings["layers"]]
    results = tf.keras.Model(model.inputs, [layer.output for layer in layers])(np.asarray(x, dtype=np.float32))
    profiles = []
    for layer, result in zip(layers, results if len(layers) > 1 else [results], strict=True):
        types = accelerator.settings["layers"][layer.name]["precision"]
        # QKeras keeps float weights to train on; what counts is what its quantizers make of them.
        weights = _quantized_weights(layer)
        for what, values in (*zip(("weight", "bias"), weights, strict=False), ("result", result.numpy())):
            if f"{what}_t" in types:
                profiles.append(_profile(layer.name, what, FixedPoint.parse(types[f"{what}_t"]), values))
    return profiles


def _quantized_weights(layer) -> list[np.ndarray]:
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
    weights = layer.get_weights()
    if len(quantizers) != len(weights):
        return weights
    return [np.asarray(q(w)) if q else w for q, w in zip(quantizers, weights, strict=True)]


def _profile(layer: str, what: str, number: FixedPoint, values: np.ndarray) -> Profile:
    magnitudes = np.abs(values[values != 0])
    quartiles = tuple(float(q) for q in np.quantile(magnitudes, _QUANTILES)) if magnitudes.size else ()
    outside = (values < number.minimum) | (values >= number.maximum + number.step)
    return Profile(layer, what, number, quartiles, float(outside.mean()))
