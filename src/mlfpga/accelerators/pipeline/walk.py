"""One image on its way through a line buffer, cycle by cycle, as the RTL does it: what a picture of it shows."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlfpga.accelerators.pipeline.layers import NetworkError
from mlfpga.artifacts import course_root
from mlfpga.simulate.rtl import RtlSimulation, Waveform, module

_LINES = "g_rows.g_lines.lines"
# An image wider than this has a memory that Verilator leaves out of waveforms.
_WIDEST = 32


@dataclass(frozen=True)
class WindowCycle:
    """One clock cycle of `rtl/pipeline/window.sv`.

    cycle    since the reset
    entered  how many pixels have entered before
    taken    (row, column) of the pixel that enters; None if none does: a step for the padding
    lines    (kernel rows - 1, width) what the line memory holds, the oldest row first
    window   (kernel rows, kernel columns) the window at the output; None if there is none
    place    (row, column) of that window in the result; None if there is none
    origin   (row, column) of that window's first element in the image, negative in the padding; None if there is none
    """

    cycle: int
    entered: int
    taken: tuple[int, int] | None
    lines: np.ndarray
    window: np.ndarray | None
    place: tuple[int, int] | None
    origin: tuple[int, int] | None


def follow_window(
    image: np.ndarray,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (1, 1, 1, 1),
    bits: int = 8,
) -> list[WindowCycle]:
    """Simulate the line buffer on one image and tell every cycle.

    image    (height, width) integers 0 … 2^bits - 1, at most 32 wide
    padding  (top, bottom, left, right) rows and columns of zeros

    Raises NetworkError for an image that the line buffer's picture cannot show.
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.shape[1] > _WIDEST or kernel[0] < 2:
        raise NetworkError(
            f"an image of shape {image.shape} with {kernel[0]} kernel rows cannot be followed; take one channel, at "
            f"most {_WIDEST} columns, and a kernel of two rows or more"
        )
    (height, width), (rows, columns) = image.shape, kernel
    result = [
        (size + before + after - taps) // step + 1
        for size, before, after, taps, step in zip(
            image.shape, padding[::2], padding[1::2], kernel, stride, strict=True
        )
    ]
    names = ("PAD_TOP", "PAD_BOTTOM", "PAD_LEFT", "PAD_RIGHT")
    parameters = dict(zip(names, padding, strict=True)) | {
        "HEIGHT": height,
        "WIDTH": width,
        "BITS": bits,
        "KERNEL_Y": rows,
        "KERNEL_X": columns,
        "STRIDE_Y": stride[0],
        "STRIDE_X": stride[1],
    }
    source = course_root() / "rtl" / "pipeline" / "window.sv"
    core = module("window", [source], {"s_axis": bits, "m_axis": rows * columns * bits}, parameters)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "window.vcd"
        with RtlSimulation(core, trace=trace) as simulation:
            simulation.offer("s_axis", image.reshape(-1))
            simulation.allow("m_axis", result[0] * result[1])
            simulation.advance(1_000 + 10 * image.size, until="full")
        waveform = Waveform(trace)
    return _cycles(waveform, image.shape, kernel, result[1], bits, stride, padding)


def _cycles(
    waveform: Waveform,
    shape: tuple[int, int],
    kernel: tuple[int, int],
    result_width: int,
    bits: int,
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> list[WindowCycle]:
    taken, given = waveform.stream("s_axis"), waveform.stream("m_axis")
    memory = np.stack([_split(waveform.values(f"{_LINES}[{place}]"), kernel[0] - 1, bits) for place in range(shape[1])])
    windows = _split(given.data, kernel[0] * kernel[1], bits).reshape(-1, *kernel)
    entered, left = np.cumsum(taken.moves) - taken.moves, np.cumsum(given.moves) - given.moves
    told = []
    for cycle in range(waveform.cycles):
        pixel, place = (tuple(map(int, divmod(n[cycle], w))) for n, w in ((entered, shape[1]), (left, result_width)))
        leaves = bool(given.moves[cycle])
        told.append(
            WindowCycle(
                cycle=cycle,
                entered=int(entered[cycle]),
                taken=pixel if taken.moves[cycle] else None,
                lines=memory[:, cycle].T,
                window=windows[cycle] if leaves else None,
                place=place if leaves else None,
                origin=(place[0] * stride[0] - padding[0], place[1] * stride[1] - padding[2]) if leaves else None,
            )
        )
    return told


def _split(words: np.ndarray, count: int, bits: int) -> np.ndarray:
    """Words of `count` numbers each, the first in the lowest bits: (words, count)."""
    mask = (1 << bits) - 1
    return np.array([[int(word) >> bits * place & mask for place in range(count)] for word in words])
