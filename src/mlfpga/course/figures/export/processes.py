"""The processes of the dataflow, each a module with its own state machine, and the functions they call."""

from mlfpga.course.figures.export.listing import Listing, Products, literal, nonzero, tree
from mlfpga.course.figures.export.network import TABLE_BITS, Layer

# States in which a dense layer multiplies, as HLS spreads its operations when the interval allows it.
DENSE_STEPS = 6
# Terms that a convolution sums before a register.
_GROUP = 4


def head(module: str, ports: list[tuple[str, str, int]], parameters: str = "") -> str:
    """The beginning of a module: (direction, name, bits) of each port, one a line, twice, as HLS writes them."""
    names = ",\n".join(f"        {name}" for _, name, _ in ports)
    declared = "\n".join(f"{direction}  {_range(bits)}{name};" for direction, name, bits in ports)
    return f"`timescale 1 ns / 1 ps\n\nmodule {module} (\n{names}\n);\n\n{parameters}{declared}\n\n"


def handshake() -> list[tuple[str, str, int]]:
    """Ports of a process that starts when the one before it has started, and starts the one behind it."""
    inputs = ("ap_clk", "ap_rst", "ap_start", "start_full_n")
    outputs = ("ap_done", "ap_idle", "ap_ready", "start_write")
    return [("input", name, 1) for name in inputs] + [("output", name, 1) for name in outputs]


def pipelined_sums(top: str, module: str, layer: Layer, multipliers: set[str]) -> str:
    """All sums of one window, new operands every cycle: registers behind small groups, and behind the sums."""
    listing, operands = Listing(), _operands(layer)
    products = Products(listing, top, multipliers)
    sums = []
    for channel in range(layer.channels_out):
        terms = nonzero(layer.weights[..., channel].reshape(-1))
        groups = []
        for at in range(0, len(terms), _GROUP):
            group = tree(listing, [products.of(operands[index], weight) for index, weight in terms[at : at + _GROUP]])
            groups.append(listing.register("add_ln58", 16, group, "ap_ce"))
        total = tree(listing, [*groups, literal(layer.bias[channel])])
        sums.append(listing.register("acc", 16, total, "ap_ce"))
    returned = "\n".join(f"assign ap_return_{i} = {name};\n" for i, name in enumerate(sums))
    ports = [("input", "ap_clk", 1), ("input", "ap_rst", 1), ("input", "ap_ce", 1)]
    return f"{head(module, ports + _numbers(layer))}{listing.text}\n{returned}\nendmodule\n"


