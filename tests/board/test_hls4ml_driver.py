"""The PYNQ driver that hls4ml writes for its VivadoAccelerator backend, not a character changed."""

import importlib.util
import re

import numpy as np
import pytest
from fake_rtl import Core, Library

from mlfpga.artifacts import course_root

DRIVER = "hls4ml/templates/vivado_accelerator/{}/python_drivers/axi_stream_driver.py"


@pytest.fixture(params=["zcu102", "pynq-z2"])
def theirs(request):
    """hls4ml's driver for a board with AXI DMA, from the workshop machine's environment."""
    found = list(course_root().glob(f".venv/host/lib/python3*/site-packages/{DRIVER.format(request.param)}"))
    if not found:
        pytest.skip("the host environment with hls4ml is not there; `make` sets it up")
    spec = importlib.util.spec_from_file_location("axi_stream_driver", found[0])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_a_hierarchy(handoff_text):
    """The small design as hls4ml makes it: everything in `hier_0`, the accelerator without control registers."""
    text = handoff_text()
    for name in ("axi_dma_0", "accelerator_0"):
        text = text.replace(f'FULLNAME="/{name}"', f'FULLNAME="/hier_0/{name}"')
        text = text.replace(f'INSTANCE="{name}"', f'INSTANCE="hier_0_{name}"')
    text = re.sub('<BUSINTERFACE [^>]*NAME="s_axi_control"[^>]*>', "", text)
    return re.sub('<MEMRANGE [^>]*INSTANCE="hier_0_accelerator_0"[^>]*>', "", text)


def test_it_predicts_on_a_c_simulation(board, theirs, in_a_hierarchy, write_overlay, mixer):
    board.models["hier_0/accelerator_0"] = mixer()
    overlay = theirs.NeuralNetworkOverlay(str(write_overlay(text=in_a_hierarchy)), (20, 5), (20, 3), dtype=np.uint32)
    x = np.random.default_rng(3).integers(0, 1 << 20, (20, 5))
    y, seconds, rate = overlay.predict(x, profile=True)
    assert np.array_equal(y, mixer.expected(x)) and rate == pytest.approx(20 / seconds)


def test_it_predicts_on_rtl(board, theirs, in_a_hierarchy, write_overlay, monkeypatch):
    board.models.clear()
    monkeypatch.setattr(board, "library", Library(Core(registers={}, free_running=True)))
    overlay = theirs.NeuralNetworkOverlay(str(write_overlay(text=in_a_hierarchy)), (20, 5), (20, 5), dtype=np.uint32)
    x = np.random.default_rng(4).integers(0, 1 << 20, (20, 5))
    assert np.array_equal(overlay.predict(x), x)


def test_it_encodes_and_decodes_as_its_documentation_says(board, theirs, in_a_hierarchy, write_overlay, mixer):
    """ap_fixed<16,6> behind a DMA of 16 bits, as a notebook of hls4ml's calls it."""
    board.models["hier_0/accelerator_0"] = mixer(16)
    text = re.sub('(NAME="c_[ms]_axis_.*?_tdata_width" VALUE=)"32"', r'\1"16"', in_a_hierarchy)
    overlay = theirs.NeuralNetworkOverlay(str(write_overlay(text=text)), (7, 5), (7, 3), dtype=np.int16)
    x = np.random.default_rng(5).uniform(-4, 4, (7, 5))
    y = overlay.predict(
        x, encode=np.vectorize(lambda v: np.int16(round(v * 2**10))), decode=np.vectorize(lambda v: v * 2**-10)
    )
    assert np.array_equal(y, mixer.expected(np.round(x * 1024).astype(int)) / 1024)
