"""Memory images: what a ROM's word holds, against indexing by hand."""

import numpy as np

from mlfpga.accelerators.pipeline.images import channel_image, weight_image
from mlfpga.accelerators.pipeline.layers import Conv2d, Dense, Tensor
from mlfpga.accelerators.pipeline.plan import Folding


def element(word, index, bits):
    """Signed element of a word."""
    raw = word >> (bits * index) & ((1 << bits) - 1)
    return raw - (1 << bits) * (raw >> (bits - 1))


def test_a_convolutions_word_holds_a_beat_and_a_fold():
    weights = np.random.default_rng(0).integers(-4, 4, (6, 2, 3, 4))
    layer = Conv2d("conv", weights, np.zeros(6), 1, 0, 3, (1, 1), (0, 0, 0, 0), Tensor((1, 1, 6), 4, False))
    image = weight_image(layer, Folding(1, channels_in=2, channels_out=3))
    assert len(image.words) == 2 * 2 and image.bits == 3 * (2 * 3 * 2) * 3
    for beat in range(2):
        for fold in range(2):
            word = image.words[beat * 2 + fold]
            for out in range(3):
                for y, x, lane in np.ndindex(2, 3, 2):
                    place = out * 12 + (y * 3 + x) * 2 + lane
                    assert element(word, place, 3) == weights[fold * 3 + out, y, x, beat * 2 + lane]


def test_a_dense_layers_word_holds_neighbouring_inputs():
    weights = np.random.default_rng(0).integers(-128, 128, (4, 6))
    layer = Dense("dense", weights, np.zeros(4), None, None, 8, Tensor((4,), 32, True))
    image = weight_image(layer, Folding(1, channels_in=3, channels_out=2))
    for beat, fold, out, lane in np.ndindex(2, 2, 2, 3):
        assert element(image.words[beat * 2 + fold], out * 3 + lane, 8) == weights[fold * 2 + out, beat * 3 + lane]


def test_lines_are_as_wide_as_the_word_and_in_twos_complement():
    image = channel_image(np.array([-1, 2, 0, -8]), 2, 5)
    assert image.words == (0b00010_11111, 0b11000_00000)
    assert image.text == "05f\n300\n"
