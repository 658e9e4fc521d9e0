"""Build the C simulation of an accelerator once, and run many samples through it."""

import ctypes
import os
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np

from mlfpga.artifacts import cache_root, content_key
from mlfpga.simulate.building import Tools, build_once
from mlfpga.simulate.model import SimulationError, read_description

_HERE = Path(__file__).parent
# -fno-gnu-unique lets two libraries with the same static names live in one process; hls4ml's headers need it.
_FLAGS = ("-O2", "-std=c++17", "-fPIC", "-fno-gnu-unique", "-Wno-unknown-pragmas")
_ENTRIES = {
    "top": str, "header": str, "sources": list, "include": list, "weights": str,
    "stream_bits": int, "words_in": int, "words_out": int,
}  # fmt: skip
_KINDS = {str: "a text", list: "a list", int: "an integer"}
_STREAM_BITS = (32, 64)
_LIBRARY = "simulation.so"
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)
_FAULTS = {
    -1: "left input words unread; it reads fewer than {words_in} words a sample",
    -2: "gave fewer than {words_out} words for a sample",
    -3: "gave more than {words_out} words for a sample",
    -4: "gave a word whose TKEEP is not all ones",
}


class CSimulation:
    """The compiled top function of a simulation folder, as a StreamModel.

    `simulation.json` gives: `top`, `header` (declares the top function and the type `axis_word`), `sources`, `include`
    (folders), `weights` (the folder of hls4ml's weight files; all relative to the simulation folder), `stream_bits`,
    `words_in` and `words_out` (per sample).
    The library is kept in the cache under a key of all that is compiled, the compiler's version and the flags.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        description = _checked(read_description(self.folder), self.folder / "simulation.json")
        self.top: str = description["top"]
        self.stream_bits: int = description["stream_bits"]
        self.words_in: int = description["words_in"]
        self.words_out: int = description["words_out"]
        self._word = np.dtype(f"<u{self.stream_bits // 8}")
        library = ctypes.CDLL(str(_build(self.folder, description) / _LIBRARY))
        # The top reads its weights when it first runs; as a C++ array of 50,000 constants they compile for minutes.
        library.mlfpga_weights_folder(str(self.folder.resolve() / description["weights"]).encode())
        self._run = library.mlfpga_run
        self._run.restype = ctypes.c_long
        words, flags = ctypes.c_void_p, ctypes.c_void_p
        self._run.argtypes = [words, flags, ctypes.c_long, words, flags]

    def run(self, words: np.ndarray, last: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See StreamModel.run. Raises SimulationError if the words are not whole samples or the top misbehaves."""
        words = np.ascontiguousarray(words, dtype=self._word).reshape(-1)
        samples, rest = divmod(len(words), self.words_in)
        if rest:
            raise SimulationError(
                f"{self.top} takes {self.words_in} words a sample; {len(words)} words are not whole samples"
            )
        if last is None:
            last = np.zeros(len(words), dtype=bool)
            last[-1:] = True
        last = np.ascontiguousarray(last, dtype=np.uint8).reshape(-1)
        if len(last) != len(words):
            raise SimulationError(f"{len(words)} words came with {len(last)} TLAST flags; give one for each word")
        out = np.empty(samples * self.words_out, dtype=self._word)
        out_last = np.empty(samples * self.words_out, dtype=np.uint8)
        done = 0
        while done < samples:
            i, o = done * self.words_in, done * self.words_out
            # It comes back between samples after a short while, so that a Ctrl-C is seen.
            result = self._run(
                words[i:].ctypes.data,
                last[i:].ctypes.data,
                samples - done,
                out[o:].ctypes.data,
                out_last[o:].ctypes.data,
            )
            if result < 0:
                fault = _FAULTS[result].format(words_in=self.words_in, words_out=self.words_out)
                raise SimulationError(f"{self.top} {fault}")
            done += result
        return out, out_last.astype(bool)


