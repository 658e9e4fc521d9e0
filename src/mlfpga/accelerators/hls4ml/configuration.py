"""hls4ml's configuration of a model: precision of every layer, and how often a multiplier is used again."""

from typing import Any

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.accelerators.hls4ml.checks import check_model
from mlfpga.accelerators.hls4ml.graph import CHOICES_KEY, OUTPUT_KEY, base_config, unwritten_graph
from mlfpga.accelerators.hls4ml.output import with_output
from mlfpga.accelerators.hls4ml.precision import Plan, plan
from mlfpga.accelerators.hls4ml.ranges import check_samples
from mlfpga.accelerators.hls4ml.reuse import reuse_table, strategy, work_of
from mlfpga.formats import FixedPoint


def configure(
    model,
    input_number: str,
    calibration=None,
    output: str = "logits",
    output_number: str | None = None,
    multipliers: int = 256,
) -> dict[str, Any]:
    """hls4ml's configuration by layer for a Keras or QKeras model, ready to be read and changed.

    input_number   format of the input, e.g. "ufixed<8,1>"
    calibration    samples (n, *input shape) on which to measure how large numbers get; a few hundred of the training
                   data are plenty. Without them, integer bits are for the largest value that is possible at all.
    output         "logits", or "softmax" for probabilities (see output.py for what they cost); the model may end either
                   way
    output_number  format of the results; None chooses one of 16 bits that holds them, rounded and saturated
    multipliers    how many multipliers all layers may have together; decides the reuse factors

    precision.py says how formats are chosen, `explain(config)` shows each choice and its reason.
    Raises AcceleratorError for a model that hls4ml cannot take (see checks.py), for calibration samples of another
    shape or with NaN, and for an output that is not known.
    """
    model = with_output(model, output)
    check_model(model)
    FixedPoint.parse(input_number)
    if output_number is not None:
        FixedPoint.parse(output_number)
    if calibration is not None:
        calibration = check_samples(model, calibration)
    config = base_config(model)
    with unwritten_graph(model, config) as graph:
        planned = plan(model, config, graph, input_number, calibration, output_number)
    config[OUTPUT_KEY] = output
    config[CHOICES_KEY] = [
        {
            "layer": choice.layer,
            "what": choice.what,
            "range": [choice.range.low, choice.range.high] if choice.range else None,
            "format": choice.number,
            "why": choice.why,
        }
        for choice in planned.choices
    ]
    _write(config["LayerName"], planned)
    for name, row in reuse_table(model, multipliers).items():
        kind, factor, why = strategy(work_of(model.get_layer(name)), row)
        config["LayerName"][name].update(Strategy=kind, ReuseFactor=factor)
        chosen = f"{kind}, reuse {factor}"
        config[CHOICES_KEY].append({"layer": name, "what": "strategy", "range": None, "format": chosen, "why": why})
    return config


def _write(layers: dict[str, dict], planned: Plan) -> None:
    for choice in planned.choices:
        if choice.layer not in layers:
            raise AcceleratorError(f"layer {choice.layer} of hls4ml's graph has no entry in its configuration")
        layers[choice.layer]["Precision"][choice.what] = choice.number
        # A layer without an activation has a linear one of its own, which hls4ml leaves out if both have one format.
        linear = f"{choice.layer}_linear"
        if choice.what == "result" and linear in layers:
            layers[linear]["Precision"]["result"] = choice.number
    for name, settings in planned.settings.items():
        layers[name].update(settings)
