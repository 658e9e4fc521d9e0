"""Estimates against published figures of Vitis HLS and of open tools; Vitis's own report wins where there is one."""

import re

import numpy as np
import pytest

from mlfpga.accelerators import Accelerator, AcceleratorError
from mlfpga.formats import FixedPoint, StreamFormat

tf = pytest.importorskip("tensorflow", reason="host environment only")
qkeras = pytest.importorskip("qkeras", reason="host environment only")
from mlfpga.accelerators import hls4ml  # noqa: E402
from mlfpga.accelerators.hls4ml.estimate import _digits  # noqa: E402
from mlfpga.accelerators.hls4ml.graph import base_config  # noqa: E402

keras, layers = tf.keras, tf.keras.layers


def published(name):
    """A network of the shape, widths, zeros and settings of ICTP/AUP-ZU3-HLS4ML, and its configuration."""
    quantizer = qkeras.quantized_bits(8, 4, alpha=1)

    def dense(units, label):
        return qkeras.QDense(units, kernel_quantizer=quantizer, bias_quantizer=quantizer, name=label)

    signed = qkeras.quantized_bits(8, 4)
    if name == "mlp":
        x = inputs = keras.Input((161,), name="pulse")
        for i, units in enumerate((5, 4, 4, 5, 3)):
            x = qkeras.QActivation(qkeras.quantized_bits(8), name=f"act{i}")(dense(units, f"fc{i}")(x))
        x = layers.Activation("softmax", name="softmax")(dense(2, "last")(x))
        kept, default = (483, 12, 10, 12, 9, 4), "fixed<24,20>"
    elif name == "cnn":
        x = inputs = keras.Input((28, 28, 1), name="image")
        for i, filters in enumerate((2, 4)):
            conv = qkeras.QConv2D(
                filters, 3, padding="same", kernel_quantizer=quantizer, bias_quantizer=quantizer, name=f"conv{i}"
            )
            x = layers.MaxPooling2D(2, name=f"pool{i}")(qkeras.QActivation(signed, name=f"act{i}")(conv(x)))
        x = qkeras.QActivation(signed, name="act2")(dense(8, "fc")(layers.Flatten(name="flat")(x)))
        x = layers.Activation("softmax", name="softmax")(dense(10, "last")(x))
        kept, default = (9, 36, 784, 40), "fixed<16,12>"
    else:
        inputs = keras.Input((30,), name="items")
        x = layers.GRU(16, name="gru")(layers.Embedding(100, 8, name="embedding")(inputs))
        x = layers.Dense(100, activation="softmax", name="last")(x)
        kept, default = (800, 384, 960), "fixed<16,10>"
    model = keras.Model(inputs, x)
    random = np.random.default_rng(0)
    with_kernel = [layer for layer in model.layers if layer.get_weights()]
    for index, layer in enumerate(with_kernel):
        values = [random.integers(1, 250, w.shape) / 8 - 16 for w in layer.get_weights()]
        values[0].flat[random.permutation(values[0].size)[kept[index] :]] = 0
        layer.set_weights(values)
    config = base_config(model)
    config["Model"]["ReuseFactor"] = 8
    by_name = {"mlp": ("softmax",), "cnn": (), "gru": ("last", "last_softmax")}[name]
    config["Model"]["Precision"]["default"] = default
    for label, entry in config["LayerName"].items():
        entry.pop("ReuseFactor", None)
        if label in by_name:
            entry["ReuseFactor"] = 16
        # They configured hls4ml without naming a backend: everything has the default format, sums too.
        for what, text in entry["Precision"].items():
            if text == "auto" and what in ("result", "accum", "weight", "bias"):
                entry["Precision"][what] = default
    return model, config


