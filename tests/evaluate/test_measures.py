"""Measures against scikit-learn and plain arithmetic."""

import numpy as np
import pytest

from mlfpga import evaluate

RNG = np.random.default_rng(5)


def test_softmax_is_the_definition_and_survives_huge_logits():
    logits = RNG.normal(size=(7, 4))
    assert np.allclose(evaluate.softmax(logits), np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-12)
    assert np.array_equal(evaluate.softmax([[1e5, -1e5, 0.0]]), [[1.0, 0.0, 0.0]])


def test_accuracy_counts_the_largest_logit():
    assert evaluate.accuracy([[0, 2, 1], [5, 4, 0], [0, 0, 1], [1, 0, 0]], [1, 0, 2, 2]) == 0.75


@pytest.mark.host
def test_confusion_matrix_is_scikit_learns():
    from sklearn.metrics import confusion_matrix

    logits, labels = RNG.normal(size=(500, 6)), RNG.integers(0, 5, 500)  # class 5 never occurs
    ours = evaluate.confusion_matrix(logits, labels)
    assert np.array_equal(ours, confusion_matrix(labels, logits.argmax(1), labels=range(6)))


@pytest.mark.host
@pytest.mark.parametrize("levels", [3, 20, 10**9])
def test_roc_and_its_area_are_scikit_learns_with_and_without_ties(levels):
    from sklearn.metrics import roc_auc_score, roc_curve

    positive, scores = RNG.random(400) < 0.3, RNG.integers(0, levels, 400)
    false, true = evaluate.roc(positive, scores)
    their_false, their_true, _ = roc_curve(positive, scores, drop_intermediate=False)
    assert np.allclose(false, their_false) and np.allclose(true, their_true)
    assert np.isclose(evaluate.auc(false, true), roc_auc_score(positive, scores))


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_roc_of_one_kind_is_refused(truth):
    with pytest.raises(ValueError, match="needs positive and negative samples"):
        evaluate.roc(truth, [0.1, 0.2])


@pytest.mark.parametrize("measure", [evaluate.accuracy, evaluate.confusion_matrix])
def test_what_does_not_fit_is_refused(measure):
    with pytest.raises(ValueError, match=r"logits \(3, 2\) and labels \(2,\) do not fit"):
        measure(np.zeros((3, 2)), [0, 1])
    with pytest.raises(ValueError, match="labels 0 to 2 do not fit 2 classes; expected 0 to 1"):
        measure(np.zeros((3, 2)), [0, 1, 2])
    with pytest.raises(ValueError, match="do not fit"):
        measure(np.zeros((0, 2)), [])
