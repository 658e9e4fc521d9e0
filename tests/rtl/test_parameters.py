"""Blocks say which parameters cannot work, as soon as a tool reads them."""

import subprocess

import pytest
from blocks import RTL

from mlfpga.simulate.rtl.verilator import find_verilator


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("common/fifo", {"DEPTH": 1}, "fifo: DEPTH must be 2 or more"),
        ("common/regroup", {"FROM": 4, "TO": 6}, "regroup: of FROM and TO one must be a multiple of the other"),
        ("common/unpack", {"ELEMENTS": 5}, "unpack: ELEMENTS need more WORDS"),
        ("common/unpack", {"BITS": 9}, "unpack: an element fits its lane, and a lane fits the word"),
        ("common/pack", {"ELEMENTS": 5}, "pack: ELEMENTS need more WORDS"),
        ("common/pack", {"LANE_BITS": 64}, "pack: an element fits its lane, and a lane fits the word"),
        ("pipeline/argmax", {"LANES": 3}, "argmax: ELEMENTS must be a multiple of LANES"),
    ],
)
def test_what_cannot_work_is_refused(path, parameters, message):
    tool = find_verilator()
    settings = [f"-G{name}={value}" for name, value in parameters.items()]
    command = [*tool.command, "--lint-only", *settings, "-y", str(RTL / "common"), str(RTL / f"{path}.sv")]
    done = subprocess.run(command, env=tool.environment, capture_output=True, text=True)
    assert done.returncode and message in done.stderr
    good = [argument for argument in command if not argument.startswith("-G")]
    assert subprocess.run(good, env=tool.environment).returncode == 0
