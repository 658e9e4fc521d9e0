// The DSP48E2 slice of UltraScale+ as far as Yosys uses it, for simulation (AMD UG579): a 27 x 18 bit signed multiplier,
// then P = Z + (W + X + Y + CARRYIN) or Z - (…) in 48 bits.
//
// Registers AREG and BREG 0 … 2, CREG, MREG and PREG 0 or 1, each with its clock enable and its synchronous reset. Not
// here, and refused by $fatal: pre-adder (INMODE, D), cascades of A and B, SIMD, pattern detector, registers of the
// control inputs, the wide shifts of Z, logic functions. Outputs that are not here are no ports: who connects one is
// told its name.
module DSP48E2 #(
    parameter int ACASCREG = 1,
    parameter int ADREG = 1,
    parameter int ALUMODEREG = 1,
    parameter     AMULTSEL = "A",
    parameter int AREG = 1,
    parameter     A_INPUT = "DIRECT",
    parameter int BCASCREG = 1,
    parameter     BMULTSEL = "B",
    parameter int BREG = 1,
    parameter     B_INPUT = "DIRECT",
    parameter int CARRYINREG = 1,
    parameter int CARRYINSELREG = 1,
    parameter int CREG = 1,
    parameter int DREG = 1,
    parameter int INMODEREG = 1,
    parameter int MREG = 1,
    parameter int OPMODEREG = 1,
    parameter int PREG = 1,
    parameter     USE_MULT = "MULTIPLY",
    parameter     USE_SIMD = "ONE48"
) (
    input  logic        CLK,
    input  logic [29:0] A,
    input  logic [17:0] B,
    input  logic [47:0] C,
    input  logic [26:0] D,
    input  logic [29:0] ACIN,
    input  logic [17:0] BCIN,
    input  logic [47:0] PCIN,
    input  logic        CARRYIN,
    input  logic [ 2:0] CARRYINSEL,
    input  logic [ 3:0] ALUMODE,
    input  logic [ 4:0] INMODE,
    input  logic [ 8:0] OPMODE,
    input  logic        CEA1,
    input  logic        CEA2,
    input  logic        CEB1,
    input  logic        CEB2,
    input  logic        CEC,
    input  logic        CEM,
    input  logic        CEP,
    input  logic        RSTA,
    input  logic        RSTB,
    input  logic        RSTC,
    input  logic        RSTM,
    input  logic        RSTP,
    output logic [47:0] P,
    output logic [47:0] PCOUT
);
    initial begin
        if (AMULTSEL != "A" || BMULTSEL != "B") $fatal(1, "this model of DSP48E2 has no pre-adder (AMULTSEL, BMULTSEL)");
        if (A_INPUT != "DIRECT" || B_INPUT != "DIRECT") $fatal(1, "this model of DSP48E2 has no cascade (A_INPUT, B_INPUT)");
        if (USE_SIMD != "ONE48") $fatal(1, "this model of DSP48E2 has no SIMD (USE_SIMD)");
        if (USE_MULT != "MULTIPLY" && USE_MULT != "NONE") $fatal(1, "this model of DSP48E2 has no dynamic USE_MULT");
        if (ALUMODEREG + CARRYINREG + CARRYINSELREG + INMODEREG + OPMODEREG != 0)
            $fatal(1, "this model of DSP48E2 has no registers of control inputs (ALUMODEREG … OPMODEREG must be 0)");
    end

    // Operands: each through 0, 1 or 2 registers; the last one is enabled by CE.2.
    logic [29:0] a1, a2, a;
    logic [17:0] b1, b2, b;
    logic [47:0] c1, c;
    always_ff @(posedge CLK) begin
        if (RSTA) a1 <= '0;
        else if (CEA1) a1 <= A;
        if (RSTA) a2 <= '0;
        else if (CEA2) a2 <= AREG == 2 ? a1 : A;
        if (RSTB) b1 <= '0;
        else if (CEB1) b1 <= B;
        if (RSTB) b2 <= '0;
        else if (CEB2) b2 <= BREG == 2 ? b1 : B;
        if (RSTC) c1 <= '0;
        else if (CEC) c1 <= C;
    end
    assign a = AREG == 0 ? A : a2;
    assign b = BREG == 0 ? B : b2;
    assign c = CREG == 0 ? C : c1;

    logic signed [44:0] product, m1, m;
    assign product = $signed(a[26:0]) * $signed(b);
    always_ff @(posedge CLK)
        if (RSTM) m1 <= '0;
        else if (CEM) m1 <= product;
    assign m = MREG == 0 ? product : m1;

    // The four operands of the adder. The multiplier's result is two partial sums: it takes both X and Y.
    logic [47:0] w, x, y, z, back, sum, p1;
    logic refused;
    assign back = PREG == 0 ? '0 : p1;
    always_comb begin
        refused = INMODE != 0 || CARRYINSEL != 0 || (ALUMODE != 4'b0000 && ALUMODE != 4'b0011);
        refused |= (OPMODE[1:0] == 2'b01) != (OPMODE[3:2] == 2'b01);
        refused |= OPMODE[1:0] == 2'b01 && USE_MULT == "NONE";
        refused |= PREG == 0 && (OPMODE[1:0] == 2'b10 || OPMODE[6:4] == 3'b010 || OPMODE[8:7] == 2'b01);
        unique case (OPMODE[1:0])
            2'b00: x = '0;
            2'b01: x = 48'(m);
            2'b10: x = back;
            2'b11: x = {a, b};
        endcase
        unique case (OPMODE[3:2])
            2'b00, 2'b01: y = '0;
            2'b10: y = '1;
            2'b11: y = c;
        endcase
        z = '0;
        unique case (OPMODE[6:4])
            3'b000: z = '0;
            3'b001: z = PCIN;
            3'b010: z = back;
            3'b011: z = c;
            default: refused = 1'b1;
        endcase
        w = '0;
        unique case (OPMODE[8:7])
            2'b00: w = '0;
            2'b01: w = back;
            2'b10: refused = 1'b1;
            2'b11: w = c;
        endcase
        sum = ALUMODE[0] ? z - (w + x + y + 48'(CARRYIN)) : z + (w + x + y + 48'(CARRYIN));
        if (refused) $fatal(1, "this model of DSP48E2 has no OPMODE %b with ALUMODE %b, INMODE %b", OPMODE, ALUMODE, INMODE);
    end

    always_ff @(posedge CLK)
        if (RSTP) p1 <= '0;
        else if (CEP) p1 <= sum;
    assign P = PREG == 0 ? sum : p1;
    assign PCOUT = P;
endmodule
