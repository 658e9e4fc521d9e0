"""window.sv against NumPy's sliding windows."""

from dataclasses import dataclass

import numpy as np
import pytest
from blocks import Case, bench, drive, pack, reset, run_bench, unpack

from mlfpga.simulate.rtl import RtlSimulation


@dataclass(frozen=True)
class Shape:
    """A parameterisation: image (rows, columns, channels), kernel, stride, padding (top, bottom, left, right)."""

    image: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    lanes: int = 1
    pixels: int = 1
    bits: int = 8
    pad_value: int = 0

    @property
    def out_pixels(self) -> int:
        return max(self.pixels // self.stride[1], 1)

    @property
    def case(self) -> Case:
        (height, width, channels), (ky, kx) = self.image, self.kernel
        top, bottom, left, right = self.padding
        parameters = dict(
            HEIGHT=height, WIDTH=width, GROUPS=channels // self.lanes, LANES=self.lanes, BITS=self.bits,
            KERNEL_Y=ky, KERNEL_X=kx, STRIDE_Y=self.stride[0], STRIDE_X=self.stride[1], PAD_TOP=top, PAD_BOTTOM=bottom,
            PAD_LEFT=left, PAD_RIGHT=right, PAD_VALUE=self.pad_value, PIXELS=self.pixels,
        )  # fmt: skip
        element = self.lanes * self.bits
        return Case("window", parameters, self.pixels * element, self.out_pixels * ky * kx * element)

    def beats(self, images: np.ndarray) -> np.ndarray:
        """Images (n, height, width, channels) as the words of the input stream."""
        n, height, width, channels = images.shape
        split = images.reshape(n, height, width // self.pixels, self.pixels, channels // self.lanes, self.lanes)
        return pack(split.transpose(0, 1, 2, 4, 3, 5).reshape(-1, self.pixels * self.lanes), self.bits)

    def windows(self, images: np.ndarray) -> np.ndarray:
        """The elements of the beats that must come out, (beats, elements)."""
        top, bottom, left, right = self.padding
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        padded = np.pad(images, pads, constant_values=self.pad_value % (1 << self.bits))
        found = np.lib.stride_tricks.sliding_window_view(padded, self.kernel, axis=(1, 2))
        found = found[:, :: self.stride[0], :: self.stride[1]]  # (n, rows, columns, channels, ky, kx)
        n, rows, columns, channels, ky, kx = found.shape
        split = found.reshape(
            n, rows, columns // self.out_pixels, self.out_pixels, channels // self.lanes, self.lanes, ky, kx
        )
        return split.transpose(0, 1, 2, 4, 3, 6, 7, 5).reshape(-1, self.out_pixels * ky * kx * self.lanes)

    def steps(self) -> int:
        """Cycles of an image: rows and beats up to the last one that a window needs, none of the image left out."""
        (height, width, channels), (ky, kx) = self.image, self.kernel
        top, bottom, left, right = self.padding
        last_row = (height + top + bottom - ky) // self.stride[0] * self.stride[0] + ky - 1 - top
        last_column = (width + left + right - kx) // self.stride[1] * self.stride[1] + kx - 1 - left
        # With several pixels a beat, the last beat needed is the one that the last column is in.
        beats = max(width // self.pixels, last_column // self.pixels + 1)
        return max(height, last_row + 1) * beats * (channels // self.lanes)


SHAPES = {
    "plain": Shape((5, 7, 1), (3, 3)),
    "same": Shape((6, 5, 1), (3, 3), padding=(1, 1, 1, 1), bits=4),
    "odd": Shape((7, 7, 3), (3, 3), (2, 2), (1, 1, 1, 1), lanes=3, bits=5),
    "groups": Shape((5, 4, 6), (3, 3), padding=(1, 1, 1, 1), lanes=2, bits=4, pad_value=9),
    "point": Shape((4, 5, 4), (1, 1), lanes=2, bits=3),
    "sparse": Shape((5, 7, 1), (1, 1), (2, 3)),
    "pool": Shape((7, 5, 2), (2, 2), (2, 2), lanes=2, bits=4),
    "gap": Shape((8, 9, 1), (2, 2), (3, 3), (0, 1, 1, 0), bits=6, pad_value=-1),
    "wide": Shape((4, 9, 2), (2, 5), (1, 2), (1, 0, 2, 2), lanes=1, bits=2, pad_value=3),
    "tall": Shape((9, 4, 1), (5, 2), (3, 1), (4, 2, 1, 1), bits=7, pad_value=77),
    "line": Shape((1, 6, 2), (1, 3), padding=(0, 0, 1, 1), lanes=1, bits=4, pad_value=5),
    "whole": Shape((3, 4, 2), (3, 4), lanes=1),
    "dot": Shape((1, 1, 1), (1, 1)),
    "narrow": Shape((5, 1, 1), (3, 1), padding=(1, 1, 0, 0), bits=8, pad_value=200),
    "slim": Shape((4, 1, 1), (3, 3), padding=(1, 1, 1, 1)),
    "column": Shape((6, 2, 2), (2, 2), padding=(0, 0, 0, 1), lanes=2, pixels=2, bits=4),
    "ring": Shape((1, 1, 2), (3, 3), padding=(1, 1, 1, 1), lanes=1, bits=4, pad_value=6),
    "pair": Shape((4, 6, 1), (3, 3), padding=(1, 1, 1, 1), pixels=2, bits=8, pad_value=17),
    "pair_valid": Shape((5, 8, 2), (3, 3), lanes=1, pixels=2, bits=4),
    "pair_deep": Shape((4, 4, 4), (3, 5), padding=(0, 2, 2, 2), lanes=2, pixels=2, bits=4, pad_value=-8),
    "pair_pool": Shape((4, 6, 2), (2, 2), (2, 2), lanes=2, pixels=2, bits=4),
    "pair_half": Shape((7, 6, 1), (3, 3), (2, 2), (1, 1, 1, 1), pixels=2, bits=4, pad_value=1),
    "quad": Shape((3, 8, 1), (3, 3), padding=(1, 1, 1, 1), pixels=4, bits=5, pad_value=2),
    "quad_half": Shape((4, 8, 2), (3, 3), (2, 2), (1, 0, 1, 0), lanes=1, pixels=4, bits=4, pad_value=3),
    "quad_valid": Shape((3, 12, 1), (2, 5), (1, 1), pixels=4, bits=3),
    "quad_left": Shape((3, 8, 1), (3, 4), (2, 4), (2, 0, 2, 0), pixels=4, bits=8, pad_value=255),
}  # fmt: skip


@pytest.fixture(scope="module")
def core():
    return bench({name: shape.case for name, shape in SHAPES.items()}, ["pipeline/window.sv"])


def _images(shape: Shape, count: int, seed: int) -> np.ndarray:
    high = 1 << shape.bits
    images = np.random.default_rng(seed).integers(0, high, (count, *shape.image))
    images[-1] = high - 1
    return images


def _feed(count: int, seed: int):
    images = {name: _images(shape, count, seed) for name, shape in SHAPES.items()}
    expected = {name: SHAPES[name].windows(array) for name, array in images.items()}
    words = {name: SHAPES[name].beats(array) for name, array in images.items()}
    return words, expected, {name: len(beats) for name, beats in expected.items()}


def _check(runs, expected):
    for name, shape in SHAPES.items():
        got = unpack(runs[name].words, expected[name].shape[1], shape.bits)
        wrong = np.flatnonzero((got != expected[name]).any(axis=1))
        assert not len(wrong), f"{name}: beat {wrong[0]} is {got[wrong[0]]}, not {expected[name][wrong[0]]}"


@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.3, 0.4), (0.8, 0.1)])
def test_windows_are_those_of_numpy(core, stalls):
    words, expected, counts = _feed(4, seed=1)
    _check(run_bench(core, words, counts, stalls, seed=3), expected)


def test_an_image_takes_as_many_cycles_as_steps(core):
    words, _, counts = _feed(3, seed=2)
    runs = run_bench(core, words, counts)
    for name, shape in SHAPES.items():
        per_image = len(words[name]) // 3
        taken, given = runs[name].taken.reshape(3, per_image), runs[name].given.reshape(3, -1)
        assert (np.diff(taken, axis=0) == shape.steps()).all(), name
        assert (np.diff(given, axis=0) == shape.steps()).all(), name


def test_a_window_comes_one_cycle_after_its_last_beat(core):
    words, _, counts = _feed(1, seed=2)
    runs = run_bench(core, words, counts)
    for name in ("plain", "dot", "pool", "whole"):  # no padding: each window ends with a beat of the image
        assert set(runs[name].given) <= set(runs[name].taken + 1), name
    assert runs["whole"].given[-1] == runs["whole"].taken[-1] + 1


@pytest.mark.parametrize("cycles", [1, 2, 5, 11, 23, 31])
def test_after_a_reset_a_new_image_begins(core, cycles):
    with RtlSimulation(core) as simulation:
        words, expected, counts = _feed(2, seed=cycles)
        for name in SHAPES:
            simulation.allow(f"m_{name}", None)
            simulation.offer(f"s_{name}", words[name])
        simulation.advance(cycles)
        reset(simulation)
        _check(drive(simulation, words, counts), expected)
