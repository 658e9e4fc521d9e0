"""apply_bd_automation: the connections that Vivado's assistants would make."""

from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.sandbox import CommandError


class AutomationCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session

    def apply_bd_automation(self, *words):
        options, _ = parse_options(words, valued=["-rule", "-config", "-dict", "-board_component"])
        raise CommandError(f"rule {options.get('-rule')} is not modelled; connect and configure in the script")
