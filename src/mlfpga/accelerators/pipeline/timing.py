"""When each block of a pipeline works: cycles per image, and the whole pipeline cycle by cycle.

    cycles(plan)         stage -> cycles per image, from formulas
    timeline(plan)       latency, interval and every block's busy cycles, from a model of the handshakes

The model has each block's registers of `tvalid` and nothing of its data; it moves exactly when the RTL moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlfpga.accelerators.pipeline.layers import window_counts
from mlfpga.accelerators.pipeline.plan import Plan
from mlfpga.accelerators.pipeline.stages import Block, blocks, input_format

_SAMPLES_ENOUGH = 12


@dataclass(frozen=True)
class WindowScan:
    """How `window.sv` walks: rows x columns x groups steps an image; which of them take input, which give a window."""

    rows: int
    columns: int
    groups: int
    takes: np.ndarray
    gives: np.ndarray

    @property
    def steps(self) -> int:
        return self.rows * self.columns * self.groups


def window_scan(parameters: Mapping[str, int]) -> WindowScan:
    """The scan that follows from the parameters of `window.sv`; the names are those of its header."""
    p = parameters
    shape, kernel, stride = (p["HEIGHT"], p["WIDTH"]), (p["KERNEL_Y"], p["KERNEL_X"]), (p["STRIDE_Y"], p["STRIDE_X"])
    padding = (p["PAD_TOP"], p["PAD_BOTTOM"], p["PAD_LEFT"], p["PAD_RIGHT"])
    height, width = window_counts(shape, kernel, stride, padding)
    pixels = p["PIXELS"]
    out_pixels, step = max(1, pixels // stride[1]), 1 if pixels >= stride[1] else stride[1]
    row_lag = kernel[0] - 1 - padding[0]
    lag = ((out_pixels - 1) * stride[1] - padding[2] + kernel[1] - 1) // pixels
    due_rows = np.arange(height) * stride[0] + row_lag
    due_columns = np.arange(width // out_pixels) * step + lag
    rows, columns = max(shape[0], due_rows[-1] + 1), max(shape[1] // pixels, due_columns[-1] + 1)
    row, column = np.arange(rows)[:, None, None], np.arange(columns)[None, :, None]
    every = np.ones(p["GROUPS"], bool)
    takes = (row < shape[0]) & (column < shape[1] // pixels) & every
    gives = np.isin(row, due_rows) & np.isin(column, due_columns) & every
    return WindowScan(int(rows), int(columns), p["GROUPS"], takes.ravel(), gives.ravel())


def cycles(plan: Plan) -> dict[str, int]:
    """Stage -> cycles per image in which it is occupied, if its input is always there and its output always taken.

    Stages are "input" (words of the stream), each layer that has blocks, and "output". The pipeline cannot be faster
    than the slowest of them; with deep enough FIFOs it is as fast.
    """
    return stage_cycles(blocks(plan, "plan"), input_format(plan).words_per_sample)


def stage_cycles(chain: Sequence[Block], beats: int) -> dict[str, int]:
    """`cycles` of a chain of blocks whose first one takes `beats` beats an image."""
    found: dict[str, int] = {}
    for index, block in enumerate(chain):
        after = beats_out(block, beats)
        occupied = max(beats, after)
        if block.module == "window":
            # While its window waits for the folds of the matrix-vector product, the line buffer stands still.
            following = chain[index + 1] if index + 1 < len(chain) else None
            folds = following.parameters["FOLDS"] if following is not None and following.module == "matvec" else 1
            occupied = window_scan(block.parameters).steps + after * (folds - 1)
        elif block.module == "matvec":
            occupied = beats * block.parameters["FOLDS"]
        found[block.layer] = max(found.get(block.layer, 0), occupied)
        beats = after
    return found


def beats_out(block: Block, beats: int) -> int:
    """Beats that leave a block for each image of which it takes `beats`."""
    p = block.parameters
    if block.module == "window":
        return int(window_scan(p).gives.sum())
    if block.module == "matvec":
        return beats // p["BEATS"] * p["FOLDS"]
    if block.module == "regroup":
        return beats * p["FROM"] // p["TO"]
    if block.module == "argmax":
        return beats * p["LANES"] // p["ELEMENTS"]
    return beats // p["WORDS"] if block.module == "unpack" else beats * p["WORDS"] if block.module == "pack" else beats
