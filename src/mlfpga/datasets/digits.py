"""The 8 × 8 handwritten digits that come with scikit-learn: small, embedded, offline."""

import numpy as np

from mlfpga.datasets.dataset import Dataset, DatasetError

_TEST, _VALIDATION = 360, 180


def load_digits(seed: int) -> Dataset:
    """1,797 pictures of 8 × 8 pixels, grey levels 0 … 16, as value / 16.

    Shuffled by `seed`, then 360 test, 180 validation, 1,257 training samples. Raises DatasetError without scikit-learn.
    """
    try:
        from sklearn import datasets as embedded
    except ModuleNotFoundError as error:
        raise DatasetError(
            "the digits dataset comes with scikit-learn, which this environment does not have; use the kernel "
            "mlfpga (host) (on the board, the bundle's vectors.npz holds the test set)"
        ) from error

    pixels, labels = embedded.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    # Dividing by a power of two moves the binary point and loses nothing: 0 … 16 becomes 0 … 1 in steps of 1/16.
    x, y = (pixels[order] / 16).astype(np.float32).reshape(-1, 8, 8, 1), labels[order].astype(np.int64)
    test, validation = slice(0, _TEST), slice(_TEST, _TEST + _VALIDATION)
    train = slice(_TEST + _VALIDATION, None)
    return Dataset(
        name="digits",
        case="cnn",
        x_train=x[train],
        y_train=y[train],
        x_validation=x[validation],
        y_validation=y[validation],
        x_test=x[test],
        y_test=y[test],
        classes=tuple("0123456789"),
        sample_shape=(8, 8, 1),
        # One integer bit: the brightest pixel is exactly 1.
        number="ufixed<8,1>",
        source="scikit-learn's load_digits, the test part of UCI Optical Recognition of Handwritten Digits",
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
        citation="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, 1998, doi 10.24432/C50P49",
    )
