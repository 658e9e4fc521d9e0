// Memories that become block RAM: every word that comes in reads each of them at one address and, if its highest bit is
// set, writes it at another.
module memory_bench (
    input  logic        clk,
    input  logic        rst_n,
    input  logic [63:0] s_axis_tdata,
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    output logic [63:0] m_axis_tdata,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready
);
    wire en = ~m_axis_tvalid | m_axis_tready;
    wire fill = en & s_axis_tvalid;
    wire write = fill & s_axis_tdata[63];

    assign s_axis_tready = en;
    assign m_axis_tdata[63:49] = '0;
    always_ff @(posedge clk)
        if (~rst_n) m_axis_tvalid <= 1'b0;
        else if (en) m_axis_tvalid <= s_axis_tvalid;

    memory #(.WORDS(4096), .BITS(4), .FILE("deep.hex")) deep (
        .clk, .read(fill), .write, .from(s_axis_tdata[11:0]), .to(s_axis_tdata[23:12]), .d(s_axis_tdata[27:24]),
        .q(m_axis_tdata[3:0])
    );
    memory #(.WORDS(4096), .BITS(9), .FILE("bytes.hex")) bytes (
        .clk, .read(fill), .write, .from(s_axis_tdata[11:0]), .to(s_axis_tdata[23:12]), .d(s_axis_tdata[32:24]),
        .q(m_axis_tdata[12:4])
    );
    memory #(.WORDS(512), .BITS(36), .FILE("wide.hex")) wide (
        .clk, .read(fill), .write, .from(s_axis_tdata[8:0]), .to(s_axis_tdata[20:12]), .d(s_axis_tdata[59:24]),
        .q(m_axis_tdata[48:13])
    );
endmodule

module memory #(
    parameter int WORDS = 512,
    parameter int BITS = 8,
    parameter     FILE = ""
) (
    input  logic                     clk,
    input  logic                     read,
    input  logic                     write,
    input  logic [$clog2(WORDS)-1:0] from,
    input  logic [$clog2(WORDS)-1:0] to,
    input  logic [         BITS-1:0] d,
    output logic [         BITS-1:0] q
);
    (* ram_style = "block" *) logic [BITS-1:0] words[WORDS];
    initial $readmemh(FILE, words);
    always_ff @(posedge clk) begin
        if (read) q <= words[from];
        if (write) words[to] <= d;
    end
endmodule
