"""MNIST and its kin: 70,000 pictures of 28 × 28 pixels in ten classes, from four IDX files each."""

from functools import partial

import numpy as np

from mlfpga.datasets.dataset import Dataset
from mlfpga.datasets.idx import read_idx
from mlfpga.datasets.remote import RemoteFile, content

_VALIDATION = 5_000
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/",
)
# SHA-256 of the decompressed content: mirrors compress the same bytes differently.
_MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FASHION_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def load_mnist(seed: int) -> Dataset:
    """Handwritten digits; grey levels 0 … 255 as value / 256; the test split is the published one, in its order.

    5,000 of the 60,000 training pictures, drawn by `seed`, are the validation split; the other 55,000 stay in a
    shuffled order. Raises DatasetError if the files cannot be had or are not the published ones.
    """
    return _load(
        seed,
        files=[RemoteFile("mnist", name, digest, _MNIST_MIRRORS) for name, digest in _MNIST_FILES.items()],
        name="mnist",
        classes=tuple("0123456789"),
        source="MNIST database, IDX files (public mirrors of yann.lecun.com/exdb/mnist)",
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
    )


def load_fashion_mnist(seed: int) -> Dataset:
    """Pieces of clothing, in the shape of MNIST and split like it, but harder: shirts look like pullovers.

    Raises DatasetError as `load_mnist`.
    """
    remote = partial(RemoteFile, "fashion_mnist", mirrors=_FASHION_MIRRORS, common_name=True)
    return _load(
        seed,
        files=[remote(name, digest) for name, digest in _FASHION_FILES.items()],
        name="fashion_mnist",
        classes=(
            "T-shirt",
            "trousers",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        source="Fashion-MNIST, IDX files (github.com/zalandoresearch/fashion-mnist)",
        licence="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017, arXiv 1708.07747",
    )


def _load(seed: int, files: list[RemoteFile], **description) -> Dataset:
    pixels, labels, test_pixels, test_labels = (read_idx(content(file), file.name) for file in files)
    order = np.random.default_rng(seed).permutation(len(labels))
    validation, train = order[:_VALIDATION], order[_VALIDATION:]
    return Dataset(
        case="cnn",
        x_train=_normalised(pixels[train]),
        y_train=labels[train].astype(np.int64),
        x_validation=_normalised(pixels[validation]),
        y_validation=labels[validation].astype(np.int64),
        x_test=_normalised(test_pixels),
        y_test=test_labels.astype(np.int64),
        sample_shape=(28, 28, 1),
        # No integer bit: the brightest pixel is 255/256, and the raw number is the pixel's own byte.
        number="ufixed<8,0>",
        **description,
    )


def _normalised(pixels: np.ndarray) -> np.ndarray:
    # Dividing by 256 rather than 255 only moves the binary point: a byte stays a byte on its way into the accelerator.
    return pixels[..., np.newaxis].astype(np.float32) / np.float32(256)
