"""The Dataset checks itself: shapes, labels, values."""

from dataclasses import replace

import numpy as np
import pytest

from mlfpga.datasets import Dataset, DatasetError


def small(**changes) -> Dataset:
    x, y = np.array([[0.0, 0.5], [0.25, 0.75]], dtype=np.float32), np.array([0, 1])
    whole = Dataset("small", x, y, x, y, x, y, ("a", "b"), (1, 2), "ufixed<8,0>", "here", "none", "nobody")
    return replace(whole, **changes)


def test_a_consistent_dataset_is_accepted():
    assert small().features == 2


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_out_of_range_are_named(label):
    with pytest.raises(DatasetError, match=r"small: y_train holds labels .*; 2 classes need labels 0 to 1"):
        small(y_train=np.array([0, label]))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.nan, "1 of 4 values are NaN"),
        (np.inf, "outside ufixed<8,0>"),
        (1.0, "outside"),
        (0.001, "between the steps"),
    ],
)
def test_values_the_number_cannot_hold_are_refused(value, why):
    x = small().x_test.copy()
    x[1, 1] = value
    with pytest.raises(DatasetError, match=f"small: x_test.*{why}"):
        small(x_test=x)


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(DatasetError, match=r"small: x_validation \(2, 2\) and y_validation \(1,\) do not belong"):
        small(y_validation=np.array([0]))


def test_an_image_shape_that_does_not_fit_is_refused():
    with pytest.raises(DatasetError, match=r"expected \(n, 6\) and \(n,\)"):
        small(image_shape=(2, 3))


def test_an_unknown_split_lists_the_known_ones():
    with pytest.raises(DatasetError) as error:
        small().split("tests")
    assert str(error.value) == "there is no split called 'tests'; choose one of train, validation, test"
