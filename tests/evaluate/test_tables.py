"""Tables for reading."""

import pytest

from mlfpga.evaluate import comparison_table

pytestmark = pytest.mark.host


def test_numbers_become_readable_text_and_unknown_columns_stay_out():
    table = comparison_table([{"name": "float", "accuracy": 0.97791, "weights": 52544, "sparsity": 0.5, "other": 1}])
    assert table.index.tolist() == ["float"]
    assert table.to_dict("records") == [{"accuracy": "97.79%", "sparsity": "50.0%", "weights": "52,544"}]
    assert "52,544" in table.to_html()
