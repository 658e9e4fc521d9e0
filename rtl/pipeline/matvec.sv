// Product of a matrix with vectors that come as a stream, plus a bias: a convolution (behind a window) or a dense layer.
//
//     out[o] = bias[o] + sum over i of weight[o][i] * x[i]        (signed ACC_BITS; the weights must not overflow it)
//
// Parameters
//   BEATS, LANES_IN      a vector x comes in BEATS beats of LANES_IN elements
//   FOLDS, LANES_OUT     the result leaves in FOLDS beats of LANES_OUT elements
//   PIXELS               vectors side by side, which share the weights
//   IN_BITS, IN_SIGNED   of an element of x
//   WEIGHT_BITS          of a weight, which is signed
//   ACC_BITS             of a bias, a sum and a result, all signed
//   USE_DSP              1: multipliers are DSP slices; 0: LUTs
//   ROM_STYLE            of the weights' memory: "auto", "distributed" or "block"
//   WEIGHTS, BIASES      files for $readmemh
//
// Beats in   element (pixel, lane) at IN_BITS * (pixel * LANES_IN + lane)
// Beats out  element (pixel, lane) at ACC_BITS * (pixel * LANES_OUT + lane), lane l of fold f is out[f * LANES_OUT + l]
// WEIGHTS    word beat * FOLDS + fold holds weight (lane out, lane in) at WEIGHT_BITS * (lane out * LANES_IN + lane in)
// BIASES     word fold holds the bias of a lane out at ACC_BITS * lane
//
// An input beat stays for FOLDS cycles, in each of which LANES_OUT outputs get their part of the sum. Latency 3 cycles
// from the cycle of a vector's last beat and a fold to that fold's result. BEATS * FOLDS cycles a vector, without a gap.
module matvec #(
    parameter int BEATS = 1,
    parameter int FOLDS = 1,
    parameter int LANES_IN = 9,
    parameter int LANES_OUT = 2,
    parameter int PIXELS = 1,
    parameter int IN_BITS = 4,
    parameter int IN_SIGNED = 0,
    parameter int WEIGHT_BITS = 4,
    parameter int ACC_BITS = 16,
    parameter int USE_DSP = 0,
    /* verilator lint_off UNUSEDPARAM */  // synthesis reads it
    parameter ROM_STYLE = "auto",
    /* verilator lint_on UNUSEDPARAM */
    parameter WEIGHTS = "weights.hex",
    parameter BIASES = "biases.hex",
    localparam int IN = PIXELS * LANES_IN * IN_BITS,
    localparam int OUT = PIXELS * LANES_OUT * ACC_BITS
) (
    input  logic           clk,
    input  logic           rst_n,

    input  logic [IN-1:0]  s_axis_tdata,
    input  logic           s_axis_tvalid,
    output logic           s_axis_tready,

    output logic [OUT-1:0] m_axis_tdata,
    output logic           m_axis_tvalid,
    input  logic           m_axis_tready
);
    localparam int SUM_BITS = IN_BITS + WEIGHT_BITS + (USE_DSP != 0 ? 1 : 0) + $clog2(LANES_IN);
    localparam int ROW = LANES_IN * WEIGHT_BITS;
    localparam int WORDS = BEATS * FOLDS;
    localparam int WORD_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    localparam int BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
    localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;

    // Which part of the matrix is next.

    logic [BEAT_BITS-1:0] beat;
    logic [FOLD_BITS-1:0] fold;

    wire last_fold = fold == FOLD_BITS'(FOLDS - 1);
    wire last_beat = beat == BEAT_BITS'(BEATS - 1);

    wire en = ~m_axis_tvalid | m_axis_tready;
    wire step = en & s_axis_tvalid;
    assign s_axis_tready = en & last_fold;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            {beat, fold} <= '0;
        end else if (step) begin
            fold <= last_fold ? '0 : fold + 1'b1;
            if (last_fold) beat <= last_beat ? '0 : beat + 1'b1;
        end
    end

    // Its weights. The memory is read one cycle ahead, so that they are there with the beat.

    (* rom_style = ROM_STYLE *) logic [LANES_OUT*ROW-1:0] rom[WORDS];
    logic [LANES_OUT*ROW-1:0] weights;
    initial $readmemh(WEIGHTS, rom);

    if (WORDS == 1) begin : g_constant
        assign weights = rom[0];
    end else begin : g_memory
        logic [WORD_BITS-1:0] word, next;
        always_comb begin
            if (~rst_n) next = '0;
            else if (~step) next = word;
            else next = word == WORD_BITS'(WORDS - 1) ? '0 : word + 1'b1;
        end
        always_ff @(posedge clk) begin
            word <= next;
            weights <= rom[next];
        end
    end

    // The sums of products, two cycles later; what belongs to them goes along.

    logic signed [SUM_BITS-1:0] sums[PIXELS*LANES_OUT];
    logic [1:0] valid, first, last;
    logic [FOLD_BITS-1:0] folds[2];

    for (genvar p = 0; p < PIXELS; p++) begin : g_pixel
        for (genvar o = 0; o < LANES_OUT; o++) begin : g_out
            dot #(
                .LANES(LANES_IN), .X_BITS(IN_BITS), .X_SIGNED(IN_SIGNED), .WEIGHT_BITS(WEIGHT_BITS), .USE_DSP(USE_DSP)
            ) dot_i (
                .clk, .multiply(step), .add(en & valid[0]),
                .x(s_axis_tdata[p*LANES_IN*IN_BITS+:LANES_IN*IN_BITS]), .w(weights[o*ROW+:ROW]),
                .y(sums[p*LANES_OUT+o])
            );
        end
    end

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            valid <= '0;
        end else if (en) begin
            valid <= {valid[0], step};
        end
        if (en) begin
            first <= {first[0], beat == '0};
            last <= {last[0], last_beat};
            folds <= '{fold, folds[0]};
        end
    end

    // The accumulators: one set for each fold. The result of a vector's last beat leaves.

    logic [LANES_OUT*ACC_BITS-1:0] biases[FOLDS];
    logic [OUT-1:0] kept, base, result;
    initial $readmemh(BIASES, biases);

    assign base = BEATS == 1 | first[1] ? {PIXELS{biases[folds[1]]}} : kept;

    for (genvar i = 0; i < PIXELS * LANES_OUT; i++) begin : g_result
        assign result[i*ACC_BITS+:ACC_BITS] = base[i*ACC_BITS+:ACC_BITS] + ACC_BITS'(sums[i]);
    end

    if (FOLDS == 1) begin : g_one_fold  // the register of the result serves as the accumulator
        assign kept = m_axis_tdata;
    end else begin : g_folds
        (* ram_style = "distributed" *) logic [OUT-1:0] accumulators[FOLDS];
        assign kept = accumulators[folds[1]];
        always_ff @(posedge clk) if (en & valid[1]) accumulators[folds[1]] <= result;
    end

    always_ff @(posedge clk) begin
        if (en & valid[1]) m_axis_tdata <= result;
        if (~rst_n) m_axis_tvalid <= 1'b0;
        else if (en) m_axis_tvalid <= valid[1] & last[1];
    end
endmodule
