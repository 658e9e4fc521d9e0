"""Small IPs in the format that Vitis HLS exports: component.xml beside hdl/verilog. All of it is written here."""

from pathlib import Path

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
_AXIL = {
    "AWADDR": ("in", 6),
    "AWVALID": ("in", 1),
    "AWREADY": ("out", 1),
    "WDATA": ("in", 32),
    "WSTRB": ("in", 4),
    "WVALID": ("in", 1),
    "WREADY": ("out", 1),
    "BRESP": ("out", 2),
    "BVALID": ("out", 1),
    "BREADY": ("in", 1),
    "ARADDR": ("in", 6),
    "ARVALID": ("in", 1),
    "ARREADY": ("out", 1),
    "RDATA": ("out", 32),
    "RRESP": ("out", 2),
    "RVALID": ("out", 1),
    "RREADY": ("in", 1),
}


def stream(role: str, bits: int, last: bool = True, keep: bool = True) -> dict[str, tuple[str, int]]:
    """Pins of an AXI4-Stream interface: logical name -> (direction, width)."""
    ahead, back = ("in", "out") if role == "slave" else ("out", "in")
    pins = {"TDATA": (ahead, bits), "TVALID": (ahead, 1), "TREADY": (back, 1)}
    if last:
        pins["TLAST"] = (ahead, 1)
    if keep:
        pins["TKEEP"] = (ahead, bits // 8)
    return pins


def memory_port(bits: int) -> dict[str, tuple[str, int]]:
    """Pins of an AXI4 master with `bits` of data, 32 of address and 4 of ID: logical name -> (direction, width)."""
    pins = {}
    for channel in ("AW", "AR"):
        fields = {"ADDR": 32, "LEN": 8, "SIZE": 3, "BURST": 2, "ID": 4, "VALID": 1}
        pins |= {channel + name: ("out", width) for name, width in fields.items()} | {channel + "READY": ("in", 1)}
    pins |= {"WDATA": ("out", bits), "WSTRB": ("out", bits // 8), "WLAST": ("out", 1), "WVALID": ("out", 1)}
    pins |= {"WREADY": ("in", 1), "BRESP": ("in", 2), "BID": ("in", 4), "BVALID": ("in", 1), "BREADY": ("out", 1)}
    pins |= {"RDATA": ("in", bits), "RRESP": ("in", 2), "RLAST": ("in", 1), "RID": ("in", 4), "RVALID": ("in", 1)}
    return pins | {"RREADY": ("out", 1)}


def write_ip(
    folder: Path,
    top: str,
    files: dict[str, str],
    streams: dict[str, tuple[str, dict]],
    registers: dict[int, str] | None = None,
    interrupt: bool = False,
    view: str = "xilinx_verilogsynthesis",
    width_parameter: tuple[str, int] | None = None,
    memories: dict[str, int] | None = None,
    revision: int | None = None,
    register_bits: int = 32,
) -> Path:
    """Write an IP into `folder`.

    streams          interface name -> (role, pins)
    registers        offset -> name, behind the AXI4-Lite slave s_axi_control; None for no such slave
    width_parameter  (name, value) of a model parameter that gives every TDATA's width, as a formula
    memories         AXI4 master -> bits of its data
    revision         the core's revision, as Vivado and Vitis HLS write it
    register_bits    width of s_axi_control's data
    """
    interfaces, ports = [], [("ap_clk", "in", 1), ("ap_rst_n", "in", 1)]
    for name, (role, pins) in streams.items():
        interfaces.append(_interface(name, "axis", f"<spirit:{role}/>", {pin: f"{name}_{pin}" for pin in pins}))
        ports += [(f"{name}_{pin}", *shape) for pin, shape in pins.items()]
    for name, bits in (memories or {}).items():
        pins = memory_port(bits)
        interfaces.append(_interface(name, "aximm", "<spirit:master/>", {pin: f"{name}_{pin}" for pin in pins}))
        ports += [(f"{name}_{pin}", *shape) for pin, shape in pins.items()]
    if registers is not None:
        slave = '<spirit:slave><spirit:memoryMapRef spirit:memoryMapRef="s_axi_control"/></spirit:slave>'
        interfaces.append(_interface("s_axi_control", "aximm", slave, {pin: f"s_axi_control_{pin}" for pin in _AXIL}))
        wide = {"WDATA": ("in", register_bits), "WSTRB": ("in", register_bits // 8), "RDATA": ("out", register_bits)}
        ports += [(f"s_axi_control_{pin}", *shape) for pin, shape in {**_AXIL, **wide}.items()]
    if interrupt:
        interfaces.append(_interface("interrupt", "interrupt", "<spirit:master/>", {"INTERRUPT": "interrupt"}))
        ports.append(("interrupt", "out", 1))
    busses = ":".join([*(["s_axi_control"] if registers is not None else []), *streams])
    associated = {"ASSOCIATED_BUSIF": busses, "ASSOCIATED_RESET": "ap_rst_n"}
    interfaces.append(_interface("ap_clk", "clock", "<spirit:slave/>", {"CLK": "ap_clk"}, associated))
    interfaces.append(
        _interface("ap_rst_n", "reset", "<spirit:slave/>", {"RST": "ap_rst_n"}, {"POLARITY": "ACTIVE_LOW"})
    )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "component.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<spirit:component xmlns:spirit="{SPIRIT}">'
        f"<spirit:vendor>mlfpga</spirit:vendor><spirit:library>hls</spirit:library>"
        f"<spirit:name>{top}</spirit:name><spirit:version>1.0</spirit:version>"
        f"<spirit:busInterfaces>{''.join(interfaces)}</spirit:busInterfaces>"
        f"{_memory_map(registers)}<spirit:model><spirit:views>{_view(view, top)}</spirit:views>"
        f"<spirit:ports>{''.join(_port(*port, width_parameter) for port in ports)}</spirit:ports>"
        f"{_parameter(width_parameter)}</spirit:model>"
        f"<spirit:fileSets><spirit:fileSet><spirit:name>files</spirit:name>{_files(files)}</spirit:fileSet>"
        f"</spirit:fileSets>{_revision(revision)}</spirit:component>\n"
    )
    return folder


def _interface(name: str, kind: str, role: str, pins: dict[str, str], parameters: dict[str, str] | None = None) -> str:
    maps = "".join(
        f"<spirit:portMap><spirit:logicalPort><spirit:name>{logical}</spirit:name></spirit:logicalPort>"
        f"<spirit:physicalPort><spirit:name>{physical}</spirit:name></spirit:physicalPort></spirit:portMap>"
        for logical, physical in pins.items()
    )
    values = "".join(
        f"<spirit:parameter><spirit:name>{key}</spirit:name><spirit:value>{value}</spirit:value></spirit:parameter>"
        for key, value in (parameters or {}).items()
    )
    return (
        f"<spirit:busInterface><spirit:name>{name}</spirit:name>"
        f'<spirit:busType spirit:vendor="xilinx.com" spirit:library="interface" spirit:name="{kind}" '
        f'spirit:version="1.0"/>{role}<spirit:portMaps>{maps}</spirit:portMaps>'
        f"<spirit:parameters>{values}</spirit:parameters></spirit:busInterface>"
    )


def _memory_map(registers: dict[int, str] | None) -> str:
    if registers is None:
        return ""
    written = "".join(
        f"<spirit:register><spirit:name>{name}</spirit:name><spirit:description>{name} of the test</spirit:description>"
        f"<spirit:addressOffset>{offset:#x}</spirit:addressOffset><spirit:size>32</spirit:size>"
        "<spirit:access>read-write</spirit:access><spirit:field><spirit:name>LOW</spirit:name>"
        "<spirit:bitOffset>0</spirit:bitOffset><spirit:bitWidth>7</spirit:bitWidth>"
        "<spirit:access>read-only</spirit:access></spirit:field></spirit:register>"
        for offset, name in registers.items()
    )
    return (
        "<spirit:memoryMaps><spirit:memoryMap><spirit:name>s_axi_control</spirit:name><spirit:addressBlock>"
        "<spirit:name>Reg</spirit:name><spirit:baseAddress>0</spirit:baseAddress>"
        f"<spirit:range>65536</spirit:range>{written}</spirit:addressBlock></spirit:memoryMap></spirit:memoryMaps>"
    )


def _view(name: str, top: str) -> str:
    return (
        f"<spirit:view><spirit:name>{name}</spirit:name><spirit:modelName>{top}</spirit:modelName>"
        "<spirit:fileSetRef><spirit:localName>files</spirit:localName></spirit:fileSetRef></spirit:view>"
    )


def _port(name: str, direction: str, bits: int, width_parameter: tuple[str, int] | None) -> str:
    vector = ""
    if bits > 1:
        left = f"<spirit:left>{bits - 1}</spirit:left>"
        if width_parameter and name.endswith("TDATA"):
            formula = f"(spirit:decode(id('MODELPARAM_VALUE.{width_parameter[0]}')) - 1)"
            left = f'<spirit:left spirit:dependency="{formula}">WIDTH - 1 bits</spirit:left>'
        vector = f"<spirit:vector>{left}<spirit:right>0</spirit:right></spirit:vector>"
    return (
        f"<spirit:port><spirit:name>{name}</spirit:name><spirit:wire><spirit:direction>{direction}</spirit:direction>"
        f"{vector}</spirit:wire></spirit:port>"
    )


def _revision(revision: int | None) -> str:
    if revision is None:
        return ""
    return (
        '<spirit:vendorExtensions><xilinx:coreExtensions xmlns:xilinx="http://www.xilinx.com">'
        f"<xilinx:coreRevision>{revision}</xilinx:coreRevision>"
        "</xilinx:coreExtensions></spirit:vendorExtensions>"
    )


def _parameter(parameter: tuple[str, int] | None) -> str:
    if parameter is None:
        return ""
    return (
        f"<spirit:modelParameters><spirit:modelParameter><spirit:name>{parameter[0]}</spirit:name>"
        f"<spirit:value>{parameter[1]}</spirit:value></spirit:modelParameter></spirit:modelParameters>"
    )


def _files(files: dict[str, str]) -> str:
    return "".join(f"<spirit:file><spirit:name>{name}</spirit:name></spirit:file>" for name in files)


ROM = [3, 1, 4, 1]

# Gives word * scale + rom[position in the sample]; a sample has four words. TREADY depends on the reader's TREADY in
# the same cycle, which a harness that does not settle the inputs before the clock edge gets wrong.
DOUBLER = """
`timescale 1ns / 1ps
module doubler (
    ap_clk, ap_rst_n, interrupt,
    s_axis_TDATA, s_axis_TKEEP, s_axis_TLAST, s_axis_TVALID, s_axis_TREADY,
    m_axis_TDATA, m_axis_TKEEP, m_axis_TLAST, m_axis_TVALID, m_axis_TREADY,
    s_axi_control_AWADDR, s_axi_control_AWVALID, s_axi_control_AWREADY, s_axi_control_WDATA, s_axi_control_WSTRB,
    s_axi_control_WVALID, s_axi_control_WREADY, s_axi_control_BRESP, s_axi_control_BVALID, s_axi_control_BREADY,
    s_axi_control_ARADDR, s_axi_control_ARVALID, s_axi_control_ARREADY, s_axi_control_RDATA, s_axi_control_RRESP,
    s_axi_control_RVALID, s_axi_control_RREADY
);
parameter WIDTH = 32;
input ap_clk, ap_rst_n;
output interrupt;
input [WIDTH-1:0] s_axis_TDATA;
input [WIDTH/8-1:0] s_axis_TKEEP;
input s_axis_TLAST, s_axis_TVALID;
output s_axis_TREADY;
output reg [WIDTH-1:0] m_axis_TDATA;
output [WIDTH/8-1:0] m_axis_TKEEP;
output reg m_axis_TLAST, m_axis_TVALID;
input m_axis_TREADY;
input [5:0] s_axi_control_AWADDR, s_axi_control_ARADDR;
input s_axi_control_AWVALID, s_axi_control_WVALID, s_axi_control_BREADY, s_axi_control_ARVALID, s_axi_control_RREADY;
input [31:0] s_axi_control_WDATA;
input [3:0] s_axi_control_WSTRB;
output s_axi_control_AWREADY, s_axi_control_WREADY, s_axi_control_ARREADY;
output [1:0] s_axi_control_BRESP, s_axi_control_RRESP;
output reg s_axi_control_BVALID, s_axi_control_RVALID;
output reg [31:0] s_axi_control_RDATA;

reg start, auto_restart, done, gie, ier, isr, refused;
reg [31:0] scale;
reg [1:0] position;
reg [WIDTH-1:0] rom [0:3];
initial $readmemh("./doubler_rom.dat", rom);

wire write = s_axi_control_AWVALID & s_axi_control_WVALID & ~s_axi_control_BVALID;
wire read = s_axi_control_ARVALID & ~s_axi_control_RVALID;
wire take = s_axis_TVALID & s_axis_TREADY;
wire finish = take & position == 3;
assign s_axis_TREADY = start & (~m_axis_TVALID | m_axis_TREADY);
assign m_axis_TKEEP = ~0;
assign interrupt = gie & isr;
assign s_axi_control_AWREADY = write;
assign s_axi_control_WREADY = write;
assign s_axi_control_ARREADY = read;
assign s_axi_control_BRESP = refused ? 2 : 0;
assign s_axi_control_RRESP = 0;


always @(posedge ap_clk) begin
    if (~ap_rst_n) begin
        {start, auto_restart, done, gie, ier, isr} <= 0;
        scale <= 2;
        position <= 0;
        m_axis_TVALID <= 0;
        s_axi_control_BVALID <= 0;
        s_axi_control_RVALID <= 0;
    end else begin
        if (m_axis_TREADY) m_axis_TVALID <= 0;
        if (take) begin
            m_axis_TDATA <= s_axis_TDATA * scale + rom[position];
            m_axis_TLAST <= s_axis_TLAST;
            m_axis_TVALID <= 1;
            position <= position + 1;
        end
        if (s_axi_control_BREADY) s_axi_control_BVALID <= 0;
        if (s_axi_control_RREADY) s_axi_control_RVALID <= 0;
        if (read) begin
            s_axi_control_RVALID <= 1;
            case (s_axi_control_ARADDR)
                6'h00: begin
                    s_axi_control_RDATA <= {auto_restart, 4'd0, ~start, done, start};
                    done <= 0;
                end
                6'h0c: s_axi_control_RDATA <= isr;
                6'h10: s_axi_control_RDATA <= scale;
                default: s_axi_control_RDATA <= 0;
            endcase
        end
        if (finish) begin
            start <= auto_restart;
            done <= 1;
            if (ier) isr <= 1;
        end
        if (write) begin
            s_axi_control_BVALID <= 1;
            refused <= s_axi_control_AWADDR == 6'h3c;
            case (s_axi_control_AWADDR)
                6'h00: begin
                    auto_restart <= s_axi_control_WDATA[7];
                    if (s_axi_control_WDATA[0]) start <= 1;
                end
                6'h04: gie <= s_axi_control_WDATA[0];
                6'h08: ier <= s_axi_control_WDATA[0];
                6'h0c: isr <= isr ^ s_axi_control_WDATA[0];
                6'h10: scale <= s_axi_control_WDATA;
            endcase
        end
    end
end
// synthesis translate_off
this is not Verilog: it stands for what only a vendor's simulator reads
// synthesis translate_on
`ifndef SYNTHESIS
this is not Verilog either: synthesis sets the macro
`endif
endmodule
"""


def doubler(folder: Path, bits: int = 32, **changes) -> Path:
    """The doubler with streams of `bits`; `changes` replace arguments of `write_ip`."""
    rom = "\n".join(f"{value:x}" for value in ROM) + "\n"
    arguments = {
        "top": "doubler",
        "files": {"hdl/verilog/doubler.v": DOUBLER, "hdl/verilog/doubler_rom.dat": rom},
        "streams": {"s_axis": ("slave", stream("slave", bits)), "m_axis": ("master", stream("master", bits))},
        "registers": {0x00: "CTRL", 0x04: "GIER", 0x08: "IP_IER", 0x0C: "IP_ISR", 0x10: "scale"},
        "interrupt": True,
        "width_parameter": ("WIDTH", bits),
    }
    return write_ip(folder, **{**arguments, **changes})


def prober(folder: Path, bits: int) -> Path:
    """An AXI4 master on a leash: bursts as its stream `s_cmd` says, data from `s_data`, to `m_data` and `m_resp`.

    s_cmd   64 bits: address, length - 1 << 32, log2 size << 40, kind << 43, ID << 45, write << 49
    s_data  2 * bits: data, strobe << bits, and WLAST at the top bit
    m_data  2 * bits: data, RLAST << bits, RRESP << bits + 1, RID << bits + 3
    m_resp  8 bits: BRESP, BID << 2
    """
    roles = {"s_cmd": ("slave", 64), "s_data": ("slave", 2 * bits)}
    roles |= {"m_data": ("master", 2 * bits), "m_resp": ("master", 8)}
    streams = {name: (role, stream(role, width, last=False, keep=False)) for name, (role, width) in roles.items()}
    pins = {f"{name}_{pin}": shape for name, (_, found) in streams.items() for pin, shape in found.items()}
    pins |= {f"m_axi_{pin}": shape for pin, shape in memory_port(bits).items()}
    declared = "".join(f",\n    {way}put [{width - 1}:0] {name}" for name, (way, width) in pins.items())
    command = {"ADDR": "31:0", "LEN": "39:32", "SIZE": "42:40", "BURST": "44:43", "ID": "48:45"}
    fields = "".join(
        f"assign m_axi_{channel}{field} = s_cmd_TDATA[{part}];\n"
        for channel in ("AW", "AR")
        for field, part in command.items()
    )
    text = f"""module prober (input ap_clk, input ap_rst_n{declared});
{fields}assign m_axi_AWVALID = s_cmd_TVALID & s_cmd_TDATA[49];
assign m_axi_ARVALID = s_cmd_TVALID & ~s_cmd_TDATA[49];
assign s_cmd_TREADY = s_cmd_TDATA[49] ? m_axi_AWREADY : m_axi_ARREADY;
assign {{m_axi_WSTRB, m_axi_WDATA}} = s_data_TDATA;
assign m_axi_WLAST = s_data_TDATA[{2 * bits - 1}];
assign m_axi_WVALID = s_data_TVALID;
assign s_data_TREADY = m_axi_WREADY;
assign m_data_TDATA = {{m_axi_RID, m_axi_RRESP, m_axi_RLAST, m_axi_RDATA}};
assign m_data_TVALID = m_axi_RVALID;
assign m_axi_RREADY = m_data_TREADY;
assign m_resp_TDATA = {{m_axi_BID, m_axi_BRESP}};
assign m_resp_TVALID = m_axi_BVALID;
assign m_axi_BREADY = m_resp_TREADY;
endmodule
"""
    return write_ip(folder, "prober", {"hdl/verilog/prober.v": text}, streams, memories={"m_axi": bits})


# Writes word + `addend` for each of `count` words at `source` to `target`, one word after the other.
_ADDER = """
module adder (input ap_clk, input ap_rst_n@PORTS@);
reg start, done, b_valid, r_valid;
reg [31:0] source, target, count, addend, read_data, word;
reg [2:0] state;  // 0 idle, 1 address, 2 word, 3 write address, 4 write word, 5 response
wire write = s_axi_control_AWVALID & s_axi_control_WVALID & ~b_valid;
wire read = s_axi_control_ARVALID & ~r_valid;
assign s_axi_control_AWREADY = write;
assign s_axi_control_WREADY = write;
assign s_axi_control_BVALID = b_valid;
assign s_axi_control_BRESP = 0;
assign s_axi_control_ARREADY = read;
assign s_axi_control_RVALID = r_valid;
assign s_axi_control_RDATA = read_data;
assign s_axi_control_RRESP = 0;
assign m_axi_ARADDR = source;
assign m_axi_AWADDR = target;
assign {m_axi_ARLEN, m_axi_AWLEN, m_axi_ARID, m_axi_AWID} = 0;
assign {m_axi_ARSIZE, m_axi_AWSIZE} = {3'd2, 3'd2};
assign {m_axi_ARBURST, m_axi_AWBURST} = {2'd1, 2'd1};
assign m_axi_ARVALID = state == 1;
assign m_axi_RREADY = state == 2;
assign m_axi_AWVALID = state == 3;
assign m_axi_WVALID = state == 4;
assign m_axi_WDATA = word + addend;
assign m_axi_WSTRB = 15;
assign m_axi_WLAST = 1;
assign m_axi_BREADY = state == 5;
always @(posedge ap_clk)
    if (~ap_rst_n) {start, done, b_valid, r_valid, state, source, target, count, addend} <= 0;
    else begin
        if (s_axi_control_BREADY) b_valid <= 0;
        if (s_axi_control_RREADY) r_valid <= 0;
        if (read) begin
            r_valid <= 1;
            read_data <= s_axi_control_ARADDR == 0 ? {29'd0, ~start, done, start} : count;
            if (s_axi_control_ARADDR == 0) done <= 0;
        end
        case (state)
            0: if (start) state <= 1;
            1: if (m_axi_ARREADY) state <= 2;
            2: if (m_axi_RVALID) begin word <= m_axi_RDATA; state <= 3; end
            3: if (m_axi_AWREADY) state <= 4;
            4: if (m_axi_WREADY) state <= 5;
            5: if (m_axi_BVALID) begin
                source <= source + 4;
                target <= target + 4;
                count <= count - 1;
                state <= count == 1 ? 0 : 1;
                if (count == 1) {start, done} <= 1;
            end
        endcase
        if (write) begin
            b_valid <= 1;
            case (s_axi_control_AWADDR)
                6'h00: if (s_axi_control_WDATA[0]) start <= 1;
                6'h10: source <= s_axi_control_WDATA;
                6'h1c: target <= s_axi_control_WDATA;
                6'h28: count <= s_axi_control_WDATA;
                6'h30: addend <= s_axi_control_WDATA;
            endcase
        end
    end
endmodule
"""


def adder(folder: Path, **changes) -> Path:
    """An IP that reads and writes memory by itself; `changes` replace arguments of `write_ip`."""
    pins = {f"s_axi_control_{pin}": shape for pin, shape in _AXIL.items()}
    pins |= {f"m_axi_{pin}": shape for pin, shape in memory_port(32).items()}
    declared = "".join(f",\n    {way}put [{width - 1}:0] {name}" for name, (way, width) in pins.items())
    arguments = {
        "top": "adder",
        "files": {"hdl/verilog/adder.v": _ADDER.replace("@PORTS@", declared)},
        "streams": {},
        "registers": {0x00: "CTRL", 0x10: "source", 0x1C: "target", 0x28: "count", 0x30: "addend"},
        "memories": {"m_axi": 32},
    }
    return write_ip(folder, **{**arguments, **changes})
