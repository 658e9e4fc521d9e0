// A stream of words through one of each: what the tests of synthesis count, and simulate as RTL and as netlist.
module workbench #(
    parameter int STEP = 3,
    parameter     TABLE = "table.hex"
) (
    input  logic         clk,
    input  logic         rst_n,
    input  logic [ 31:0] s_axis_tdata,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    output logic [159:0] m_axis_tdata,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready
);
    logic en, fill;
    assign en = !m_axis_tvalid || m_axis_tready;
    assign fill = en && s_axis_tvalid;
    assign s_axis_tready = en;
    always_ff @(posedge clk)
        if (!rst_n) m_axis_tvalid <= 1'b0;
        else if (en) m_axis_tvalid <= s_axis_tvalid;

    mac u_mac (.clk, .rst_n, .en(fill), .a(s_axis_tdata[7:0]), .b(s_axis_tdata[15:8]), .acc(m_axis_tdata[31:0]));
    mac u_twin (.clk, .rst_n, .en(fill), .a(s_axis_tdata[23:16]), .b(s_axis_tdata[31:24]), .acc(m_axis_tdata[63:32]));
    delay u_delay (.clk, .en(fill), .d(s_axis_tdata[7:0]), .q(m_axis_tdata[71:64]));
    store #(.TABLE(TABLE)) u_store (
        .clk,
        .en(fill),
        .we(s_axis_tdata[31]),
        .address(s_axis_tdata[20:16]),
        .d(s_axis_tdata[7:0]),
        .q(m_axis_tdata[79:72])
    );
    always_ff @(posedge clk) begin
        if (fill) begin
            m_axis_tdata[95:80]   <= 16'($signed(s_axis_tdata[15:0]) >>> s_axis_tdata[19:16]);
            m_axis_tdata[111:96]  <= m_axis_tdata[111:96] + 16'(STEP);
            m_axis_tdata[127:112] <= $signed(s_axis_tdata[15:0]) < $signed(s_axis_tdata[31:16])
                                   ? s_axis_tdata[15:0] : s_axis_tdata[31:16];
            m_axis_tdata[159:128] <= 32'($signed(s_axis_tdata[15:0]) * $signed({1'b0, s_axis_tdata[31:16]}));
        end
        if (!rst_n) m_axis_tdata[111:96] <= 16'd7;
    end
endmodule

// acc += a * b, the product registered.
module mac (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               en,
    input  logic signed [ 7:0] a,
    input  logic signed [ 7:0] b,
    output logic signed [31:0] acc
);
    logic signed [15:0] product;
    always_ff @(posedge clk)
        if (!rst_n) begin
            product <= '0;
            acc     <= '0;
        end else if (en) begin
            product <= a * b;
            acc     <= acc + 32'(product);
        end
endmodule

// 20 cycles late: 8 shift registers of LUTs.
module delay (
    input  logic       clk,
    input  logic       en,
    input  logic [7:0] d,
    output logic [7:0] q
);
    logic [7:0] stage[20];
    always_ff @(posedge clk)
        if (en) begin
            stage[0] <= d;
            for (int i = 1; i < 20; i++) stage[i] <= stage[i-1];
        end
    assign q = stage[19];
endmodule

// 32 bytes in distributed memory, with initial contents; read before write.
module store #(
    parameter TABLE = ""
) (
    input  logic       clk,
    input  logic       en,
    input  logic       we,
    input  logic [4:0] address,
    input  logic [7:0] d,
    output logic [7:0] q
);
    (* ram_style = "distributed" *) logic [7:0] bytes[32];
    initial $readmemh(TABLE, bytes);
    always_ff @(posedge clk)
        if (en) begin
            q <= bytes[address];
            if (we) bytes[address] <= d;
        end
endmodule