def _checked(description: dict, path: Path) -> dict:
    """The description, if every entry is there and of its type; a wrong width would write outside NumPy's arrays."""
    for name, kind in _ENTRIES.items():
        if not isinstance(description.get(name), kind):
            raise SimulationError(
                f"{path}: {name} is {description.get(name)!r}; expected {_KINDS[kind]}. Make the accelerator again"
            )
    for name in ("words_in", "words_out"):
        if description[name] < 1:
            raise SimulationError(f"{path}: {name} is {description[name]}; a sample has at least one word")
    if description["stream_bits"] not in _STREAM_BITS:
        raise SimulationError(f"{path}: stream width {description['stream_bits']} is not supported; choose 32 or 64")
    return description


def _build(folder: Path, description: dict) -> Path:
    """The folder with the shared library; compiled only if its content was never compiled before."""
    compiler = _compiler()
    defines = (
        f"-DSIM_TOP={description['top']}",
        f'-DSIM_HEADER="{description["header"]}"',
        f"-DSIM_STREAM_BITS={description['stream_bits']}",
        f"-DSIM_WORDS_IN={description['words_in']}",
        f"-DSIM_WORDS_OUT={description['words_out']}",
    )
    for name in (*description["sources"], *description["include"], description["weights"]):
        if not (folder / name).exists():
            raise SimulationError(f"{folder / 'simulation.json'} names {name}, which is not there")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    compiled = _compiled(folder, description)
    names = "\n".join(compiled)
    key = content_key(version, *_FLAGS, *defines, repr(description["include"]), names, *compiled.values(), _HERE)
    kept = cache_root() / "csim" / f"{description['top']}-{key[:20]}"
    make = partial(_compile, compiler, folder, description, defines)
    return build_once(kept, f"the C simulation of {description['top']} with g++", make)


def _compiled(folder: Path, description: dict) -> dict[str, Path]:
    """Name -> file of all of the folder that the compiler reads: the sources, and what they include.

    The folder holds more: weights, which are read at run time, and all that Vitis HLS leaves behind.
    """
    found: dict[str, Path] = {}
    places = [folder / name for name in description["include"]]
    waiting = [folder / name for name in description["sources"]]
    waiting += [place / description["header"] for place in places]
    while waiting:
        path = waiting.pop().resolve()
        name = os.path.relpath(path, folder.resolve())
        if name in found or not path.is_file():
            continue
        found[name] = path
        included = [os.fsdecode(target) for target in _INCLUDE.findall(path.read_bytes())]
        waiting += [place / target for target in included for place in (path.parent, *places)]
    return dict(sorted(found.items()))


def _compiler() -> str:
    named = os.environ.get("CXX")
    compiler = shutil.which(named or "g++")
    if compiler is None and named:
        raise SimulationError(f"CXX names the compiler {named}, which is not on PATH; correct it or unset it for g++")
    if compiler is None:
        raise SimulationError("the C simulation needs g++, which is not on PATH; install it (sudo apt install g++)")
    return compiler


def _compile(compiler: str, folder: Path, description: dict, defines: tuple[str, ...], made: Path) -> None:
    includes = [f"-I{folder / name}" for name in description["include"]]
    includes += [f"-I{_HERE}", "-include", "weights_folder.h"]
    work = made / "work"
    work.mkdir()
    sources = [folder / name for name in description["sources"]] + [_HERE / "harness.cpp"]
    objects = [work / f"{i}.o" for i in range(len(sources))]
    commands = [
        [compiler, *_FLAGS, *includes, "-c", str(source), "-o", str(target)]
        for source, target in zip(sources, objects, strict=True)
    ]
    commands[-1] += defines  # for the harness alone: a macro must not meet a name in the accelerator's sources
    with Tools(work) as tools:
        tools.run_all(partial(_call, tools), commands)
        _call(tools, [compiler, "-shared", *map(str, objects), "-o", str(made / _LIBRARY)])
    shutil.rmtree(work)


def _call(tools: Tools, command: list[str]) -> None:
    done = tools.run(command)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        source = next((part for part in reversed(command) if part.endswith((".cpp", ".so"))), command[-1])
        raise SimulationError(f"g++ could not compile {source}: {' '.join(errors[:3])}\ncommand: {' '.join(command)}")
