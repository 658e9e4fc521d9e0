// max(x, 0) of every element.
//
// LANES    channels of a beat
// PIXELS   pixels of a beat
// BITS     of an element, signed in and out
//
// A beat is [pixel][lane]. Latency 1 cycle, one beat a cycle. (Behind a requantize with an unsigned output nothing is
// left for it to do.)
module relu #(
    parameter int LANES = 1,
    parameter int PIXELS = 1,
    parameter int BITS = 8
) (
    input  logic                         clk,
    input  logic                         rst_n,
    input  logic [PIXELS*LANES*BITS-1:0] s_axis_tdata,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    output logic [PIXELS*LANES*BITS-1:0] m_axis_tdata,
    output logic                         m_axis_tvalid,
    input  logic                         m_axis_tready
);
    wire enable = ~m_axis_tvalid | m_axis_tready;

    assign s_axis_tready = enable;

    always_ff @(posedge clk) begin
        if (~rst_n) m_axis_tvalid <= 1'b0;
        else if (enable) m_axis_tvalid <= s_axis_tvalid;
    end

    for (genvar i = 0; i < PIXELS * LANES; i++) begin : each_element
        wire [BITS-1:0] x = s_axis_tdata[BITS*i+:BITS];
        wire negative = x[BITS-1];

        always_ff @(posedge clk) if (enable) m_axis_tdata[BITS*i+:BITS] <= negative ? '0 : x;
    end
endmodule
