"""Pictures of pruning: every weight is a square in its place, and what they say is counted from what was given."""

import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlfpga import evaluate

matplotlib.use("Agg")
RNG = np.random.default_rng(5)


def fields(figure):
    """The squares of each panel, as (inputs, outputs) of whether a weight is left."""
    return [np.asarray(axis.collections[0].get_array()) for axis in figure.axes if axis.collections]


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes if axis.collections]


def sparse(*shape):
    return RNG.normal(size=shape) * (RNG.random(shape) > 0.5)


def test_every_weight_is_a_square_in_its_place():
    kernels = {"dense": sparse(7, 5), "conv": sparse(3, 3, 2, 4), "one": np.array([[0.0]])}
    made = evaluate.plot_sparsity_pattern(kernels)
    for field, kernel in zip(fields(made), kernels.values(), strict=True):
        assert np.array_equal(field, kernel.reshape(-1, kernel.shape[-1]) != 0)
    for axis in made.axes[:3]:
        assert axis.get_ylim() == (18, 0), "the first input is on top, all panels are to one scale"
        assert axis.get_xlim() == (0, 5)


def test_the_fraction_of_zeros_is_that_of_the_whole_kernel():
    kernel = np.ones((200, 60))
    kernel[48:] = 0
    made = evaluate.plot_sparsity_pattern({"large": kernel, "small": np.eye(4)})
    assert [field.shape for field in fields(made)] == [(48, 48), (4, 4)]
    assert titles(made) == ["large\n200 × 60, 76% zeros", "small\n4 × 4, 75% zeros"]


def test_zeros_and_weights_differ_in_grey():
    file = io.BytesIO()
    evaluate.plot_sparsity_pattern({"half": np.repeat([[0.0, 1.0]], 2, axis=0)}).savefig(file)
    file.seek(0)
    grey = plt.imread(file)[..., :3].mean(axis=-1)
    assert np.mean(grey > 0.95) > 0.2 and np.mean(grey < 0.3) > 0.1


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_any_number_of_panels(count):
    made = evaluate.plot_sparsity_pattern({f"layer {index}": sparse(6, 4) for index in range(count)})
    assert len(fields(made)) == count
    assert all(axis.get_xlabel() == "output" and axis.get_ylabel() == "input" for axis in made.axes[:count])
    assert not any(axis.axison for axis in made.axes[count:])
    assert not plt.get_fignums(), "left to the notebook to show"


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        ({}, "there is no kernel to show; give at least one, {name: array}"),
        ({"bias": np.zeros(4)}, "bias has shape (4,); a kernel is (…, inputs, outputs)"),
        ({"none": np.zeros((0, 4))}, "none has shape (0, 4); a kernel is (…, inputs, outputs)"),
    ],
)
def test_what_is_no_kernel_is_refused(kernels, message):
    with pytest.raises(ValueError) as error:
        evaluate.plot_sparsity_pattern(kernels)
    assert str(error.value) == message


def test_importance_falls_and_says_what_stays():
    scores = {"first": [0.5, 2.0, 1.0, 0.0], "second": np.array([3.0, 6.0]), "dead": [0.0, 0.0]}
    made = evaluate.plot_importance(scores, {"first": 3, "dead": 1})
    heights = [[bar.get_height() for bar in axis.patches] for axis in made.axes[:3]]
    assert heights == [[1.0, 0.5, 0.25, 0.0], [1.0, 0.5], [0.0, 0.0]]
    assert [axis.get_title(loc="left") for axis in made.axes[:3]] == ["first: 3 of 4", "second: 2 of 2", "dead: 1 of 2"]
    hatched = [[bool(bar.get_hatch()) for bar in axis.patches] for axis in made.axes[:3]]
    assert hatched == [[False, False, False, True], [False, False], [False, True]]
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in made.axes[:3])


def test_importance_of_nothing_is_refused():
    with pytest.raises(ValueError) as error:
        evaluate.plot_importance({}, {})
    assert str(error.value) == "there is no layer to show; give at least one, {name: importance of its outputs}"
