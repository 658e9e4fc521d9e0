"""The processing systems in the catalogue: what scripts may set, and the ports, pins and addresses that follow."""

import pytest

from mlfpga.blockdesign.catalogue import CatalogueError, load_catalogue

CATALOGUE = load_catalogue()
PS = CATALOGUE["xilinx.com:ip:zynq_ultra_ps_e:3.5"]
PS7 = CATALOGUE["xilinx.com:ip:processing_system7:5.5"]


def shape(ip, **changes):
    return ip.shape(ip.values({name: str(value) for name, value in changes.items()}))


@pytest.mark.parametrize("version", ["3.2", "3.3", "3.4", "3.5"])
def test_every_version_of_the_last_years_is_known(version):
    assert f"xilinx.com:ip:zynq_ultra_ps_e:{version}" in CATALOGUE


@pytest.mark.parametrize(
    ("ip", "name", "value"),
    [
        (PS, "PSU_MIO_77_PULLUPDOWN", "pulldown"),
        (PS, "PSU_BANK_3_IO_STANDARD", "LVCMOS18"),
        (PS, "PSU__CAN1__PERIPHERAL__IO", "MIO 24 .. 25"),
        (PS, "PSU__PROTECTION__MASTERS", "USB1:NonSecure;0|USB0:NonSecure;1"),
        (PS, "PSU__CSU__CSU_TAMPER_12__RESPONSE", "<Select>"),
        (PS, "PSU__DDRC__DQMAP_68_71", "0"),
        (PS, "PSU__CRF_APB__DP_AUDIO_REF_CTRL__DIVISOR1", "1"),
        (PS, "SUBPRESET1", "Custom"),
        (PS, "CAN0_BOARD_INTERFACE", "custom"),
        (PS7, "PCW_MIO_53_IOTYPE", "LVCMOS 1.8V"),
        (PS7, "PCW_UIPARAM_DDR_DQS_3_PROPOGATION_DELAY", "160"),
        (PS7, "PCW_TTC1_CLK2_PERIPHERAL_DIVISOR0", "1"),
        (PS7, "preset", "None"),
    ],
)
def test_parameters_that_no_pin_depends_on_are_taken(ip, name, value):
    ip.check_parameter(name, value)
    assert ip.values({name: value})[name] == value


@pytest.mark.parametrize(
    ("ip", "name", "value", "message"),
    [
        (PS, "PSU__USE__S_AXI_GP7", "1", 'zynq_ultra_ps_e has no parameter "PSU__USE__S_AXI_GP7"; did you mean '),
        (PS, "PSU_MIO_78_SLEW", "slow", 'has no parameter "PSU_MIO_78_SLEW"; did you mean PSU_MIO_'),
        (PS, "PSU__UART0__PERIPHERAL_ENABLE", "1", "did you mean PSU__UART0__PERIPHERAL__ENABLE?"),
        (PS, "PSU_MIO_5_SLEW", "medium", "PSU_MIO_5_SLEW cannot be medium; choose fast, slow"),
        (PS, "PSU__MAXIGP0__DATA_WIDTH", "256", "PSU__MAXIGP0__DATA_WIDTH cannot be 256; choose 32, 64, 128"),
        (PS7, "PCW_USE_S_AXI_HP4", "1", 'has no parameter "PCW_USE_S_AXI_HP4"; did you mean PCW_USE_S_AXI_HP'),
    ],
)
def test_misspelt_and_impossible_ones_are_refused(ip, name, value, message):
    with pytest.raises(CatalogueError) as caught:
        ip.check_parameter(name, value)
    assert message in str(caught.value)


def test_a_new_ps_has_the_ports_that_designs_without_a_preset_find():
    assert list(shape(PS).interfaces) == ["M_AXI_HPM0_LPD"]
    assert list(shape(PS).ports) == ["pl_clk0", "pl_resetn0", "maxihpm0_lpd_aclk", "pl_ps_irq0"]


@pytest.mark.parametrize(
    ("number", "interface", "clock", "group", "name"),
    [
        (0, "S_AXI_HPC0_FPD", "saxihpc0_fpd_aclk", "SAXIGP0", "HPC0"),
        (1, "S_AXI_HPC1_FPD", "saxihpc1_fpd_aclk", "SAXIGP1", "HPC1"),
        (2, "S_AXI_HP0_FPD", "saxihp0_fpd_aclk", "SAXIGP2", "HP0"),
        (5, "S_AXI_HP3_FPD", "saxihp3_fpd_aclk", "SAXIGP5", "HP3"),
        (6, "S_AXI_LPD", "saxi_lpd_aclk", "SAXIGP6", "LPD"),
    ],
)
def test_each_slave_port_sees_the_memory(number, interface, clock, group, name):
    port = shape(PS, **{f"PSU__USE__S_AXI_GP{number}": 1})
    assert port.interfaces[interface].clock == clock and clock in port.ports
    assert port.interfaces[interface].prefix == f"saxigp{number}_"
    low = port.segments[f"{group}/{name}_DDR_LOW"]
    assert (low.usage, low.base, low.size, low.interface) == ("memory", 0, 2**31, interface)
    assert port.segments[f"{group}/{name}_LPS_OCM"].usage == "register"


