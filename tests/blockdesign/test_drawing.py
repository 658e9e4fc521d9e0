"""The picture: everything named is in it, nothing lies on top of anything else, and layers can be left out."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from mlfpga.blockdesign.design import Design
from mlfpga.blockdesign.drawing import Picture, columns, control_links


def texts(path):
    return [text.text for text in ElementTree.parse(path).iter() if text.tag.endswith("text")]


def test_every_cell_and_every_interface_is_named(design, tmp_path):
    found = texts(design.draw(tmp_path / "design.svg"))
    for cell in design.cells.values():
        assert cell.name in found
        for interface in cell.shape.interfaces:
            assert interface in found
    assert {"data (streams, memory)", "control (registers)", "clock", "reset"} <= set(found)


@pytest.mark.parametrize(
    ("layers", "present", "absent"),
    [
        ({"clocks": False}, "axi_resetn", "ap_clk"),
        ({"resets": False}, "ap_clk", "axi_resetn"),
        ({"clocks": False, "resets": False}, "S_AXI_LITE", "reset_0"),
    ],
)
def test_layers_can_be_left_out(design, tmp_path, layers, present, absent):
    found = texts(design.draw(tmp_path / "design.svg", **layers))
    assert present in found and absent not in found


def test_boxes_do_not_overlap_and_stay_in_the_picture(design):
    picture = Picture(design, ["clk", "rst"])
    boxes = list(picture.boxes.values())
    for box in boxes:
        assert box.x > 0 and box.x + box.width < picture.width
        assert box.bottom > 0 and box.top < picture.height
    for first, second in itertools.combinations(boxes, 2):
        apart_x = first.x + first.width <= second.x or second.x + second.width <= first.x
        apart_y = first.bottom >= second.top or second.bottom >= first.top
        assert apart_x or apart_y, (first.name, second.name)


def test_columns_follow_the_way_of_the_data(design):
    assert columns(design) == {
        "ps": 0,
        "reset_0": 0,
        "registers_smc": 1,
        "memory_smc": 1,
        "axi_dma_0": 2,
        "accelerator_0": 3,
    }


def test_control_and_data_are_told_apart(design):
    control = {f"{link.source}>{link.target}" for link in control_links(design)}
    assert control == {
        "ps/M_AXI_HPM0_LPD>registers_smc/S00_AXI",
        "registers_smc/M00_AXI>axi_dma_0/S_AXI_LITE",
        "registers_smc/M01_AXI>accelerator_0/s_axi_control",
    }


def test_the_same_design_gives_the_same_svg(run, tmp_path):
    first, second = (run().draw(tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert first == second


def test_a_png_is_large_enough_to_read(design, tmp_path):
    data = design.draw(tmp_path / "design.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    assert width >= 1400 and height >= 500


def test_lines_differ_without_colour(design, tmp_path):
    """Each kind of wire has its own width or dashes, so that the picture works in grey."""
    svg = design.draw(tmp_path / "design.svg").read_text()
    legend = re.findall(r'<path d="M [^"]*" [^>]*style="([^"]*stroke-linecap[^"]*|[^"]*stroke-width[^"]*)"', svg)
    styles = {re.sub(r"stroke: #\w+;?|stroke-line\w+: \w+;?", "", style).strip() for style in legend}
    assert len(styles) >= 4


def test_other_kinds_of_file_are_refused(design, tmp_path):
    with pytest.raises(ValueError, match='pictures are .svg or .png, not ".jpg"'):
        design.draw(tmp_path / "design.jpg")


def test_an_empty_design_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="there is nothing to draw"):
        Design().draw(tmp_path / "empty.svg")
