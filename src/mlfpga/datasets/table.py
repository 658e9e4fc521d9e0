"""Tables of whole numbers in CSV files with a header row."""

import numpy as np

from mlfpga.datasets.dataset import DatasetError


def read_table(data: bytes, header: list[str], name: str) -> np.ndarray:
    """The int64 table (rows, columns) below the first line, which must be `header`; `name` is for the error.

    Raises DatasetError for another header, for a row of another length and for anything that is no whole number.
    """
    lines = data.decode("ascii", errors="replace").split()
    found = lines[0].split(",") if lines else []
    if found != header:
        raise DatasetError(
            f"{name} starts with {','.join(found)[:40]!r}; expected a header of {len(header)} columns, "
            f"{header[0]} to {header[-1]}"
        )
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DatasetError(f"{name}, line {number} has {len(row)} numbers; expected {len(header)}")
    try:
        return np.array(rows, dtype=np.int64).reshape(-1, len(header))
    except ValueError as error:
        raise DatasetError(f"{name} holds something that is no whole number ({error})") from error
