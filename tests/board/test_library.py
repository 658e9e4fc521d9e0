"""Which IP archive stands behind which IP of the design."""

import os

import pytest

from mlfpga.board.library import IpLibrary
from mlfpga.simulate.rtl import RtlError


class Core:
    def __init__(self, vlnv: str):
        self.vlnv = vlnv
        self.name = vlnv.split(":")[2]


@pytest.fixture
def library(monkeypatch):
    """A library whose archives are named by their VLNV."""
    monkeypatch.setattr(IpLibrary, "open", lambda self, archive: Core(str(archive)))
    return IpLibrary(["them:hls:mlp:1.0", "us:hls:cnn:1.0", "us:hls:mlp:2.0"])


def test_the_same_vlnv_comes_before_the_same_name(library):
    assert library.find("us:hls:mlp:2.0").vlnv == "us:hls:mlp:2.0"
    assert library.find("somebody:else:mlp:3.0").vlnv == "them:hls:mlp:1.0"
    assert library.find("us:hls:gru:1.0") is None
    assert library.find("") is None


def test_archives_are_named_in_the_environment(monkeypatch):
    monkeypatch.setenv("MLFPGA_IP", os.pathsep.join(["/a.zip", "", "/b"]))
    monkeypatch.setenv("MLFPGA_TRACE", "/waves")
    monkeypatch.setenv("MLFPGA_TRACE_KIND", ".fst")
    made = IpLibrary.from_environment()
    assert [str(archive) for archive in made.archives] == ["/a.zip", "/b"] and str(made.trace) == "/waves"
    assert made.trace_kind == ".fst"
    monkeypatch.delenv("MLFPGA_TRACE_KIND")
    assert IpLibrary.from_environment().trace_kind == ".vcd"
    monkeypatch.delenv("MLFPGA_IP")
    monkeypatch.delenv("MLFPGA_TRACE")
    made = IpLibrary.from_environment()
    assert made.archives == [] and made.trace is None


def test_an_archive_that_is_none_is_told_when_it_is_needed(tmp_path):
    with pytest.raises(RtlError, match="does not exist"):
        IpLibrary([tmp_path / "none.zip"]).find("us:hls:mlp:1.0")
