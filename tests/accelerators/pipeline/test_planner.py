"""The planner against all plans there are, on networks small enough to try them all."""

from itertools import product

import numpy as np
import pytest
from measure_costs import PLANS
from measure_costs import network as digits

from mlfpga.accelerators.pipeline.cost import costs, total
from mlfpga.accelerators.pipeline.network import Conv2d, Dense, MaxPool2d, Network, Tensor
from mlfpga.accelerators.pipeline.plan import Plan, PlanError, check
from mlfpga.accelerators.pipeline.planner import (
    AUP_ZU3,
    describe,
    legal_foldings,
    plan_for_board,
    plan_for_rate,
    smallest,
    with_fifos,
)
from mlfpga.accelerators.pipeline.timing import timeline


def network() -> Network:
    rng = np.random.default_rng(3)
    conv = Conv2d(
        *("conv", rng.integers(-8, 8, (2, 3, 3, 1)), [0] * 2, [9] * 2, [9] * 2, 4, (1, 1), (1, 1, 1, 1)),
        Tensor((8, 8, 2), 4, False),
    )
    pool = MaxPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), Tensor((4, 4, 2), 4, False))
    dense = Dense("dense", rng.integers(-8, 8, (3, 32)), [0] * 3, None, None, 4, Tensor((3,), 32, True))
    return Network("small", Tensor((8, 8, 1), 8, False), (conv, pool, dense))


def every_plan(network, pixels=None):
    for entering in (1, 2, 4, 8) if pixels is None else (pixels,):
        each = [
            [f for arriving in (1, 2, 4, 8) for f in legal_foldings(layer, tensor.shape, arriving)]
            for layer, tensor in zip(network.layers, network.tensors, strict=True)
        ]
        for foldings in product(*({f: None for f in some} for some in each)):
            plan = Plan(network, dict(zip(("conv", "pool", "dense"), foldings, strict=True)), entering)
            try:
                check(plan)
            except PlanError:
                continue
            yield plan


def price(cost) -> float:
    return sum(getattr(cost, name) / have for name, have in AUP_ZU3.items())


@pytest.fixture(scope="module")
def everything():
    """All plans with FIFOs of 32: (cycles per image of the whole pipeline, price, plan)."""
    found = []
    for plan in every_plan(network()):
        for name in plan.foldings:
            plan = plan.folded(name, fifo=32)
        found.append((timeline(plan, busy=False).interval, price(total(costs(plan).values())), plan))
    assert len(found) > 300
    return found


@pytest.mark.parametrize("rate", [400, 200, 110, 90, 50])
def test_no_plan_is_much_cheaper_at_the_rate(rate, everything):
    found = plan_for_rate(network(), rate)
    check(found.plan)
    assert timeline(found.plan).interval == found.interval <= rate and found.target == rate
    best = min(cost for interval, cost, _ in everything if interval <= rate)
    # What joins and splits beats between the layers, and the FIFOs, are no part of what the planner minimises.
    assert price(found.cost) <= best * 1.25


def test_a_rate_is_refused_only_if_no_plan_has_it(everything):
    best = min(interval for interval, _, _ in everything)
    with pytest.raises(PlanError, match=r"small cannot reach 3 cycles per image: the best is \d+, where .* limits"):
        plan_for_rate(network(), 3)
    assert plan_for_board(network()).interval <= best * 1.1
    assert plan_for_rate(network(), best + 2).interval <= best + 2


def test_smallest_is_the_cheapest_of_all(everything):
    least = min(cost for _, cost, plan in everything if plan.pixels_per_beat == 1)
    assert price(smallest(network()).cost) <= least * 1.02


def test_a_board_limits_and_is_named(everything):
    room = smallest(network()).cost.luts * 1.5
    found = plan_for_board(network(), luts=room)
    assert found.cost.luts <= room
    best = min(i for i, _, plan in everything if total(costs(plan).values()).luts <= room)
    assert found.interval <= best * 1.3
    assert found.limiting == max(found.cycles, key=found.cycles.get) and found.limiting in found.reason
    luts = smallest(network()).cost.luts
    with pytest.raises(PlanError) as error:
        plan_for_board(network(), luts=100)
    assert str(error.value) == (
        f"small is larger than the board even with the smallest plan: LUT cells: {luts:,.0f} of 100, {luts - 100:,.0f} "
        "too many; use fewer channels or a larger device"
    )
    with pytest.raises(PlanError, match=r"at 90 cycles per image is larger than the board: DSP48E2: \d+ of 1, \d+ too"):
        plan_for_rate(network(), 90, board={"luts": 70_560, "dsps": 1, "bram36": 216})


def test_what_limits_is_said():
    streams = plan_for_board(network(), pixels_per_beat=1)
    assert streams.limiting in ("input", "conv") and "more pixels in a beat" in streams.reason
    slow = smallest(network())
    assert f"{slow.limiting} limits; it could take" in slow.reason
    with pytest.raises(PlanError, match="pixels_per_beat 3 does not divide its row of 8; choose one of 1, 2, 4, 8"):
        plan_for_rate(network(), 100, 3)
    with pytest.raises(PlanError, match="share 1.5 is no part of a board"):
        plan_for_board(network(), share=1.5)
    with pytest.raises(PlanError, match="cycles_per_image 0 is not a rate"):
        plan_for_rate(network(), 0)


def test_fifos_are_as_deep_as_bursts_need():
    plan = Plan(digits(), PLANS[0])
    chosen = with_fifos(plan)
    deep = plan
    for name in plan.foldings:
        deep = deep.folded(name, fifo=512)
    interval = timeline(deep, busy=False).interval
    assert timeline(chosen, busy=False).interval == interval < timeline(plan, busy=False).interval
    assert any(folding.fifo == 2 for folding in chosen.foldings.values())
    told = describe(chosen)
    assert told.plan == chosen and told.interval == interval
    assert [row["stage"] for row in told.rows] == ["control", "input", "conv1", "pool", "conv2", "dense", "output"]
    assert sum(row["limiting"] for row in told.rows) == 1


def test_digits_reach_the_rates_of_the_course():
    one, four = plan_for_rate(digits(), 1000, 1), plan_for_rate(digits(), 400, 4)
    assert one.interval <= 1000 and one.latency <= 1500 and four.interval <= 400
    assert max(one.cost.luts, four.cost.luts) < 29_000
