"""Structured pruning: whole neurons, channels and recurrent units go, and the model that is left is really smaller.

A zero inside a kernel saves what the hardware can skip, and that depends on how it is built. A neuron that is gone
saves its column of weights, its row in the next layer and its place in every memory, in any hardware.

Three kinds of layers make up a chain. *Writers* have outputs that can go. *Readers*, the writers that come after them,
lose the matching rows of their kernel. What stands between treats every channel by itself and just gets narrower.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from qkeras import QActivation
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import copy_model, quiet_serialization

_RECURRENT = (keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)
# Each kind of writer, and what Keras calls the number of its outputs.
_WRITERS = {
    keras.layers.Dense: "units",
    keras.layers.Conv1D: "filters",
    keras.layers.Conv2D: "filters",
    **dict.fromkeys(_RECURRENT, "units"),
    keras.layers.Embedding: "output_dim",
}
_BETWEEN = (
    keras.layers.Activation,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.ReLU,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
    QActivation,
)


def shrink(
    model: keras.Model,
    fraction: float | None = None,
    keep: Mapping[str, int] | None = None,
    x: np.ndarray | None = None,
) -> keras.Model:
    """A smaller model, uncompiled, that computes what `model` computes when the least important outputs read as zero.

    Outputs that can go are neurons of Dense, channels of Conv1D and Conv2D, units of SimpleRNN, GRU and LSTM (the unit
    is zero in every step, for its own recurrence too) and dimensions of an Embedding, of the quantized twins as well.
    "Read as zero" is meant where the next such layer reads them: behind activation, BatchNorm and pooling. The layer
    that makes the model's outputs is never shrunk. Layers keep their names; train the result on, the cut costs
    accuracy.

    fraction  of the outputs of every such layer, 0 < fraction < 1, rounded; one always stays
    keep      {layer name: how many outputs stay}; the layers that are not named stay whole
    x         data (n, *sample shape) to judge the importance with; see `importance`

    Give fraction or keep, not both. Raises CompressError for these out of range or names that are not known, for a
    model that is no chain of layers (naming the layer where it branches or joins), and for layers in between of which
    it is not known how they mix their inputs.
    """
    chain = _chain(model)
    stages = _stages(chain)
    counts = _counts(model.name, stages, fraction, keep)
    scores = _importance(chain, [stage for stage in stages if stage.name in counts], x)
    # In their old order, so that a layer that loses little looks much as before.
    kept = {name: np.sort(np.argsort(-scores[name], kind="stable")[:count]) for name, count in counts.items()}
    return _rebuilt(model, chain, kept)


def shrink_in_steps(
    model: keras.Model,
    fraction: float,
    steps: int,
    train: Callable[[keras.Model], object],
    x: np.ndarray | None = None,
) -> keras.Model:
    """As `shrink(model, fraction, x=x)`, but in `steps` equal parts, with `train(smaller model)` after each.

    Many small cuts with training in between hurt less than a large one: each time the importance is measured anew.
    Raises CompressError as `shrink` does, and for fewer than 1 step.
    """
    if steps < 1:
        raise CompressError(f"shrinking in {steps} steps does nothing; choose 1 or more")
    stages = _stages(_chain(model))
    _counts(model.name, stages, fraction, None)
    for step in range(1, steps + 1):
        # Fractions of the widths at the start, of which each step leaves a little less.
        keep = {stage.name: _left(stage.width, fraction * (step / steps)) for stage in stages}
        model = shrink(model, keep=keep, x=x)
        train(model)
    return model


def importance(model: keras.Model, x: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """By layer name, for each output that `shrink` can remove, how much it matters (0: not at all).

    Without data: the L2 norm of the weights that lead to it times the norm of those that lead away. With data `x` (n,
    *sample shape): the mean of its absolute value, as the next layer reads it, times the norm of the weights that lead
    away. Either product stays the same when the one factor is scaled up and the other down, which changes nothing in
    what a ReLU network computes. BatchNorm in between counts with its factor. Compare within a layer only.

    Raises CompressError for a model that is no chain, and for data that does not fit it or is not finite.
    """
    chain = _chain(model)
    return _importance(chain, [stage for stage in _stages(chain) if stage.obstacle is None], x)


@dataclass(frozen=True)
class _Stage:
    """A writer that is not the last one, how wide it is, and what stands between it and its reader."""

    writer: keras.layers.Layer
    width: int
    between: tuple[keras.layers.Layer, ...]
    reader: keras.layers.Layer | None
    obstacle: str | None

    @property
    def name(self) -> str:
        return self.writer.name


def _chain(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers, in order, of a copy of `model`, which must be a chain."""
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise CompressError(f"{model.name} has {len(tensors)} {what}; shrink takes a chain of layers, from 1 to 1")
    # Layers of the copy have only connections of this model; the original's may also be part of others.
    layers = copy_model(model).layers
    for layer in layers:
        problem = None
        if isinstance(layer, keras.Model):
            problem = "is a model of its own"
        elif len(layer.inbound_nodes) > 1:
            problem = f"is used {len(layer.inbound_nodes)} times"
        elif isinstance(layer.input, list | tuple):
            problem = f"joins {len(layer.input)} branches"
        elif len(layer.outbound_nodes) > 1:
            problem = f"feeds {len(layer.outbound_nodes)} layers"
        if problem:
            raise CompressError(f"layer {layer.name} {problem}; shrink takes a chain of layers, each feeding the next")
    return layers


