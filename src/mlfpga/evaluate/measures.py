"""Measures of a classifier, from logits (n, classes) and labels (n,)."""

import numpy as np


def softmax(logits) -> np.ndarray:
    """Probabilities (n, classes), float64, each row adding up to 1."""
    logits = np.asarray(logits, dtype=np.float64)
    # Subtracting the maximum changes nothing in the result and keeps exp from overflowing.
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def accuracy(logits, labels) -> float:
    """The fraction of samples whose largest logit is the label's. Raises ValueError if the shapes do not fit."""
    logits, labels = _checked(logits, labels)
    return float(np.mean(logits.argmax(axis=-1) == labels))


def top_k(logits, labels, k: int) -> float:
    """The fraction of samples whose label is among the k largest logits: a recommender that shows k items.

    Of equal logits the class with the smaller index counts as larger, as in `accuracy`, so top_k with k = 1 is the
    accuracy. Raises ValueError if the shapes do not fit and for a k outside 1 … classes.
    """
    logits, labels = _checked(logits, labels)
    _check_k(k, logits.shape[1])
    return float(np.mean(_places(logits, labels) <= k))


def mrr(logits, labels, k: int = 10) -> float:
    """Mean reciprocal rank, 0 … 1: the mean of 1 / place of the label when the classes are ordered by their logits.

    A label beyond place k counts 0: the user does not see it. Equal logits and errors as in `top_k`.
    """
    logits, labels = _checked(logits, labels)
    _check_k(k, logits.shape[1])
    places = _places(logits, labels)
    return float(np.mean(np.where(places <= k, 1 / places, 0.0)))


def ranking(logits, labels) -> dict[str, float]:
    """What is usually told of a recommender: top_1, top_5, top_10 (see `top_k`) and mrr_10 (see `mrr`).

    Raises ValueError as they do; there must be 10 classes at least.
    """
    return {**{f"top_{k}": top_k(logits, labels, k) for k in (1, 5, 10)}, "mrr_10": mrr(logits, labels, 10)}


def confusion_matrix(logits, labels) -> np.ndarray:
    """Counts (classes, classes), int64: row = true class, column = predicted class.

    Raises ValueError if the shapes do not fit or a label is not a class.
    """
    logits, labels = _checked(logits, labels)
    matrix = np.zeros((logits.shape[1],) * 2, dtype=np.int64)
    np.add.at(matrix, (labels, logits.argmax(axis=-1)), 1)
    return matrix


def roc(positive, scores) -> tuple[np.ndarray, np.ndarray]:
    """Receiver operating characteristic: false and true positive rate (k,) for every threshold, from strict to lax.

    positive  bool (n,): the truth; both kinds must occur, else ValueError
    scores    float (n,): larger means "more likely positive"; only their order matters

    Both start at 0 and end at 1. Samples with equal scores pass a threshold together.
    """
    positive, scores = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    if positive.all() or not positive.any():
        raise ValueError("a ROC curve needs positive and negative samples; all of these are of one kind")
    order = np.argsort(-scores, kind="stable")
    positive, scores = positive[order], scores[order]
    last_of_equals = np.append(scores[1:] != scores[:-1], True)
    true = np.cumsum(positive)[last_of_equals]
    false = np.cumsum(~positive)[last_of_equals]
    return np.insert(false / false[-1], 0, 0.0), np.insert(true / true[-1], 0, 0.0)


def auc(false_positive_rate, true_positive_rate) -> float:
    """Area under a ROC curve: the chance that a positive sample scores above a negative one (ties count half)."""
    return float(np.trapz(true_positive_rate, false_positive_rate))


def _places(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The place (n,) of each sample's label, 1 for the largest logit; of equal logits the first class comes first."""
    own = logits[np.arange(len(labels)), labels][:, None]
    equal_before = (logits == own) & (np.arange(logits.shape[1]) < labels[:, None])
    return 1 + ((logits > own) | equal_before).sum(axis=1)


def _check_k(k: int, classes: int) -> None:
    if not 1 <= k <= classes:
        raise ValueError(f"k is {k}, and there are {classes} classes; choose 1 to {classes}")


def _checked(logits, labels) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = np.asarray(logits), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != (len(logits),) or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape} do not fit; expected (n, classes) and (n,)")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"labels {labels.min()} to {labels.max()} do not fit {logits.shape[1]} classes; "
            f"expected 0 to {logits.shape[1] - 1}"
        )
    if np.isnan(logits).any():
        raise ValueError(f"{int(np.isnan(logits).sum())} logits are NaN, which has no place in an order; train anew")
    return logits, labels
