"""The handoff: sound by itself, and like the ones that Vivado 2024.1 wrote for the same kind of design.

The real files are not in the repository. They are looked for in the folder that MLFPGA_SHARED names, or in ../shared
beside the checkout.
"""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlfpga.blockdesign.hwh import STAMP

VIVADO = Path(__file__).parents[2] / "vivado"

SHARED = Path(os.environ.get("MLFPGA_SHARED", VIVADO.parents[1] / "shared"))
REFERENCES = [
    SHARED / "reference" / "hwh" / name for name in ("aupzu3_ictp_gn_vivado2024.1.hwh", "aupzu3_ictp_mnist.hwh")
]
# In the real designs the accelerators have other names for the same interfaces, and 32 bits to memory behind S2MM.
RENAMED = {"s_axi_CTRL": "s_axi_control", "s_axis_in": "s_axis", "s_axis_out": "m_axis"}


@pytest.fixture(scope="module")
def ours(design, tmp_path_factory):
    path = design.write_hwh(tmp_path_factory.mktemp("hwh") / "overlay.hwh")
    return ElementTree.parse(path).getroot()


@pytest.fixture(scope="module", params=REFERENCES, ids=lambda path: path.stem)
def real(request):
    if not request.param.is_file():
        pytest.skip(f"no real handoff at {request.param}; set MLFPGA_SHARED to the folder with reference/hwh")
    return ElementTree.parse(request.param).getroot()


# They depend on what is behind the port: one of the two real designs has the user signals and the other has not, and
# the older interconnect of both passes IDs on, which SmartConnect does not.
SIDEBAND = {"maxigp2_awuser", "maxigp2_aruser"} | {f"saxigp2_{channel}id" for channel in ("ar", "aw", "b", "r")}


def module(root, kind):
    """The module of a type; "accelerator" is the one from Vitis HLS."""
    for item in root.find("MODULES"):
        if item.get("MODTYPE") == kind or (kind == "accelerator" and ":hls:" in item.get("VLNV")):
            return item
    raise KeyError(kind)


def named(parent):
    return {item.get("NAME"): item for item in parent}


def renamed(name):
    for old, new in RENAMED.items():
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def values(parent, tag="PARAMETER"):
    return {item.get("NAME"): item.get("VALUE") for item in parent.findall(tag)}


KINDS = ["axi_dma", "zynq_ultra_ps_e", "proc_sys_reset", "accelerator"]


@pytest.mark.parametrize("kind", KINDS)
def test_modules_have_the_attributes_and_parts_that_vivado_writes(real, ours, kind):
    theirs, mine = module(real, kind), module(ours, kind)
    assert set(theirs.attrib) == set(mine.attrib)
    for name in ("HWVERSION", "IPTYPE", "IS_ENABLE", "MODCLASS", "COREREVISION"):
        if kind != "accelerator":
            assert theirs.get(name) == mine.get(name), name
    parts = [item.tag for item in mine]
    real_parts = list(dict.fromkeys(item.tag for item in theirs))
    # One real design lets the DMA reach a segment of the PS that has registers of its own.
    assert parts == [tag for tag in real_parts if tag in parts]
    assert set(real_parts) - set(parts) <= {"ADDRESSBLOCKS"}


