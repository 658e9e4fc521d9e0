#!/usr/bin/env python3
"""Set up both environments of the course under .venv/, or say what is missing before anything is installed.

    python3 environments/setup.py

Runs on the system's Python with nothing but its standard library (and in a syntax that older Pythons read, so that they
can say what is wrong). Three environments are made, from three locks:

    .venv/tools   uv, which installs the others              environments/tools.lock
    .venv/host    TensorFlow, QKeras, hls4ml, JupyterLab     environments/host.lock, then torch (pin: pyproject.toml)
    .venv/board   pynq: what a board has, and no more        environments/board.lock

An environment that was finished carries a stamp; if the stamp fits, nothing is done. An installation that was cut off
has no stamp and is made anew. Nothing outside .venv/ is written: the caches of uv and pip are in there too unless
UV_CACHE_DIR and PIP_CACHE_DIR are set.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENVS = os.path.join(ROOT, ".venv")
LOCKS = os.path.join(ROOT, "environments")
STAMP = ".mlfpga-stamp"
LOG = os.path.join(VENVS, "setup.log")

WANTED_PYTHON = (3, 11)
NEEDED_GIGABYTES = 4.0

# How long a first installation takes; shown so that nobody thinks it hangs.
USUALLY = {"tools": "a few seconds", "host": "about three minutes", "board": "about three minutes"}

CPP17 = "#include <optional>\nint main() { if constexpr (sizeof(int) > 1) return std::optional<int>(0).value(); }\n"


class SetupError(Exception):
    """What stops the set-up, told to the user as it is."""


def main():
    """Set up what is not up to date; returns the exit code."""
    try:
        python = find_python()
        pending = [name for name in ("tools", "host", "board") if not is_finished(name, python)]
        if pending:
            check_machine(python)
            with_lock(lambda: [install(name, python) for name in pending if not is_finished(name, python)])
    except SetupError as error:
        print(f"set-up stopped:\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted; the next `make` goes on from here", file=sys.stderr)
        return 130
    return 0


def find_python():
    """The Python 3.11 to build on: the one that runs this, or `python3.11` on PATH. Raises SetupError."""
    if sys.version_info[:2] == WANTED_PYTHON:
        # The interpreter itself, not an activated virtual environment that may go away.
        return os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which("python3.11")
    # A version manager's shim may be on PATH without a Python 3.11 behind it.
    if found and runs([found, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]):
        asked = subprocess.run([found, "-c", "import sys; print(sys._base_executable)"], stdout=subprocess.PIPE)
        return os.path.realpath(asked.stdout.decode().strip())
    this = "{}.{}".format(*sys.version_info[:2])
    raise SetupError(
        f"- Python 3.11 is needed (TensorFlow 2.15 and the locked packages are made for it); this is Python {this} and "
        "no python3.11 is on PATH. Install it beside this one, for example with `sudo apt install python3.11 "
        "python3.11-venv python3.11-tk` or `conda create -n python311 python=3.11`, and run "
        "`make PYTHON=/path/to/python3.11 ...`"
    )


def check_machine(python):
    """Everything an installation and the course need, checked before either starts. Raises SetupError naming all."""
    problems = [
        problem
        for problem in (
            check_linux(),
            check_module(python, "venv, ensurepip", "python3.11-venv"),
            check_module(python, "tkinter; tkinter.Tcl()", "python3-tk"),
            check_compiler(),
            check_program("make", "make"),
            check_disk(),
        )
        if problem
    ]
    if problems:
        raise SetupError("\n".join("- " + problem for problem in problems))


def check_linux():
    """None, or what to do on another system."""
    if sys.platform.startswith("linux"):
        return None
    system = sys.platform
    return (
        f"the course runs on Linux; this is {system}. On Windows use WSL 2 (Ubuntu), on a Mac a Linux virtual machine"
    )


def check_module(python, module, package):
    """None, or how to get a part of the standard library that distributions package apart."""
    if runs([python, "-c", "import " + module]):
        return None
    name = module.split(",")[0].split(";")[0]
    use = {"venv": "to make the environments", "tkinter": "whose Tcl runs Vivado's scripts without Vivado"}[name]
    return f"Python's module {name} is missing ({use}); install it with `sudo apt install {package}`"


def check_compiler():
    """None, or what is wrong with g++: it builds the C simulation of the accelerator."""
    if shutil.which("g++") is None:
        return "g++ is missing (it builds the C simulation); install it with `sudo apt install g++`"
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "check.cpp")
        with open(source, "w") as stream:
            stream.write(CPP17)
        if runs(["g++", "-std=c++17", source, "-o", os.path.join(folder, "check")]):
            return None
    asked = subprocess.run(["g++", "-dumpfullversion"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    version = asked.stdout.decode().strip() or "(of unknown version)"
    return f"g++ {version} cannot compile C++17; version 9 or later can, install it with `sudo apt install g++`"


def check_program(program, package):
    """None, or how to get a program that is not on PATH."""
    if shutil.which(program):
        return None
    return f"{program} is missing; install it with `sudo apt install {package}`"


def check_disk():
    """None, or how much space is free and how much the environments need."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free >= NEEDED_GIGABYTES:
        return None
    return (
        f"{free:.1f} GB are free in {ROOT} and the environments need {NEEDED_GIGABYTES:.1f} GB; "
        "free some space or move the checkout to another disk"
    )


