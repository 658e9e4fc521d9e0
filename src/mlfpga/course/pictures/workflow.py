"""The way through the course: what each lab makes out of what the one before it left."""

from mlfpga.course.pictures.sheet import SOFT, Look, Sheet

WIDTH, HEIGHT = 1040, 562
CARD_WIDTH, CARD_HEIGHT, GAP, MARGIN = 178, 104, 92, 28
UPPER, LOWER = 66, 382
BOARDS = 626  # left edge of the two boards

HOST = Look(fill="#e9f0f6", line="none")
BOARD = Look(fill="#f8e9cf", line="none")
THING = Look(line="#1d4e79")
VIRTUAL = Look(line="#8a4b08", dashes="9 5")
REAL = Look(line="#8a4b08", width=4)
STEP = Look(line="#16222e", width=3)


def workflow() -> str:
    """Dataset → model → compressed model → accelerator → block design → bundle → board, as SVG."""
    sheet = Sheet(
        WIDTH, HEIGHT, "The workflow of the course, from a dataset to a board, and the lab that makes each step"
    )
    _grounds(sheet)
    upper = [
        ("Dataset", ["digits, MNIST"]),
        ("Model", ["Keras, float", "model.h5"]),
        ("Compressed", ["QKeras: few bits,", "many zeros"]),
        ("Accelerator", ["hls4ml's C++", "in an AXI wrapper"]),
    ]
    for column, (heading, lines) in enumerate(upper):
        sheet.card(_x(column), UPPER, CARD_WIDTH, CARD_HEIGHT, THING, heading, lines)
    for column, lab in enumerate(["Lab 01", "Lab 02", "Lab 03"]):
        _step(sheet, column, UPPER, lab)
    _short_cut(sheet)
    _wrap(sheet)
    sheet.card(_x(0), LOWER, CARD_WIDTH, CARD_HEIGHT, THING, "Block design", ["processor, DMA,", "accelerator"])
    sheet.card(_x(1), LOWER, CARD_WIDTH, CARD_HEIGHT, THING, "Bundle", ["one folder with all", "that a board needs"])
    _step(sheet, 0, LOWER, "Lab 05")
    _boards(sheet)
    return sheet.svg()


def _x(column: int) -> float:
    return MARGIN + column * (CARD_WIDTH + GAP)


def _grounds(sheet: Sheet) -> None:
    """The two environments, as areas: the workshop machine is the larger one, shaped like an L."""
    turn, middle, low = _x(1) + CARD_WIDTH + GAP, 290, HEIGHT - 10
    sheet.area([(10, 10), (1030, 10), (1030, middle), (turn, middle), (turn, low), (10, low)], HOST)
    sheet.text(MARGIN, 44, "Workshop machine: a laptop with Linux", size=19, anchor="start", bold=True)
    sheet.area([(turn + 12, middle + 12), (1030, middle + 12), (1030, low), (turn + 12, low)], BOARD)
    sheet.text(BOARDS, middle + 42, "Board: Python with pynq", size=19, anchor="start", bold=True)


def _step(sheet: Sheet, column: int, top: float, lab: str) -> None:
    """The arrow that leaves a column, with the lab that is behind it."""
    start, y = _x(column) + CARD_WIDTH, top + CARD_HEIGHT / 2
    sheet.arrow([(start + 6, y), (start + GAP - 6, y)], STEP)
    sheet.text(start + GAP / 2 - 4, y - 14, lab, bold=True)


def _short_cut(sheet: Sheet) -> None:
    """The arrow from the model straight to the accelerator: integers and RTL."""
    below, level = UPPER + CARD_HEIGHT + 6, 198
    start, end = _x(1) + CARD_WIDTH / 2, _x(3) + 40
    sheet.arrow([(start, below), (start, level), (end, level), (end, below)], STEP)
    sheet.text(_x(1) + CARD_WIDTH / 2, level + 24, "Lab 06", bold=True)
    words = "integers, and SystemVerilog that you can read"
    sheet.text(_x(1) + CARD_WIDTH / 2 + 44, level + 24, words, 16, "start", colour=SOFT)


def _wrap(sheet: Sheet) -> None:
    """The arrow from the end of the upper row to the start of the lower one, and what tools do on the way."""
    turn = 258
    start, end = _x(3) + CARD_WIDTH / 2, _x(0) + CARD_WIDTH / 2
    sheet.arrow([(start, UPPER + CARD_HEIGHT + 6), (start, turn), (end, turn), (end, LOWER - 6)], STEP)
    sheet.text(_x(0) + CARD_WIDTH, turn - 12, "Lab 04", bold=True)
    sheet.text(start - 14, turn - 12, "g++ simulates it; Vitis HLS, if there, builds it", 16, "end", colour=SOFT)
    below = LOWER + CARD_HEIGHT
    sheet.text(_x(0), below + 28, "A dry run of the Tcl describes the hardware;", 16, "start", colour=SOFT)
    sheet.text(_x(0), below + 50, "Vivado, if there, builds the bitstream", 16, "start", colour=SOFT)


def _boards(sheet: Sheet) -> None:
    """The same bundle goes to the virtual board or to the real one."""
    width, height, apart = 390, 84, 49
    start, y = _x(1) + CARD_WIDTH, LOWER + CARD_HEIGHT / 2
    fork = BOARDS - 28
    sheet.line([(start + 6, y), (fork, y)], Look("none", STEP.line, STEP.width))
    places = [
        (y - apart, VIRTUAL, "Virtual AUP-ZU3", ["real pynq, simulated hardware"]),
        (y + apart, REAL, "AUP-ZU3", ["the same files, Vivado's bitstream"]),
    ]
    for middle, look, heading, lines in places:
        sheet.card(BOARDS, middle - height / 2, width, height, look, heading, lines)
        sheet.arrow([(fork, y), (fork, middle), (BOARDS - 6, middle)], STEP)
    sheet.text(start + GAP / 2 - 4, y - 14, "Lab 05", bold=True)
