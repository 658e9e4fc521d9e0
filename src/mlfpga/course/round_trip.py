"""How long one DMA round trip on the virtual board takes, beyond the accelerator's own time.

    .venv/board/bin/python -m mlfpga.course.round_trip BUNDLE

Runs in the board environment with the bundle's own driver, and prints the milliseconds.
"""

import sys
import time
from pathlib import Path
from statistics import median

REPEATS = 200


def overhead_ms(bundle: Path) -> float:
    """Median of the round trip of a single sample through the driver, less the bare simulation of its words."""
    import mlfpga.board  # noqa: F401  puts the virtual board behind pynq; must come before the driver

    sys.path.insert(0, str(bundle))
    import numpy as np
    from driver import Accelerator

    from mlfpga.simulate import load

    simulation = load(bundle / "sim")
    vectors = np.load(bundle / "vectors.npz")
    with Accelerator(bundle) as accelerator:
        words = accelerator.input.encode(vectors["inputs"][:REPEATS])
        # In turns, so that whatever else the machine does is in both.
        overheads = [
            timed(accelerator.predict_raw, words[i : i + 1]) - timed(simulation.run, words[i])
            for i in range(len(words))
        ]
    return median(overheads)


def timed(function, *arguments) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    print(f"{overhead_ms(Path(sys.argv[1]).resolve()):.4f}")