def _stages(chain: list[keras.layers.Layer]) -> list[_Stage]:
    writers = [index for index, layer in enumerate(chain) if _writes(layer)]
    return [_stage(chain[start:end], chain[end]) for start, end in zip(writers, writers[1:], strict=False)]


def _stage(layers: list[keras.layers.Layer], reader: keras.layers.Layer) -> _Stage:
    writer, *between = layers
    obstacle = None
    for layer in layers:
        if getattr(layer, "activation", None) is keras.activations.softmax:
            obstacle = f"layer {layer.name} applies softmax, in which every output depends on all others"
        elif layer is not writer and not isinstance(layer, _BETWEEN):
            known = ", ".join(sorted(kind.__name__ for kind in _BETWEEN))
            obstacle = (
                f"layer {layer.name}, a {type(layer).__name__}, stands before {reader.name}; between the two may be "
                f"{known}"
            )
        elif isinstance(layer, keras.layers.BatchNormalization) and list(layer.axis) != [len(layer.input.shape) - 1]:
            obstacle = f"layer {layer.name} normalizes along axis {list(layer.axis)}, not along the channels (the last)"
        if obstacle:
            break
    return _Stage(writer, _width(writer), tuple(between), reader, obstacle)


def _writes(layer: keras.layers.Layer) -> bool:
    # Transposed convolutions inherit from the plain ones, but order their kernels differently.
    transposed = isinstance(layer, keras.layers.Conv1DTranspose | keras.layers.Conv2DTranspose)
    return isinstance(layer, tuple(_WRITERS)) and not transposed and getattr(layer, "groups", 1) == 1


def _width_key(layer: keras.layers.Layer) -> str:
    return next(key for kind, key in _WRITERS.items() if isinstance(layer, kind))


def _width(layer: keras.layers.Layer) -> int:
    return getattr(layer, _width_key(layer))


def _left(width: int, fraction: float) -> int:
    return max(1, width - round(fraction * width))


def _counts(model_name: str, stages: Iterable[_Stage], fraction, keep) -> dict[str, int]:
    """How many outputs stay of each layer that loses any, checked."""
    known = {stage.name: stage for stage in stages}
    if (fraction is None) == (keep is None):
        raise CompressError(f"fraction is {fraction} and keep is {keep}; give one of the two")
    if not known:
        raise CompressError(f"{model_name} has no layer to shrink: the one that makes its outputs must stay whole")
    if keep is None:
        if not 0 < fraction < 1:
            raise CompressError(f"fraction is {fraction}; choose more than 0 and less than 1 (at 1 nothing is left)")
        keep = {name: _left(stage.width, fraction) for name, stage in known.items()}
    for name, count in keep.items():
        if name not in known:
            raise CompressError(
                f"{model_name} has no layer {name} to shrink; it has {', '.join(known)} (the layer that makes the "
                "outputs stays whole)"
            )
        if not (1 <= count <= known[name].width and count == int(count)):
            raise CompressError(f"layer {name} is to keep {count} outputs; choose 1 to {known[name].width}")
        if count < known[name].width and known[name].obstacle:
            raise CompressError(
                f"outputs of layer {name} cannot go: {known[name].obstacle}; leave {name} whole, with "
                "keep={other layers: how many stay}"
            )
    return {name: int(count) for name, count in keep.items() if count < known[name].width}


