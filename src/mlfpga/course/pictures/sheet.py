"""A sheet to draw on: boxes, arrows and text that become one SVG file.

Lengths are in pixels at full size. Everything must still be read at half size and in grey: text is 16 pixels or more,
and what differs differs in lightness, outline or dashes before it differs in colour.
"""

from dataclasses import dataclass
from html import escape

INK, SOFT, PAPER = "#16222e", "#4a5866", "#ffffff"

# DejaVu Sans and Verdana are the widest of the common fonts: what fits in them fits in the others.
FONT = "'DejaVu Sans', Verdana, 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Look:
    """How a box or a line is drawn: fill and outline colour, width of the outline, and its dashes (SVG's notation)."""

    fill: str = PAPER
    line: str = INK
    width: float = 2
    dashes: str = ""

    def attributes(self) -> str:
        """As SVG attributes."""
        dashed = f' stroke-dasharray="{self.dashes}"' if self.dashes else ""
        return f'fill="{self.fill}" stroke="{self.line}" stroke-width="{self.width:g}"{dashed}'


class Sheet:
    """One picture of `width` × `height`; `title` is what a screen reader says."""

    def __init__(self, width: int, height: int, title: str):
        self._width, self._height, self._title = width, height, title
        self._parts: list[str] = []

    def area(self, points: list[tuple[float, float]], look: Look) -> None:
        """A filled polygon."""
        self._parts.append(f'<polygon points="{_text_of(points)}" {look.attributes()}/>')

    def box(self, x: float, y: float, width: float, height: float, look: Look, rounding: float = 10) -> None:
        """A rectangle with its upper left corner at (x, y)."""
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{rounding:g}"'
        self._parts.append(f"<rect {place} {look.attributes()}/>")

    def circle(self, x: float, y: float, radius: float, look: Look) -> None:
        """A circle around (x, y)."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {look.attributes()}/>')

    def line(self, points: list[tuple[float, float]], look: Look) -> None:
        """A line through the points."""
        self._parts.append(f'<polyline points="{_text_of(points)}" {look.attributes()} stroke-linejoin="round"/>')

    def arrow(self, points: list[tuple[float, float]], look: Look, both: bool = False) -> None:
        """A line through the points with a head at its end, or at `both` ends; its last legs lie along an axis."""
        shaft = list(points)
        heads = [(shaft[-2], shaft[-1], -1)] + ([(shaft[1], shaft[0], 0)] if both else [])
        for before, tip, index in heads:
            shaft[index] = self._head(before, tip, look)
        self.line(shaft, Look("none", look.line, look.width, look.dashes))

    def text(
        self, x: float, y: float, words: str, size: float = 17, anchor: str = "middle", bold: bool = False,
        colour: str = INK, mono: bool = False, halo: bool = False,
    ) -> None:  # fmt: skip
        """One line of text whose baseline starts, ends or has its middle at (x, y); a halo keeps lines off it."""
        style = ' font-weight="bold"' if bold else ""
        if halo:
            style += f' stroke="{PAPER}" stroke-width="5" stroke-linejoin="round" paint-order="stroke"'
        if mono:
            style += " font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\""
        place = f'x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}"'
        self._parts.append(f"<text {place}{style}>{escape(words)}</text>")

    def card(self, x: float, y: float, width: float, height: float, look: Look, heading: str, lines: list[str]) -> None:
        """A box with a bold heading and lines of text below it, all in its middle."""
        self.box(x, y, width, height, look)
        step = 24
        first = y + (height - step * len(lines)) / 2 + 7
        self.text(x + width / 2, first, heading, size=20, bold=True)
        for number, words in enumerate(lines, start=1):
            self.text(x + width / 2, first + step * number, words, size=16)

    def svg(self) -> str:
        """The whole file."""
        size = f'viewBox="0 0 {self._width} {self._height}" width="{self._width}" height="{self._height}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">',
                f"<title>{escape(self._title)}</title>",
                # A ground of its own: pages with a dark theme would show dark text on dark.
                f'<rect width="{self._width}" height="{self._height}" fill="{PAPER}"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )

    def _head(self, before: tuple[float, float], tip: tuple[float, float], look: Look) -> tuple[float, float]:
        """Draw the head of an arrow; returns where its shaft ends."""
        (x0, y0), (x, y) = before, tip
        length, half = 8 + 2.5 * look.width, 4 + 1.5 * look.width
        across, down = _sign(x - x0), _sign(y - y0)
        end = x - length * across, y - length * down
        corners = [(end[0] + half * side * abs(down), end[1] + half * side * abs(across)) for side in (-1, 1)]
        self._parts.append(f'<polygon points="{_text_of([tip, *corners])}" fill="{look.line}"/>')
        return end


def _text_of(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
