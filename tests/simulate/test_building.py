"""What was built is built once and stays whole, and a build that is killed leaves neither compilers nor litter."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlfpga.simulate import SimulationError
from mlfpga.simulate.building import STAMP, Tools, build_once

KEY = "0123456789abcdef0123"
# "Compiles" for a long time, in a process of the process that we start.
SLOW = """
import sys
from pathlib import Path
from mlfpga.simulate.building import Tools, build_once
def make(made):
    (made / "half").touch()
    with Tools(made) as tools:
        tools.run_all(tools.run, [["sh", "-c", f"sleep 300 & echo $! >> {sys.argv[2]}; wait"]] * 2)
build_once(Path(sys.argv[1]), "it", make)
"""
TOGETHER = """
import sys, time
from pathlib import Path
from mlfpga.simulate.building import build_once
log = Path(sys.argv[2])
def note(what):
    with open(log, "a") as file:
        file.write(what + "\\n")
def make(made):
    note("made")
    while log.read_text().count("here") < int(sys.argv[3]):
        time.sleep(0.01)
    time.sleep(0.5)
    (made / "result").write_text("whole")
note("here")
print((build_once(Path(sys.argv[1]), "it", make) / "result").read_text())
"""


def fill(made: Path) -> None:
    (made / "deep").mkdir()
    (made / "library.so").write_bytes(b"library" * 100)
    (made / "deep/rom.dat").write_text("12\n")


def until(condition, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_killed_leaves_no_compiler_and_the_next_build_sweeps(tmp_path, how):
    kept, log = tmp_path / f"cache/it-{KEY}", tmp_path / "compilers"
    # Of a shell's background jobs SIGINT is ignored, and that is inherited; a terminal's process does not ignore it.
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + SLOW]
    build = subprocess.Popen([*command, str(kept), str(log)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    compilers = until(lambda: log.exists() and len(lines := log.read_text().split()) == 2 and [int(p) for p in lines])
    assert all(runs(process) for process in compilers)
    build.send_signal(how)
    build.wait(timeout=10)
    until(lambda: not any(runs(process) for process in compilers), 5)
    assert not kept.exists()
    build_once(kept.with_name(f"other-{KEY}"), "the other", fill)
    assert [path.name for path in kept.parent.iterdir()] == [f"other-{KEY}"]


def test_of_two_that_build_the_same_one_builds_and_the_other_waits(tmp_path):
    command = [sys.executable, "-c", TOGETHER, str(tmp_path / f"it-{KEY}"), str(tmp_path / "log"), "2"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=20)[0] for process in both)
    assert said == [
        "another process is building it; waiting for it …\nwhole\n",
        "building it (once; usually under a minute) …\nwhole\n",
    ]
    assert (tmp_path / "log").read_text().count("made") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"it-{KEY}", "log"]


def test_who_waited_for_a_build_that_was_killed_builds_itself(tmp_path):
    kept, log = tmp_path / f"it-{KEY}", tmp_path / "compilers"
    first = subprocess.Popen([sys.executable, "-c", SLOW, str(kept), str(log)], stdout=subprocess.DEVNULL)
    until(log.exists)
    command = [sys.executable, "-c", TOGETHER, str(kept), str(tmp_path / "log"), "1"]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert second.stdout.readline() == "another process is building it; waiting for it …\n"
    first.kill()
    first.wait()
    assert second.communicate(timeout=20)[0] == "building it (once; usually under a minute) …\nwhole\n"
    assert sorted(path.name for path in kept.iterdir()) == ["result", STAMP]


def test_what_a_running_build_uses_is_not_swept(tmp_path):
    log = tmp_path / "compilers"
    command = [sys.executable, "-c", SLOW, str(tmp_path / f"it-{KEY}"), str(log)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        until(log.exists)
        before = sorted(tmp_path.glob(".it-*"))
        build_once(tmp_path / f"other-{KEY}", "the other", fill)
        assert sorted(tmp_path.glob(".it-*")) == before and len(before) == 2
        running.kill()


def cut(folder: Path) -> None:
    os.truncate(folder / "library.so", 100)


def change(folder: Path) -> None:
    (folder / "deep/rom.dat").write_text("13\n")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        change,
        lambda folder: (folder / "library.so").unlink(),
        lambda folder: (folder / STAMP).unlink(),
        lambda folder: (folder / STAMP).write_bytes(b"\xff\n"),
        lambda folder: shutil.rmtree(folder / "deep"),
    ],
)
def test_what_was_damaged_is_built_again(tmp_path, capsys, damage):
    folder = tmp_path / f"it-{KEY}"
    build_once(folder, "it", fill)
    build_once(folder, "it", lambda made: pytest.fail("built twice"))
    assert capsys.readouterr().out == "building it (once; usually under a minute) …\n"
    damage(folder)
    build_once(folder, "it", fill)
    assert capsys.readouterr().out == "building it (it is damaged in the cache) …\n"
    assert (folder / "library.so").read_bytes() == b"library" * 100
    assert (folder / "deep/rom.dat").read_text() == "12\n"
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_the_stamp_is_what_sha256sum_checks(tmp_path):
    folder = build_once(tmp_path / f"it-{KEY}", "it", fill, announce=False)
    checked = subprocess.run(["sha256sum", "-c", STAMP], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0 and checked.stdout == "deep/rom.dat: OK\nlibrary.so: OK\n"


def test_the_first_failure_ends_the_other_compilers(tmp_path):
    def work(command):
        if tools.run(command).returncode:
            raise SimulationError(f"{command[-1]} failed")

    begun = time.monotonic()
    with pytest.raises(SimulationError, match="^exit 3 failed$"), Tools(tmp_path) as tools:
        tools.run_all(work, [["sh", "-c", "exit 3"], ["sleep", "300"], ["sleep", "301"]])
    assert time.monotonic() - begun < 5


def test_a_tools_outputs_status_and_place_for_temporary_files(tmp_path):
    with Tools(tmp_path) as tools:
        done = tools.run(["sh", "-c", "echo out $TMPDIR; echo err >&2; exit 7"])
        assert (done.stdout, done.stderr, done.returncode) == (f"out {tmp_path}\n", "err\n", 7)
        assert tools.run(["cat"]).stdout == ""  # nothing to read: our pipe is not its input
        assert tools.run(["env"], {"ONLY": "this"}).stdout.count("ONLY=this\n") == 1
        with pytest.raises(SimulationError) as error:
            tools.run(["sh", "-c", "echo 'cc1plus: No space left on device' >&2; exit 1"])
    assert str(error.value) == "the disk became full while sh ran; free some space and run again"


def test_where_files_cannot_be_locked_it_is_built_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("mlfpga.simulate.building.fcntl.flock", refuse)
    folder = build_once(tmp_path / f"it-{KEY}", "it", fill)
    assert (folder / "library.so").exists()
