"""Verilator's -Wall has nothing to say about any module of rtl/common and rtl/pipeline, whatever its parameters."""

import subprocess

import pytest
import test_matvec
import test_pool
import test_window
from blocks import RTL

from mlfpga.simulate.rtl.verilator import find_verilator

FOLDERS = ("common", "pipeline")
MODULES = {path.stem: path for folder in FOLDERS for path in sorted((RTL / folder).glob("*.sv"))}
# What the tests of a block simulate. Most of all, its generate branches.
CASES = [
    *(("window", name, shape.case.parameters) for name, shape in test_window.SHAPES.items()),
    *(("matvec", name, shape.case(name).parameters) for name, shape in test_matvec.SHAPES.items()),
    *(("pool", name, shape.case.parameters) for name, shape in test_pool.SHAPES.items()),
]
IMPOSSIBLE = [
    ("window", dict(WIDTH=5, PIXELS=2), "window: WIDTH 5 is not a multiple of PIXELS 2"),
    ("window", dict(WIDTH=6, PIXELS=2, STRIDE_X=3), "window: PIXELS 2 is neither 1 nor a multiple of STRIDE_X 3"),
    ("window", dict(WIDTH=8, PIXELS=4), "window: 6 windows of a row are no whole beats of 4; choose other PIXELS"),
    ("window", dict(PAD_TOP=3), "window: padding must be smaller than the kernel of 3 x 3"),
    ("window", dict(PAD_BOTTOM=3), "window: padding must be smaller than the kernel of 3 x 3"),
    ("window", dict(PAD_LEFT=3), "window: padding must be smaller than the kernel of 3 x 3"),
    ("window", dict(PAD_RIGHT=3), "window: padding must be smaller than the kernel of 3 x 3"),
    ("window", dict(HEIGHT=2), "window: the kernel of 3 x 3 is larger than the padded image"),
    ("window", dict(WIDTH=1, PAD_LEFT=1), "window: the kernel of 3 x 3 is larger than the padded image"),
    ("pool", dict(MODE="avg"), "pool: MODE avg is not known; choose max or sum"),
    ("pool", dict(OUT_BITS=5), "pool: a result of 5 bits does not fit the max of 4 elements of 4"),
    ("pool", dict(MODE="sum", OUT_BITS=6), "pool: a result of 6 bits does not fit the sum of 4 elements of 4"),
    (
        "pool",
        dict(MODE="sum", OUT_BITS=5, SIGNED=1),
        "pool: a result of 5 bits does not fit the sum of 4 elements of 4",
    ),
]


def _lint(module: str, parameters=None, *options: str) -> subprocess.CompletedProcess:
    verilator = find_verilator()
    values = {name: f'"{v}"' if isinstance(v, str) else v for name, v in (parameters or {}).items()}
    command = [
        *(*verilator.command, "--lint-only", "-Wall", *options, "--top-module", module),
        *(f"-G{name}={value}" for name, value in values.items()),
        *(f"-I{RTL / folder}" for folder in FOLDERS),
        str(MODULES[module]),
    ]
    return subprocess.run(command, env=verilator.environment, capture_output=True, text=True)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_clean(module):
    done = _lint(module)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("module", "name", "parameters"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_every_parameterisation_is_clean(module, name, parameters):
    for options in ([], ["-DDOT_ROWS"]) if module == "matvec" else ([],):
        done = _lint(module, parameters, *options)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("module", "parameters", "message"), IMPOSSIBLE)
def test_parameters_that_cannot_be_are_refused(module, parameters, message):
    done = _lint(module, parameters)
    assert done.returncode != 0
    assert message in done.stderr
