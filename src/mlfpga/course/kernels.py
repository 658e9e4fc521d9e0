"""The two Jupyter kernels of the course, installed into the environment that runs this module.

    python -m mlfpga.course.kernels [--board PYTHON]

`make` calls it; someone who uses conda calls it once after creating the environment.
"""

import argparse
import json
import sys
from pathlib import Path

from mlfpga.artifacts import course_root, writing_folder
from mlfpga.course.stages import BOARD_KERNEL, HOST_KERNEL

# TensorFlow's start-up chatter and the debugger's warning about frozen modules would stand in every notebook.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}

# What ipykernel can do; without it the kernel warns of unencrypted messages at every start.
METADATA = {"debugger": True, "supported_encryption": ["curve"]}


def kernel_specs(host_python: Path, board_python: Path) -> dict[str, dict]:
    """The content of both `kernel.json` files, by kernel name."""
    return {
        HOST_KERNEL: _spec("mlfpga (host)", host_python, "ipykernel_launcher"),
        BOARD_KERNEL: _spec("AUP-ZU3 (virtual)", board_python, "mlfpga.board.kernel"),
    }


def install(prefix: Path, host_python: Path, board_python: Path) -> list[Path]:
    """Write both kernels under `prefix`/share/jupyter/kernels; returns their folders."""
    folders = []
    for name, spec in kernel_specs(host_python, board_python).items():
        target = prefix / "share" / "jupyter" / "kernels" / name
        with writing_folder(target) as folder:
            (folder / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n")
        folders.append(target)
    return folders


def default_board_python() -> Path:
    """The interpreter of the board environment that `make` sets up."""
    return course_root() / ".venv" / "board" / "bin" / "python"


def _spec(display_name: str, python: Path, module: str) -> dict:
    return {
        "argv": [str(python), "-m", module, "-f", "{connection_file}"],
        "display_name": display_name,
        "language": "python",
        "env": QUIET,
        "metadata": METADATA,
    }


def main(arguments: list[str] | None = None) -> int:
    """Install both kernels and say where."""
    parser = argparse.ArgumentParser(prog="python -m mlfpga.course.kernels", description=__doc__.split("\n")[0])
    parser.add_argument("--board", type=Path, default=None, help="the board environment's Python interpreter")
    chosen = parser.parse_args(arguments)
    for folder in install(Path(sys.prefix), Path(sys.executable), chosen.board or default_board_python()):
        print(f"kernel {folder.name} is in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
