"""Comparing two handoffs: every fact that differs is told, and nothing else is. The sample is written by hand."""

import re

import pytest

from mlfpga.blockdesign import compare
from mlfpga.blockdesign.fidelity import facts

SAMPLE = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<EDKSYSTEM EDWVERSION="1.2" TIMESTAMP="Mon Jan  1 00:00:00 2024" VIVADOVERSION="2024.1">
  <SYSTEMINFO ARCH="zynquplus" DEVICE="xczu3eg" NAME="small" PACKAGE="sfvc784" SPEEDGRADE="-2"/>
  <EXTERNALPORTS>
    <PORT DIR="I" NAME="button" SIGIS="undef" SIGNAME="External_Ports_button">
      <CONNECTIONS><CONNECTION INSTANCE="group_gate" PORT="a"/></CONNECTIONS>
    </PORT>
    <PORT DIR="O" NAME="leds_tri_o" SIGIS="undef"/>
  </EXTERNALPORTS>
  <EXTERNALINTERFACES>
    <BUSINTERFACE BUSNAME="gpio_GPIO" NAME="leds" TYPE="INITIATOR">
      <PORTMAPS><PORTMAP LOGICAL="TRI_O" PHYSICAL="leds_tri_o"/></PORTMAPS>
    </BUSINTERFACE>
  </EXTERNALINTERFACES>
  <MODULES>
    <MODULE FULLNAME="/gpio" INSTANCE="gpio" MODTYPE="axi_gpio" VLNV="xilinx.com:ip:axi_gpio:2.0">
      <PARAMETERS><PARAMETER NAME="C_GPIO_WIDTH" VALUE="4"/></PARAMETERS>
      <PORTS>
        <PORT DIR="I" NAME="s_axi_aclk" SIGIS="clk" SIGNAME="ps_pl_clk0">
          <CONNECTIONS><CONNECTION INSTANCE="ps" PORT="pl_clk0"/></CONNECTIONS>
        </PORT>
        <PORT DIR="I" NAME="s_axi_awvalid" SIGIS="undef" SIGNAME="gpio_s_axi_awvalid">
          <CONNECTIONS><CONNECTION INSTANCE="ps" PORT="maxigp0_awvalid"/></CONNECTIONS>
        </PORT>
        <PORT DIR="O" NAME="spare" SIGIS="undef"/>
      </PORTS>
      <BUSINTERFACES>
        <BUSINTERFACE BUSNAME="ps_M_AXI" NAME="S_AXI" TYPE="SLAVE" VLNV="xilinx.com:interface:aximm:1.0">
          <PORTMAPS><PORTMAP LOGICAL="AWVALID" PHYSICAL="s_axi_awvalid"/></PORTMAPS>
        </BUSINTERFACE>
        <BUSINTERFACE BUSNAME="gpio_GPIO" NAME="GPIO" TYPE="INITIATOR" VLNV="xilinx.com:interface:gpio:1.0"/>
        <BUSINTERFACE BUSNAME="__NOC__" NAME="GPIO2" TYPE="INITIATOR" VLNV="xilinx.com:interface:gpio:1.0"/>
      </BUSINTERFACES>
    </MODULE>
    <MODULE FULLNAME="/group/gate" INSTANCE="group_gate" MODTYPE="xlconcat" VLNV="xilinx.com:ip:xlconcat:2.1">
      <PARAMETERS><PARAMETER NAME="NUM_PORTS" VALUE="2"/></PARAMETERS>
      <PORTS>
        <PORT DIR="I" NAME="a" SIGIS="undef" SIGNAME="External_Ports_button">
          <CONNECTIONS><CONNECTION INSTANCE="External_Ports" PORT="button"/></CONNECTIONS>
        </PORT>
      </PORTS>
      <BUSINTERFACES/>
    </MODULE>
    <MODULE FULLNAME="/ps" INSTANCE="ps" MODTYPE="zynq_ultra_ps_e" VLNV="xilinx.com:ip:zynq_ultra_ps_e:3.5">
      <PARAMETERS>
        <PARAMETER NAME="PSU__FPGA_PL0_ENABLE" VALUE="1"/>
        <PARAMETER NAME="PSU__UART1__BAUD_RATE" VALUE="115200"/>
      </PARAMETERS>
      <PORTS>
        <PORT DIR="O" NAME="pl_clk0" SIGIS="clk" SIGNAME="ps_pl_clk0">
          <CONNECTIONS><CONNECTION INSTANCE="gpio" PORT="s_axi_aclk"/></CONNECTIONS>
        </PORT>
      </PORTS>
      <BUSINTERFACES>
        <BUSINTERFACE BUSNAME="ps_M_AXI" NAME="M_AXI" TYPE="MASTER" VLNV="xilinx.com:interface:aximm:1.0"/>
      </BUSINTERFACES>
      <MEMORYMAP>
        <MEMRANGE BASEVALUE="0xA0000000" HIGHVALUE="0xA000FFFF" INSTANCE="gpio" MASTERBUSINTERFACE="M_AXI"
                  MEMTYPE="REGISTER" SLAVEBUSINTERFACE="S_AXI"/>
      </MEMORYMAP>
    </MODULE>
  </MODULES>