def stepped_sums(top: str, module: str, layer: Layer, multipliers: set[str]) -> str:
    """All sums of one vector in a few states, each with its part of the products."""
    listing, operands = Listing(), _operands(layer)
    products = Products(listing, top, multipliers)
    share = -(-len(operands) // DENSE_STEPS)
    last = f"1'b1 == ap_CS_fsm_state{DENSE_STEPS + 1}"
    sums = []
    for channel in range(layer.channels_out):
        terms = nonzero(layer.weights[..., channel].reshape(-1))
        parts = []
        for step in range(DENSE_STEPS):
            mine = [products.of(operands[i], w) for i, w in terms if i // share == step]
            if mine:
                enable = f"1'b1 == ap_CS_fsm_state{step + 1}"
                parts.append(listing.register("add_ln58", 16, tree(listing, mine), enable))
        sums.append(listing.register("acc", 16, tree(listing, [*parts, literal(layer.bias[channel])]), last))
    returned = "\n".join(f"assign ap_return_{i} = {name};\n" for i, name in enumerate(sums))
    ports = [("input", name, 1) for name in ("ap_clk", "ap_rst", "ap_start")]
    ports += [("output", name, 1) for name in ("ap_done", "ap_idle", "ap_ready")]
    moves = [("ap_start == 1'b1", 2), *(("1'b1 == 1'b1", state) for state in range(3, DENSE_STEPS + 3))]
    states = [(index + 1, [(condition, goal)]) for index, (condition, goal) in enumerate(moves)]
    states.append((DENSE_STEPS + 2, [("1'b1 == 1'b1", 1)]))
    done = f"ap_CS_fsm_state{DENSE_STEPS + 2}"
    return (
        f"{head(module, ports + _numbers(layer), state_parameters(len(states)))}{state_machine(states)}\n"
        f"assign ap_done = {done};\n\nassign ap_ready = {done};\n\n"
        f"assign ap_idle = (ap_CS_fsm_state1 & ~ap_start);\n\n{listing.text}\n{returned}\nendmodule\n"
    )


def convolution(top: str, module: str, layer: Layer) -> str:
    """Reads a position, shifts it into the window, and gives a result whenever a window is complete.

    A pipeline that stands still as a whole: iteration 0 reads, 1 sums groups, 2 sums, 3 looks up, 4 writes.
    """
    counter = max(1, (layer.length - 1).bit_length())
    complete = f"(i_fu >= {counter}'d{layer.window - 1})"
    phase_bits = max(1, (layer.stride - 1).bit_length())
    states = [
        (1, [("(real_start == 1'b1)", 2)]),
        (2, [("((ap_block_pp0 == 1'b0) & (iter0 == 1'b0) & (pipeline_empty == 1'b1))", 3)]),
        (3, [("1'b1 == 1'b1", 1)]),
    ]
    shifts = [f"        {name} <= {_shifted_from(layer, name)};" for name in _operands(layer)]
    body = f"""
reg   start_once_reg;
wire  real_start;
wire  ap_block_pp0;
wire  pipeline_empty;
wire  pp0_ce;
reg   iter0;
reg   iter1;
reg   iter2;
reg   iter3;
reg   iter4;
reg   emit1;
reg   emit2;
reg   emit3;
reg   emit4;
reg   {_range(counter)}i_fu;
reg   {_range(phase_bits)}phase_fu;
{_declared("reg  ", _operands(layer), 16)}
{_declared("wire ", _returns(layer), 16)}
{_declared("wire ", _looked_up(layer), 16)}

{_start_logic("ap_CS_fsm_state3")}
assign ap_block_pp0 = ((iter0 == 1'b1) & (in_empty_n == 1'b0)) | ((iter4 & emit4) & (out_full_n == 1'b0));

assign pp0_ce = (1'b1 == ap_CS_fsm_state2) & (ap_block_pp0 == 1'b0);

assign pipeline_empty = ~(iter1 | iter2 | iter3 | iter4);

assign in_read = pp0_ce & iter0;

assign out_write = pp0_ce & iter4 & emit4;

assign out_din = {{{", ".join(reversed(_looked_up(layer)))}}};

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        iter0 <= 1'b0;
    end else if ((1'b1 == ap_CS_fsm_state1) & (real_start == 1'b1)) begin
        iter0 <= 1'b1;
    end else if ((pp0_ce == 1'b1) & (i_fu == {counter}'d{layer.length - 1})) begin
        iter0 <= 1'b0;
    end
end

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        iter1 <= 1'b0;
        iter2 <= 1'b0;
        iter3 <= 1'b0;
        iter4 <= 1'b0;
    end else if (pp0_ce == 1'b1) begin
        iter1 <= iter0;
        iter2 <= iter1;
        iter3 <= iter2;
        iter4 <= iter3;
    end
end

always @ (posedge ap_clk) begin
    if (pp0_ce == 1'b1) begin
        emit1 <= {complete} & (phase_fu == {phase_bits}'d0);
        emit2 <= emit1;
        emit3 <= emit2;
        emit4 <= emit3;
    end
end

always @ (posedge ap_clk) begin
    if ((1'b1 == ap_CS_fsm_state1) & (real_start == 1'b1)) begin
        i_fu <= {counter}'d0;
        phase_fu <= {phase_bits}'d0;
    end else if ((pp0_ce == 1'b1) & (iter0 == 1'b1)) begin
        i_fu <= i_fu + {counter}'d1;
        if ({complete}) begin
            phase_fu <= (phase_fu == {phase_bits}'d{layer.stride - 1}) ? {phase_bits}'d0 : phase_fu + {phase_bits}'d1;
        end
    end
end

always @ (posedge ap_clk) begin
    if ((pp0_ce == 1'b1) & (iter0 == 1'b1)) begin
{chr(10).join(shifts)}
    end
end

{_call(f"{module}_mult", layer, {"ap_clk": "ap_clk", "ap_rst": "ap_rst", "ap_ce": "pp0_ce"})}
{_lookup(top, layer, "pp0_ce")}
"""
    return f"{head(module, _process_ports(layer), state_parameters(3))}{state_machine(states)}{body}\nendmodule\n"


def dense(top: str, module: str, layer: Layer) -> str:
    """Gathers the whole vector, sums in a few states, looks up, and writes one word."""
    counter = max(1, (layer.length - 1).bit_length())
    states = [
        (1, [("(real_start == 1'b1)", 2)]),
        (2, [(f"((in_empty_n == 1'b1) & (i_fu == {counter}'d{layer.length - 1}))", 3)]),
        (3, [("1'b1 == 1'b1", 4)]),
        (4, [("(sums_ap_done == 1'b1)", 5)]),
        (5, [("1'b1 == 1'b1", 6)]),
        (6, [("(out_full_n == 1'b1)", 1)]),
    ]
    gathers = "\n".join(
        f"always @ (posedge ap_clk) begin\n"
        f"    if ((in_read == 1'b1) & (i_fu == {counter}'d{position})) begin\n"
        + "\n".join(
            f"        {_operand(position, channel)} <= in_dout[{16 * channel + 15}:{16 * channel}];"
            for channel in range(layer.channels_in)
        )
        + "\n    end\nend\n"
        for position in range(layer.length)
    )
    control = {"ap_start": "1'b1 == ap_CS_fsm_state3"}
    control |= {"ap_done": "sums_ap_done", "ap_idle": "sums_ap_idle", "ap_ready": "sums_ap_ready"}
    body = f"""
reg   start_once_reg;
wire  real_start;
wire  sums_ap_done;
wire  sums_ap_idle;
wire  sums_ap_ready;
reg   {_range(counter)}i_fu;
{_declared("reg  ", _operands(layer), 16)}
{_declared("wire ", _returns(layer), 16)}
{_declared("wire ", _looked_up(layer), 16)}

{_start_logic("out_write")}
assign in_read = (1'b1 == ap_CS_fsm_state2) & (in_empty_n == 1'b1);

assign out_write = (1'b1 == ap_CS_fsm_state6) & (out_full_n == 1'b1);

assign out_din = {{{", ".join(reversed(_looked_up(layer)))}}};

always @ (posedge ap_clk) begin
    if ((1'b1 == ap_CS_fsm_state1)) begin
        i_fu <= {counter}'d0;
    end else if (in_read == 1'b1) begin
        i_fu <= i_fu + {counter}'d1;
    end
end

{gathers}
{_call(f"{module}_mult", layer, {"ap_clk": "ap_clk", "ap_rst": "ap_rst"} | control)}
{_lookup(top, layer, "(1'b1 == ap_CS_fsm_state5)")}
"""
    return f"{head(module, _process_ports(layer), state_parameters(6))}{state_machine(states)}{body}\nendmodule\n"


def input_loop(module: str, words: int) -> str:
    """Takes the words of one sample from the stream, their lower 16 bits."""
    return _loop(module, words, 16, "in_dout[15:0]", "", "1'b1")


def output_loop(module: str, words: int, channels: int) -> str:
    """Gives one word for each channel of each position, sign-extended, and TLAST with the last of the sample."""
    bits = max(1, (channels - 1).bit_length())
    picks = "".join(f"            {bits}'d{c} : picked = in_dout[{16 * c + 15}:{16 * c}];\n" for c in range(channels))
    body = f"""
reg   {_range(bits)}channel_fu;
reg   [15:0] picked;

always @ (*) begin
    case (channel_fu)
{picks}            default : picked = 16'd0;
    endcase
end

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        channel_fu <= {bits}'d0;
    end else if (moves == 1'b1) begin
        channel_fu <= (channel_fu == {bits}'d{channels - 1}) ? {bits}'d0 : channel_fu + {bits}'d1;
    end
end

assign out_last = (i_fu == last_i);
"""
    last_channel = f"(channel_fu == {bits}'d{channels - 1})"
    return _loop(module, words, 16 * channels, "{{16{picked[15]}}, picked}", body, last_channel)


def _loop(module: str, words: int, bits_in: int, value: str, body: str, reads: str) -> str:
    """A process that moves `words` words in a sample, one a cycle."""
    counter = max(1, (words - 1).bit_length())
    gives_stream = "out_last" in body
    bits = 32 if gives_stream else 16
    ports = handshake() + [("input", "in_dout", bits_in if gives_stream else 32), ("input", "in_empty_n", 1)]
    ports += [("output", "in_read", 1), ("output", "out_din", bits), ("input", "out_full_n", 1)]
    ports += [("output", "out_write", 1)] + ([("output", "out_last", 1)] if gives_stream else [])
    states = [
        (1, [("(real_start == 1'b1)", 2)]),
        (2, [("((moves == 1'b1) & (i_fu == last_i))", 3)]),
        (3, [("1'b1 == 1'b1", 1)]),
    ]
    return f"""{head(module, ports, state_parameters(3))}{state_machine(states)}
reg   start_once_reg;
wire  real_start;
wire  moves;
wire  {_range(counter)}last_i;
reg   {_range(counter)}i_fu;
{_start_logic("ap_CS_fsm_state3")}{body}
assign last_i = {counter}'d{words - 1};

assign moves = (1'b1 == ap_CS_fsm_state2) & (in_empty_n == 1'b1) & (out_full_n == 1'b1);

assign in_read = moves & {reads};

assign out_write = moves;

assign out_din = {value};

always @ (posedge ap_clk) begin
    if ((1'b1 == ap_CS_fsm_state1)) begin
        i_fu <= {counter}'d0;
    end else if (moves == 1'b1) begin
        i_fu <= i_fu + {counter}'d1;
    end
end

endmodule
"""


def state_parameters(states: int) -> str:
    """One-hot codes."""
    lines = [f"parameter    ap_ST_fsm_state{s} = {states}'d{1 << (s - 1)};" for s in range(1, states + 1)]
    return "\n".join(lines) + "\n\n"


def state_machine(states: list[tuple[int, list[tuple[str, int]]]]) -> str:
    """A one-hot machine: for each state the conditions under which it goes on, and where to; else it stays."""
    count = len(states)
    flags = "".join(
        f"wire    ap_CS_fsm_state{s};\nassign ap_CS_fsm_state{s} = ap_CS_fsm[32'd{s - 1}];\n\n" for s, _ in states
    )
    cases = ""
    for state, moves in states:
        cases += f"        ap_ST_fsm_state{state} : begin\n"
        for index, (condition, goal) in enumerate(moves):
            cases += f"            {'end else ' if index else ''}if ({condition}) begin\n"
            cases += f"                ap_NS_fsm = ap_ST_fsm_state{goal};\n"
        cases += f"            end else begin\n                ap_NS_fsm = ap_ST_fsm_state{state};\n            end\n"
        cases += "        end\n"
    return (
        f'(* fsm_encoding = "none" *) reg   [{count - 1}:0] ap_CS_fsm;\nreg   [{count - 1}:0] ap_NS_fsm;\n{flags}'
        "initial begin\n#0 ap_CS_fsm = 'd1;\nend\n\n"
        "always @ (posedge ap_clk) begin\n    if (ap_rst == 1'b1) begin\n        ap_CS_fsm <= ap_ST_fsm_state1;\n"
        "    end else begin\n        ap_CS_fsm <= ap_NS_fsm;\n    end\nend\n\n"
        f"always @ (*) begin\n    case (ap_CS_fsm)\n{cases}"
        "        default : begin\n            ap_NS_fsm = 'bx;\n        end\n    endcase\nend\n\n"
    )


def _start_logic(ready: str) -> str:
    """Start propagation: the process behind is told once for each start."""
    return f"""
assign real_start = ((start_full_n == 1'b0) & (start_once_reg == 1'b0)) ? 1'b0 : ap_start;

assign start_write = real_start & ~start_once_reg;

assign ap_ready = {ready};

assign ap_done = {ready};

assign ap_idle = (1'b1 == ap_CS_fsm_state1) & (real_start == 1'b0);

always @ (posedge ap_clk) begin
    if (ap_rst == 1'b1) begin
        start_once_reg <= 1'b0;
    end else begin
        if ((real_start == 1'b1) & (ap_ready == 1'b0)) begin
            start_once_reg <= 1'b1;
        end else if (ap_ready == 1'b1) begin
            start_once_reg <= 1'b0;
        end
    end
end
"""


def _process_ports(layer: Layer) -> list[tuple[str, str, int]]:
    return handshake() + [
        ("input", "in_dout", 16 * layer.channels_in),
        ("input", "in_empty_n", 1),
        ("output", "in_read", 1),
        ("output", "out_din", 16 * layer.channels_out),
        ("input", "out_full_n", 1),
        ("output", "out_write", 1),
    ]


def _numbers(layer: Layer) -> list[tuple[str, str, int]]:
    operands = [("input", name, 16) for name in _operands(layer)]
    return operands + [("output", f"ap_return_{channel}", 16) for channel in range(layer.channels_out)]


def _operand(place: int, channel: int) -> str:
    return f"data_{place}_{channel}_val"


def _operands(layer: Layer) -> list[str]:
    return [_operand(place, channel) for place in range(layer.window) for channel in range(layer.channels_in)]


def _shifted_from(layer: Layer, name: str) -> str:
    place, channel = map(int, name.split("_")[1:3])
    if place + 1 < layer.window:
        return _operand(place + 1, channel)
    return f"in_dout[{16 * channel + 15}:{16 * channel}]"


def _returns(layer: Layer) -> list[str]:
    return [f"grp_mult_ap_return_{channel}" for channel in range(layer.channels_out)]


def _looked_up(layer: Layer) -> list[str]:
    return [f"act_{channel}_q" for channel in range(layer.channels_out)]


def _declared(kind: str, names: list[str], bits: int) -> str:
    return "\n".join(f"{kind} {_range(bits)}{name};" for name in names)


def _call(module: str, layer: Layer, control: dict[str, str]) -> str:
    pins = control | {name: name for name in _operands(layer)}
    pins |= {f"ap_return_{channel}": name for channel, name in enumerate(_returns(layer))}
    return f"{module} grp_mult(\n" + ",\n".join(f"    .{pin}({net})" for pin, net in pins.items()) + "\n);\n"


def _lookup(top: str, layer: Layer, enable: str) -> str:
    """The activation: its table's read port for each channel, or, without a table, a register as long."""
    names = zip(_returns(layer), _looked_up(layer), strict=True)
    if not layer.tabled:
        return "\n".join(
            f"reg   [15:0] {value}_reg;\n\nassign {held} = {value}_reg;\n\nalways @ (posedge ap_clk) begin\n"
            f"    if ({enable}) begin\n        {value}_reg <= {value};\n    end\nend\n"
            for value, held in names
        )
    pins = {"clk": "ap_clk", "reset": "ap_rst"}
    for port, (value, held) in enumerate(names):
        pins |= {f"address{port}": f"{value}[15:{16 - TABLE_BITS}]", f"ce{port}": enable, f"q{port}": held}
    wired = ",\n".join(f"    .{pin}({net})" for pin, net in pins.items())
    return f"{top}_{layer.name}_tanh_table_ROM_AUTO_1R tanh_table_U(\n{wired}\n);\n"


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""
