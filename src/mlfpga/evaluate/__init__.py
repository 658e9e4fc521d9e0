"""Judging a classifier: measures, tables and pictures, in one style for the whole course.

Measures are plain NumPy and take *logits*. Every `plot_…` gives a `matplotlib.figure.Figure` (show it by making it the
last line of a cell, keep it with `savefig`), with labelled axes and marks that can be told apart without colour.
"""

from mlfpga.evaluate.area_plots import area_table, plot_area
from mlfpga.evaluate.compression_plots import plot_sensitivity
from mlfpga.evaluate.data_plots import plot_classes, plot_pulses, plot_sequences
from mlfpga.evaluate.hardware import plot_agreement, plot_estimate, plot_ranges, plot_reuse
from mlfpga.evaluate.measures import accuracy, auc, confusion_matrix, mrr, ranking, roc, softmax, top_k
from mlfpga.evaluate.pipeline_plots import plot_line_buffer, plot_occupancy
from mlfpga.evaluate.plan_plots import plan_table, plot_plan
from mlfpga.evaluate.plots import (
    plot_confusion,
    plot_curves,
    plot_images,
    plot_pareto,
    plot_roc,
    plot_sizes,
    plot_tradeoff,
)
from mlfpga.evaluate.pruning_plots import plot_importance, plot_sparsity_pattern
from mlfpga.evaluate.style import bar_style, figure, series_style
from mlfpga.evaluate.tables import comparison_table

__all__ = [
    "accuracy",
    "area_table",
    "auc",
    "bar_style",
    "comparison_table",
    "confusion_matrix",
    "figure",
    "mrr",
    "plan_table",
    "plot_agreement",
    "plot_area",
    "plot_classes",
    "plot_confusion",
    "plot_curves",
    "plot_estimate",
    "plot_images",
    "plot_importance",
    "plot_line_buffer",
    "plot_occupancy",
    "plot_pareto",
    "plot_plan",
    "plot_pulses",
    "plot_ranges",
    "plot_reuse",
    "plot_roc",
    "plot_sensitivity",
    "plot_sequences",
    "plot_sizes",
    "plot_sparsity_pattern",
    "plot_tradeoff",
    "ranking",
    "roc",
    "series_style",
    "softmax",
    "top_k",
]
