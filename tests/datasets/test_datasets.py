"""The loaders' public face: what every dataset promises."""

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.formats import FixedPoint

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(datasets.DatasetError) as error:
        datasets.load("digit")
    assert str(error.value) == (
        "there is no dataset called 'digit'; choose one of digits, fashion_mnist, mnist, pulses, pulses-fold1, "
        "pulses-fold2, pulses-fold3, pulses-fold4, pulses-fold5, pulses-generated, pulses-transfer, recommender, "
        "recommender-generated, recommender-users"
    )


@pytest.mark.parametrize("name", ["digits", "pulses-generated", "recommender-generated"])
def test_the_case_is_known_without_loading(name):
    assert datasets.case_of(name) == datasets.load(name).case


def test_every_name_has_a_case():
    assert {datasets.case_of(name) for name in datasets.names()} == {"cnn", "mlp", "rnn"}


def test_digits_hold_every_sample_of_scikit_learn_once(digits):
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    ours = np.concatenate([np.column_stack(digits.flat().split(name)) for name in ("train", "validation", "test")])
    theirs = np.column_stack([pixels / 16, labels])
    assert np.array_equal(np.unique(ours, axis=0), np.unique(theirs, axis=0))
    assert len(ours) == len(theirs) == 1797
    assert len(digits.y_test) == 360


def test_no_sample_is_in_two_splits(digits):
    rows = [{row.tobytes() for row in digits.split(name)[0]} for name in ("train", "validation", "test")]
    assert not rows[0] & rows[1] and not rows[0] & rows[2] and not rows[1] & rows[2]


def test_the_seed_alone_decides_the_split(digits):
    again, other = datasets.load("digits"), datasets.load("digits", seed=7)
    assert np.array_equal(again.x_train, digits.x_train) and np.array_equal(again.y_test, digits.y_test)
    assert not np.array_equal(other.y_test, digits.y_test)


def test_values_are_float32_and_exact_in_the_stated_number(digits):
    number = FixedPoint.parse(digits.number)
    for name in ("train", "validation", "test"):
        x, y = digits.split(name)
        assert x.dtype == np.float32 and y.dtype == np.int64
        assert np.array_equal(number.from_raw(number.to_raw(x)), x)
    assert digits.input_range == (0.0, 1.0)


def test_images_are_the_features_row_by_row(digits):
    image = digits.images(digits.x_test)[5]
    assert image.shape == (8, 8)
    assert np.array_equal(image[1], digits.flat().x_test[5, 8:16])


def test_description_states_sizes_range_format_and_origin(digits):
    text = digits.describe()
    for part in (
        "1,257 train + 180 validation + 360 test",
        "64 features",
        "0 to 1, exact in ufixed<8,1>",
        "scikit-learn",
    ):
        assert part in text


def test_digits_without_scikit_learn_say_where_to_go(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(datasets.DatasetError, match=r"comes with scikit-learn, .* use the kernel mlfpga \(host\)"):
        datasets.load("digits")
