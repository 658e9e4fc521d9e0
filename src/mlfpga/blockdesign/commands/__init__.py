"""The Vivado commands that build scripts use, recorded into a `Design` instead of executed.

What a command accepts follows the Vivado Tcl command reference (UG835). A command that Vivado has and the dry run does
not know is an error that names it; those that change nothing that the dry run looks at are listed in `inert.json`.
"""

import json
from collections.abc import Callable
from pathlib import Path

from mlfpga.blockdesign.commands.addresses import AddressCommands
from mlfpga.blockdesign.commands.automation import AutomationCommands
from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.project import VIVADO_VERSION, ProjectCommands
from mlfpga.blockdesign.commands.properties import PropertyCommands
from mlfpga.blockdesign.commands.queries import QueryCommands
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.commands.structure import StructureCommands
from mlfpga.blockdesign.commands.wiring import WiringCommands
from mlfpga.blockdesign.sandbox import CommandError

__all__ = ["VIVADO_VERSION", "Session", "commands"]

_GROUPS = (
    ProjectCommands,
    StructureCommands,
    QueryCommands,
    PropertyCommands,
    WiringCommands,
    AddressCommands,
    AutomationCommands,
)


def commands(session: Session) -> dict[str, Callable]:
    """Command name -> function of its words, for the sandbox."""
    known = {}
    for group in _GROUPS:
        made = group(session)
        names = [name for name in dir(made) if not name.startswith("_")]
        known |= {name: getattr(made, name) for name in names if callable(getattr(made, name))}
        known |= {name: getattr(made, method) for name, method in getattr(group, "NAMES", {}).items()}
    inert = json.loads(Path(__file__).with_name("inert.json").read_text(encoding="utf-8"))
    known = {name: _inert(**options) for name, options in inert["commands"].items()} | known
    return {name: _quietly(command) for name, command in known.items()}


def _quietly(command):
    """With -quiet, every command of Vivado succeeds, whatever happens (UG835)."""

    def run(*words):
        try:
            return command(*words)
        except CommandError:
            if "-quiet" in words:
                return ""
            raise

    return run


def _inert(flags="", valued="", answer=""):
    def nothing(*words):
        parse_options(words, flags.split(), valued.split())
        return answer

    return nothing
