// The floating-point operator of AMD PG060, as a behavioural model: same function, same latency, same clock enable.
// Python gives it the name and the parameters that the exported wrappers use; the arithmetic is in floating_point.cpp.
module floating_point #(
    /* parameters */
) (
    input  wire aclk,
    input  wire aclken,
    input  wire aresetn,
    input  wire s_axis_a_tvalid,
    output wire s_axis_a_tready,
    input  wire [C_A_TDATA_WIDTH-1:0] s_axis_a_tdata,
    input  wire [C_A_TUSER_WIDTH-1:0] s_axis_a_tuser,
    input  wire s_axis_a_tlast,
    input  wire s_axis_b_tvalid,
    output wire s_axis_b_tready,
    input  wire [C_B_TDATA_WIDTH-1:0] s_axis_b_tdata,
    input  wire [C_B_TUSER_WIDTH-1:0] s_axis_b_tuser,
    input  wire s_axis_b_tlast,
    input  wire s_axis_c_tvalid,
    output wire s_axis_c_tready,
    input  wire [C_C_TDATA_WIDTH-1:0] s_axis_c_tdata,
    input  wire [C_C_TUSER_WIDTH-1:0] s_axis_c_tuser,
    input  wire s_axis_c_tlast,
    input  wire s_axis_operation_tvalid,
    output wire s_axis_operation_tready,
    input  wire [C_OPERATION_TDATA_WIDTH-1:0] s_axis_operation_tdata,
    input  wire [C_OPERATION_TUSER_WIDTH-1:0] s_axis_operation_tuser,
    input  wire s_axis_operation_tlast,
    output wire m_axis_result_tvalid,
    input  wire m_axis_result_tready,
    output wire [C_RESULT_TDATA_WIDTH-1:0] m_axis_result_tdata,
    output wire [C_RESULT_TUSER_WIDTH-1:0] m_axis_result_tuser,
    output wire m_axis_result_tlast
);
  // The order is that of `enum Function` in floating_point.cpp.
  localparam int Function =
      C_HAS_ADD && C_HAS_SUBTRACT ? 0 : C_HAS_ADD ? 1 : C_HAS_SUBTRACT ? 2 : C_HAS_MULTIPLY ? 3 : C_HAS_DIVIDE ? 4
      : C_HAS_SQRT ? 5 : C_HAS_COMPARE ? 6 : C_HAS_FIX_TO_FLT ? 7 : C_HAS_FLT_TO_FIX ? 8 : C_HAS_FLT_TO_FLT ? 9
      : C_HAS_EXPONENTIAL ? 10 : C_HAS_LOGARITHM ? 11 : C_HAS_FMA && C_HAS_FMS ? 12 : C_HAS_FMA ? 13
      : C_HAS_FMS ? 14 : C_HAS_RECIP ? 15 : C_HAS_RECIP_SQRT ? 16 : C_HAS_ABSOLUTE ? 17 : -1;
  // A comparison that is fixed in the core stands in the operation code's place.
  localparam bit [7:0] Fixed = C_HAS_COMPARE && C_COMPARE_OPERATION < 8 ? 8'(C_COMPARE_OPERATION << 3 | 4) : 8'd0;

  import "DPI-C" pure function longint unsigned mlfpga_float(
      input int unsigned formats, input int fixed_unsigned, input int func, input int unsigned operation,
      input longint unsigned a, input longint unsigned b, input longint unsigned c);

  localparam int unsigned Formats = 32'(C_A_WIDTH) | 32'(C_A_FRACTION_WIDTH) << 8 | 32'(C_RESULT_WIDTH) << 16
      | 32'(C_RESULT_FRACTION_WIDTH) << 24;

  wire [63:0] a = 64'(s_axis_a_tdata);
  wire [63:0] b = C_HAS_B ? 64'(s_axis_b_tdata) : 64'd0;
  wire [63:0] c = C_HAS_C ? 64'(s_axis_c_tdata) : 64'd0;
  wire [7:0] operation = C_HAS_OPERATION ? 8'(s_axis_operation_tdata) : Fixed;
  wire valid = s_axis_a_tvalid & (!C_HAS_B | s_axis_b_tvalid) & (!C_HAS_C | s_axis_c_tvalid)
      & (!C_HAS_OPERATION | s_axis_operation_tvalid);
  wire enable = !C_HAS_ACLKEN | aclken;

  logic [63:0] result;
  logic result_valid;

  if (C_LATENCY == 0) begin : g_combinational
    assign result = mlfpga_float(Formats, C_FIXED_DATA_UNSIGNED, Function, 32'(operation), a, b, c);
    assign result_valid = valid;
  end else begin : g_pipeline
    logic [63:0] values[C_LATENCY];
    logic [C_LATENCY-1:0] valids;
    logic [63:0] last_a, last_b, last_c;
    logic [7:0] last_operation;
    logic primed;
    initial primed = 1'b0;
    initial valids = '0;

    always_ff @(posedge aclk) begin
      if (enable) begin
        // An operand often stays for many cycles; a logarithm is worth computing once.
        if (!primed || a != last_a || b != last_b || c != last_c || operation != last_operation) begin
          values[0] <= mlfpga_float(Formats, C_FIXED_DATA_UNSIGNED, Function, 32'(operation), a, b, c);
          last_a <= a;
          last_b <= b;
          last_c <= c;
          last_operation <= operation;
          primed <= 1'b1;
        end
        for (int i = 1; i < C_LATENCY; i++) values[i] <= values[i-1];
        valids <= C_LATENCY'({valids, valid});
      end
      if (C_HAS_ARESETN && !aresetn) valids <= '0;
    end
    assign result = values[C_LATENCY-1];
    assign result_valid = valids[C_LATENCY-1];
  end

  assign m_axis_result_tdata = C_RESULT_TDATA_WIDTH'(result);
  assign m_axis_result_tvalid = result_valid;
  assign m_axis_result_tuser = '0;
  assign m_axis_result_tlast = 1'b0;
  assign s_axis_a_tready = 1'b1;
  assign s_axis_b_tready = 1'b1;
  assign s_axis_c_tready = 1'b1;
  assign s_axis_operation_tready = 1'b1;
endmodule
