"""The cost of a plan is near what Yosys makes of its blocks, and grows with what it should grow with."""

from dataclasses import replace

import pytest
from measure_costs import PLANS, measure, network

from mlfpga.accelerators.pipeline.cost import Cost, block_cost, costs, total
from mlfpga.accelerators.pipeline.plan import Folding, Plan
from mlfpga.accelerators.pipeline.stages import blocks


def chain(number):
    return {block.name: block for block in blocks(Plan(network(), PLANS[number]), "digits")}


@pytest.mark.parametrize("number, name, near", [(1, "conv2_matvec", 0.25), (2, "pool_pool", 0.3)])
def test_yosys_finds_about_as_many_cells(number, name, near):
    model, yosys = measure(chain(number)[name])
    assert model.luts == pytest.approx(yosys.luts, rel=near) and model.dsps == yosys.dsps
    assert model.flip_flops == pytest.approx(yosys.flip_flops, rel=near)


def test_multipliers_become_dsp_blocks():
    block = chain(2)["conv1_matvec"]
    assert block_cost(block).dsps == 9 * 4
    of_luts = replace(block, parameters={**block.parameters, "USE_DSP": 0})
    assert block_cost(of_luts).dsps == 0 and block_cost(of_luts).luts > block_cost(block).luts + 9 * 4 * 10


def test_more_lanes_cost_more():
    def luts(**changes):
        foldings = {**PLANS[1], "conv2": Folding(1, 1, 1)}
        foldings["conv2"] = replace(foldings["conv2"], **changes)
        return costs(Plan(network(), foldings))["conv2"].luts

    assert luts() < luts(channels_out=2) < luts(channels_out=16) < luts(channels_out=16, channels_in=8)


def test_the_line_buffer_is_in_lut_memory():
    # 14 places of a row, two rows of 8 channels of 4 bits: five memories of 14 bits.
    assert block_cost(chain(0)["conv2_window"]).lutram == 5 * 8


def test_every_stage_has_a_cost():
    found = costs(Plan(network(), PLANS[0]))
    assert list(found) == ["control", "input", "conv1", "pool", "conv2", "dense", "output"]
    assert total(found.values()).dsps == found["conv1"].dsps + found["conv2"].dsps == 9
    assert total([]) == Cost()
