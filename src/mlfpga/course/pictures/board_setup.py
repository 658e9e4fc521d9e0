"""What is plugged in where when a real board is brought up.

Source: AMD's getting-started guide of the board (github.com/Xilinx/AUP-ZU3, docs/getting_started.md).
"""

from mlfpga.course.pictures.sheet import INK, SOFT, Look, Sheet

WIDTH, HEIGHT = 1040, 430

DEVICE = Look(fill="#e9f0f6", line=INK, width=2.5)
SCREEN = Look(fill="#ffffff", line="#4a5866", width=1.5)
CIRCUIT = Look(fill="#dcebd9", line="#24521f", width=3)
CHIP = Look(fill="#33414e", line="#16222e")
PORT = Look(fill="#c3ccd4", line="#16222e", width=1.5)
CARD = Look(fill="#ffffff", line="#16222e", width=2)
DATA = Look(line="#1d4e79", width=4)
POWER = Look(line="#8a4b08", width=4, dashes="12 6")
INSERT = Look(line="#16222e", width=2.5)
STEP = Look(fill="#16222e", line="#16222e")


def board_setup() -> str:
    """Laptop, AUP-ZU3, SD card, power supply and the cables between them, with the order of the steps, as SVG."""
    sheet = Sheet(WIDTH, HEIGHT, "A laptop and an AUP-ZU3, connected by a USB-C cable; a second cable brings power")
    _laptop(sheet)
    _board(sheet)
    _card_and_switch(sheet)
    _cables(sheet)
    return sheet.svg()


def _laptop(sheet: Sheet) -> None:
    sheet.text(186, 40, "Your laptop", size=20, bold=True)
    sheet.box(36, 58, 300, 190, DEVICE)
    sheet.box(50, 72, 272, 162, SCREEN, rounding=4)
    sheet.text(186, 112, "browser", size=17, colour=SOFT)
    sheet.text(186, 144, "http://192.168.3.1/lab", size=17, bold=True, mono=True)
    sheet.text(186, 182, "user and password: xilinx", size=16)
    sheet.text(186, 212, "then open deploy.ipynb", size=16)
    sheet.area([(14, 272), (36, 248), (336, 248), (358, 272)], DEVICE)
    _step(sheet, 78, 100, "5")


def _board(sheet: Sheet) -> None:
    sheet.text(745, 40, "AUP-ZU3", size=20, bold=True)
    sheet.box(600, 58, 290, 250, CIRCUIT, rounding=6)
    sheet.box(682, 110, 126, 100, CHIP, rounding=4)
    sheet.text(745, 154, "Zynq", size=17, bold=True, colour="#ffffff")
    sheet.text(745, 178, "XCZU3EG", size=17, colour="#ffffff")
    sheet.text(745, 244, "PYNQ Linux,", size=16)
    sheet.text(745, 268, "image AUP-ZU3-3.1", size=16)


def _card_and_switch(sheet: Sheet) -> None:
    """At the board's right edge: the SD card, and the switch that makes it boot from it."""
    sheet.box(880, 100, 22, 46, PORT, rounding=3)
    sheet.area([(950, 94), (988, 94), (1000, 106), (1000, 152), (950, 152)], CARD)
    sheet.arrow([(946, 123), (904, 123)], INSERT)
    sheet.text(975, 129, "SD", size=16, bold=True)
    sheet.text(1022, 178, "microSD card", size=16, anchor="end")
    _step(sheet, 972, 72, "1")
    sheet.box(866, 222, 20, 46, PORT, rounding=3)
    sheet.box(868, 224, 16, 20, CHIP, rounding=2)
    sheet.text(902, 243, "BOOT: SD", size=16, anchor="start", bold=True)
    _step(sheet, 1010, 237, "2")


def _cables(sheet: Sheet) -> None:
    """Two USB-C cables: the one to the laptop carries Ethernet, the other one power."""
    sheet.box(590, 134, 24, 38, PORT, rounding=6)
    sheet.arrow([(350, 153), (588, 153)], DATA, both=True)
    sheet.text(490, 116, "USB-C, data", bold=True)
    sheet.text(470, 140, "Ethernet over USB", size=16)
    _step(sheet, 408, 110, "3")
    sheet.box(640, 296, 38, 24, PORT, rounding=6)
    sheet.card(36, 330, 300, 78, DEVICE, "USB-C power supply", ["9 V, 3 A"])
    sheet.arrow([(342, 369), (659, 369), (659, 324)], POWER)
    sheet.text(494, 354, "USB-C, power", bold=True)
    _step(sheet, 408, 348, "4")


def _step(sheet: Sheet, x: float, y: float, number: str) -> None:
    """A numbered disc: the order in which things are done."""
    sheet.circle(x, y, 14, STEP)
    sheet.text(x, y + 6, number, size=16, bold=True, colour="#ffffff")
