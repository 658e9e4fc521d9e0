"""What the IPs look like from outside: the pins, interfaces and registers that the vendor's product guides tell."""

import pytest

from mlfpga.blockdesign.catalogue import load_catalogue

CATALOGUE = load_catalogue()


def shape(name, **changes):
    ip = CATALOGUE[f"xilinx.com:{name}"]
    return ip.shape(ip.values({key: str(value) for key, value in changes.items()}))


def widths(shape):
    return {pin.name: pin.width for pin in shape.pins.values()}


@pytest.mark.parametrize(
    ("changes", "pins"),
    [
        ({}, {"gpio_io_i": 32, "gpio_io_o": 32, "gpio_io_t": 32}),
        ({"C_ALL_INPUTS": 1, "C_GPIO_WIDTH": 4}, {"gpio_io_i": 4}),
        ({"C_ALL_OUTPUTS": 1, "C_GPIO_WIDTH": 8}, {"gpio_io_o": 8}),
        (
            {"C_ALL_OUTPUTS": 1, "C_GPIO_WIDTH": 1, "C_IS_DUAL": 1, "C_GPIO2_WIDTH": 3, "C_ALL_INPUTS_2": 1},
            {"gpio_io_o": 1, "gpio2_io_i": 3},
        ),
    ],
)
def test_gpio_has_the_pins_of_its_directions(changes, pins):
    """PG144, "Port Descriptions"."""
    gpio = shape("ip:axi_gpio:2.0", **changes)
    assert {name: width for name, width in widths(gpio).items() if name.startswith("gpio")} == pins
    told = {pin for interface in ("GPIO", "GPIO2") if interface in gpio.interfaces
            for pin in gpio.interfaces[interface].map.values()}  # fmt: skip
    assert told == set(pins)
    assert gpio.interfaces["GPIO"].vlnv == "xilinx.com:interface:gpio:1.0"


def test_the_interrupt_of_gpio_is_an_option():
    assert "ip2intc_irpt" not in shape("ip:axi_gpio:2.0").ports
    assert shape("ip:axi_gpio:2.0", C_INTERRUPT_PRESENT=1).ports["ip2intc_irpt"].kind == "INTERRUPT"


def test_registers_stand_where_the_guides_say():
    """PG021, PG144, PG079, PG099, PG142, PG090, PG034: register address maps."""
    expected = {
        "axi_dma:7.1": ("S_AXI_LITE", {"MM2S_DMACR": 0x00, "MM2S_DMASR": 0x04, "MM2S_SA": 0x18, "MM2S_SA_MSB": 0x1C,
                                       "MM2S_LENGTH": 0x28, "S2MM_DMACR": 0x30, "S2MM_DMASR": 0x34, "S2MM_DA": 0x48,
                                       "S2MM_DA_MSB": 0x4C, "S2MM_LENGTH": 0x58}),
        "axi_gpio:2.0": ("S_AXI", {"GPIO_DATA": 0, "GPIO_TRI": 4, "GPIO2_DATA": 8, "GPIO2_TRI": 12, "GIER": 0x11C,
                                   "IP_ISR": 0x120, "IP_IER": 0x128}),
        "axi_timer:2.0": ("S_AXI", {"TCSR0": 0, "TLR0": 4, "TCR0": 8, "TCSR1": 0x10, "TLR1": 0x14, "TCR1": 0x18}),
        "axi_intc:4.1": ("s_axi", {"ISR": 0, "IER": 8, "IAR": 0xC, "MER": 0x1C, "IVAR[0]": 0x100, "IVAR[31]": 0x17C}),
        "axi_uartlite:2.0": ("S_AXI", {"RX_FIFO": 0, "TX_FIFO": 4, "STAT_REG": 8, "CTRL_REG": 0xC}),
        "axi_iic:2.1": ("S_AXI", {"GIE": 0x1C, "ISR": 0x20, "CR": 0x100, "SR": 0x104, "TX_FIFO": 0x108,
                                  "RX_FIFO": 0x10C, "THDDAT": 0x144}),
        "axi_cdma:4.1": ("S_AXI_LITE", {"CDMACR": 0, "CDMASR": 4, "SA": 0x18, "DA": 0x20, "BTT": 0x28}),
        "axi_vdma:6.3": ("S_AXI_LITE", {"MM2S_VDMACR": 0, "PARK_PTR_REG": 0x28, "S2MM_VDMACR": 0x30, "MM2S_VSIZE": 0x50,
                                        "S2MM_VSIZE": 0xA0, "S2MM_SA1": 0xAC}),
        "axi_fifo_mm_s:4.3": ("S_AXI", {"ISR": 0, "TDFV": 0xC, "TLR": 0x14, "RDFO": 0x1C, "RLR": 0x24}),
    }  # fmt: skip
    for ip, (interface, offsets) in expected.items():
        there = {register.name: int(register.offset, 16) for register in shape(f"ip:{ip}").registers[interface]}
        assert offsets.items() <= there.items(), ip


