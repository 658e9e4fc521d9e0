"""Small pictures drawn as SVG, for pages that must load at once and need no plotting library."""

from html import escape
from math import ceil, floor

WIDTH, ROW, LEFT, RIGHT = 640, 38, 118, 76


def accuracy_picture(rows: list[tuple[str, float | None]]) -> str:
    """Accuracies (0 … 1, None: not measured yet) as dots on a common scale, which shows the range they lie in.

    Dots, not bars: the interesting differences are of a tenth of a percent, and a bar must start at zero.
    """
    known = [100 * value for _, value in rows if value is not None]
    low = max(0, floor(min(known) - 1)) if known else 0
    high = min(100, ceil(max(known) + 0.5)) if known else 100
    step = next(step for step in (0.5, 1, 2, 5, 10, 20) if (high - low) / step <= 8)
    span = max(high - low, 1)

    def x(value: float) -> float:
        return LEFT + (value - low) / span * (WIDTH - LEFT - RIGHT)

    height = ROW * len(rows) + 30
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Accuracy at every stage" class="picture">']
    ticks = [low + step * index for index in range(int(span / step) + 1)]
    for tick in ticks:
        parts.append(f'<line x1="{x(tick):.1f}" y1="4" x2="{x(tick):.1f}" y2="{height - 24}" class="grid"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{height - 6}" class="tick">{tick:g} %</text>')
    before = None
    for index, (name, value) in enumerate(rows):
        y = ROW * index + ROW / 2
        parts.append(f'<text x="{LEFT - 16}" y="{y + 5}" class="name">{escape(name)}</text>')
        if value is None:
            parts.append(f'<text x="{LEFT}" y="{y + 5}" class="missing">not run yet</text>')
            before = None
            continue
        if before is not None:
            parts.append(
                f'<line x1="{before[0]:.1f}" y1="{before[1]}" x2="{x(100 * value):.1f}" y2="{y}" class="path"/>'
            )
        parts.append(f'<circle cx="{x(100 * value):.1f}" cy="{y}" r="7" class="dot"/>')
        parts.append(f'<text x="{x(100 * value) + 13:.1f}" y="{y + 5}" class="value">{100 * value:.2f} %</text>')
        before = x(100 * value), y
    return "\n".join([*parts, "</svg>"])
