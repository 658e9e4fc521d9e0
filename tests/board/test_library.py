"""Which IP archive stands behind which IP of the design."""

import os
import warnings

import pytest

from mlfpga.board import BoardError, BoardWarning
from mlfpga.board.library import IpLibrary
from mlfpga.simulate.rtl import RtlError


class Core:
    """A core by the name of its archive, VLNV@revision."""

    def __init__(self, archive: str):
        self.folder = archive
        self.vlnv, _, revision = archive.partition("@")
        self.revision = int(revision or 0)
        self.name = self.vlnv.split(":")[2]


@pytest.fixture
def library(monkeypatch):
    """A library whose archives are named by their VLNV."""
    monkeypatch.setattr(IpLibrary, "open", lambda self, archive: Core(str(archive)))
    return IpLibrary(["them:hls:mlp:1.0", "us:hls:cnn:1.0", "us:hls:mlp:2.0"])


def test_the_same_vlnv_comes_before_the_same_name(library):
    assert library.find("us:hls:mlp:2.0").vlnv == "us:hls:mlp:2.0"
    with pytest.warns(BoardWarning, match="^the overlay holds us:hls:cnn:1.1, but the IP archive holds us:hls:cnn:1.0"):
        assert library.find("us:hls:cnn:1.1").vlnv == "us:hls:cnn:1.0"
    assert library.find("us:hls:gru:1.0") is None
    assert library.find("") is None


def test_several_archives_of_one_name_are_told_apart_or_refused(library):
    with pytest.raises(
        BoardError,
        match="^2 IP archives fit somebody:else:mlp:3.0: them:hls:mlp:1.0, us:hls:mlp:2.0; give the one ",
    ):
        library.find("somebody:else:mlp:3.0")
    same = IpLibrary(["us:hls:mlp:1.0@11", "us:hls:mlp:1.0@22", "us:hls:mlp:2.0@33"])
    assert same.find("us:hls:mlp:1.0", revision=22).revision == 22
    with pytest.raises(BoardError, match="^2 IP archives fit us:hls:mlp:1.0: "):
        same.find("us:hls:mlp:1.0", revision=44)
    twice = IpLibrary(["us:hls:mlp:1.0@11", "us:hls:mlp:1.0@11"])
    assert twice.find("us:hls:mlp:1.0", revision=11).revision == 11


def test_another_build_than_the_one_in_the_overlay_is_told(library):
    made = IpLibrary(["us:hls:mlp:1.0@2114361000"])
    with pytest.warns(BoardWarning) as told:
        assert made.find("us:hls:mlp:1.0", revision=2114356460)
    assert str(told[0].message) == (
        "the IP archive of us:hls:mlp:1.0 is another build (core revision 2114361000) than the one in the overlay "
        "(2114356460); what is computed may differ from what the bitstream computes. Give the archive that it was "
        "built with"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made.find("us:hls:mlp:1.0", revision=2114361000) and made.find("us:hls:mlp:1.0")
        assert library.find("us:hls:cnn:1.0", revision=7)


def test_archives_that_fit_nothing_are_listed(library):
    assert library.unused(["x:y:mlp:9.0", ""]) == ["us:hls:cnn:1.0"]
    assert library.unused(["a:b:mlp:1.0", "a:b:cnn:1.0"]) == []


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
