"""Tables in CSV files, written by hand."""

import numpy as np
import pytest

from mlfpga.datasets import DatasetError
from mlfpga.datasets.table import read_table


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_come_back(ending):
    table = np.random.default_rng(2).integers(-500, 500, (7, 3))
    text = ending.join(["a,b,c", *(",".join(map(str, row)) for row in table), ""])
    found = read_table(text.encode(), ["a", "b", "c"], "t.csv")
    assert found.dtype == np.int64 and np.array_equal(found, table)


@pytest.mark.parametrize("text", ["", "1,2\n3,4\n", "a,b,c\n1,2,3\n", "<html>sign in first</html>"])
def test_another_header_is_refused(text):
    with pytest.raises(DatasetError, match=r"t.csv starts with .*; expected a header of 2 columns, a to b"):
        read_table(text.encode(), ["a", "b"], "t.csv")


def test_a_row_of_another_length_is_named():
    with pytest.raises(DatasetError) as error:
        read_table(b"a,b\n1,2\n3\n", ["a", "b"], "t.csv")
    assert str(error.value) == "t.csv, line 3 has 1 numbers; expected 2"


@pytest.mark.parametrize("value", ["nan", "1.5", "x", ""])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(DatasetError, match="t.csv holds something that is no whole number"):
        read_table(f"a,b\n1,{value}\n".encode(), ["a", "b"], "t.csv")
