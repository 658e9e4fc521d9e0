"""The networks that the labs start from: one that fits, for every kind of dataset."""

from dataclasses import replace

import numpy as np
import pytest

models = pytest.importorskip("mlfpga.models", reason="needs TensorFlow")
pytestmark = pytest.mark.host


@pytest.mark.parametrize("name", ["halves", "bars", "echoes"])
@pytest.mark.parametrize("size", ["student", "teacher"])
def test_every_case_has_a_student_and_a_teacher_that_fit_and_train(request, name, size):
    data = request.getfixturevalue(name)
    model = models.for_case(data, size)
    assert model.name == size
    models.train(model, data, epochs=1)
    assert models.logits(model, data.x_test).shape == (256, len(data.classes))


@pytest.mark.parametrize("name", ["halves", "bars", "echoes"])
def test_the_teacher_is_several_times_larger(request, name):
    data = request.getfixturevalue(name)
    assert models.for_case(data, "teacher").count_params() > 5 * models.for_case(data, "student").count_params()


def test_changes_take_the_place_of_what_is_chosen(halves, echoes):
    assert models.for_case(halves, hidden=(5,), name="mine").get_layer("dense_1").units == 5
    assert models.for_case(echoes, kind="lstm").get_layer("lstm").units == 12


def test_a_table_has_a_row_for_every_number_that_occurs(echoes):
    assert models.for_case(echoes).get_layer("embedding").input_dim == 5
    for split in ("train", "validation", "test"):
        echoes.split(split)[0][0, 0] = 7.0  # a number for padding, beyond the items
    assert models.for_case(echoes).get_layer("embedding").input_dim == 8


def test_flat_pictures_are_not_normalised(halves, bars):
    assert "batchnorm_input" in [layer.name for layer in models.for_case(halves).layers]
    assert "batchnorm_input" not in [layer.name for layer in models.for_case(bars.flat()).layers]


def test_large_pictures_get_a_deeper_network(bars):
    large = np.zeros((256, 28, 28, 1), dtype=np.float32)
    data = replace(bars, x_train=large, x_validation=large, x_test=large, sample_shape=(28, 28, 1))
    assert "conv_3" in [layer.name for layer in models.for_case(data).layers]
    assert "conv_3" not in [layer.name for layer in models.for_case(bars).layers]


def test_unknown_sizes_and_settings_are_refused(halves):
    with pytest.raises(models.ModelError) as error:
        models.for_case(halves, "huge")
    assert str(error.value) == "there is no size 'huge'; choose one of student, teacher"
    with pytest.raises(models.ModelError) as error:
        models.for_case(halves, units=3)
    assert str(error.value) == (
        "mlp has no setting 'units' for halves; choose from input_shape, classes, hidden, dropout, l2, normalise, name"
    )
