"""Streams narrow enough for Vitis HLS.

hls4ml streams a whole vector at once, however long: the 784 pixels of a picture make a FIFO of 6,272 bits. Vitis HLS
builds none wider than 4,096 ("Unsupported aggregate pragma … larger than 4096", hls4ml issue 1245). But hls4ml's dense
layers also take and give a vector in equal parts, one after the other, and its element-wise layers work on any part: so
a vector that is too long is streamed in parts.
"""

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.formats import StreamFormat

_WIDEST = 4096
# Far below what is possible: a part is a register on its way through every layer, and wide ones are hard to route.
_PART = 1024
_ELEMENT_WISE = ("Activation", "BatchNormalization")
_CUTS = ("Input", "Dense")


def split_wide_streams(graph, input_format: StreamFormat, output_format: StreamFormat) -> None:
    """Change the types of a converted hls4ml graph, before it is written, so that Vitis HLS takes every stream.

    A vector that crosses the AXI interface is cut only between two of its words: its layout stays what the format says.
    Raises AcceleratorError for a stream that is too wide and cannot be split.
    """
    layers = list(graph.get_layers())
    formats = {graph.inputs[0]: input_format, graph.outputs[0]: output_format}
    for run in _runs(layers):
        widest = max(run, key=_bits)
        if _bits(widest) <= _WIDEST:
            continue
        names = {layer.outputs[0] for layer in run}
        readers = [layer for layer in layers if layer not in run and names & set(layer.inputs)]
        lanes = max(formats[name].lanes if name in formats else 1 for name in names)
        parts = _parts(widest, lanes)
        if run[0].class_name not in _CUTS or any(reader.class_name != "Dense" for reader in readers):
            raise _too_wide(widest, "it could be streamed in parts only between Dense layers")
        if parts is None:
            raise _too_wide(widest, f"it could be streamed in parts only if {lanes} divided its length")
        for layer in run:
            variable = layer.get_output_variable()
            # hls4ml writes this as array<T, n_elem/n_pack>; the FIFO holds one whole vector, as it did before.
            variable.type.n_pack, variable.type.unpack = parts, True
            variable.pragma = ("stream", parts)


def _too_wide(layer, why: str) -> AcceleratorError:
    type_ = layer.get_output_variable().type
    return AcceleratorError(
        f"{layer.name}: {type_.n_elem} values of {type_.precision.width} bits make a stream of {_bits(layer)} bits, "
        f"more than the {_WIDEST} that Vitis HLS takes, and {why}; give it fewer or narrower values"
    )


def _runs(layers) -> list[list]:
    """The layers, grouped: one that cuts the stream anew, and the element-wise ones after it, which pass it on."""
    runs: dict[str, list] = {}
    for layer in layers:
        run = runs[layer.inputs[0]] if layer.class_name in _ELEMENT_WISE else []
        run.append(layer)
        runs[layer.outputs[0]] = run
    return list({id(run): run for run in runs.values()}.values())


def _bits(layer) -> int:
    """Width of the stream that leaves a layer, before it is split."""
    type_ = layer.get_output_variable().type
    return type_.n_elem * type_.precision.width


def _parts(layer, lanes: int) -> int | None:
    """The fewest equal parts of at most _PART bits, each a whole number of words; None if there are none."""
    size = layer.get_output_variable().type.n_elem
    for parts in range(1, size + 1):
        if size % parts == 0 and size // parts % lanes == 0 and _bits(layer) // parts <= _PART:
            return parts
    return None
