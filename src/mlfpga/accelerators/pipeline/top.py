"""The top module of a pipeline: readable SystemVerilog, one instance a block, streams s0, s1, … between them."""

import textwrap
from collections.abc import Sequence

from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, MaxPool2d, ReLU
from mlfpga.accelerators.pipeline.plan import Plan
from mlfpga.accelerators.pipeline.stages import Block, blocks, input_format, output_format

SAMPLES = 16
"""Samples that may be inside at once with all their words: far more than fit a pipeline of a few layers."""


def top_module(plan: Plan, name: str) -> str:
    """The text of `<name>.sv`, the module `name` that keeps the accelerator contract. Raises PlanError as `blocks`."""
    chain = blocks(plan, name)
    body = "\n".join(_part(plan, chain, index) for index in range(len(chain)))
    return (
        f"{_header(plan, name, chain)}\n{_ports(name, plan.stream_bits)}\n{_door(plan, len(chain))}\n{body}endmodule\n"
    )


def _header(plan: Plan, name: str, chain: Sequence[Block]) -> str:
    network, source, sink = plan.network, input_format(plan), output_format(plan)
    rows = [("layer", "what it does", "from", "to")]
    for layer, tensor in zip(network.layers, network.tensors, strict=True):
        rows.append((layer.name, _what(layer), _shape(tensor), _shape(layer.output)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]) for row in rows
    ]
    lines = [
        f"The network {network.name} as a pipeline: every layer works at the same time, each on what the one before it",
        "has already given. Made by mlfpga; the blocks are explained in their own files.",
        "",
        *table,
        "",
        f"s_axis         {source.words_per_sample} words a sample: {_words(source)}",
        f"m_axis         {sink.words_per_sample} words a result: {_words(sink)}",
        "               Its last word carries TLAST if its sample's last word did. TKEEP and TSTRB are all ones.",
        "s_axi_control  registers of ap_ctrl_hs, see ap_control.sv",
        "",
        "Each stream s0, s1, … says what a beat of it is: pixels x channels x bits, pixel 0 and channel 0 lowest.",
    ]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines).rstrip("\n")


def _what(layer) -> str:
    if isinstance(layer, Conv2d | MaxPool2d | AvgPool2d):
        kind = {Conv2d: "convolution", MaxPool2d: "maximum of", AvgPool2d: "average of"}[type(layer)]
        said = f"{kind} {layer.kernel[0]}x{layer.kernel[1]}"
        if layer.stride != (1, 1):
            down, right = layer.stride
            said += f", stride {down}" if down == right else f", stride {down}x{right}"
        if len(set(layer.padding)) > 1:
            top, bottom, left, right = layer.padding
            said += f", padding {top}+{bottom} rows and {left}+{right} columns"
        elif layer.padding[0]:
            said += f", padding {layer.padding[0]}"
    elif isinstance(layer, Dense):
        said = "fully connected"
    else:
        said = "max(x, 0)" if isinstance(layer, ReLU) else "index of the largest"
    if isinstance(layer, Conv2d | Dense):
        said += f", {layer.weight_bits}-bit weights"
    return said


def _shape(tensor) -> str:
    return f"{'x'.join(map(str, tensor.shape))} of {tensor.type}"


def _words(form) -> str:
    lanes = f"numbers of {form.number.width} bits in lanes of {form.lane_bits}"
    if form.groups == 1:
        return f"{form.elements_per_group} {lanes}"
    return f"{form.groups} groups of {form.elements_per_group}, each from a new word on; {lanes}"


