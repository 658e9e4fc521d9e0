"""Parameters that follow a wire: widths, signals, frequencies, polarities and depths, as Vivado's validation does."""

import pytest


@pytest.fixture
def values(run_lines):
    """values(cell, text) -> all parameters of a cell, after these lines."""
    return lambda cell, text: run_lines(text).cells[cell].values


FIFO = """
set_property CONFIG.c_m_axis_mm2s_tdata_width 64 $dma
set_property CONFIG.c_m_axi_mm2s_data_width 64 $dma
create_bd_cell -type ip -vlnv xilinx.com:ip:axis_data_fifo:2.0 fifo
create_bd_cell -type ip -vlnv xilinx.com:ip:axis_dwidth_converter wider
connect_bd_intf_net [get_bd_intf_pins dma/M_AXIS_MM2S] [get_bd_intf_pins fifo/S_AXIS]
connect_bd_intf_net [get_bd_intf_pins fifo/M_AXIS] [get_bd_intf_pins wider/S_AXIS]
"""


def test_a_fifo_takes_on_its_stream_and_hands_it_on(run_lines):
    design = run_lines(FIFO)
    fifo, wider = design.cells["fifo"].values, design.cells["wider"].values
    assert (fifo["TDATA_NUM_BYTES"], fifo["HAS_TLAST"], fifo["HAS_TKEEP"], fifo["HAS_TSTRB"]) == ("8", "1", "1", "0")
    assert (wider["S_TDATA_NUM_BYTES"], wider["HAS_TLAST"], wider["M_TDATA_NUM_BYTES"]) == ("8", "1", "2")


def test_what_is_set_does_not_follow(values):
    assert values("fifo", FIFO + "set_property CONFIG.TDATA_NUM_BYTES 4 [get_bd_cells fifo]")["TDATA_NUM_BYTES"] == "4"


def test_concat_takes_on_the_widths_of_its_wires(values):
    joined = values(
        "concat",
        """
        create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat concat
        create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant five
        set_property CONFIG.CONST_WIDTH 5 [get_bd_cells five]
        connect_bd_net [get_bd_pins five/dout] [get_bd_pins concat/In0]
        connect_bd_net [get_bd_pins dma/mm2s_introut] [get_bd_pins concat/In1]
        validate_bd_design
        """,
    )
    assert (joined["IN0_WIDTH"], joined["IN1_WIDTH"], joined["dout_width"]) == ("5", "1", "6")


def test_a_reset_takes_on_the_polarity_of_its_source(values):
    text = """
        create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
        create_bd_port -dir I -type rst start
        set_property CONFIG.POLARITY ACTIVE_{} [get_bd_ports start]
        connect_bd_net [get_bd_ports start] [get_bd_pins reset/ext_reset_in]
        validate_bd_design
        """
    assert values("reset", text.replace("{}", "HIGH"))["C_EXT_RESET_HIGH"] == "1"
    assert values("reset", text.replace("{}", "LOW"))["C_EXT_RESET_HIGH"] == "0"


def test_a_clocking_wizard_takes_on_its_input_clock(run_lines):
    design = run_lines(
        """
        create_bd_cell -type ip -vlnv xilinx.com:ip:clk_wiz clocks
        create_bd_port -dir I -type clk -freq_hz 125000000 quartz
        set_property CONFIG.CLKOUT1_REQUESTED_OUT_FREQ 312.5 [get_bd_cells clocks]
        connect_bd_net [get_bd_ports quartz] [get_bd_pins clocks/clk_in1]
        """
    )
    assert design.cells["clocks"].values["PRIM_IN_FREQ"] == "125.0"
    assert design.cells["clocks"].shape.ports["clk_out1"].megahertz == 312.5


def test_a_memory_is_as_deep_as_its_address_range(run_lines):
    design = run_lines(
        """
        create_bd_cell -type ip -vlnv xilinx.com:ip:axi_bram_ctrl bram
        create_bd_cell -type ip -vlnv xilinx.com:ip:blk_mem_gen memory
        set_property CONFIG.SINGLE_PORT_BRAM 1 [get_bd_cells bram]
        connect_bd_intf_net [get_bd_intf_pins bram/BRAM_PORTA] [get_bd_intf_pins memory/BRAM_PORTA]
        connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins bram/S_AXI]
        assign_bd_address -offset 0x80000000 -range 64K -target_address_space [get_bd_addr_spaces ps/Data] \\
            [get_bd_addr_segs bram/S_AXI/Mem0]
        """
    )
    assert design.cells["bram"].values["MEM_DEPTH"] == "16384"
    assert design.cells["memory"].values["Write_Depth_A"] == "16384"


def test_a_single_signal_of_a_stream_is_a_pin(run_lines):
    design = run_lines(
        """
        create_bd_cell -type ip -vlnv xilinx.com:ip:axis_data_fifo fifo
        create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant always
        connect_bd_net [get_bd_pins always/dout] [get_bd_pins fifo/m_axis_tready]
        """
    )
    (net,) = design.nets
    assert sorted(map(str, net.pins)) == ["always/dout", "fifo/m_axis_tready"]