# (by Vitis HLS before place and route, by open tools: Yosys for LUTs and DSP blocks, Verilator for cycles; None where
# nothing was published), and how many times smaller or larger than each the estimate may be. The time of the
# MLP is off by far the most: 1,097 cycles are published, nearly four times the estimate. The reason is not known.
PUBLISHED = {
    "mlp": {"lut": (32_661, 27_707, 1.6), "dsp": (70, 71, 1.1), "latency_cycles": (1_097, None, 3.9)},
    "cnn": {
        "lut": (39_791, 29_081, 1.9),
        "dsp": (105, 110, 1.2),
        "bram18": (24, None, 1.3),
        "latency_cycles": (6_309, 4_693, 1.9),
    },
    "gru": {"lut": (161_710, 66_529, 2.8), "dsp": (None, 265, 1.4), "latency_cycles": (271, 430, 1.7)},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_how_far_the_estimate_is_off_three_published_designs(name, record_property):
    figures = hls4ml.estimate(*published(name))
    for what, (vitis, open_tools, factor) in PUBLISHED[name].items():
        for tool, theirs in (("Vitis HLS", vitis), ("open tools", open_tools)):
            if theirs is not None:
                record_property(f"{name} {what} / {tool}", figures[what] / theirs)
                assert 1 / factor <= figures[what] / theirs <= factor, (what, tool, figures[what], theirs)
    assert figures["origin"] == "estimate"


def mlp(units=8):
    return keras.Sequential([keras.Input((16,), name="x"), layers.Dense(units, name="hidden"), layers.Dense(3)])


def test_more_multipliers_are_faster_and_larger():
    small, large = (hls4ml.estimate_model(mlp(), "fixed<8,1>", multipliers=budget) for budget in (8, 152))
    assert small["dsp"] < large["dsp"] and small["interval_cycles"] > large["interval_cycles"]
    assert small["latency_cycles"] > small["interval_cycles"]
    assert set(small) == {"lut", "ff", "dsp", "bram18", "latency_cycles", "interval_cycles", "origin"}


def test_zeros_and_powers_of_two_cost_no_multipliers_where_weights_are_built_in():
    model = mlp()
    dense = hls4ml.estimate_model(model, "fixed<8,1>", multipliers=1000)
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[:] = np.where(np.random.default_rng(0).random(kernel.shape) < 0.5, 0, 0.25)
    model.get_layer("hidden").set_weights([kernel, bias])
    pruned = hls4ml.estimate_model(model, "fixed<8,1>", multipliers=1000)
    assert pruned["dsp"] < dense["dsp"] and pruned["lut"] < dense["lut"]


def test_digits_of_a_constant_are_those_of_its_canonical_signed_form():
    class Integer:
        def definition_cpp(self):
            return "ap_fixed<16,16>"

    # 0; 1; 2; 3 = 4-1; 7 = 8-1; 11 = 8+4-1; -5 = -(4+1); 85 = 64+16+4+1
    assert _digits([0, 1, 2, 3, 7, 11, -5, 85], Integer()).tolist() == [0, 1, 1, 2, 2, 3, 2, 4]


def test_what_does_not_fit_is_told_with_numbers():
    fine = {"lut": 70_560, "ff": 0, "dsp": 360, "bram18": 1}
    assert hls4ml.fits(fine) == []
    assert hls4ml.fits(fine | {"lut": 161_710, "dsp": 361}) == [
        "LUT: 161,710 of 70,560 (229%), 91,150 too many",
        "DSP: 361 of 360 (100%), 1 too many",
    ]


def test_vitis_s_report_replaces_the_estimate(tmp_path):
    form = StreamFormat(FixedPoint.parse("fixed<8,1>"), (4,))
    guess = {"lut": 1.0, "origin": "estimate"}
    made = Accelerator("a", "a_axi", "v:l:a:1.0", "hls4ml", form, form, tmp_path, settings={"estimate": guess})
    assert hls4ml.estimate(made) == guess
    report = tmp_path / "hls/ip_project/solution1/syn/report/csynth.xml"
    report.parent.mkdir(parents=True)
    report.write_text(
        "<profile><PerformanceEstimates><SummaryOfOverallLatency><Worst-caseLatency>120</Worst-caseLatency>"
        "<Interval-max>64</Interval-max></SummaryOfOverallLatency><SummaryOfTimingAnalysis><EstimatedClockPeriod>7.3"
        "</EstimatedClockPeriod></SummaryOfTimingAnalysis></PerformanceEstimates><AreaEstimates><Resources><BRAM_18K>3"
        "</BRAM_18K><DSP>12</DSP><FF>900</FF><LUT>1234</LUT></Resources></AreaEstimates></profile>"
    )
    assert hls4ml.estimate(made) == {
        "lut": 1234, "ff": 900, "dsp": 12, "bram18": 3, "latency_cycles": 120, "interval_cycles": 64,
        "origin": "Vitis HLS",
    }  # fmt: skip


def test_an_estimate_needs_a_configuration_or_an_accelerator_that_has_one(tmp_path):
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.estimate(mlp())
    assert str(caught.value) == "an estimate of a model needs its configuration; call estimate(model, config)"
    form = StreamFormat(FixedPoint.parse("fixed<8,1>"), (4,))
    with pytest.raises(AcceleratorError, match=re.escape("was made without an estimate; make the accelerator again")):
        hls4ml.estimate(Accelerator("a", "a_axi", "v:l:a:1.0", "hls4ml", form, form, tmp_path))
