"""The table of a network, counted by hand."""

import numpy as np
import pytest

from mlfpga.accelerators.pipeline.description import describe, layer_rows
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, NetworkError, ReLU, Tensor
from mlfpga.accelerators.pipeline.network import Network

CONV = Conv2d("conv", np.full((8, 3, 3, 2), 7), [0] * 8, 1, 9, 4, (2, 2), (1, 1, 1, 1), Tensor((50, 60, 8), 4, False))
POOL = AvgPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), 1, 2, Tensor((25, 30, 8), 4, False))
DENSE = Dense("fc", np.ones((3, 6000)), [0] * 3, None, None, 3, Tensor((3,), 32, True))
NETWORK = Network("net", Tensor((100, 120, 2), 8, False), (CONV, ReLU("relu", CONV.output), POOL, DENSE))


def test_rows():
    rows = {row["layer"]: row for row in layer_rows(NETWORK)}
    assert rows["conv"] == {
        "layer": "conv",
        "kind": "Conv2d",
        "input": (100, 120, 2),
        "output": (50, 60, 8),
        "type": "unsigned 4 bits",
        "weights": 144,
        "weight_bits": 4,
        "multiplications": 50 * 60 * 144,
        "accumulator_bits": 16,  # 18 * 7 * 255 = 32,130
    }
    assert (rows["relu"]["weights"], rows["relu"]["weight_bits"], rows["relu"]["accumulator_bits"]) == (0, None, None)
    assert (rows["pool"]["multiplications"], rows["pool"]["accumulator_bits"]) == (0, 7)  # 4 * 15 = 60
    assert (rows["fc"]["multiplications"], rows["fc"]["accumulator_bits"]) == (18_000, 18)  # 6000 * 15 = 90,000


def test_table():
    table = describe(NETWORK)
    assert list(table.index) == ["conv", "relu", "pool", "fc", "net, all"]
    assert table.loc["conv"].to_dict() == {
        "kind": "Conv2d",
        "input": "100 x 120 x 2",
        "output": "50 x 60 x 8",
        "output's type": "unsigned 4 bits",
        "weights": "144",
        "weight bits": "4",
        "multiplications": "432,000",
        "accumulator bits": "16",
    }
    assert table.loc["net, all", ["input", "output", "weights", "multiplications"]].tolist() == [
        "100 x 120 x 2",
        "3",
        "18,144",
        "450,000",
    ]
    assert table.loc["relu", "weight bits"] == table.loc["net, all", "accumulator bits"] == ""


def test_a_network_that_fails_its_check_has_no_table():
    with pytest.raises(NetworkError, match="^net has no layers; it needs at least one$"):
        describe(Network("net", NETWORK.input, ()))