def is_finished(name, python):
    """True if an environment was finished for this lock, this Python and this very folder."""
    try:
        with open(os.path.join(VENVS, name, STAMP)) as stream:
            stamped = stream.read()
    except OSError:
        return False
    # A link to a Python that has been removed is not a file; then the environment is made anew.
    return stamped == stamp(name, python) and os.path.isfile(environment_python(name))


def stamp(name, python):
    """What an environment was made from. The folder is part of it: virtual environments hold absolute paths."""
    digest = hashlib.sha256()
    files = [lock(name), os.path.abspath(__file__)]
    if name != "tools":
        files += [os.path.join(ROOT, "pyproject.toml"), os.path.join(ROOT, "src", "mlfpga", "course", "kernels.py")]
    for path in files:
        with open(path, "rb") as stream:
            digest.update(stream.read())
    return f"{ROOT}\n{python}\n{digest.hexdigest()}\n"


def install(name, python):
    """Make one environment and stamp it. Raises SetupError."""
    started = time.time()
    print(f"setting up .venv/{name} ({USUALLY[name]} the first time) ...", flush=True)
    folder = os.path.join(VENVS, name)
    stamp_file = os.path.join(folder, STAMP)
    if os.path.exists(stamp_file) and was_made_here(name, python):
        os.remove(stamp_file)  # it was whole for an earlier lock and needs only the difference
    else:
        # Cut off in the middle, or moved here with the checkout: made anew, from what was downloaded before.
        shutil.rmtree(folder, ignore_errors=True)
    {"tools": install_tools, "host": install_host, "board": install_board}[name](python)
    with open(stamp_file + ".new", "w") as stream:
        stream.write(stamp(name, python))
    os.replace(stamp_file + ".new", stamp_file)
    print(f"... .venv/{name} is ready, after {time.time() - started:.0f} s", flush=True)


def was_made_here(name, python):
    """True if the environment was made in this place (it holds absolute paths) and from this Python."""
    folder = os.path.join(VENVS, name)
    try:
        with open(os.path.join(folder, "pyvenv.cfg")) as stream:
            made_from = re.search(r"^home = (.*)$", stream.read(), re.MULTILINE).group(1).strip()
        with open(os.path.join(folder, "bin", "activate")) as stream:
            here = folder in stream.read()
    except (OSError, AttributeError):
        return False
    return here and os.path.realpath(made_from) == os.path.dirname(python) and os.path.isfile(environment_python(name))


