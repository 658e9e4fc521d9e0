"""Our harness against cocotb: the same Verilog, Verilator's and the compiler's flags, and vectors."""

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from mlfpga.course.figures.entries import empty
from mlfpga.course.figures.export import Network
from mlfpga.course.figures.rtl_run import start
from mlfpga.course.stages import StageError
from mlfpga.simulate.rtl import RtlSimulation, open_ip, verilator
from mlfpga.simulate.rtl.sources import ROMS, prepare

_TURNS = 5


def compare(network: Network, ip: Path, folder: Path, samples: int) -> dict:
    """Wall seconds of streaming the same samples through both, and the clock cycles of each.

    Only the streaming is timed, from the first word offered to the last word back: not start-up, reset or control.
    Raises StageError if a word differs from what NumPy says.
    """
    inputs = network.inputs(samples, seed=2)
    expected = network.words(inputs)
    program = build_cocotb(ip, folder / "cocotb")
    words, theirs, their_cycles = run_cocotb(program, network.top, folder / "run", inputs, samples)
    _check(words, expected, "cocotb's run")
    ours, our_cycles = [], 0
    with RtlSimulation(open_ip(ip)) as simulation:
        start(simulation)
        for _ in range(_TURNS):
            words, seconds, our_cycles = _stream(simulation, inputs, len(expected))
            _check(words, expected, "our run")
            ours.append(seconds)
    return {"ours": median(ours), "cocotb": theirs, "our_cycles": our_cycles, "cocotb_cycles": their_cycles}


def build_cocotb(ip: Path, folder: Path) -> Path:
    """The program that cocotb runs the IP's RTL in, built anew into `folder`.

    Built as our library is, with cocotb's own main function in the place of our harness and only the top's pins
    visible to it (cocotb's own default makes every signal visible, which is slower). Raises StageError.
    """
    from cocotb_tools import config

    core, tool = open_ip(ip), verilator.find_verilator()
    generated = empty(folder) / "generated"
    sources = prepare(core.sources, folder / "source", folder / ROMS)
    prefix = ("--prefix", "Vtop", "--vpi", "--public-depth", "1", "--timescale", "1ns/1ps")
    command = [*tool.command, *verilator._VERILATE, *prefix, "--top-module", core.top, "--Mdir", str(generated)]
    _tool([*command, *map(str, sources)], "Verilator", tool.environment)
    include = tool.root / "include"
    runtime = [include / f"verilated{name}.cpp" for name in ("", "_threads", "_vpi", "_dpi")]
    units = [*generated.glob("*.cpp"), *runtime, config.share_dir / "lib/verilator/verilator.cpp"]
    # cocotb's library calls Verilator's VPI functions, so the program cannot hide them.
    common = [flag for flag in verilator._COMMON if flag != "-fvisibility=hidden"]
    flags = [*common, "-DVM_TRACE=0", "-DVM_TRACE_FST=0", "-DVM_TRACE_VCD=0"]
    flags += [f"-I{generated}", f"-I{include}", f"-I{include / 'vltstd'}"]

    def compiled(unit: Path) -> Path:
        level = verilator._COLD if "__Slow" in unit.name else verilator._HOT
        target = folder / f"{unit.stem}.o"
        _tool(["g++", *level, *flags, "-c", str(unit), "-o", str(target)], f"compiling {unit.name}")
        return target

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        objects = list(pool.map(compiled, units))
    program = folder / ROMS / core.top  # $readmemh looks into the working folder
    libraries = [f"-L{config.libs_dir}", f"-Wl,-rpath,{config.libs_dir}", "-lcocotbvpi_verilator", "-lpthread"]
    _tool(["g++", "-o", str(program), *map(str, objects), *libraries], "linking")
    return program


def run_cocotb(
    program: Path, top: str, folder: Path, inputs: np.ndarray, samples: int
) -> tuple[np.ndarray, float, float]:
    """The result words, and the wall seconds and clock cycles of the streaming. Raises StageError if cocotb fails."""
    from cocotb_tools.runner import get_runner

    vectors, result = empty(folder) / "vectors.npz", folder / "result.npz"
    np.savez(vectors, inputs=inputs, samples=samples)
    named = {"FIGURES_VECTORS": str(vectors), "FIGURES_RESULT": str(result), "COCOTB_LOG_LEVEL": "WARNING"}
    log = folder / "log"
    try:
        get_runner("verilator").test(
            test_module="mlfpga.course.figures.cocotb_stream",
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            build_dir=program.parent,
            test_dir=program.parent,
            results_xml=str(folder / "results.xml"),
            extra_env=named,
            log_file=log,
        )
    except (SystemExit, subprocess.CalledProcessError, RuntimeError) as error:
        raise StageError(f"cocotb did not run {top}: {error}; see {log}") from None
    if not result.is_file():
        raise StageError(f"cocotb's test of {top} failed; see {log}")
    found = np.load(result)
    return found["words"], float(found["seconds"]), float(found["cycles"])


def _stream(simulation: RtlSimulation, inputs: np.ndarray, due: int) -> tuple[np.ndarray, float, int]:
    began, first = time.perf_counter(), simulation.cycle
    simulation.offer("in_r", inputs)
    simulation.allow("out_r", due)
    while simulation.waiting("out_r") < due:
        if simulation.advance(1_000_000, until="full").quiet:
            raise StageError(f"{simulation.core.vlnv} stands still after {simulation.waiting('out_r')} of {due} words")
    words, _ = simulation.collect("out_r")
    return words, time.perf_counter() - began, simulation.cycle - first


def _check(words: np.ndarray, expected: np.ndarray, where: str) -> None:
    if not np.array_equal(words, expected):
        raise StageError(f"the result words of {where} are not those of NumPy; the two cannot be compared")


def _tool(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise StageError(f"the comparison with cocotb needs {command[0]}, which is not on PATH")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, errors="replace")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "rror" in line] or [done.stderr[-300:]]
        raise StageError(f"{what} for cocotb failed: {errors[0]}")
