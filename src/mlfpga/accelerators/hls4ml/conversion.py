"""From a configured model to an accelerator's folder."""

import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mlfpga.accelerators.contract import Accelerator, AcceleratorError
from mlfpga.accelerators.hls4ml.checks import check_model, check_name
from mlfpga.accelerators.hls4ml.estimate import estimate_graph
from mlfpga.accelerators.hls4ml.graph import convert_graph, naming_errors
from mlfpga.accelerators.hls4ml.streams import split_wide_streams
from mlfpga.artifacts import writing_folder
from mlfpga.formats import FixedPoint, StreamFormat

_HLS = Path(__file__).parent / "hls"
# What to replace in hls4ml's LSTM, and by what.
_LSTM_TYPES = {
    f"nnet::dense<data_T, res_T, typename CONFIG_T::mult_config{matrix}>({call}": (
        f"nnet::dense<{input_type}, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config{matrix}>({call}"
    )
    for matrix, input_type, call in (
        (1, "data_T", "data, tmpres, param, param_b)"),
        (2, "res_T", "h_newstate, tmpres_state, param_r, param_br)"),
    )
}


def convert(
    model,
    config: dict[str, Any],
    name: str,
    folder: Path | str,
    stream_bits: int = 32,
    clock_mhz: float = 100.0,
) -> Accelerator:
    """Write the accelerator of a Keras or QKeras model and return it.

    config       from `configure`, changed at will
    name         a C identifier in lower case: it names the HLS function, the IP and its files
    stream_bits  width of both AXI4-Streams, 32 or 64

    The folder then holds accelerator.json, simulation.json, `hls/` (all that Vitis HLS reads: hls4ml's sources, our
    wrapper, build_ip.tcl) and `ap_types/` (the open arithmetic headers that hls4ml ships, for g++ only). It appears
    whole or not at all. Raises AcceleratorError for a model hls4ml cannot take, FormatError for a stream too narrow.
    """
    check_name(name)
    check_model(model)
    if not 0 < clock_mhz < math.inf:
        raise AcceleratorError(f"a clock of {clock_mhz} MHz is not possible; choose more than 0, usually 100")
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as scratch, writing_folder(folder) as target:
        graph = convert_graph(model, config, name, scratch, clock_mhz)
        accelerator = Accelerator(
            name=name,
            top=f"{name}_axi",
            vlnv=f"mlfpga:hls:{name}_axi:1.0",
            kind="hls4ml",
            input=_stream_format(graph.get_input_variables(), stream_bits),
            output=_stream_format(graph.get_output_variables(), stream_bits),
            folder=target,
            clock_mhz=clock_mhz,
            settings=_settings(graph) | {"estimate": estimate_graph(graph, stream_bits)},
        )
        split_wide_streams(graph, accelerator.input, accelerator.output)
        with naming_errors(f"hls4ml could not write {name}"):
            graph.write()
        _copy_sources(Path(scratch), target, name)
        (x,), (y,) = graph.get_input_variables(), graph.get_output_variables()
        write_wrapper(accelerator, x.type.name, y.type.name, parts=x.type.n_pack)
        write_simulation(accelerator)
        accelerator.save()
    return Accelerator.load(folder)


def _stream_format(variables, stream_bits: int) -> StreamFormat:
    (variable,) = variables
    number = FixedPoint.parse(variable.type.precision.definition_cpp())
    return StreamFormat(number, tuple(variable.shape), stream_bits)


def _settings(graph) -> dict[str, dict[str, Any]]:
    """For each layer in order, what became of the configuration: precisions as C++ types, strategy, reuse factor."""
    layers = {}
    for layer in graph.get_layers():
        types = {key: var.precision.definition_cpp() for key, var in layer.types.items() if hasattr(var, "precision")}
        layers[layer.name] = {
            "kind": layer.class_name,
            "strategy": layer.attributes.get("strategy"),
            "reuse_factor": layer.attributes.get("reuse_factor"),
            "precision": types,
        }
    return {"layers": layers}


def _copy_sources(project: Path, target: Path, name: str) -> None:
    firmware = target / "hls" / "firmware"
    shutil.copytree(project / "firmware", firmware, ignore=shutil.ignore_patterns("ap_types"))
    shutil.copytree(project / "firmware" / "ap_types", target / "ap_types")
    # hls4ml writes its function as if it were the top; inside our wrapper its ports are internal streams.
    source = firmware / f"{name}.cpp"
    lines = source.read_text().splitlines(keepends=True)
    source.write_text("".join(line for line in lines if "#pragma HLS INTERFACE axis" not in line))
    # hls4ml 1.3.0 compiles its other LSTM along with the one it uses, and that one takes a single type for everything.
    recurrent = firmware / "nnet_utils" / "nnet_recurrent.h"
    text = recurrent.read_text()
    for wrong, right in _LSTM_TYPES.items():
        text = text.replace(wrong, right)
    recurrent.write_text(text)


def write_wrapper(accelerator: Accelerator, input_type: str, output_type: str, parts: int = 1) -> None:
    """Write into `hls/` what surrounds the network `void name(hls::stream<input_type> &, hls::stream<output_type> &)`.

    The types are nnet::array of fixed-point numbers, declared by `hls/firmware/<name>.h`. parts: how many of them a
    vector of the input comes in (see streams.py).
    """
    import jinja2

    hls = accelerator.folder / "hls"
    for file in ("mlfpga_axis.h", "build_ip.tcl"):
        shutil.copy(_HLS / file, hls / file)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HLS), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    values = {
        "name": accelerator.name,
        "top": accelerator.top,
        "vlnv": accelerator.vlnv,
        "part": accelerator.part,
        "period_ns": 1000 / accelerator.clock_mhz,
        "stream_bits": accelerator.stream_bits,
        "input": accelerator.input,
        "output": accelerator.output,
        "input_type": input_type,
        "output_type": output_type,
        "sample_depth": max(2, parts),
    }
    for template, file in (
        ("wrapper.h.j2", f"{accelerator.top}.h"),
        ("wrapper.cpp.j2", f"{accelerator.top}.cpp"),
        ("testbench.cpp.j2", "testbench.cpp"),
        ("settings.tcl.j2", "settings.tcl"),
    ):
        (hls / file).write_text(environment.get_template(template).render(values))


def write_simulation(accelerator: Accelerator) -> None:
    """Write simulation.json: what g++ compiles to simulate the wrapper and the network in it."""
    description = {
        "kind": "csim",
        "top": accelerator.top,
        "header": f"{accelerator.top}.h",
        "sources": [f"hls/{accelerator.top}.cpp", f"hls/firmware/{accelerator.name}.cpp"],
        "include": ["hls", "ap_types"],
        "weights": "hls/firmware/weights",
        "stream_bits": accelerator.stream_bits,
        "words_in": accelerator.input.words_per_sample,
        "words_out": accelerator.output.words_per_sample,
    }
    (accelerator.folder / "simulation.json").write_text(json.dumps(description, indent=2) + "\n")
