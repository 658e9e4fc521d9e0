"""Vitis HLS, played by a small program that runs build_ip.tcl and leaves what Vitis would leave; and the test bench."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlfpga.simulate.csim
from mlfpga.accelerators import Accelerator, AcceleratorError
from mlfpga.accelerators.hls4ml import build_ip, find_vitis, read_report
from mlfpga.accelerators.hls4ml.conversion import write_simulation, write_wrapper
from mlfpga.accelerators.hls4ml.vitis import write_vectors
from mlfpga.formats import FixedPoint, RangeError, StreamFormat

hls4ml = pytest.importorskip("hls4ml", reason="the ap_int headers come with hls4ml, in the host environment")
TEMPLATES = Path(hls4ml.__file__).parent / "templates"

NETWORK = """
#include "ap_fixed.h"
#include "hls_stream.h"
#include "nnet_utils/nnet_types.h"
typedef nnet::array<ap_fixed<12, 4>, 3> group_t;
inline void mirror(hls::stream<group_t> &x, hls::stream<group_t> &y) { y.write(x.read()); }
"""

# Every command that Vitis HLS gives to a script is printed, with its words; `failing` fails as Vitis lets it fail.
FAKE = """\
#!{python}
import os, pathlib, sys, tkinter
assert sys.argv[1:] == {words!r}, sys.argv
tcl = tkinter.Tcl()
def record(*words):
    print(*words, flush=True)
    if words[0] == "exit":
        os._exit(int(words[1]))
    if words[0] == "export_design" and {exports}:
        ip = pathlib.Path("ip_project/solution1/impl/ip")
        ip.mkdir(parents=True)
        (ip / "component.xml").write_text("<component/>")
    if words[0] == {failing!r}:
        print("ERROR: [HLS 200-70] the first error\\nERROR: [HLS 200-71] another")
    return words[0] == {failing!r}
tcl.createcommand("record", record)
for name in ("open_project set_top add_files open_solution set_part create_clock config_compile config_schedule "
             "csim_design csynth_design cosim_design export_design exit").split():
    tcl.eval("proc %s args {{if {{[record %s {{*}}$args]}} {{error {{}}}}}}" % (name, name))
