"""A converted network gives Keras's results to the last bit of its output, and bad models are refused by name."""

import re

import numpy as np
import pytest

from mlfpga.accelerators import Accelerator, AcceleratorError
from mlfpga.formats import FormatError, RangeError

tf = pytest.importorskip("tensorflow", reason="host environment only")
qkeras = pytest.importorskip("qkeras", reason="host environment only")
from mlfpga import compress  # noqa: E402
from mlfpga.accelerators import hls4ml  # noqa: E402  (needs the imports above to be there)
from mlfpga.accelerators.hls4ml.reuse import valid_reuse_factors  # noqa: E402


def network(features=12, hidden=(8,), outputs=3, bits=6, seed=5):
    tf.keras.utils.set_random_seed(seed)
    quantizer = qkeras.quantized_bits(bits, 0, alpha=1)
    x = inputs = tf.keras.Input((features,), name="pixels")
    for i, units in enumerate(hidden, 1):
        x = qkeras.QDense(units, kernel_quantizer=quantizer, bias_quantizer=quantizer, name=f"hidden{i}")(x)
        x = qkeras.QActivation(qkeras.quantized_relu(bits, 2), name=f"relu{i}")(x)
    x = qkeras.QDense(outputs, kernel_quantizer=quantizer, bias_quantizer=quantizer, name="logits")(x)
    model = tf.keras.Model(inputs, x)
    for layer in model.layers:
        if layer.get_weights():  # biases start at zero, which would hide a lost bias
            layer.set_weights([np.random.default_rng(seed).normal(0, 0.4, w.shape) for w in layer.get_weights()])
    return model


def exact_inputs(count, features=12):
    return np.random.default_rng(1).integers(0, 129, (count, features)) / 128


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def accelerator(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "accelerator"
    return hls4ml.convert(model, hls4ml.configure(model, "ufixed<8,1>", multipliers=32), "small", folder)


def test_results_are_keras_s_rounded_to_the_output_format(model, accelerator):
    x = exact_inputs(500)
    expected = model.predict(x, verbose=0).astype(np.float64)
    form = accelerator.output.number
    # Every product and sum is exact in hardware and in float32 (all terms are multiples of 2**-12, far below 2**12).
    assert (accelerator.predict(x) == form.from_raw(form.to_raw(expected, saturate=True))).all()


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "bits", "stream_bits"), [((), 4, 64), ((7, 5), 3, 32), ((16,), 8, 64)])
def test_other_layers_widths_bits_and_streams_work_too(tmp_path, hidden, bits, stream_bits):
    model = network(features=9, hidden=hidden, outputs=5, bits=bits)
    config = hls4ml.configure(model, "ufixed<8,1>", multipliers=64)
    made = hls4ml.convert(model, config, "other", tmp_path / "a", stream_bits=stream_bits)
    assert (made.input.words_per_sample, made.output.words_per_sample) == ((3, 3) if stream_bits == 32 else (2, 2))
    x = exact_inputs(200, 9)
    expected = model.predict(x, verbose=0).astype(np.float64)
    form = made.output.number
    assert (made.predict(x) == form.from_raw(form.to_raw(expected, saturate=True))).all()


