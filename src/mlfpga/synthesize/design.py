"""What is synthesised: SystemVerilog files, a top module, its parameters, and what its $readmemh reads."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlfpga.artifacts import content_key
from mlfpga.simulate.rtl import IpCore
from mlfpga.synthesize.errors import SynthesisError
from mlfpga.synthesize.yosys import find_yosys


@dataclass(frozen=True)
class Design:
    """See `area` for the first four.

    headers  what the files include, found by name
    """

    top: str
    files: tuple[Path, ...]
    parameters: tuple[tuple[str, int | str], ...] = ()
    data: tuple[Path, ...] = ()
    headers: tuple[Path, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """How a file is called beside the script -> its own name."""
        return {_local(number, path): path.name for number, path in enumerate(self.files)}

    def key(self, script: str) -> str:
        """Hex key of everything that decides what a script makes of it."""
        names = [path.name for path in (*self.data, *self.headers)]
        return content_key(find_yosys().version, script, *names, *self.files, *self.data, *self.headers)

    def lay_out(self, folder: Path) -> None:
        """Put the files where the script finds them: below `folder`, under names without surprises."""
        (folder / "source").mkdir()
        for number, path in enumerate(self.files):
            shutil.copyfile(path, folder / _local(number, path))
        for path in self.headers:
            shutil.copyfile(path, folder / "source" / path.name)
        for path in self.data:
            shutil.copyfile(path, folder / path.name)

    def read(self, options: str = "") -> str:
        """The line of a script that reads it."""
        values = "".join(f" -G {name}={_value(value)}" for name, value in self.parameters)
        return f"read_slang --top {self.top} -D SYNTHESIS -I source{values}{options} {' '.join(self.names)}\n"


def design(
    top: str,
    files: Sequence[Path | str],
    parameters: Mapping[str, int | str] | None = None,
    data: Sequence[Path | str] = (),
) -> Design:
    """Check what was given: the files are there, one holds `top`, and that has the parameters."""
    paths, contents = tuple(map(Path, files)), tuple(map(Path, data))
    missing = [path for path in (*paths, *contents) if not path.is_file()]
    if missing:
        raise SynthesisError(f"{top} needs {missing[0]}, which is not there")
    known = _known_parameters(top, paths)
    unknown = [name for name in parameters or {} if name not in known]
    if unknown:
        have = ", ".join(sorted(known)) or "none"
        raise SynthesisError(f"{top} has no parameter {unknown[0]}; it has {have}")
    return Design(top, paths, tuple(sorted((parameters or {}).items())), contents)


def design_of(core: IpCore) -> Design:
    """The design of an IP (`simulate.rtl.open_ip`) or of a module (`simulate.rtl.module`).

    Raises SynthesisError for an IP with cores of which only a simulation model is there.
    """
    sources = core.sources
    if sources.cores:
        names = ", ".join(sorted({one.module for one in sources.cores}))
        raise SynthesisError(
            f"{core.vlnv} uses {names}: cores of its vendor that come without Verilog; only the vendor's tools know "
            "their area"
        )
    files, headers, data = (
        tuple(sources.folder / name for name in names) for names in (sources.verilog, sources.headers, sources.data)
    )
    known = _known_parameters(core.top, files)
    values = {name: v.strip('"') if isinstance(v, str) else v for name, v in core.parameters.items() if name in known}
    return Design(core.top, files, tuple(sorted(values.items())), data, headers)


def _known_parameters(top: str, files: Sequence[Path]) -> set[str]:
    for path in files:
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text("latin-1"), flags=re.DOTALL)
        found = re.search(rf"\bmodule\s+{re.escape(top)}\b(.*?)\bendmodule\b", text, re.DOTALL)
        if found:
            head = re.match(r"\s*(?:import[^;]*;\s*)?#\s*\((.*?)\)\s*\(", found[1], re.DOTALL)
            declared = re.findall(r"^\s*parameter\b[^;=]*?\b(\w+)\s*=", found[1], re.MULTILINE)
            # In a parameter list the word may stand once, before the first of many.
            listed = re.findall(r"(?:^|,|\()[^=,]*?\b(\w+)\s*=(?!=)", head[1]) if head else []
            return {*declared, *listed}
    raise SynthesisError(f"none of the {len(files)} files holds a module {top}")


def _local(number: int, path: Path) -> str:
    return f"source/{number}{path.suffix}"


def _value(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(int(value))
