"""Finished models: the file holds what the hardware gets, and hls4ml reads it."""

import re
import warnings

import numpy as np
import pytest

from mlfpga.formats import FixedPoint

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host


@pytest.fixture
def quantized(trained, data):
    return compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 5)


def test_finishing_changes_the_weights_and_not_the_function(quantized, data):
    before, shadow = models.logits(quantized, data.x_test), quantized.get_weights()
    finished = compress.finish(quantized)
    assert np.array_equal(models.logits(finished, data.x_test), before)
    assert not np.array_equal(finished.get_weights()[0], shadow[0])
    assert all(len(np.unique(w)) <= 2**6 for w in finished.get_weights())


def test_finishing_leaves_the_model_in_training_as_it_is(quantized):
    before = quantized.get_weights()
    compress.finish(quantized)
    assert all(np.array_equal(a, b) for a, b in zip(quantized.get_weights(), before, strict=True))


def test_weights_far_outside_the_range_become_its_very_ends(quantized):
    """Where QKeras's x + (q - x) has another last bit than q, and a float's 24 bits cannot tell 1 from 1 - 2^-31."""
    layer = quantized.get_layer("logits")
    kernel, bias = layer.get_weights()
    kernel[:, 0], kernel[:, 1] = 1000.1, -1000.1
    layer.set_weights([kernel, bias])
    for bits in (6, 24, 32):
        layer.kernel_quantizer_internal.bits = bits
        finished = compress.finish(quantized).get_layer("logits").get_weights()[0]
        number = FixedPoint(bits, int(layer.kernel_quantizer_internal.integer) + 1)
        raw = number.to_raw(finished)
        assert np.array_equal(number.from_raw(raw), finished)
        assert (finished[:, 1] == number.minimum).all()
        assert finished[0, 0] == number.maximum if bits <= 25 else 1 - 2**-23 < finished[0, 0] / number.maximum < 1


def test_a_float_model_is_left_alone(trained):
    finished = compress.finish(trained)
    assert all(np.array_equal(a, b) for a, b in zip(finished.get_weights(), trained.get_weights(), strict=True))


def test_a_quantized_model_comes_back_from_its_file(quantized, data, tmp_path):
    finished = compress.finish(quantized)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        compress.save(finished, tmp_path / "model.h5")
    back = compress.load(tmp_path / "model.h5")
    assert np.array_equal(models.logits(back, data.x_test), models.logits(finished, data.x_test))
    assert compress.quantizers(back) == compress.quantizers(finished)
    assert compress.cost(back) == compress.cost(finished)


def test_hls4ml_takes_the_quantizers_as_they_are(quantized, tmp_path):
    import hls4ml

    compress.save(compress.finish(quantized), tmp_path / "model.h5")
    model = compress.load(tmp_path / "model.h5")
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    for layer, parts in compress.quantizers(model).items():
        precision = {
            kind: FixedPoint.parse(text)
            for kind, text in config["LayerName"][layer]["Precision"].items()
            if text != "auto"
        }
        bits, integer = map(int, re.search(r"\((\d+),(\d+)", parts.get("kernel") or parts["activation"]).groups())
        if "kernel" in parts:
            # QKeras does not count the sign among the integer bits, ap_fixed does.
            assert precision["weight"] == FixedPoint(bits, integer + 1)
        else:
            assert precision["result"] == FixedPoint(bits, integer, False, "RND_CONV", "SAT")
