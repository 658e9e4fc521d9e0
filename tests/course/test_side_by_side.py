"""Several datasets at once: each in a process of its own, each line under its dataset's name, no failure lost."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest

from mlfpga import course
from mlfpga.course import side_by_side

HERE = "from mlfpga import course\nhere = course.workspace()"

pytestmark = [pytest.mark.host, pytest.mark.slow]

BOTH = ["digits", "mnist"]


def run(names, datasets=BOTH, fresh=False):
    said = io.StringIO()
    try:
        side_by_side.run(datasets, names, fresh, said)
    finally:
        run.said = said.getvalue().splitlines()
    return run.said


def test_two_datasets_run_at_the_same_time_and_say_whose_line_it_is(little_course, monkeypatch):
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    # Each notebook waits for the other one's sign of life: one after the other would never end.
    meet = (
        "import time, pathlib\npathlib.Path(here.dataset).touch()\nuntil = time.monotonic() + 60\n"
        "while not all(pathlib.Path(name).exists() for name in ('digits', 'mnist')):\n"
        "    assert time.monotonic() < until, 'alone'\n    time.sleep(0.05)"
    )
    little_course.write("training", HERE, meet, "with here.publish('training'): pass")
    said = run(["training"])
    for name in BOTH:
        mine = [line.removeprefix(f"{name:<6}  ") for line in said if line.startswith(f"{name:<6}  ")]
        assert [line.split()[:2] for line in mine] == [["[1/1]", "lab01_02_cnn"]] * 2
        assert "done, 3 cells in" in mine[-1]
        assert course.workspace(name).need("training").is_dir()
    assert len(said) == 4
    assert all("up to date" in line for line in run(["training"])), "nothing changed"
    assert sum("done, " in line for line in run(["training"], fresh=True)) == 2


def test_a_failure_is_told_at_the_end_and_stops_no_other(little_course):
    fail = "if here.dataset == 'digits': raise ValueError('no luck')"
    little_course.write("training", HERE, fail, "with here.publish('training'): pass")
    with pytest.raises(course.StageError) as caught:
        run(["training"])
    assert str(caught.value) == (
        "digits: labs/lab01_training/02_cnn.ipynb: cell 2 (of 3) raised ValueError: no luck "
        "(the notebook as far as it came: build/labs/digits_lab01_02_cnn.html)"
    )
    assert any(line.startswith("mnist ") and "done, " in line for line in run.said)


def test_every_failure_is_told(little_course):
    little_course.write("training", "raise ValueError('no luck')")
    with pytest.raises(course.StageError) as caught:
        run(["training"])
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == BOTH


def test_interrupt_stops_all_and_starts_no_other(little_course, monkeypatch):
    slow = "import os, time; open(here.dataset, 'w').write(str(os.getpid())); time.sleep(60)"
    path = little_course.write("training", HERE, slow)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from mlfpga.course import side_by_side\nside_by_side.cores = lambda: 1\n"
        f"side_by_side.run({BOTH}, ['training'])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        started = path.parent / "digits"
        deadline = time.monotonic() + 60
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert not os.path.exists(f"/proc/{started.read_text()}"), "the kernel has ended"
    assert b"mnist" not in said and not (path.parent / "mnist").exists()
