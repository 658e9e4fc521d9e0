"""The Verilog blocks that every IP of this shape has: control registers, register slices, FIFOs, multipliers, ROMs."""


def control(top: str) -> str:
    """The AXI4-Lite slave with the ap_ctrl_hs registers (AMD UG1399, "S_AXILITE Control Register Map")."""
    return f"""
`timescale 1ns/1ps

module {top}_control_s_axi
#(parameter
    C_S_AXI_ADDR_WIDTH = 4,
    C_S_AXI_DATA_WIDTH = 32
)(
    input  wire                          ACLK,
    input  wire                          ARESET,
    input  wire                          ACLK_EN,
    input  wire [C_S_AXI_ADDR_WIDTH-1:0] AWADDR,
    input  wire                          AWVALID,
    output wire                          AWREADY,
    input  wire [C_S_AXI_DATA_WIDTH-1:0] WDATA,
    input  wire [C_S_AXI_DATA_WIDTH/8-1:0] WSTRB,
    input  wire                          WVALID,
    output wire                          WREADY,
    output wire [1:0]                    BRESP,
    output wire                          BVALID,
    input  wire                          BREADY,
    input  wire [C_S_AXI_ADDR_WIDTH-1:0] ARADDR,
    input  wire                          ARVALID,
    output wire                          ARREADY,
    output wire [C_S_AXI_DATA_WIDTH-1:0] RDATA,
    output wire [1:0]                    RRESP,
    output wire                          RVALID,
    input  wire                          RREADY,
    output wire                          interrupt,
    output wire                          ap_start,
    input  wire                          ap_done,
    input  wire                          ap_ready,
    input  wire                          ap_idle
);

localparam
    ADDR_AP_CTRL = 4'h0,
    ADDR_GIE     = 4'h4,
    ADDR_IER     = 4'h8,
    ADDR_ISR     = 4'hc,
    WRIDLE       = 2'd0,
    WRDATA       = 2'd1,
    WRRESP       = 2'd2,
    RDIDLE       = 1'd0,
    RDDATA       = 1'd1;

reg  [1:0]  wstate = WRIDLE;
reg  [1:0]  wnext;
reg         rstate = RDIDLE;
reg         rnext;
reg  [C_S_AXI_ADDR_WIDTH-1:0] waddr;
reg  [31:0] rdata;
wire        aw_hs = AWVALID & AWREADY;
wire        w_hs = WVALID & WREADY;
wire        ar_hs = ARVALID & ARREADY;
reg         int_ap_start = 1'b0;
reg         int_ap_done = 1'b0;
reg         int_ap_ready = 1'b0;
reg         int_auto_restart = 1'b0;
reg         int_gie = 1'b0;
reg  [1:0]  int_ier = 2'b0;
reg  [1:0]  int_isr = 2'b0;

assign AWREADY = (wstate == WRIDLE) & ~ARESET;
assign WREADY = (wstate == WRDATA);
assign BVALID = (wstate == WRRESP);
assign BRESP = 2'b00;
assign ARREADY = (rstate == RDIDLE) & ~ARESET;
assign RVALID = (rstate == RDDATA);
assign RDATA = rdata;
assign RRESP = 2'b00;
assign interrupt = int_gie & (|int_isr);
assign ap_start = int_ap_start;

always @(*) begin
    case (wstate)
        WRIDLE: wnext = AWVALID ? WRDATA : WRIDLE;
        WRDATA: wnext = WVALID ? WRRESP : WRDATA;
        WRRESP: wnext = BREADY ? WRIDLE : WRRESP;
        default: wnext = WRIDLE;
    endcase
end

always @(*) begin
    case (rstate)
        RDIDLE: rnext = ARVALID ? RDDATA : RDIDLE;
        default: rnext = RREADY ? RDIDLE : RDDATA;
    endcase
end

always @(posedge ACLK) begin
    if (ARESET) begin
        wstate <= WRIDLE;
        rstate <= RDIDLE;
    end else if (ACLK_EN) begin
        wstate <= wnext;
        rstate <= rnext;
    end
end

always @(posedge ACLK) begin
    if (ACLK_EN & aw_hs) waddr <= AWADDR;
end

always @(posedge ACLK) begin
    if (ACLK_EN & ar_hs) begin
        rdata <= 32'd0;
        case (ARADDR)
            ADDR_AP_CTRL: rdata <= {{24'd0, int_auto_restart, 3'd0, int_ap_ready, ap_idle, int_ap_done, int_ap_start}};
            ADDR_GIE: rdata <= {{31'd0, int_gie}};
            ADDR_IER: rdata <= {{30'd0, int_ier}};
            ADDR_ISR: rdata <= {{30'd0, int_isr}};
        endcase
    end
end

always @(posedge ACLK) begin
    if (ARESET) begin
        int_ap_start <= 1'b0;
        int_auto_restart <= 1'b0;
    end else if (ACLK_EN) begin
        if (w_hs && waddr == ADDR_AP_CTRL && WSTRB[0]) begin
            int_auto_restart <= WDATA[7];
            if (WDATA[0]) int_ap_start <= 1'b1;
        end else if (ap_ready) begin
            int_ap_start <= int_auto_restart;
        end
    end
end

always @(posedge ACLK) begin
    if (ARESET) begin
        int_ap_done <= 1'b0;
        int_ap_ready <= 1'b0;
    end else if (ACLK_EN) begin
        if (ap_done) int_ap_done <= 1'b1;
        else if (ar_hs && ARADDR == ADDR_AP_CTRL) int_ap_done <= 1'b0;
        if (ap_ready) int_ap_ready <= 1'b1;
        else if (ar_hs && ARADDR == ADDR_AP_CTRL) int_ap_ready <= 1'b0;
    end
end

always @(posedge ACLK) begin
    if (ARESET) begin
        int_gie <= 1'b0;
        int_ier <= 2'b0;
        int_isr <= 2'b0;
    end else if (ACLK_EN) begin
        if (w_hs && waddr == ADDR_GIE && WSTRB[0]) int_gie <= WDATA[0];
        if (w_hs && waddr == ADDR_IER && WSTRB[0]) int_ier <= WDATA[1:0];
        if (int_ier[0] & ap_done) int_isr[0] <= 1'b1;
        else if (w_hs && waddr == ADDR_ISR && WSTRB[0]) int_isr[0] <= int_isr[0] ^ WDATA[0];
        if (int_ier[1] & ap_ready) int_isr[1] <= 1'b1;
        else if (w_hs && waddr == ADDR_ISR && WSTRB[0]) int_isr[1] <= int_isr[1] ^ WDATA[1];
    end
end

//synthesis translate_off
always @(posedge ACLK) begin
    if (!ARESET && int_gie && ^int_ier === 1'bx) $display("%m: interrupt enable is not known");
end
//synthesis translate_on

endmodule
"""


