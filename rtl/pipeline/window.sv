// Line buffer: a stream of beats of an image in, the stream of its kernel windows out.
//
// Parameters
//   HEIGHT, WIDTH      of the image, in rows and pixels
//   GROUPS, LANES      an image's channels are GROUPS * LANES; a beat holds LANES of them
//   BITS               of an element
//   KERNEL_*, STRIDE_* of the window; Y is down, X is right
//   PAD_*, PAD_VALUE   pixels around the image, all with the value PAD_VALUE; fewer than the kernel has
//   PIXELS             neighbouring pixels of a row in an input beat: 1 or a multiple of STRIDE_X; divides WIDTH
//   RAM_STYLE          of the line memory: "auto", "distributed" or "block"
//
// Beats in   element (pixel, lane) at BITS * (pixel * LANES + lane). Order: rows, beats of a row, groups of a beat.
// Beats out  OUT_PIXELS windows, of pixels that are neighbours in the output, as many as PIXELS advance the window;
//            element (pixel, ky, kx, lane) in that order, lane fastest. Order of beats as above.
//
// How it works. The image is walked through in steps: rows, beats of a row, groups. The line memory holds, for each
// place of a row, the elements of the KERNEL_Y - 1 rows above. A step reads them, puts the new beat below, and so has a
// column as high as the kernel. `past` holds the columns before. The column goes back into the memory, one row up.
// Steps to the right of the image and below it take no input and bring padding. Padding above and to the left takes no
// step: in the first row the memory reads as padding, and a row begins with padding in `past`.
//
// Latency 1 cycle from the last beat that a window needs. One step a cycle, unless input is missing or the window is
// not taken: ROWS * BEATS * GROUPS cycles an image.
module window #(
    parameter int HEIGHT = 5,
    parameter int WIDTH = 5,
    parameter int GROUPS = 1,
    parameter int LANES = 1,
    parameter int BITS = 8,
    parameter int KERNEL_Y = 3,
    parameter int KERNEL_X = 3,
    parameter int STRIDE_Y = 1,
    parameter int STRIDE_X = 1,
    parameter int PAD_TOP = 0,
    parameter int PAD_BOTTOM = 0,
    parameter int PAD_LEFT = 0,
    parameter int PAD_RIGHT = 0,
    parameter int PAD_VALUE = 0,
    parameter int PIXELS = 1,
    /* verilator lint_off UNUSEDPARAM */  // synthesis reads it
    parameter RAM_STYLE = "auto",
    /* verilator lint_on UNUSEDPARAM */
    localparam int OUT_PIXELS = PIXELS >= STRIDE_X ? PIXELS / STRIDE_X : 1,
    localparam int IN = PIXELS * LANES * BITS,
    localparam int OUT = OUT_PIXELS * KERNEL_Y * KERNEL_X * LANES * BITS
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
    localparam int OUT_HEIGHT = (HEIGHT + PAD_TOP + PAD_BOTTOM - KERNEL_Y) / STRIDE_Y + 1;
    localparam int OUT_WIDTH = (WIDTH + PAD_LEFT + PAD_RIGHT - KERNEL_X) / STRIDE_X + 1;

    // Output row y is complete in row y * STRIDE_Y + ROW_LAG, output beat j in beat j * BEAT_STEP + BEAT_LAG.
    localparam int ROW_LAG = KERNEL_Y - 1 - PAD_TOP;
    localparam int BEAT_STEP = PIXELS >= STRIDE_X ? 1 : STRIDE_X;
    localparam int BEAT_LAG = ((OUT_PIXELS - 1) * STRIDE_X - PAD_LEFT + KERNEL_X - 1) / PIXELS;

    // Rows and beats of the image, and how many there are with the padding below and to the right.
    localparam int REAL_BEATS = WIDTH / PIXELS;
    localparam int LAST_ROW = (OUT_HEIGHT - 1) * STRIDE_Y + ROW_LAG;
    localparam int LAST_BEAT = (OUT_WIDTH / OUT_PIXELS - 1) * BEAT_STEP + BEAT_LAG;
    localparam int ROWS = LAST_ROW + 1 > HEIGHT ? LAST_ROW + 1 : HEIGHT;
    localparam int BEATS = LAST_BEAT + 1 > REAL_BEATS ? LAST_BEAT + 1 : REAL_BEATS;

    localparam int ROW_BITS = $clog2(ROWS + STRIDE_Y);
    localparam int BEAT_BITS = $clog2(BEATS + BEAT_STEP);
    localparam int GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;

    localparam int COLUMN = KERNEL_Y * IN;
    localparam int PAST_BEATS = BEAT_LAG + (PAD_LEFT + PIXELS - 1) / PIXELS;
    localparam logic [BITS-1:0] PAD = BITS'(PAD_VALUE);

    if (WIDTH % PIXELS != 0) begin : g_pixels
        $error("window: WIDTH %0d is not a multiple of PIXELS %0d", WIDTH, PIXELS);
    end
    if (PIXELS != 1 && PIXELS % STRIDE_X != 0) begin : g_stride
        $error("window: PIXELS %0d is neither 1 nor a multiple of STRIDE_X %0d", PIXELS, STRIDE_X);
    end
    if (OUT_WIDTH % OUT_PIXELS != 0) begin : g_out_pixels
        $error("window: %0d windows of a row are no whole beats of %0d; choose other PIXELS", OUT_WIDTH, OUT_PIXELS);
    end
    if (PAD_TOP >= KERNEL_Y || PAD_BOTTOM >= KERNEL_Y || PAD_LEFT >= KERNEL_X || PAD_RIGHT >= KERNEL_X) begin : g_pad
        $error("window: padding must be smaller than the kernel of %0d x %0d", KERNEL_Y, KERNEL_X);
    end
    if (HEIGHT + PAD_TOP + PAD_BOTTOM < KERNEL_Y || WIDTH + PAD_LEFT + PAD_RIGHT < KERNEL_X) begin : g_kernel
        $error("window: the kernel of %0d x %0d is larger than the padded image", KERNEL_Y, KERNEL_X);
    end

    // The walk: where the next step is, and where the next window will be complete.

    logic [ROW_BITS-1:0] row, due_row;
    logic [BEAT_BITS-1:0] beat, due_beat;
    logic [GROUP_BITS-1:0] group;

    wire last_group = group == GROUP_BITS'(GROUPS - 1);
    wire last_beat = beat == BEAT_BITS'(BEATS - 1);
    wire last_row = row == ROW_BITS'(ROWS - 1);
    wire real_row = ROWS == HEIGHT || row < ROW_BITS'(HEIGHT);
    wire real_beat = BEATS == REAL_BEATS || beat < BEAT_BITS'(REAL_BEATS);
    wire takes = real_row & real_beat;

    wire en = ~m_axis_tvalid | m_axis_tready;
    wire step = en & (s_axis_tvalid | ~takes);
    assign s_axis_tready = en & takes;

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            m_axis_tvalid <= 1'b0;
        end else if (en) begin
            m_axis_tvalid <= step & row == due_row & beat == due_beat;
        end
    end

    always_ff @(posedge clk) begin
        if (~rst_n) begin
            group <= '0;
            {beat, due_beat} <= {BEAT_BITS'(0), BEAT_BITS'(BEAT_LAG)};
            {row, due_row} <= {ROW_BITS'(0), ROW_BITS'(ROW_LAG)};
        end else if (step) begin
            group <= last_group ? '0 : group + 1'b1;
            if (last_group) begin
                beat <= last_beat ? '0 : beat + 1'b1;
                if (last_beat) due_beat <= BEAT_BITS'(BEAT_LAG);
                else if (beat == due_beat) due_beat <= due_beat + BEAT_BITS'(BEAT_STEP);
            end
            if (last_group & last_beat) begin
                row <= last_row ? '0 : row + 1'b1;
                if (last_row) due_row <= ROW_BITS'(ROW_LAG);
                else if (row == due_row) due_row <= due_row + ROW_BITS'(STRIDE_Y);
            end
        end
    end

    // The column of the step taken last: the rows above from the memory, and the new beat below them.

    logic [COLUMN-1:0] column;
    logic [IN-1:0] fresh;

    always_ff @(posedge clk) if (step) fresh <= takes ? s_axis_tdata : {PIXELS * LANES{PAD}};

    if (KERNEL_Y == 1) begin : g_one_row
        assign column = fresh;
    end else begin : g_rows
        localparam int ABOVE = COLUMN - IN;
        logic [ABOVE-1:0] above, stored;
        wire blank = ~real_beat | (PAD_TOP > 0 && row == '0);

        assign column = {fresh, above};
        always_ff @(posedge clk) if (step) above <= blank ? {ABOVE / BITS{PAD}} : stored;

        if (BEATS * GROUPS == 1) begin : g_one_place  // each step follows the one that it needs at once
            assign stored = column[COLUMN-1:IN];
        end else begin : g_lines
            localparam int PLACES = REAL_BEATS * GROUPS;
            localparam int PLACE_BITS = PLACES > 1 ? $clog2(PLACES) : 1;

            (* ram_style = RAM_STYLE *) logic [ABOVE-1:0] lines[PLACES];
            logic [PLACE_BITS-1:0] place, written;
            logic write;

            assign stored = lines[place];
            always_ff @(posedge clk) begin
                if (~rst_n) begin
                    place <= '0;
                    write <= 1'b0;
                end else begin
                    if (step & real_beat) place <= place == PLACE_BITS'(PLACES - 1) ? '0 : place + 1'b1;
                    if (en) write <= step & real_beat;
                end
                if (step) written <= place;
                if (write) lines[written] <= column[COLUMN-1:IN];
            end
        end
    end

    // The columns before it, newest first; those of a beat's groups follow each other.

    /* verilator lint_off UNUSEDSIGNAL */  // a window need not touch all pixels of its oldest and newest beat
    logic [(PAST_BEATS*GROUPS+1)*COLUMN-1:0] seen;
    /* verilator lint_on UNUSEDSIGNAL */

    if (PAST_BEATS == 0) begin : g_no_past
        assign seen = column;
    end else begin : g_past
        localparam int PAST = PAST_BEATS * GROUPS * COLUMN;
        logic [PAST-1:0] past;
        wire row_begins = beat == '0 && group == '0;

        assign seen = {past, column};
        always_ff @(posedge clk) begin
            if (step) past <= PAD_LEFT > 0 && row_begins ? {PAST / BITS{PAD}} : seen[PAST-1:0];
        end
    end

    // A window is a choice of wires.

    for (genvar p = 0; p < OUT_PIXELS; p++) begin : g_pixel
        for (genvar y = 0; y < KERNEL_Y; y++) begin : g_y
            for (genvar x = 0; x < KERNEL_X; x++) begin : g_x
                // Where this tap is: pixels to the left of the newest beat's first one, in beats and pixels of a beat.
                localparam int LEFT = BEAT_LAG * PIXELS + PAD_LEFT - p * STRIDE_X - x;
                localparam int BACK = (LEFT + PIXELS - 1) / PIXELS;
                localparam int PIXEL = BACK * PIXELS - LEFT;
                assign m_axis_tdata[((p*KERNEL_Y+y)*KERNEL_X+x)*LANES*BITS+:LANES*BITS] =
                    seen[BACK*GROUPS*COLUMN+y*IN+PIXEL*LANES*BITS+:LANES*BITS];
            end
        end
    end
endmodule
