"""hls4ml's own view of a model: the graph of layers that it will write as C++, after all that it fuses and inserts."""

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlfpga.accelerators.contract import PART, AcceleratorError
from mlfpga.accelerators.hls4ml import simple_rnn
from mlfpga.accelerators.hls4ml.output import with_output
from mlfpga.accelerators.hls4ml.quiet import quiet

OUTPUT_KEY = "Output"
"""The entry of a configuration that says how the network ends; `configure` writes it, for `convert`."""
_TABLES = ("table", "exp_table", "inv_table", "inv_inp")
CHOICES_KEY = "Choices"
"""The entry of a configuration with the reasons for its formats; `configure` writes it, for `explain`."""


def base_config(model) -> dict[str, Any]:
    """hls4ml's configuration of a model as it comes: every precision `auto`, every reuse factor 1."""
    import hls4ml

    simple_rnn.register()
    with naming_errors(f"hls4ml cannot take {model.name}"):
        return hls4ml.utils.config_from_keras_model(_with_steps(model), granularity="name", backend="Vitis")


def convert_graph(model, config: dict[str, Any], name: str, folder: Path | str, clock_mhz: float = 100.0):
    """The hls4ml ModelGraph of `model`, to be written into `folder`. Raises AcceleratorError with hls4ml's words."""
    import hls4ml

    simple_rnn.register()
    _check_layers(model, config)
    if OUTPUT_KEY in config:
        model = with_output(model, config[OUTPUT_KEY])
    with naming_errors(f"hls4ml could not convert {name}"):
        return hls4ml.converters.convert_from_keras_model(
            _with_steps(model),
            hls_config=_for_hls4ml(config),
            output_dir=str(folder),
            project_name=name,
            backend="Vitis",
            io_type="io_stream",
            part=PART,
            clock_period=1000 / clock_mhz,
        )


def _check_layers(model, config: dict[str, Any]) -> None:
    """hls4ml fills in its defaults for what a configuration leaves out, for all layers if need be."""
    entries = config.get("LayerName")
    missing = [layer.name for layer in model.layers if layer.weights and layer.name not in (entries or {})]
    if entries and missing:
        raise AcceleratorError(
            f"the configuration has no entry for layer {', '.join(missing)} of {model.name}, but for "
            f"{', '.join(entries)}; it belongs to another model: configure this one"
        )


def _with_steps(model):
    """The model, in a form that tells hls4ml 1.3.0 how long the sequences of an Embedding are.

    In a Sequential it asks the layer itself, which knows only if it was given input_length; else the layer before it.
    """
    from tensorflow import keras

    if isinstance(model, keras.Sequential) and any(isinstance(part, keras.layers.Embedding) for part in model.layers):
        return keras.Model(model.inputs, model.outputs, name=model.name)
    return model


def _for_hls4ml(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as hls4ml 1.3.0 obeys it: the formats of tables only under a name of their own.

    Under "Precision", where its own configuration lists them, they have no effect.
    """
    config = {key: value for key, value in config.items() if key not in (OUTPUT_KEY, CHOICES_KEY)}
    layers = config.get("LayerName", {})
    return config | {
        "LayerName": {
            name: entry | {f"{what}_t": text for what, text in entry.get("Precision", {}).items() if what in _TABLES}
            for name, entry in layers.items()
        }
    }


@contextmanager
def unwritten_graph(model, config: dict[str, Any]):
    """The graph for reading alone: what stands in it, with which weights and types."""
    with tempfile.TemporaryDirectory() as scratch:
        yield convert_graph(model, config, "unwritten", scratch)


@contextmanager
def naming_errors(what: str):
    """hls4ml raises bare Exception for most of what it refuses; each becomes an AcceleratorError that says `what`."""
    try:
        with quiet():
            yield
    except Exception as error:
        raise AcceleratorError(f"{what}: {error or type(error).__name__}") from error


def precision(type_) -> str | None:
    """A type of hls4ml as C++ writes it, e.g. "ap_fixed<16,6>"; None for one that is no number."""
    return type_.precision.definition_cpp() if hasattr(type_, "precision") else None
