"""A pipeline on the virtual board: its bundle, its own RTL behind pynq, the driver that every accelerator has."""

import numpy as np
import pytest

from mlfpga import blockdesign, bundle
from mlfpga.accelerators.pipeline import reference
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.layers import Conv2d, Dense, Tensor
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.plan import Folding, Plan


def network() -> Network:
    rng = np.random.default_rng(1)
    conv = Conv2d(
        *("edges", rng.integers(-8, 8, (2, 3, 3, 1)), [0, 90], [200, 150], [12, 11], 4, (2, 2), (1, 1, 1, 1)),
        Tensor((2, 4, 2), 4, False),
    )
    dense = Dense("scores", rng.integers(-8, 8, (3, 16)), [5, 0, -5], None, None, 4, Tensor((3,), 32, True, 2.0**-6))
    return Network("shapes", Tensor((4, 8, 1), 8, False, 2.0**-8), (conv, dense))


@pytest.mark.slow
def test_its_bundle_runs_on_the_virtual_board_word_by_word(board, driver, tmp_path):
    board.models.clear()
    foldings = {"edges": Folding(4, 1, 2), "scores": Folding(1, 1, 3)}
    made = build(Plan(network(), foldings, 4), tmp_path / "accelerator")
    settings = {"accelerator_vlnv": made.vlnv, "stream_bits": 32, "clock_mhz": 100.0}
    design = blockdesign.dry_run(settings=settings, ips=[blockdesign.accelerator_ip(made.vlnv, 32, 32)])
    design.write_hwh(tmp_path / "design.hwh")
    design.write_bitstream_standin(tmp_path / "design.bit")
    overlay = bundle.Overlay(tmp_path / "design.bit", tmp_path / "design.hwh", "dry run")
    raw = np.random.default_rng(0).integers(0, 256, (30, 4, 8, 1))
    expected = reference.run(network(), raw)
    inputs = made.input.number.from_raw(raw)
    bundle.write(tmp_path / "bundle", made, overlay, inputs, expected.argmax(axis=1), list("abc"), {"float": 1.0})

    with driver.Accelerator(tmp_path / "bundle") as accelerator:
        assert accelerator.input.pixels == 4 and accelerator.input.words_per_sample == 8
        np.testing.assert_array_equal(accelerator.predict(inputs), expected * 2.0**-6)
        assert accelerator.last.transfers == 1 and accelerator.last.cycles > 0
        np.testing.assert_array_equal(accelerator.predict(inputs[:1]), expected[:1] * 2.0**-6)
