"""What the AXI DMA itself cannot do, and what PYNQ's driver cannot do with it (PG021, pynq/lib/dma.py)."""

from collections.abc import Iterator

from mlfpga.blockdesign.checks.finding import Finding, error, warning
from mlfpga.blockdesign.design import Cell, Design
from mlfpga.blockdesign.expressions import number

# A batch of samples is one transfer: less than 8 MB at a time is little for that.
_LENGTH_BITS = 23
_CHANNELS = (
    ("mm2s", "c_m_axi_mm2s_data_width", "c_m_axis_mm2s_tdata_width"),
    ("s2mm", "c_m_axi_s2mm_data_width", "c_s_axis_s2mm_tdata_width"),
)


def direct_memory_access(design: Design) -> Iterator[Finding]:
    for cell in design.cells.values():
        if cell.ip.name == "axi_dma":
            yield from _one(cell, {name: number(value) for name, value in cell.values.items()})


def _one(cell: Cell, values: dict) -> Iterator[Finding]:
    if values["c_include_sg"]:
        yield warning(
            f"{cell.name} has scatter-gather on; PYNQ's driver can do little with it: set c_include_sg to 0",
            cell.changed_at.get("c_include_sg", cell.where),
        )
    if values["c_sg_length_width"] < _LENGTH_BITS:
        largest = 2 ** values["c_sg_length_width"] - 1
        yield warning(
            f"{cell.name} moves at most {largest} bytes at a time; set c_sg_length_width to 26",
            cell.changed_at.get("c_sg_length_width", cell.where),
        )
    for channel, memory, stream in _CHANNELS:
        # Where the script does not set it, Vivado makes the memory's side as wide as the stream.
        if values[f"c_include_{channel}"] and memory in cell.changes and values[memory] < values[stream]:
            yield error(
                f"{cell.name}: {memory} is {values[memory]}, narrower than its stream of {values[stream]} bits",
                cell.changed_at.get(memory, cell.where),
            )


CHECKS = (direct_memory_access,)
