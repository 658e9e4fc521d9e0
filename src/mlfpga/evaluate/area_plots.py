"""The area of a design, block by block, as a table and a picture."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlfpga.evaluate.style import bar_style, figure

if TYPE_CHECKING:
    import pandas

    from mlfpga.synthesize import BlockAreas

_REST = "between the blocks"
_COLUMNS = {
    "LUT cells": lambda area: area.luts,
    "memory LUTs": lambda area: area.lutram_luts + area.shift_registers,
    "DSP48E2": lambda area: area.dsps,
    "BRAM36": lambda area: area.bram36,
    "flip-flops": lambda area: area.flip_flops,
}


def area_table(areas: "BlockAreas") -> "pandas.DataFrame":
    """The result of `synthesize.area_by_block` as a table of text, one line per block; `.to_html()` for a web page.

    The last three lines are what stands between the blocks, the sum of all lines so far, and the design synthesised as
    one. "memory LUTs" are those of distributed memories and shift registers; LUT cells are without them.
    """
    import pandas  # takes half a second, and only tables need it

    rows = {**areas.blocks, _REST: areas.rest, "sum": areas.total, "whole, synthesised as one": areas.whole}
    columns = {
        heading: [f"{value(area):,g}" if value(area) % 1 else f"{value(area):,.0f}" for area in rows.values()]
        for heading, value in _COLUMNS.items()
    }
    return pandas.DataFrame(columns, index=pandas.Index(list(rows), name="block"))


def plot_area(areas: "BlockAreas", title: str | None = None) -> Figure:
    """Bars of what each block takes, one panel for each resource that is used at all.

    areas  of `synthesize.area_by_block`

    The LUTs of memories and shift registers stand at the end of those of logic. Under each panel stands what the whole
    takes when it is synthesised as one.
    """
    rows = {**areas.blocks, _REST: areas.rest}
    panels = [name for name, value in _COLUMNS.items() if name != "memory LUTs" and value(areas.total)]
    memory = _COLUMNS["memory LUTs"]
    stacked = memory(areas.total) > 0
    panels = panels or ["LUT cells"]
    # The key, below, stands in the space of one more row.
    with figure(width=2.6 + 2.3 * len(panels), height=0.44 * len(rows) + 1.9, columns=len(panels)) as (made, axes):
        places = range(len(rows))[::-1]
        for index, (axis, panel) in enumerate(zip([axes] if len(panels) == 1 else axes, panels, strict=True)):
            value = _COLUMNS[panel]
            logic = [value(area) for area in rows.values()]
            ends = list(logic)
            axis.barh(places, logic, 0.7, **bar_style(0))
            total = f"{value(areas.whole):,g}"
            if panel == "LUT cells" and stacked:
                memories = [memory(area) for area in rows.values()]
                axis.barh(places, memories, 0.7, left=logic, **bar_style(1))
                ends = [a + b for a, b in zip(logic, memories, strict=True)]
                total += f" + {memory(areas.whole):,g}"
            for place, end in zip(places, ends, strict=True):
                axis.annotate(
                    f"{end:,g}", (end, place), textcoords="offset points", xytext=(4, 0), va="center", fontsize=10
                )
            axis.set_yticks(list(places), list(rows) if index == 0 else [])
            axis.set_xlim(0, max(*ends, 1) * 1.35)
            axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axis.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
            axis.grid(axis="y", visible=False)
            axis.set(xlabel=f"{'LUTs' if panel == 'LUT cells' else panel}\nwhole: {total}")
        if stacked:
            patches = [made.axes[0].containers[number].patches[0] for number in (0, 1)]
            labels = ["LUT cells", "in memories, shift registers"]
            made.legend(patches, labels, loc="outside lower center", ncols=2, fontsize=11)
        made.suptitle(title or f"Area of {areas.top}, each block alone", x=0.01, ha="left", weight="bold", fontsize=13)
    return made
