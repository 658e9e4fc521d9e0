"""Blocks of the pipeline as Yosys' netlists: what NumPy says, in the cycles of the RTL, whatever stalls.

All of them stand on one bench, which is one run of Yosys. A whole small accelerator is another.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from mlfpga.accelerators.pipeline import reference
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.layers import Conv2d, Dense, Tensor
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.planner import smallest
from mlfpga.simulate.rtl import RtlSimulation, open_ip
from mlfpga.synthesize import gate_level

sys.path.append(str(Path(__file__).parents[1] / "rtl"))  # where the blocks' bench is
from blocks import Case, bench, drive, pack, reset, run_bench, unpack, write_rom

pytestmark = [pytest.mark.host, pytest.mark.slow]

FILES = (
    *("common/fifo.sv", "common/regroup.sv", "pipeline/window.sv", "pipeline/matvec.sv", "pipeline/dot.sv"),
    *("pipeline/requantize.sv", "pipeline/pool.sv", "pipeline/argmax.sv"),
)
WEIGHTS = np.random.default_rng(1).integers(-8, 8, (2, 2, 3))  # (fold, lane out, lane in)
WEIGHTS[0, 0], WEIGHTS[1, 1] = -8, 7
BIASES = np.array([[300, -300], [-1, 0]])
MULTIPLIERS, SHIFTS = np.array([[5, 15], [1, 8]]), np.array([[2, 5], [0, 3]])
TIMES = 64  # images, vectors or beats of a case


def signed(random, bits: int, *shape: int) -> np.ndarray:
    """Numbers of that many bits; the first are all lowest, then all highest."""
    x = random.integers(-(1 << (bits - 1)), 1 << (bits - 1), (TIMES, *shape))
    x[0], x[1] = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return x


def a_window(random):
    """4 x 4 pixels of 2 channels in groups, 3 x 3 windows with padding, every second one to the right."""
    images = random.integers(0, 16, (TIMES // 8, 4, 4, 2))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 0), (0, 0)), constant_values=9)
    found = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, :, ::2]
    parameters = dict(
        HEIGHT=4, WIDTH=4, GROUPS=2, LANES=1, BITS=4, KERNEL_Y=3, KERNEL_X=3, STRIDE_X=2, PAD_TOP=1, PAD_BOTTOM=1,
        PAD_LEFT=1, PAD_VALUE=9,
    )  # fmt: skip
    return Case("window", parameters, 4, 36), images.reshape(-1, 1), found.reshape(-1, 9), False


def a_product(random, use_dsp: int):
    """3 numbers in, 2 x 2 out."""
    x = signed(random, 5, 3)
    names = {"WEIGHTS": "weights.hex", "BIASES": "biases.hex"}
    parameters = dict(FOLDS=2, LANES_IN=3, LANES_OUT=2, IN_BITS=5, IN_SIGNED=1, ACC_BITS=14, USE_DSP=use_dsp, **names)
    sums = np.einsum("ni,foi->nfo", x, WEIGHTS) + BIASES
    return Case("matvec", parameters, 15, 28), x, sums.reshape(-1, 2), True


def a_long_product(random):
    """A vector of 3 beats of 2 numbers without a sign, one result: accumulated, with weights from a memory."""
    x = random.integers(0, 16, (TIMES, 3, 2))
    names = {"WEIGHTS": "long_weights.hex", "BIASES": "long_biases.hex"}
    parameters = dict(BEATS=3, LANES_IN=2, LANES_OUT=1, IN_BITS=4, ACC_BITS=12, **names)
    sums = (x * WEIGHTS.reshape(-1)[:6].reshape(3, 2)).sum((1, 2)) - 7
    return Case("matvec", parameters, 8, 12), x.reshape(-1, 2), sums.reshape(-1, 1), True


def a_requantization(random):
    x = signed(random, 10, 2, 2)
    halves = np.where(SHIFTS > 0, 1 << np.maximum(SHIFTS - 1, 0), 0)
    y = np.clip((x * MULTIPLIERS + halves) // (1 << SHIFTS), -8, 7)
    parameters = dict(
        LANES=2, FOLDS=2, IN_BITS=10, OUT_BITS=4, MULTIPLIER_BITS=4, SHIFT_BITS=3, MULTIPLIERS="multipliers.hex",
        SHIFTS="shifts.hex",
    )  # fmt: skip
    return Case("requantize", parameters, 20, 8), x.reshape(-1, 2), y.reshape(-1, 2), True


def a_regroup(random, lanes_in: int, lanes_out: int):
    """Two pixels of 6 channels."""
    x = random.integers(0, 8, (TIMES, 2, 6))
    taken, given = (
        x.reshape(TIMES, 2, 6 // lanes, lanes).transpose(0, 2, 1, 3).reshape(-1, 2 * lanes)
        for lanes in (lanes_in, lanes_out)
    )
    parameters = dict(PIXELS=2, FROM=lanes_in, TO=lanes_out, BITS=3)
    return Case("regroup", parameters, 6 * lanes_in, 6 * lanes_out), taken, given, False


def a_pool(random):
    x = signed(random, 4, 6, 2)
    parameters = dict(TAPS=6, LANES=2, BITS=4, SIGNED=1, MODE="max", OUT_BITS=4)
    return Case("pool", parameters, 48, 8), x.reshape(TIMES, -1), x.max(1), True


def an_argmax(random):
    x = signed(random, 4, 6)
    parameters = dict(ELEMENTS=6, LANES=2, BITS=4)
    return Case("argmax", parameters, 8, 3), x.reshape(-1, 2), x.argmax(1)[:, None], False


def a_fifo(random, width: int, depth: int):
    x = random.integers(0, 2, (TIMES, width))
    return Case("fifo", dict(WIDTH=width, DEPTH=depth), width, width), x, x, False


# name: (the case, what to ask of it)
CASES = {
    "window": (a_window,),
    "lutproduct": (a_product, 0),
    "dspproduct": (a_product, 1),
    "longproduct": (a_long_product,),
    "requantization": (a_requantization,),
    "join": (a_regroup, 2, 6),
    "split": (a_regroup, 6, 3),
    "largest": (a_pool,),
    "argmax": (an_argmax,),
    "fifo": (a_fifo, 9, 11),
}


def case(name: str, seed: int = 0):
    make, *asked = CASES[name]
    return make(np.random.default_rng(seed), *asked)


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    """The RTL and its netlist."""
    folder = tmp_path_factory.mktemp("roms")
    data = [
        write_rom(folder / "weights.hex", WEIGHTS.reshape(2, -1), 4),
        write_rom(folder / "biases.hex", BIASES, 14),
        write_rom(folder / "long_weights.hex", WEIGHTS.reshape(-1)[:6].reshape(3, 2), 4),
        write_rom(folder / "long_biases.hex", [[-7]], 12),
        write_rom(folder / "multipliers.hex", MULTIPLIERS, 4),
        write_rom(folder / "shifts.hex", SHIFTS, 3),
    ]
    rtl = bench({name: case(name)[0] for name in CASES}, FILES, data)
    return rtl, gate_level(rtl)


def traffic(seed: int):
    words, expected = {}, {}
    for name in CASES:
        of, taken, given, is_signed = case(name, seed)
        words[name], expected[name] = pack(taken, of.in_bits // taken.shape[1]), (of, given, is_signed)
    return words, expected, {name: len(given) for name, (_, given, _) in expected.items()}


def check(runs, expected) -> None:
    for name, (of, given, is_signed) in expected.items():
        columns = given.shape[1]
        found = unpack(runs[name].words, columns, of.out_bits // columns, is_signed)
        np.testing.assert_array_equal(found, given, name)


@pytest.mark.parametrize("stalls", [(0, 0), (0.4, 0.5)])
def test_netlists_give_what_numpy_says_in_the_cycles_of_the_rtl(cores, stalls):
    words, expected, counts = traffic(5)
    runs = run_bench(cores[1], words, counts, stalls, seed=2)
    check(runs, expected)
    for name, run in run_bench(cores[0], words, counts, stalls, seed=2).items():
        np.testing.assert_array_equal(runs[name].given, run.given, name)
        np.testing.assert_array_equal(runs[name].taken, run.taken, name)


@pytest.mark.parametrize("cycles", [3, 10, 27])
def test_netlists_begin_anew_after_a_reset(cores, cycles):
    words, expected, counts = traffic(6)
    with RtlSimulation(cores[1]) as simulation:
        for name in CASES:
            simulation.allow(f"m_{name}", cycles // 5)
            simulation.offer(f"s_{name}", words[name])
        simulation.advance(cycles)
        reset(simulation)
        check(drive(simulation, words, counts, (0.2, 0.2)), expected)


def digits() -> Network:
    """8 x 8 pixels as the digits have; padding, stride, two channels, logits."""
    rng = np.random.default_rng(4)
    conv = Conv2d(
        *("edges", rng.integers(-4, 4, (2, 3, 3, 1)), [90, -40], [33, 40], 11, 3, (2, 2), (1, 1, 1, 1)),
        Tensor((4, 4, 2), 3, False),
    )
    dense = Dense("scores", rng.integers(-4, 4, (3, 32)), [9, 0, -9], None, None, 3, Tensor((3,), 32, True))
    return Network("digits_gates", Tensor((8, 8, 1), 8, False), (conv, dense))


def test_the_netlist_of_a_whole_small_accelerator_is_the_reference(tmp_path):
    accelerator = build(smallest(digits()).plan, tmp_path / "made")
    rng = np.random.default_rng(8)
    x = rng.integers(0, 256, (5, 8, 8, 1)) * rng.integers(0, 2, (5, 8, 8, 1))
    x[-1] = 255
    expected = reference.run(digits(), x)
    assert len(np.unique(expected)) > 10
    words = accelerator.input.pack(x)
    last = np.zeros(words.shape, bool)
    last[::2, -1] = True
    with RtlSimulation(gate_level(open_ip(accelerator.folder / "ip"))) as simulation:
        simulation.write(0x00, 0x81)  # ap_start, auto_restart
        simulation.stall("s_axis", 0.2, 1)
        simulation.stall("m_axis", 0.5, 2)
        simulation.offer("s_axis", words.reshape(-1), last.reshape(-1))
        simulation.allow("m_axis", None)
        simulation.advance(100_000, quiet_cycles=5_000)
        given, ends = simulation.collect("m_axis")
        assert simulation.read(0x00) & 0b1010 == 0b1010  # ap_done, ap_ready
    np.testing.assert_array_equal(accelerator.output.unpack(given.reshape(5, -1)), expected)
    np.testing.assert_array_equal(ends.reshape(5, -1)[:, -1], last[:, -1])
