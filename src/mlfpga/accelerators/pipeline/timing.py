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


@dataclass(frozen=True)
class Timeline:
    """A pipeline at work, image after image without a gap, its results taken at once.

    latency   cycles from the first word of the first image taken to the last word of its result taken
    interval  cycles from one result to the next, once that no longer changes
    ends      (images,) the cycle in which each result's last word is taken; cycle 0 takes the first word
    busy      block's name -> (cycles,) bool, whether it works on something in that cycle
    """

    latency: int
    interval: int
    ends: np.ndarray
    busy: Mapping[str, np.ndarray]


def timeline(plan: Plan, images: int = 4, busy: bool = True) -> Timeline:
    """Follow `images` images (2 or more) through the handshakes of every block, cycle by cycle.

    Takes about a microsecond for each block and cycle; without `busy`, that stays empty.
    """
    chain = [block for block in blocks(plan, "plan") if not _is_wire(block)]
    return run_chain(chain, input_format(plan).words_per_sample, images, busy)


def run_chain(chain: Sequence[Block], words: int, images: int, busy: bool = True) -> Timeline:
    """`timeline` of a chain of blocks whose first one takes `words` beats an image."""
    models = [_model(block) for block in chain]
    beats = words
    for block in chain:
        beats = beats_out(block, beats)
    to_come, left, cycle = words * images, beats * images, 0
    ends, worked = [], [bytearray() for _ in models]
    backwards = list(enumerate(models))[::-1]
    while left:
        ready = True
        if models[-1].valid:
            left -= 1
            if left % beats == 0:
                ends.append(cycle)
        # Ready goes backwards in the same cycle; valid comes from registers only.
        for index, model in backwards:
            before = models[index - 1].valid if index else to_come > 0
            ready = model.decide(before, ready)
            if busy:
                worked[index].append(model.works)
        to_come -= ready and to_come > 0
        for model in models:
            model.move()
        cycle += 1
    names = [block.name for block in chain]
    shown = {name: np.frombuffer(row, bool) for name, row in zip(names, worked, strict=True)} if busy else {}
    return Timeline(ends[0], ends[-1] - ends[-2] if images > 1 else ends[0], np.array(ends), shown)


def _is_wire(block: Block) -> bool:
    p = block.parameters
    return p.get("WORDS") == 1 or (block.module == "regroup" and p["FROM"] == p["TO"])


class _Pipe:
    """Registers that move together: `latency` of them, the last one is the output. Takes and gives one a cycle."""

    def __init__(self, latency: int):
        self.stages, self.valid, self.works = [False] * latency, False, False
        self.enable = self.enters = False

    def decide(self, offered: bool, taken: bool) -> bool:
        """What happens in this cycle: is a beat offered, is the output taken if valid. Returns whether it is ready."""
        self.enable = not self.valid or taken
        self.enters = offered and self.enable
        self.works = self.enters
        return self.enable

    def move(self) -> None:
        if self.enable:
            self.stages.pop(0)
            self.stages.append(self.gives() if self.enters else False)
            self.valid = self.stages[0]

    def gives(self) -> bool:
        """Whether the step that is taken brings something out, after the latency."""
        return True


class _Collect(_Pipe):
    """Gives once for `parts` beats."""

    def __init__(self, latency: int, parts: int):
        super().__init__(latency)
        self.part, self.parts = 0, parts

    def gives(self) -> bool:
        self.part = (self.part + 1) % self.parts
        return self.part == 0


class _Window(_Pipe):
    def __init__(self, scan: WindowScan):
        super().__init__(1)
        self.takes, self.emits, self.step = scan.takes.tolist(), scan.gives.tolist(), 0

    def decide(self, offered: bool, taken: bool) -> bool:
        takes = self.takes[self.step]
        super().decide(offered or not takes, taken)
        return self.enable and takes

    def gives(self) -> bool:
        emits = self.emits[self.step]
        self.step = (self.step + 1) % len(self.emits)
        return emits


class _Matvec(_Pipe):
    def __init__(self, beats: int, folds: int):
        super().__init__(3)
        self.beats, self.folds, self.beat, self.fold = beats, folds, 0, 0

    def decide(self, offered: bool, taken: bool) -> bool:
        return super().decide(offered, taken) and self.fold == self.folds - 1

    def gives(self) -> bool:
        last = self.beat == self.beats - 1
        self.fold += 1
        if self.fold == self.folds:
            self.fold, self.beat = 0, (self.beat + 1) % self.beats
        return last


class _Split:
    """One beat becomes `parts`."""

    def __init__(self, parts: int):
        self.parts, self.part, self.valid, self.works = parts, 0, False, False

    def decide(self, offered: bool, taken: bool) -> bool:
        self.works, self.taken, self.offered = self.valid, taken, offered
        self.ready = not self.valid or (taken and self.part == self.parts - 1)
        return self.ready

    def move(self) -> None:
        if self.valid and self.taken:
            self.part = (self.part + 1) % self.parts
        if self.ready:
            self.valid = self.offered


class _Fifo:
    def __init__(self, depth: int):
        self.depth, self.count, self.change, self.valid, self.works = depth, 0, 0, False, False

    def decide(self, offered: bool, taken: bool) -> bool:
        ready = self.count < self.depth
        self.works = self.valid
        self.change = (offered and ready) - (self.valid and taken)
        return ready

    def move(self) -> None:
        self.count += self.change
        self.valid = self.count > 0


def _model(block: Block):
    p = block.parameters
    match block.module:
        case "window":
            return _Window(window_scan(p))
        case "matvec":
            return _Matvec(p["BEATS"], p["FOLDS"])
        case "fifo":
            return _Fifo(p["DEPTH"])
        case "regroup":
            return _Split(p["FROM"] // p["TO"]) if p["FROM"] > p["TO"] else _Collect(1, p["TO"] // p["FROM"])
        case "unpack":
            return _Collect(1, p["WORDS"])
        case "pack":
            return _Split(p["WORDS"])
        case "argmax":
            return _Collect(2, p["ELEMENTS"] // p["LANES"])
        case "requantize":
            return _Pipe(2)
    return _Pipe(1)
