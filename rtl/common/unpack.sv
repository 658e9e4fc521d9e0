// Stream words in, elements out: the words of a group become one beat with all elements of that group.
//
// WORD_BITS  of a stream word
// WORDS      of a group; a group starts at a new word
// LANE_BITS  of a lane: each element stands in its own, first element in the lowest bits of the first word
// ELEMENTS   of a group; lanes left over in its words are not looked at
// BITS       of an element, the lowest of its lane
//
// In: a word. Out: element e at [BITS*e +: BITS]. One word a cycle; latency 1 cycle from the group's last word, and for
// WORDS = 1 a wire.
module unpack #(
    parameter int WORD_BITS = 32,
    parameter int WORDS = 1,
    parameter int LANE_BITS = 8,
    parameter int ELEMENTS = 4,
    parameter int BITS = 8
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [    WORD_BITS-1:0] s_axis_tdata,
    input  logic                     s_axis_tvalid,
    output logic                     s_axis_tready,
    output logic [ELEMENTS*BITS-1:0] m_axis_tdata,
    output logic                     m_axis_tvalid,
    input  logic                     m_axis_tready
);
    localparam int LANES = WORD_BITS / LANE_BITS;  // of a word

    if (BITS > LANE_BITS || LANE_BITS > WORD_BITS) begin : check
        $error("unpack: an element fits its lane, and a lane fits the word");
    end
    if (ELEMENTS > WORDS * LANES) begin : check_size
        $error("unpack: ELEMENTS need more WORDS");
    end

    /* verilator lint_off UNUSEDSIGNAL */  // the upper bits of lanes, and lanes left over
    logic [WORDS*WORD_BITS-1:0] group;
    /* verilator lint_on UNUSEDSIGNAL */

    regroup #(
        .PIXELS(1),
        .FROM(1),
        .TO(WORDS),
        .BITS(WORD_BITS)
    ) join_words (
        .clk,
        .rst_n,
        .s_axis_tdata,
        .s_axis_tvalid,
        .s_axis_tready,
        .m_axis_tdata(group),
        .m_axis_tvalid,
        .m_axis_tready
    );

    for (genvar e = 0; e < ELEMENTS; e++) begin : each_element
        assign m_axis_tdata[BITS*e+:BITS] = group[WORD_BITS*(e/LANES)+LANE_BITS*(e%LANES)+:BITS];
    end
endmodule
