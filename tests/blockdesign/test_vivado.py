"""Real Vivado, played by a small program that checks how it is called and leaves what Vivado would leave."""

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlfpga.blockdesign import BuildError, build, find_vivado, read_reports
from mlfpga.blockdesign.settings import settings_text
from mlfpga.blockdesign.vivado import parse_power, parse_slack, parse_utilization

VIVADO = Path(__file__).parents[2] / "vivado"

UTILIZATION = """\
1. CLB Logic
+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs*                  | 12345 |     0 |          0 |     70560 | 17.50 |
|   LUT as Logic             | 11000 |     0 |          0 |     70560 | 15.59 |
| CLB Registers              | 20123 |     0 |          0 |    141120 | 14.26 |
+----------------------------+-------+-------+------------+-----------+-------+
| Block RAM Tile    | 12.5 |     0 |          0 |       216 |  5.79 |
|   RAMB36/FIFO*    |    9 |     0 |          0 |       216 |  4.17 |
| DSPs      |    7 |     0 |          0 |       360 |  1.94 |
"""
TIMING = """\
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)
    -------      -------  ---------------------  -------------------      -------      -------
      1.234        0.000                      0                23456        0.010        0.000
"""
POWER = "| Total On-Chip Power (W)  | 2.345        |\n"

FAKE = """\
#!{python}
import pathlib, re, sys
words = sys.argv[1:]
assert words[:2] == ["-mode", "batch"], words
assert words[words.index("-source") + 1].endswith("build.tcl"), words
assert words[-2] == "-tclargs" and len(words) == 9, words
settings = dict(re.findall(r'set settings\\((\\w+)\\) "(.*)"', pathlib.Path(words[-1]).read_text()))
print("settings:", sorted(settings.items()))
folder = pathlib.Path(settings["output_folder"])
print("mlfpga: step: synthesis")
{body}
"""
SUCCEED = f"""\
for suffix in ("bit", "hwh", "xsa"):
    folder.joinpath("overlay." + suffix).write_text(suffix)
(folder / "utilization.rpt").write_text({UTILIZATION!r})
(folder / "timing.rpt").write_text({TIMING!r})
(folder / "power.rpt").write_text({POWER!r})
print("mlfpga: step: overlay")
"""
FAIL = 'print("ERROR: [BD 41-758] The following clock pins are not connected"); sys.exit(1)'


@pytest.fixture
def vivado(tmp_path, monkeypatch):
    """vivado(body) puts a program named vivado on PATH that ends with `body`."""

    def install(body):
        path = tmp_path / "bin" / "vivado"
        path.parent.mkdir()
        path.write_text(FAKE.format(python=sys.executable, body=body))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        return path

    return install


def test_vivado_is_found_on_path_only(vivado, monkeypatch):
    path = vivado("")
    assert find_vivado() == path
    monkeypatch.setenv("PATH", "")
    assert find_vivado() is None


def test_without_vivado_the_way_out_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match="vivado is not on PATH; source its settings64.sh first"):
        build({}, tmp_path)


def test_a_build_gives_the_files_and_the_figures(vivado, tmp_path):
    vivado(SUCCEED)
    lines = []
    result = build({"clock_mhz": 150.0}, tmp_path / "out", script=VIVADO / "build.tcl", progress=lines.append)
    assert [path.read_text() for path in (result.bitstream, result.handoff, result.platform)] == ["bit", "hwh", "xsa"]
    assert result.utilization == {
        "LUT": (12345, 70560),
        "FF": (20123, 141120),
        "BRAM36": (12.5, 216),
        "DSP": (7, 360),
    }
    assert (result.slack_ns, result.timing_met, result.power_w) == (1.234, True, 2.345)
    assert [re.sub(r"\(\d+ s\)", "(n s)", line) for line in lines] == [
        "vivado: synthesis (n s)",
        "vivado: overlay (n s)",
    ]
    log = result.log.read_text()
    assert "('clock_mhz', '150')" in log and f"('output_folder', '{tmp_path / 'out'}')" in log


def test_a_failure_names_the_error_and_the_log(vivado, tmp_path):
    vivado(FAIL)
    with pytest.raises(BuildError) as caught:
        build({}, tmp_path / "out", script=VIVADO / "build.tcl")
    assert str(caught.value) == (
        "vivado ended with exit code 1: [BD 41-758] The following clock pins are not connected; "
        f"see {tmp_path / 'out' / 'vivado.log'}"
    )
    assert "BD 41-758" in caught.value.log.read_text()