tcl.call("source", "build_ip.tcl")
"""


@pytest.fixture
def accelerator(tmp_path):
    """A network that gives back its three numbers."""
    folder = tmp_path / "mirror"
    form = StreamFormat(FixedPoint.parse("fixed<12,4>"), (3,), 32)
    firmware = folder / "hls/firmware"
    (firmware / "nnet_utils").mkdir(parents=True)
    shutil.copy(TEMPLATES / "vivado/nnet_utils/nnet_types.h", firmware / "nnet_utils")
    shutil.copytree(TEMPLATES / "vivado/ap_types", folder / "ap_types")
    (firmware / "mirror.h").write_text(NETWORK)
    (firmware / "mirror.cpp").write_text('#include "mirror.h"\n')
    (firmware / "weights").mkdir()
    made = Accelerator("mirror", "mirror_axi", "mlfpga:hls:mirror_axi:1.0", "hls4ml", form, form, folder)
    write_wrapper(made, "group_t", "group_t")
    write_simulation(made)
    return made


@pytest.fixture
def vitis(tmp_path, monkeypatch):
    """vitis(name="vitis-run", failing=None, exports=True) puts a Vitis on PATH, and no other."""

    def install(name="vitis-run", failing=None, exports=True):
        words = ["--mode", "hls", "--tcl"] if name == "vitis-run" else ["-f"]
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        text = FAKE.format(python=sys.executable, words=[*words, "build_ip.tcl"], failing=failing, exports=exports)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

    return install


def commands(accelerator):
    return (accelerator.folder / "hls/build_ip.log").read_text().splitlines()


SYNTHESIS = [
    "open_project -reset ip_project",
    "set_top mirror_axi",
    "add_files mirror_axi.cpp -cflags -std=c++14",
    "add_files firmware/mirror.cpp -cflags -std=c++14",
    "open_solution -reset -flow_target vivado solution1",
    "set_part xczu3eg-sfvc784-2-e",
    "create_clock -period 10 -name default",
    "config_compile -name_max_length 80",
    "config_schedule -enable_dsp_full_reg=false",
    "csynth_design",
    "export_design -format ip_catalog -rtl verilog -vendor mlfpga -library hls -ipname mirror_axi -version 1.0 "
    "-display_name mirror -description Neural network mirror behind AXI4-Stream and AXI4-Lite",
    "exit 0",
]


@pytest.mark.parametrize("name", ["vitis-run", "vitis_hls"])
def test_the_ip_is_synthesized_and_exported_with_either_command(accelerator, vitis, name):
    vitis(name)
    assert build_ip(accelerator) == accelerator.folder / "hls/ip_project/solution1/impl/ip"
    assert commands(accelerator) == SYNTHESIS


def test_with_samples_the_test_bench_runs_before_and_after_synthesis(accelerator, vitis):
    vitis()
    build_ip(accelerator, check_with=np.zeros((2, 3)), cosim=True)
    told = commands(accelerator)
    added = [line for line in told if line.startswith("add_files -tb")]
    assert added == [
        "add_files -tb testbench.cpp -cflags -std=c++14",
        "add_files -tb vectors.txt",
        "add_files -tb firmware/weights",
    ]
    steps = ["csim_design", "csynth_design", "cosim_design"]
    assert [line for line in told if line in steps] == steps
    shutil.rmtree(accelerator.folder / "hls/ip_project")
    build_ip(accelerator, check_with=np.zeros((2, 3)))
    assert [line for line in commands(accelerator) if line in steps] == ["csim_design", "csynth_design"]


def test_the_first_error_of_vitis_is_told_with_the_name_of_the_log(accelerator, vitis):
    vitis(failing="csynth_design")
    with pytest.raises(AcceleratorError) as caught:
        build_ip(accelerator)
    log = accelerator.folder / "hls/build_ip.log"
    assert str(caught.value) == f"Vitis HLS failed: ERROR: [HLS 200-70] the first error; see {log}"
    assert commands(accelerator)[-1] == "exit 1" and "export_design" not in log.read_text()


def test_a_run_without_an_ip_is_no_success(accelerator, vitis):
    vitis(exports=False)
    with pytest.raises(AcceleratorError, match="Vitis HLS failed: no IP was exported; see .*build_ip.log"):
        build_ip(accelerator)


def test_without_vitis_the_way_out_is_told(accelerator, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_vitis() is None
    with pytest.raises(
        AcceleratorError, match="Vitis HLS is not on PATH .*; source Vitis's settings64.sh and run again"
    ):
        build_ip(accelerator)


def compiled_testbench(accelerator):
    """The test bench, compiled with g++ in place of Vitis."""
    hls = accelerator.folder / "hls"
    program = accelerator.folder / "testbench"
    include = [
        f"-I{folder}" for folder in (accelerator.folder / "ap_types", Path(mlfpga.simulate.csim.__file__).parent)
    ]
    sources = ["testbench.cpp", "mirror_axi.cpp", "firmware/mirror.cpp"]
    command = ["g++", "-std=c++14", "-Wno-unknown-pragmas", *include, *sources, "-o", str(program)]
    subprocess.run(command, cwd=hls, check=True)
    return program


def run(testbench):
    """Run it beside its vectors; exit code and output."""
    done = subprocess.run([testbench], cwd=testbench.parent / "hls", capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_test_bench_accepts_the_results_and_nothing_else(accelerator):
    x = np.random.default_rng(2).integers(-2048, 2048, (5, 3)) / 256
    path = write_vectors(accelerator, x)
    testbench = compiled_testbench(accelerator)
    code, output = run(testbench)
    assert (code, output.splitlines()[0]) == (0, "5 samples, 0 wrong words")
    rows = [line.split() for line in path.read_text().splitlines()]
    rows[3][-1] = f"{int(rows[3][-1], 16) ^ 1:x}"
    path.write_text("\n".join(map(" ".join, rows)))
    code, output = run(testbench)
    assert (code, output.splitlines()[0]) == (1, "5 samples, 1 wrong words")
    path.write_text("1 2 3\n")
    code, output = run(testbench)
    assert (code, output.splitlines()[0]) == (1, "vectors.txt holds 3 words; a sample has 4")


def test_vectors_outside_the_input_format_are_refused(accelerator):
    with pytest.raises(RangeError):
        write_vectors(accelerator, np.full((1, 3), 9.0))
    assert not (accelerator.folder / "hls/vectors.txt").exists()


REPORT = """\
<profile>
  <UserAssignments><unit>ns</unit><TargetClockPeriod>10.00</TargetClockPeriod></UserAssignments>
  <PerformanceEstimates>
    <PipelineType>dataflow</PipelineType>
    <SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>7.291</EstimatedClockPeriod></SummaryOfTimingAnalysis>
    <SummaryOfOverallLatency>
      <unit>clock cycles</unit>
      <Best-caseLatency>1210</Best-caseLatency>
      <Average-caseLatency>1210</Average-caseLatency>
      <Worst-caseLatency>1213</Worst-caseLatency>
      <Interval-min>398</Interval-min>
      <Interval-max>402</Interval-max>
    </SummaryOfOverallLatency>
  </PerformanceEstimates>
  <AreaEstimates>
    <Resources><BRAM_18K>35</BRAM_18K><DSP>12</DSP><FF>20211</FF><LUT>18100</LUT><URAM>0</URAM></Resources>
    <AvailableResources><BRAM_18K>432</BRAM_18K><DSP>360</DSP></AvailableResources>
  </AreaEstimates>
</profile>
"""


def test_the_report_s_figures_are_the_worst_case_and_what_the_circuit_uses(tmp_path):
    assert read_report(tmp_path) is None
    path = tmp_path / "hls/ip_project/solution1/syn/report/csynth.xml"
    path.parent.mkdir(parents=True)
    path.write_text(REPORT)
    figures = {"latency_cycles": 1213, "interval_cycles": 402, "clock_ns": 7.291}
    assert read_report(tmp_path) == figures | {"BRAM_18K": 35, "DSP": 12, "FF": 20211, "LUT": 18100, "URAM": 0}
    path.write_text(REPORT.replace("1213", "undef"))
    assert np.isnan(read_report(tmp_path)["latency_cycles"])