def test_scatter_gather_brings_its_port_its_streams_and_its_registers():
    """PG021: without scatter-gather there is neither M_AXI_SG nor a control or status stream."""
    with_sg, without = (shape("ip:axi_dma:7.1", c_include_sg=value) for value in (1, 0))
    assert set(with_sg.interfaces) - set(without.interfaces) == {"M_AXI_SG", "M_AXIS_CNTRL", "S_AXIS_STS"}
    lean = shape("ip:axi_dma:7.1", c_include_sg=1, c_sg_include_stscntrl_strm=0)
    assert set(lean.interfaces) - set(without.interfaces) == {"M_AXI_SG"}
    assert set(lean.ports) - set(without.ports) == {"m_axi_sg_aclk"}
    enabled = [{r.name for r in s.registers["S_AXI_LITE"] if r.enabled} for s in (with_sg, without)]
    assert "MM2S_CURDESC" in enabled[0] and "MM2S_SA" not in enabled[0]
    assert "MM2S_CURDESC" not in enabled[1] and "MM2S_SA" in enabled[1]


def test_a_channel_that_is_off_takes_its_pins_away():
    only_s2mm = shape("ip:axi_dma:7.1", c_include_sg=0, c_include_mm2s=0)
    assert set(only_s2mm.interfaces) == {"S_AXI_LITE", "M_AXI_S2MM", "S_AXIS_S2MM"}
    assert set(only_s2mm.spaces) == {"Data_S2MM"}


def test_a_dma_with_one_memory_port_keeps_the_pins_of_both():
    """PG021: M_AXI joins the read channel's pins and the write channel's."""
    joined = shape("ip:axi_dma:7.1", c_include_sg=0, c_single_interface=1)
    assert {"M_AXI"} == {name for name in joined.interfaces if name.startswith("M_AXI") and "AXIS" not in name}
    assert joined.interfaces["M_AXI"].physical("ARADDR") == "m_axi_mm2s_araddr"
    assert joined.interfaces["M_AXI"].physical("AWADDR") == "m_axi_s2mm_awaddr"
    assert set(joined.spaces) == {"Data"}


def test_interconnects_grow_with_their_parameters():
    smart = shape("ip:smartconnect:1.0", NUM_SI=2, NUM_MI=3, NUM_CLKS=3)
    assert list(smart.interfaces) == ["S00_AXI", "S01_AXI", "M00_AXI", "M01_AXI", "M02_AXI"]
    assert list(smart.ports) == ["aclk", "aclk1", "aclk2", "aresetn"]
    older = shape("ip:axi_interconnect:2.1", NUM_SI=1, NUM_MI=2)
    assert set(older.ports) == {f"{port}{pin}" for port in ("", "S00_", "M00_", "M01_") for pin in ("ACLK", "ARESETN")}


def test_a_stream_has_the_signals_that_are_switched_on():
    """PG085, "AXI4-Stream Data FIFO"."""
    plain = shape("ip:axis_data_fifo:2.0", TDATA_NUM_BYTES=4)
    assert set(plain.interfaces["S_AXIS"].signals) == {"TVALID", "TREADY", "TDATA"}
    full = shape("ip:axis_data_fifo:2.0", TDATA_NUM_BYTES=8, HAS_TLAST=1, HAS_TKEEP=1, TID_WIDTH=5, TUSER_WIDTH=1)
    pins = widths(full)
    assert (pins["m_axis_tdata"], pins["m_axis_tkeep"], pins["m_axis_tid"], pins["m_axis_tuser"]) == (64, 8, 5, 1)
    assert pins["m_axis_tlast"] is None and "m_axis_tdest" not in pins


