"""Print the planner's cost of single blocks beside what Yosys makes of them: `python measure_costs.py`, minutes."""

import tempfile
from pathlib import Path

import numpy as np

from mlfpga.accelerators.pipeline.cost import CONTROL, block_cost
from mlfpga.accelerators.pipeline.hdl import needed_files
from mlfpga.accelerators.pipeline.network import Conv2d, Dense, MaxPool2d, Network, Tensor
from mlfpga.accelerators.pipeline.plan import Folding, Plan
from mlfpga.accelerators.pipeline.stages import blocks
from mlfpga.accelerators.pipeline.top import SAMPLES
from mlfpga.synthesize import area


def network() -> Network:
    """The digits of the course, with random numbers."""
    rng = np.random.default_rng(0)

    def weights(*shape):
        return rng.integers(-8, 8, shape)

    def scaling(channels):
        return rng.integers(-500, 500, channels), rng.integers(20_000, 60_000, channels), rng.integers(18, 22, channels)

    small = Tensor((28, 28, 8), 4, False)
    return Network(
        "digits",
        Tensor((28, 28, 1), 8, False),
        (
            Conv2d("conv1", weights(8, 3, 3, 1), *scaling(8), 4, (1, 1), (1, 1, 1, 1), small),
            MaxPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), Tensor((14, 14, 8), 4, False)),
            Conv2d("conv2", weights(16, 3, 3, 8), *scaling(16), 4, (2, 2), (1, 1, 1, 1), Tensor((7, 7, 16), 4, False)),
            Dense("dense", weights(10, 784), scaling(10)[0], None, None, 4, Tensor((10,), 32, True)),
        ),
    )


PLANS = [
    {"conv1": Folding(1, 1, 8), "pool": Folding(1, 8, 8), "conv2": Folding(1, 8, 1), "dense": Folding(1, 8, 1)},
    {"conv1": Folding(1, 1, 1), "pool": Folding(1, 1, 1), "conv2": Folding(1, 1, 1), "dense": Folding(1, 1, 1)},
    {"conv1": Folding(1, 1, 4, True), "pool": Folding(1, 4, 4), "conv2": Folding(1, 4, 2), "dense": Folding(1, 4, 5)},
]


def measure(block) -> tuple:
    """(Cost by the model, Area by Yosys) of one block."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in block.images]
        for path in files:
            path.write_text(block.images[path.name].text)
        sources = needed_files(f"    {block.module} #(")
        return block_cost(block), area(block.module, sources, block.parameters, files)


if __name__ == "__main__":
    print(
        f"{'block':28}{'LUT cells':>12}{'Yosys':>8}{'flip-flops':>12}{'Yosys':>8}"
        f"{'DSP':>6}{'Yosys':>7}{'BRAM36':>8}{'Yosys':>7}"
    )
    for number, foldings in enumerate(PLANS):
        for block in blocks(Plan(network(), foldings), "digits"):
            if block.parameters.get("WORDS") == 1:
                continue
            model, yosys = measure(block)
            print(
                f"{number} {block.name:26}{model.luts:12.0f}{yosys.luts:8}{model.flip_flops:12.0f}"
                f"{yosys.flip_flops:8}{model.dsps:6.0f}{yosys.dsps:7}{model.bram36:8.1f}{yosys.bram36:7.1f}",
                flush=True,
            )
    doors = (("ap_control", {}), ("samples", {"WORDS_IN": 784, "WORDS_OUT": 10, "SAMPLES": SAMPLES}))
    both = [area(module, needed_files(f"    {module} #("), parameters) for module, parameters in doors]
    luts, flip_flops = sum(one.luts for one in both), sum(one.flip_flops for one in both)
    print(f"  {'control':26}{CONTROL.luts:12.0f}{luts:8}{CONTROL.flip_flops:12.0f}{flip_flops:8}")
