"""The IP catalogue: every file is sound for any values of its parameters, and wrong names and values are refused."""

import doctest
import random
import re

import pytest

from mlfpga.blockdesign import axi, catalogue, design, expressions, mmcm, settings
from mlfpga.blockdesign.catalogue import IP, CatalogueError, load_catalogue
from mlfpga.blockdesign.commands import filters, options
from mlfpga.blockdesign.expressions import ExpressionError, evaluate

CATALOGUE = load_catalogue()
DMA = CATALOGUE["xilinx.com:ip:axi_dma:7.1"]
# How many values of how many parameters are tried for each IP; those with long families have thousands.
MOST_PARAMETERS, DRAWS = 60, 4

EVERYWHERE = "name when for from shift only "
KEYS = {
    "ports": "direction kind polarity width optional sensitivity megahertz named_by",
    "interfaces": "type bus bus_vlnv clock prefix case signals map without vectors narrower needs "
    "protocol data_bits address_bits id_bits dest_bits user_bits properties",
    "address_spaces": "interfaces bits windows",
    "segments": "interface group usage base size block parameter",
}


def shape(ip, **changes):
    return ip.shape(ip.values({name: str(value) for name, value in changes.items()}))


def ends(rules):
    """The extreme values that a parameter may have."""
    return rules.get("choices") or [str(end) for end in rules.get("range", ())]


def look_at(shape):
    """Evaluate all of a shape, and check what must hold for any parameters."""
    assert shape.ports and all(port.direction in ("I", "O", "IO") for port in shape.ports.values())
    assert all(port.width is None or port.width > 0 for port in shape.pins.values()), shape.pins
    for interface in shape.interfaces.values():
        assert interface.clock in ("", *shape.ports), interface
        assert interface.bus not in ("aximm", "axis") or shape.ports[interface.clock].kind == "clk"
        assert interface.signals != (), interface.name
        assert interface.type in ("MASTER", "SLAVE", "INITIATOR", "TARGET", "MONITOR")
    assert all(space.bits > 0 for space in shape.spaces.values())
    assert all(segment.interface in shape.interfaces for segment in shape.segments.values())
    for registers in shape.registers.values():
        for register in registers:
            assert int(register.offset, 16) % 4 == 0
    assert shape.kind.isupper()


@pytest.mark.parametrize("module", [axi, catalogue, design, expressions, filters, mmcm, options, settings])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("vlnv", CATALOGUE)
def test_every_entry_can_be_evaluated(vlnv):
    ip = CATALOGUE[vlnv]
    for name, rules in ip.parameters.items():
        if "default" in rules:
            ip.check_parameter(name, rules["default"])
    look_at(shape(ip))


@pytest.mark.parametrize("vlnv", CATALOGUE)
def test_every_entry_says_what_it_is_and_where_its_facts_come_from(vlnv):
    entry = CATALOGUE[vlnv].entry
    assert re.fullmatch(r"[A-Za-z.]+:\w+:\w+:\d+\.\d+", vlnv)
    assert entry["about"].endswith(".") and entry["document"].startswith("http")
    assert "source" in entry or "(PG" in entry["about"]


@pytest.mark.parametrize("vlnv", CATALOGUE)
def test_entries_have_no_key_that_nobody_reads(vlnv):
    for table, keys in KEYS.items():
        for item in CATALOGUE[vlnv].entry.get(table, []):
            assert set(item) <= set((EVERYWHERE + keys).split()), (table, item)


@pytest.mark.parametrize("vlnv", CATALOGUE)
def test_every_entry_can_be_evaluated_at_the_ends_of_each_parameter(vlnv):
    ip, pick = CATALOGUE[vlnv], random.Random(vlnv)
    # What is not said by choices or a range (frequencies, remappings) has no ends that the catalogue knows.
    names = [name for name, rules in ip.parameters.items() if ends(rules)]
    for name in pick.sample(names, min(len(names), MOST_PARAMETERS)):
        for value in (ends(ip.parameters[name])[0], ends(ip.parameters[name])[-1]):
            ip.check_parameter(name, value)
            if not ip.name.startswith(("zynq", "processing")):
                look_at(shape(ip, **{name: value}))


@pytest.mark.parametrize("vlnv", [vlnv for vlnv, ip in CATALOGUE.items() if not ip.name.startswith(("zynq", "proce"))])
def test_every_entry_can_be_evaluated_for_random_parameters(vlnv):
    ip, pick = CATALOGUE[vlnv], random.Random(vlnv)
    for _ in range(DRAWS):
        drawn = {name: pick.choice(ends(rules)) for name, rules in ip.parameters.items() if ends(rules)}
        try:
            look_at(shape(ip, **drawn))
        except ValueError as error:
            # A clock out of range is an error of the design, not of the catalogue.
            assert "clock" in str(error)


