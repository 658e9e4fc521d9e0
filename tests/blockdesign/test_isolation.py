"""A script that asks for too much is ended, and its caller lives on."""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mlfpga.blockdesign import ScriptError, dry_run, isolation
from mlfpga.blockdesign.isolation import Stopped, in_own_process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits need Linux")


def test_an_answer_comes_back_whole():
    answer = {"text": "x" * 5_000_000, "process": 0}
    assert in_own_process(lambda: answer, 20) == answer
    assert in_own_process(os.getpid, 20) != os.getpid()


def test_an_error_comes_back_as_it_was():
    def fail():
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        in_own_process(fail, 20)


def test_a_script_s_error_keeps_its_line(script):
    with pytest.raises(ScriptError) as caught:
        dry_run(script("puts good\nbad\n"))
    assert str(caught.value) == 'script.tcl:2: unknown command "bad"'
    assert (caught.value.message, caught.value.where.line) == ('unknown command "bad"', 2)


@pytest.mark.parametrize(
    "bomb",
    [
        "set x a; while 1 {append x $x}",
        "llength [lrepeat 200000000 a]",
        "binary format a2000000000 x",
    ],
)
def test_a_script_that_asks_for_all_memory_is_ended(script, bomb):
    with pytest.raises(ScriptError) as caught:
        dry_run(script(bomb))
    assert str(caught.value) == "script.tcl: stopped: it asked for more than 1 GB of memory"


def test_memory_that_python_lacks_is_told_in_the_same_words():
    with pytest.raises(Stopped, match="stopped: it asked for more than 1 GB of memory"):
        in_own_process(lambda: len(bytearray(2 << 30)), 20)


@pytest.mark.parametrize(
    "endless",
    [
        "expr {1 << 2000000000}",
        "create_project p; create_bd_design d; create_bd_cell -type hier [string repeat a 60]\n"
        "get_bd_cells -regexp {(a+)+b}",
    ],
)
def test_a_single_command_that_does_not_end_is_ended(script, endless, monkeypatch):
    monkeypatch.setattr("mlfpga.blockdesign._PATIENCE_S", 0.5)
    started = time.monotonic()
    with pytest.raises(ScriptError) as caught:
        dry_run(script(endless), seconds=0.5)
    assert str(caught.value) == "script.tcl: stopped after 1 s: one of its commands does not end"
    assert time.monotonic() - started < 5


def test_a_script_cannot_fill_the_disk(script, monkeypatch):
    monkeypatch.setattr(isolation, "_FILE_SIZE", 1000)
    with pytest.raises(ScriptError, match=r"script.tcl:2: .*file too large"):
        dry_run(script("set channel [open out w]\nputs $channel [string repeat x 9000]; flush $channel"))


def test_nothing_is_left_of_work_that_was_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def write_and_wait():
        Path(tempfile.mkdtemp(), "file").write_text("x", encoding="utf-8")
        time.sleep(60)

    with pytest.raises(Stopped):
        in_own_process(write_and_wait, 0.5)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_caller_ends_the_work(monkeypatch, tmp_path):
    monkeypatch.setattr(isolation, "_receive", lambda receiver, seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    alive = tmp_path / "alive"

    def late():
        time.sleep(0.5)
        alive.touch()

    with pytest.raises(KeyboardInterrupt):
        in_own_process(late, 20)
    time.sleep(0.8)
    assert not alive.exists()


def test_the_caller_s_garbage_is_left_alone(tmp_path):
    """Collected in the child, an object may wait for a thread that was not forked, or end the process."""
    collected = tmp_path / "collected"

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            collected.touch()

    gc.collect()
    gc.disable()
    try:
        Garbage()
        in_own_process(gc.collect, 20)
        assert not collected.exists()
    finally:
        gc.enable()
    gc.collect()
    assert collected.exists(), "it was garbage"