def test_segments_come_with_the_memory_and_the_peripherals():
    """UG1085, "System Addresses": above 2 GB the memory goes on at 0x8_0000_0000."""
    small = {"PSU__DDRC__DEVICE_CAPACITY": "4096 MBits", "PSU__DDRC__DRAM_WIDTH": "16 Bits"}
    large = {"PSU__DDRC__DEVICE_CAPACITY": "16384 MBits", "PSU__DDRC__BUS_WIDTH": "32 Bit"}
    on = {"PSU__USE__S_AXI_GP2": 1}

    def names(**changes):
        return [path.removeprefix("SAXIGP2/HP0_") for path in shape(PS, **on | changes).segments]

    assert names(**small) == ["DDR_LOW", "LPS_OCM"]
    assert names(**large) == ["DDR_LOW", "DDR_HIGH", "LPS_OCM"]
    high = shape(PS, **on | large).segments["SAXIGP2/HP0_DDR_HIGH"]
    assert (high.base, high.usage) == (0x8_0000_0000, "memory")
    assert names(**large, PSU__HIGH_ADDRESS__ENABLE=0) == ["DDR_LOW", "LPS_OCM"]
    assert "QSPI" in names(PSU__QSPI__PERIPHERAL__ENABLE=1) and "PCIE_LOW" in names(PSU__PCIE__PERIPHERAL__ENABLE=1)


def test_peripherals_come_through_emio():
    on_pins = shape(PS, PSU__UART1__PERIPHERAL__ENABLE=1, PSU__UART1__PERIPHERAL__IO="MIO 8 .. 9")
    assert "UART_1" not in on_pins.interfaces
    uart = shape(PS, PSU__UART1__PERIPHERAL__ENABLE=1, PSU__UART1__PERIPHERAL__IO="EMIO").interfaces["UART_1"]
    assert uart.map == {"TxD": "emio_uart1_txd", "RxD": "emio_uart1_rxd"} and uart.vlnv.endswith("interface:uart:1.0")
    gpio = shape(PS, PSU__GPIO_EMIO__PERIPHERAL__ENABLE=1, PSU__GPIO_EMIO__PERIPHERAL__IO=95)
    assert gpio.ports["emio_gpio_o"].width == 95 and gpio.interfaces["GPIO_0"].type == "INITIATOR"


def test_a_port_may_have_a_clock_for_each_direction():
    two = shape(PS, PSU__USE__S_AXI_GP2=1, PSU__USE_DIFF_RW_CLK_GP2=1).ports
    assert "saxihp0_fpd_aclk" not in two and {"saxihp0_fpd_rclk", "saxihp0_fpd_wclk"} <= set(two)


def test_zynq_7000_ports_follow_their_switches():
    ps = shape(PS7, PCW_USE_S_AXI_HP0=1, PCW_FPGA_FCLK1_ENABLE=1, PCW_DDR_RAM_HIGHADDR="0x3FFFFFFF")
    assert list(ps.interfaces) == ["M_AXI_GP0", "S_AXI_HP0", "DDR", "FIXED_IO", "S_AXI_HP0_FIFO_CTRL"]
    assert {"FCLK_CLK0", "FCLK_CLK1", "FCLK_RESET0_N", "S_AXI_HP0_ACLK"} <= set(ps.ports)
    assert ps.segments["S_AXI_HP0/HP0_DDR_LOWOCM"].size == 2**30
    assert ps.interfaces["S_AXI_HP0"].data_bits == 64 and ps.interfaces["M_AXI_GP0"].protocol == "AXI3"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PCW_FPGA0_PERIPHERAL_FREQMHZ": 50}, ("8", "4")),
        ({"PCW_FPGA0_PERIPHERAL_FREQMHZ": 100, "PCW_CRYSTAL_PERIPHERAL_FREQMHZ": 50}, ("5", "2")),
        ({"PCW_FPGA0_PERIPHERAL_FREQMHZ": 142, "PCW_CRYSTAL_PERIPHERAL_FREQMHZ": 50}, ("7", "1")),
        ({"PCW_FPGA_FCLK0_ENABLE": 0}, ("1", "1")),
    ],
)
def test_zynq_7000_clocks_are_divided_as_vivado_does(changes, expected):
    """Expected: FCLK_CLK0 to 3 of public designs that Vivado 2018.3 to 2023.2 wrote."""
    values = PS7.values({name: str(value) for name, value in changes.items()})
    assert tuple(values[f"PCW_FCLK0_PERIPHERAL_DIVISOR{n}"] for n in "01") == expected
