// The registers with which software starts an accelerator and sees that it is done (AXI4-Lite, ap_ctrl_hs).
//
// s_axi_control  AMD UG1399, "S_AXILITE Control Register Map":
//                0x00 CTRL    0 ap_start, 1 ap_done, 2 ap_idle, 3 ap_ready, 7 auto_restart
//                0x04 GIER    0 interrupts on
//                0x08 IP_IER  0 ap_done interrupts, 1 ap_ready interrupts
//                0x0C IP_ISR  the same bits: which of them happened
//                Writing 1 to ap_start sets it; writing 0 does nothing. ap_done and ap_ready clear on read, IP_ISR
//                toggles on write. An access takes two cycles, one for the request and one for the answer.
// start          ap_start: high until `ready`, and longer with auto_restart
// ready, done    from the accelerator: high for one cycle when a sample was taken, when a result was given
// idle           from the accelerator: nothing inside and not started
module ap_control (
    input  logic        clk,
    input  logic        rst_n,

    output logic        start,
    input  logic        ready,
    input  logic        done,
    input  logic        idle,
    output logic        interrupt_request,

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
    localparam logic [1:0] CTRL = 2'd0, GIER = 2'd1, IP_IER = 2'd2, IP_ISR = 2'd3;

    logic auto_restart, was_done, was_ready, global_enable;
    logic [1:0] enable, status;  // 0 done, 1 ready

    wire write = s_axi_control_AWVALID & s_axi_control_WVALID & ~s_axi_control_BVALID;
    wire read = s_axi_control_ARVALID & ~s_axi_control_RVALID;
    wire low_byte = write & s_axi_control_WSTRB[0];
    wire [1:0] to = s_axi_control_AWADDR[3:2];

    assign s_axi_control_AWREADY = write;
    assign s_axi_control_WREADY = write;
    assign s_axi_control_ARREADY = read;
    assign s_axi_control_BRESP = 2'b00;
    assign s_axi_control_RRESP = 2'b00;
    assign interrupt_request = global_enable & |status;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            {start, auto_restart, was_done, was_ready, global_enable, enable, status} <= '0;
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
                    CTRL: begin
                        s_axi_control_RDATA <= 32'({auto_restart, 3'b000, was_ready, idle, was_done, start});
                        {was_done, was_ready} <= '0;
                    end
                    GIER: s_axi_control_RDATA <= 32'(global_enable);
                    IP_IER: s_axi_control_RDATA <= 32'(enable);
                    IP_ISR: s_axi_control_RDATA <= 32'(status);
                endcase
            end

            // What happens in the same cycle as an access is not lost: it comes after what the access does.
            if (done) was_done <= 1'b1;
            if (ready) was_ready <= 1'b1;
            if (ready) start <= auto_restart;
            if (low_byte && to == CTRL && s_axi_control_WDATA[0]) start <= 1'b1;
            if (low_byte && to == CTRL) auto_restart <= s_axi_control_WDATA[7];
            if (low_byte && to == GIER) global_enable <= s_axi_control_WDATA[0];
            if (low_byte && to == IP_IER) enable <= s_axi_control_WDATA[1:0];
            status <= (status ^ (low_byte && to == IP_ISR ? s_axi_control_WDATA[1:0] : 2'b00)) | ({ready, done} & enable);
        end
    end

    /* verilator lint_off UNUSEDSIGNAL */  // registers are words: the lowest two bits of an address say nothing
    wire [3:0] unused = {s_axi_control_AWADDR[1:0], s_axi_control_ARADDR[1:0]};
    /* verilator lint_on UNUSEDSIGNAL */
endmodule