def test_a_fifo_with_two_clocks_has_them():
    one, two = (shape("ip:axis_data_fifo:2.0", IS_ACLK_ASYNC=value) for value in (0, 1))
    assert one.interfaces["M_AXIS"].clock == "s_axis_aclk" and "m_axis_aclk" not in one.ports
    assert two.interfaces["M_AXIS"].clock == "m_axis_aclk" and two.ports["m_axis_aclk"].kind == "clk"
    # The FIFO's older version resets each side, the newer one only the slave side (PG085).
    older = shape("ip:axis_data_fifo:1.1", IS_ACLK_ASYNC=1)
    assert "m_axis_aresetn" in older.ports and "m_axis_aresetn" not in two.ports


def test_streams_of_a_switch_share_pins():
    """PG085, "AXI4-Stream Switch": each pin is a vector with a part for each stream."""
    switch = shape("ip:axis_switch:1.1", NUM_SI=3, NUM_MI=2, TDATA_NUM_BYTES=4, HAS_TLAST=1, ROUTING_MODE=1)
    pins = widths(switch)
    assert (pins["s_axis_tdata"], pins["s_axis_tvalid"], pins["m_axis_tdata"], pins["m_axis_tlast"]) == (96, 3, 64, 2)
    assert {"S00_AXIS", "S01_AXIS", "S02_AXIS", "M00_AXIS", "M01_AXIS", "S_AXI_CTRL"} == set(switch.interfaces)
    assert switch.kind == "PERIPHERAL"
    by_destination = shape("ip:axis_switch:1.1")
    assert "S_AXI_CTRL" not in by_destination.interfaces and by_destination.kind == "BUS"


def test_a_combiner_is_as_wide_as_its_inputs_together():
    pins = widths(shape("ip:axis_combiner:1.1", NUM_SI=3, TDATA_NUM_BYTES=2))
    assert (pins["s_axis_tdata"], pins["m_axis_tdata"], pins["m_axis_tvalid"]) == (48, 48, None)


def test_bram_controllers_have_one_port_or_two():
    """PG078, "Port Descriptions"; the address counts bytes."""
    two = shape("ip:axi_bram_ctrl:4.1", MEM_DEPTH=2048, DATA_WIDTH=64)
    one = shape("ip:axi_bram_ctrl:4.1", MEM_DEPTH=2048, DATA_WIDTH=64, SINGLE_PORT_BRAM=1)
    assert {"BRAM_PORTA", "BRAM_PORTB"} < set(two.interfaces) and "BRAM_PORTB" not in one.interfaces
    pins = widths(one)
    assert (pins["bram_addr_a"], pins["bram_wrdata_a"], pins["bram_we_a"], pins["s_axi_awaddr"]) == (14, 64, 8, 14)
    assert two.interfaces["BRAM_PORTA"].propagated("words") == 2048
    assert [segment.usage for segment in one.segments.values()] == ["memory"]


def test_memories_of_their_own_have_the_pins_that_are_asked_for():
    """PG058, "Native Block Memory Generator Interface Signals"."""
    rom = shape("ip:blk_mem_gen:8.4", use_bram_block="Stand_Alone", Memory_Type="Single_Port_ROM", Write_Depth_A=512)
    assert widths(rom) == {"clka": None, "ena": None, "addra": 9, "douta": 32}
    driven = shape("ip:blk_mem_gen:8.4", Memory_Type="True_Dual_Port_RAM")
    assert {"clka", "rsta", "ena", "wea", "addra", "dina", "douta", "rsta_busy", "clkb", "doutb"} < set(driven.pins)
    assert widths(driven)["addra"] == 32 and widths(driven)["wea"] == 4


