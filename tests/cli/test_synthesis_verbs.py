"""`mlfpga area`: what reaches the room, and what is refused before."""

import pytest

from mlfpga import cli, synthesize
from mlfpga.synthesize import Area, BlockAreas

pytestmark = pytest.mark.host


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "block.sv"
    path.write_text('module block #(parameter int WIDTH = 8, parameter FILE = "") (input logic i);\nendmodule\n')
    return path


@pytest.fixture
def asked(monkeypatch):
    """Designs that reached the room."""
    designs = []
    area = Area({"LUT6": 1234, "RAM32M16": 2, "SRL16E": 1, "FDRE": 5, "DSP48E2": 6, "RAMB18E2": 7})
    monkeypatch.setattr(synthesize, "area_of", lambda design: designs.append(design) or area)
    blocks = BlockAreas("block", {"u_part": area}, Area({}), area)
    monkeypatch.setattr(synthesize, "area_by_block_of", lambda design, level: designs.append((design, level)) or blocks)
    return designs


def test_area_is_told_one_resource_a_line(source, asked, capsys):
    assert cli.main(["area", "block", str(source), "-G", "WIDTH=0x10", "-G", "FILE=w.hex"]) == 0
    assert asked[0].parameters == (("FILE", "w.hex"), ("WIDTH", 16))
    assert capsys.readouterr().out.splitlines() == [
        "1,234 LUT cells",
        "17 LUTs in memories and shift registers",
        "5 flip-flops",
        "6 DSP48E2",
        "3.5 BRAM36",
    ]


def test_blocks_are_a_table_and_a_picture(source, asked, capsys, tmp_path):
    picture = tmp_path / "area.svg"
    assert cli.main(["area", "block", str(source), "--blocks", "2", "--picture", str(picture)]) == 0
    assert asked[0][1] == 2
    assert "u_part" in capsys.readouterr().out
    assert "<svg" in picture.read_text()


def test_ip_folder_is_read_with_its_own_top_and_parameters(asked):
    from mlfpga.artifacts import course_root

    assert cli.main(["area", "--ip", str(course_root() / "rtl" / "linear"), "--blocks"]) == 0
    design, level = asked[0]
    assert (design.top, level, [path.name for path in design.files]) == ("linear", 1, ["linear.sv"])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["block"], "name a module and its files (mlfpga area TOP FILE …), or an IP (mlfpga area --ip ARCHIVE)"),
        (["--ip", "x", "-G", "A=1"], "an IP brings its own top module, parameters and data; leave TOP, -G and --data "),
        (["block", "SOURCE", "-G", "WIDTH"], "-G WIDTH is not NAME=VALUE"),
        (["block", "SOURCE", "--picture", "a.svg"], "--picture draws the blocks; add --blocks"),
    ],
)
def test_senseless_arguments_are_refused(source, asked, capsys, arguments, message):
    assert cli.main(["area", *(str(source) if word == "SOURCE" else word for word in arguments)]) == 2
    assert capsys.readouterr().err.startswith(f"mlfpga: {message}")
    assert asked == []


def test_unknown_parameter_is_one_line(source, capsys):
    assert cli.main(["area", "block", str(source), "-G", "DEPTH=1"]) == 1
    assert capsys.readouterr().err == "mlfpga: block has no parameter DEPTH; it has FILE, WIDTH\n"