def _ports(name: str, stream_bits: int) -> str:
    data, keep = (f"[{bits - 1}:0]".ljust(6) for bits in (stream_bits, stream_bits // 8))
    return f"""module {name} (
    input  logic        ap_clk,
    input  logic        ap_rst_n,
    /* verilator lint_off SYMRSVDWORD */  // the name that Vitis HLS gives it
    output logic        interrupt,
    /* verilator lint_on SYMRSVDWORD */

    input  logic {data} s_axis_TDATA,
    /* verilator lint_off UNUSEDSIGNAL */  // every word is whole
    input  logic {keep} s_axis_TKEEP,
    input  logic {keep} s_axis_TSTRB,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic        s_axis_TLAST,
    input  logic        s_axis_TVALID,
    output logic        s_axis_TREADY,

    output logic {data} m_axis_TDATA,
    output logic {keep} m_axis_TKEEP,
    output logic {keep} m_axis_TSTRB,
    output logic        m_axis_TLAST,
    output logic        m_axis_TVALID,
    input  logic        m_axis_TREADY,

    input  logic [3:0]  s_axi_control_AWADDR,
    input  logic        s_axi_control_AWVALID,
    output logic        s_axi_control_AWREADY,
    input  logic [31:0] s_axi_control_WDATA,
    input  logic [3:0]  s_axi_control_WSTRB,
    input  logic        s_axi_control_WVALID,
    output logic        s_axi_control_WREADY,
    output logic [1:0]  s_axi_control_BRESP,
    output logic        s_axi_control_BVALID,
    input  logic        s_axi_control_BREADY,
    input  logic [3:0]  s_axi_control_ARADDR,
    input  logic        s_axi_control_ARVALID,
    output logic        s_axi_control_ARREADY,
    output logic [31:0] s_axi_control_RDATA,
    output logic [1:0]  s_axi_control_RRESP,
    output logic        s_axi_control_RVALID,
    input  logic        s_axi_control_RREADY
);
"""


def _door(plan: Plan, last: int) -> str:
    return f"""    // The registers, and the door: samples come in after a start, results leave with their TLAST.

    logic start, ready, done, idle;
{_stream(0, plan.stream_bits, "a word")}
{_stream(last, plan.stream_bits, "a word")}

    ap_control registers (
        .clk(ap_clk),
        .rst_n(ap_rst_n),
        .start,
        .ready,
        .done,
        .idle,
        .interrupt_request(interrupt),
        .s_axi_control_AWADDR,
        .s_axi_control_AWVALID,
        .s_axi_control_AWREADY,
        .s_axi_control_WDATA,
        .s_axi_control_WSTRB,
        .s_axi_control_WVALID,
        .s_axi_control_WREADY,
        .s_axi_control_BRESP,
        .s_axi_control_BVALID,
        .s_axi_control_BREADY,
        .s_axi_control_ARADDR,
        .s_axi_control_ARVALID,
        .s_axi_control_ARREADY,
        .s_axi_control_RDATA,
        .s_axi_control_RRESP,
        .s_axi_control_RVALID,
        .s_axi_control_RREADY
    );

    samples #(
        .WORD_BITS({plan.stream_bits}),
        .WORDS_IN({input_format(plan).words_per_sample}),
        .WORDS_OUT({output_format(plan).words_per_sample}),
        .SAMPLES({SAMPLES})
    ) door (
        .clk(ap_clk),
        .rst_n(ap_rst_n),
        .start,
        .ready,
        .done,
        .idle,
        .s_axis_tdata(s_axis_TDATA),
        .s_axis_tlast(s_axis_TLAST),
        .s_axis_tvalid(s_axis_TVALID),
        .s_axis_tready(s_axis_TREADY),
        .to_pipeline_tdata(s0_tdata),
        .to_pipeline_tvalid(s0_tvalid),
        .to_pipeline_tready(s0_tready),
        .from_pipeline_tdata(s{last}_tdata),
        .from_pipeline_tvalid(s{last}_tvalid),
        .from_pipeline_tready(s{last}_tready),
        .m_axis_tdata(m_axis_TDATA),
        .m_axis_tlast(m_axis_TLAST),
        .m_axis_tvalid(m_axis_TVALID),
        .m_axis_tready(m_axis_TREADY)
    );

    assign m_axis_TKEEP = '1;
    assign m_axis_TSTRB = '1;
"""


def _stream(index: int, bits: int, beat: str) -> str:
    return f"    logic [{bits - 1}:0] s{index}_tdata;  // {beat}\n    logic s{index}_tvalid, s{index}_tready;"


def _part(plan: Plan, chain: Sequence[Block], index: int) -> str:
    """One block: before the first of a layer what that layer does, then the stream that it gives, then the instance."""
    block, lines = chain[index], []
    if index == 0 or chain[index - 1].layer != block.layer:
        lines += [f"    // {block.layer}: {_purpose(plan, block.layer)}", ""]
    if index < len(chain) - 1:
        lines += [_stream(index + 1, block.gives.width, str(block.gives)), ""]
    parameters = ", ".join(f".{key}({_value(value)})" for key, value in block.parameters.items())
    indented = textwrap.wrap(parameters, 112, break_long_words=False, break_on_hyphens=False)
    ports = [
        f".{side}_t{signal}(s{number}_t{signal})"
        for side, number in (("s_axis", index), ("m_axis", index + 1))
        for signal in ("data", "valid", "ready")
    ]
    lines += [
        f"    {block.module} #(",
        *(f"        {line}" for line in indented),
        f"    ) {block.name} (",
        "        .clk(ap_clk), .rst_n(ap_rst_n),",
        f"        {', '.join(ports[:3])},",
        f"        {', '.join(ports[3:])}",
        "    );",
    ]
    return "\n".join(lines) + "\n"


def _purpose(plan: Plan, name: str) -> str:
    layers = {layer.name: layer for layer in plan.network.layers}
    if name in layers:
        return _what(layers[name])
    return {"input": "words become numbers", "output": "numbers become words"}[name]


def _value(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
