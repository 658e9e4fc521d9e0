"""Real pynq reads the dry run's handoff and its stand-in for the bitstream as it would read Vivado's."""

from pathlib import Path

import pynq
import pytest
from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
from pynq.pl_server.embedded_device import bit2bin, parse_bit_header
from pynqmetadata.frontends import Metadata

from mlfpga.artifacts import sha256
from mlfpga.blockdesign import accelerator_ip, dry_run

BUILD = Path(__file__).parents[2] / "vivado" / "build.tcl"
VLNV = "mlfpga:hls:digits_mlp_axi:1.0"


@pytest.fixture(scope="module")
def overlay(tmp_path_factory):
    """A folder with overlay.hwh and overlay.bit, as lab 04 leaves them."""
    folder = tmp_path_factory.mktemp("handoff")
    design = dry_run(BUILD, {"accelerator_vlnv": VLNV}, ips=[accelerator_ip(VLNV, 32, 32)])
    design.write_hwh(folder / "overlay.hwh")
    design.write_bitstream_standin(folder / "overlay.bit")
    return folder


@pytest.fixture(scope="module")
def parser(overlay):
    return RuntimeMetadataParser(Metadata(str(overlay / "overlay.hwh")))


def test_pynq_finds_the_ips_under_their_names(parser):
    types = {name: entry["type"] for name, entry in parser.ip_dict.items()}
    assert types == {
        "axi_dma_0": "xilinx.com:ip:axi_dma:7.1",
        "accelerator_0": VLNV,
        "ps": "xilinx.com:ip:zynq_ultra_ps_e:3.5",
    }


@pytest.mark.parametrize(("name", "base"), [("axi_dma_0", 0x8000_0000), ("accelerator_0", 0x8001_0000)])
def test_pynq_finds_them_at_their_addresses(parser, name, base):
    assert (parser.ip_dict[name]["phys_addr"], parser.ip_dict[name]["addr_range"]) == (base, 0x1_0000)


def test_pynq_reads_the_parameters_that_its_dma_driver_needs(parser):
    parameters = parser.ip_dict["axi_dma_0"]["parameters"]
    assert {name: parameters[name] for name in parameters if name in DMA_PARAMETERS} == DMA_PARAMETERS


DMA_PARAMETERS = {
    "c_include_sg": "0",
    "c_include_mm2s": "1",
    "c_include_s2mm": "1",
    "c_micro_dma": "0",
    "c_sg_length_width": "26",
    "c_m_axi_mm2s_data_width": "64",
    "c_m_axi_s2mm_data_width": "64",
    "c_include_mm2s_dre": "0",
    "c_include_s2mm_dre": "0",
}


def test_pynq_reads_the_register_maps(parser):
    dma = parser.ip_dict["axi_dma_0"]["registers"]
    assert {name: dma[name]["address_offset"] for name in ("MM2S_DMACR", "MM2S_LENGTH", "S2MM_DA", "S2MM_LENGTH")} == {
        "MM2S_DMACR": 0x00,
        "MM2S_LENGTH": 0x28,
        "S2MM_DA": 0x48,
        "S2MM_LENGTH": 0x58,
    }
    control = parser.ip_dict["accelerator_0"]["registers"]["CTRL"]
    assert control["address_offset"] == 0
    bits = {name: control["fields"][name]["bit_offset"] for name in ("AP_START", "AP_DONE", "AP_IDLE", "AUTO_RESTART")}
    assert bits == {"AP_START": 0, "AP_DONE": 1, "AP_IDLE": 2, "AUTO_RESTART": 7}


def test_pynq_reads_the_clocks(parser):
    clock = parser.clock_dict[0]
    pynq_3 = pynq.__version__.startswith("3.")  # which tells neither the source nor the frequency of a clock
    assert (clock["enable"], clock["divisor0"], clock["divisor1"]) == (1, 15, 1)
    assert pynq_3 or clock["src_sel"] == "IOPLL"
    assert pynq_3 or clock["frequency"] == pytest.approx(99.999985)
    assert [parser.clock_dict[n]["enable"] for n in (1, 2, 3)] == [0, 0, 0]


def test_pynq_sees_no_memory_in_the_logic_and_no_interrupts(parser):
    """As with the handoffs that Vivado wrote for such designs: the DDR is the PS's, and no interrupt is wired."""
    assert parser.mem_dict == {} and parser.interrupt_pins == {} and parser.interrupt_controllers == {}


def test_pynq_follows_the_streams(parser, overlay):
    blocks = Metadata(str(overlay / "overlay.hwh")).blocks
    port = blocks["axi_dma_0"].ports["M_AXIS_MM2S"]
    assert {signal.name for signal in port.signals.values()} == {"TDATA", "TKEEP", "TLAST", "TREADY", "TVALID"}


def test_pynq_reads_the_header_of_the_standin(overlay):
    header = parse_bit_header((overlay / "overlay.bit").read_bytes())
    assert header["design"] == "accelerator_system_wrapper" and header["part"] == "xczu3eg-sfvc784-2-e"
    assert sha256(overlay / "overlay.hwh").encode() in header["data"]


def test_pynq_can_turn_the_standin_into_a_bin(overlay):
    assert len(bit2bin((overlay / "overlay.bit").read_bytes())) % 4 == 0


def test_an_overlay_of_it_loads_with_drivers_and_register_maps(board, overlay):
    from pynq import Overlay
    from pynq.lib.dma import DMA

    loaded = Overlay(str(overlay / "overlay.bit"))
    assert isinstance(loaded.axi_dma_0, DMA)
    assert loaded.axi_dma_0.buffer_max_size == 2**26 - 1
    assert loaded.accelerator_0.register_map.CTRL.AP_IDLE == 1