</EDKSYSTEM>
"""


@pytest.fixture
def compared(tmp_path):
    """compared(old, new) -> the comparison of the sample with `old` replaced by `new` and of the sample itself."""

    def work(old="", new=""):
        assert not old or SAMPLE.count(old) == 1, f"{old!r} occurs {SAMPLE.count(old)} times in the sample"
        for name, text in (("ours.hwh", SAMPLE.replace(old, new) if old else SAMPLE), ("theirs.hwh", SAMPLE)):
            (tmp_path / name).write_text(text, encoding="utf-8")
        return compare(tmp_path / "ours.hwh", tmp_path / "theirs.hwh")

    return work


def test_a_handoff_agrees_with_itself(compared):
    agreement = compared()
    assert agreement.complete
    assert str(agreement) == (
        "modules 3/3, bus interfaces 4/4, clock and reset pins 2/2, connections 1/1, external ports 2/2, "
        "address ranges 1/1, parameters 2/2"
    )


def test_facts_are_told_in_plain_tuples(tmp_path):
    (tmp_path / "sample.hwh").write_text(SAMPLE, encoding="utf-8-sig")
    told = facts(tmp_path / "sample.hwh")
    assert ("group/gate", "xilinx.com:ip:xlconcat:2.1") in told["modules"]
    assert ("gpio", "GPIO2", "INITIATOR", "xilinx.com:interface:gpio:1.0", ()) in told["bus interfaces"]
    assert told["address ranges"] == {("ps", "M_AXI", "gpio", "S_AXI", 0xA0000000, 0xA000FFFF, "REGISTER")}
    assert told["connections"] == {("group/gate", "a", "I", (("External_Ports", "button"),))}
    assert told["external ports"] == {
        ("button", "I", (("group_gate", "a"),)),
        ("leds", "INITIATOR", None, ("gpio/GPIO",)),
    }


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("axi_gpio:2.0", "axi_gpio:2.1", {"modules"}),
        ('"/group/gate"', '"/gate"', {"modules", "connections", "parameters"}),
        ('NAME="M_AXI" TYPE="MASTER"', 'NAME="M_AXI" TYPE="INITIATOR"', {"bus interfaces"}),
        ('BUSNAME="ps_M_AXI" NAME="S_AXI"', 'BUSNAME="__NOC__" NAME="S_AXI"', {"bus interfaces", "connections"}),
        ('NAME="GPIO2" TYPE="INITIATOR"', 'NAME="GPIO2" TYPE="TARGET"', {"bus interfaces"}),
        ('BUSNAME="gpio_GPIO" NAME="leds"', 'BUSNAME="__NOC__" NAME="leds"', {"bus interfaces", "external ports"}),
        ('<CONNECTION INSTANCE="ps" PORT="pl_clk0"/>', "", {"clock and reset pins"}),
        ('NAME="pl_clk0" SIGIS="clk"', 'NAME="pl_clk0" SIGIS="rst"', {"clock and reset pins"}),
        ('<CONNECTION INSTANCE="External_Ports" PORT="button"/>', "", {"connections"}),
        ('DIR="I" NAME="button"', 'DIR="O" NAME="button"', {"external ports"}),
        ("0xA000FFFF", "0xA000FFFE", {"address ranges"}),
        ('MEMTYPE="REGISTER"', 'MEMTYPE="MEMORY"', {"address ranges"}),
        ('PL0_ENABLE" VALUE="1"', 'PL0_ENABLE" VALUE="0"', {"parameters"}),
        ('"NUM_PORTS" VALUE="2"', '"NUM_PORTS" VALUE="3"', {"parameters"}),
    ],
)
def test_whatever_differs_is_told(compared, old, new, kinds):
    agreement = compared(old, new)
    assert {kind for kind, part in agreement.items() if not part.complete} == kinds
    assert not agreement.complete


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Jan  1 00:00:00 2024", "Feb  2 00:00:00 2025"),
        ('"gpio_s_axi_awvalid"', '"another_name_of_the_wire"'),
        ('<PORT DIR="O" NAME="spare" SIGIS="undef"/>', ""),
        ('VALUE="115200"', 'VALUE="9600"'),
        ("0xA0000000", "0xa0000000"),
        ('<CONNECTION INSTANCE="ps" PORT="maxigp0_awvalid"/>', ""),
    ],
)
def test_what_nothing_depends_on_is_not_compared(compared, old, new):
    assert compared(old, new).complete


def test_the_name_of_the_design_does_not_matter(tmp_path):
    clock = '<CONNECTION INSTANCE="ps" PORT="pl_clk0"/>'
    texts = [SAMPLE.replace(clock, f'<CONNECTION INSTANCE="{name}_imp" PORT="clk_p"/>') for name in ("a", "b")]
    texts.append(texts[0].replace('INSTANCE="gpio" MODTYPE', 'INSTANCE="a_imp" MODTYPE'))
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.hwh").write_text(text, encoding="utf-8")
    assert compare(tmp_path / "0.hwh", tmp_path / "1.hwh").complete
    assert not compare(tmp_path / "2.hwh", tmp_path / "1.hwh")["clock and reset pins"].complete


def test_the_order_of_modules_does_not_matter(tmp_path):
    modules = re.findall(r"    <MODULE .*?</MODULE>\n", SAMPLE, re.DOTALL)
    turned = SAMPLE.replace("".join(modules), "".join(reversed(modules)))
    assert turned != SAMPLE
    for name, text in (("ours.hwh", turned), ("theirs.hwh", SAMPLE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert compare(tmp_path / "ours.hwh", tmp_path / "theirs.hwh").complete


def test_missing_and_extra_say_how_a_fact_differs(compared):
    ranges = compared("0xA000FFFF", "0xA0001FFF")["address ranges"]
    assert (ranges.same, ranges.total, str(ranges)) == (0, 1, "0/1 and 1 too many")
    assert [fact[5] for fact in ranges.missing] == [0xA000FFFF]
    assert [fact[5] for fact in ranges.extra] == [0xA0001FFF]


def test_what_is_missing_altogether_is_missing_only(compared):
    agreement = compared('<PARAMETER NAME="PSU__FPGA_PL0_ENABLE" VALUE="1"/>', "")
    assert str(agreement["parameters"]) == "1/2"
    assert agreement["parameters"].missing == (("ps", "PSU__FPGA_PL0_ENABLE", "1"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SAMPLE[:1500].encode(), "sample.hwh is not a whole hardware handoff: "),
        (b"", "sample.hwh is not a whole hardware handoff: no element found: line 1, column 0"),
        (b"PK\x03\x04rest", "; it is an archive: unpack the .hwh from it"),
        (b"<svg/>", "sample.hwh is not a hardware handoff: its root is svg, expected EDKSYSTEM with MODULES"),
        (b"<EDKSYSTEM/>", "its root is EDKSYSTEM, expected EDKSYSTEM with MODULES"),
    ],
)
def test_what_is_no_handoff_is_refused(tmp_path, content, message):
    path = tmp_path / "sample.hwh"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        compare(path, path)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        compare(tmp_path / "nowhere.hwh", tmp_path)
    assert str(caught.value) == f"there is no handoff {tmp_path / 'nowhere.hwh'}; give a .hwh file"


def test_the_course_design_agrees_with_itself_and_not_with_another_clock(run, tmp_path):
    first = run().write_hwh(tmp_path / "first.hwh")
    second = run(clock_mhz=150).write_hwh(tmp_path / "second.hwh")
    assert compare(first, first).complete
    agreement = compare(second, first)
    assert {kind for kind, part in agreement.items() if not part.complete} == {"parameters"}
    assert [fact[1] for fact in agreement["parameters"].missing] == [
        "PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ",
        "PSU__CRL_APB__PL0_REF_CTRL__DIVISOR0",
    ]
