"""Stream words to elements and back, as `mlfpga.formats.StreamFormat` lays them out."""

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.formats import FixedPoint, StreamFormat
from mlfpga.simulate.rtl import RtlSimulation

# name: (bits, signed, elements of a group, word bits); the format decides the lane and the words of a group
SHAPES = {
    "pixels": (8, False, 4, 32),
    "vector": (8, False, 9, 32),
    "three": (3, True, 5, 32),
    "half": (9, False, 3, 32),
    "minus": (16, True, 4, 64),
    "bit": (1, False, 1, 32),
    "logits": (32, True, 3, 32),
    "index": (4, False, 1, 64),
    "full": (7, True, 8, 32),
}
GROUPS = 40
FILES = ["common/regroup.sv", "common/unpack.sv", "common/pack.sv"]


def _format(name: str) -> StreamFormat:
    bits, signed, elements, word = SHAPES[name]
    return StreamFormat(FixedPoint(bits, bits, signed), (GROUPS, elements), word)


def _raw(name: str, seed: int) -> np.ndarray:
    """(GROUPS, elements) of any value, the smallest and the largest among them."""
    number = _format(name).number
    random = np.random.default_rng(seed)
    raw = random.integers(number.raw_minimum, number.raw_maximum + 1, (GROUPS, SHAPES[name][2]))
    raw[0], raw[1] = number.raw_minimum, number.raw_maximum
    return raw


@pytest.fixture(scope="module")
def core():
    cases = {}
    for name, (bits, signed, elements, word) in SHAPES.items():
        form = _format(name)
        parameters = {"WORD_BITS": word, "WORDS": form.words_per_group, "LANE_BITS": form.lane_bits}
        parameters |= {"ELEMENTS": elements, "BITS": bits}
        cases[f"un{name}"] = Case("unpack", parameters, word, elements * bits)
        cases[name] = Case("pack", {**parameters, "SIGNED": int(signed)}, elements * bits, word)
    return bench(cases, FILES)


def _traffic(seed: int):
    """For each instance the words in and the words out; lanes left over hold anything on the way in."""
    random = np.random.default_rng(seed)
    words, expected = {}, {}
    for name, (bits, _, elements, word) in SHAPES.items():
        form, raw = _format(name), _raw(name, seed)
        plain, beats = form.pack(raw[None]).reshape(-1), pack(raw, bits)
        words[name], expected[name] = beats, plain
        lanes = plain.view(f"<u{form.lane_bits // 8}").reshape(GROUPS, -1).copy()
        lanes[:, elements:] = random.integers(0, np.iinfo(lanes.dtype).max, lanes[:, elements:].shape, endpoint=True)
        words[f"un{name}"], expected[f"un{name}"] = lanes.reshape(-1).view(f"<u{word // 8}"), beats
    return words, expected


def _check(runs, expected):
    for name, (bits, _, elements, _) in SHAPES.items():
        np.testing.assert_array_equal(runs[name].words, expected[name], name)
        given, wanted = (unpack(words, elements, bits) for words in (runs[f"un{name}"].words, expected[f"un{name}"]))
        np.testing.assert_array_equal(given, wanted, f"un{name}")


@pytest.mark.parametrize("stalls", [(0, 0), (0.6, 0), (0, 0.6), (0.5, 0.5)])
def test_the_layout_of_the_stream_format(core, stalls):
    words, expected = _traffic(1)
    _check(run_bench(core, words, {name: len(e) for name, e in expected.items()}, stalls), expected)


def test_a_word_a_cycle(core):
    words, expected = _traffic(2)
    runs = run_bench(core, words, {name: len(e) for name, e in expected.items()})
    for name in SHAPES:
        assert (np.diff(runs[f"un{name}"].taken) == 1).all(), name
        assert (np.diff(runs[name].given) == 1).all(), name


def test_a_reset_in_the_middle_of_a_group(core):
    words, expected = _traffic(3)
    with RtlSimulation(core) as simulation:
        for name in words:
            simulation.allow(f"m_{name}", 1)
            simulation.offer(f"s_{name}", words[name][:1])
        simulation.advance(20)
        reset(simulation)
        _check(drive(simulation, words, {name: len(e) for name, e in expected.items()}, (0.3, 0.3)), expected)
