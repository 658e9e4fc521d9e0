"""The top module: register slices, the processes, the FIFOs between them, and the start of each by the one before."""

from mlfpga.course.figures.export.network import Network
from mlfpga.course.figures.export.processes import head

FIFO_DEPTH = 16
START_DEPTH = 3
ADDRESS_BITS = 4
BUS = (
    *(("AWVALID", "input", 1), ("AWREADY", "output", 1), ("AWADDR", "input", ADDRESS_BITS)),
    *(("WVALID", "input", 1), ("WREADY", "output", 1), ("WDATA", "input", 32), ("WSTRB", "input", 4)),
    *(("ARVALID", "input", 1), ("ARREADY", "output", 1), ("ARADDR", "input", ADDRESS_BITS)),
    *(("RVALID", "output", 1), ("RREADY", "input", 1), ("RDATA", "output", 32), ("RRESP", "output", 2)),
    *(("BVALID", "output", 1), ("BREADY", "input", 1), ("BRESP", "output", 2)),
)
STREAM = (("TDATA", 32), ("TKEEP", 4), ("TSTRB", 4), ("TLAST", 1))


def ports() -> list[tuple[str, str, int]]:
    """(direction, name, bits) of every port of the top module."""
    found = [(direction, f"s_axi_control_{name}", bits) for name, direction, bits in BUS]
    found += [("input", "ap_clk", 1), ("input", "ap_rst_n", 1), ("output", "interrupt", 1)]
    for stream, ahead, back in (("in_r", "input", "output"), ("out_r", "output", "input")):
        found += [(ahead, f"{stream}_{name}", bits) for name, bits in STREAM]
        found += [(ahead, f"{stream}_TVALID", 1), (back, f"{stream}_TREADY", 1)]
    return found


def fifos(network: Network) -> dict[str, tuple[int, int]]:
    """FIFO module -> (bits, depth)."""
    needed = {f"{network.top}_fifo_w{bits}_d{FIFO_DEPTH}_S": (bits, FIFO_DEPTH) for bits in _link_bits(network)}
    starts = {f"{network.top}_start_for_{name}_U0": (1, START_DEPTH) for name in process_names(network)[1:]}
    return needed | starts


def process_names(network: Network) -> list[str]:
    return ["Loop_INPUT_LOOP_proc", *(layer.name for layer in network.layers), "Loop_OUTPUT_LOOP_proc"]


