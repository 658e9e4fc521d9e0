"""Pictures of lab 03 show the values they were given, in the right places."""

from dataclasses import dataclass

import numpy as np
import pytest

from mlfpga import evaluate
from mlfpga.evaluate import hardware
from mlfpga.formats import FixedPoint


@dataclass
class Profile:
    layer: str
    what: str
    number: FixedPoint
    magnitudes: tuple
    overflows: float = 0.0


def test_a_format_covers_from_its_step_to_its_largest_value():
    figure = evaluate.plot_ranges(
        [
            Profile("hidden", "weight", FixedPoint(8, 1), (0.01, 0.1, 0.2, 0.4, 0.9)),
            Profile("hidden", "result", FixedPoint(6, 3, signed=False), (), 0.0),
            Profile("logits", "result", FixedPoint(16, 6), (0.5, 1, 2, 30, 64), 0.125),
        ]
    )
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "hidden weight   fixed<8,1>",
        "hidden result   ufixed<6,3>",
        "logits result   fixed<16,6>",
    ]
    grey = [patch for patch in axis.patches if patch.get_height() == pytest.approx(0.8)]
    ends = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in grey]
    assert ends[0] == (-7, 0) and ends[2] == (-10, 5)
    assert ends[1] == pytest.approx((-3, np.log2(8 - 1 / 8)))
    lines = [line.get_xdata() for line in axis.lines if len(set(line.get_ydata())) == 1]
    assert lines[0] == pytest.approx(np.log2([0.01, 0.9])), "from the smallest to the largest value"
    assert [text.get_text() for text in axis.texts] == ["12.5% overflow"]


def test_reuse_shows_every_budget_at_its_pace():
    choices = {
        8: {"a": {"reuse_factor": 100, "multipliers": 4}, "b": {"reuse_factor": 50, "multipliers": 2}},
        64: {"a": {"reuse_factor": 10, "multipliers": 40}, "b": {"reuse_factor": 10, "multipliers": 10}},
    }
    (axis,) = evaluate.plot_reuse(choices, clock_mhz=200).axes
    assert axis.lines[0].get_xdata().tolist() == [0.05, 0.5]
    assert axis.lines[0].get_ydata().tolist() == [50, 6]
    assert {text.get_text() for text in axis.texts} == {"budget 8", "budget 64"}
    assert "200 MHz" in axis.get_xlabel()


def test_no_budget_is_faster_than_the_stream():
    choices = {
        8: {"a": {"reuse_factor": 100, "multipliers": 4}},
        64: {"a": {"reuse_factor": 10, "multipliers": 40}},
        512: {"a": {"reuse_factor": 1, "multipliers": 400}},
    }
    (axis,) = evaluate.plot_reuse(choices, clock_mhz=100, words=20).axes
    pace, stream = axis.lines
    assert pace.get_xdata().tolist() == [0.2, 0.2, 1.0], "the layer would take 10 cycles or 1, its words take 20"
    assert pace.get_ydata().tolist() == [400, 40, 4], "the line goes from budget to budget, not to and fro"
    assert list(stream.get_xdata()) == [0.2, 0.2]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["stream: 20 words"]


def test_estimates_are_bars_in_percent_of_the_device_and_say_what_they_are():
    device = {"lut": 1000, "dsp": 50}
    figures = {
        "small": {"lut": 250.0, "dsp": 5.0, "origin": "estimate"},
        "large": {"lut": 1200.0, "dsp": 50.0, "origin": "Vitis HLS"},
    }
    (axis,) = hardware.plot_estimate(figures, device).axes
    assert [bar.get_height() for bar in axis.patches] == [25, 10, 120, 100]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["small (estimate)", "large (Vitis HLS)"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["LUT\n1,000", "DSP\n50"]
    assert {text.get_text() for text in axis.texts} >= {"25%", "120%"}


def test_the_pace_of_a_convolution_is_that_of_all_its_positions():
    choices = {8: {"conv": {"reuse_factor": 4, "multipliers": 8, "cycles": 400}}}
    (axis,) = evaluate.plot_reuse(choices, clock_mhz=100).axes
    assert axis.lines[0].get_xdata().tolist() == [4.0]


def test_agreement_counts_every_logit_in_steps():
    reference = np.arange(12.0).reshape(4, 3)
    result = reference.copy()
    result[1, 2] += 0.5
    scatter, histogram = evaluate.plot_agreement(reference, result, step=0.25).axes
    counts = {round(bar.get_x() + bar.get_width(), 1): bar.get_height() for bar in histogram.patches}
    assert sum(counts.values()) == 12
    assert counts[2.0] == 1, "the one that differs, two steps away"
    assert scatter.get_xlabel() == "logit, Keras" and scatter.get_ylabel() == "logit, C simulation"


@pytest.mark.parametrize("picture", ["plot_ranges", "plot_reuse", "plot_agreement"])
def test_pictures_belong_to_the_public_face(picture):
    assert picture in evaluate.__all__
