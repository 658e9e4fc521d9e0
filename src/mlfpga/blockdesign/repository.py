"""Where a script's own IPs and modules come from: IP folders that it names, and source files that it adds.

Only files that the script may read are looked at.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import islice
from pathlib import Path

from mlfpga.blockdesign.catalogue import IP, CatalogueError, did_you_mean
from mlfpga.blockdesign.component import read_repository
from mlfpga.blockdesign.hdl import Module
from mlfpga.blockdesign.inference import module_entry
from mlfpga.blockdesign.verilog import read_verilog
from mlfpga.blockdesign.vhdl import read_vhdl

_READERS = {".v": read_verilog, ".sv": read_verilog, ".vh": read_verilog, ".vhd": read_vhdl, ".vhdl": read_vhdl}
# Enough for any project; a script in somebody's home folder must not make the run read all of it.
_MOST_FILES = 20_000


class Repository:
    """IPs and modules of one run of a script.

    readable: gives the path of a file or folder that the script names, or None if it may not read there
    folder: the script's own. A script that only makes a block design expects its modules in a project that is open
        already; their sources are looked for here.
    """

    def __init__(self, readable: Callable[[str], Path | None], folder: Path):
        self._readable, self._folder = readable, folder
        self._sources: dict[Path, None] = {}

    def ips(self, folder: str) -> dict[str, IP]:
        """The IPs in a folder that the script names, by VLNV; none if it cannot be read."""
        path = self._readable(folder)
        if path is None or not path.is_dir():
            return {}
        return {entry["vlnv"]: IP(entry) for entry in read_repository(path)}

    def add_sources(self, files: Iterable[str]) -> None:
        """Source files, or folders of them, that the script adds to its project."""
        for file in files:
            path = self._readable(file)
            if path and path.is_dir():
                self._sources |= dict.fromkeys(found for found in sorted(path.rglob("*")) if found.suffix in _READERS)
            elif path and path.is_file() and path.suffix.lower() in _READERS:
                self._sources[path] = None

    def module(self, name: str, catalogue: dict[str, IP]) -> IP:
        """The module of this name in the sources, or packed as an IP. CatalogueError if there is none."""
        module = self._find(self._sources, name)
        if module:
            return IP(module_entry(module))
        packed = [ip for ip in catalogue.values() if (ip.library, ip.name) == ("module_ref", name)]
        if packed:
            return packed[-1]
        module = self._find(self._lying_around, name)
        if module:
            return IP(module_entry(module))
        known = {ip.name for ip in catalogue.values() if ip.library == "module_ref"}
        raise CatalogueError(
            f'no source has a module "{name}"{did_you_mean(name, known)}; '
            "add its file with add_files, in the script's folder"
        )

    @staticmethod
    def _find(paths, name) -> Module | None:
        return next((module for path in paths if (module := _read(path, name))), None)

    @cached_property
    def _lying_around(self) -> list[Path]:
        files = (path for path in islice(self._folder.rglob("*"), _MOST_FILES) if path.suffix.lower() in _READERS)
        return sorted(path for path in files if path.is_file())


def _read(path: Path, name: str) -> Module | None:
    text = path.read_text(encoding="utf-8", errors="replace")
    return _READERS[path.suffix.lower()](text, name) if name.lower() in text.lower() else None
