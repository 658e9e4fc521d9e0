// Pooling: reduces each window to the largest of its elements, or to their sum, lane by lane.
//
// Parameters
//   TAPS, LANES, PIXELS  a beat holds PIXELS windows of TAPS places, each with LANES elements
//   BITS, SIGNED         of an element
//   MODE                 "max" or "sum"
//   OUT_BITS             of a result. max: BITS. sum: signed, and wide enough: at least BITS + log2(TAPS), rounded up,
//                        and one more if the elements are unsigned
//
// Beats in   element (pixel, tap, lane) at BITS * ((pixel * TAPS + tap) * LANES + lane), as window.sv gives them
// Beats out  element (pixel, lane) at OUT_BITS * (pixel * LANES + lane)
//
// Latency 1 cycle, one beat a cycle.
module pool #(
    parameter int TAPS = 4,
    parameter int LANES = 1,
    parameter int PIXELS = 1,
    parameter int BITS = 4,
    parameter int SIGNED = 0,
    parameter MODE = "max",
    parameter int OUT_BITS = BITS,
    localparam int IN = PIXELS * TAPS * LANES * BITS,
    localparam int OUT = PIXELS * LANES * OUT_BITS
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
    localparam bit MAX = MODE == "max";
    localparam int LEVELS = $clog2(TAPS);
    // With the sign turned round, signed numbers stand in the order of unsigned ones.
    localparam logic [OUT_BITS-1:0] TURN = OUT_BITS'(MAX && SIGNED != 0 ? 1 << (OUT_BITS - 1) : 0);

    if (MODE != "max" && MODE != "sum") begin : g_mode
        $error("pool: MODE %s is not known; choose max or sum", MODE);
    end
    if (MAX ? OUT_BITS != BITS : OUT_BITS < BITS + LEVELS + (SIGNED != 0 ? 0 : 1)) begin : g_bits
        $error("pool: a result of %0d bits does not fit the %s of %0d elements of %0d", OUT_BITS, MODE, TAPS, BITS);
    end

    wire en = ~m_axis_tvalid | m_axis_tready;
    assign s_axis_tready = en;

    always_ff @(posedge clk) begin
        if (~rst_n) m_axis_tvalid <= 1'b0;
        else if (en) m_axis_tvalid <= s_axis_tvalid;
    end

    for (genvar p = 0; p < PIXELS; p++) begin : g_pixel
        for (genvar l = 0; l < LANES; l++) begin : g_lane
            // A tree: each level reduces the elements of the level before two by two.
            for (genvar level = 0; level <= LEVELS; level++) begin : g_level
                localparam int COUNT = (TAPS + (1 << level) - 1) >> level;
                (* keep *) logic [OUT_BITS-1:0] some[COUNT];

                for (genvar i = 0; i < COUNT; i++) begin : g_some
                    if (level == 0) begin : g_tap
                        wire [BITS-1:0] raw = s_axis_tdata[((p*TAPS+i)*LANES+l)*BITS+:BITS];
                        assign some[i] = (SIGNED != 0 ? OUT_BITS'($signed(raw)) : OUT_BITS'(raw)) ^ TURN;
                    end else if (((2 * i + 1) << (level - 1)) >= TAPS) begin : g_alone
                        assign some[i] = g_level[level-1].some[2*i];
                    end else begin : g_pair
                        wire [OUT_BITS-1:0] a = g_level[level-1].some[2*i];
                        wire [OUT_BITS-1:0] b = g_level[level-1].some[2*i+1];
                        assign some[i] = MAX ? (a > b ? a : b) : a + b;
                    end
                end
            end
            always_ff @(posedge clk) begin
                if (en) m_axis_tdata[(p*LANES+l)*OUT_BITS+:OUT_BITS] <= g_level[LEVELS].some[0] ^ TURN;
            end
        end
    end
endmodule
