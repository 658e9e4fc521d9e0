"""Tables for reading."""

import pytest

from mlfpga.evaluate import comparison_table

pytestmark = pytest.mark.host


def test_numbers_become_readable_text_and_unknown_columns_stay_out():
    table = comparison_table([{"name": "float", "accuracy": 0.97791, "weights": 52544, "sparsity": 0.5, "other": 1}])
    assert table.index.tolist() == ["float"]
    assert table.to_dict("records") == [{"accuracy": "97.79%", "sparsity": "50.0%", "weights": "52,544"}]
    assert "52,544" in table.to_html()


def test_estimates_are_columns_of_their_own_and_marked():
    rows = [
        {
            "name": "a",
            "accuracy": 0.5,
            "validation_accuracy": 0.25,
            "estimate": {"LUT": 12345.6, "latency (µs)": 1.2345},
        },
        {"name": "b", "accuracy": 0.5, "validation_accuracy": 0.25, "estimate": {"LUT": 7, "latency (µs)": 0.0}},
    ]
    assert comparison_table(rows).to_dict("list") == {
        "accuracy": ["50.00%"] * 2,
        "on validation": ["25.00%"] * 2,
        "LUT (estimated)": ["12,346", "7"],
        "latency (µs) (estimated)": ["1.23", "0"],
    }
    assert "LUT (estimated)" not in comparison_table([rows[0], {**rows[1], "estimate": {}}])


def test_rankings_show_what_a_list_is_good_for():
    rows = [{"name": "gru", "accuracy": 0.2, "top_1": 0.2, "top_5": 0.75, "top_10": 0.99, "mrr_10": 0.41376}]
    assert comparison_table(rows).to_dict("records") == [{"accuracy": "20.00%", "Top-5": "75.00%", "MRR@10": "0.4138"}]
