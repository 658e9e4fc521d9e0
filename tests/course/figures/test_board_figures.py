"""The board's figures: measured in processes of their own, with errors that name what failed."""

import io
import sys

import numpy as np
import pytest

from mlfpga.course import StageError, figures
from mlfpga.course.figures import board, entries, versus_cocotb
from mlfpga.course.figures.export import Network, small, write_export
from mlfpga.simulate.rtl import verilator

pytestmark = [pytest.mark.host, pytest.mark.slow]


@pytest.fixture(scope="module")
def ip(tmp_path_factory):
    return write_export(small(), tmp_path_factory.mktemp("generated") / "small_net")


@pytest.fixture
def own_build_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path))
    return tmp_path


def test_build_start_and_speed_of_an_ip(ip, own_build_folder, monkeypatch):
    monkeypatch.setattr(board, "_RUN_SECONDS", 0.2)
    vectors = own_build_folder / "vectors.npz"
    inputs = small().inputs(5, seed=1)
    np.savez(vectors, inputs=inputs, expected=small().words(inputs))
    build, start, speed = board._rtl("board.export", ip, "a small IP", vectors)
    assert [one["name"] for one in (build, start, speed)] == [f"board.export_{n}" for n in ("build", "start", "speed")]
    assert build["value"] > 2 * start["value"] > 0  # the second process found what the first had built
    assert [one["limit"] for one in (build, start, speed)] == [60, 2, 500]
    assert speed["unit"] == "kcyc/s" and "all as NumPy says" in speed["how"]

    np.savez(vectors, inputs=inputs, expected=small().words(inputs) ^ 1)
    monkeypatch.setattr(board, "empty", lambda folder: folder)  # what was built is used again
    monkeypatch.setattr(board, "_seconds_to_ready", lambda ip, environment: 1.0)
    with pytest.raises(StageError, match=r"^streaming through small_net failed: .*words at out_r are not the expected"):
        list(board._rtl("board.export", ip, "a small IP", vectors))


@pytest.mark.parametrize(
    "load, said", [(0.8, ""), (3.25, "; other programs kept the machine busy (load 3.2 on 2 cores)")]
)
def test_figures_of_a_busy_machine_say_so(monkeypatch, capsys, load, said):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(board, "_measured", lambda: iter([figures.at_most("board.a", 1, "s", 2, "stopwatch")]))
    assert [entry["how"] for entry in board.board()] == [f"stopwatch; at most{said}"]
    assert ("the times will be too long" in capsys.readouterr().err) == bool(said)


def test_an_ip_that_cannot_be_built_is_named(tmp_path, own_build_folder):
    with pytest.raises(StageError) as caught:
        next(board._rtl("board.export", tmp_path, "nothing", None))
    assert str(caught.value).startswith(f"{tmp_path} was not built: ")
    assert "holds no component.xml" in str(caught.value)


def test_an_export_that_is_not_there_is_named(own_build_folder, monkeypatch):
    monkeypatch.setenv("MLFPGA_EXPORT", f"{own_build_folder}:/nowhere/ip.zip")
    with pytest.raises(StageError) as caught:
        figures.measure("board", io.StringIO())
    assert str(caught.value) == "MLFPGA_EXPORT names /nowhere/ip.zip, which does not exist; correct it or unset it"


def test_a_module_that_fails_says_its_last_line():
    with pytest.raises(StageError) as caught:
        entries.run_module(sys.executable, "mlfpga.nowhere", [], "the measurement")
    assert str(caught.value).startswith("the measurement failed: ")
    assert "No module named mlfpga.nowhere" in str(caught.value)


def test_cocotb_and_ours_see_the_same_words_and_cycles(ip, own_build_folder, monkeypatch):
    monkeypatch.setattr(verilator, "_HOT", ("-O0",))  # what is compared here is not the speed
    both = versus_cocotb.compare(small(), ip, own_build_folder / "compare", samples=20)
    assert abs(both["cocotb_cycles"] - both["our_cycles"]) <= 2
    assert both["cocotb"] > both["ours"] > 0

    wrong = small().words(small().inputs(20, seed=2)) ^ 1
    monkeypatch.setattr(Network, "words", lambda network, inputs: wrong)
    monkeypatch.setattr(versus_cocotb, "build_cocotb", lambda ip, folder: folder / "rom/small_net")
    with pytest.raises(StageError) as caught:
        versus_cocotb.compare(small(), ip, own_build_folder / "compare", samples=20)
    assert str(caught.value) == "the result words of cocotb's run are not those of NumPy; the two cannot be compared"


@pytest.mark.parametrize("status", [0, 1])
def test_a_simulator_that_ends_without_results_is_named(tmp_path, status):
    program = tmp_path / "rom/small_net"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    with pytest.raises(StageError, match=r"^cocotb did not run small_net: .*; see .*/run/log$"):
        versus_cocotb.run_cocotb(program, "small_net", tmp_path / "run", small().inputs(1, seed=2), 1)
