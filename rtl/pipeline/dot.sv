// Dot product of a vector with weights: y = sum over i of x[i] * w[i], exactly.
//
// Parameters
//   LANES                 elements of the vectors
//   X_BITS, X_SIGNED      of an element of x
//   WEIGHT_BITS           of a weight, which is signed
//   USE_DSP               1: multipliers are DSP slices; 0: LUTs
//
// x, w  element i at X_BITS * i and WEIGHT_BITS * i
// y     signed, wide enough for any x and w
//
// Latency 2 cycles: where `multiply` is high the products are registered, where `add` is high their sum is. They are low
// where there is nothing new, so that nothing toggles for nothing. One dot product a cycle.
//
// A multiplier of LUTs is made of Booth's radix-4 rows: two bits of the weight, and the one below them, choose 0, x, 2x,
// -x or -2x (-x is ~x + 1). A bit of a row depends on five signals, so that one LUT with six inputs chooses it and adds
// it to the rows before; the 1 of a negative row comes in as a carry. Verilator multiplies by `*` instead, in a quarter
// of the time; with DOT_ROWS defined it simulates the rows.
module dot #(
    parameter int LANES = 9,
    parameter int X_BITS = 4,
    parameter int X_SIGNED = 0,
    parameter int WEIGHT_BITS = 4,
    parameter int USE_DSP = 0,
    // A DSP's product has one bit more than its values need: Yosys makes no DSP of a product of fewer than 9 bits.
    localparam int PRODUCT_BITS = X_BITS + WEIGHT_BITS + (USE_DSP != 0 ? 1 : 0),
    localparam int SUM_BITS = PRODUCT_BITS + $clog2(LANES)
) (
    input  logic                         clk,
    input  logic                         multiply,
    input  logic                         add,
    input  logic [LANES*X_BITS-1:0]      x,
    input  logic [LANES*WEIGHT_BITS-1:0] w,
    output logic signed [SUM_BITS-1:0]   y
);
    // Whether a multiplier is made of rows.
`ifndef VERILATOR
    localparam bit MADE_OF_ROWS = USE_DSP == 0;
`elsif DOT_ROWS
    localparam bit MADE_OF_ROWS = USE_DSP == 0;
`else
    localparam bit MADE_OF_ROWS = 0;
`endif
    localparam int LEVELS = $clog2(LANES);

    for (genvar i = 0; i < LANES; i++) begin : g_lane
        wire [X_BITS-1:0] raw = x[X_BITS*i+:X_BITS];
        wire signed [X_BITS:0] a = $signed({X_SIGNED != 0 & raw[X_BITS-1], raw});
        wire signed [WEIGHT_BITS-1:0] b = $signed(w[WEIGHT_BITS*i+:WEIGHT_BITS]);
        logic signed [PRODUCT_BITS-1:0] product;

        if (!MADE_OF_ROWS) begin : g_product
            (* use_dsp = "yes" *) wire signed [PRODUCT_BITS-1:0] full = a * b;
            always_ff @(posedge clk) if (multiply) product <= full;
        end else begin : g_rows
            localparam int ROWS = (WEIGHT_BITS + 1) / 2;
            wire [2*ROWS:0] digits = {(2 * ROWS)'(b), 1'b0};
            wire [PRODUCT_BITS-1:0] full;

            for (genvar r = 0; r < ROWS; r++) begin : g_row
                localparam int ROW_BITS = r < ROWS - 1 ? X_BITS + 2 : PRODUCT_BITS - 2 * r;
                wire one = digits[2*r] ^ digits[2*r+1];
                wire two = ~one & (digits[2*r] ^ digits[2*r+2]);
                wire minus = digits[2*r+2];
                wire [ROW_BITS-1:0] size = one ? ROW_BITS'(a) : two ? ROW_BITS'(a) << 1 : '0;
                wire [ROW_BITS-1:0] above, sum;
                wire unused;  // the place below the lowest bit, from which `minus` comes in as a carry
                assign {sum, unused} = {above, minus} + {size ^ {ROW_BITS{minus}}, minus};

                // The two lowest bits of a sum are final; the next row adds to the others.
                if (r == 0) begin : g_first
                    assign above = '0;
                end else begin : g_next
                    assign above = ROW_BITS'($signed(g_row[r-1].sum[X_BITS+1:2]));
                end
                if (r == ROWS - 1) begin : g_last
                    assign full[2*r+:ROW_BITS] = sum;
                end else begin : g_low
                    assign full[2*r+:2] = sum[1:0];
                end
            end
            always_ff @(posedge clk) if (multiply) product <= $signed(full);
        end
    end

    // The adder tree: a level adds the sums of the level before two by two. `keep` stops Yosys from making one sum of
    // many terms of it, which takes more LUTs.

    for (genvar level = 0; level <= LEVELS; level++) begin : g_level
        localparam int COUNT = (LANES + (1 << level) - 1) >> level;
        localparam int BITS = PRODUCT_BITS + level;

        for (genvar i = 0; i < COUNT; i++) begin : g_sum
            (* keep *) wire signed [BITS-1:0] sum;
            if (level == 0) begin : g_products
                assign sum = g_lane[i].product;
            end else if (((2 * i + 1) << (level - 1)) < LANES) begin : g_pair
                assign sum = BITS'(g_level[level-1].g_sum[2*i].sum) + BITS'(g_level[level-1].g_sum[2*i+1].sum);
            end else begin : g_alone
                assign sum = BITS'(g_level[level-1].g_sum[2*i].sum);
            end
        end
    end

    always_ff @(posedge clk) if (add) y <= g_level[LEVELS].g_sum[0].sum;
endmodule
