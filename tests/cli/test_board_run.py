"""`mlfpga board run NOTEBOOK --ip ARCHIVE`: somebody else's notebook and IP, with a design of our own writing."""

import argparse
import importlib.util
import json
from pathlib import Path

import pytest

from mlfpga import cli
from mlfpga.cli import hardware

TESTS = Path(__file__).parents[1]

nbformat = pytest.importorskip("nbformat")
kernelspec = pytest.importorskip("jupyter_client.kernelspec")


def helper(path: str):
    """A module of another room's tests."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, TESTS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(tmp_path):
    """The doubler: four words a sample, each times two plus 3, 1, 4, 1."""
    if "aup-zu3-virtual" not in kernelspec.find_kernel_specs():
        pytest.skip("the board's kernel is not installed; `make` installs it")
    return helper("simulate/rtl/small_ips.py").doubler(tmp_path / "doubler")


@pytest.fixture
def notebook(archive, tmp_path):
    """A notebook in a folder with an overlay, which it names without a path."""
    from mlfpga.simulate.rtl import open_ip

    (tmp_path / "overlay.hwh").write_text(helper("board/conftest.py").handoff(vlnv=open_ip(archive).vlnv))
    (tmp_path / "overlay.bit").write_bytes(b"logic")
    code = """\
from pynq import Overlay, allocate
overlay = Overlay("overlay.bit")
send, receive = allocate(4, "u4"), allocate(4, "u4")
send[:] = [1, 2, 3, 4]
overlay.accelerator_0.write(0, 1)
overlay.axi_dma_0.sendchannel.transfer(send)
overlay.axi_dma_0.recvchannel.transfer(receive)
overlay.axi_dma_0.recvchannel.wait()
print(receive)"""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(made, tmp_path / "theirs.ipynb")
    return tmp_path / "theirs.ipynb"


@pytest.mark.slow
def test_it_runs_unchanged_in_its_own_folder_and_nothing_else_is_printed(notebook, archive, tmp_path, capsys):
    executed, waves = tmp_path / "executed.ipynb", tmp_path / "waves"
    before = notebook.read_bytes()
    arguments = ["--ip", str(archive), "--output", str(executed), "--trace", str(waves)]
    assert cli.main(["board", "run", str(notebook), *arguments]) == 0, capsys.readouterr().err
    outputs = json.loads(executed.read_text())["cells"][0]["outputs"]
    assert ["".join(o["text"]) for o in outputs if o["output_type"] == "stream"] == ["[ 5  5 10  9]\n"]
    assert (waves / "accelerator_0.vcd").stat().st_size > 0
    assert notebook.read_bytes() == before


@pytest.mark.parametrize(("possible", "suffix"), [(True, ".fst"), (False, ".vcd")])
def test_fst_waveforms_are_written_where_that_is_possible(tmp_path, monkeypatch, capsys, possible, suffix):
    reason = "" if possible else "an .fst waveform needs lz4"
    built = []
    monkeypatch.setattr("mlfpga.simulate.rtl.best_trace", lambda: (suffix, reason))
    monkeypatch.setattr(hardware, "build_simulations", lambda archives, trace: built.append(trace))
    chosen = argparse.Namespace(ip=[tmp_path / "ip.zip"], trace=tmp_path / "waves", fst=True)
    environment = hardware.board_environment(chosen)
    assert environment["MLFPGA_TRACE_KIND"] == suffix and built == [suffix]
    assert capsys.readouterr().err == (f"{reason}; writing .vcd, which every viewer opens too\n" if reason else "")
    chosen = argparse.Namespace(ip=[], trace=tmp_path / "waves", fst=False)
    assert hardware.board_environment(chosen)["MLFPGA_TRACE_KIND"] == ".vcd"


def test_an_archive_that_is_none_is_told_before_anything_runs(tmp_path, capsys):
    (tmp_path / "theirs.ipynb").write_text("{}")
    (tmp_path / "ip.zip").write_text("no zip")
    assert cli.main(["board", "run", str(tmp_path / "theirs.ipynb"), "--ip", str(tmp_path / "ip.zip")]) == 1
    assert "ip.zip is not a zip archive" in capsys.readouterr().err


def test_an_overlay_around_an_ip_is_written_where_no_folder_is(tmp_path, capsys):
    ip = Path(__file__).parents[2] / "rtl" / "linear"
    assert cli.main(["board", "overlay", str(tmp_path / "out"), "--ip", str(ip)]) == 0
    assert capsys.readouterr().out == f'Overlay("{tmp_path / "out" / "overlay.bit"}") loads it on the virtual board\n'
    made = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"overlay.bit", "overlay.hwh", "sim/simulation.json", "sim/ip/component.xml"} < made
    assert cli.main(["board", "overlay", str(tmp_path / "out"), "--ip", str(ip)]) == 2
    assert "exists; name a new folder or remove this one" in capsys.readouterr().err


def test_jupyterlab_is_told_a_folder_that_is_none(tmp_path, capsys):
    assert cli.main(["board", "jupyter", str(tmp_path / "nowhere"), "--options=--no-browser"]) == 2
    assert f"{tmp_path / 'nowhere'} is no folder; name one for JupyterLab to open" in capsys.readouterr().err
