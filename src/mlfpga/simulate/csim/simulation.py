"""Build the C simulation of an accelerator once, and run many samples through it."""

import ctypes
import errno
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlfpga.artifacts import cache_root, content_key, writing
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
# Samples of one call into C: a Ctrl-C is seen between calls.
_CHUNK = 256
_DISK_FULL = os.strerror(errno.ENOSPC)
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
    The library is kept in the cache under a key of all sources, the compiler's version and the flags.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        description = _checked(read_description(self.folder), self.folder / "simulation.json")
        self.top: str = description["top"]
        self.stream_bits: int = description["stream_bits"]
        self.words_in: int = description["words_in"]
        self.words_out: int = description["words_out"]
        self._word = np.dtype(f"<u{self.stream_bits // 8}")
        library = ctypes.CDLL(str(_build(self.folder, description)))
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
        for first in range(0, samples, _CHUNK):
            self._run_chunk(words, last, out, out_last, first, min(_CHUNK, samples - first))
        return out, out_last.astype(bool)

    def _run_chunk(self, words, last, out, out_last, first: int, samples: int) -> None:
        i, o = first * self.words_in, first * self.words_out
        done = self._run(
            words[i:].ctypes.data, last[i:].ctypes.data, samples, out[o:].ctypes.data, out_last[o:].ctypes.data
        )
        if done != samples:
            fault = _FAULTS[done].format(words_in=self.words_in, words_out=self.words_out)
            raise SimulationError(f"{self.top} {fault}")


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
    """Path of the shared library; compiled only if its content was never compiled before."""
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
    roots = sorted({Path(name).parts[0] for name in (*description["sources"], *description["include"])})
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    key = content_key(version, *_FLAGS, *defines, *(folder / root for root in roots), _HERE)
    library = cache_root() / "csim" / f"{description['top']}-{key[:20]}.so"
    if not library.exists():
        print(
            f"compiling the C simulation of {description['top']} with g++ (once; usually under a minute) …", flush=True
        )
        _compile(compiler, folder, description, defines, library)
    return library


def _compiler() -> str:
    named = os.environ.get("CXX")
    compiler = shutil.which(named or "g++")
    if compiler is None and named:
        raise SimulationError(f"CXX names the compiler {named}, which is not on PATH; correct it or unset it for g++")
    if compiler is None:
        raise SimulationError("the C simulation needs g++, which is not on PATH; install it (sudo apt install g++)")
    return compiler


def _compile(compiler: str, folder: Path, description: dict, defines: tuple[str, ...], library: Path) -> None:
    includes = [f"-I{folder / name}" for name in description["include"]] + [
        f"-I{_HERE}",
        "-include",
        "weights_folder.h",
    ]
    with writing(library) as finished:
        sources = [folder / name for name in description["sources"]] + [_HERE / "harness.cpp"]
        objects = [finished.with_name(f"{finished.name}.{i}.o") for i in range(len(sources))]
        commands = [
            [compiler, *_FLAGS, *includes, "-c", str(source), "-o", str(target)]
            for source, target in zip(sources, objects, strict=True)
        ]
        commands[-1] += defines  # for the harness alone: a macro must not meet a name in the accelerator's sources
        try:
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                list(pool.map(_call, commands))
            _call([compiler, "-shared", *map(str, objects), "-o", str(finished)])
        finally:
            for target in objects:
                target.unlink(missing_ok=True)


def _call(command: list[str]) -> None:
    # In English, whatever the user's language: the messages are searched for what went wrong.
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if _DISK_FULL in done.stderr:
        raise SimulationError("the disk became full while the C simulation was compiled; free some space and run again")
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise SimulationError(
            f"g++ could not compile {command[-3]}: {' '.join(errors[:3])}\ncommand: {' '.join(command)}"
        )
