"""Resolve the packages of both environments anew: environments/{host,board}.lock and environment.yaml.

Called by `make lock`; the ranges are those of pyproject.toml. The conda environment of the workshop machine gets the
very pins of host.lock and the pin of PyTorch, so that `make` and conda users work with the same packages.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "environments"
EXTRAS = {"host": ("host", "test"), "board": ("board", "test")}
PYTHON = "3.11"

CONDA_HEAD = f"""\
# The workshop machine as a conda environment: the pins of environments/host.lock and torch, written by `make lock`.
# Without a CUDA card, first set PIP_EXTRA_INDEX_URL to the index of PyTorch's CPU builds: it saves several GB.
#     conda env create -f environment.yaml && conda activate mlfpga && python -m mlfpga.course.kernels
name: mlfpga
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={PYTHON}
  - pip
  - pip:
      - -e .
"""


def resolve(name: str) -> None:
    """Write `environments/<name>.lock` from the extras of pyproject.toml."""
    extras = [word for extra in EXTRAS[name] for word in ("--extra", extra)]
    command = [str(ROOT / ".venv" / "tools" / "bin" / "uv"), "pip", "compile", "--quiet", "pyproject.toml", *extras]
    command += ["--python-version", PYTHON, "--python-platform", "linux", "--no-annotate"]
    command += ["--custom-compile-command", "make lock", "--upgrade", "--output-file", f"environments/{name}.lock"]
    subprocess.run(command, cwd=ROOT, check=True)


def pins(lock: str) -> list[str]:
    """The `name==version` lines of a lock."""
    return [line for line in lock.splitlines() if line and not line.startswith("#")]


def torch_pin(project: str) -> str:
    """`torch==<version>` from the text of pyproject.toml, the one place where it stands."""
    return re.search(r'^torch = \["(torch==[^"]+)"\]$', project, re.MULTILINE).group(1)


def conda_environment(lock: str, project: str) -> str:
    """The text of environment.yaml for a lock and a pyproject.toml."""
    return CONDA_HEAD + "".join(f"      - {pin}\n" for pin in [*pins(lock), torch_pin(project)])


def main() -> int:
    """Resolve both, then write environment.yaml."""
    for name in EXTRAS:
        try:
            resolve(name)
        except subprocess.CalledProcessError:
            print(
                f"environments/{name}.lock was not changed: the packages cannot be resolved, see above", file=sys.stderr
            )
            return 1
    texts = [path.read_text() for path in (LOCKS / "host.lock", ROOT / "pyproject.toml")]
    (ROOT / "environment.yaml").write_text(conda_environment(*texts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
