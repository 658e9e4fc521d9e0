"""How good the answers of a network are: what is measured in each case, and how it is shown.

The names are those of the metrics that stages publish (`mlfpga.course.stages`).
"""

RANKING = {"top_1": "Top-1", "top_5": "Top-5", "top_10": "Top-10", "mrr_10": "MRR@10"}
"""Is the right item among the first 1, 5, 10 (shares); and the mean of 1 / its place, 0 from place 11 on."""

CLASSES = {"accuracy": "Accuracy"}

SAMPLES = {"mlp": "pulses", "cnn": "images", "rnn": "sequences"}
"""What one tests on, in each case."""


def measures(case: str) -> dict[str, str]:
    """What a case measures: metric → heading."""
    return RANKING if case == "rnn" else CLASSES


def leading(case: str) -> str:
    """The metric that stands for a case where there is room for one."""
    return "top_10" if case == "rnn" else "accuracy"


def shown(metric: str, value: float) -> str:
    """A value as people read it: 97.53 %, and 0.402 for the MRR, which is no share."""
    return f"{value:.3f}" if metric.startswith("mrr") else f"{100 * value:.2f} %"
