"""Samples through a pipeline's RTL, back to back, in one fresh process.

    python -m mlfpga.course.figures.pipeline_run IP VECTORS FIRST LAST

Sends the samples FIRST … LAST - 1 of VECTORS (npz: `inputs` and `expected`, a row of words a sample, and `labels`) as
fast as the accelerator takes them, compares every word and prints one line of JSON: samples, cycles and wall seconds of
streaming, words that differ, answers that are right (a result is a logit a word), the mean and the largest number of
cycles from one result's end to the next one's, and the latency of a sample that has the accelerator for itself (cycles
from its first word to its result's last one, both counted).
"""

import json
import sys
import time

import numpy as np

from mlfpga.course.figures.rtl_run import start
from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip

# Samples on their way when counting begins: the pipeline is full then.
_WARM_UP = 4
# Cycles without a beat after which a pipeline hangs.
_PATIENCE = 1_000_000


def main(ip: str, vectors: str, first: str, last: str) -> None:
    """See the module's text."""
    core, known = open_ip(ip), np.load(vectors)
    chosen = slice(int(first), int(last))
    inputs, expected = known["inputs"][chosen], known["expected"][chosen]
    alone = stream(core, inputs[:1], expected[:1])
    told = stream(core, inputs, expected)
    answers = told.pop("words").view("<i4").reshape(expected.shape).argmax(axis=1)
    right = int((answers == known["labels"][chosen]).sum())
    print(json.dumps(told | {"right": right, "latency": alone["latency"]}), flush=True)


def stream(core, inputs: np.ndarray, expected: np.ndarray) -> dict:
    """Send all samples back to back through a fresh simulation of `core`; see the module's text for what it returns.

    And the `words` that came out.
    """
    source, sink = (next(n for n, port in core.streams.items() if port.role == role) for role in ("slave", "master"))
    with RtlSimulation(core) as simulation:
        start(simulation)
        simulation.offer(source, inputs.reshape(-1))
        simulation.allow(sink, expected.size)
        begun, before = simulation.cycle, time.perf_counter()
        ended = simulation.advance(1 << 40, until="full", quiet_cycles=_PATIENCE)
        seconds = time.perf_counter() - before
        words, _ = simulation.collect(sink)
        if len(words) != expected.size:
            raise RtlError(
                f"{core.vlnv} gave {len(words):,} of {expected.size:,} words and then stopped ({ended.stop})"
            )
        ends = simulation.stamps(sink).reshape(expected.shape)[:, -1]
        between = np.diff(ends[min(_WARM_UP, len(ends) // 2) :])
        return {
            "words": words,
            "samples": len(inputs),
            "cycles": int(simulation.cycle - begun),
            "seconds": seconds,
            "different": int((words != expected.reshape(-1)).sum()),
            "interval": float(between.mean()) if len(between) else 0.0,
            "longest": int(between.max(initial=0)),
            "latency": int(ends[0] - simulation.stamps(source)[0] + 1),
        }


if __name__ == "__main__":
    main(*sys.argv[1:])
