"""Tables for reading."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "accuracy": ("accuracy", "{:.2%}"),
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
    """The rows of `compress.compare` as a table of text, one line per model; `.to_html()` for a web page.

    Columns that no row has are left out.
    """
    import pandas  # takes half a second, and only tables need it

    return pandas.DataFrame(
        {
            heading: [form.format(row[key]) for row in rows]
            for key, (heading, form) in _COLUMNS.items()
            if all(key in row for row in rows)
        },
        index=pandas.Index([row["name"] for row in rows], name="model"),
    )
