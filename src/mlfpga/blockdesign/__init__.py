"""Block designs: runs the Tcl of `vivado/` without Vivado, checks, draws and hands them off; runs Vivado when present.

    accelerator = accelerator_ip("mlfpga:hls:mlp_axi:1.0", stream_bits_in=32, stream_bits_out=32)
    design = dry_run(settings={"accelerator_vlnv": "mlfpga:hls:mlp_axi:1.0"}, ips=[accelerator])
    design.address_map(), design.check(), design.draw("design.svg"), design.write_hwh("overlay.hwh")

Needs only Python with its Tcl interpreter (and matplotlib for pictures).
"""

import tempfile
from pathlib import Path

from mlfpga.blockdesign.bitstream import is_standin
from mlfpga.blockdesign.catalogue import CatalogueError, accelerator_ip, load_catalogue
from mlfpga.blockdesign.checks import BOARD_PART, Finding
from mlfpga.blockdesign.commands import Session, commands
from mlfpga.blockdesign.commands.project import VIVADO_VERSION
from mlfpga.blockdesign.component import read_ip
from mlfpga.blockdesign.design import AddressRow, Where
from mlfpga.blockdesign.dry_design import DryDesign
from mlfpga.blockdesign.fidelity import compare
from mlfpga.blockdesign.isolation import Stopped, in_own_process
from mlfpga.blockdesign.repository import Repository
from mlfpga.blockdesign.sandbox import Sandbox, ScriptError
from mlfpga.blockdesign.settings import settings_text
from mlfpga.blockdesign.vivado import (
    BuildError,
    BuildResult,
    Reports,
    build,
    build_script,
    find_vivado,
    read_reports,
)

__all__ = [
    "BOARD_PART",
    "AddressRow",
    "BuildError",
    "BuildResult",
    "CatalogueError",
    "DesignError",
    "DryDesign",
    "Finding",
    "Reports",
    "ScriptError",
    "Where",
    "accelerator_ip",
    "build",
    "build_script",
    "compare",
    "dry_run",
    "find_vivado",
    "is_standin",
    "read_reports",
]

# The limit on a script's time ends most scripts with the line where they are; what is left ends after this.
_PATIENCE_S = 5


class DesignError(Exception):
    """A script ran, but what it built is wrong. `findings` says what, `design` is what there is."""

    def __init__(self, design: DryDesign, findings: list[Finding]):
        self.design, self.findings = design, findings
        super().__init__("\n".join(map(str, findings)))


def dry_run(
    script=None,
    settings: dict | None = None,
    ips=(),
    check: bool = True,
    seconds: float = 20,
    trusted: bool = False,
) -> DryDesign:
    """Run a build script (or any script made of the commands that the dry run knows) without Vivado.

    script: the Tcl file, default `build_script()`; it may read files in its own folder only, and writes none
    settings: overrides of vivado/settings.tcl, by name; without any, the script is started without arguments
    ips: IPs besides the built-in ones: archives (.zip) or folders with component.xml, or catalogue entries such as
        `accelerator_ip` makes
    check: raise DesignError if the design has errors; else leave them to `DryDesign.check`
    seconds: limit on the run
    trusted: the script may read files anywhere and start programs, and nothing limits its memory
    Raises ScriptError, with file and line, if a command fails or is not known.
    """
    script = Path(script or build_script()).resolve()
    if not script.is_file():
        raise FileNotFoundError(f"there is no script {script}")
    catalogue = load_catalogue([ip if isinstance(ip, dict) else read_ip(ip) for ip in ips])

    def work():
        return _run(script, settings, catalogue, seconds, trusted)

    try:
        design = work() if trusted else in_own_process(work, seconds + _PATIENCE_S)
    except Stopped as error:
        raise ScriptError(f"{script.name}: {error}", None) from None
    errors = [finding for finding in design.check() if finding.severity == "error"] if check else []
    if errors:
        raise DesignError(design, errors)
    return design


def _run(script: Path, settings: dict | None, catalogue: dict, seconds: float, trusted: bool) -> DryDesign:
    files: set[str] = set()
    repository = Repository(lambda path: session.sandbox.readable(path), script.parent)
    session = Session(
        catalogue,
        files,
        repository.ips,
        lambda name: repository.module(name, session.catalogue),
        repository.add_sources,
        design=DryDesign(),
    )
    with tempfile.TemporaryDirectory(prefix="mlfpga-dry-run-") as folder:
        overrides = Path(folder, "settings.tcl")
        overrides.write_text(settings_text(settings or {}), encoding="utf-8")
        session.sandbox = sandbox = Sandbox(commands(session), [script.parent, folder], files, seconds, trusted)
        sandbox.run(script, [] if settings is None else [overrides])
        session.design.release = sandbox.expected_version or VIVADO_VERSION
    session.follow_wires()
    design = session.design
    design.output = sandbox.output
    design.remarks += [("warning", message, where) for message, where in session.missed]
    return design
