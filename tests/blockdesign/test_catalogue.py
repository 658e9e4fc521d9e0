"""The IP catalogue: every file is sound, and pins follow parameters."""

import doctest

import pytest

from mlfpga.blockdesign import axi, clocks, design, expressions, settings
from mlfpga.blockdesign.catalogue import CatalogueError, load_catalogue
from mlfpga.blockdesign.commands import filters, options
from mlfpga.blockdesign.expressions import ExpressionError, evaluate

CATALOGUE = load_catalogue()
DMA = CATALOGUE["xilinx.com:ip:axi_dma:7.1"]
PS = CATALOGUE["xilinx.com:ip:zynq_ultra_ps_e:3.5"]
SMARTCONNECT = CATALOGUE["xilinx.com:ip:smartconnect:1.0"]


def shape(ip, **changes):
    return ip.shape(ip.values({name: str(value) for name, value in changes.items()}))


@pytest.mark.parametrize("module", [axi, clocks, design, expressions, filters, options, settings])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("vlnv", CATALOGUE)
def test_every_entry_can_be_evaluated(vlnv):
    ip = CATALOGUE[vlnv]
    for name, rules in ip.parameters.items():
        ip.check_parameter(name, rules["default"])
    default = shape(ip)
    assert default.ports
    clocks_there = {port.name for port in default.ports.values() if port.kind == "clk"}
    assert all(interface.clock in clocks_there for interface in default.interfaces.values())
    assert default.spaces is not None and default.segments is not None and default.registers is not None


def test_scatter_gather_brings_its_port_and_its_registers():
    with_sg, without = shape(DMA, c_include_sg=1), shape(DMA, c_include_sg=0)
    assert set(with_sg.interfaces) - set(without.interfaces) == {"M_AXI_SG"}
    assert set(with_sg.ports) - set(without.ports) == {"m_axi_sg_aclk"}
    enabled = [{r.name for r in s.registers["S_AXI_LITE"] if r.enabled} for s in (with_sg, without)]
    assert "MM2S_CURDESC" in enabled[0] and "MM2S_SA" not in enabled[0]
    assert "MM2S_CURDESC" not in enabled[1] and "MM2S_SA" in enabled[1]


def test_a_channel_that_is_off_takes_its_pins_away():
    only_s2mm = shape(DMA, c_include_sg=0, c_include_mm2s=0)
    assert set(only_s2mm.interfaces) == {"S_AXI_LITE", "M_AXI_S2MM", "S_AXIS_S2MM"}
    assert set(only_s2mm.spaces) == {"Data_S2MM"}


def test_registers_stand_where_pg021_says():
    offsets = {register.name: int(register.offset, 16) for register in shape(DMA).registers["S_AXI_LITE"]}
    assert offsets["MM2S_DMACR"] == 0x00 and offsets["MM2S_DMASR"] == 0x04
    assert offsets["MM2S_SA"] == 0x18 and offsets["MM2S_SA_MSB"] == 0x1C and offsets["MM2S_LENGTH"] == 0x28
    assert offsets["S2MM_DMACR"] == 0x30 and offsets["S2MM_DMASR"] == 0x34
    assert offsets["S2MM_DA"] == 0x48 and offsets["S2MM_DA_MSB"] == 0x4C and offsets["S2MM_LENGTH"] == 0x58


def test_fields_of_a_register_do_not_overlap():
    for register in shape(DMA).registers["S_AXI_LITE"]:
        bits = [bit for _, first, count, *_ in register.fields for bit in range(first, first + count)]
        assert len(bits) == len(set(bits)) and max(bits) < 32, register.name


def test_smartconnect_grows_with_its_parameters():
    assert list(shape(SMARTCONNECT, NUM_SI=2, NUM_MI=3).interfaces) == [
        "S00_AXI",
        "S01_AXI",
        "M00_AXI",
        "M01_AXI",
        "M02_AXI",
    ]
    assert list(shape(SMARTCONNECT, NUM_CLKS=3).ports) == ["aclk", "aclk1", "aclk2", "aresetn"]


def test_ps_ports_follow_their_switches():
    ps = shape(PS, PSU__USE__M_AXI_GP0=0, PSU__USE__M_AXI_GP1=0, PSU__USE__M_AXI_GP2=1, PSU__USE__S_AXI_GP3=1)
    assert list(ps.interfaces) == ["M_AXI_HPM0_LPD", "S_AXI_HP1_FPD"]
    assert ps.interfaces["S_AXI_HP1_FPD"].prefix == "saxigp3_"
    assert [path for path in ps.segments] == ["SAXIGP3/HP1_DDR_LOW", "SAXIGP3/HP1_LPS_OCM"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("c_inclde_sg", "0", 'axi_dma has no parameter "c_inclde_sg"; did you mean c_include_sg?'),
        ("c_include_sg", "2", "axi_dma: c_include_sg cannot be 2; choose 0, 1"),
        ("c_sg_length_width", "27", "axi_dma: c_sg_length_width cannot be 27; choose 8 to 26"),
        ("C_INCLUDE_SG", "0", "axi_dma works out C_INCLUDE_SG itself; it cannot be set"),
    ],
)
def test_wrong_parameters_are_refused(name, value, message):
    with pytest.raises(CatalogueError) as caught:
        DMA.check_parameter(name, value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("megahertz", "source", "expected"),
    [
        (100, "IOPLL", (15, 1, "99.999985")),
        (250, "IOPLL", (6, 1, "249.999954")),
        (200, "IOPLL", (8, 1, "187.499969")),
        (300, "IOPLL", (5, 1, "299.999939")),
        (50, "IOPLL", (30, 1, "49.999992")),
        (533.333, "RPLL", (2, 1, "524.999939")),
    ],
)
def test_clocks_are_those_that_vivado_computes(megahertz, source, expected):
    """Expected: dividers and frequencies of other clocks from the same PLLs, in a .hwh that Vivado 2024.1 wrote."""
    assert (
        clocks.pl_divisor0(megahertz, source),
        clocks.pl_divisor1(megahertz, source),
        clocks.pl_megahertz(megahertz, source),
    ) == expected


def test_a_slow_clock_uses_both_dividers():
    first, second = clocks.pl_divisors(1, "IOPLL")
    assert 1500 / (first * second) <= 1 < 1500 / (first * second - 1) * 1.01


@pytest.mark.parametrize("megahertz", [0, -1, 1501, 0.1])
def test_a_clock_that_cannot_be_made_is_refused(megahertz):
    with pytest.raises(ValueError, match="is out of range"):
        clocks.pl_divisors(megahertz, "IOPLL")


@pytest.mark.parametrize(
    "text", ["__import__('os')", "a.b", "[1]", "lambda: 1", "f'{a}'", "open('x')", "a[0]", "unknown", "1 +"]
)
def test_an_expression_cannot_run_code(text):
    with pytest.raises(ExpressionError):
        evaluate(text, {"a": "1"})


def test_expressions_compute():
    values = {"width": "64", "on": "0x1", "name": "IOPLL"}
    assert evaluate("width // 8 if on and name == 'IOPLL' else 0", values) == 8
    assert evaluate("not on or width > 32", values) is True
    assert evaluate(5, values) == 5
