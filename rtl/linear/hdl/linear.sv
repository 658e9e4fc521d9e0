// A linear layer that keeps the course's accelerator contract, small enough to read: 8 numbers in, 3 numbers out.
//
//     y[j] = bias[j] + sum over i of weight[j][i] * x[i]        (32-bit signed integers; overflow wraps)
//
// s_axis         AXI4-Stream in: a sample is 8 words, x[0] first. TLAST is looked at on the sample's last word only.
// m_axis         AXI4-Stream out: 3 words, y[0] first. The last one carries TLAST if the sample's last word did, so a
//                packet of samples comes back as a packet of results. TKEEP and TSTRB are all ones.
// s_axi_control  AXI4-Lite, registers of ap_ctrl_hs (AMD UG1399, "S_AXILITE Control Register Map"):
//                0x00 CTRL (0 ap_start, 1 ap_done, 2 ap_idle, 3 ap_ready, 7 auto_restart), 0x04 GIER, 0x08 IP_IER,
//                0x0C IP_ISR. ap_done and ap_ready clear on read, IP_ISR toggles on write.
// ap_clk, ap_rst_n (active low, synchronous), interrupt
//
// Latency 11 cycles from the first word taken to the last word given, initiation interval 11 cycles, if nobody waits:
// 8 cycles take a word each, 3 give one each, and while it gives it does not take.
module linear (
    input  logic        ap_clk,
    input  logic        ap_rst_n,
    /* verilator lint_off SYMRSVDWORD */  // the name that Vitis HLS gives it
    output logic        interrupt,
    /* verilator lint_on SYMRSVDWORD */

    input  logic [31:0] s_axis_TDATA,
    /* verilator lint_off UNUSEDSIGNAL */  // every word is whole
    input  logic [3:0]  s_axis_TKEEP,
    input  logic [3:0]  s_axis_TSTRB,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic        s_axis_TLAST,
    input  logic        s_axis_TVALID,
    output logic        s_axis_TREADY,

    output logic [31:0] m_axis_TDATA,
    output logic [3:0]  m_axis_TKEEP,
    output logic [3:0]  m_axis_TSTRB,
    output logic        m_axis_TLAST,
    output logic        m_axis_TVALID,
    input  logic        m_axis_TREADY,

    input  logic [3:0]  s_axi_control_AWADDR,
    input  logic        s_axi_control_AWVALID,
    output logic        s_axi_control_AWREADY,
    /* verilator lint_off UNUSEDSIGNAL */  // registers use the lowest byte only
    input  logic [31:0] s_axi_control_WDATA,
    input  logic [3:0]  s_axi_control_WSTRB,
    /* verilator lint_on UNUSEDSIGNAL */
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
    localparam int INPUTS = 8;
    localparam int OUTPUTS = 3;
    localparam logic signed [31:0] WEIGHT[OUTPUTS][INPUTS] = '{
        '{1, 1, 1, 1, 1, 1, 1, 1},
        '{1, 2, 3, 4, 5, 6, 7, 8},
        '{4, -3, 2, -1, 1, -2, 3, -4}
    };
    localparam logic signed [31:0] BIAS[OUTPUTS] = '{0, 100, -7};

    // The arithmetic: as each word comes, its products go into all sums.

    logic signed [31:0] sum[OUTPUTS];
    logic [2:0] position;  // of the word in its sample, or in its result
    logic giving, ends_packet;
    logic start, auto_restart;

    wire take = s_axis_TVALID & s_axis_TREADY;
    wire give = m_axis_TVALID & m_axis_TREADY;
    wire finish = give & (position == 3'(OUTPUTS - 1));

    assign s_axis_TREADY = start & ~giving;
    assign m_axis_TVALID = giving;
    assign m_axis_TDATA = sum[position[1:0]];
    assign m_axis_TLAST = ends_packet & (position == 3'(OUTPUTS - 1));
    assign m_axis_TKEEP = '1;
    assign m_axis_TSTRB = '1;

    always_ff @(posedge ap_clk) begin
        if (~ap_rst_n) begin
            position <= '0;
            giving <= 1'b0;
            ends_packet <= 1'b0;
            sum <= BIAS;
        end else if (take) begin
            for (int j = 0; j < OUTPUTS; j++) sum[j] <= sum[j] + WEIGHT[j][position] * $signed(s_axis_TDATA);
            ends_packet <= s_axis_TLAST;
            position <= position + 1'b1;
            giving <= position == 3'(INPUTS - 1);
        end else if (finish) begin
            position <= '0;
            giving <= 1'b0;
            sum <= BIAS;
        end else if (give) begin
            position <= position + 1'b1;
        end
    end

    // The registers: an access takes two cycles, one for the request and one for the answer.

    logic done, ready, global_enable;
    logic [1:0] enable, status;

    wire write = s_axi_control_AWVALID & s_axi_control_WVALID & ~s_axi_control_BVALID;
    wire read = s_axi_control_ARVALID & ~s_axi_control_RVALID;
    wire low_byte = write & s_axi_control_WSTRB[0];

    assign s_axi_control_AWREADY = write;
    assign s_axi_control_WREADY = write;
    assign s_axi_control_ARREADY = read;
    assign s_axi_control_BRESP = 2'b00;
    assign s_axi_control_RRESP = 2'b00;
    assign interrupt = global_enable & |status;

    always_ff @(posedge ap_clk) begin
        if (~ap_rst_n) begin
            {start, auto_restart, done, ready, global_enable, enable, status} <= '0;
            s_axi_control_BVALID <= 1'b0;
            s_axi_control_RVALID <= 1'b0;
            s_axi_control_RDATA <= '0;
        end else begin
            if (s_axi_control_BREADY) s_axi_control_BVALID <= 1'b0;
            if (s_axi_control_RREADY) s_axi_control_RVALID <= 1'b0;
            if (write) s_axi_control_BVALID <= 1'b1;
            if (read) begin
                s_axi_control_RVALID <= 1'b1;
                case (s_axi_control_ARADDR[3:2])
                    2'd0: begin
                        s_axi_control_RDATA <= 32'({auto_restart, 3'b000, ready, ~start, done, start});
                        {done, ready} <= '0;
                    end
                    2'd1: s_axi_control_RDATA <= 32'(global_enable);
                    2'd2: s_axi_control_RDATA <= 32'(enable);
                    2'd3: s_axi_control_RDATA <= 32'(status);
                endcase
            end
            if (low_byte && s_axi_control_AWADDR[3:2] == 2'd1) global_enable <= s_axi_control_WDATA[0];
            if (low_byte && s_axi_control_AWADDR[3:2] == 2'd2) enable <= s_axi_control_WDATA[1:0];
            if (low_byte && s_axi_control_AWADDR[3:2] == 2'd3) status <= status ^ s_axi_control_WDATA[1:0];
            if (low_byte && s_axi_control_AWADDR[3:2] == 2'd0) auto_restart <= s_axi_control_WDATA[7];
            if (finish) begin
                {done, ready} <= '1;
                status <= status | enable;
                start <= auto_restart;
            end
            if (low_byte && s_axi_control_AWADDR[3:2] == 2'd0 && s_axi_control_WDATA[0]) start <= 1'b1;
        end
    end

    /* verilator lint_off UNUSEDSIGNAL */  // registers are words: the lowest two bits of an address say nothing
    wire [3:0] unused = {s_axi_control_AWADDR[1:0], s_axi_control_ARADDR[1:0]};
    /* verilator lint_on UNUSEDSIGNAL */
endmodule
