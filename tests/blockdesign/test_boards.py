"""Boards: set_property board_part names the part, and a preset configures the processing system."""

import doctest

import pytest

from mlfpga.blockdesign import boards, dry_run
from mlfpga.blockdesign.catalogue import load_catalogue

SCRIPT = """
create_project p . -force
set_property board_part {board} [current_project]
create_bd_design d
create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e:3.5 ps
apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {{apply_board_preset "1"}} [get_bd_cells ps]
"""


def test_examples_in_docstrings_hold():
    assert doctest.testmod(boards).failed == 0


@pytest.mark.parametrize(("variant", "dram"), [("8gb", "8 Bits"), ("4gb", "16 Bits")])
def test_the_preset_turns_on_one_port_and_the_boards_clock(script, variant, dram):
    """The public facts: only M_AXI_HPM0_LPD, 99.999985 MHz from 33.33333, more than 2 GB of memory."""
    design = dry_run(script(SCRIPT.format(board=f"realdigital.org:aup-zu3-{variant}:part0:1.0")), check=False)
    ps = design.cells["ps"]
    assert design.part == "xczu3eg-sfvc784-2-e" and list(ps.shape.interfaces) == ["M_AXI_HPM0_LPD"]
    assert ps.shape.ports["pl_clk0"].megahertz == 99.999985
    assert ps.values["PSU__DDRC__DRAM_WIDTH"] == dram and ps.values["PSU__HIGH_ADDRESS__ENABLE"] == "1"


def test_an_unknown_board_changes_nothing_and_is_told(script):
    design = dry_run(script(SCRIPT.format(board="example.org:board:part0:1.0")), check=False)
    assert list(design.cells["ps"].shape.interfaces) == ["M_AXI_HPM0_FPD", "M_AXI_HPM1_FPD"]
    assert "the preset of example.org:board:part0:1.0 is not known here" in str(design.remarks)


def test_every_preset_can_be_set():
    ips = load_catalogue()
    for board in boards._boards().values():
        ip = next(ip for vlnv, ip in ips.items() if vlnv.startswith(f"{board.ip}:"))
        for name, value in board.preset.items():
            ip.check_parameter(name, value)
