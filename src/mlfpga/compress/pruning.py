"""Magnitude pruning with TensorFlow Model Optimization: training goes on while the smallest weights are set to zero."""

import tensorflow_model_optimization as tfmot
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import copy_model

# The schedule ends here, as a fraction of all steps: the rest of the training repairs what the last cut broke.
_CUTTING = 0.6
_CUTS = 60


def prunable(model: keras.Model, sparsity: float, steps: int) -> keras.Model:
    """A copy of `model`, uncompiled, same weights, that while it trains loses the smallest weights of each layer.

    The fraction of zeros in each kernel rises to `sparsity` along a cubic curve (Zhu and Gupta, To prune, or not to
    prune, 2017) over the first 60 % of `steps` (batches in all) and stays there. Biases are kept: they are few, and an
    addition is cheap. Train it with the callback `tfmot.sparsity.keras.UpdatePruningStep()`, then `finish` it.

    Raises CompressError for a sparsity outside 0 < sparsity < 1 or for no steps.
    """
    if not 0 < sparsity < 1:
        raise CompressError(f"sparsity is {sparsity}; choose more than 0 and less than 1 (at 1 no weight is left)")
    if steps < 1:
        raise CompressError(f"pruning over {steps} steps does nothing; train for 1 epoch or more")

    # A cut happens only at whole multiples of `frequency`, so the end must be one too: else the last cut, the one that
    # reaches the sparsity asked for, silently never comes.
    frequency = max(1, int(_CUTTING * steps) // _CUTS)
    end = max(1, int(_CUTTING * steps) // frequency * frequency)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=frequency)

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        return tfmot.sparsity.keras.prune_low_magnitude(layer, schedule) if hasattr(layer, "kernel") else layer

    # The wrappers share the layers they wrap; without a copy, pruning would change the model that was handed in.
    return keras.models.clone_model(copy_model(model), clone_function=wrap)
