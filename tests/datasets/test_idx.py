"""The IDX format, against files written by hand."""

import struct

import numpy as np
import pytest

from mlfpga.datasets import DatasetError
from mlfpga.datasets.idx import read_idx


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)])
def test_arrays_come_back(shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert np.array_equal(read_idx(idx(array), "x"), array)


@pytest.mark.parametrize("data", [b"", b"\0\0", b"<html>", bytes((0, 0, 9, 1, 0, 0, 0, 0))])
def test_other_files_are_refused(data):
    with pytest.raises(DatasetError, match="page is not an IDX file of unsigned bytes"):
        read_idx(data, "page")


def test_a_missing_or_surplus_byte_is_refused():
    whole = idx(np.zeros((2, 3), np.uint8))
    for data in (whole[:-1], whole + b"\0", whole[:6], bytes((0, 0, 8, 0))):
        with pytest.raises(DatasetError, match="not what its own header announces"):
            read_idx(data, "x")
