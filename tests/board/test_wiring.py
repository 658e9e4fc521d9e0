import re

import pytest

from mlfpga.board import HandoffError
from mlfpga.board.wiring import Link, read_design


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "overlay.hwh"
        path.write_text(text)
        return path

    return write


def test_registers_and_streams_are_those_of_the_handoff(write, handoff_text):
    design = read_design(write(handoff_text()))
    assert [(m.name, r.first, r.size) for m, r in design.registers()] == [
        ("axi_dma_0", 0x8000_0000, 0x1_0000),
        ("accelerator_0", 0x8001_0000, 0x1_0000),
    ]
    assert set(design.links()) == {
        Link(("axi_dma_0", "M_AXIS_MM2S"), ("accelerator_0", "s_axis")),
        Link(("accelerator_0", "m_axis"), ("axi_dma_0", "S_AXIS_S2MM")),
    }


def test_the_revision_of_an_ip_is_read(write, handoff_text):
    text = handoff_text().replace('FULLNAME="/accelerator_0"', 'COREREVISION="2114356460" FULLNAME="/accelerator_0"')
    assert {m.name: m.revision for m in read_design(write(text)).modules} == {
        "axi_dma_0": 0,
        "accelerator_0": 2114356460,
        "ps": 0,
    }


def test_streams_whose_pins_are_connected_one_by_one_are_links(write, handoff_text):
    text = handoff_text()
    for bus in ("to_pl", "from_pl"):
        text = re.sub(
            rf'<BUSINTERFACE BUSNAME="{bus}" (NAME="(\w+)"[^>]*)/>',
            r'<BUSINTERFACE BUSNAME="__NOC__" \1><PORTMAPS><PORTMAP LOGICAL="TDATA" PHYSICAL="\2_tdata"/>'
            r'<PORTMAP LOGICAL="TVALID" PHYSICAL="\2_tvalid"/></PORTMAPS></BUSINTERFACE>',
            text,
        )
    assert read_design(write(text)).links() == [], "connected to nothing"
    for module, pins in (
        ("axi_dma_0", {"M_AXIS_MM2S": "sent_valid", "S_AXIS_S2MM": "result_valid"}),
        ("accelerator_0", {"s_axis": "sent_valid", "m_axis": "result_valid"}),
    ):
        ports = "".join(f'<PORT NAME="{pin}_tvalid" SIGNAME="{signal}"/>' for pin, signal in pins.items())
        before, found, after = text.partition(f'FULLNAME="/{module}"')
        text = before + found + after.replace("<PORTS/>", f"<PORTS>{ports}</PORTS>", 1)
    assert set(read_design(write(text)).links()) == {
        Link(("axi_dma_0", "M_AXIS_MM2S"), ("accelerator_0", "s_axis")),
        Link(("accelerator_0", "m_axis"), ("axi_dma_0", "S_AXIS_S2MM")),
    }


def test_a_fifo_in_a_stream_is_a_wire(write, handoff_text):
    fifo = (
        '<MODULE FULLNAME="/fifo" INSTANCE="fifo" VLNV="xilinx.com:ip:axis_data_fifo:2.0"><BUSINTERFACES>'
        '<BUSINTERFACE BUSNAME="to_fifo" NAME="S_AXIS" TYPE="TARGET" VLNV="xilinx.com:interface:axis:1.0"/>'
        '<BUSINTERFACE BUSNAME="to_pl" NAME="M_AXIS" TYPE="INITIATOR" VLNV="xilinx.com:interface:axis:1.0"/>'
        "</BUSINTERFACES></MODULE></MODULES>"
    )
    text = handoff_text().replace('BUSNAME="to_pl" NAME="M_AXIS_MM2S"', 'BUSNAME="to_fifo" NAME="M_AXIS_MM2S"')
    design = read_design(write(text.replace("</MODULES>", fifo)))
    assert Link(("axi_dma_0", "M_AXIS_MM2S"), ("accelerator_0", "s_axis")) in design.links()


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: text[:900], "is not a whole hardware handoff"),
        (lambda text: "<html/>", "lists no modules; it is not the hardware handoff of a block design"),
        (lambda text: text.replace("zynq_ultra_ps_e:3.5", "microblaze:11.0"), "has no processing system"),
    ],
)
def test_a_handoff_that_is_none_is_refused(write, handoff_text, spoil, message):
    with pytest.raises(HandoffError, match=message):
        read_design(write(spoil(handoff_text()))).processor  # noqa: B018


