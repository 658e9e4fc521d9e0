"""The runner: order, skipping, failures that are told, and runs that were cut off."""

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from mlfpga import course
from mlfpga.course import notebooks, runner, stages
from mlfpga.course.progress import Progress

HERE = "from mlfpga import course\nhere = course.workspace()"

pytestmark = [pytest.mark.host, pytest.mark.slow]


def run(names=None, fresh=False):
    """Run the little course; returns what the display said."""
    said = io.StringIO()
    try:
        runner.run("digits", names, fresh, Progress(said))
    finally:
        run.said = said.getvalue().splitlines()
    return run.said


def ran(said):
    """The stages that were executed, by the position the display gave them."""
    return [line.split("]")[1].split()[0] for line in said if " done, " in line]


def test_run_makes_all_stages_in_order_and_shows_their_notebooks(little_course):
    assert ran(run()) == [stage.label for stage in little_course.stages]
    shown = sorted(path.name for path in (little_course.build / "labs").iterdir())
    assert shown == sorted(
        f"digits_{stage.label}.{kind}" for stage in little_course.stages for kind in ("ipynb", "html")
    )
    assert course.workspace().metrics("board") == {"accuracy": 0.5}
    assert ran(run()) == [], "nothing changed, so nothing runs again"

    # Changing one notebook runs it and, because its content changed, what is made from it.
    little_course.write(
        "overlay",
        HERE,
        "here.need('accelerator')\nwith here.publish('overlay') as folder:\n    (folder / 'a').write_text('new')",
    )
    assert ran(run()) == ["lab04_01_block_design", "lab05_01_bundle", "lab05_02_deploy"]

    # A notebook whose text changes but whose result does not leaves the later stages alone.
    path = little_course.notebook("training")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("A remark."))
    nbformat.write(notebook, path)
    assert ran(run()) == ["lab01_02_cnn"]

    (little_course.root / "src" / "mlfpga" / "models" / "mlp.py").write_text("WIDTH = 1\n")
    assert len(ran(run(["training", "compression"]))) == 2, "the library is part of every key"


def test_fresh_runs_what_is_up_to_date(little_course):
    run(["training"])
    assert ran(run(["training"])) == []
    assert ran(run(["training"], fresh=True)) == ["lab01_02_cnn"]


def test_a_later_notebook_alone_makes_what_it_needs(little_course):
    run(["accelerator"])
    here = course.workspace()
    assert (here.need("accelerator") / "content.txt").read_text() == (
        "accelerator compression training quantization training pruning training distillation training "
    )
    executed = nbformat.read(little_course.build / "labs" / "digits_lab03_01_accelerator.ipynb", as_version=4)
    told = "".join(output.text for cell in executed.cells for output in cell.outputs if output.output_type == "stream")
    assert told.splitlines()[0] == (
        "There is no compression stage for digits yet: running labs/lab02_compression/04_together.ipynb, "
        "which makes the compressed model (usually about a minute) …"
    )
    assert told.splitlines()[1].startswith("… compression is ready, after ")


def test_the_board_alone_makes_its_bundle_first(little_course):
    said = run(["board"])
    assert said[0] == (
        "the board needs a bundle: running labs/lab05_deployment/01_bundle.ipynb first (usually under a minute)"
    )
    assert stages.record("digits", "board")["upstream"] == {"bundle": stages.digest("digits", "bundle")}


def test_failing_cell_is_named_and_its_notebook_kept(little_course):
    little_course.write("training", "1 + 1", "print('so far')", "raise ValueError('no luck')", "3")
    with pytest.raises(course.StageError) as caught:
        run()
    assert str(caught.value) == (
        "labs/lab01_training/02_cnn.ipynb: cell 3 (of 4) raised ValueError: no luck "
        "(the notebook as far as it came: build/labs/digits_lab01_02_cnn.html)"
    )
    assert "FAILED" in run.said[-1]
    kept = nbformat.read(little_course.build / "labs" / "digits_lab01_02_cnn.ipynb", as_version=4)
    assert kept.cells[1].outputs[0].text == "so far\n"
    assert kept.cells[2].outputs[0].ename == "ValueError"
    assert "no luck" in (little_course.build / "labs" / "digits_lab01_02_cnn.html").read_text()
    assert stages.digest("digits", "training") is None


def test_an_error_while_a_result_is_shown_is_named_too(little_course):
    shown = "class Shown:\n    def __repr__(self):\n        raise ValueError('no picture')\nShown()"
    little_course.write("training", "1 + 1", shown)
    with pytest.raises(course.StageError, match=r"cell 2 \(of 2\) raised ValueError: no picture \("):
        run(["training"])