def test_success_without_a_bitstream_is_no_success(vivado, tmp_path):
    vivado("")
    with pytest.raises(BuildError, match="vivado ended well but left no overlay.bit"):
        build({}, tmp_path / "out", script=VIVADO / "build.tcl")


def test_files_of_an_earlier_build_do_not_count(vivado, tmp_path):
    (tmp_path / "out").mkdir()
    for suffix in ("bit", "hwh", "xsa"):
        (tmp_path / "out" / f"overlay.{suffix}").write_text("old")
    vivado("")
    with pytest.raises(BuildError, match="left no overlay.bit"):
        build({}, tmp_path / "out", script=VIVADO / "build.tcl")


def test_reports_of_older_versions_are_read_too():
    """Before 2021.2 there was no column Prohibited."""
    line = "| CLB LUTs                   | 12345 |     0 |     70560 | 17.50 |"
    assert parse_utilization(line) == {"LUT": (12345, 70560)}


def test_missing_figures_are_none():
    assert parse_utilization("") == {}
    assert parse_slack("") is None and parse_power("") is None
    assert parse_slack("    WNS(ns)   TNS(ns)\n    -------   -------\n         NA        NA\n") is None
    assert parse_slack(TIMING.replace("  1.234", " -0.321")) == -0.321


def test_settings_survive_tcl_quoting(tmp_path):
    """Whatever stands in a value, Tcl reads it back as it was: nothing in it is run."""
    import tkinter

    nasty = {"a": 'x"; exit; "', "b": "[error no] $b \\", "c": "two\nlines {", "d": 1.5, "e": "ü"}
    tcl = tkinter.Tcl()
    tcl.eval(settings_text(nasty))
    assert {name: tcl.eval(f"set settings({name})") for name in nasty} == {k: str(v) for k, v in nasty.items()}
    with pytest.raises(ValueError, match='setting name "a b" is not a word'):
        settings_text({"a b": 1})


def test_every_tcl_file_is_complete(tmp_path):
    """No brace or bracket left open, in the words of Tcl itself."""
    import tkinter

    for path in VIVADO.glob("*.tcl"):
        assert tkinter.Tcl().call("info", "complete", path.read_text()), path.name


def test_an_interrupted_build_stops_vivado_and_what_it_started(vivado, tmp_path):
    vivado(
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "(folder / 'child').write_text(str(child.pid))\n"
        "print('mlfpga: step: implementation', flush=True)\n"
        "time.sleep(60)"
    )

    def interrupt(line):
        if "implementation" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build({}, tmp_path / "out", script=VIVADO / "build.tcl", progress=interrupt)
    state = Path("/proc", (tmp_path / "out" / "child").read_text(), "stat")
    assert wait_until(lambda: not state.exists() or state.read_text().split()[2] == "Z")


def wait_until(condition, seconds=5):
    """Whether a condition comes true in time. (A stopped process may linger as Z until its new parent takes notice.)"""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_the_fake_is_strict(vivado):
    path = vivado("")
    assert subprocess.run([path, "-mode", "gui"], capture_output=True).returncode != 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("utilization", 'is not what report_utilization writes: it has no "Site Type"; build the design again'),
        ("timing", 'is not what report_timing_summary writes: it has no "WNS(ns)"; build the design again'),
        ("power", 'is not what report_power writes: it has no "Total On-Chip Power (W)"; build the design again'),
    ],
)
def test_a_file_that_is_no_report_is_told(tmp_path, name, message):
    path = tmp_path / f"{name}.rpt"
    path.write_text("disk full\n", encoding="utf-8")
    with pytest.raises(BuildError) as caught:
        read_reports(tmp_path)
    assert str(caught.value) == f"{path} {message}"


def test_a_missing_report_is_not_taken_for_a_design_without_constraints(tmp_path):
    (tmp_path / "utilization.rpt").write_text(UTILIZATION, encoding="utf-8")
    reports = read_reports(tmp_path)
    assert (reports.timed, reports.slack_ns, reports.power_w) == (False, None, None)
    (tmp_path / "timing.rpt").write_text(TIMING.replace("1.234", "   NA"), encoding="utf-8")
    assert (read_reports(tmp_path).timed, read_reports(tmp_path).slack_ns) == (True, None)