def test_a_missing_handoff_says_where_it_belongs(tmp_path):
    with pytest.raises(HandoffError) as error:
        read_design(tmp_path / "overlay.hwh")
    assert str(error.value) == (
        f"{tmp_path / 'overlay.hwh'} does not exist; pynq needs the hardware handoff beside the bitstream, "
        "with the same stem"
    )


def test_the_first_clock_that_is_on_is_the_designs(tmp_path, handoff_text):
    path = tmp_path / "design.hwh"
    path.write_text(handoff_text())
    assert read_design(path).clock == 0
    off, on = 'PSU__FPGA_PL0_ENABLE" VALUE="1', 'PSU__FPGA_PL2_ENABLE" VALUE="0'
    path.write_text(handoff_text().replace(off, off[:-1] + "0").replace(on, on[:-1] + "1"))
    assert read_design(path).clock == 2


def test_a_handoff_without_clocks_is_refused(tmp_path, handoff_text):
    path = tmp_path / "design.hwh"
    path.write_text(re.sub('<PARAMETER NAME="PSU__[^>]*>', "", handoff_text()))
    with pytest.raises(HandoffError, match="design.hwh says nothing of the PL clocks"):
        read_design(path).clock  # noqa: B018
    path.write_text(handoff_text().replace('PSU__FPGA_PL0_ENABLE" VALUE="1"', 'PSU__FPGA_PL0_ENABLE" VALUE="0"'))
    with pytest.raises(HandoffError, match="design.hwh turns no PL clock on"):
        read_design(path).clock  # noqa: B018


@pytest.mark.parametrize(
    "written, damaged, message",
    [
        ('NAME="c_addr_width" VALUE="32"', 'NAME="c_addr_width" VALUE="junk"', "c_addr_width is 'junk' in the handoff"),
        ('HIGHVALUE="0x8000FFFF"', 'HIGHVALUE="0x"', "an interface or an address that cannot be: invalid literal"),
        ('VLNV="xilinx.com:interface:axis:1.0"', 'VLNV=""', "an interface or an address that cannot be: list index"),
    ],
)
def test_a_value_that_cannot_be_is_a_damaged_handoff(tmp_path, handoff_text, written, damaged, message):
    path = tmp_path / "overlay.hwh"
    assert written in handoff_text()
    path.write_text(handoff_text().replace(written, damaged))
    with pytest.raises(HandoffError, match=message):
        next(m for m in read_design(path).modules if m.ip == "axi_dma").number("c_addr_width", 32)


@pytest.mark.parametrize("name", ['FULLNAME="/"', 'FULLNAME=""', ""])
def test_a_module_without_a_name_is_a_damaged_handoff(write, handoff_text, name):
    path = write(handoff_text().replace('FULLNAME="/accelerator_0"', name))
    with pytest.raises(HandoffError) as error:
        read_design(path)
    assert str(error.value) == f"{path} gives a module (mlfpga:hls:mixer_axi:1.0) no name (FULLNAME); write it again"


@pytest.mark.parametrize("parameter", ["CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ", "CRL_APB__PL3_REF_CTRL__DIVISOR1"])
@pytest.mark.parametrize("value", ["", ' VALUE=""'])
def test_a_clock_without_a_value_is_a_damaged_handoff(write, handoff_text, parameter, value):
    text = re.sub(rf'(NAME="PSU__{parameter}") VALUE="[^"]*"', rf"\1{value}", handoff_text())
    with pytest.raises(HandoffError) as error:
        read_design(write(text)).clock  # noqa: B018
    assert str(error.value) == f"overlay.hwh gives PSU__{parameter} of ps no value; write it again"


def test_a_folder_in_the_place_of_a_handoff_is_told(tmp_path):
    path = tmp_path / "overlay.hwh"
    path.mkdir()
    with pytest.raises(HandoffError) as error:
        read_design(path)
    assert str(error.value) == f"{path} is a folder, not a hardware handoff; put the .hwh of the bitstream there"