def register_slice(top: str) -> str:
    """Two registers at a stream's end: no path runs through, and a word moves in every cycle."""
    return f"""
`timescale 1ns/1ps

module {top}_regslice_both
#(parameter
    DataWidth = 8
) (
    input  wire                  ap_clk,
    input  wire                  ap_rst,
    input  wire [DataWidth-1:0]  data_in,
    input  wire                  vld_in,
    output wire                  ack_in,
    output wire [DataWidth-1:0]  data_out,
    output wire                  vld_out,
    input  wire                  ack_out
);

reg  [DataWidth-1:0] data_front;
reg  [DataWidth-1:0] data_spare;
reg                  front_full;
reg                  spare_full;
reg                  ready;
wire                 push;
wire                 pop;

assign ack_in = ready;
assign data_out = data_front;
assign vld_out = front_full;
assign push = vld_in & ready;
assign pop = front_full & ack_out;

always @(posedge ap_clk) begin
    if (ap_rst) begin
        front_full <= 1'b0;
        spare_full <= 1'b0;
        ready <= 1'b0;
    end else begin
        if (~front_full | pop) begin
            front_full <= spare_full | push;
            spare_full <= 1'b0;
            ready <= 1'b1;
        end else if (push) begin
            spare_full <= 1'b1;
            ready <= 1'b0;
        end else begin
            ready <= ~spare_full;
        end
    end
end

always @(posedge ap_clk) begin
    if (~front_full | pop) data_front <= spare_full ? data_spare : data_in;
end

always @(posedge ap_clk) begin
    if (push) data_spare <= data_in;
end

endmodule
"""


