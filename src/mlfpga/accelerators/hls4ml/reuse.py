"""How often one multiplier is used again: the knob between a circuit that is small and one that is fast.

A matrix of n inputs and m outputs with reuse factor R has n * m / R multipliers and takes R cycles. A dense layer works
through its matrix once for a sample; a convolution once for each position of its window; a recurrent layer, which has
two matrices (for its input and for its state) working at the same time, once for each step.
"""

from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.hls4ml.quiet import quiet

UNROLL_LIMIT = 4096
"""Vitis HLS partitions no array, and unrolls no loop, of more elements than this."""
_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
_DENSE, _CONVOLUTIONS = ("Dense", "QDense"), ("Conv1D", "Conv2D", "QConv1D", "QConv2D")


@dataclass(frozen=True)
class Work:
    """The multiplications of a layer.

    matrices  (inputs, outputs) of each
    rounds    how often it works through them for one sample
    unit      what a round is: "sample", "position" or "step"
    nonzero   weights that are not exactly zero
    """

    kind: str
    matrices: tuple[tuple[int, int], ...]
    rounds: int
    unit: str
    nonzero: int

    @property
    def weights(self) -> int:
        return sum(n * m for n, m in self.matrices)

    def multipliers(self, factors: tuple[int, ...]) -> int:
        return sum(n * m // factor for (n, m), factor in zip(self.matrices, factors, strict=True))


def work_of(layer) -> Work | None:
    """The multiplications of a Keras layer; None if it has none that reuse factors are for."""
    kind = type(layer).__name__
    if kind not in (*_DENSE, *_CONVOLUTIONS, *_GATES):
        return None
    weights = _weights(layer)
    nonzero = int(sum(np.count_nonzero(w) for w in weights if w.ndim > 1))
    plain = kind.removeprefix("Q")
    if kind in _GATES:
        nonzero = int(sum(np.count_nonzero(w) for w in weights[:2]))
        return Work(plain, (weights[0].shape, weights[1].shape), int(layer.input_shape[1]), "step", nonzero)
    shape = weights[0].shape
    matrix = (prod(shape[:-1]), shape[-1])
    if kind in _DENSE:
        return Work(plain, (matrix,), prod(layer.output_shape[1:-1]), "sample", nonzero)
    # The window moves over every pixel that streams in, those of the padding too.
    pixels = prod(layer.input_shape[1:-1])
    if layer.padding == "same":
        pixels = prod(
            size + max((out - 1) * stride + kernel - size, 0)
            for size, out, stride, kernel in zip(
                layer.input_shape[1:-1], layer.output_shape[1:-1], layer.strides, layer.kernel_size, strict=True
            )
        )
    return Work(plain, (matrix,), pixels, "position", nonzero)


def reuse_table(model, multipliers: int) -> dict[str, dict[str, int]]:
    """Reuse factors that balance the layers of a model within a budget of multipliers.

    A layer with reuse factor R takes about R cycles for each of its rounds (one for a dense layer, its positions for a
    convolution, its steps for a recurrent layer) and needs inputs * outputs / R multipliers. The slowest layer sets the
    pace; every other layer then takes the largest factor that is no slower. Returns, for each layer: inputs, outputs,
    reuse_factor, multipliers, rounds, cycles; a recurrent layer counts both matrices, side by side.
    Raises AcceleratorError if even full reuse needs more multipliers than the budget.
    """
    works = {layer.name: work for layer in model.layers if (work := work_of(layer))}
    options = {name: _options(work) for name, work in works.items()}
    cycles = {name: {pair: max(pair) * works[name].rounds for pair in pairs} for name, pairs in options.items()}
    chosen: dict[str, tuple[int, ...]] = {}
    for pace in sorted({value for values in cycles.values() for value in values.values()}):
        # No factor is slower than the slowest layer at its fastest.
        if any(min(values.values()) > pace for values in cycles.values()):
            continue
        chosen = {
            name: max((pair for pair, value in values.items() if value <= pace), key=lambda pair: (max(pair), pair))
            for name, values in cycles.items()
        }
        if sum(works[name].multipliers(pair) for name, pair in chosen.items()) <= multipliers:
            break
    else:
        if works:
            kind = "Dense layers" if all(work.kind == "Dense" for work in works.values()) else "layers"
            raise AcceleratorError(
                f"{multipliers} multipliers are too few for {len(works)} {kind}; give at least one to each"
            )
    return {
        name: {
            "inputs": sum(n for n, _ in work.matrices),
            "outputs": work.matrices[0][1],
            "reuse_factor": chosen[name][0],
            "multipliers": work.multipliers(chosen[name]),
            "rounds": work.rounds,
            "cycles": work.rounds * max(chosen[name]),
        }
        for name, work in works.items()
    }


def strategy(work: Work, row: dict[str, int]) -> tuple[str, int, str]:
    """(strategy, reuse factor, why) for a layer with its row of the reuse table.

    "Latency" builds weights into the circuit, where a zero costs nothing; "Resource" shares multipliers, and a zero is
    multiplied like any other number. So a pruned layer may be faster without sharing, with no more multipliers.
    """
    factor = row["reuse_factor"]
    if work.kind == "SimpleRNN":
        return "Latency", factor, "hls4ml has no other for it"
    unrolls = max(prod(matrix) for matrix in work.matrices) <= UNROLL_LIMIT
    if factor == 1 and unrolls:
        return "Latency", 1, "every multiplication has a multiplier of its own, so its weight may be built in"
    if work.nonzero <= row["multipliers"] and unrolls:
        return "Latency", 1, f"{work.nonzero} of {work.weights} weights are not zero: as many multipliers as shared"
    return (
        "Resource",
        factor,
        f"{work.weights} weights, {work.nonzero} not zero, share {row['multipliers']} multipliers",
    )


def _options(work: Work) -> list[tuple[int, ...]]:
    """The reuse factors (one for each matrix) that hls4ml takes for a layer."""
    if len(work.matrices) == 1:
        return [(factor,) for factor in valid_reuse_factors(*work.matrices[0])]
    (n, m), (k, _) = work.matrices
    if work.kind == "SimpleRNN":
        valid = set(valid_reuse_factors(n, m)) & set(valid_reuse_factors(k, m))
        return [(factor, factor) for factor in sorted(valid)]
    # hls4ml takes the nearest valid factor for the second matrix; and it picks the C++ for both by the first factor
    # alone, which is right only if both factors are on the same side of the second matrix's inputs.
    recurrent = valid_reuse_factors(k, m)
    pairs = [(factor, _closest(recurrent, factor)) for factor in valid_reuse_factors(n, m)]
    return [(a, b) for a, b in pairs if (a <= k) == (b <= k) and (a <= n or a % n == 0)]


def _closest(valid: list[int], wanted: int) -> int:
    """hls4ml's choice: the nearest, of two equally near ones the smaller."""
    return min(valid, key=lambda factor: (abs(factor - wanted), factor))


@cache
def valid_reuse_factors(inputs: int, outputs: int) -> list[int]:
    """The reuse factors that hls4ml's Resource strategy takes for a matrix.

    They divide the multiplications evenly, and either give every output its own multipliers (up to `inputs`) or are a
    multiple of `inputs`.
    """
    import hls4ml

    with quiet():
        backend = hls4ml.backends.get_backend("Vitis")
        # Trying every number up to inputs * outputs takes seconds for wide layers; only divisors can be valid.
        total = inputs * outputs
        small = [d for d in range(1, int(total**0.5) + 1) if total % d == 0]
        divisors = sorted({*small, *(total // d for d in small)})
        return [d for d in divisors if backend._validate_reuse_factor(inputs, outputs, d)]


def _weights(layer) -> list[np.ndarray]:
    """A layer's weights as the hardware gets them: QKeras keeps float weights to train on."""
    quantizers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
    weights = layer.get_weights()
    if len(quantizers) != len(weights):
        return weights
    return [np.asarray(q(w)) if q else w for q, w in zip(quantizers, weights, strict=True)]