def install_tools(python):
    """uv, installed by pip into an environment of its own."""
    run([python, "-m", "venv", "--clear", os.path.join(VENVS, "tools")])
    pip = [environment_python("tools"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    run(pip + ["install", "--requirement", lock("tools")])


def install_host(python):
    """The workshop machine, with the course's two Jupyter kernels."""
    install_locked("host", python)
    install_torch()
    board_python = environment_python("board")
    run([environment_python("host"), "-m", "mlfpga.course.kernels", "--board", board_python])


def install_board(python):
    """The board's packages."""
    install_locked("board", python)


def install_locked(name, python):
    """Exactly the packages of the lock, and this checkout itself, editable."""
    uv = os.path.join(VENVS, "tools", "bin", "uv")
    if not os.path.isfile(environment_python(name)):
        run([uv, "venv", "--quiet", "--python", python, os.path.join(VENVS, name)])
    into = ["--python", environment_python(name)]
    run([uv, "pip", "sync"] + into + [lock(name)])
    # The lock brings setuptools, so nothing more is fetched to build the checkout.
    run([uv, "pip", "install"] + into + ["--no-deps", "--no-build-isolation", "--editable", ROOT])


def install_torch():
    """PyTorch, last: `uv pip sync` removes what is not in the lock. Raises SetupError.

    pip and not uv, so that PIP_EXTRA_INDEX_URL can name an index of CPU builds; without dependencies, which are in the
    lock: nothing comes that is not pinned. The build for CUDA cannot be imported without its libraries; where only that
    one is found, they come after all.
    """
    pip = [environment_python("tools"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = pip + ["--python", environment_python("host"), "install"]
    run(install + ["--no-deps", torch_pin()])
    if imports_torch():
        return
    print(
        f"... {torch_pin()} is the build for CUDA: its libraries, several GB, come too. (To do without them, set "
        "PIP_EXTRA_INDEX_URL to PyTorch's index of CPU builds, which pytorch.org names under `Get Started`, remove "
        ".venv/host and begin again.)",
        flush=True,
    )
    run(install + [torch_pin()])
    if not imports_torch():
        raise SetupError(
            f"- {torch_pin()} was installed and cannot be imported; its CPU build can: pytorch.org names an index of "
            "CPU builds under `Get Started` (Linux, Pip, CPU); run the same command again with PIP_EXTRA_INDEX_URL set "
            "to its address"
        )


def imports_torch():
    """True if the workshop machine's environment can import PyTorch."""
    return runs([environment_python("host"), "-c", "import torch"])


def torch_pin():
    """`torch==<version>`, from pyproject.toml (read as text: an older Python must get as far as its message)."""
    with open(os.path.join(ROOT, "pyproject.toml")) as stream:
        return re.search(r'^torch = \["(torch==[^"]+)"\]$', stream.read(), re.MULTILINE).group(1)


def lock(name):
    """The lock file of an environment."""
    return os.path.join(LOCKS, name + ".lock")


def environment_python(name):
    """The interpreter of an environment."""
    return os.path.join(VENVS, name, "bin", "python")


def run(command):
    """Run a step of an installation, its output going to the log. Raises SetupError if it fails."""
    environment = dict(os.environ)
    environment.setdefault("UV_CACHE_DIR", os.path.join(VENVS, "cache"))
    environment.setdefault("PIP_CACHE_DIR", os.path.join(VENVS, "pip-cache"))
    # Settings of an environment the user has activated must not lead an installer elsewhere.
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"):
        environment.pop(name, None)
    with open(LOG, "wb") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment).returncode
    if code:
        with open(LOG, errors="replace") as log:
            raise SetupError(explain(command, log.read()))


def explain(command, log):
    """One message for an installation step that failed: the network, the disk, or the end of its own words."""
    again = "run the same command again, it goes on from here"
    if re.search(r"No space left on device|os error 28|Disk quota exceeded", log):
        return "- the disk became full; free some space and " + again
    network = r"dns error|error sending request|failed to (fetch|lookup|download)|connect(ion)? (error|refused)"
    network += r"|timed out|NewConnectionError|Network is unreachable|network connectivity is disabled"
    network += r"|\(from versions: none\)"  # pip's way of saying that no index answered
    if re.search(network, log, re.IGNORECASE):
        return (
            "- the packages could not be downloaded: the package index cannot be reached. Connect to the network "
            f"(behind a proxy set HTTPS_PROXY) and {again} (details: {os.path.relpath(LOG, ROOT)})"
        )
    step = " ".join(os.path.basename(word) for word in command)
    last = "\n".join("    " + line for line in log.strip().splitlines()[-12:])
    return f"- `{step}` failed; its last words were\n{last}"


def with_lock(work):
    """Do `work` while no other set-up of this checkout runs; two at once would undo each other."""
    import fcntl  # not there on Windows, where check_machine has spoken before

    os.makedirs(VENVS, exist_ok=True)
    with open(os.path.join(VENVS, "setup.lock"), "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another set-up of this checkout is running; waiting for it ...", flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        work()


def runs(command):
    """True if a command can be started and ends well; what it says is not shown."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
