"""Module references: modules and entities in source files, and the interfaces that their names stand for."""

import doctest

import pytest

from mlfpga.blockdesign import ScriptError, dry_run, verilog, vhdl
from mlfpga.blockdesign.catalogue import IP
from mlfpga.blockdesign.hdl import Module
from mlfpga.blockdesign.inference import module_entry

HEADER = """
`timescale 1ns / 1ps
`define LANES 2
// module scale (input wrong);
module scale #(
    parameter integer WIDTH = 16, /* bits */
    parameter DEPTH = 8'h20,
    localparam ADDRESS = $clog2(DEPTH)
) (
    input  wire                    aclk, aresetn,
    input  wire [`LANES*WIDTH-1:0] s_axis_tdata,
    input  wire                    s_axis_tvalid,
    output wire                    s_axis_tready,
`ifdef DEBUG
    output wire [7:0]              debug,
`endif
    output reg signed [WIDTH-1:0]  m_axis_tdata,
    output logic                   m_axis_tvalid, m_axis_tlast,
    input  wire                    m_axis_tready,
    output wire [ADDRESS-1:0]      fill,
    output wire                    done_irq
);
endmodule
"""
OLD = """
module scale (clk, rst, a, b);
  parameter W = 4;
  input clk, rst;
  input [W-1:0] a;
  output [2*W-1:0] b;
  reg [2*W-1:0] b;
endmodule
module other (input x); endmodule
"""
ENTITY = """
library ieee; use ieee.std_logic_1164.all;
entity Scale is
  generic (WIDTH : integer := 16; NAME : string := "x"; FAST : boolean := true); -- comment: in std_logic;
  port (
    clk, rst_n : in std_logic; -- nothing here; spare : in std_logic;
    s_axis_tdata : in std_logic_vector(WIDTH/2 - 1 downto 0);
    s_axis_tvalid : in std_logic := '0';
    s_axis_tready : out std_logic;
    flags : inout std_logic_vector(0 to 3)
  );
end Scale;
architecture rtl of Scale is
  attribute X_INTERFACE_PARAMETER : string;
  attribute X_INTERFACE_PARAMETER of rst_n : signal is "POLARITY ACTIVE_HIGH";
begin
end rtl;
"""
STATED = """
module scale (
  (* X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0 data TVALID" *) input in_go,
  (* X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0 data TDATA" *) input [31:0] in_word,
  (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 beat CLK", X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF data" *)
  input beat,
  input clk
);
endmodule
"""


def ip_of(text, reader=verilog.read_verilog):
    return IP(module_entry(reader(text, "scale")))


def shape(ip, **changes):
    return ip.shape(ip.values({name: str(value) for name, value in changes.items()}))


@pytest.mark.parametrize("module", [verilog, vhdl])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_ports_and_parameters_of_a_header():
    ip = ip_of(HEADER)
    assert {name: rules["default"] for name, rules in ip.parameters.items()} == {"WIDTH": "16", "DEPTH": "32"}
    there = shape(ip, DEPTH=1024)
    widths = {"s_axis_tdata": 32, "m_axis_tdata": 16, "fill": 10, "aclk": None, "m_axis_tlast": None, "done_irq": None}
    assert {name: there.ports[name].width for name in widths} == widths
    assert "debug" not in there.ports and there.ports["m_axis_tlast"].direction == "O"


def test_interfaces_clocks_and_resets_are_inferred_from_names():
    there = shape(ip_of(HEADER), WIDTH=8)
    assert {name: (one.type, one.bus, one.clock, one.data_bits) for name, one in there.interfaces.items()} == {
        "s_axis": ("TARGET", "axis", "aclk", 16),
        "m_axis": ("INITIATOR", "axis", "aclk", 8),
    }
    assert there.interfaces["m_axis"].signals == ("TDATA", "TVALID", "TLAST", "TREADY")
    kinds = {name: port.kind for name, port in there.ports.items() if port.kind != "undef"}
    assert kinds == {"aclk": "clk", "aresetn": "rst", "done_irq": "INTERRUPT"}
    assert there.ports["aresetn"].polarity == "ACTIVE_LOW"