def test_fields_of_a_register_do_not_overlap():
    for ip in CATALOGUE.values():
        for registers in shape(ip).registers.values():
            for register in registers:
                bits = [bit for _, first, count, *_ in register.fields for bit in range(first, first + count)]
                assert len(bits) == len(set(bits)) and max(bits, default=0) < 32, (ip.name, register.name)


def test_all_versions_of_an_ip_are_there_with_what_each_has():
    older, newer = (CATALOGUE[f"xilinx.com:ip:axis_data_fifo:{version}"] for version in ("1.1", "2.0"))
    assert "axis_data_count" in shape(older).ports and "axis_data_count" not in shape(newer).ports
    assert "HAS_PROG_FULL" in newer.parameters and "HAS_PROG_FULL" not in older.parameters


def test_the_revision_is_that_of_the_release():
    ip = IP({"vlnv": "a:b:c:1.0", "class": "BUS", "versions": {"1.0": {"2020.1": 3, "2020.2.2": 5, "2022.1": 7}}})
    assert [ip.revision(release) for release in ("2020.1", "2020.2", "2021.1", "2025.2")] == [3, 3, 5, 7]
    assert ip.revision("2018.3") == 3 and ip.revision() == 7
    assert IP({"vlnv": "a:b:c:1.0", "class": "BUS", "revision": 4}).revision("2024.1") == 4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("c_inclde_sg", "0", 'axi_dma has no parameter "c_inclde_sg"; did you mean c_include_sg?'),
        ("c_include_sg", "2", "axi_dma: c_include_sg cannot be 2; choose 0, 1"),
        ("c_sg_length_width", "27", "axi_dma: c_sg_length_width cannot be 27; choose 8 to 26"),
        ("c_sg_length_width", "ten", "axi_dma: c_sg_length_width cannot be ten; choose 8 to 26"),
        ("C_INCLUDE_SG", "0", "axi_dma works out C_INCLUDE_SG itself; it cannot be set"),
    ],
)
def test_wrong_parameters_are_refused(name, value, message):
    with pytest.raises(CatalogueError) as caught:
        DMA.check_parameter(name, value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("vlnv", "name", "value", "message"),
    [
        ("axi_gpio:2.0", "C_GPIO_WIDTH", "33", "axi_gpio: C_GPIO_WIDTH cannot be 33; choose 1 to 32"),
        ("axis_data_fifo:2.0", "FIFO_MODE", "3", "axis_data_fifo: FIFO_MODE cannot be 3; choose 1, 2"),
        ("xlconcat:2.1", "NUM_PORTS", "129", "xlconcat: NUM_PORTS cannot be 129; choose 1 to 128"),
        ("clk_wiz:6.0", "USE_RESET", "maybe", "clk_wiz: USE_RESET cannot be maybe; choose false, true"),
        ("smartconnect:1.0", "NUM_SI", "0", "smartconnect: NUM_SI cannot be 0; choose 1 to 64"),
    ],
)
def test_values_that_an_ip_cannot_take_are_refused(vlnv, name, value, message):
    with pytest.raises(CatalogueError) as caught:
        CATALOGUE[f"xilinx.com:ip:{vlnv}"].check_parameter(name, value)
    assert str(caught.value) == message


def test_a_switch_may_be_written_in_any_way():
    wizard = CATALOGUE["xilinx.com:ip:clk_wiz:6.0"]
    for written in ("true", "TRUE", "1"):
        wizard.check_parameter("USE_RESET", written)
        assert wizard.written("USE_RESET", written) == "true"
    assert DMA.written("c_include_sg", "false") == "0"


def test_a_parameter_may_be_derived_from_others_until_it_is_set():
    assert DMA.values({})["c_m_axi_mm2s_data_width"] == "32"
    assert DMA.values({"c_m_axis_mm2s_tdata_width": "128"})["c_m_axi_mm2s_data_width"] == "128"
    set_by_hand = {"c_m_axis_mm2s_tdata_width": "128", "c_m_axi_mm2s_data_width": "256"}
    assert DMA.values(set_by_hand)["c_m_axi_mm2s_data_width"] == "256"


@pytest.mark.parametrize(
    "text", ["__import__('os')", "a.b", "[1]", "lambda: 1", "f'{a}'", "open('x')", "a[0]", "unknown", "1 +"]
)
def test_an_expression_cannot_run_code(text):
    with pytest.raises(ExpressionError):
        evaluate(text, {"a": "1"})


def test_expressions_compute():
    values = {"width": "64", "on": "0x1", "name": "IOPLL", "IN0_W": "3", "IN1_W": "4", "off": "false"}
    assert evaluate("width // 8 if on and name == 'IOPLL' else 0", values) == 8
    assert evaluate("not on or width > 32", values) is True
    assert evaluate("total('IN{}_W', 2) + log2(width)", values) == 13
    assert evaluate("name in ('RPLL', 'IOPLL') and not off", values) is True
    assert evaluate(5, values) == 5