@pytest.mark.parametrize("kind", KINDS)
def test_pins_have_the_names_directions_kinds_and_widths_of_the_real_ones(real, ours, kind):
    theirs = {renamed(name): port for name, port in named(module(real, kind).find("PORTS")).items()}
    mine = named(module(ours, kind).find("PORTS"))
    assert set(theirs) - SIDEBAND == set(mine) - SIDEBAND
    for name, port in theirs.items():
        if name not in mine:
            continue
        facts = ("DIR", "SIGIS", "LEFT", "RIGHT", "POLARITY", "SENSITIVITY", "CLKFREQUENCY")
        expected = {fact: port.get(fact) for fact in facts}
        if name in ("m_axi_s2mm_wdata", "m_axi_s2mm_wstrb"):
            expected["LEFT"] = {"31": "63", "3": "7"}[expected["LEFT"]]
        assert {fact: mine[name].get(fact) for fact in facts} == expected, name


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_of_the_ips_are_the_real_ones(real, ours, kind):
    theirs, mine = (values(module(root, kind).find("PARAMETERS")) for root in (real, ours))
    theirs = {name.replace("_CTRL_", "_CONTROL_") if kind == "accelerator" else name: v for name, v in theirs.items()}
    if kind == "zynq_ultra_ps_e":
        # Of the 1,730 parameters of the PS only those that an overlay needs are told; and the script does not configure
        # peripherals that the boot image has configured long before.
        assert set(mine) <= set(theirs)
        matters = re.compile(r"C_|PSU__(USE_|FPGA_PL|PSS_REF|CRL_APB__PL|MAXIGP|SAXIGP|NUM_|DDRC|HIGH)|PSU_DDR")
        mine = {name: value for name, value in mine.items() if matters.match(name)}
    else:
        assert set(mine) == set(theirs)
    differing = {name for name in mine if mine[name] != theirs[name]} - {"Component_Name"}
    expected = {
        "axi_dma": {"c_m_axi_s2mm_data_width", "C_M_AXI_S2MM_DATA_WIDTH"},
        "accelerator": {"II", "latency"},
    }
    assert differing == expected.get(kind, set())


def test_what_pynq_reads_of_the_ps_is_there(real, ours):
    theirs, mine = (values(module(root, "zynq_ultra_ps_e").find("PARAMETERS")) for root in (real, ours))
    read = [f"C_MAXIGP{n}_DATA_WIDTH" for n in range(3)] + [f"C_SAXIGP{n}_DATA_WIDTH" for n in range(7)]
    for n in range(4):
        clock = f"PSU__CRL_APB__PL{n}_REF_CTRL__"
        read += [clock + name for name in ("DIVISOR0", "DIVISOR1", "ACT_FREQMHZ", "SRCSEL")]
        read.append(f"PSU__FPGA_PL{n}_ENABLE")
    assert {name: mine[name] for name in read} == {name: theirs[name] for name in read}


def registers(item):
    """Everything but the descriptions, which are in our own words."""

    def facts(element):
        return {name: value for name, value in values(element, "PROPERTY").items() if name != "DESCRIPTION"}

    return [
        (register.get("NAME"), facts(register), [(f.get("NAME"), facts(f)) for f in register.iter("FIELD")])
        for register in item.iter("REGISTER")
    ]


@pytest.mark.parametrize("kind", ["axi_dma", "accelerator"])
def test_registers_and_their_fields_are_the_real_ones(real, ours, kind):
    assert registers(module(ours, kind)) == registers(module(real, kind))
    blocks = [next(module(root, kind).iter("ADDRESSBLOCK")).attrib for root in (real, ours)]
    assert blocks[0] | {"INTERFACE": renamed(blocks[0]["INTERFACE"])} == blocks[1]


@pytest.mark.parametrize("kind", KINDS)
def test_bus_interfaces_and_their_signals_are_the_real_ones(real, ours, kind):
    theirs = {renamed(name): item for name, item in named(module(real, kind).find("BUSINTERFACES")).items()}
    mine = named(module(ours, kind).find("BUSINTERFACES"))
    assert set(mine) == set(theirs)
    for name, item in theirs.items():
        assert [mine[name].get(fact) for fact in ("TYPE", "VLNV")] == [item.get(fact) for fact in ("TYPE", "VLNV")]
        pairs = [
            {
                (pair.get("LOGICAL"), renamed(pair.get("PHYSICAL")))
                for pair in each.iter("PORTMAP")
                if pair.get("PHYSICAL") not in SIDEBAND
            }
            for each in (item, mine[name])
        ]
        assert pairs[0] == pairs[1], name
        # What the tools derive from the neighbours (burst lengths, sideband widths) is not modelled.
        said = values(mine[name])
        assert set(values(item)) - {"HAS_BURST"} == set(said) - {"HAS_BURST"}
        for fact in (
            "PROTOCOL",
            "READ_WRITE_MODE",
            "FREQ_HZ",
            "ADDR_WIDTH",
            "ID_WIDTH",
            "TDATA_NUM_BYTES",
            "HAS_TLAST",
            "HAS_TSTRB",
        ):
            assert said.get(fact) == values(item).get(fact), (name, fact)


