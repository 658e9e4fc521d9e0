"""What the virtual board adds to the C simulation when a bundle's test samples go through as one batch.

    .venv/board/bin/python -m mlfpga.course.figures.batch_run BUNDLE

Runs in the board environment, in turns: the bare C simulation, and the bundle's own driver. Prints one line of JSON.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median

_TURNS = 3


def compare(bundle: Path) -> dict:
    """Median seconds of both, samples, DMA transfers of the batch, and result words that differ from each other."""
    import mlfpga.board  # noqa: F401  puts the virtual board behind pynq; must come before the driver

    sys.path.insert(0, str(bundle))
    import numpy as np
    from driver import Accelerator

    from mlfpga.simulate import load

    simulation = load(bundle / "sim")
    inputs = np.load(bundle / "vectors.npz")["inputs"]
    alone, board = [], []
    with Accelerator(bundle, timeout_s=120, buffer_bytes=32 << 20) as accelerator:
        words = accelerator.input.encode(inputs)
        accelerator.predict_raw(words[:1])
        simulation.run(words[:1].reshape(-1))
        for _ in range(_TURNS):
            seconds, (bare, _) = _timed(simulation.run, words.reshape(-1))
            alone.append(seconds)
            seconds, results = _timed(accelerator.predict_raw, words)
            board.append(seconds)
        transfers = accelerator.last.transfers
    different = int((results.reshape(-1) != bare).sum())
    return {
        "alone": median(alone),
        "board": median(board),
        "samples": len(words),
        "transfers": transfers,
        "different": different,
        "turns": _TURNS,
    }


def _timed(function, *arguments):
    started = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - started, result


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]).resolve())))
