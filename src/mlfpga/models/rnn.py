"""Recurrent networks: one small layer, used again for each step of a sequence, with a memory of the steps before."""

from tensorflow import keras

from mlfpga.models.errors import ModelError, check_counts
from mlfpga.models.mlp import logits_layer

_KINDS = {"simple_rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


def rnn(
    steps: int,
    items: int,
    classes: int,
    kind: str = "gru",
    embedding: int = 6,
    units: int = 12,
    name: str | None = None,
) -> keras.Model:
    """An uncompiled recurrent network: (n, steps) item numbers → Embedding → one recurrent layer → (n, classes) logits.

    steps      length of a sequence. Hardware repeats the recurrent layer's work for each step, one after the other,
               because a step needs the result of the one before: more steps take more cycles, not more multipliers.
    items      how many items there are; a sequence holds their numbers, 0 … items - 1, as whole float32
    classes    number of logits: of the items that may come next
    kind       of the recurrent layer, with units u and embedding e:
               "simple_rnn"  u · (e + u + 1) weights and biases; one tanh per unit
               "gru"         3 · u · (e + u + 2): two gates decide what to forget and what to take in
               "lstm"        4 · u · (e + u + 1): three gates and a second memory
               Gates multiply values with values, which constant weights cannot simplify, and each needs a table for
               its sigmoid, as each new value does for its tanh.
    embedding  e, numbers that stand for an item: a table of items · e numbers, a read-only memory and no arithmetic.
               Items used alike get similar rows.
    units      u, numbers in the memory; the weights grow with its square
    name       of the model; the kind if not given

    Layers are called embedding, then gru, lstm or simple_rnn, then logits; the hardware keeps these names. Only the
    last step's memory goes on (return_sequences=False). The embedding masks nothing: hls4ml cannot leave steps out, so
    padding is an item like any other, and the network learns to ignore it. Raises ModelError for an unknown kind and
    for a count below 1.
    """
    if kind not in _KINDS:
        raise ModelError(f"there is no recurrent layer {kind!r}; choose one of {', '.join(_KINDS)}")
    check_counts((("steps", steps), ("items", items), ("classes", classes), ("embedding", embedding), ("units", units)))
    inputs = keras.Input((steps,), name="items")
    x = keras.layers.Embedding(items, embedding, name="embedding")(inputs)
    # Keras's own defaults: tanh, sigmoid gates, and for the GRU reset_after=True. The other form of a GRU hls4ml 1.3.0
    # takes without a word, and computes this one.
    x = _KINDS[kind](units, name=kind)(x)
    return keras.Model(inputs, logits_layer(classes, l2=0.0)(x), name=name or kind)
