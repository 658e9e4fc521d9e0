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
