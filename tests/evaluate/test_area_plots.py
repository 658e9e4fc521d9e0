"""The table and the picture of the area, block by block."""

import pytest

from mlfpga.evaluate import area_table, plot_area
from mlfpga.synthesize import Area, BlockAreas

pytestmark = pytest.mark.host
CONV = Area({"LUT6": 12000, "LUT2": 345, "RAM32M16": 30, "DSP48E2": 72, "FDRE": 4000})
DENSE = Area({"LUT6": 2800, "RAMB18E2": 45, "FDRE": 2222})
AREAS = BlockAreas("cnn", {"u_conv": CONV, "u_dense": DENSE}, Area({"LUT2": 33}), Area({"LUT6": 15000, "RAM32M16": 30}))


def test_table_ends_with_the_rest_the_sum_and_the_whole():
    table = area_table(AREAS)
    assert list(table.index) == ["u_conv", "u_dense", "between the blocks", "sum", "whole, synthesised as one"]
    assert list(table["LUT cells"]) == ["12,345", "2,800", "33", "15,178", "15,000"]
    assert list(table["memory LUTs"]) == ["240", "0", "0", "240", "240"]
    assert list(table["BRAM36"]) == ["0", "22.5", "0", "22.5", "0"]


def test_picture_has_a_panel_for_each_resource_in_use():
    made = plot_area(AREAS)
    labels = [axis.get_xlabel() for axis in made.axes]
    assert labels == ["LUTs\nwhole: 15,000 + 240", "DSP48E2\nwhole: 0", "BRAM36\nwhole: 0", "flip-flops\nwhole: 0"]
    assert [label.get_text() for label in made.axes[0].get_yticklabels()] == ["u_conv", "u_dense", "between the blocks"]
    assert [text.get_text() for text in made.axes[0].texts] == ["12,585", "2,800", "33"]
    widths = [[bar.get_width() for bar in group] for group in made.axes[0].containers]
    assert widths == [[12345, 2800, 33], [240, 0, 0]]


def test_design_without_memories_multipliers_or_blocks_is_one_bar():
    made = plot_area(BlockAreas("wire", {}, Area({"LUT1": 1}), Area({"LUT1": 1})))
    assert [axis.get_xlabel() for axis in made.axes] == ["LUTs\nwhole: 1"]
    assert made.legends == []
