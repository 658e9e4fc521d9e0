"""The command line: `mlfpga VERB …`, one verb per stage of the course.

Verbs are thin: each parses its arguments and calls one room. Rooms are imported inside the verbs, so that help is
instant in either environment. Exit codes: 0 it worked, 1 it did not (one line on stderr says why), 2 wrong usage.
"""

import argparse
import os
import sys
from importlib.metadata import version

from mlfpga.cli import data, hardware, labs, pipeline, publishing, synthesis, vivado
from mlfpga.cli.verbs import UsageError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

EPILOG = """\
the path through the course, one verb per step:
  mlfpga data digits                   what the network will learn from
  mlfpga run                           all labs, headless; then open build/report/index.html
  mlfpga run --only training           one lab, alone
  mlfpga simulate SIM INPUT.npy        feed an accelerator's C simulation
  mlfpga vivado graph                  look at the block design without Vivado
  mlfpga bundle verify FOLDER          check what goes to the board
  mlfpga board run NOTEBOOK            run a notebook on the virtual AUP-ZU3

`mlfpga VERB --help` explains a verb, with examples.
"""


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, do the work, return the exit code."""
    chosen = parser().parse_args(arguments)
    _resolve_folders()
    try:
        return chosen.work(chosen) or OK
    except KeyboardInterrupt:
        print("\nmlfpga: interrupted; what was finished is kept and the next run goes on from there", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`mlfpga … | head`): no failure of ours, and nothing more to write.
        sys.stderr.close()
        return OK
    except UsageError as error:
        print(f"mlfpga: {error}", file=sys.stderr)
        return USAGE
    except Exception as error:
        if chosen.debug:
            raise
        print(f"mlfpga: {explain(error)}", file=sys.stderr)
        return FAILED


def _resolve_folders() -> None:
    """Make folders in the environment absolute, as seen from here: notebooks run elsewhere and inherit them."""
    for name in ("MLFPGA_ROOT", "MLFPGA_BUILD", "MLFPGA_CACHE", "MLFPGA_DATA"):
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(os.environ[name])


def explain(error: Exception) -> str:
    """One message for an error: the course's own words, or what Python says and how to see more."""
    if type(error).__module__.startswith("mlfpga."):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return str(error) if error.filename is None else f"{error.filename} is not there"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ModuleNotFoundError):
        return f"this environment has no {error.name}; use the other one (.venv/host or .venv/board)"
    return f"{type(error).__name__}: {error} (`mlfpga --debug …` shows where)"


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="mlfpga",
        description="From a trained neural network to an accelerator on an AUP-ZU3, verified bit by bit on a laptop.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mlfpga {version('mlfpga')}")
    top.add_argument("--debug", action="store_true", help="show Python's traceback if the work fails")
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for room in (labs, data, vivado, pipeline, synthesis, hardware, publishing):
        room.add_verbs(verbs)
    return top
