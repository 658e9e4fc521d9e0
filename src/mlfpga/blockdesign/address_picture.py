"""The address map as a picture: a column for each master, from low addresses at the bottom to high ones at the top.

64 KB of registers and 2 GB of memory stand in one picture: a block's height grows with the logarithm of its size, and
what lies unused between blocks is a break, with its size beside it.
"""

import math
from pathlib import Path

from mlfpga.blockdesign.design import AddressRow, Design, parent_of, size_text
from mlfpga.blockdesign.drawing import canvas, save

# All lengths in points (1/72 inch).
_MARGIN, _ADDRESS, _BLOCK, _BETWEEN, _BREAK, _LEGEND = 24, 92, 190, 34, 34, 40
_LOWEST, _PER_DOUBLING, _SMALLEST = 44, 3.2, 4096
_LETTER = 7.0
_PER_ROW = 4
_FILL = {"register": ("#fdf3dc", ""), "memory": ("#c9d8ea", "//")}


def draw_addresses(design: Design, path) -> Path:
    """Draw the address map into a file; the suffix (.svg or .png) says how. Returns the path."""
    picture = AddressPicture(design)
    figure, axes = canvas(picture.width, picture.height)
    picture.paint(axes)
    return save(figure, path)


class AddressPicture:
    """Columns of blocks. Masters that see the same at the same addresses share a column."""

    def __init__(self, design: Design):
        maps: dict[tuple, list[str]] = {}
        rows: dict[str, list[AddressRow]] = {}
        for row in sorted(design.address_map(), key=lambda row: not _of_processor(design, row)):
            rows.setdefault(row.master, []).append(row)
        for master, seen in rows.items():
            maps.setdefault(tuple((row.slave, row.segment, row.base, row.size) for row in seen), []).append(master)
        if not maps:
            raise ValueError("there is nothing to draw: no address is assigned")
        self.columns = [(masters, rows[masters[0]]) for masters in maps.values()]
        labels = [text for _, seen in self.columns for row in seen for text in (row.slave, row.segment)]
        titles = [master for masters, _ in self.columns for master in masters]
        self._block = max(_BLOCK, _LETTER * max(1.15 * len(text) for text in [*labels, *titles]) + 36)
        self._step = _ADDRESS + self._block + _BETWEEN
        lines = [self.columns[n : n + _PER_ROW] for n in range(0, len(self.columns), _PER_ROW)]
        self._lines = lines
        self.width = max(_MARGIN + self._step * min(len(self.columns), _PER_ROW), 560)
        self.height = 2 * _MARGIN + _LEGEND + sum(map(self._line_height, lines))

    def blocks(self) -> list[tuple[AddressRow, float, float, float, float]]:
        """(row, left, bottom, right, top) of every block."""
        return [(row, x, y, x + self._block, y + _height(row)) for _, x, y, seen in self._placed()
                for row, y in _stacked(seen, y)]  # fmt: skip

    def _line_height(self, line):
        return max(self._column_height(seen) + 19 * len(masters) for masters, seen in line) + 46

    @staticmethod
    def _column_height(seen):
        last, bottom = list(_stacked(seen, 0))[-1]
        return bottom + _height(last)

    def _placed(self):
        """(masters, left edge of the blocks, bottom, rows) of each column."""
        top = self.height - _MARGIN
        for line in self._lines:
            top -= self._line_height(line)
            for n, (masters, seen) in enumerate(line):
                yield masters, _MARGIN + _ADDRESS + n * self._step, top + 16, seen

    def paint(self, axes) -> None:
        for masters, x, y, seen in self._placed():
            for n, master in enumerate(reversed(masters)):
                height = y + self._column_height(seen) + 22 + 19 * n
                axes.text(x + self._block / 2, height, master, ha="center", va="center", fontsize=13, weight="bold")
            before = None
            for row, bottom in _stacked(seen, y):
                self._paint_block(axes, row, x, bottom)
                if before is not None and row.base > before.high + 1:
                    self._paint_break(axes, x, bottom - _BREAK, row.base - before.high - 1)
                before = row
        self._paint_legend(axes)

    def _paint_block(self, axes, row, x, bottom):
        from matplotlib.patches import Rectangle

        colour, hatch = _FILL.get(row.usage, ("#ffffff", ""))
        height = _height(row)
        style = {"facecolor": colour, "edgecolor": "#222222", "linewidth": 1.5}
        axes.add_patch(Rectangle((x, bottom), self._block, height, **style))
        if hatch:
            # Memory is marked at its left edge, where no text stands.
            edge = {"facecolor": colour, "edgecolor": "#12406f", "linewidth": 0.8, "hatch": hatch * 2}
            axes.add_patch(Rectangle((x, bottom), 9, height, **edge))
        middle = x + self._block / 2
        text = {"ha": "center", "va": "center"}
        axes.text(middle, bottom + height / 2 + 9, row.slave, fontsize=12, weight="bold", **text)
        axes.text(middle, bottom + height / 2 - 9, f"{row.segment}, {size_text(row.size)}", fontsize=11, **text)
        axes.text(x - 7, bottom + 8, f"0x{row.base:08X}", ha="right", va="center", fontsize=11)
        axes.text(x - 7, bottom + height - 8, f"0x{row.high:08X}", ha="right", va="center", fontsize=11)

    def _paint_break(self, axes, x, bottom, unused):
        for side in (x, x + self._block):
            zigzag = [(0, 0), (0, 8), (-5, 12), (5, 20), (0, 24), (0, _BREAK)]
            xs, ys = zip(*((side + dx, bottom + dy) for dx, dy in zigzag), strict=True)
            axes.plot(xs, ys, color="#777777", linewidth=1.2)
        middle = x + self._block / 2
        text = {"ha": "center", "va": "center", "fontsize": 10.5, "style": "italic"}
        axes.text(middle, bottom + _BREAK / 2, f"{_about(unused)} free", **text)

    def _paint_legend(self, axes):
        from matplotlib.patches import Rectangle

        x = _MARGIN
        for usage, (colour, hatch) in _FILL.items():
            axes.add_patch(Rectangle((x, _MARGIN - 8), 30, 16, facecolor=colour, edgecolor="#222222", linewidth=1.2))
            if hatch:
                edge = {"facecolor": colour, "edgecolor": "#12406f", "linewidth": 0.8, "hatch": hatch * 2}
                axes.add_patch(Rectangle((x, _MARGIN - 8), 9, 16, **edge))
            axes.text(x + 37, _MARGIN, {"register": "registers"}.get(usage, usage), va="center", fontsize=11.5)
            x += 125
        axes.text(x, _MARGIN, "heights grow with the logarithm of the size", va="center", fontsize=11.5)


def _of_processor(design, row) -> bool:
    return design.cells[parent_of(row.master)].shape.kind == "PROCESSOR"


def _height(row: AddressRow) -> float:
    return _LOWEST + _PER_DOUBLING * max(math.log2(row.size / _SMALLEST), 0)


def _stacked(seen, y):
    """(row, bottom) from the lowest address up, with room for a break where addresses do not follow each other."""
    before = None
    for row in seen:
        if before is not None and row.base > before.high + 1:
            y += _BREAK
        yield row, y
        y += _height(row)
        before = row


def _about(size: int) -> str:
    """A size in the unit that leaves at least one of it, to one place: 1.9G.

    >>> _about(65536), _about(0x7FFE0000)
    ('64K', '2G')
    """
    for shift, unit in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.1f}".removesuffix(".0") + unit
    return str(size)
