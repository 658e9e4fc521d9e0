"""Executing one notebook in its kernel, headless, and keeping what came out: the notebook with its outputs, and HTML.

The kernel runs under a worker thread, so that this works inside another kernel too (a lab that needs an earlier stage)
and so that the main thread is free for the progress display and for Ctrl-C.
"""

import asyncio
import atexit
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from mlfpga.artifacts import writing

# How long a cell that was interrupted may tidy up before its kernel is ended.
TIDY_UP_SECONDS = 10

# Messages between us and the kernel are encrypted; unencrypted ones make every kernel warn on the terminal.
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})

Report = Callable[[int, int, float], None]  # code cell number (from 1; 0 = starting), code cells, seconds so far


@dataclass(frozen=True)
class Outcome:
    """What became of a notebook: its outputs so far, how long it took, and what went wrong (None if nothing)."""

    notebook: NotebookNode
    cells: int
    seconds: float
    failure: str | None = None


class NotebookError(Exception):
    """A file that is not a notebook."""


def read(path: Path) -> NotebookNode:
    """A notebook, checked against the notebook format. Raises NotebookError if it is not valid."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    # Content of another shape makes nbformat fail in ways of its own.
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise NotebookError(f"{path} is not a Jupyter notebook: {str(error).splitlines()[0]}") from error
    return notebook


def execute(path: Path, folder: Path, kernel: str, environment: dict[str, str], report: Report) -> Outcome:
    """Run all cells of the notebook at `path` in a new kernel whose working folder is `folder`.

    `environment` is added to this process's own. `report` is called about twice a second. A failing cell ends the run
    and is told in the outcome; KeyboardInterrupt interrupts the cell, ends the kernel and is raised again.
    """
    run = _Run(read(path), folder, kernel, environment)
    run.start()
    try:
        while run.is_alive():
            report(run.cell, run.cells, run.seconds)
            run.join(0.5)
    except KeyboardInterrupt:
        run.stop()
        raise
    return run.outcome()


def save(notebook: NotebookNode, target: Path, beside: Path) -> None:
    """Write an executed notebook to `target` (.ipynb) and its HTML next to it.

    `beside` is the folder that the notebook's own relative pictures are found from; they are embedded in the HTML.
    """
    from nbconvert import HTMLExporter

    with writing(target) as temporary:
        nbformat.write(notebook, temporary)
    exporter = HTMLExporter(template_name="lab", embed_images=True)
    resources = {"metadata": {"name": target.stem, "path": str(beside)}}
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    with writing(target.with_suffix(".html")) as temporary:
        temporary.write_text(html, encoding="utf-8")


class _Run(threading.Thread):
    """One notebook in one kernel, driven from a thread with an event loop of its own."""

    def __init__(self, notebook: NotebookNode, folder: Path, kernel: str, environment: dict[str, str]):
        super().__init__(daemon=True, name=f"notebook in {kernel}")
        self.notebook = notebook
        self.kernel = kernel
        self.environment = {**os.environ, **environment}
        # Numbered as a person sees them after a run from the top: In [1], In [2], …; empty cells are not executed.
        code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
        self.numbers = {index: number for number, index in enumerate(code, start=1)}
        self.cells = len(code)
        self.cell = 0
        self.failure: str | None = None
        self.client = NotebookClient(
            notebook,
            kernel_name=kernel,
            timeout=None,
            resources={"metadata": {"path": str(folder)}},
            on_cell_execute=self._note_cell,
            shutdown_kernel="graceful",
            config=ENCRYPTED,
        )
        self._began = time.monotonic()
        self._ended: float | None = None
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task | None = None
        self._crash: BaseException | None = None
        self._current: NotebookNode | None = None

    def run(self) -> None:
        # What a kernel says outside its cells goes to a file: it matters only if the kernel does not come up.
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            self._run(said)

    def _run(self, said: TextIO) -> None:
        try:
            self._task = self._loop.create_task(self.client.async_execute(env=self.environment, stderr=said))
            self._loop.run_until_complete(self._task)
        except CellExecutionError as error:
            self.failure = f"cell {self.cell} (of {self.cells}) raised {self._raised(error)}"
        except DeadKernelError:
            self.failure = (
                f"the kernel died in cell {self.cell} (of {self.cells}), most often because memory ran out; "
                "close other programs and run it again: finished stages are kept"
            )
        except NoSuchKernel:
            self.failure = (
                f"there is no Jupyter kernel {self.kernel}; `python -m mlfpga.course.kernels` installs the course's "
                "two kernels, and `make` does it for you"
            )
        except asyncio.CancelledError:
            self.failure = f"stopped in cell {self.cell} (of {self.cells})"
        except RuntimeError as error:  # what nbclient raises when a kernel does not come up
            self.failure = f"the kernel {self.kernel} did not start: {_last_line(said) or error}"
        except BaseException as error:  # handed to the main thread, which raises it
            self._crash = error
        finally:
            self._ended = time.monotonic()
            self._loop.close()
            # nbclient forgets this after a kernel that did not start, and would fail at Python's exit.
            atexit.unregister(self.client._cleanup_kernel)

    @property
    def seconds(self) -> float:
        """How long it has taken, or took."""
        return (self._ended or time.monotonic()) - self._began

    def stop(self) -> None:
        """Interrupt the cell as Jupyter's stop button does; if it does not end in time, end the kernel."""
        manager = self.client.km
        if manager is not None and manager.has_kernel:
            asyncio.run_coroutine_threadsafe(manager.interrupt_kernel(), self._loop)
            self.join(TIDY_UP_SECONDS)
        if self.is_alive() and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self.join(TIDY_UP_SECONDS)

    def outcome(self) -> Outcome:
        """What came out, once the thread has ended."""
        if self._crash is not None:
            raise self._crash
        return Outcome(self.notebook, self.cells, self.seconds, self.failure)

    def _note_cell(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell = self.numbers.get(cell_index, self.cell)
        self._current = cell

    def _raised(self, error: CellExecutionError) -> str:
        # An error raised while a result is shown stands in the cell's output; the kernel's reply has no name for it.
        shown = [output for output in self._current.outputs if output.output_type == "error"]
        told = shown[-1] if shown else error
        return f"{told.ename}: {told.evalue}"


def _last_line(said: TextIO) -> str:
    """The last line that was said, if any."""
    said.seek(0)
    lines = [line.strip() for line in said if line.strip()]
    return lines[-1] if lines else ""
