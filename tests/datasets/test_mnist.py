"""MNIST, where its files can be had without a network."""

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.artifacts import cache_root


def available() -> bool:
    places = [Path(os.environ["MLFPGA_DATA"])] if os.environ.get("MLFPGA_DATA") else []
    places.append(cache_root() / "datasets")
    return any(list(place.rglob("t10k-images-idx3-ubyte*")) for place in places)


@pytest.fixture(scope="module")
def mnist():
    if not available():
        pytest.skip("MNIST's files are not here; MLFPGA_DATA names the folder that holds them")
    return datasets.load("mnist")


def test_the_test_split_is_the_published_one_byte_for_byte(mnist):
    # The published test images' hash covers the 16 bytes of header too.
    pixels = np.round(mnist.x_test * 256).astype(np.uint8).tobytes()
    header = bytes.fromhex("00000803000027100000001c0000001c")
    assert hashlib.sha256(header + pixels).hexdigest() == (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    )
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_training_and_validation_share_out_the_published_training_set(mnist):
    assert (len(mnist.y_train), len(mnist.y_validation)) == (55_000, 5_000)
    # Class counts of the 60,000 published training labels.
    counts = np.bincount(mnist.y_train, minlength=10) + np.bincount(mnist.y_validation, minlength=10)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_values_are_bytes_over_256(mnist):
    assert mnist.number == "ufixed<8,0>" and mnist.input_range == (0.0, 255 / 256)
    assert mnist.x_train.shape == (55_000, 28, 28, 1) and mnist.sample_shape == (28, 28, 1)


@pytest.fixture
def small_files(monkeypatch, tmp_path):
    """Files of MNIST's kind with 5,010 and 20 pictures, in place of Fashion-MNIST's; their pixels and labels."""
    rng = np.random.default_rng(6)
    arrays, digests = [], {}
    (tmp_path / "fashion_mnist").mkdir()
    for part, count in (("train", 5_010), ("t10k", 20)):
        pixels, labels = rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)
        for name, array in ((f"{part}-images-idx3-ubyte", pixels), (f"{part}-labels-idx1-ubyte", labels)):
            data = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            data += array.astype(np.uint8).tobytes()
            (tmp_path / "fashion_mnist" / name).write_bytes(data)
            digests[name] = hashlib.sha256(data).hexdigest()
            arrays.append(array)
    monkeypatch.setattr("mlfpga.datasets.mnist._FASHION_FILES", digests)
    monkeypatch.setenv("MLFPGA_DATA", str(tmp_path))
    return arrays


def test_fashion_mnist_is_read_and_split_as_mnist(small_files):
    _, _, pixels, labels = small_files
    data = datasets.load("fashion_mnist")
    assert [len(data.split(split)[1]) for split in ("train", "validation", "test")] == [10, 5_000, 20]
    assert np.array_equal(data.images(data.x_test) * 256, pixels) and np.array_equal(data.y_test, labels)
    assert data.case == "cnn" and data.classes[5] == "sandal" and data.number == "ufixed<8,0>"


def test_mnist_is_not_taken_for_fashion_mnist(monkeypatch, tmp_path):
    # Both datasets' files have the same names; those lying loose in the user's folder are MNIST's.
    monkeypatch.setenv("MLFPGA_DATA", str(tmp_path))
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mlfpga.datasets.mnist._FASHION_MIRRORS", ("http://127.0.0.1:9/",))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"MNIST")
    with pytest.raises(
        datasets.DatasetError, match=r"fashion_mnist: train-images-idx3-ubyte.gz could not be downloaded"
    ):
        datasets.load("fashion_mnist")
