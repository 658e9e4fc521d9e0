"""Overlays given as .xsa: the archive's own handoff is found, and broken archives say what they lack."""

import re
import zipfile

import pytest
from pynq import Overlay

from mlfpga.board import HandoffError, handoff

SYSDEF = '<Project><File Type="HW_HANDOFF" Name="design_1.hwh" BD_TYPE="DEFAULT_BD"/></Project>'


@pytest.fixture
def write_archive(tmp_path, handoff_text):
    """Write an .xsa with the given files; `None` stands for a file that is left out."""

    def write(**files):
        content = {"design_1.bit": "logic", "design_1.hwh": handoff_text(), "sysdef.xml": SYSDEF} | files
        path = tmp_path / "design_1_wrapper.xsa"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                if text is not None:
                    archive.writestr(name, text)
        return path

    return write


def test_an_xsa_is_loaded_by_its_name_in_the_working_folder(board, write_archive, monkeypatch, tmp_path):
    write_archive()
    monkeypatch.chdir(tmp_path)
    overlay = Overlay("design_1_wrapper.xsa")
    assert set(overlay.ip_dict) == {"axi_dma_0", "accelerator_0", "ps"}
    assert overlay.is_loaded()


def test_the_whole_designs_handoff_is_taken_and_not_a_part_s(board, write_archive):
    archive = write_archive(**{"a_smartconnect.hwh": "<EDKSYSTEM/>"})
    assert "axi_dma_0" in Overlay(str(archive)).ip_dict


def test_an_archive_without_bitstream_cannot_be_loaded(board, write_archive):
    archive = write_archive(**{"design_1.bit": None})
    with pytest.raises(HandoffError, match=re.escape(f"{archive} holds no bitstream, so no board can load it")):
        Overlay(str(archive))


def test_an_archive_without_handoff_is_refused(board, write_archive):
    with pytest.raises(HandoffError, match=r"holds no hardware handoff \(\.hwh\)"):
        Overlay(str(write_archive(**{"design_1.hwh": None})))


def test_an_archive_cut_short_is_refused(board, write_archive):
    archive = write_archive()
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(HandoffError, match=r"is not a whole \.xsa archive"):
        Overlay(str(archive))


def test_a_name_that_points_outside_is_only_a_name(board, write_archive, handoff_text, tmp_path):
    archive = write_archive(**{"design_1.hwh": None, "../../outside.hwh": handoff_text(), "sysdef.xml": None})
    Overlay(str(archive))
    assert not (tmp_path.parent.parent / "outside.hwh").exists()


def test_a_handoff_that_unpacks_without_end_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(handoff, "LARGEST_HANDOFF", 1000)
    with zipfile.ZipFile(tmp_path / "x.xsa", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.bit", "b")
        archive.writestr("x.hwh", bytes(100_000))
    with pytest.raises(HandoffError, match=r"x.xsa: its x.hwh unpacks to 100,000 bytes, and no handoff has more than"):
        handoff.find_handoff(tmp_path / "x.xsa")


def test_damaged_contents_are_told(tmp_path):
    path = tmp_path / "x.xsa"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.hwh", "<EDKSYSTEM/>" * 100)
        archive.writestr("x.bit", "b")
    data = bytearray(path.read_bytes())
    data[40:50] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(HandoffError, match="x.xsa is not a whole .xsa archive"):
        handoff.find_handoff(path)