@pytest.mark.parametrize("kind", ["axi_dma", "zynq_ultra_ps_e"])
def test_the_memory_map_is_the_real_one(real, ours, kind):
    def rows(root):
        own = {module(root, "zynq_ultra_ps_e").get("INSTANCE"): "ps", module(root, "axi_dma").get("INSTANCE"): "dma"}
        return [
            {
                name: own.get(value, "accelerator")
                if name == "INSTANCE"
                else renamed(value).replace("_CTRL_", "_CONTROL_")
                for name, value in row.attrib.items()
            }
            for row in module(root, kind).iter("MEMRANGE")
        ]

    theirs = [row for row in rows(real) if row["ADDRESSBLOCK"] != "HP0_LPS_OCM"]
    assert rows(ours) == theirs


def connections(root):
    return {
        ((item.get("INSTANCE"), port.get("NAME")), (end.get("INSTANCE"), end.get("PORT")))
        for item in root.iter("MODULE")
        for port in item.iter("PORT")
        for end in port.iter("CONNECTION")
    }


def test_every_connection_ends_at_a_pin_that_exists_and_knows_it(ours):
    pins = {(item.get("INSTANCE"), port.get("NAME")) for item in ours.iter("MODULE") for port in item.iter("PORT")}
    assert all(start in pins and end in pins for start, end in connections(ours))
    assert {(end, start) for start, end in connections(ours)} == connections(ours)


def test_both_ends_of_a_connection_have_the_same_name_for_the_wire(ours):
    names = {
        (item.get("INSTANCE"), port.get("NAME")): port.get("SIGNAME")
        for item in ours.iter("MODULE")
        for port in item.iter("PORT")
    }
    assert all(names[start] == names[end] is not None for start, end in connections(ours))


def misnamed_wires(root):
    """Wires of bus interfaces that are not named after the end whose cell comes first in the alphabet."""
    wrong = []
    for item in root.iter("MODULE"):
        on_bus = {pair.get("PHYSICAL") for pair in item.iter("PORTMAP")}
        for port in item.iter("PORT"):
            ends = [(end.get("INSTANCE"), end.get("PORT")) for end in port.iter("CONNECTION")]
            if port.get("NAME") in on_bus and ends:
                first = min([*ends, (item.get("INSTANCE"), port.get("NAME"))])
                if port.get("SIGNAME") != "_".join(first):
                    wrong.append((first, port.get("SIGNAME")))
    return wrong


def test_wires_are_named_by_the_rule_of_the_real_ones(real, ours):
    assert misnamed_wires(real) == []
    assert misnamed_wires(ours) == []


def test_the_handoff_says_what_it_is_and_for_which_part(ours):
    assert ours.get("ORIGIN") == STAMP
    assert ours.get("VIVADOVERSION") == "dry run"
    assert ours.find("SYSTEMINFO").attrib == {
        "ARCH": "zynquplus",
        "DEVICE": "xczu3eg",
        "NAME": "accelerator_system",
        "PACKAGE": "sfvc784",
        "SPEEDGRADE": "-2",
    }


def test_the_same_design_gives_the_same_bytes(run, tmp_path):
    first, second = (run().write_hwh(tmp_path / name) for name in ("a.hwh", "b.hwh"))
    assert first.read_bytes() == second.read_bytes()
    assert run(clock_mhz=150).write_hwh(second).read_bytes() != first.read_bytes()


