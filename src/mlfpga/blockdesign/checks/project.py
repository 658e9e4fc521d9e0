"""The design as a whole: what the script remarked, the part and the board, names, and whether it was validated."""

import keyword
from collections.abc import Iterator

from mlfpga.blockdesign.checks.finding import Finding, warning
from mlfpga.blockdesign.design import Design

# The part of both variants of the AUP-ZU3, and how the names of its board files begin (vendor:board:file:version).
BOARD_PART = "xczu3eg-sfvc784-2-e"
_BOARD = "aup-zu3"

# Attributes that an overlay of pynq has of its own (pynq/overlay.py): a cell of such a name is hidden by them.
_TAKEN = set(
    "address_map bitfile_name bitstream clock_dict description device download drivers_of_hierarchies dtbo free "
    "gen_cache gpio_dict hierarchy_dict insert_dtbo interrupt_controllers interrupt_pins ip_dict is_loaded "
    "load_ip_data mem_dict parser partial pr_dict pr_download remove_dtbo reset systemgraph timestamp".split()
)


def remarks(design: Design) -> Iterator[Finding]:
    for severity, message, where in design.remarks:
        yield Finding(severity, message, where)


def part_and_board(design: Design) -> Iterator[Finding]:
    """Another board's design is a design all the same; only it will not run here."""
    if design.part.lower() != BOARD_PART:
        yield warning(f'part "{design.part}" is not the AUP-ZU3\'s; choose {BOARD_PART}', design.where)
    elif design.board_part and _BOARD not in design.board_part:
        yield warning(f'board "{design.board_part}" is not the AUP-ZU3, but the part is', design.where)


def names(design: Design) -> Iterator[Finding]:
    """Under PYNQ a cell is an attribute of the overlay: overlay.axi_dma_0, overlay.decoder.axi_dma_0."""
    for path, item in [*design.cells.items(), *design.hierarchies.items()]:
        name = path.rpartition("/")[2]
        if keyword.iskeyword(name) or ("/" not in path and name in _TAKEN):
            yield warning(f'PYNQ cannot reach the cell "{path}" as overlay.{name}; choose another name', item.where)


def validation(design: Design) -> Iterator[Finding]:
    if design.cells and not design.validated:
        message = "the script does not validate its design; add validate_bd_design before it is saved"
        yield warning(message, design.where)


CHECKS = (remarks, part_and_board, names, validation)