def stream_widths(accelerator):
    """Bits of every group of numbers that hls4ml streams, from the C++ types."""
    types = (accelerator.folder / "hls/firmware/defines.h").read_text()
    found = re.findall(r"nnet::array<ap_u?fixed<(\d+),.*>, (\d+)([*/])(\d+)>", types)
    return [int(w) * (int(n) * int(k) if sign == "*" else int(n) // int(k)) for w, n, sign, k in found]


@pytest.mark.parametrize("stream_bits", [32, 64])
def test_vectors_too_long_for_vitis_hls_are_streamed_in_parts(tmp_path, stream_bits):
    """784 pixels of 8 bits and 192 sums of 25 bits: both more than the 4,096 bits that one stream may have."""
    model = network(features=784, hidden=(192,), outputs=5)
    config = hls4ml.configure(model, "ufixed<8,1>", multipliers=64)
    made = hls4ml.convert(model, config, "wide", tmp_path / "a", stream_bits=stream_bits)
    widths = stream_widths(made)
    assert len(widths) == 4 and max(widths) <= 1024
    x = exact_inputs(20, 784)
    form = made.output.number
    expected = model.predict(x, verbose=0).astype(np.float64)
    assert (made.predict(x) == form.from_raw(form.to_raw(expected, saturate=True))).all()


def test_a_stream_that_cannot_be_split_is_refused_and_named(tmp_path):
    model = network(features=786, hidden=(4,))
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.convert(model, hls4ml.configure(model, "ufixed<8,1>"), "odd", tmp_path / "a")
    assert str(caught.value) == (
        "pixels: 786 values of 8 bits make a stream of 6288 bits, more than the 4096 that Vitis HLS takes, and it "
        "could be streamed in parts only if 4 divided its length; give it fewer or narrower values"
    )
    inputs = tf.keras.Input((600,), name="pixels")
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(2)(tf.keras.layers.LeakyReLU(name="leaky")(inputs)))
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.convert(model, hls4ml.configure(model, "ufixed<8,1>"), "leaky", tmp_path / "a")
    assert str(caught.value).startswith("pixels: 600 values of 8 bits make a stream of 4800 bits")
    assert "only between Dense layers" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_inputs_out_of_range_are_refused_or_saturated_if_asked(accelerator):
    x = exact_inputs(2)
    x[1, 3] = 2.5
    with pytest.raises(RangeError, match=r"1 of 24 values are outside ufixed<8,1>"):
        accelerator.predict(x)
    clipped = np.minimum(x, accelerator.input.number.maximum)
    assert (accelerator.predict(x, saturate=True) == accelerator.predict(clipped)).all()


def test_the_folder_tells_all_that_is_needed(accelerator):
    assert Accelerator.load(accelerator.folder) == accelerator
    assert (accelerator.top, accelerator.vlnv, accelerator.part) == (
        "small_axi",
        "mlfpga:hls:small_axi:1.0",
        "xczu3eg-sfvc784-2-e",
    )
    layers = accelerator.settings["layers"]
    assert list(layers) == ["pixels", "hidden1", "relu1", "logits"]
    assert layers["hidden1"]["precision"]["weight_t"] == "ap_fixed<6,1>"


def test_what_vitis_reads_is_what_was_simulated_and_nothing_of_ours_shadows_its_headers(accelerator):
    hls = accelerator.folder / "hls"
    names = {path.name for path in hls.rglob("*")}
    assert {"small_axi.cpp", "small_axi.h", "mlfpga_axis.h", "build_ip.tcl", "settings.tcl"} <= names
    assert not names & {"ap_axi_sdata.h", "ap_int.h", "ap_fixed.h", "hls_stream.h"}
    assert "INTERFACE" not in (hls / "firmware/small.cpp").read_text()
    wrapper = (hls / "small_axi.cpp").read_text()
    for pragma in (
        "#pragma HLS INTERFACE axis port=s_axis",
        "#pragma HLS INTERFACE axis port=m_axis",
        "#pragma HLS INTERFACE s_axilite port=return bundle=control",
        "#pragma HLS DATAFLOW",
    ):
        assert pragma in wrapper


def test_conversion_is_reproducible(model, accelerator, tmp_path):
    again = hls4ml.convert(model, hls4ml.configure(model, "ufixed<8,1>", multipliers=32), "small", tmp_path / "again")
    files = {path.relative_to(accelerator.folder) for path in accelerator.folder.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file()}
    for name in files:
        assert (accelerator.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def test_reuse_stays_in_the_budget_and_no_layer_is_slower_than_it_must_be(model):
    for budget in (2, 3, 10, 32, 96, 1000):
        table = hls4ml.reuse_table(model, budget)
        assert sum(row["multipliers"] for row in table.values()) <= budget
        assert all(row["inputs"] * row["outputs"] == row["reuse_factor"] * row["multipliers"] for row in table.values())
    assert {name: row["reuse_factor"] for name, row in table.items()} == {"hidden1": 1, "logits": 1}
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.reuse_table(model, 1)
    assert str(caught.value) == "1 multipliers are too few for 2 Dense layers; give at least one to each"


@pytest.mark.parametrize("shape", [(12, 8), (64, 32), (7, 5), (1, 10), (30, 1)])
def testvalid_reuse_factors_are_those_hls4ml_finds_by_trying_all(shape):
    import hls4ml as library

    assert valid_reuse_factors(*shape) == library.backends.get_backend("Vitis").get_valid_reuse_factors(*shape)


def test_bad_names_streams_and_numbers_leave_nothing_behind(model, tmp_path):
    config = hls4ml.configure(model, "ufixed<8,1>")
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.convert(model, config, "My Net", tmp_path / "a")
    assert str(caught.value) == ("'My Net' cannot name an IP; use lower-case letters, digits and _, a letter first")
    with pytest.raises(FormatError) as caught:
        hls4ml.convert(model, config, "net", tmp_path / "a", stream_bits=24)
    assert str(caught.value) == "stream width 24 is not supported; choose 32 or 64"
    with pytest.raises(FormatError):
        hls4ml.configure(model, "float")
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.convert(model, config, "net", tmp_path / "a", clock_mhz=-5)
    assert str(caught.value) == "a clock of -5 MHz is not possible; choose more than 0, usually 100"
    assert list(tmp_path.iterdir()) == []


def test_profiles_warn_where_a_format_is_too_small(model, accelerator):
    profiles = {(p.layer, p.what): p for p in hls4ml.profile(model, accelerator, exact_inputs(100))}
    assert list(profiles)[:2] == [("pixels", "result"), ("hidden1", "weight")]
    weights = profiles["hidden1", "weight"]
    assert weights.overflows == 0 and 0 <= weights.spare_bits < 1
    assert profiles["pixels", "result"].magnitudes[-1] == 1.0
    narrow = hls4ml.profile(model, accelerator, 100 * exact_inputs(100))
    assert {(p.layer, p.what) for p in narrow if p.overflows > 0} >= {("pixels", "result")}
    assert next(p for p in narrow if p.layer == "pixels").spare_bits < 0


def test_a_model_fresh_from_training_can_be_profiled_too(model, accelerator):
    unwrapped = compress.finish(model)  # its layers stand in two models now
    before, after = (hls4ml.profile(m, accelerator, exact_inputs(50)) for m in (model, unwrapped))
    assert [p.layer for p in before] == [p.layer for p in after] and before[0] == after[0]


def test_what_hls4ml_says_while_it_writes_is_told_with_the_name(model, tmp_path, monkeypatch):
    import hls4ml as library

    def fail(self):
        raise Exception("no space for weights")

    monkeypatch.setattr(library.model.ModelGraph, "write", fail)
    with pytest.raises(AcceleratorError) as caught:
        hls4ml.convert(model, hls4ml.configure(model, "ufixed<8,1>"), "net", tmp_path / "a")
    assert str(caught.value) == "hls4ml could not write net: no space for weights"
    assert list(tmp_path.iterdir()) == []
