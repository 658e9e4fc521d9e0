// Changes how many lanes a beat has: joins beats to a wider one, or splits a beat into narrower ones.
//
// PIXELS   pixels side by side in a beat, in and out
// FROM     lanes of each pixel in a beat that comes in
// TO       lanes of each pixel in a beat that goes out: a multiple of FROM, or a divisor of it
// BITS     of an element
//
// A beat is [pixel][lane]: lane c of pixel p at bits [BITS*(p*LANES+c) +: BITS], LANES = FROM or TO. The lowest lanes
// of all pixels come first, and leave first. To give a beat of several pixels one pixel at a time, take it as one pixel:
// PIXELS = 1, FROM = all its elements, TO = those of a pixel.
//
// Latency 1 cycle from the beat that makes the output complete; FROM = TO is a wire. A wider beat leaves every TO/FROM
// cycles, a narrower one every cycle: the side with more beats never waits for the other.
module regroup #(
    parameter int PIXELS = 1,
    parameter int FROM = 1,
    parameter int TO = 2,
    parameter int BITS = 8
) (
    /* verilator lint_off UNUSEDSIGNAL */  // a wire needs neither
    input  logic                        clk,
    input  logic                        rst_n,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [PIXELS*FROM*BITS-1:0] s_axis_tdata,
    input  logic                        s_axis_tvalid,
    output logic                        s_axis_tready,
    output logic [  PIXELS*TO*BITS-1:0] m_axis_tdata,
    output logic                        m_axis_tvalid,
    input  logic                        m_axis_tready
);
    // The wide beat is PARTS narrow ones; part k holds lanes k*NARROW … (k+1)*NARROW-1 of every pixel.
    localparam int WIDE = FROM > TO ? FROM : TO;
    localparam int NARROW = FROM > TO ? TO : FROM;
    localparam int PARTS = WIDE / NARROW;
    localparam int PART_BITS = PIXELS * NARROW * BITS;
    localparam int COUNT_BITS = PARTS > 1 ? $clog2(PARTS) : 1;
    localparam logic [COUNT_BITS-1:0] LAST = COUNT_BITS'(PARTS - 1);

    if (PARTS * NARROW != WIDE) begin : check
        $error("regroup: of FROM and TO one must be a multiple of the other");
    end

    if (FROM == TO) begin : same
        assign m_axis_tdata = s_axis_tdata;
        assign m_axis_tvalid = s_axis_tvalid;
        assign s_axis_tready = m_axis_tready;
    end else begin : other
        logic [PARTS*PART_BITS-1:0] parts;  // a shift register: part 0 is lowest when all of them are there
        logic [COUNT_BITS-1:0] part;  // that comes next, or leaves next

        if (TO > FROM) begin : join_beats
            wire enable = ~m_axis_tvalid | m_axis_tready;

            assign s_axis_tready = enable;
            for (genvar k = 0; k < PARTS; k++) begin : each_part
                for (genvar p = 0; p < PIXELS; p++) begin : each_pixel
                    assign m_axis_tdata[BITS*(p*WIDE+k*NARROW)+:BITS*NARROW] =
                        parts[PART_BITS*k+BITS*p*NARROW+:BITS*NARROW];
                end
            end

            always_ff @(posedge clk) begin
                if (s_axis_tvalid & enable) parts <= {s_axis_tdata, parts[PARTS*PART_BITS-1:PART_BITS]};
            end

            always_ff @(posedge clk) begin
                if (~rst_n) begin
                    part <= '0;
                    m_axis_tvalid <= 1'b0;
                end else if (enable) begin
                    if (s_axis_tvalid) part <= part == LAST ? '0 : part + 1'b1;
                    m_axis_tvalid <= s_axis_tvalid & part == LAST;
                end
            end
        end else begin : split_beats
            logic [PARTS*PART_BITS-1:0] taken;  // the beat that comes in, part by part

            wire give = m_axis_tvalid & m_axis_tready;

            assign s_axis_tready = ~m_axis_tvalid | (m_axis_tready & part == LAST);
            assign m_axis_tdata = parts[PART_BITS-1:0];
            for (genvar k = 0; k < PARTS; k++) begin : each_part
                for (genvar p = 0; p < PIXELS; p++) begin : each_pixel
                    assign taken[PART_BITS*k+BITS*p*NARROW+:BITS*NARROW] =
                        s_axis_tdata[BITS*(p*WIDE+k*NARROW)+:BITS*NARROW];
                end
            end

            always_ff @(posedge clk) begin
                if (s_axis_tready) parts <= taken;
                else if (give) parts <= parts >> PART_BITS;
            end

            always_ff @(posedge clk) begin
                if (~rst_n) begin
                    part <= '0;
                    m_axis_tvalid <= 1'b0;
                end else begin
                    if (give) part <= part == LAST ? '0 : part + 1'b1;
                    if (s_axis_tready) m_axis_tvalid <= s_axis_tvalid;
                end
            end
        end
    end
endmodule
