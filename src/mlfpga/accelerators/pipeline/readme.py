"""README.txt of an exported network: one page for someone who writes RTL of their own."""

from mlfpga.accelerators.pipeline.arithmetic import ACCUMULATOR_BITS, MAX_SHIFT, MULTIPLIER_BITS
from mlfpga.accelerators.pipeline.description import layer_rows
from mlfpga.accelerators.pipeline.layers import Argmax, AvgPool2d, Conv2d, Dense, MaxPool2d, ReLU
from mlfpga.accelerators.pipeline.network import Network

_KINDS = {
    Conv2d: "acc[r, c, o] = bias[o] + sum of weight[o, y, x, i] * input[r*down + y - top, c*right + x - left, i]",
    Dense: "acc[o] = bias[o] + sum of weight[o, n] * input[n]; n runs over (row, column, channel), channel fastest",
    AvgPool2d: "acc = sum of each window, channel by channel",
    MaxPool2d: "the largest of each window, channel by channel; pads never win",
    ReLU: "max(input, 0)",
    Argmax: "index of the largest input; of several, the smallest index",
}


def readme(network: Network) -> str:
    """The text; what it explains is only what this network has."""
    shape = " x ".join(str(n) for n in network.input.shape)
    axes = "height x width x channels, channels fastest" if len(network.input.shape) == 3 else "numbers"
    kinds = {type(layer) for layer in network.layers}
    parts = [
        f"{network.name}: an integer network, as numbers for hardware",
        _layer_table(network),
        f"input  {shape} ({axes}), {network.input.type}; real value = {network.input.scale:g} * integer\n"
        f"output {' x '.join(str(n) for n in network.output.shape)}, {network.output.type}; "
        f"real value = {network.output.scale:g} * integer",
        "\n".join(
            ["What the layers compute", *(f"  {k.__name__:9} {text}" for k, text in _KINDS.items() if k in kinds)]
        ),
    ]
    if kinds & {Conv2d, Dense, AvgPool2d}:
        parts += [_arithmetic(network), _files(network)]
    return "\n\n".join(parts) + "\n"


def _layer_table(network: Network) -> str:
    rows = [("layer", "kind", "output", "of", "kernel", "stride", "padding", "weights", "accumulator")]
    for layer, row in zip(network.layers, layer_rows(network), strict=True):
        window = ["x".join(str(n) for n in getattr(layer, name, ())) for name in ("kernel", "stride")]
        padding = ",".join(str(n) for n in getattr(layer, "padding", ()))
        weights = f"{row['weights']} x {row['weight_bits']} bits" if row["weights"] else ""
        accumulator = f"{row['accumulator_bits']} bits" if row["accumulator_bits"] else ""
        output = "x".join(str(n) for n in row["output"])
        rows.append((row["layer"], row["kind"], output, row["type"], *window, padding, weights, accumulator))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n(kernel and stride: down x right; padding: top,bottom,left,right)"


def _arithmetic(network: Network) -> str:
    lines = [
        "Accumulators are exact; the widths above are enough for every input. What is outside the image counts as 0."
    ]
    if any(getattr(layer, "multiplier", None) is not None for layer in network.layers):
        lines += [
            "  output = clamp(floor((acc * multiplier + round) / 2^shift), low, high)",
            "  round  = 2^(shift-1), or 0 if shift is 0: half rounds up. The division is an arithmetic shift right.",
            "  low and high are the ends of the output's type; so an unsigned output is a ReLU.",
        ]
    raw = [layer.name for layer in network.layers if getattr(layer, "multiplier", 0) is None]
    if raw:
        lines.append(f"  {raw[0]} gives its accumulators as they are, sign-extended to {ACCUMULATOR_BITS} bits.")
    return "\n".join(lines)


def _files(network: Network) -> str:
    lines = [
        "The files: network.json has every size and the sha256 of each file. A .hex file holds one number a line, for",
        "$readmemh: two's complement, as many hex digits as the bits need, the digits' bits left over 0.",
        f"  <layer>_biases.hex, {ACCUMULATOR_BITS} bits signed; _multipliers.hex, {MULTIPLIER_BITS} bits unsigned; "
        f"_shifts.hex, {MAX_SHIFT.bit_length()} bits unsigned:",
        "  one number for each output channel (for an AvgPool2d one for all).",
    ]
    for layer in network.layers:
        if isinstance(layer, (Conv2d, Dense)):
            line = "0-based line of [o, n] is o*{1} + n"
            if isinstance(layer, Conv2d):
                line = "0-based line of [o, y, x, i] is ((o*{1} + y)*{2} + x)*{3} + i"
            line = line.format(*layer.weights.shape)
            lines.append(f"  {layer.name}_weights.hex, {layer.weight_bits} bits signed: {line}")
    first = next((layer for layer in network.layers if isinstance(layer, (Conv2d, Dense))), None)
    if first is not None:
        lines += [
            "In SystemVerilog:",
            f"  logic signed [{first.weight_bits - 1}:0] weights [{first.weights.size}];",
            f'  initial $readmemh("{first.name}_weights.hex", weights);  // weights[0] is {first.weights.flat[0]}',
        ]
    return "\n".join(lines)