def test_a_kernel_that_does_not_start_says_why(little_course, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / little_course.stages[0].kernel / "kernel.json"
    last_words = "raise SystemExit('there is no pynq here')"
    spec.write_text(json.dumps({"argv": [sys.executable, "-c", last_words], "display_name": "x", "language": "python"}))
    # In a process of its own: nothing else may be said, not even at its end.
    done = subprocess.run(
        [sys.executable, "-m", "mlfpga.cli", "run", "--only", "training"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        1,
        "mlfpga: labs/lab01_training/02_cnn.ipynb: the kernel mlfpga-host did not start: there is no pynq here "
        "(the notebook as far as it came: build/labs/digits_lab01_02_cnn.html)\n",
    )


@pytest.mark.parametrize(
    "content", ["", "<<<<<<< HEAD", "{}", "[]", '{"cells": [], "nbformat": 4, "nbformat_minor": 5}']
)
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(notebooks.NotebookError, match=f"^{path} is not a Jupyter notebook: "):
        notebooks.read(path)


def test_dead_kernel_is_explained(little_course):
    little_course.write("training", "1 + 1", "import os\nos._exit(1)")
    with pytest.raises(course.StageError) as caught:
        run()
    assert str(caught.value).startswith(
        "labs/lab01_training/02_cnn.ipynb: the kernel died in cell 2 (of 2), most often because memory ran out; "
        "close other programs and run it again: finished stages are kept"
    )


def test_missing_kernel_says_how_to_get_it(little_course):
    without = dataclasses.replace(little_course.stages[0], kernel="no-such-kernel")
    with pytest.raises(course.StageError, match="there is no Jupyter kernel no-such-kernel; `python -m"):
        runner.make_stage(without, "digits")


def test_notebook_that_publishes_nothing_is_a_failure(little_course):
    little_course.write("training", "1 + 1")
    with pytest.raises(course.StageError, match="it ended without publishing; it must end with"):
        run(["training"])


def test_board_notebook_without_results_is_a_failure_and_nothing_is_published(little_course):
    little_course.write("board", "1 + 1")
    with pytest.raises(course.StageError, match="it ended without writing results.json"):
        run()
    assert stages.digest("digits", "board") is None
    assert not [path for path in (little_course.build / "digits").iterdir() if path.name.startswith(".board")]


def test_stage_that_needs_itself_is_refused(little_course):
    little_course.write("training", HERE, "here.need('training')")
    with pytest.raises(course.StageError, match="makes the stage training and needs it itself: training"):
        run(["training"])


def test_interrupt_leaves_everything_whole_and_the_next_run_goes_on(little_course):
    slow = (
        "with here.publish('compression') as folder:\n    (folder / 'half').write_text('half')\n"
        "    import time; open('started', 'w').close(); time.sleep(60)"
    )
    path = little_course.notebook("compression")
    whole = path.read_text()
    little_course.write("compression", HERE, "here.need('training')", slow)
    # Whoever starts the tests in the background has Ctrl-C ignored, and children inherit that.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listening}; from mlfpga.course import runner; runner.run('digits')"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (path.parent / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert b"ZMQError" not in said, "a kernel that is stopped has nothing to say on the terminal"
    left = sorted(entry.name for entry in (little_course.build / "digits").iterdir())
    assert left == ["distillation", "labs", "pruning", "quantization", "training"]

    path.write_text(whole)
    assert ran(run(["training", "compression"])) == ["lab02_04_together"]


def test_record_of_a_run_is_gone_while_its_notebook_fails(little_course):
    run(["training"])
    record = little_course.build / "digits" / "labs" / "lab01_02_cnn.json"
    assert json.loads(record.read_text())["cells"] == 3
    little_course.write("training", "raise ValueError")
    with pytest.raises(course.StageError):
        run(["training"])
    assert not record.exists()
    assert os.path.isdir(little_course.build / "digits" / "training"), "the earlier stage stays"


def test_leftovers_of_killed_runs_are_swept_and_recent_ones_are_not(little_course):
    old, recent = (little_course.build / "digits" / f".training.{name}" for name in ("old", "recent"))
    for folder in (old, recent):
        folder.mkdir(parents=True)
    long_ago = time.time() - runner.LEFTOVER_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    run([])
    assert not old.exists() and recent.exists()


def test_kernel_ends_with_a_runner_that_was_killed(little_course):
    path = little_course.write("training", "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)")
    command = [sys.executable, "-c", "from mlfpga.course import runner; runner.run('digits')"]
    pid_file = path.parent / "pid"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        assert _comes(lambda: pid_file.exists() and pid_file.read_text())
        process.kill()
    assert _comes(lambda: not os.path.exists(f"/proc/{pid_file.read_text()}"))


def _comes(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_two_runs_of_a_dataset_take_turns(little_course):
    little_course.write("training", HERE, "import time; time.sleep(2)", "with here.publish('training'): pass")
    code = "from mlfpga.course import runner; runner.run('digits', ['training'])"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted((process.communicate(timeout=60)[0] for process in runs), key=len)
    assert [process.returncode for process in runs] == [0, 0]
    assert "done, " in said[0]
    assert said[1].startswith("another run of the labs on digits is under way; waiting for it\n")
    assert "up to date" in said[1]