def test_interrupts_are_joined_with_their_widths():
    controller = shape("ip:axi_intc:4.1", C_NUM_INTR_INPUTS=5)
    assert controller.ports["intr"].width == 5 and controller.interfaces["interrupt"].map == {"INTERRUPT": "irq"}
    single = shape("ip:axi_intc:4.1", C_IRQ_CONNECTION=1)
    assert single.ports["irq"].kind == "INTERRUPT" and "interrupt" not in single.interfaces
    # The memory map is called S_AXI although the interface is s_axi: scripts write axi_intc_0/S_AXI/Reg.
    assert list(controller.segments) == ["S_AXI/Reg"]


@pytest.mark.parametrize("name", ["ip:xlconcat:2.1", "inline_hdl:ilconcat:1.0"])
def test_concat_is_as_wide_as_its_inputs(name):
    pins = widths(shape(name, NUM_PORTS=3, IN0_WIDTH=4, IN2_WIDTH=8))
    assert pins == {"In0": 4, "In1": 1, "In2": 8, "dout": 13}


@pytest.mark.parametrize("name", ["ip:xlslice:1.0", "inline_hdl:ilslice:1.0"])
def test_a_slice_is_as_wide_as_what_it_takes(name):
    assert widths(shape(name, DIN_WIDTH=64, DIN_FROM=31, DIN_TO=8)) == {"Din": 64, "Dout": 24}


def test_logic_has_one_operand_or_two():
    assert set(shape("ip:util_vector_logic:2.0").ports) == {"Op1", "Op2", "Res"}
    assert widths(shape("ip:util_vector_logic:2.0", C_OPERATION="not", C_SIZE=1)) == {"Op1": 1, "Res": 1}


def test_the_clocking_wizard_names_its_pins_as_told():
    """PG065: resets of either polarity, up to seven clocks, all with names of one's own."""
    wizard = shape(
        "ip:clk_wiz:6.0", CLKOUT2_USED="true", CLKOUT1_REQUESTED_OUT_FREQ=250, CLKOUT2_REQUESTED_OUT_FREQ=75,
        CLK_OUT2_PORT="slow", RESET_TYPE="ACTIVE_LOW", USE_LOCKED="false",
    )  # fmt: skip
    assert set(wizard.ports) == {"resetn", "clk_in1", "clk_out1", "slow"}
    assert (wizard.ports["clk_out1"].megahertz, wizard.ports["slow"].megahertz) == (250, 75)
    differential = shape("ip:clk_wiz:6.0", PRIM_SOURCE="Differential_clock_capable_pin")
    assert differential.interfaces["CLK_IN1_D"].map == {"CLK_N": "clk_in1_n", "CLK_P": "clk_in1_p"}
    assert "clk_in1" not in differential.ports


def test_resets_have_the_polarity_that_is_set():
    resets = shape("ip:proc_sys_reset:5.0", C_EXT_RESET_HIGH=1, C_NUM_PERP_ARESETN=2)
    assert resets.ports["ext_reset_in"].polarity == "ACTIVE_HIGH"
    assert resets.ports["aux_reset_in"].polarity == "ACTIVE_LOW"
    assert resets.ports["peripheral_aresetn"].width == 2


def test_a_logic_analyser_listens_to_interfaces_and_wires():
    """PG261: a slot takes the name of its kind of bus."""
    analyser = shape(
        "ip:system_ila:1.1", C_MON_TYPE="MIX", C_NUM_MONITOR_SLOTS=2, C_NUM_OF_PROBES=2,
        C_SLOT_1_INTF_TYPE="xilinx.com:interface:axis_rtl:1.0",
    )  # fmt: skip
    assert set(analyser.interfaces) == {"SLOT_0_AXI", "SLOT_1_AXIS"}
    assert all(interface.type == "MONITOR" for interface in analyser.interfaces.values())
    assert set(analyser.ports) == {"clk", "resetn", "probe0", "probe1"}


def test_what_is_missing_is_told():
    fifo = shape("ip:axis_data_fifo:2.0")
    assert fifo.missing("m_axis_aclk", "pin") == "; it exists if IS_ACLK_ASYNC (now it does not)"
    assert fifo.missing("s_axis_alck", "pin") == "; did you mean s_axis_aclk?"
    assert shape("ip:smartconnect:1.0").missing("S02_AXI", "interface") == "; did you mean S01_AXI?"
