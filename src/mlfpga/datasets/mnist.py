"""MNIST: 70,000 handwritten digits of 28 × 28 pixels, from the four IDX files of the original publication."""

import numpy as np

from mlfpga.datasets.dataset import Dataset
from mlfpga.datasets.idx import read_idx
from mlfpga.datasets.remote import RemoteFile, content

_VALIDATION = 5_000
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
# SHA-256 of the decompressed content: mirrors compress the same bytes differently.
_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist(seed: int) -> Dataset:
    """Grey levels 0 … 255 as value / 256; the test split is the published one, 10,000 pictures in their order.

    5,000 of the 60,000 training pictures, drawn by `seed`, are the validation split; the other 55,000 stay in a
    shuffled order. Raises DatasetError if the files cannot be had or are not the published ones.
    """
    pixels, labels, test_pixels, test_labels = (
        read_idx(content(RemoteFile("mnist", name, digest, _MIRRORS)), name) for name, digest in _FILES.items()
    )
    order = np.random.default_rng(seed).permutation(len(labels))
    validation, train = order[:_VALIDATION], order[_VALIDATION:]
    return Dataset(
        name="mnist",
        case="cnn",
        x_train=_normalised(pixels[train]),
        y_train=labels[train].astype(np.int64),
        x_validation=_normalised(pixels[validation]),
        y_validation=labels[validation].astype(np.int64),
        x_test=_normalised(test_pixels),
        y_test=test_labels.astype(np.int64),
        classes=tuple("0123456789"),
        sample_shape=(28, 28, 1),
        # No integer bit: the brightest pixel is 255/256, and the raw number is the pixel's own byte.
        number="ufixed<8,0>",
        source="MNIST database, IDX files (public mirrors of yann.lecun.com/exdb/mnist)",
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
    )


def _normalised(pixels: np.ndarray) -> np.ndarray:
    # Dividing by 256 rather than 255 only moves the binary point: a byte stays a byte on its way into the accelerator.
    return pixels[..., np.newaxis].astype(np.float32) / np.float32(256)