def _importance(chain, stages: list[_Stage], x: np.ndarray | None) -> dict[str, np.ndarray]:
    reaching = {}
    if x is not None and stages:
        start = chain[0].input
        x = _checked(np.asarray(x), tuple(start.shape[1:]))
        values = keras.Model(start, {stage.name: stage.reader.input for stage in stages}).predict(x, verbose=0)
        # A flattened value lies at position · width + channel, so that its last axis is the channel here too.
        reaching = {stage.name: np.abs(values[stage.name].reshape(-1, stage.width)).mean(axis=0) for stage in stages}
    return {stage.name: reaching.get(stage.name, _incoming(stage)) * _outgoing(stage) for stage in stages}


def _incoming(stage: _Stage) -> np.ndarray:
    # The gates of a recurrent layer lie side by side: column gate · width + unit.
    matrices = [kernel.reshape(-1, stage.width) for kernel in _kernels(stage.writer)]
    norm = np.linalg.norm(np.concatenate(matrices), axis=0)
    for layer in stage.between:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma = layer.gamma.numpy() if layer.scale else 1.0
            factors = gamma / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
            norm = norm * np.sqrt(np.mean(factors.reshape(-1, stage.width) ** 2, axis=0))
    return norm


def _outgoing(stage: _Stage) -> np.ndarray:
    readers = [_kernels(stage.reader)[0]]
    if isinstance(stage.writer, _RECURRENT):
        readers.append(_kernels(stage.writer)[1])
    squares = [np.sum(kernel.reshape(-1, stage.width, kernel.shape[-1]) ** 2, axis=(0, 2)) for kernel in readers]
    return np.sqrt(sum(squares))


def _kernels(layer: keras.layers.Layer) -> list[np.ndarray]:
    return layer.get_weights()[: 2 if isinstance(layer, _RECURRENT) else 1]


def _checked(x: np.ndarray, sample_shape: tuple) -> np.ndarray:
    if x.shape[1:] != sample_shape or not len(x):
        raise CompressError(f"the data has shape {x.shape}; the model takes (n, {', '.join(map(str, sample_shape))})")
    if not np.isfinite(x).all():
        raise CompressError(f"the data holds {int((~np.isfinite(x)).sum())} values that are NaN or infinite")
    return x


def _rebuilt(model: keras.Model, chain: list[keras.layers.Layer], kept: dict[str, np.ndarray]) -> keras.Model:
    """`model` with only the `kept` outputs of each layer named there."""
    weights = {}
    width, rows = 0, None  # of what the layer before writes: how many channels there were, and which are left
    for layer in chain:
        weights[layer.name] = layer.get_weights()
        if _writes(layer):
            columns = kept.get(layer.name)
            weights[layer.name] = _sliced(layer, width, rows, columns)
            width, rows = _width(layer), columns
        elif isinstance(layer, keras.layers.BatchNormalization) and rows is not None:
            weights[layer.name] = [w.reshape(-1, width)[:, rows].reshape(-1) for w in weights[layer.name]]

    def smaller(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in kept:
            config[_width_key(layer)] = len(kept[layer.name])
        return layer.__class__.from_config(config)

    with quiet_serialization():
        shrunk = keras.models.clone_model(model, clone_function=smaller)
    for layer in shrunk.layers:
        layer.set_weights(weights[layer.name])
    return shrunk


def _sliced(layer: keras.layers.Layer, width: int, rows, columns) -> list[np.ndarray]:
    """A writer's weights without the rows of inputs and the columns of outputs that are gone (None: all are left)."""
    sliced = layer.get_weights()
    if rows is not None:
        kernel = sliced[0]
        left = kernel.reshape(-1, width, kernel.shape[-1])[:, rows]
        sliced[0] = left.reshape(*kernel.shape[:-2], -1, kernel.shape[-1])
    if columns is not None:
        if isinstance(layer, _RECURRENT):
            sliced[1] = sliced[1][columns]
        gates = [w.reshape(*w.shape[:-1], -1, _width(layer))[..., columns] for w in sliced]
        sliced = [w.reshape(*w.shape[:-2], -1) for w in gates]
    return sliced
