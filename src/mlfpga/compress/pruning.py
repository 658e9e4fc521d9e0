"""Magnitude pruning: training goes on while the smallest weights are set to zero, anywhere or in an N:M pattern.

The zeros are kept by a Keras *constraint*, a function that the optimizer applies to a weight after each of its steps.
So nothing wraps the layers, no callback can be forgotten, and a layer trains with its own rounding or activation as it
does without pruning: Keras layers and their quantized twins, dense, convolutional and recurrent, all in one way.
"""

from collections.abc import Iterator, Mapping
from math import prod
from numbers import Real

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import copy_model

SCHEDULES = ("polynomial", "constant")
# The polynomial schedule ends here, as a fraction of all steps: the rest of the training repairs what the last cut
# broke. A cut sorts all weights of a layer, so there are not many more than `_CUTS` of them.
_CUTTING = 0.6
_CUTS = 60
# What Keras calls a weight that is multiplied with, and the constraint on it. Biases are kept: they are few, and an
# addition is cheap. Embeddings are kept: they are a table that is read, not multiplied with.
_KERNELS = {
    "kernel": "kernel_constraint",
    "recurrent_kernel": "recurrent_constraint",
    "depthwise_kernel": "depthwise_constraint",
    "pointwise_kernel": "pointwise_constraint",
}


def prunable(
    model: keras.Model,
    sparsity: float | Mapping[str, float] | None,
    steps: int,
    pattern: tuple[int, int] | Mapping[str, tuple[int, int]] | None = None,
    schedule: str = "polynomial",
) -> keras.Model:
    """A copy of `model`, uncompiled, same weights, that while it trains loses the smallest weights of each kernel.

    Pruned are the kernels of dense, convolutional (depthwise too) and recurrent layers, of these both the kernel and
    the recurrent one; biases and embeddings are kept. Train the copy as any model, then `finish` it. Copying or saving
    it gives a plain model, whose zeros would grow again if it trained.

    sparsity  the fraction of zeros in each kernel, or {layer name: fraction}: other layers keep all. At least one
              weight of a kernel stays.
    steps     batches in all. The sparsity grows only while the model trains: with fewer, it stays below `sparsity`.
    pattern   (n, m): of every m consecutive weights of one output at most n are not zero, sparsity 1 - n/m; or
              {layer name: (n, m)}. `sparsity` is None then. Consecutive is along the inputs, in memory order: height,
              width, channel in a convolution. Where m does not divide the inputs, the last, shorter group of r weights
              keeps min(n, r) of them, so that the sparsity is a little below 1 - n/m.
    schedule  "polynomial": the zeros grow along a cubic curve (Zhu and Gupta, To prune, or not to prune, 2017) over the
              first 60 % of the steps and then stay where they are. Of an N:M pattern, the weights that it will cost go
              in the order of their size. "constant": all in one cut after the first step.

    Raises CompressError for a sparsity outside 0 < sparsity < 1, a pattern other than 1 ≤ n < m, no steps, and names of
    layers or schedules that are not known.
    """
    if steps < 1:
        raise CompressError(f"pruning over {steps} steps does nothing; train for 1 epoch or more")
    if schedule not in SCHEDULES:
        raise CompressError(f"there is no pruning schedule {schedule}; choose {' or '.join(SCHEDULES)}")
    end = max(1, int(_CUTTING * steps)) if schedule == "polynomial" else 1

    names = [layer.name for layer in model.layers if any(True for _ in _kernels(layer))]
    targets = _targets(names, model.name, sparsity, pattern)
    constraints: list[tuple[keras.layers.Layer, str, _Cuts]] = []

    def constrained(layer: keras.layers.Layer) -> keras.layers.Layer:
        new = layer.__class__.from_config(layer.get_config())
        if layer.name in targets:
            for owner, kernel in _kernels(new):
                cuts = _Cuts(getattr(owner, _KERNELS[kernel]), targets[layer.name], end)
                setattr(owner, _KERNELS[kernel], cuts)
                constraints.append((owner, kernel, cuts))
        return new

    copy = copy_model(model, constrained)
    for owner, kernel, cuts in constraints:
        # The variable keeps the constraint it was made with; the layer forgets it, so that files do not depend on it.
        setattr(owner, _KERNELS[kernel], cuts.inner)
        # A depthwise layer, say, knows a constraint for a kernel that it does not have.
        variable = getattr(owner, kernel, None)
        if variable is not None:
            cuts.start(variable, outputs=2 if kernel == "depthwise_kernel" else 1)
    return copy


def follows_pattern(kernel: np.ndarray, pattern: tuple[int, int]) -> bool:
    """Whether each output (last axis) of `kernel` (…, outputs) has at most n weights that are not zero in every m
    consecutive ones, for the `pattern` (n, m); the last group may be shorter.
    """
    n, m = pattern
    columns = np.asarray(kernel).reshape(-1, np.shape(kernel)[-1]) != 0
    return all(columns[start : start + m].sum(axis=0).max() <= n for start in range(0, len(columns), m))


