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


def place(logits, label) -> int:
    """By sorting: descending logits, and the class's own index where they are equal."""
    return sorted(range(len(logits)), key=lambda c: (-logits[c], c)).index(label) + 1


@pytest.mark.host
@pytest.mark.parametrize("k", [1, 2, 5, 11])
def test_top_k_is_scikit_learns(k):
    from sklearn.metrics import top_k_accuracy_score

    logits, labels = RNG.normal(size=(300, 12)), RNG.integers(0, 12, 300)
    theirs = top_k_accuracy_score(labels, logits, k=k, labels=range(12))
    assert evaluate.top_k(logits, labels, k) == pytest.approx(theirs)


@pytest.mark.parametrize("levels", [1, 2, 5, 10**9])
def test_top_k_and_mrr_are_the_sorted_order_with_and_without_ties(levels):
    logits, labels = RNG.integers(0, levels, (400, 12)), RNG.integers(0, 12, 400)
    places = [place(row, label) for row, label in zip(logits.tolist(), labels.tolist(), strict=True)]
    for k in (1, 3, 10, 12):
        assert evaluate.top_k(logits, labels, k) == pytest.approx(np.mean([p <= k for p in places]))
        assert evaluate.mrr(logits, labels, k) == pytest.approx(np.mean([1 / p if p <= k else 0 for p in places]))
    assert evaluate.top_k(logits, labels, 1) == evaluate.accuracy(logits, labels)


def test_mrr_by_hand():
    # Places 1, 3 and 2: of the equal logits in the last row, the first class comes first.
    logits, labels = [[9, 1, 0], [1, 2, 3], [0, 7, 7]], [0, 0, 2]
    assert evaluate.mrr(logits, labels, k=3) == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert evaluate.mrr(logits, labels, k=2) == pytest.approx((1 + 0 + 1 / 2) / 3)


def test_ranking_tells_the_usual_four():
    logits, labels = RNG.normal(size=(200, 30)), RNG.integers(0, 30, 200)
    assert evaluate.ranking(logits, labels) == {
        "top_1": evaluate.top_k(logits, labels, 1),
        "top_5": evaluate.top_k(logits, labels, 5),
        "top_10": evaluate.top_k(logits, labels, 10),
        "mrr_10": evaluate.mrr(logits, labels, 10),
    }


@pytest.mark.parametrize("k", [0, -1, 4])
@pytest.mark.parametrize("measure", [evaluate.top_k, evaluate.mrr])
def test_a_k_that_there_is_not_is_refused(measure, k):
    with pytest.raises(ValueError) as error:
        measure(np.zeros((2, 3)), [0, 1], k)
    assert str(error.value) == f"k is {k}, and there are 3 classes; choose 1 to 3"


@pytest.mark.parametrize("measure", [evaluate.accuracy, lambda x, y: evaluate.top_k(x, y, 1), evaluate.mrr])
def test_nan_is_refused(measure):
    logits = np.zeros((2, 10))
    logits[1, 3] = np.nan
    with pytest.raises(ValueError) as error:
        measure(logits, [0, 1])
    assert str(error.value) == "1 logits are NaN, which has no place in an order; train anew"


@pytest.mark.parametrize("measure", [evaluate.accuracy, evaluate.confusion_matrix, evaluate.ranking])
def test_what_does_not_fit_is_refused(measure):
    with pytest.raises(ValueError, match=r"logits \(3, 2\) and labels \(2,\) do not fit"):
        measure(np.zeros((3, 2)), [0, 1])
    with pytest.raises(ValueError, match="labels 0 to 2 do not fit 2 classes; expected 0 to 1"):
        measure(np.zeros((3, 2)), [0, 1, 2])
    with pytest.raises(ValueError, match="do not fit"):
        measure(np.zeros((0, 2)), [])
