"""The IDX file format of MNIST and its kin, as its authors describe it at yann.lecun.com/exdb/mnist."""

import struct
from math import prod

import numpy as np

from mlfpga.datasets.dataset import DatasetError

_UNSIGNED_BYTE = 0x08


def read_idx(data: bytes, name: str) -> np.ndarray:
    """The array of unsigned bytes in an (uncompressed) IDX file's content; `name` is for the error.

    Layout, big-endian: two zero bytes, the element type, the number of axes, one 32-bit length per axis, the elements.
    """
    if len(data) < 4 or data[:3] != bytes((0, 0, _UNSIGNED_BYTE)):
        raise DatasetError(f"{name} is not an IDX file of unsigned bytes (it starts with {data[:4].hex(' ')})")
    axes = data[3]
    header = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", data[4:header]) if len(data) >= header else ()
    if len(data) != header + prod(shape) or not shape:
        raise DatasetError(f"{name} has {len(data)} bytes, which is not what its own header announces: shape {shape}")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)