class _Cuts(keras.constraints.Constraint):
    """Sets weights of one kernel to zero, more of them from cut to cut; `inner` is the constraint that it had before.

    `target` is a sparsity or a pattern (n, m), reached in step `end`.
    """

    def __init__(self, inner, target: float | tuple[int, int], end: int):
        self.inner = inner
        self._target = target
        self._end = end
        self._every = max(1, end // _CUTS)

    def start(self, kernel: tf.Variable, outputs: int) -> None:
        """Get ready for `kernel`, whose last `outputs` axes together count its outputs."""
        shape = tuple(kernel.shape)
        width = prod(shape[-outputs:])
        self._matrix = (prod(shape) // width, width)
        self._mask = tf.Variable(tf.ones_like(kernel), trainable=False)
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._zeros = self._count()

    def __call__(self, weights):
        if self.inner is not None:
            weights = self.inner(weights)
        step = self._step.assign_add(1)
        # The last cut, the one that reaches what was asked for, comes in step `end` whatever `_every` is.
        due = (step <= self._end) & ((step % self._every == 0) | (step == self._end))
        self._mask.assign(tf.cond(due, lambda: self._cut(weights, step), lambda: tf.identity(self._mask)))
        return weights * self._mask

    def _count(self) -> int:
        """How many zeros there are in the end."""
        inputs, outputs = self._matrix
        if isinstance(self._target, tuple):
            n, m = self._target
            return outputs * (inputs // m * (m - n) + max(0, inputs % m - n))
        return min(round(self._target * (inputs * outputs)), inputs * outputs - 1)

    def _cut(self, weights, step):
        """The mask: 0 for the smallest weights, as many as step `step` is due, and 1 for the others."""
        progress = 1 - (1 - tf.cast(step, tf.float32) / self._end) ** 3
        zeros = tf.cast(tf.round(progress * self._zeros), tf.int32)
        size = tf.reshape(tf.abs(weights), self._matrix)
        if isinstance(self._target, tuple):
            size = tf.where(self._largest_of_groups(size), np.inf, size)
        rank = tf.argsort(tf.argsort(tf.reshape(size, [-1])))
        return tf.cast(tf.reshape(rank >= zeros, self._mask.shape), self._mask.dtype)

    def _largest_of_groups(self, size):
        """Which of (inputs, outputs) are among the n largest of their group of m."""
        (inputs, outputs), (n, m) = self._matrix, self._target
        # What fills up the last group is smaller than any size, so it takes no place of a weight.
        filled = tf.pad(size, [[0, -inputs % m], [0, 0]], constant_values=-1.0)
        groups = tf.transpose(tf.reshape(filled, [-1, m, outputs]), [0, 2, 1])
        largest = tf.reduce_max(tf.one_hot(tf.math.top_k(groups, n).indices, m), axis=-2)
        return tf.reshape(tf.transpose(largest, [0, 2, 1]), [-1, outputs])[:inputs] > 0


def _kernels(layer: keras.layers.Layer) -> Iterator[tuple[keras.layers.Layer, str]]:
    """Each (layer or cell, name of a kernel that it may have) inside a layer, built or not."""
    # Not `layer.submodules`, which stops with an error at a recurrent layer that has dropout.
    for owner in layer._flatten_layers():
        # A recurrent layer only passes on what its cell, one of the layers in it, holds.
        if not hasattr(owner, "cell"):
            yield from ((owner, kernel) for kernel, constraint in _KERNELS.items() if hasattr(owner, constraint))


def _targets(names, model_name, sparsity, pattern) -> dict[str, float | tuple[int, int]]:
    """What each layer to prune is to reach, checked."""
    if not names:
        raise CompressError(f"{model_name} has nothing to prune: no dense, convolutional or recurrent layer")
    if sparsity is None and pattern is None:
        raise CompressError("neither a sparsity nor a pattern is given; choose 0.5, say, or the pattern (2, 4)")
    if sparsity is not None and pattern is not None:
        raise CompressError(f"pattern {pattern} sets the sparsity itself; give None as the sparsity, not {sparsity}")

    what, setting = ("sparsity", sparsity) if pattern is None else ("pattern", pattern)
    per_layer = isinstance(setting, Mapping)
    targets = dict(setting) if per_layer else dict.fromkeys(names, setting)
    unknown = [name for name in targets if name not in names]
    if unknown:
        raise CompressError(f"{model_name} has no layer {', '.join(unknown)} to prune; it has {', '.join(names)}")
    check = _checked_sparsity if pattern is None else _checked_pattern
    return {name: check(f"{what} of layer {name}" if per_layer else what, value) for name, value in targets.items()}


def _checked_sparsity(what: str, sparsity: float) -> float:
    if not isinstance(sparsity, Real) or not 0 < sparsity < 1:
        raise CompressError(f"{what} is {sparsity!r}; choose more than 0 and less than 1 (at 1 no weight is left)")
    return float(sparsity)


def _checked_pattern(what: str, pattern: tuple[int, int]) -> tuple[int, int]:
    try:
        n, m = pattern
        fits = 1 <= n < m and int(n) == n and int(m) == m
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise CompressError(f"{what} is {pattern}; choose (n, m) with 1 ≤ n < m: (2, 4) leaves 2 of every 4 weights")
    return int(n), int(m)
