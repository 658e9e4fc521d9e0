"""Memory images of a plan: the network's numbers as the words that `$readmemh` loads into the blocks' ROMs.

One image is one ROM. A word holds what a block needs at once, element 0 in the lowest bits; which element stands where
follows from the plan and is said in the header of each block. (Files that do not depend on a plan: see `export`.)
"""

from dataclasses import dataclass

import numpy as np

from mlfpga.accelerators.pipeline.network import Conv2d, Dense
from mlfpga.accelerators.pipeline.plan import Folding


@dataclass(frozen=True)
class Image:
    """Words of a ROM, lowest address first, each `bits` wide; numbers are in two's complement."""

    words: tuple[int, ...]
    bits: int

    @property
    def text(self) -> str:
        """The file's content: one word a line, with as many hexadecimal digits as its bits need."""
        digits = -(-self.bits // 4)
        return "".join(f"{word:0{digits}x}\n" for word in self.words)


def weight_image(layer: Conv2d | Dense, folding: Folding) -> Image:
    """Weights as `matvec.sv` reads them: the word at address beat * folds + fold.

    In it the weight of output lane o and input lane l at [WEIGHT_BITS * (o * LANES_IN + l) +: WEIGHT_BITS]. Input lanes
    of a convolution are in the order of the window's beat: kernel row, kernel column, channel.
    """
    outputs, channels_in, channels_out = len(layer.weights), folding.channels_in, folding.channels_out
    positions = layer.weights.shape[1] * layer.weights.shape[2] if isinstance(layer, Conv2d) else 1
    # [fold, output lane, kernel position, beat, channel] -> [beat, fold, output lane, kernel position, channel]
    apart = layer.weights.reshape(outputs // channels_out, channels_out, positions, -1, channels_in)
    ordered = apart.transpose(3, 0, 1, 2, 4)
    return _image(ordered.reshape(-1, channels_out * positions * channels_in), layer.weight_bits)


def channel_image(values: np.ndarray, channels_out: int, bits: int) -> Image:
    """One number for each output channel (biases, multipliers, shifts): a word for each fold of `channels_out`."""
    return _image(values.reshape(-1, channels_out), bits)


def _image(values: np.ndarray, bits: int) -> Image:
    """Rows of integers as words: the first integer of a row in its lowest bits."""
    ones = (values[..., None] >> np.arange(bits)) & 1
    rows = np.packbits(ones.reshape(len(values), -1).astype(np.uint8), axis=1, bitorder="little")
    return Image(tuple(int.from_bytes(row.tobytes(), "little") for row in rows), bits * values.shape[1])
