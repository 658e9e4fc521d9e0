// Three DSP48E2, their operands and the first one's mode from a stream, their results registered.
module dsp_bench #(
    parameter SIMD = "ONE48"
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic [127:0] s_axis_tdata,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    output logic [143:0] m_axis_tdata,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready
);
    logic en, fill;
    assign en = !m_axis_tvalid || m_axis_tready;
    assign fill = en && s_axis_tvalid;
    assign s_axis_tready = en;
    logic [47:0] plain, accumulated, late;
    always_ff @(posedge clk) begin
        if (!rst_n) m_axis_tvalid <= 1'b0;
        else if (en) m_axis_tvalid <= s_axis_tvalid;
        if (fill) m_axis_tdata <= {late, accumulated, plain};
    end

    DSP48E2 #(
        .AREG(0), .BREG(0), .CREG(0), .MREG(0), .PREG(0), .USE_SIMD(SIMD),
        .ALUMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0), .INMODEREG(0), .OPMODEREG(0)
    ) u_plain (
        .CLK(clk), .A(s_axis_tdata[29:0]), .B(s_axis_tdata[47:30]), .C(s_axis_tdata[95:48]), .D('0), .ACIN('0),
        .BCIN('0), .PCIN(48'd77), .CARRYIN(s_axis_tdata[105]), .CARRYINSEL('0), .ALUMODE({2'b0, {2{s_axis_tdata[106]}}}),
        .INMODE('0), .OPMODE(s_axis_tdata[104:96]), .CEA1(1'b0), .CEA2(1'b0), .CEB1(1'b0), .CEB2(1'b0), .CEC(1'b0),
        .CEM(1'b0), .CEP(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTM(1'b0), .RSTP(1'b0), .P(plain), .PCOUT()
    );

    // P <= P + M, every register there is.
    DSP48E2 #(
        .AREG(1), .BREG(1), .CREG(1), .MREG(1), .PREG(1),
        .ALUMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0), .INMODEREG(0), .OPMODEREG(0)
    ) u_accumulated (
        .CLK(clk), .A(s_axis_tdata[29:0]), .B(s_axis_tdata[47:30]), .C('0), .D('0), .ACIN('0),
        .BCIN('0), .PCIN('0), .CARRYIN(1'b0), .CARRYINSEL('0), .ALUMODE('0),
        .INMODE('0), .OPMODE(9'b00_010_01_01), .CEA1(1'b0), .CEA2(fill), .CEB1(1'b0), .CEB2(fill), .CEC(1'b0),
        .CEM(fill), .CEP(fill), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTM(1'b0),
        .RSTP(fill & s_axis_tdata[107]), .P(accumulated), .PCOUT()
    );

    // C - M, the factors two cycles late.
    DSP48E2 #(
        .AREG(2), .BREG(2), .CREG(1), .MREG(0), .PREG(0),
        .ALUMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0), .INMODEREG(0), .OPMODEREG(0)
    ) u_late (
        .CLK(clk), .A(s_axis_tdata[29:0]), .B(s_axis_tdata[47:30]), .C(s_axis_tdata[95:48]), .D('0), .ACIN('0),
        .BCIN('0), .PCIN('0), .CARRYIN(1'b0), .CARRYINSEL('0), .ALUMODE(4'b0011),
        .INMODE('0), .OPMODE(9'b00_011_01_01), .CEA1(fill), .CEA2(fill), .CEB1(fill), .CEB2(fill), .CEC(fill),
        .CEM(1'b0), .CEP(1'b0), .RSTA(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTM(1'b0), .RSTP(1'b0), .P(late), .PCOUT()
    );
endmodule
