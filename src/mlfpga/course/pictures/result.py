"""What the course comes to: accuracy at every stage, one panel a dataset."""

from math import ceil, floor

from mlfpga.course.pictures.record import MEASURED, about
from mlfpga.course.pictures.sheet import SOFT, Look, Sheet

PANEL, HEIGHT = 520, 330
ABREAST = 2
TOP, BOTTOM, LEFT, STEP = 86, 240, 92, 118

GRID = Look("none", "#d5dce3", 1.5)
CHANGES = Look("none", "#4a5866", 2.5, "7 5")
SAME = Look("none", "#1d4e79", 5)
COMPUTED = Look("#ffffff", "#1d4e79", 4)
EXACT = Look("#1d4e79", "#1d4e79", 4)


def result(results: dict[str, dict]) -> str:
    """The record of `record.load` as SVG.

    Open dots: where numbers still change, by training and compression. Full dots: where every bit is the same.
    """
    values = [100 * value for each in results.values() for value in each["accuracy"].values()]
    # Differences are of tenths of a percent: the scale shows the range they lie in, the same for every panel.
    scale = floor(min(values) - 0.5), min(100, ceil(max(values) + 0.2))
    rows = ceil(len(results) / ABREAST)
    sheet = Sheet(
        PANEL * min(len(results), ABREAST), HEIGHT * rows, "Accuracy at every stage of the course, for each dataset"
    )
    for number, (dataset, measured) in enumerate(results.items()):
        row, column = divmod(number, ABREAST)
        _panel(sheet, (PANEL * column, HEIGHT * row), dataset, measured, scale)
    return sheet.svg()


def _panel(sheet: Sheet, corner: tuple[float, float], dataset: str, measured: dict, scale: tuple[int, int]) -> None:
    (left, top), (low, high) = corner, scale
    sheet.text(left + 36, top + 26, dataset, 19, "start", bold=True)
    sheet.text(left + 36, top + 47, about(dataset, measured), 16, "start")
    for tick in range(low, high + 1, max(1, ceil((high - low) / 4))):
        y = top + _height(tick, scale)
        sheet.line([(left + 58, y), (left + PANEL - 24, y)], GRID)
        sheet.text(left + 50, y + 6, f"{tick} %", 16, "end", colour=SOFT)
    places = [
        (left + LEFT + 10 + STEP * index, top + _height(100 * measured["accuracy"][stage], scale))
        for index, stage in enumerate(MEASURED)
    ]
    for index, look in enumerate((CHANGES, CHANGES, SAME)):
        sheet.line(places[index : index + 2], look)
    for (x, y), (stage, name) in zip(places, MEASURED.items(), strict=True):
        sheet.circle(x, y, 8, EXACT if stage in ("accelerator", "board") else COMPUTED)
        sheet.text(x, y - 20, f"{measured['accuracy'][stage]:.2%}", 18, bold=True, halo=True)
        sheet.text(x, top + BOTTOM + 34, name, 16)
    equal, compared = measured["words_equal"], measured["words_compared"]
    which = f"all {compared:,}" if equal == compared else f"{equal:,} of {compared:,}"
    sheet.text(left + PANEL - 24, top + HEIGHT - 20, f"board: {which} output words as simulated", 16, "end")


def _height(percent: float, scale: tuple[int, int]) -> float:
    low, high = scale
    return BOTTOM - (percent - low) / (high - low) * (BOTTOM - TOP)