def test_a_64_bit_stream_is_wider_in_the_handoff(run, tmp_path):
    root = ElementTree.parse(run(bits_in=64).write_hwh(tmp_path / "wide.hwh")).getroot()
    ports = named(module(root, "accelerator").find("PORTS"))
    assert (ports["s_axis_TDATA"].get("LEFT"), ports["s_axis_TKEEP"].get("LEFT")) == ("63", "7")
    assert (ports["m_axis_TDATA"].get("LEFT"), ports["m_axis_TKEEP"].get("LEFT")) == ("31", "3")


def test_smartconnect_is_described_as_vivado_2024_2_describes_it(ours):
    """The facts are those of a real design for the AUP-ZU3 with a DMA behind two SmartConnects."""
    memory = next(item for item in ours.iter("MODULE") if item.get("INSTANCE") == "memory_smc")
    component = "accelerator_system_memory_smc_0"
    assert {name: memory.get(name) for name in ("BD", "SIM_BD", "BDTYPE", "DRIVERMODE", "MODCLASS", "IPTYPE")} == {
        "BD": component,
        "SIM_BD": component,
        "BDTYPE": "SBD",
        "DRIVERMODE": "CORE",
        "MODCLASS": "BUS",
        "IPTYPE": "BUS",
    }
    assert values(memory.find("PARAMETERS")) == {
        "ADVANCED_PROPERTIES": "0",
        "Component_Name": component,
        "EDK_IPTYPE": "BUS",
        "HAS_ARESETN": "1",
        "HAS_RESET": "1",
        "NUM_CLKS": "1",
        "NUM_MI": "1",
        "NUM_SI": "2",
        "TLM_COMPONENT_NAME": component,
    }
    ports = named(memory.find("PORTS"))
    assert ports["aclk"].get("CLKFREQUENCY") == "99999985" and ports["aresetn"].get("POLARITY") == "ACTIVE_LOW"
    assert [ports["M00_AXI_arlock"].get(side) for side in ("LEFT", "RIGHT")] == ["0", "0"]
    assert [name for name in ports if re.search(r"id$|user$|region$", name) and not name.endswith("valid")] == []
    assert (ports["M00_AXI_araddr"].get("LEFT"), ports["S00_AXI_araddr"].get("LEFT")) == ("48", "31")


@pytest.mark.parametrize(
    ("instance", "interface", "facts"),
    [
        ("memory_smc", "S00_AXI", {"READ_WRITE_MODE": "READ_ONLY", "HAS_PROT": "1", "HAS_WSTRB": "0", "ID_WIDTH": "0"}),
        ("memory_smc", "M00_AXI", {"ADDR_WIDTH": "49", "ID_WIDTH": "0", "AWUSER_WIDTH": "0", "MAX_BURST_LENGTH": "16"}),
        ("registers_smc", "S00_AXI", {"ID_WIDTH": "16", "AWUSER_WIDTH": "16", "NUM_READ_THREADS": "4"}),
        ("registers_smc", "M00_AXI", {"PROTOCOL": "AXI4LITE", "HAS_PROT": "1", "HAS_WSTRB": "1", "ADDR_WIDTH": "10"}),
    ],
)
def test_ports_of_a_smartconnect_take_on_what_is_connected_to_them(ours, instance, interface, facts):
    item = next(item for item in ours.iter("MODULE") if item.get("INSTANCE") == instance)
    told = values(named(item.find("BUSINTERFACES"))[interface])
    assert {name: told.get(name) for name in facts} == facts
    assert (told["CLK_DOMAIN"], told["FREQ_HZ"]) == ("accelerator_system_ps_0_pl_clk0", "99999985")


def test_only_signals_that_both_ends_have_are_told(ours):
    """The DMA has no TSTRB and SmartConnect no IDs: Vivado leaves them out at the other end, too."""
    assert "s_axis_TSTRB" not in named(module(ours, "accelerator").find("PORTS"))
    assert "saxigp2_awid" not in named(module(ours, "zynq_ultra_ps_e").find("PORTS"))
