// Brings accumulators back to the few bits of an activation: times a multiplier, divided by a power of two, rounded.
//
//     y = clamp(floor((x * multiplier + round) / 2^shift), low, high),   round = 2^(shift-1), or 0 if shift is 0
//
// low and high are the ends of the output type; of an unsigned one, low = 0 makes it a ReLU.
//
// LANES            channels of a beat
// PIXELS           pixels of a beat, which share the numbers of their channels
// FOLDS            beats of a pixel: beat f holds channels f*LANES … (f+1)*LANES-1
// IN_BITS          of x, signed
// OUT_BITS         of y
// OUT_SIGNED       1: y is signed, 0: unsigned
// MULTIPLIER_BITS  of a multiplier, unsigned
// SHIFT_BITS       of a shift, unsigned
// COMMON_SHIFT     0 or more: the shift of all channels, and no shifter is needed; -1: each has its own, from SHIFTS
// MULTIPLIERS      file for $readmemh, a word for each fold: that of lane c at [MULTIPLIER_BITS*c +: MULTIPLIER_BITS]
// SHIFTS           likewise, with SHIFT_BITS; not read if there is a common shift
//
// A beat is [pixel][lane], IN_BITS or OUT_BITS each. Latency 2 cycles (product; shifted, rounded and clamped), one beat
// a cycle.
module requantize #(
    parameter int LANES = 1,
    parameter int PIXELS = 1,
    parameter int FOLDS = 1,
    parameter int IN_BITS = 32,
    parameter int OUT_BITS = 8,
    parameter int OUT_SIGNED = 1,
    parameter int MULTIPLIER_BITS = 16,
    parameter int SHIFT_BITS = 6,
    parameter int COMMON_SHIFT = -1,
    parameter MULTIPLIERS = "multipliers.hex",
    parameter SHIFTS = "shifts.hex"
) (
    input  logic                             clk,
    input  logic                             rst_n,
    input  logic [ PIXELS*LANES*IN_BITS-1:0] s_axis_tdata,
    input  logic                             s_axis_tvalid,
    output logic                             s_axis_tready,
    output logic [PIXELS*LANES*OUT_BITS-1:0] m_axis_tdata,
    output logic                             m_axis_tvalid,
    input  logic                             m_axis_tready
);
    localparam int PRODUCT_BITS = IN_BITS + MULTIPLIER_BITS + 1;
    // Twice the product is what gets shifted, so that the bit behind the point is there to round with, whatever the
    // shift. It is at least so wide that a bit is left above those of the output.
    localparam int TWICE_BITS = (PRODUCT_BITS > OUT_BITS ? PRODUCT_BITS : OUT_BITS + 1) + 1;
    localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
    localparam logic [OUT_BITS-1:0] LOW = OUT_SIGNED != 0 ? OUT_BITS'(1) << (OUT_BITS - 1) : '0;
    localparam logic [OUT_BITS-1:0] HIGH = OUT_SIGNED != 0 ? ~LOW : '1;

    // With one fold the address is a constant, and so is what is read: synthesis then needs no shifter either.
    logic [LANES*MULTIPLIER_BITS-1:0] multipliers[FOLDS];
    logic [LANES*MULTIPLIER_BITS-1:0] multiplier;
    logic [FOLD_BITS-1:0] fold;
    logic multiplied;  // the products are there

    initial $readmemh(MULTIPLIERS, multipliers);

    wire enable = ~m_axis_tvalid | m_axis_tready;

    assign s_axis_tready = enable;
    assign multiplier = multipliers[FOLDS == 1 ? '0 : fold];

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            fold <= '0;
            multiplied <= 1'b0;
            m_axis_tvalid <= 1'b0;
        end else if (enable) begin
            if (s_axis_tvalid) fold <= fold == FOLD_BITS'(FOLDS - 1) ? '0 : fold + 1'b1;
            multiplied <= s_axis_tvalid;
            m_axis_tvalid <= multiplied;
        end
    end

    logic [LANES*SHIFT_BITS-1:0] shift;  // of the products

    if (COMMON_SHIFT >= 0) begin : common_shift
        assign shift = {LANES{SHIFT_BITS'(COMMON_SHIFT)}};
    end else begin : own_shifts
        logic [LANES*SHIFT_BITS-1:0] shifts[FOLDS];

        initial $readmemh(SHIFTS, shifts);

        always_ff @(posedge clk) if (enable) shift <= shifts[FOLDS == 1 ? '0 : fold];
    end

    for (genvar i = 0; i < PIXELS * LANES; i++) begin : each_element
        localparam int LANE = i % LANES;

        logic signed [PRODUCT_BITS-1:0] product;
        logic signed [TWICE_BITS-1:0] twice;
        logic [OUT_BITS-1:0] clamped;

        wire signed [IN_BITS-1:0] x = s_axis_tdata[IN_BITS*i+:IN_BITS];
        wire signed [MULTIPLIER_BITS:0] factor = {1'b0, multiplier[MULTIPLIER_BITS*LANE+:MULTIPLIER_BITS]};

        // Above its lowest bit the quotient, rounded down; the lowest bit is the half that rounds it up again.
        assign twice = TWICE_BITS'($signed({product, 1'b0})) >>> shift[SHIFT_BITS*LANE+:SHIFT_BITS];

        wire negative = twice[TWICE_BITS-1];
        wire [OUT_BITS-1:0] whole = twice[OUT_BITS:1];
        wire too_low = negative & (OUT_SIGNED == 0 | ~(&twice[TWICE_BITS-1:OUT_BITS]));
        wire too_high = ~negative & (|twice[TWICE_BITS-1:OUT_BITS+1] | (OUT_SIGNED != 0 & twice[OUT_BITS]));

        always_comb begin
            if (too_low) clamped = LOW;
            else if (too_high | whole == HIGH) clamped = HIGH;
            else clamped = whole + OUT_BITS'(twice[0]);
        end

        always_ff @(posedge clk) begin
            if (enable) begin
                product <= x * factor;
                m_axis_tdata[OUT_BITS*i+:OUT_BITS] <= clamped;
            end
        end
    end
endmodule
