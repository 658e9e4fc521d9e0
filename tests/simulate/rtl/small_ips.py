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


def write_ip(
    folder: Path,
    top: str,
    files: dict[str, str],
    streams: dict[str, tuple[str, dict]],
    registers: dict[int, str] | None = None,
    interrupt: bool = False,
    view: str = "xilinx_verilogsynthesis",
    width_parameter: tuple[str, int] | None = None,
) -> Path:
    """Write an IP into `folder`.

    streams          interface name -> (role, pins)
    registers        offset -> name, behind the AXI4-Lite slave s_axi_control; None for no such slave
    width_parameter  (name, value) of a model parameter that gives every TDATA's width, as a formula
    """
    interfaces, ports = [], [("ap_clk", "in", 1), ("ap_rst_n", "in", 1)]
    for name, (role, pins) in streams.items():
        interfaces.append(_interface(name, "axis", f"<spirit:{role}/>", {pin: f"{name}_{pin}" for pin in pins}))
        ports += [(f"{name}_{pin}", *shape) for pin, shape in pins.items()]
    if registers is not None:
        slave = '<spirit:slave><spirit:memoryMapRef spirit:memoryMapRef="s_axi_control"/></spirit:slave>'
        interfaces.append(_interface("s_axi_control", "aximm", slave, {pin: f"s_axi_control_{pin}" for pin in _AXIL}))
        ports += [(f"s_axi_control_{pin}", *shape) for pin, shape in _AXIL.items()]
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
        "</spirit:fileSets></spirit:component>\n"
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