def fifo(module: str, bits: int, depth: int) -> str:
    """A FIFO whose first word shows at its output."""
    address = max(1, (depth - 1).bit_length())
    return f"""
`timescale 1ns/1ps

module {module}
#(parameter
    DATA_WIDTH = {bits},
    ADDR_WIDTH = {address},
    DEPTH      = {depth})
(
    input  wire                  clk,
    input  wire                  reset,
    output wire                  if_full_n,
    input  wire                  if_write_ce,
    input  wire                  if_write,
    input  wire [DATA_WIDTH-1:0] if_din,
    output wire                  if_empty_n,
    input  wire                  if_read_ce,
    input  wire                  if_read,
    output wire [DATA_WIDTH-1:0] if_dout
);

reg  [DATA_WIDTH-1:0] mem [0:DEPTH-1];
reg  [ADDR_WIDTH-1:0] waddr = 0;
reg  [ADDR_WIDTH-1:0] raddr = 0;
reg  [ADDR_WIDTH:0]   count = 0;
reg                   empty_n = 1'b0;
reg                   full_n = 1'b1;
wire                  push;
wire                  pop;

assign push = full_n & if_write_ce & if_write;
assign pop = empty_n & if_read_ce & if_read;
assign if_full_n = full_n;
assign if_empty_n = empty_n;
assign if_dout = mem[raddr];

always @(posedge clk) begin
    if (reset) begin
        waddr <= 0;
        raddr <= 0;
        count <= 0;
        empty_n <= 1'b0;
        full_n <= 1'b1;
    end else begin
        if (push) waddr <= (waddr == DEPTH - 1) ? 0 : waddr + 1'b1;
        if (pop) raddr <= (raddr == DEPTH - 1) ? 0 : raddr + 1'b1;
        if (push & ~pop) begin
            count <= count + 1'b1;
            empty_n <= 1'b1;
            full_n <= (count != DEPTH - 1);
        end else if (pop & ~push) begin
            count <= count - 1'b1;
            empty_n <= (count != 1);
            full_n <= 1'b1;
        end
    end
end

always @(posedge clk) begin
    if (push) mem[waddr] <= if_din;
end

endmodule
"""


def multiplier(module: str) -> str:
    """A signed multiplier without registers."""
    return f"""
`timescale 1 ns / 1 ps

module {module}(din0, din1, dout);
parameter ID = 1;
parameter NUM_STAGE = 0;
parameter din0_WIDTH = 14;
parameter din1_WIDTH = 12;
parameter dout_WIDTH = 26;

input [din0_WIDTH - 1 : 0] din0;
input [din1_WIDTH - 1 : 0] din1;
output [dout_WIDTH - 1 : 0] dout;

wire signed [dout_WIDTH - 1 : 0] product;

assign product = $signed(din0) * $signed(din1);
assign dout = product;

endmodule
"""


def rom(module: str, ports: int, words: int, bits: int) -> str:
    """A ROM with one clock of latency and as many read ports as asked for."""
    address = (words - 1).bit_length()
    names = "".join(f"    address{i},\n    ce{i},\n    q{i},\n" for i in range(ports))
    pins = "".join(
        f"input [{address - 1}:0] address{i};\ninput ce{i};\noutput reg [{bits - 1}:0] q{i};\n" for i in range(ports)
    )
    reads = "".join(
        f"always @(posedge clk) begin\n    if (ce{i}) begin\n        q{i} <= rom0[address{i}];\n    end\nend\n\n"
        for i in range(ports)
    )
    return f"""
`timescale 1 ns / 1 ps

module {module} (
{names}    reset,
    clk
);

input clk;
input reset;
{pins}
reg [{bits - 1}:0] rom0[0:{words - 1}];

initial begin
    $readmemh("./{module}.dat", rom0);
end

{reads}endmodule
"""
