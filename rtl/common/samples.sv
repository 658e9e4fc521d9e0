// The doorkeeper of a pipeline: lets a sample's words in after a start, and lets its result out with the right TLAST.
//
// WORD_BITS  of a stream word, in and out
// WORDS_IN   of a sample
// WORDS_OUT  of a result
// SAMPLES    2 or more: so many samples may be inside with all their words; then no further one is let in
//
// s_axis         from outside. TLAST is looked at on a sample's last word only.
// to_pipeline    the same words, in the same cycle
// from_pipeline  the results
// m_axis         the same words, in the same cycle. A result's last word carries the TLAST of its sample's last word,
//                so it is held until that one was taken: a pipeline may have its result before (a strided convolution
//                does not look at the last row).
// start          lets words in. It stays high until `ready`, and then falls unless a next sample is wanted.
// ready, done    high for the cycle in which a sample's last word, or a result's last word, is taken
// idle           not started, and no sample inside
module samples #(
    parameter int WORD_BITS = 32,
    parameter int WORDS_IN = 1,
    parameter int WORDS_OUT = 1,
    parameter int SAMPLES = 16
) (
    input  logic                 clk,
    input  logic                 rst_n,

    input  logic                 start,
    output logic                 ready,
    output logic                 done,
    output logic                 idle,

    input  logic [WORD_BITS-1:0] s_axis_tdata,
    input  logic                 s_axis_tlast,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,

    output logic [WORD_BITS-1:0] to_pipeline_tdata,
    output logic                 to_pipeline_tvalid,
    input  logic                 to_pipeline_tready,

    input  logic [WORD_BITS-1:0] from_pipeline_tdata,
    input  logic                 from_pipeline_tvalid,
    output logic                 from_pipeline_tready,

    output logic [WORD_BITS-1:0] m_axis_tdata,
    output logic                 m_axis_tlast,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready
);
    localparam int IN_BITS = WORDS_IN > 1 ? $clog2(WORDS_IN) : 1;
    localparam int OUT_BITS = WORDS_OUT > 1 ? $clog2(WORDS_OUT) : 1;

    logic [IN_BITS-1:0] word_in;  // of its sample, and of its result
    logic [OUT_BITS-1:0] word_out;
    logic room, known, ends_packet;

    // In: `start` and `room` fall only after a sample's last word, so a word that was offered stays offered.

    wire admit = start & room;
    wire last_in = word_in == IN_BITS'(WORDS_IN - 1);

    assign to_pipeline_tdata = s_axis_tdata;
    assign to_pipeline_tvalid = s_axis_tvalid & admit;
    assign s_axis_tready = to_pipeline_tready & admit;
    assign ready = s_axis_tvalid & s_axis_tready & last_in;

    // Between: the TLAST of each sample that is wholly inside.

    fifo #(
        .WIDTH(1),
        .DEPTH(SAMPLES)
    ) tlasts (
        .clk,
        .rst_n,
        .s_axis_tdata(s_axis_tlast),
        .s_axis_tvalid(ready),
        .s_axis_tready(room),
        .m_axis_tdata(ends_packet),
        .m_axis_tvalid(known),
        .m_axis_tready(done)
    );

    // Out.

    wire last_out = word_out == OUT_BITS'(WORDS_OUT - 1);
    wire release_word = ~last_out | known;

    assign m_axis_tdata = from_pipeline_tdata;
    assign m_axis_tlast = last_out & ends_packet;
    assign m_axis_tvalid = from_pipeline_tvalid & release_word;
    assign from_pipeline_tready = m_axis_tready & release_word;
    assign done = m_axis_tvalid & m_axis_tready & last_out;
    assign idle = ~start & ~known;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            word_in <= '0;
            word_out <= '0;
        end else begin
            if (s_axis_tvalid & s_axis_tready) word_in <= last_in ? '0 : word_in + 1'b1;
            if (m_axis_tvalid & m_axis_tready) word_out <= last_out ? '0 : word_out + 1'b1;
        end
    end
endmodule
