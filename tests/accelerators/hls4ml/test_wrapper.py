"""The wrapper's C++ moves numbers exactly as mlfpga.formats says, for vectors and pictures of any width.

An identity network stands in the wrapper, so that every bit that comes out must be one that went in.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mlfpga.accelerators import Accelerator
from mlfpga.accelerators.hls4ml.conversion import write_simulation, write_wrapper
from mlfpga.formats import FixedPoint, StreamFormat

hls4ml = pytest.importorskip("hls4ml", reason="the ap_int headers come with hls4ml, in the host environment")
TEMPLATES = Path(hls4ml.__file__).parent / "templates"

NETWORK = """
#include "ap_fixed.h"
#include "hls_stream.h"
#include "nnet_utils/nnet_types.h"
typedef nnet::array<{cpp}, {size}> group_t;
inline void sample(hls::stream<group_t> &x, hls::stream<group_t> &y) {{
    for (int group = 0; group < {groups}; group++)
        y.write(x.read());
}}
"""

# Number, shape, stream width, and in how many parts a vector is streamed inside.
CASES = [
    ("ufixed<8,1>", (64,), 32, 1),
    ("fixed<16,6>", (10,), 32, 1),
    ("fixed<7,2>", (5,), 64, 1),
    ("fixed<17,5>", (3, 2, 3), 64, 1),
    ("ufixed<5,0>", (4, 3), 32, 1),
    ("fixed<33,9>", (3,), 64, 1),
    ("ufixed<1,1>", (2, 9), 32, 1),
    ("fixed<32,32>", (1,), 32, 1),
    ("fixed<6,1>", (24,), 32, 3),
    ("ufixed<12,4>", (8,), 64, 2),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}{case[1]}x{case[2]}/{case[3]}")
def accelerator(request, tmp_path_factory):
    number, shape, bits, parts = request.param
    folder = tmp_path_factory.mktemp("identity")
    form = StreamFormat(FixedPoint.parse(number), shape, bits)
    firmware = folder / "hls/firmware"
    (firmware / "nnet_utils").mkdir(parents=True)
    shutil.copy(TEMPLATES / "vivado/nnet_utils/nnet_types.h", firmware / "nnet_utils")
    shutil.copytree(TEMPLATES / "vivado/ap_types", folder / "ap_types")
    cpp = f"ap_{'' if form.number.signed else 'u'}fixed<{form.number.width}, {form.number.integer}>"
    (firmware / "sample.h").write_text(NETWORK.format(cpp=cpp, size=shape[-1] // parts, groups=form.groups * parts))
    (firmware / "sample.cpp").write_text('#include "sample.h"\n')
    (firmware / "weights").mkdir()
    # A variable of the wrapper has the same name; that must not matter.
    made = Accelerator("sample", "sample_axi", "mlfpga:hls:sample_axi:1.0", "hls4ml", form, form, folder)
    write_wrapper(made, "group_t", "group_t", parts)
    write_simulation(made)
    return made


def samples_of(accelerator, count):
    form = accelerator.input
    raw = np.random.default_rng(3).integers(
        form.number.raw_minimum, form.number.raw_maximum, size=(count, *form.shape), endpoint=True
    )
    raw[0], raw[1], raw[2] = form.number.raw_minimum, form.number.raw_maximum, 0
    return raw


def test_every_bit_that_goes_in_comes_out(accelerator):
    words = accelerator.input.pack(samples_of(accelerator, 300))
    assert (accelerator.predict_words(words) == words).all()


def test_what_stands_in_unused_lanes_of_the_input_does_not_matter(accelerator):
    form = accelerator.input
    words = form.pack(samples_of(accelerator, 8))
    used = form.pack(np.full((8, *form.shape), -1 if form.number.signed else form.number.raw_maximum))
    # Lanes that `used` leaves zero in a group's last word are the unused ones.
    lane_mask = np.uint64((1 << form.lane_bits) - 1)
    dirt = np.zeros_like(words, dtype=np.uint64)
    for lane in range(form.lanes):
        shift = np.uint64(lane * form.lane_bits)
        empty = ((used.astype(np.uint64) >> shift) & lane_mask) == 0
        dirt |= np.where(empty, lane_mask << shift, np.uint64(0))
    dirty = words | dirt.astype(words.dtype)
    assert (accelerator.predict_words(dirty) == words).all()


def test_tlast_follows_tlast_sample_by_sample(accelerator):
    words_in, words_out = accelerator.input.words_per_sample, accelerator.output.words_per_sample
    flags = np.zeros((4, words_in), bool)
    flags[[1, 3], -1] = True
    words = accelerator.input.pack(samples_of(accelerator, 4)).reshape(-1)
    _, last = accelerator.simulation().run(words, flags.reshape(-1))
    expected = np.zeros((4, words_out), bool)
    expected[[1, 3], -1] = True
    assert (last.reshape(4, words_out) == expected).all()
