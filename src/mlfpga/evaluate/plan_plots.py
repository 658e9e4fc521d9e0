"""A hardware plan as a table and as a picture: how long each stage is occupied, and what it takes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlfpga.evaluate.style import bar_style, figure

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "cycles": "cycles per image",
    "luts": "LUT cells",
    "dsps": "DSP48E2",
    "bram36": "BRAM36",
    "flip_flops": "flip-flops",
}


def plan_table(rows: Sequence[Mapping]) -> "pandas.DataFrame":
    """The stages of a plan as a table of text, one line each and one for the whole; `.to_html()` for a web page.

    rows  dicts with stage, cycles, luts, dsps, bram36, flip_flops and limiting, as the planner of `pipeline` gives them
    """
    import pandas  # takes half a second, and only tables need it

    lines = [[_number(row[key]) for key in _COLUMNS] for row in rows]
    slowest = max((row["cycles"] for row in rows), default=0)
    sums = [sum(row[key] for row in rows) for key in _COLUMNS if key != "cycles"]
    lines.append([_number(slowest), *map(_number, sums)])
    names = [row["stage"] + (" (limits)" if row["limiting"] else "") for row in rows]
    return pandas.DataFrame(lines, index=pandas.Index([*names, "all"], name="stage"), columns=list(_COLUMNS.values()))


def plot_plan(rows: Sequence[Mapping], target: int | None = None, title: str = "What each stage needs") -> Figure:
    """Bars of cycles per image for each stage, the limiting one hatched; beside them its LUT cells and DSP48E2.

    rows    as `plan_table` takes them
    target  cycles per image that were asked for, drawn as a line
    """
    names = [row["stage"] for row in rows]
    places = range(len(rows))
    with figure(width=11, height=0.5 * len(rows) + 2.0, columns=3) as (made, axes):
        for axis, key in zip(axes, ("cycles", "luts", "dsps"), strict=True):
            values = [row[key] for row in rows]
            for place, row, value in zip(places, rows, values, strict=True):
                limits = key == "cycles" and row["limiting"]
                axis.barh(place, value, 0.7, **bar_style(int(limits)))
                if value or key != "cycles":
                    axis.annotate(
                        f"{value:,.0f}", (value, place), xytext=(4, 0), textcoords="offset points", va="center",
                        fontsize=10, weight="bold" if limits else "normal",
                    )  # fmt: skip
            axis.set_yticks(places, names if key == "cycles" else [])
            axis.invert_yaxis()
            axis.grid(axis="y", visible=False)
            axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axis.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
            axis.set_xlim(0, max([*values, target or 0 if key == "cycles" else 0, 1]) * 1.3)
            axis.set_xlabel({"cycles": "cycles per image (hatched: limits)"}.get(key, f"{_COLUMNS[key]} (estimated)"))
        if target is not None:
            axes[0].axvline(target, color="black", linewidth=1.4, linestyle="--")
            axes[0].set_title(f"dashed: the target, {target:,} cycles", fontsize=11, weight="normal")
        made.suptitle(title, x=0.01, ha="left", weight="bold")
    return made


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
