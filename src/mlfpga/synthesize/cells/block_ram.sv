// What RAMB18E2 and RAMB36E2, the block RAMs of UltraScale+, have in common, as far as Yosys uses it (AMD UG573).
//
// ADDRESS_BITS   14: 18 Kbit, 15: 36 Kbit. An address counts bits of data, whatever the widths
// DATA, PARITY   first content: bits of data, and one more for each byte of them
// INIT_*         what is on the outputs at first;  SRVAL_*: what a reset puts there
// READ_WIDTH_*, WRITE_WIDTH_*  bits of a port: 0, 1, 2, 4, 9, 18 … with the parity bits. Port A reads, and port B
//                writes, twice as much as a port holds if the width says so: port A has the lower half
//
// A port's word is bytes of 9 bits, each with its parity bit on top. Latency 1 cycle. Not here, and refused by $fatal:
// registers behind the memory, and WRITE_FIRST for a port that reads and writes.
module block_ram #(
    parameter int ADDRESS_BITS = 14,
    parameter logic [(1<<ADDRESS_BITS)-1:0] DATA = '0,
    parameter logic [(1<<(ADDRESS_BITS-3))-1:0] PARITY = '0,
    parameter logic [71:0] INIT_A = '0,
    parameter logic [71:0] INIT_B = '0,
    parameter logic [71:0] SRVAL_A = '0,
    parameter logic [71:0] SRVAL_B = '0,
    parameter int READ_WIDTH_A = 0,
    parameter int READ_WIDTH_B = 0,
    parameter int WRITE_WIDTH_A = 0,
    parameter int WRITE_WIDTH_B = 0,
    parameter WRITE_MODE_A = "NO_CHANGE",
    parameter WRITE_MODE_B = "NO_CHANGE",
    parameter int REGISTERS = 0,
    localparam int BYTES = 1 << (ADDRESS_BITS - 13)  // of a port
) (
    input  logic                    clk_a,
    input  logic                    clk_b,
    input  logic                    en_a,
    input  logic                    en_b,
    input  logic                    reset_a,
    input  logic                    reset_b,
    input  logic [ADDRESS_BITS-1:0] address_a,
    input  logic [ADDRESS_BITS-1:0] address_b,
    input  logic [     9*BYTES-1:0] in_a,
    input  logic [     9*BYTES-1:0] in_b,
    input  logic [       BYTES-1:0] write_a,
    input  logic [     2*BYTES-1:0] write_b,
    output logic [     9*BYTES-1:0] out_a,
    output logic [     9*BYTES-1:0] out_b
);
    localparam int WORD = 9 * BYTES;
    localparam int PLACE_BITS = ADDRESS_BITS - 3;
    localparam bit WIDE_READ = READ_WIDTH_A > WORD;

    initial begin
        if (REGISTERS != 0) $fatal(1, "this model of a block RAM has no registers behind the memory (DOA_REG, DOB_REG)");
        if ((WRITE_MODE_A == "WRITE_FIRST" && READ_WIDTH_A != 0 && WRITE_WIDTH_A != 0)
            || (WRITE_MODE_B == "WRITE_FIRST" && READ_WIDTH_B != 0 && WRITE_WIDTH_B != 0))
            $fatal(1, "this model of a block RAM has no WRITE_FIRST for a port that reads and writes");
    end

    logic [8:0] bytes[1<<PLACE_BITS];
    initial for (int i = 0; i < 1 << PLACE_BITS; i++) bytes[i] = {PARITY[i], DATA[8*i+:8]};

    // Where byte i of a word of that width is.
    function automatic logic [PLACE_BITS-1:0] place(input int width, input logic [ADDRESS_BITS-1:0] address, input int i);
        int many;
        many = width < 9 ? 1 : width / 9;
        place = PLACE_BITS'((int'(address) >> 3) / many * many + i);
    endfunction

    function automatic logic [2*WORD-1:0] found(input int width, input logic [ADDRESS_BITS-1:0] address);
        found = '0;
        for (int i = 0; i < 2 * BYTES; i++) if (9 * i < width) found[9*i+:9] = bytes[place(width, address, i)];
        if (width < 9) found = found >> address[2:0];
    endfunction

    // Byte i of such a word, when `data` are written.
    function automatic logic [8:0] changed(
        input int width, input logic [ADDRESS_BITS-1:0] address, input int i, input logic [8:0] data
    );
        logic [8:0] mask;
        mask = width < 9 ? 9'((1 << width) - 1) << address[2:0] : '1;
        changed = (bytes[place(width, address, i)] & ~mask) | ((width < 9 ? data << address[2:0] : data) & mask);
    endfunction

    // INIT and SRVAL have the parity bits above all data.
    function automatic logic [2*WORD-1:0] value(input int width, input logic [71:0] given);
        value = '0;
        for (int i = 0; i < 2 * BYTES; i++)
            if (9 * i < width) value[9*i+:9] = {width >= 9 && given[width/9*8+i], given[8*i+:8]};
    endfunction

    localparam logic [2*WORD-1:0] FIRST_A = WIDE_READ
        ? {WORD'(value(WORD, INIT_B)), WORD'(value(WORD, INIT_A))} : value(READ_WIDTH_A, INIT_A);
    localparam logic [2*WORD-1:0] RESET_A = WIDE_READ
        ? {WORD'(value(WORD, SRVAL_B)), WORD'(value(WORD, SRVAL_A))} : value(READ_WIDTH_A, SRVAL_A);

    logic [2*WORD-1:0] read_a = FIRST_A;
    logic [WORD-1:0] read_b = WORD'(value(READ_WIDTH_B, INIT_B));
    logic [2*WORD-1:0] both;
    assign both = WRITE_WIDTH_B > WORD ? {in_b, in_a} : {WORD'(0), in_b};
    assign out_a = read_a[WORD-1:0];
    assign out_b = WIDE_READ ? read_a[2*WORD-1:WORD] : read_b;

    always_ff @(posedge clk_a)
        if (en_a) begin
            if (reset_a) read_a <= RESET_A;
            else if (WRITE_WIDTH_A == 0 || write_a == '0 || WRITE_MODE_A != "NO_CHANGE")
                read_a <= found(READ_WIDTH_A, address_a);
            for (int i = 0; i < BYTES; i++)
                if (9 * i < WRITE_WIDTH_A && write_a[i])
                    bytes[place(WRITE_WIDTH_A, address_a, i)] <= changed(WRITE_WIDTH_A, address_a, i, in_a[9*i+:9]);
        end

    always_ff @(posedge clk_b)
        if (en_b) begin
            if (reset_b) read_b <= WORD'(value(READ_WIDTH_B, SRVAL_B));
            else if (WRITE_WIDTH_B == 0 || write_b == '0 || WRITE_MODE_B != "NO_CHANGE")
                read_b <= WORD'(found(READ_WIDTH_B, address_b));
            for (int i = 0; i < 2 * BYTES; i++)
                if (9 * i < WRITE_WIDTH_B && write_b[i])
                    bytes[place(WRITE_WIDTH_B, address_b, i)] <= changed(WRITE_WIDTH_B, address_b, i, both[9*i+:9]);
        end
endmodule
