"""The course's own build script, as it is and with faults put into copies of it."""

import shutil
from pathlib import Path

import pytest

from mlfpga.blockdesign import accelerator_ip, dry_run

VIVADO = Path(__file__).parents[2] / "vivado"
VLNV = "mlfpga:hls:digits_mlp_axi:1.0"


def _run(script=VIVADO / "build.tcl", bits_in=32, bits_out=32, check=True, ips=None, **settings):
    """A dry run of the build script with an accelerator of these stream widths."""
    settings = {"accelerator_vlnv": VLNV, "stream_bits": bits_in} | settings
    return dry_run(script, settings, ips=ips or [accelerator_ip(VLNV, bits_in, bits_out)], check=check)


@pytest.fixture(scope="session")
def run():
    """run(script=…, bits_in=32, bits_out=32, check=True, ips=None, **settings) -> the design of a dry run."""
    return _run


@pytest.fixture(scope="session")
def design():
    """The course's block design."""
    return _run()


@pytest.fixture
def seed_fault(tmp_path):
    """seed_fault(file, old, new) -> (the build script of a copy of vivado/ with the fault, the line of `old`)."""
    folder = tmp_path / "vivado"
    shutil.copytree(VIVADO, folder)

    def seed(file, old, new):
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {file}"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
        return folder / "build.tcl", text[: text.index(old)].count("\n") + 1

    return seed


@pytest.fixture
def script(tmp_path):
    """script(text) -> a Tcl file with it."""

    def write(text, name="script.tcl"):
        path = tmp_path / "scripts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
