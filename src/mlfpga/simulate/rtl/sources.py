"""The Verilog of an IP, and what Verilator needs changed in it.

Simulation-only regions go, ROM files come where `$readmemh` looks for them, and the vendor's encrypted floating-point
cores get a model (see `vendor.py`).
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlfpga.simulate.rtl.errors import RtlError
from mlfpga.simulate.rtl.vendor import Core, cores_of_scripts, cores_of_vhdl, model_sources

_VERILOG, _HEADERS = {".v", ".sv"}, {".vh", ".svh"}
# Files that hold a memory's content, whatever the Verilog calls them: $readmemh may get its name from a parameter.
_ROMS = {".hex", ".mem"}
# Folder of the ROM files beside the built library; the simulation starts in it, because HLS writes "./name.dat".
ROMS = "rom"
_OFF = re.compile(
    r"(?://|/\*)\s*(?:synthesis|synopsys|pragma)\s+translate_off\b.*?"
    r"(?://|/\*)\s*(?:synthesis|synopsys|pragma)\s+translate_on\b[^\n]*",
    re.DOTALL,
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_READMEM = re.compile(r'(\$readmem[hb]\s*\(\s*")([^"]*)(")')
_ENCRYPTED = re.compile(r"`(?:pragma\s+)?protect\s+begin_protected")


@dataclass(frozen=True)
class Sources:
    """Files of an IP, relative to `folder`.

    verilog  Verilog and SystemVerilog, in the order of `component.xml`
    headers  files that others include
    data     ROM contents that the Verilog reads
    cores    vendor cores that only a Tcl script or a VHDL wrapper describes
    """

    folder: Path
    verilog: tuple[Path, ...]
    headers: tuple[Path, ...]
    data: tuple[Path, ...]
    cores: tuple[Core, ...]

    @property
    def files(self) -> list[Path]:
        """Every file that decides what is built."""
        return [self.folder / name for name in (*self.verilog, *self.headers, *self.data)]


def collect(folder: Path, top: str, files: list[tuple[str, str]], vlnv: str) -> Sources:
    """Sort the (name, type) files of a view; check that all are there, the top module and its ROM files included.

    Raises RtlError for a missing file, a missing top module, a missing ROM file or an encrypted source.
    """
    names = list(dict.fromkeys(Path(name) for name, _ in files))
    verilog = tuple(name for name in names if name.suffix in _VERILOG)
    for name in verilog:
        if not (folder / name).is_file():
            raise RtlError(f"{vlnv}: component.xml lists {name}, which the archive does not hold; export the IP again")
    texts = {name: synthesizable(_read(folder / name)) for name in verilog}
    for name, text in texts.items():
        if _ENCRYPTED.search(text):
            raise RtlError(f"{vlnv}: {name} is encrypted and there is no model for it; it cannot be simulated")
    if not any(re.search(rf"\bmodule\s+{re.escape(top)}\b", text) for text in texts.values()):
        raise RtlError(f"{vlnv}: none of its {len(verilog)} Verilog files holds the top module {top}; export it again")
    modules = set(_modules(texts.values()))
    cores = cores_of_scripts(sorted(folder.glob("hdl/**/*.tcl")), modules)
    cores += cores_of_vhdl(sorted(folder.glob("hdl/ip/*.vhd")), modules)
    return Sources(
        folder=folder,
        verilog=verilog,
        headers=tuple(_listed_or_found(folder, names, _HEADERS)),
        data=tuple(_rom_files(folder, names, texts, vlnv)),
        cores=tuple(cores),
    )


def prepare(sources: Sources, folder: Path, roms: Path) -> list[Path]:
    """Write what Verilator reads into `folder` (and the ROM files into `roms`); return the source files, in order."""
    written = []
    for name in (*sources.verilog, *sources.headers):
        target = folder / (name.name if name.is_absolute() else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = synthesizable(_read(sources.folder / name))
        target.write_text(_READMEM.sub(lambda m: m[1] + Path(m[2]).name + m[3], text), encoding="latin-1")
        written.append(target)
    written = written[: len(sources.verilog)]
    for name, text in model_sources([path.read_text("latin-1") for path in written], sources.cores).items():
        (folder / name).write_text(text)
        written.append(folder / name)
    roms.mkdir()
    for name in sources.data:
        shutil.copyfile(sources.folder / name, roms / name.name)
    return written


def synthesizable(text: str) -> str:
    """`text` without its translate_off regions; the line numbers stay."""
    return _OFF.sub(lambda region: "\n" * region[0].count("\n"), text)


def _read(path: Path) -> str:
    # Vendors' headers hold stray bytes; Latin-1 reads and writes every byte as it is.
    return path.read_text("latin-1")


def _modules(texts) -> list[str]:
    return [name for text in texts for name in re.findall(r"^\s*module\s+(\w+)", text, re.MULTILINE)]


def _listed_or_found(folder: Path, names: list[Path], suffixes: set[str]) -> list[Path]:
    listed = [name for name in names if name.suffix in suffixes and (folder / name).is_file()]
    found = [path.relative_to(folder) for path in sorted(folder.glob("hdl/**/*")) if path.suffix in suffixes]
    return list(dict.fromkeys(listed + found))


def _rom_files(folder: Path, names: list[Path], texts: dict[Path, str], vlnv: str) -> list[Path]:
    listed = {name.name: name for name in names}
    roms = {name.name: name for name in names if name.suffix in _ROMS}
    for name in roms.values():
        if not (folder / name).is_file():
            raise RtlError(f"{vlnv}: component.xml lists {name}, which the archive does not hold; export the IP again")
    for source, text in texts.items():
        for match in _READMEM.finditer(_COMMENT.sub("", text)):
            rom = Path(match[2]).name
            places = [source.parent / match[2], source.parent / rom, listed.get(rom, source.parent / rom)]
            held = [place for place in places if (folder / place).is_file()]
            if not held:
                raise RtlError(f"{vlnv}: {source} reads {rom}, which the archive does not hold; export the IP again")
            roms[rom] = held[0]
    return list(roms.values())