def test_the_old_style_is_read_too():
    there = shape(ip_of(OLD), W=3)
    assert [(port.name, port.direction, port.width) for port in there.ports.values()] == [
        ("clk", "I", None),
        ("rst", "I", None),
        ("a", "I", 3),
        ("b", "O", 6),
    ]
    assert there.ports["rst"].polarity is None


def test_vhdl_is_read_too():
    ip = ip_of(ENTITY, vhdl.read_vhdl)
    assert {name: rules["default"] for name, rules in ip.parameters.items()} == dict(WIDTH="16", NAME="x", FAST="1")
    there = shape(ip, WIDTH=64)
    assert "spare" not in there.ports
    assert there.ports["s_axis_tdata"].width == 32 and there.ports["flags"].width == 4
    assert there.interfaces["s_axis"].clock == "clk" and there.ports["rst_n"].polarity == "ACTIVE_HIGH"


def test_attributes_win_over_names():
    there = shape(ip_of(STATED))
    assert there.ports["beat"].kind == "clk" and there.interfaces["data"].clock == "beat"
    assert there.interfaces["data"].map == {"TVALID": "in_go", "TDATA": "in_word"}


def test_memory_mapped_interfaces_bring_addresses():
    ports = "output [31:0] m_axi_araddr, output m_axi_arvalid, output [7:0] m_axi_arlen, output [1:0] m_axi_arburst, "
    ports += "input [5:0] s_axi_awaddr, input s_axi_awvalid, input [31:0] s_axi_wdata, input [1:0] s_axi_awburst"
    there = shape(ip_of(f"module scale ({ports}); endmodule"))
    assert (there.interfaces["m_axi"].protocol, there.interfaces["s_axi"].protocol) == ("AXI4", "AXI4LITE")
    assert there.spaces["m_axi"].bits == 32 and list(there.segments) == ["s_axi/reg0"]
    assert there.ports["s_axi_awburst"].kind == "undef"  # burst ends like rst and is no reset


def test_too_few_signals_are_no_interface():
    assert shape(ip_of("module scale (input s_axis_tvalid, input x_awready); endmodule")).interfaces == {}


@pytest.mark.parametrize("text", ["", "module scales(input a); endmodule", "module scale_top; endmodule"])
def test_a_module_of_another_name_is_none(text):
    assert verilog.read_verilog(text, "scale") is None and vhdl.read_vhdl(text, "scale") is None


@pytest.mark.parametrize("rest", ["", " #(", " (input", ";", " (", " (* x"])
def test_a_cut_off_module_does_no_harm(rest):
    assert isinstance(verilog.read_verilog(f"module scale{rest}", "scale"), Module)


SCRIPT = """
create_project p . -part xczu3eg-sfvc784-2-e
{add}
create_bd_design d
if {{![can_resolve_reference scale]}} {{ error "no module" }}
create_bd_cell -type module -reference scale s
"""


@pytest.mark.parametrize("add", ["add_files rtl/a.v", "add_files -norecurse {rtl}", "read_verilog rtl/a.v", ""])
def test_a_script_uses_modules_of_its_folder(script, add):
    path = script(SCRIPT.format(add=add))
    (path.parent / "rtl").mkdir()
    (path.parent / "rtl" / "a.v").write_text(HEADER, encoding="utf-8")
    assert dry_run(path, check=False).cells["s"].ip.vlnv == "xilinx.com:module_ref:scale:1.0"


def test_modules_outside_the_scripts_folder_are_not_read(script, tmp_path):
    (tmp_path / "a.v").write_text(HEADER, encoding="utf-8")
    with pytest.raises(ScriptError, match="no module"):
        dry_run(script(SCRIPT.format(add=f"add_files {{{tmp_path}/a.v}}")), check=False)


def test_a_missing_module_is_told_with_its_line(script):
    path = script(SCRIPT.format(add="").replace("if {", "if {0 && "))
    with pytest.raises(ScriptError) as caught:
        dry_run(path, check=False)
    assert str(caught.value) == (
        'script.tcl:6: create_bd_cell: no source has a module "scale"; '
        "add its file with add_files, in the script's folder"
    )
