// Elements in, stream words out: a beat with all elements of a group becomes the words of that group.
//
// WORD_BITS  of a stream word
// WORDS      of a group; a group starts at a new word
// LANE_BITS  of a lane: each element stands in its own, first element in the lowest bits of the first word
// ELEMENTS   of a group; lanes left over in its words are zero
// BITS       of an element, at most LANE_BITS
// SIGNED     1: an element is extended to its lane by its sign, 0: by zeros
//
// In: element e at [BITS*e +: BITS]. Out: a word. One word a cycle; latency 1 cycle to the group's first word, and for
// WORDS = 1 a wire.
module pack #(
    parameter int WORD_BITS = 32,
    parameter int WORDS = 1,
    parameter int LANE_BITS = 8,
    parameter int ELEMENTS = 4,
    parameter int BITS = 8,
    parameter int SIGNED = 0
) (
    input  logic                     clk,
    input  logic                     rst_n,
    input  logic [ELEMENTS*BITS-1:0] s_axis_tdata,
    input  logic                     s_axis_tvalid,
    output logic                     s_axis_tready,
    output logic [    WORD_BITS-1:0] m_axis_tdata,
    output logic                     m_axis_tvalid,
    input  logic                     m_axis_tready
);
    localparam int LANES = WORD_BITS / LANE_BITS;  // of a word

    if (BITS > LANE_BITS || LANE_BITS > WORD_BITS) begin : check
        $error("pack: an element fits its lane, and a lane fits the word");
    end
    if (ELEMENTS > WORDS * LANES) begin : check_size
        $error("pack: ELEMENTS need more WORDS");
    end

    logic [WORDS*WORD_BITS-1:0] group;

    for (genvar l = 0; l < WORDS * LANES; l++) begin : each_lane
        if (l < ELEMENTS) begin : used
            wire [BITS-1:0] element = s_axis_tdata[BITS*l+:BITS];
            wire sign = SIGNED != 0 & element[BITS-1];
            assign group[LANE_BITS*l+:LANE_BITS] = LANE_BITS'($signed({sign, element}));
        end else begin : left_over
            assign group[LANE_BITS*l+:LANE_BITS] = '0;
        end
    end

    regroup #(
        .PIXELS(1),
        .FROM(WORDS),
        .TO(1),
        .BITS(WORD_BITS)
    ) split_words (
        .clk,
        .rst_n,
        .s_axis_tdata(group),
        .s_axis_tvalid,
        .s_axis_tready,
        .m_axis_tdata,
        .m_axis_tvalid,
        .m_axis_tready
    );
endmodule
