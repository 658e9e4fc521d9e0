"""Tables for reading."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "accuracy": ("accuracy", "{:.2%}"),
    "top_5": ("Top-5", "{:.2%}"),
    "mrr_10": ("MRR@10", "{:.4f}"),
    "validation_accuracy": ("on validation", "{:.2%}"),
    "weight_bits": ("weight bits", "{:d}"),
    "activation_bits": ("activation bits", "{:d}"),
    "sparsity": ("sparsity", "{:.1%}"),
    "weights": ("weights", "{:,d}"),
    "nonzero": ("not zero", "{:,d}"),
    "multiplications": ("multiplications", "{:,d}"),
    "size_bits": ("bits, all", "{:,d}"),
    "nonzero_bits": ("bits, not zero", "{:,d}"),
}


def comparison_table(rows: Sequence[Mapping]) -> "pandas.DataFrame":
    """The rows of `compress.compare` or `sweep` as a table of text, one line per model; `.to_html()` for a web page.

    What a row's "estimate" holds by name has a column of that name, marked as estimated. Columns that not every row has
    are left out.
    """
    import pandas  # takes half a second, and only tables need it

    columns = {
        heading: [form.format(row[key]) for row in rows]
        for key, (heading, form) in _COLUMNS.items()
        if all(key in row for row in rows)
    }
    estimates = [row.get("estimate", {}) for row in rows]
    for key in estimates[0] if estimates else ():
        if all(key in estimate for estimate in estimates):
            columns[f"{key} (estimated)"] = [_measured(estimate[key]) for estimate in estimates]
    return pandas.DataFrame(columns, index=pandas.Index([row["name"] for row in rows], name="model"))


def _measured(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
