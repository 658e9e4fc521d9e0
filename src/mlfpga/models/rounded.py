"""Recurrent layers and embeddings that train with rounded weights.

QKeras has recurrent layers too, but their cells are copies of Keras's with other defaults (QGRU applies its reset gate
before the recurrent kernel, Keras after it) and leave Keras's fast path. These here *are* Keras's layers: all that
differs is what the cell finds when it reads `kernel`, so they compute exactly what Keras computes with rounded weights.

A layer's `formats` say how each of its weights is rounded: {"kernel": (8, 0)} is `quantized_bits(8, 0, alpha=1)`, 8
bits in all, sign included, and 0 before the binary point, sign not counted. The backward pass ignores the rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import tensorflow as tf
from qkeras import quantized_bits
from tensorflow import keras

_register = keras.utils.register_keras_serializable("mlfpga")


class _Rounding:
    """Mixed into a Keras layer or cell: the weights named in `formats` are read rounded, and trained unrounded.

    Each of them is a property of the class; its variable, which the optimizer changes, is the attribute `raw_<name>`.
    """

    def _round(self, formats: Mapping[str, tuple[int, int]]) -> None:
        self._quantizers = {name: quantized_bits(*format, alpha=1) for name, format in formats.items()}
        self._held = None

    def _rounded(self, name: str) -> tf.Tensor | tf.Variable:
        if self._held is not None:
            return self._held[name]
        raw = getattr(self, f"raw_{name}")
        return self._quantizers[name](raw) if name in self._quantizers else raw

    @contextmanager
    def rounded_once(self, names: tuple[str, ...]) -> Iterator[None]:
        """Round now, and not again at every time step."""
        # Past Keras's attribute tracking, which would take the tensors for part of the layer's state.
        object.__setattr__(self, "_held", {name: self._rounded(name) for name in names})
        try:
            yield
        finally:
            object.__setattr__(self, "_held", None)


def _weight(name: str) -> property:
    return property(lambda self: self._rounded(name), lambda self, variable: setattr(self, f"raw_{name}", variable))


class _RoundedCell(_Rounding):
    kernel = _weight("kernel")
    recurrent_kernel = _weight("recurrent_kernel")
    bias = _weight("bias")

    def __init__(self, formats: Mapping[str, tuple[int, int]], **config):
        super().__init__(**config)
        self._round(formats)


class _SimpleRNNCell(_RoundedCell, keras.layers.SimpleRNNCell):
    pass


class _GRUCell(_RoundedCell, keras.layers.GRUCell):
    pass


class _LSTMCell(_RoundedCell, keras.layers.LSTMCell):
    pass


class _RoundedLayer:
    """What all twins have: `formats` in their configuration, and QKeras's and TensorFlow's names for what they hold."""

    plain: type[keras.layers.Layer]
    """The Keras layer that this one is, once its weights are rounded for good."""

    def get_config(self) -> dict:
        return {**super().get_config(), "formats": {name: list(format) for name, format in self.formats.items()}}

    def get_quantizers(self) -> list[Callable | None]:
        """One for each of `get_weights()`; None where nothing is rounded."""
        holder = getattr(self, "cell", self)
        return [holder._quantizers.get(name) for name in self.parts]

    def get_prunable_weights(self) -> list[tf.Variable]:
        """The kernels or the table, for TensorFlow Model Optimization."""
        holder = getattr(self, "cell", self)
        return [getattr(holder, f"raw_{name}") for name in self.parts if name != "bias"]

    def finished(self) -> keras.layers.Layer:
        """A plain Keras layer of the same configuration, not built."""
        config = self.get_config()
        del config["formats"]
        return self.plain.from_config(config)


class _RoundedRecurrent(_RoundedLayer):
    _cell: type[_RoundedCell]

    def __init__(self, units: int, formats: Mapping[str, tuple[int, int]], **config):
        super().__init__(units, **config)
        self.formats = {name: tuple(format) for name, format in formats.items()}
        # In place of the cell that Keras has made, before it has any weights.
        self.cell = self._cell(formats=self.formats, **self.cell.get_config())

    @property
    def parts(self) -> tuple[str, ...]:
        return ("kernel", "recurrent_kernel", "bias") if self.use_bias else ("kernel", "recurrent_kernel")

    def call(self, *inputs, **settings):
        with self.cell.rounded_once(self.parts):
            return super().call(*inputs, **settings)


@_register
class RoundedSimpleRNN(_RoundedRecurrent, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` with rounded kernel, recurrent_kernel and bias."""

    plain, _cell = keras.layers.SimpleRNN, _SimpleRNNCell


@_register
class RoundedGRU(_RoundedRecurrent, keras.layers.GRU):
    """`keras.layers.GRU` with rounded kernel, recurrent_kernel and bias."""

    plain, _cell = keras.layers.GRU, _GRUCell


@_register
class RoundedLSTM(_RoundedRecurrent, keras.layers.LSTM):
    """`keras.layers.LSTM` with rounded kernel, recurrent_kernel and bias."""

    plain, _cell = keras.layers.LSTM, _LSTMCell


@_register
class RoundedEmbedding(_RoundedLayer, _Rounding, keras.layers.Embedding):
    """`keras.layers.Embedding` with a rounded table, which Keras calls embeddings."""

    plain = keras.layers.Embedding
    parts = ("embeddings",)
    embeddings = _weight("embeddings")

    def __init__(self, input_dim: int, output_dim: int, formats: Mapping[str, tuple[int, int]], **config):
        super().__init__(input_dim, output_dim, **config)
        self.formats = {name: tuple(format) for name, format in formats.items()}
        self._round(self.formats)


TWINS = {
    keras.layers.SimpleRNN: RoundedSimpleRNN,
    keras.layers.GRU: RoundedGRU,
    keras.layers.LSTM: RoundedLSTM,
    keras.layers.Embedding: RoundedEmbedding,
}


def twin(layer: keras.layers.Layer, formats: Mapping[str, tuple[int, int]]) -> keras.layers.Layer:
    """The twin of a plain `layer`, not built, with the same configuration and name."""
    return TWINS[type(layer)](**layer.get_config(), formats=formats)


def is_rounded(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, _RoundedLayer)
