"""Scripts for single commands: a project, a design, and a few cells."""

import pytest

from mlfpga.blockdesign import accelerator_ip, dry_run

VLNV = "mlfpga:hls:digits_mlp_axi:1.0"

START = f"""
create_project -force demo work -part xczu3eg-sfvc784-2-e
create_bd_design demo_bd
set dma [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma]
set net [create_bd_cell -type ip -vlnv {VLNV} net]
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps]
set_property -dict {{CONFIG.PSU__USE__M_AXI_GP0 0 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 1
    CONFIG.PSU__USE__S_AXI_GP2 1}} $ps
set_property -dict {{CONFIG.c_include_sg 0 CONFIG.c_sg_length_width 26}} $dma
"""


@pytest.fixture
def run_lines(script):
    """run_lines(text) -> the design after START and these lines, unchecked."""

    def run(text):
        return dry_run(script(START + text), ips=[accelerator_ip(VLNV, 32, 32)], check=False)

    return run


@pytest.fixture
def told(run_lines):
    """told(text) -> what `puts` printed after START and these lines."""
    return lambda text: run_lines(text).output
