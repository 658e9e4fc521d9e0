"""The Dataset checks itself: shapes, labels, values."""

from dataclasses import replace

import numpy as np
import pytest

from mlfpga.datasets import Dataset, DatasetError


def small(**changes) -> Dataset:
    x, y = np.array([[0.0, 0.5], [0.25, 0.75]], dtype=np.float32), np.array([0, 1])
    whole = Dataset("small", "mlp", x, y, x, y, x, y, ("a", "b"), (2,), "ufixed<8,0>", "here", "none", "nobody")
    return replace(whole, **changes)


def pictures(channels: int = 1) -> Dataset:
    """Six pictures of 2 × 3 pixels in each split."""
    x = (np.arange(36 * channels).reshape(6, 2, 3, channels) / 256).astype(np.float32)
    y = np.array([0, 1, 0, 1, 0, 1])
    return small(
        case="cnn",
        sample_shape=(2, 3, channels),
        x_train=x,
        x_validation=x,
        x_test=x,
        y_train=y,
        y_validation=y,
        y_test=y,
    )


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


def test_a_sample_shape_that_does_not_fit_is_refused():
    with pytest.raises(DatasetError, match=r"expected \(n, 3\) and \(n,\)"):
        small(sample_shape=(3,))


def test_an_unknown_case_lists_the_known_ones():
    with pytest.raises(DatasetError) as error:
        small(case="gnn")
    assert str(error.value) == "small: there is no case 'gnn'; choose one of mlp, cnn, rnn"


def test_samples_of_another_cases_shape_are_refused():
    with pytest.raises(DatasetError) as error:
        small(case="cnn")
    assert str(error.value) == "small: samples of shape (2,) do not fit the case cnn, whose samples have 3 axes"


def test_labels_that_are_no_whole_numbers_are_refused():
    with pytest.raises(DatasetError) as error:
        small(y_test=np.array([0.0, 1.0]))
    assert str(error.value) == "small: y_test holds float64; labels are whole numbers (int64)"


def test_an_empty_split_is_refused():
    with pytest.raises(DatasetError, match=r"x_test \(0, 2\) and y_test \(0,\) do not belong together"):
        small(x_test=np.zeros((0, 2), np.float32), y_test=np.zeros(0, np.int64))


def test_a_subset_keeps_the_other_splits_and_grows_with_n():
    data = pictures()
    few, more = data.subset(2, seed=5), data.subset(4, seed=5)
    assert few.x_train.shape == (2, 2, 3, 1) and more.x_train.shape == (4, 2, 3, 1)
    assert np.array_equal(more.x_train[:2], few.x_train) and np.array_equal(more.y_train[:2], few.y_train)
    assert few.x_test is data.x_test and few.y_validation is data.y_validation
    for x, y in zip(few.x_train, few.y_train, strict=True):
        assert y == data.y_train[int(round(x[0, 0, 0] * 256)) // 6]
    assert not np.array_equal(data.subset(6, seed=1).y_train, data.subset(6, seed=2).y_train)


@pytest.mark.parametrize("n", [0, -1, 7])
def test_a_subset_that_cannot_be_is_refused(n):
    with pytest.raises(DatasetError) as error:
        pictures().subset(n, seed=0)
    assert str(error.value) == f"small cannot give {n} training samples; choose 1 to 6"


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_pictures_are_rows_that_still_know_their_picture(channels):
    data = pictures(channels)
    flat = data.flat()
    assert flat.case == "mlp" and flat.sample_shape == (6 * channels,) and flat.features == data.features
    assert flat.x_test.shape == (6, 6 * channels) and flat.flat() is flat
    shape = (2, 3) if channels == 1 else (2, 3, 3)
    assert flat.images(flat.x_test[:2]).shape == (2, *shape)
    assert np.array_equal(flat.images(flat.x_test), data.images(data.x_test))
    assert np.array_equal(flat.x_test[1, :channels], data.x_test[1, 0, 0])


def test_rows_are_flat_already_and_are_no_pictures():
    data = small()
    assert data.flat() is data
    with pytest.raises(DatasetError) as error:
        data.images(data.x_test)
    assert str(error.value) == "small holds no pictures; show() draws what it holds"


def test_descriptions_tell_each_case_apart():
    assert "2 features in a row" in small().describe()
    assert "6 features, a picture of 2 × 3 pixels, 1 channel\n" in pictures().describe()
    assert "18 features, a picture of 2 × 3 pixels, 3 channels\n" in pictures(3).flat().describe()
    items = tuple(map(str, range(13)))
    text = small(case="rnn", classes=items).describe()
    assert "a sequence of 2 item numbers, the latest last" in text and "13: 0, 1, 2, … 12" in text


def test_an_unknown_split_lists_the_known_ones():
    with pytest.raises(DatasetError) as error:
        small().split("tests")
    assert str(error.value) == "there is no split called 'tests'; choose one of train, validation, test"