def top_module(network: Network) -> str:
    """The text of the top module."""
    top, names, widths = network.top, process_names(network), _link_bits(network)
    wires, instances = [], []
    for index, name in enumerate(names):
        first, last = index == 0, index == len(names) - 1
        wires += [f"wire    {name}_U0_{pin};" for pin in ("ap_start", "ap_done", "ap_idle", "ap_ready", "start_write")]
        wires += [f"wire    {name}_U0_start_full_n;"]
        pins = {pin: f"{name}_U0_{pin}" for pin in ("ap_start", "ap_done", "ap_idle", "ap_ready", "start_write")}
        pins |= {"ap_clk": "ap_clk", "ap_rst": "ap_rst_n_inv", "start_full_n": f"{name}_U0_start_full_n"}
        before, after = ("in_r_int" if first else f"link{index - 1}"), ("out_r_int" if last else f"link{index}")
        pins |= {"in_dout": f"{before}_dout", "in_empty_n": f"{before}_empty_n", "in_read": f"{before}_read"}
        pins |= {"out_din": f"{after}_din", "out_full_n": f"{after}_full_n", "out_write": f"{after}_write"}
        if last:
            pins["out_last"] = "out_r_int_last"
        instances.append(_instance(f"{top}_{name}", f"{name}_U0", pins))
        if last:
            instances.append(f"assign {name}_U0_start_full_n = 1'b1;\n")
            continue
        wires += [f"wire    link{index}_{pin};" for pin in ("empty_n", "read", "full_n", "write")]
        wires += [f"wire   [{widths[index] - 1}:0] link{index}_{pin};" for pin in ("dout", "din")]
        pins = {"if_full_n": "full_n", "if_write": "write", "if_din": "din"}
        pins |= {"if_empty_n": "empty_n", "if_read": "read", "if_dout": "dout"}
        wired = {pin: f"link{index}_{net}" for pin, net in pins.items()}
        instances.append(_fifo(f"{top}_fifo_w{widths[index]}_d{FIFO_DEPTH}_S", f"link{index}_U", wired))
        behind = names[index + 1]
        starts = {"if_full_n": f"{name}_U0_start_full_n", "if_write": f"{name}_U0_start_write", "if_din": "1'b1"}
        starts |= {"if_empty_n": f"{behind}_U0_ap_start", "if_read": f"{behind}_U0_ap_ready", "if_dout": ""}
        instances.append(_fifo(f"{top}_start_for_{behind}_U0", f"start_for_{behind}_U0_U", starts))
    idle = " & ".join(f"{name}_U0_ap_idle" for name in names)
    bus = {name: f"s_axi_control_{name}" for name, _, _ in BUS}
    bus |= {"ACLK": "ap_clk", "ARESET": "ap_rst_n_inv", "ACLK_EN": "1'b1", "interrupt": "interrupt"}
    bus |= {name: name for name in ("ap_start", "ap_done", "ap_ready", "ap_idle")}
    inside = [f"in_r_int_{pin}" for pin in ("dout", "empty_n", "read")]
    source = _slice(top, "in_r_V_data", 32, "in_r_TDATA", "in_r_TVALID", "in_r_TREADY", *inside)
    inside = ["{out_r_int_last, out_r_int_din}", "out_r_int_write", "out_r_int_full_n"]
    sink = _slice(top, "out_r_V_data", 33, *inside, "{out_r_TLAST, out_r_TDATA}", "out_r_TVALID", "out_r_TREADY")
    body = f"""
wire    ap_rst_n_inv;
wire    ap_start;
wire    ap_done;
wire    ap_ready;
wire    ap_idle;
wire   [31:0] in_r_int_dout;
wire    in_r_int_empty_n;
wire    in_r_int_read;
wire   [31:0] out_r_int_din;
wire    out_r_int_full_n;
wire    out_r_int_write;
wire    out_r_int_last;
{chr(10).join(wires)}

assign ap_rst_n_inv = ~ap_rst_n;

{_instance(f"{top}_control_s_axi", "control_s_axi_U", bus)}
{source}
{sink}
{chr(10).join(instances)}
assign {names[0]}_U0_ap_start = ap_start;

assign ap_ready = {names[0]}_U0_ap_ready;

assign ap_done = {names[-1]}_U0_ap_done;

assign ap_idle = {idle};

assign out_r_TKEEP = 4'd15;

assign out_r_TSTRB = 4'd15;

endmodule
"""
    return head(top, ports()) + body


def _link_bits(network: Network) -> list[int]:
    return [16, *(16 * layer.channels_out for layer in network.layers)]


def _instance(module: str, name: str, pins: dict[str, str]) -> str:
    return f"{module} {name}(\n" + ",\n".join(f"    .{pin}({net})" for pin, net in pins.items()) + "\n);\n"


def _fifo(module: str, name: str, pins: dict[str, str]) -> str:
    common = {"clk": "ap_clk", "reset": "ap_rst_n_inv", "if_write_ce": "1'b1", "if_read_ce": "1'b1"}
    return _instance(module, name, common | pins)


def _slice(top: str, name: str, bits: int, *nets: str) -> str:
    pins = ("data_in", "vld_in", "ack_in", "data_out", "vld_out", "ack_out")
    wired = {"ap_clk": "ap_clk", "ap_rst": "ap_rst_n_inv"} | dict(zip(pins, nets, strict=True))
    return _instance(f"{top}_regslice_both #(\n    .DataWidth( {bits} ))", f"regslice_both_{name}_U", wired)
