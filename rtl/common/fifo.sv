// A queue of DEPTH words between two stages, which also cuts the path from the reader's ready to the writer's.
//
// WIDTH    bits of a word
// DEPTH    words it holds: 2 or more, any number. The words stand in LUT memory.
//
// Latency 1 cycle, one word a cycle. What it says on tvalid and tready comes from registers only.
module fifo #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2
) (
    input  logic             clk,
    input  logic             rst_n,
    input  logic [WIDTH-1:0] s_axis_tdata,
    input  logic             s_axis_tvalid,
    output logic             s_axis_tready,
    output logic [WIDTH-1:0] m_axis_tdata,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready
);
    if (DEPTH < 2) begin : check
        $error("fifo: DEPTH must be 2 or more");
    end

    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam int COUNT_BITS = $clog2(DEPTH + 1);
    localparam logic [ADDRESS_BITS-1:0] LAST = ADDRESS_BITS'(DEPTH - 1);

    (* ram_style = "distributed" *) logic [WIDTH-1:0] words[DEPTH];
    logic [ADDRESS_BITS-1:0] newest, oldest;  // where the next word goes, and where the next one is read
    logic [COUNT_BITS-1:0] count, next_count;

    wire write = s_axis_tvalid & s_axis_tready;
    wire read = m_axis_tvalid & m_axis_tready;

    assign m_axis_tdata = words[oldest];
    always_comb begin
        next_count = count;
        if (write & ~read) next_count = count + 1'b1;
        if (read & ~write) next_count = count - 1'b1;
    end

    always_ff @(posedge clk) if (write) words[newest] <= s_axis_tdata;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            newest <= '0;
            oldest <= '0;
            count <= '0;
            m_axis_tvalid <= 1'b0;
            s_axis_tready <= 1'b1;
        end else begin
            if (write) newest <= newest == LAST ? '0 : newest + 1'b1;
            if (read) oldest <= oldest == LAST ? '0 : oldest + 1'b1;
            count <= next_count;
            m_axis_tvalid <= next_count != '0;
            s_axis_tready <= next_count != COUNT_BITS'(DEPTH);
        end
    end
endmodule
