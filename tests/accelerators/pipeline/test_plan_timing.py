"""The model of the handshakes says to the cycle when the RTL gives its results; the formulas say how fast it can be."""

from dataclasses import replace

import numpy as np
from networks import random_inputs, random_network
from plans import Bench, random_plan

from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.network import Conv2d, Dense, MaxPool2d, Network, Tensor
from mlfpga.accelerators.pipeline.plan import Folding, Plan, default_plan
from mlfpga.accelerators.pipeline.timing import cycles, timeline

IMAGES = 8


def small() -> Network:
    rng = np.random.default_rng(3)
    conv = Conv2d(
        *("conv", rng.integers(-8, 8, (4, 3, 3, 2)), [0] * 4, [9] * 4, [9] * 4, 4, (1, 1), (1, 1, 1, 1)),
        Tensor((8, 8, 4), 4, False),
    )
    pool = MaxPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), Tensor((4, 4, 4), 4, False))
    dense = Dense("dense", rng.integers(-8, 8, (6, 64)), [0] * 6, None, None, 4, Tensor((6,), 32, True))
    return Network("small", Tensor((8, 8, 2), 8, False), (conv, pool, dense))


def test_the_rtl_gives_each_result_in_the_predicted_cycle(tmp_path):
    deep = {"conv": Folding(2, 1, 2, fifo=16), "pool": Folding(2, 4, 4, fifo=2), "dense": Folding(1, 4, 1, fifo=2)}
    networks = [random_network(seed) for seed in (5, 11, 12)]
    plans = [Plan(small(), deep, 2), default_plan(small()), *(random_plan(n, 7) for n in networks)]
    made = [build(plan, tmp_path / f"n{i}", name=f"n{i}") for i, plan in enumerate(plans)]
    bench = Bench(made, tmp_path)
    for accelerator, plan in zip(made, plans, strict=True):
        x = random_inputs(plan.network, IMAGES - 3, 1)
        words = accelerator.input.pack(x)
        _, _, simulation = bench.run(accelerator, words, True)
        first = simulation.stamps(f"s_{accelerator.name}")[0]
        given = simulation.stamps(f"m_{accelerator.name}").reshape(IMAGES, -1)[:, -1]
        expected = timeline(plan, IMAGES)
        assert (given - first == expected.ends).all(), plan.foldings
        assert expected.interval == given[-1] - given[-2] and expected.latency == given[0] - first


def test_cycles_of_stages_by_hand():
    plan = Plan(small(), {"conv": Folding(1, 1, 2), "pool": Folding(1, 2, 2), "dense": Folding(1, 4, 1)}, 1)
    # conv: 9 rows x 9 columns x 2 groups of steps; each of its 64 x 2 windows stands for a second fold.
    # pool: 8 x 8 pixels in 2 groups. dense: 16 beats of 4, each for 6 outputs; what joins 2 and 2 works meanwhile.
    found = cycles(plan)
    assert {name: found[name] for name in ("input", "conv", "pool", "output")} == {
        "input": 64, "conv": 9 * 9 * 2 + 64 * 2, "pool": 8 * 8 * 2, "output": 6,
    }  # fmt: skip
    assert found["dense"] == 16 * 6


def test_a_result_of_two_words_occupies_the_output_for_two_cycles():
    conv, pool, dense = small().layers
    dense = replace(dense, multiplier=[9] * 6, shift=[9] * 6, output=Tensor((6,), 8, True))  # 4 numbers a word
    plan = default_plan(Network("words", small().input, (conv, pool, dense))).folded("dense", channels_out=6)
    assert cycles(plan)["output"] == 2


def test_deep_fifos_let_the_slowest_stage_set_the_rate():
    for seed in range(12):
        network = random_network(seed)
        plan = random_plan(network, seed)
        for name in plan.foldings:
            plan = plan.folded(name, fifo=512)
        slowest = max(cycles(plan).values())
        seen = timeline(plan, 8)
        assert slowest <= seen.interval <= slowest * 1.5 + 20, (seed, slowest, seen.interval)


def test_busy_says_who_works():
    plan = default_plan(small())
    seen = timeline(plan, 3)
    assert seen.busy["conv_matvec"].sum() == 3 * 64 * 2 * 4 and len(seen.busy["conv_matvec"]) == seen.ends[-1] + 1
