"""The set-up says what is missing before it installs anything, and knows when there is nothing to do."""

import collections
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.host


def load(name):
    spec = importlib.util.spec_from_file_location(f"environments_{name}", ROOT / "environments" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """The set-up script, aimed at an empty checkout, with every installation step recorded instead of run."""
    module = load("setup")
    checkout = tmp_path / "checkout"
    for folder in ("environments", "src/mlfpga/course"):
        (checkout / folder).mkdir(parents=True)
    for file in ("host.lock", "board.lock", "tools.lock"):
        (checkout / "environments" / file).write_text(f"# {file}\n")
    (checkout / "pyproject.toml").write_text("")
    (checkout / "src/mlfpga/course/kernels.py").write_text("")
    monkeypatch.setattr(module, "ROOT", str(checkout))
    monkeypatch.setattr(module, "VENVS", str(checkout / ".venv"))
    monkeypatch.setattr(module, "LOCKS", str(checkout / "environments"))
    monkeypatch.setattr(module, "LOG", str(checkout / ".venv" / "setup.log"))
    module.installed = []

    def pretend(name):
        def install(python):
            module.installed.append(name)
            bin_folder = checkout / ".venv" / name / "bin"
            bin_folder.mkdir(parents=True, exist_ok=True)
            (bin_folder / "python").write_text("")
            (bin_folder / "activate").write_text(f"VIRTUAL_ENV={bin_folder.parent}")
            (bin_folder.parent / "pyvenv.cfg").write_text(f"home = {os.path.dirname(python)}\n")

        return install

    module.real_install_host = module.install_host
    for name in ("tools", "host", "board"):
        monkeypatch.setattr(module, f"install_{name}", pretend(name))
    return module


def checkout_of(setup):
    return Path(setup.ROOT)


def test_everything_is_installed_once_and_the_second_run_does_nothing(setup):
    assert setup.main() == 0
    assert setup.installed == ["tools", "host", "board"]
    assert setup.main() == 0
    assert setup.installed == ["tools", "host", "board"]


def test_changed_lock_updates_its_environment_only(setup):
    setup.main()
    (checkout_of(setup) / "environments" / "board.lock").write_text("numpy==1.26.4\n")
    kept = checkout_of(setup) / ".venv" / "board" / "kept"
    kept.write_text("")
    setup.installed.clear()
    assert setup.main() == 0
    assert setup.installed == ["board"]
    assert kept.exists(), "a whole environment is updated, not made anew"


def test_installation_that_was_cut_off_is_made_anew(setup):
    setup.main()
    host = checkout_of(setup) / ".venv" / "host"
    (host / setup.STAMP).unlink()
    (host / "half").write_text("")
    setup.installed.clear()
    assert setup.main() == 0
    assert setup.installed == ["host"]
    assert not (host / "half").exists()


def test_failing_installation_leaves_no_stamp(setup, monkeypatch, capsys):
    def fail(python):
        raise setup.SetupError("- the cable is out")

    monkeypatch.setattr(setup, "install_host", fail)
    assert setup.main() == 1
    assert capsys.readouterr().err == "set-up stopped:\n- the cable is out\n"
    assert not setup.is_finished("host", setup.find_python())
    assert setup.is_finished("tools", setup.find_python())


def test_moved_checkout_is_noticed_and_its_environments_made_anew(setup, monkeypatch, tmp_path):
    setup.main()
    moved = tmp_path / "moved"
    checkout_of(setup).rename(moved)
    (moved / ".venv" / "host" / "old").write_text("")
    monkeypatch.setattr(setup, "ROOT", str(moved))
    monkeypatch.setattr(setup, "VENVS", str(moved / ".venv"))
    monkeypatch.setattr(setup, "LOCKS", str(moved / "environments"))
    python = setup.find_python()
    assert not any(setup.is_finished(name, python) for name in ("tools", "host", "board"))
    assert not setup.was_made_here("host", python)


def test_machine_without_a_compiler_is_told_before_anything_is_installed(setup, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup, "check_module", lambda *_: None)
    assert setup.main() == 1
    assert capsys.readouterr().err == (
        "set-up stopped:\n"
        "- g++ is missing (it builds the C simulation); install it with `sudo apt install g++`\n"
        "- make is missing; install it with `sudo apt install make`\n"
    )
    assert setup.installed == []
    assert not (checkout_of(setup) / ".venv").exists()


def test_compiler_without_cpp17_is_told_with_its_version(setup, monkeypatch, tmp_path):
    old = tmp_path / "g++"
    old.write_text('#!/bin/sh\n[ "$1" = -dumpfullversion ] && echo 4.8.5 && exit 0\nexit 1\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.check_compiler() == (
        "g++ 4.8.5 cannot compile C++17; version 9 or later can, install it with `sudo apt install g++`"
    )


def test_this_machines_compiler_passes(setup):
    assert setup.check_compiler() is None


def test_wrong_python_is_told_how_to_get_the_right_one(setup, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(setup.sys, "version_info", (3, 12, 1))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.main() == 1
    assert capsys.readouterr().err == (
        "set-up stopped:\n"
        "- Python 3.11 is needed (TensorFlow 2.15 and the locked packages are made for it); this is Python 3.12 and no "
        "python3.11 is on PATH. Install it beside this one, for example with `sudo apt install python3.11 "
        "python3.11-venv python3.11-tk` or `conda create -n python311 python=3.11`, and run "
        "`make PYTHON=/path/to/python3.11 ...`\n"
    )
    assert setup.installed == []


def test_wrong_python_uses_a_python311_on_path(setup, monkeypatch, tmp_path):
    (tmp_path / "python3.11").symlink_to(os.path.realpath(sys._base_executable))
    monkeypatch.setattr(setup.sys, "version_info", (3, 12, 1))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.find_python() == os.path.realpath(sys._base_executable)


def test_little_disk_is_told_with_both_numbers(setup, monkeypatch, capsys):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: usage(100e9, 98.8e9, 1.2e9))
    assert setup.main() == 1
    assert capsys.readouterr().err == (
        f"set-up stopped:\n- 1.2 GB are free in {setup.ROOT} and the environments need 4.0 GB; "
        "free some space or move the checkout to another disk\n"
    )
    assert setup.installed == []


@pytest.mark.parametrize(
    "module, package, text",
    [
        ("venv, ensurepip", "python3.11-venv", "Python's module venv is missing (to make the environments)"),
        ("tkinter; tkinter.Tcl()", "python3-tk", "Python's module tkinter is missing (whose Tcl runs Vivado's scripts"),
    ],
)
def test_missing_part_of_the_standard_library_names_its_package(setup, module, package, text):
    message = setup.check_module("/bin/false", module, package)
    assert message.startswith(text)
    assert message.endswith(f"install it with `sudo apt install {package}`")


def test_other_systems_are_pointed_to_linux(setup, monkeypatch):
    monkeypatch.setattr(setup.sys, "platform", "darwin")
    assert setup.check_linux() == (
        "the course runs on Linux; this is darwin. On Windows use WSL 2 (Ubuntu), on a Mac a Linux virtual machine"
    )


@pytest.mark.parametrize(
    "log",
    [
        "error: Failed to fetch: `https://index/simple/absl-py/`\n  Caused by: dns error: failed to lookup",
        "WARNING: Retrying ... NewConnectionError('<pip._vendor.urllib3> Failed to establish a new connection')",
        "ERROR: Could not find a version that satisfies the requirement uv==0.13.8 (from versions: none)",
    ],
)
def test_missing_network_is_one_clear_message(setup, log):
    assert setup.explain(["uv"], log) == (
        "- the packages could not be downloaded: the package index cannot be reached. Connect to the network (behind a "
        "proxy set HTTPS_PROXY) and run the same command again, it goes on from here (details: .venv/setup.log)"
    )


def test_full_disk_during_installation_is_told(setup):
    assert setup.explain(["uv"], "error: Failed to write: No space left on device (os error 28)") == (
        "- the disk became full; free some space and run the same command again, it goes on from here"
    )


def test_any_other_failure_shows_its_own_last_words(setup):
    text = setup.explain(["/somewhere/uv", "pip", "sync"], "line 1\nthe wheel is broken\n")
    assert text == "- `uv pip sync` failed; its last words were\n    line 1\n    the wheel is broken"


def test_caches_stay_inside_unless_the_user_chose_a_place(setup, monkeypatch):
    os.makedirs(setup.VENVS)
    show = [sys.executable, "-c", "import os; print(os.environ['UV_CACHE_DIR'])"]
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    setup.run(show)
    assert Path(setup.LOG).read_text().strip() == os.path.join(setup.VENVS, "cache")
    monkeypatch.setenv("UV_CACHE_DIR", "/somewhere/else")
    setup.run(show)
    assert Path(setup.LOG).read_text().strip() == "/somewhere/else"
    monkeypatch.delenv("PIP_CACHE_DIR", raising=False)
    setup.run([sys.executable, "-c", "import os; print(os.environ['PIP_CACHE_DIR'])"])
    assert Path(setup.LOG).read_text().strip() == os.path.join(setup.VENVS, "pip-cache")


def test_conda_environment_has_the_pins_of_the_lock_line_by_line():
    pins = load("lock").pins((ROOT / "environments" / "host.lock").read_text())
    pins.append(load("setup").torch_pin())
    lines = (ROOT / "environment.yaml").read_text().splitlines()
    in_pip = [line.removeprefix("      - ") for line in lines if line.startswith("      - ")]
    assert in_pip == ["-e .", *pins]
    assert len(pins) > 50 and all("==" in pin for pin in pins)


def test_conda_environment_reads_as_yaml_and_asks_for_the_same_python():
    import yaml

    described = yaml.safe_load((ROOT / "environment.yaml").read_text())
    assert described["dependencies"][0] == "python={}.{}".format(*load("setup").WANTED_PYTHON)


def test_pin_of_torch_stands_once_and_is_what_is_installed():
    pin = load("setup").torch_pin()
    assert load("lock").torch_pin((ROOT / "pyproject.toml").read_text()) == pin
    assert (ROOT / "pyproject.toml").read_text().count("torch==") == 1
    assert "torch==" not in (ROOT / "environments" / "host.lock").read_text()
    assert importlib.metadata.version("torch").split("+")[0] == pin.removeprefix("torch==")


def test_lock_holds_everything_that_torch_needs():
    from packaging.requirements import Requirement

    pins = dict(pin.split("==") for pin in load("lock").pins((ROOT / "environments" / "host.lock").read_text()))
    needed = [Requirement(text) for text in importlib.metadata.requires("torch")]
    needed = [need for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert {"sympy", "filelock"} <= {need.name for need in needed}
    assert [str(need) for need in needed if not need.specifier.contains(pins.get(need.name, ""))] == []


def test_torch_comes_after_the_lock_and_alone(setup, monkeypatch):
    commands = []
    (checkout_of(setup) / "pyproject.toml").write_text('torch = ["torch==9.8.7"]\n')
    monkeypatch.setattr(setup, "run", commands.append)
    monkeypatch.setattr(setup, "runs", lambda command: True)
    setup.real_install_host("python3.11")
    steps = [" ".join(word for word in command if "/" not in word) for command in commands]
    assert [step.split(" --")[0] for step in steps if "sync" in step or "torch" in step] == ["pip sync", "-m pip"]
    assert steps[-2].endswith("install --no-deps torch==9.8.7")


def test_torch_for_cuda_gets_its_libraries(setup, monkeypatch, capsys):
    commands = []
    (checkout_of(setup) / "pyproject.toml").write_text('torch = ["torch==9.8.7"]\n')
    monkeypatch.setattr(setup, "run", commands.append)
    monkeypatch.setattr(setup, "runs", lambda command: len(commands) == 2)
    setup.install_torch()
    assert [command[-2:] for command in commands] == [["--no-deps", "torch==9.8.7"], ["install", "torch==9.8.7"]]
    assert "torch==9.8.7 is the build for CUDA: its libraries, several GB, come too." in capsys.readouterr().out


def test_torch_that_cannot_be_imported_at_all_is_told_where_the_cpu_build_is(setup, monkeypatch):
    (checkout_of(setup) / "pyproject.toml").write_text('torch = ["torch==9.8.7"]\n')
    monkeypatch.setattr(setup, "run", lambda command: None)
    monkeypatch.setattr(setup, "runs", lambda command: False)
    with pytest.raises(setup.SetupError) as raised:
        setup.install_torch()
    assert str(raised.value) == (
        "- torch==9.8.7 was installed and cannot be imported; its CPU build can: pytorch.org names an index of CPU "
        "builds under `Get Started` (Linux, Pip, CPU); run the same command again with PIP_EXTRA_INDEX_URL set to its "
        "address"
    )
