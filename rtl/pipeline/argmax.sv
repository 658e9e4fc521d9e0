// The index of the largest element of a vector; of equal ones, the smallest index.
//
// ELEMENTS  of a vector
// LANES     elements of a beat, a divisor of ELEMENTS; element l at [BITS*l +: BITS]
// BITS      of an element, signed
//
// A vector is ELEMENTS/LANES beats, lowest elements first. Out: one beat a vector, the index, unsigned, in as many bits
// as ELEMENTS-1 needs. Latency 2 cycles from a vector's last beat (best of the beat; best of the vector), one beat a
// cycle.
module argmax #(
    parameter int ELEMENTS = 10,
    parameter int LANES = 1,
    parameter int BITS = 32,
    localparam int INDEX_BITS = ELEMENTS > 1 ? $clog2(ELEMENTS) : 1
) (
    input  logic                  clk,
    input  logic                  rst_n,
    input  logic [LANES*BITS-1:0] s_axis_tdata,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    output logic [INDEX_BITS-1:0] m_axis_tdata,
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready
);
    localparam int LEVELS = $clog2(LANES);
    localparam int LEAVES = 2 ** LEVELS;
    localparam logic signed [BITS-1:0] SMALLEST = {1'b1, {BITS - 1{1'b0}}};
    // Of a vector's last beat, the index of its first element.
    localparam logic [INDEX_BITS-1:0] LAST = INDEX_BITS'(ELEMENTS - LANES);

    if (ELEMENTS % LANES != 0) begin : check
        $error("argmax: ELEMENTS must be a multiple of LANES");
    end

    wire enable = ~m_axis_tvalid | m_axis_tready;

    assign s_axis_tready = enable;

    // The best of a beat: a knockout. Node n plays its children 2n and 2n+1, the leaves stand in the order of the
    // lanes, and the right one must be larger to win. Leaves beyond the last lane never are.

    logic signed [BITS-1:0] value[1:2*LEAVES-1];
    logic [INDEX_BITS-1:0] lane[1:2*LEAVES-1];

    for (genvar l = 0; l < LEAVES; l++) begin : each_leaf
        assign value[LEAVES+l] = l < LANES ? s_axis_tdata[BITS*(l%LANES)+:BITS] : SMALLEST;
        assign lane[LEAVES+l] = INDEX_BITS'(l);
    end
    for (genvar n = 1; n < LEAVES; n++) begin : each_node
        wire right = value[2*n+1] > value[2*n];
        assign value[n] = right ? value[2*n+1] : value[2*n];
        assign lane[n] = right ? lane[2*n+1] : lane[2*n];
    end

    logic [INDEX_BITS-1:0] base;  // the index of the beat's first element
    logic signed [BITS-1:0] beat_value, best_value;
    logic [INDEX_BITS-1:0] beat_index, best_index;
    logic beat_valid, beat_first, beat_last;

    wire better = beat_first | beat_value > best_value;

    assign m_axis_tdata = best_index;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            base <= '0;
            beat_valid <= 1'b0;
            m_axis_tvalid <= 1'b0;
        end else if (enable) begin
            if (s_axis_tvalid) base <= base == LAST ? '0 : base + INDEX_BITS'(LANES);
            beat_valid <= s_axis_tvalid;
            m_axis_tvalid <= beat_valid & beat_last;
        end
    end

    always_ff @(posedge clk) begin
        if (enable) begin
            beat_value <= value[1];
            beat_index <= base + lane[1];
            beat_first <= base == '0;
            beat_last <= base == LAST;
            if (beat_valid & better) begin
                best_value <= beat_value;
                best_index <= beat_index;
            end
        end
    end
endmodule
