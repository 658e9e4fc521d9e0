"""matvec.sv (and the dot.sv in it) against NumPy's matrix product."""

from dataclasses import dataclass

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack, write_rom

from mlfpga.simulate.rtl import RtlSimulation

FILES = ["pipeline/matvec.sv", "pipeline/dot.sv"]


@dataclass(frozen=True)
class Shape:
    """A parameterisation: the matrix as (beats, lanes_in) x (folds, lanes_out), and what it is made of."""

    beats: int
    lanes_in: int
    folds: int
    lanes_out: int
    pixels: int = 1
    bits: int = 4
    signed: int = 0
    weight_bits: int = 4
    acc_bits: int = 20
    use_dsp: int = 0
    extreme: bool = False

    def case(self, name: str) -> Case:
        parameters = dict(
            BEATS=self.beats, FOLDS=self.folds, LANES_IN=self.lanes_in, LANES_OUT=self.lanes_out, PIXELS=self.pixels,
            IN_BITS=self.bits, IN_SIGNED=self.signed, WEIGHT_BITS=self.weight_bits, ACC_BITS=self.acc_bits,
            USE_DSP=self.use_dsp, WEIGHTS=f"{name}_weights.hex", BIASES=f"{name}_biases.hex",
        )  # fmt: skip
        into, out = self.lanes_in * self.bits, self.lanes_out * self.acc_bits
        return Case("matvec", parameters, self.pixels * into, self.pixels * out)

    @property
    def inputs(self) -> range:
        low = -(1 << (self.bits - 1)) if self.signed else 0
        return range(low, low + (1 << self.bits))

    def matrix(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights (folds, lanes_out, beats, lanes_in) and biases (folds, lanes_out) of the case of that name."""
        random = np.random.default_rng(list(name.encode()))
        half = 1 << (self.weight_bits - 1)
        weights = random.integers(-half, half, (self.folds, self.lanes_out, self.beats, self.lanes_in))
        if self.extreme:
            weights[:] = -half
        return weights, random.integers(-1000, 1000, (self.folds, self.lanes_out))

    def vectors(self, count: int, seed: int) -> np.ndarray:
        """Inputs (count, beats, pixels, lanes_in); the last three are all lowest, all highest, all zero."""
        random = np.random.default_rng(seed)
        shape = (count, self.beats, self.pixels, self.lanes_in)
        vectors = random.integers(self.inputs.start, self.inputs.stop, shape)
        vectors[-3], vectors[-2], vectors[-1] = self.inputs.start, self.inputs.stop - 1, 0
        return vectors


SHAPES = {
    "conv": Shape(1, 9, 1, 2, bits=8),
    "folded": Shape(1, 9, 4, 2),
    "grouped": Shape(3, 9, 1, 4, signed=1),
    "both": Shape(2, 5, 3, 2, bits=5, weight_bits=3, signed=1),
    "single": Shape(1, 1, 1, 1, bits=2, weight_bits=2),
    "scalar": Shape(7, 1, 5, 1, bits=7, weight_bits=6, acc_bits=24),
    "pixels": Shape(2, 3, 2, 3, pixels=2, bits=3, weight_bits=5),
    "quad": Shape(1, 4, 1, 2, pixels=4, bits=6, signed=1, weight_bits=7),
    "dsp": Shape(2, 3, 2, 2, bits=4, use_dsp=1, signed=1),
    "dsp_wide": Shape(1, 5, 3, 1, pixels=2, bits=8, weight_bits=8, use_dsp=1, acc_bits=32),
    "lowest": Shape(2, 9, 2, 1, bits=8, weight_bits=8, acc_bits=32, extreme=True),
    "lowest_signed": Shape(2, 9, 2, 1, bits=8, signed=1, weight_bits=8, acc_bits=32, extreme=True),
    "lowest_dsp": Shape(1, 9, 2, 1, bits=8, signed=1, weight_bits=8, acc_bits=32, extreme=True, use_dsp=1),
    "narrow": Shape(1, 6, 2, 2, bits=2, signed=1, weight_bits=2, acc_bits=12, extreme=True),
    "deep": Shape(1, 17, 2, 1, bits=4, weight_bits=4, extreme=True),
}


# These are simulated a second time, with the multipliers of LUTs that synthesis gets.
ROWS = ("conv", "both", "single", "scalar", "pixels", "quad", "lowest_signed", "narrow", "deep")


def _core(folder, names, defines=()):
    data, cases = [], {}
    for name in names:
        shape = SHAPES[name]
        weights, biases = shape.matrix(name)
        words = weights.transpose(2, 0, 1, 3).reshape(shape.beats * shape.folds, -1)  # a word for each beat and fold
        data.append(write_rom(folder / f"{name}_weights.hex", words, shape.weight_bits))
        data.append(write_rom(folder / f"{name}_biases.hex", biases, shape.acc_bits))
        cases[name] = shape.case(name)
    return bench(cases, FILES, data, defines)


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return _core(tmp_path_factory.mktemp("roms"), SHAPES)


def _feed(names, count: int, seed: int = 0):
    words, expected, counts = {}, {}, {}
    for name in names:
        shape = SHAPES[name]
        weights, biases = shape.matrix(name)
        vectors = shape.vectors(count, seed)
        words[name] = pack(vectors.reshape(count * shape.beats, -1), shape.bits)
        results = np.einsum("nbpi,fobi->nfpo", vectors, weights) + biases[:, None]
        expected[name] = results.reshape(count * shape.folds, -1)
        counts[name] = count * shape.folds
    return words, expected, counts


def _check(runs, expected):
    for name, beats in expected.items():
        got = unpack(runs[name].words, beats.shape[1], SHAPES[name].acc_bits, signed=True)
        wrong = np.flatnonzero((got != beats).any(axis=1))
        assert not len(wrong), f"{name}: beat {wrong[0]} is {got[wrong[0]]}, not {beats[wrong[0]]}"


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.3, 0.4), (0.1, 0.8)])
def test_results_are_those_of_numpy(core, stalls):
    words, expected, counts = _feed(SHAPES, 60, seed=5)
    _check(run_bench(core, words, counts, stalls, seed=1), expected)


def test_multipliers_of_luts_give_the_same(tmp_path):
    core = _core(tmp_path, ROWS, ["DOT_ROWS"])
    words, expected, counts = _feed(ROWS, 2000, seed=9)
    _check(run_bench(core, words, counts), expected)


def test_vectors_follow_each_other_without_a_gap(core):
    words, _, counts = _feed(SHAPES, 20)
    runs = run_bench(core, words, counts)
    for name, shape in SHAPES.items():
        # A beat stays for FOLDS cycles, and in as many leave the results of the vector's last beat.
        taken = shape.folds - 1 + shape.folds * np.arange(20 * shape.beats)
        assert (runs[name].taken - runs[name].taken[0] == taken - taken[0]).all(), name
        last = runs[name].taken[shape.beats - 1 :: shape.beats]
        leaves = last[:, None] - (shape.folds - 1) + np.arange(shape.folds) + 3
        assert (runs[name].given == leaves.reshape(-1)).all(), name


@pytest.mark.parametrize("cycles", [1, 2, 3, 4, 7, 12])
def test_after_a_reset_a_new_vector_begins(core, cycles):
    words, expected, counts = _feed(SHAPES, 10)
    with RtlSimulation(core) as simulation:
        for name in SHAPES:
            simulation.allow(f"m_{name}", None)
            simulation.offer(f"s_{name}", words[name])
        simulation.advance(cycles)
        reset(simulation)
        _check(drive(simulation, words, counts), expected)
