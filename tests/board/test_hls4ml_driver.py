"""The PYNQ driver that hls4ml writes for its VivadoAccelerator backend, not a character changed."""

import importlib.util
import re

import numpy as np
import pytest
from fake_rtl import Core, Library

from mlfpga.artifacts import course_root

DRIVER = "hls4ml/templates/vivado_accelerator/zcu102/python_drivers/axi_stream_driver.py"


@pytest.fixture
def theirs():
    """hls4ml's driver, from the workshop machine's environment."""
    found = list(course_root().glob(f".venv/host/lib/python3*/site-packages/{DRIVER}"))
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
