"""hls4ml's configuration of a model: precision of every layer, and how often a multiplier is used again."""

import io
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import Any

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.hls4ml.checks import check_model
from mlfpga.formats import FixedPoint


def configure(
    model,
    input_number: str,
    output_number: str = "fixed<16,6,RND,SAT>",
    multipliers: int = 256,
) -> dict[str, Any]:
    """hls4ml's configuration by layer for a Keras or QKeras model, ready to be read and changed.

    input_number   format of the input, e.g. "ufixed<8,1>"
    output_number  format of the results. hls4ml's automatic choice for a last Dense layer is wide enough for any
                   conceivable sum; stating it keeps the output stream narrow, rounded and saturated.
    multipliers    how many multipliers all Dense layers may have together; decides the reuse factors

    Weights and activations of QKeras layers take their own quantizers' formats; sums take the width they need (`auto`).
    Raises AcceleratorError for a model that hls4ml cannot take (see checks.py).
    """
    import hls4ml

    check_model(model)
    FixedPoint.parse(input_number), FixedPoint.parse(output_number)
    try:
        with quiet():
            config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    except Exception as error:  # hls4ml raises bare Exception for most of what it refuses
        raise AcceleratorError(f"hls4ml cannot take {model.name}: {error}") from error
    layers = config["LayerName"]
    layers[model.input_names[0]]["Precision"]["result"] = input_number
    last = model.layers[-1].name
    for name in (last, f"{last}_linear"):
        if name in layers:
            layers[name]["Precision"]["result"] = output_number
    for name, row in reuse_table(model, multipliers).items():
        layers[name].update(Strategy="Resource", ReuseFactor=row["reuse_factor"])
    return config


def reuse_table(model, multipliers: int) -> dict[str, dict[str, int]]:
    """Reuse factors that balance the Dense layers of a model within a budget of multipliers.

    A layer with reuse factor R uses each multiplier R times for a sample, so it takes about R cycles and needs
    inputs * outputs / R multipliers. The slowest layer sets the pace; every other layer then takes the largest factor
    that is no slower. Returns, for each layer: inputs, outputs, reuse_factor, multipliers.
    Raises AcceleratorError if even full reuse needs more multipliers than the budget.
    """
    shapes = {layer.name: tuple(int(size) for size in layer.kernel.shape) for layer in model.layers if _is_dense(layer)}
    factors = {name: _valid_reuse_factors(*shape) for name, shape in shapes.items()}
    chosen: dict[str, int] = {}
    for pace in sorted(set().union(*factors.values())):
        chosen = {name: max(f for f in valid if f <= pace) for name, valid in factors.items()}
        if sum(n * m // chosen[name] for name, (n, m) in shapes.items()) <= multipliers:
            break
    else:
        if shapes:
            raise AcceleratorError(
                f"{multipliers} multipliers are too few for {len(shapes)} Dense layers; give at least one to each"
            )
    return {
        name: {"inputs": n, "outputs": m, "reuse_factor": chosen[name], "multipliers": n * m // chosen[name]}
        for name, (n, m) in shapes.items()
    }


def _is_dense(layer) -> bool:
    return type(layer).__name__ in ("Dense", "QDense")


def _valid_reuse_factors(inputs: int, outputs: int) -> list[int]:
    """The reuse factors that hls4ml's Resource strategy takes for a Dense layer.

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


@contextmanager
def quiet():
    """hls4ml tells on standard output what it does; a notebook shows results instead.

    Keras warns, when hls4ml saves a QKeras model, that a quantizer is not a constraint; it is kept correctly anyway.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The `keras.constraints.serialize")
        yield
