"""Samples on their way through the RTL of a pipeline: what every layer gave, and when each block was at work.

seen = watch(accelerator, plan, x)
seen.layers["conv1"]                 the layer's numbers, as `reference.trace` gives them
seen.streams["conv1_window"]         what left that block, cycle by cycle
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlfpga.accelerators.contract import Accelerator
from mlfpga.accelerators.pipeline.plan import Plan
from mlfpga.accelerators.pipeline.stages import Block, Stream, blocks
from mlfpga.simulate.rtl import RtlError, RtlSimulation, StreamTrace, Waveform, open_ip

# ap_start and auto_restart of the control register.
_START_FOR_GOOD = 0x81
# Cycles without a beat at the ports after which a pipeline counts as hung.
_PATIENCE = 1_000_000


@dataclass(frozen=True)
class Watched:
    """What one simulation showed.

    words    (n, words per result) what left the accelerator
    layers   layer's name -> (n, *output shape) int64, what left it inside; layers without a block are left out
    streams  block's name -> the stream that leaves it, over all cycles
    begins   (n,) the cycle in which each sample's first word was taken
    ends     (n,) the cycle in which each result's last word was taken
    """

    words: np.ndarray
    layers: Mapping[str, np.ndarray]
    streams: Mapping[str, StreamTrace]
    begins: np.ndarray
    ends: np.ndarray

    @property
    def latency(self) -> int:
        """Cycles from the first sample's first word to its result's last one."""
        return int(self.ends[0] - self.begins[0])

    @property
    def interval(self) -> int:
        """Cycles from the last result but one to the last one."""
        return int(self.ends[-1] - self.ends[-2])

    @property
    def occupancy(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For `evaluate.plot_occupancy`: block's name -> (valid, ready) of the stream that leaves it; no FIFOs."""
        shown = (name for name in self.streams if not name.endswith("_fifo"))
        return {name: (self.streams[name].valid, self.streams[name].ready) for name in shown}


def watch(
    accelerator: Accelerator, plan: Plan, x: np.ndarray, stall: float = 0.0, seed: int = 0, inside: bool = True
) -> Watched:
    """Simulate samples `x` (n, *input shape), in engineering units, back to back, and look at every block.

    plan    what the accelerator was built from
    stall   probability with which, in a cycle, the source rests or the reader refuses (each on its own)
    inside  False: only what happens at the ports (`layers` and `streams` stay empty), which is much faster

    The first call for an accelerator builds its simulation. Raises RtlError if the pipeline stands still.
    """
    core, words = open_ip(accelerator.folder / "ip"), accelerator.input.encode(x)
    due = len(x) * accelerator.output.words_per_sample
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "pipeline.vcd" if inside else None
        with RtlSimulation(core, trace) as simulation:
            for number, port in enumerate(("s_axis", "m_axis")):
                simulation.stall(port, stall, seed + number)
            simulation.write(0x00, _START_FOR_GOOD)
            simulation.offer("s_axis", words.reshape(-1))
            simulation.allow("m_axis", due)
            ended = simulation.advance(1 << 40, until="full", quiet_cycles=_PATIENCE)
            given, _ = simulation.collect("m_axis")
            if len(given) != due:
                raise RtlError(f"{accelerator.name} gave {len(given)} of {due} words and then stopped ({ended.stop})")
            begins = simulation.stamps("s_axis").reshape(len(x), -1)[:, 0]
            ends = simulation.stamps("m_axis").reshape(len(x), -1)[:, -1]
        layers, streams = _inside(Waveform(trace), plan, accelerator.name, len(x)) if trace else ({}, {})
    return Watched(given.reshape(len(x), -1), layers, streams, begins, ends)


def _inside(
    waveform: Waveform, plan: Plan, name: str, count: int
) -> tuple[dict[str, np.ndarray], dict[str, StreamTrace]]:
    chain = blocks(plan, name)
    # The top calls what leaves the block with index i the stream s(i+1).
    streams = {block.name: waveform.stream(f"s{index}") for index, block in enumerate(chain, 1)}
    last: dict[str, Block] = {block.layer: block for block in chain}
    layers = {
        layer.name: _numbers(streams[last[layer.name].name], last[layer.name].gives, (count, *layer.output.shape))
        for layer in plan.network.layers
        if layer.name in last
    }
    return layers, streams


def _numbers(trace: StreamTrace, stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
    """The beats of a stream as arrays: beats go row by row, pixel group by pixel group, then the channel groups."""
    elements = stream.pixels * stream.lanes
    beats = trace.elements(stream.bits, stream.signed)
    # Upper elements that are 0 in every beat are not there.
    beats = np.pad(beats, ((0, 0), (0, elements - beats.shape[1])))
    count, *image, channels = shape
    if not image:
        return beats.reshape(shape)
    height, width = image
    groups = channels // stream.lanes
    apart = beats.reshape(count, height, width // stream.pixels, groups, stream.pixels, stream.lanes)
    return apart.transpose(0, 1, 2, 4, 3, 5).reshape(shape)
