"""The pictures: everything named is in them, nothing lies on top of anything else, and layers can be left out."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from mlfpga.blockdesign import accelerator_ip, dry_run, faults
from mlfpga.blockdesign.address_picture import AddressPicture
from mlfpga.blockdesign.design import size_text
from mlfpga.blockdesign.drawing import Picture, control_links
from mlfpga.blockdesign.dry_design import DryDesign

VLNV = "mlfpga:hls:digits_mlp_axi:1.0"


@pytest.fixture(scope="module")
def sound():
    """A design with a hierarchy, a port and two clocks."""
    return dry_run(faults.SOUND, ips=[accelerator_ip("mlfpga:hls:accelerator_axi:1.0", 32, 32)])


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """large(chains) -> a design of so many chains of three FIFOs, each chain in a hierarchy of its own."""

    def build(chains):
        lines = ["create_project p p -part xczu3eg-sfvc784-2-e", "create_bd_design d"]
        for n in range(chains):
            stream = "-vlnv xilinx.com:interface:axis_rtl:1.0"
            lines += [f"create_bd_cell -type hier h{n}", f"create_bd_intf_pin -mode Slave {stream} h{n}/in"]
            lines += [f"create_bd_cell -type ip -vlnv xilinx.com:ip:axis_data_fifo:2.0 h{n}/f{i}" for i in range(3)]
            pins = [f"h{n}/in", *(f"h{n}/f{i}/{port}" for i in range(3) for port in ("S_AXIS", "M_AXIS"))]
            lines += [
                f"connect_bd_intf_net [get_bd_intf_pins {one}] [get_bd_intf_pins {other}]"
                for one, other in zip(pins[:-1:2], pins[1::2], strict=False)
            ]
            lines += [f"create_bd_intf_port -mode Slave {stream} from{n}",
                      f"connect_bd_intf_net [get_bd_intf_ports from{n}] [get_bd_intf_pins h{n}/in]"]  # fmt: skip
        path = tmp_path_factory.mktemp("large") / "large.tcl"
        path.write_text("\n".join(lines))
        return dry_run(path, check=False)

    return build


def texts(path):
    return [text.text for text in ElementTree.parse(path).iter() if text.tag.endswith("text")]


def test_every_cell_and_every_interface_is_named(design, tmp_path):
    found = texts(design.draw(tmp_path / "design.svg"))
    for cell in design.cells.values():
        assert cell.name in found
        for interface in cell.shape.interfaces:
            assert interface in found
    assert {"data (streams, memory)", "control (registers)", "clock", "reset"} <= set(found)


def test_hierarchies_their_pins_and_ports_are_named(sound, tmp_path):
    found = texts(sound.draw(tmp_path / "sound.svg", clocks=False, resets=False))
    assert {"results", "hierarchy", "fifo", "from_accelerator", "to_memory", "leds"} <= set(found)


@pytest.mark.parametrize(
    ("layers", "present", "absent"),
    [
        ({"clocks": False}, ["reset", "reset_0/peripheral_aresetn"], ["clock", "ps/pl_clk0", "pl_clk0, 100 MHz"]),
        ({"resets": False}, ["clock", "ps/pl_clk0", "pl_clk0, 100 MHz"], ["reset", "reset_0/peripheral_aresetn"]),
        ({"clocks": False, "resets": False}, ["S_AXI_LITE"], ["reset_0", "clock", "reset"]),
    ],
)
def test_layers_can_be_left_out(design, tmp_path, layers, present, absent):
    found = texts(design.draw(tmp_path / "design.svg", **layers))
    assert set(present) <= set(found) and not set(absent) & set(found)


def test_each_cell_names_its_own_clocks(sound, tmp_path):
    found = texts(sound.draw(tmp_path / "sound.svg"))
    # Two clocks: the DMA and the SmartConnect for registers have both.
    assert found.count("ps/pl_clk0") == 4 and found.count("ps/pl_clk1") == 6


def test_boxes_do_not_overlap_and_stay_in_the_picture(run, sound, large):
    two = run(more_accelerators=f"{{second_0 {VLNV} 32}}", accelerator_clock_mhz=200)
    for design in (two, sound, large(8)):
        picture = Picture(design, ["clk", "rst"])
        boxes = picture.boxes()
        for left, bottom, right, top in boxes.values():
            assert 0 < left < right < picture.width and 0 < bottom < top < picture.height
        for (first, a), (second, b) in itertools.combinations(boxes.items(), 2):
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            outside, inside = sorted((first, second), key=len)
            assert apart != inside.startswith(f"{outside}/"), (first, second)


def test_no_wire_crosses_a_cell(run, sound):
    two = run(more_accelerators=f"{{second_0 {VLNV} 32}}", accelerator_clock_mhz=200)
    for design in (two, sound):
        picture = Picture(design, ["clk", "rst"])
        cells = {name: box for name, box in picture.boxes().items() if name in design.cells}
        assert len(picture.wires()) >= 10
        for wire in picture.wires():
            for (x1, y1), (x2, y2) in itertools.pairwise(wire):
                for name, (left, bottom, right, top) in cells.items():
                    beside = max(x1, x2) <= left + 0.1 or min(x1, x2) >= right - 0.1
                    assert beside or max(y1, y2) <= bottom or min(y1, y2) >= top, (name, wire)


def test_a_very_large_design_is_drawn_with_closed_hierarchies(large, tmp_path):
    open_ones, closed = Picture(large(8), []), Picture(large(21), [])
    assert "h0/f0" in open_ones.boxes()
    assert set(closed.boxes()) == {f"h{n}" for n in range(21)}
    assert texts(large(21).draw(tmp_path / "closed.svg")).count("hierarchy of 3 cells") == 21


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


def test_a_png_is_large_enough_to_read_and_not_larger_than_can_be_shown(design, tmp_path):
    data = design.draw(tmp_path / "design.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    assert width >= 1400 and height >= 500 and width * height < 25e6


def test_lines_differ_without_colour(design, tmp_path):
    """Each kind of wire has its own width or dashes, so that the picture works in grey."""
    svg = design.draw(tmp_path / "design.svg").read_text()
    legend = re.findall(r'<path d="M [^"]*" [^>]*style="([^"]*stroke-linecap[^"]*|[^"]*stroke-width[^"]*)"', svg)
    styles = {re.sub(r"stroke: #\w+;?|stroke-line\w+: \w+;?", "", style).strip() for style in legend}
    assert len(styles) >= 4


def test_addresses_are_drawn_with_names_sizes_and_both_ends(design, tmp_path):
    found = texts(design.draw_addresses(tmp_path / "addresses.svg"))
    for row in design.address_map():
        assert {row.master, row.slave, f"{row.segment}, {size_text(row.size)}"} <= set(found)
        assert {f"0x{row.base:08X}", f"0x{row.high:08X}"} <= set(found)
    assert {"registers", "memory"} <= set(found)


def test_masters_that_see_the_same_share_a_column(design):
    columns = [masters for masters, _ in AddressPicture(design).columns]
    assert columns == [["ps/Data"], ["axi_dma_0/Data_MM2S", "axi_dma_0/Data_S2MM"]]


def test_blocks_stand_in_the_order_of_addresses_and_64k_and_2g_are_readable(sound):
    picture = AddressPicture(sound)
    blocks = picture.blocks()
    heights = {row.size: top - bottom for row, _, bottom, _, top in blocks}
    assert 40 < heights[65536] < heights[2**31] < 4 * heights[65536]
    for (low, *_, top), (high, _, bottom, _, _) in itertools.pairwise(blocks):
        if low.master == high.master:
            assert low.high < high.base and top <= bottom
    for _, left, bottom, right, top in blocks:
        assert 0 < left < right <= picture.width and 0 < bottom < top < picture.height


def test_what_is_free_between_blocks_is_a_break(run, seed_fault, tmp_path):
    build, _ = seed_fault("block_design.tcl", "            incr offset 0x10000\n", "            incr offset 0x20000\n")
    found = texts(run(build).draw_addresses(tmp_path / "gap.svg"))
    assert found.count("64K free") == 1


@pytest.mark.parametrize("draw", [DryDesign.draw, DryDesign.draw_addresses])
def test_other_kinds_of_file_and_empty_designs_are_refused(draw, design, tmp_path):
    with pytest.raises(ValueError, match='pictures are .svg or .png, not ".jpg"'):
        draw(design, tmp_path / "design.jpg")
    with pytest.raises(ValueError, match="there is nothing to draw"):
        draw(DryDesign(), tmp_path / "empty.svg")
    assert not list(tmp_path.iterdir())
