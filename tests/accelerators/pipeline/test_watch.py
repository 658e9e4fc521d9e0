"""What a waveform tells of a pipeline is what the reference computes, layer by layer, whatever the beats hold."""

import numpy as np
import pytest

from mlfpga.accelerators.pipeline import network as networks
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.network import Conv2d, Dense, MaxPool2d, Network, ReLU, Tensor
from mlfpga.accelerators.pipeline.plan import default_plan
from mlfpga.accelerators.pipeline.reference import trace
from mlfpga.accelerators.pipeline.watch import watch

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small network whose layers travel in beats of several pixels, of some of their channels, and of signed ones."""
    rng = np.random.default_rng(3)
    first, pooled = Tensor((4, 8, 6), 3, True), Tensor((4, 4, 6), 3, True)
    layers = (
        Conv2d(
            *("conv", rng.integers(-4, 4, (6, 3, 3, 1)), rng.integers(-9, 9, 6), 3, 5, 3, (1, 1), (1, 1, 1, 1)),
            output=first,
        ),
        MaxPool2d("pool", (1, 2), (1, 2), (0, 0, 0, 0), pooled),
        ReLU("relu", pooled),
        Dense("dense", rng.integers(-4, 4, (4, 96)), rng.integers(-9, 9, 4), None, None, 3, Tensor((4,), 32, True)),
    )
    network = Network("watched", Tensor((4, 8, 1), 4, False), layers)
    networks.check(network)
    plan = default_plan(network).replace(pixels_per_beat=2)
    plan = plan.folded("conv", pixels=2, channels_out=3).folded("pool", pixels=2, channels_in=2, channels_out=2)
    plan = plan.folded("relu", channels_in=2, channels_out=2).folded("dense", channels_in=3, channels_out=2)
    accelerator = build(plan, tmp_path_factory.mktemp("watched") / "accelerator")
    x = rng.integers(0, 16, (3, 4, 8, 1))
    x[1] = 0
    return accelerator, plan, x


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_every_layer_is_seen_as_the_reference_computes_it(made, stall):
    accelerator, plan, x = made
    seen, expected = watch(accelerator, plan, x, stall), trace(plan.network, x)
    assert list(seen.layers) == ["conv", "pool", "relu", "dense"]
    for name, numbers in expected.items():
        assert np.array_equal(seen.layers[name], numbers), name
    assert np.array_equal(accelerator.output.unpack(seen.words).reshape(3, 4), expected["dense"])


def test_stalls_cost_cycles_and_the_ports_alone_tell_the_same(made):
    accelerator, plan, x = made
    seen, held = watch(accelerator, plan, x), watch(accelerator, plan, x, stall=0.5, seed=7)
    ports = watch(accelerator, plan, x, inside=False)
    assert np.array_equal(seen.words, held.words) and np.array_equal(seen.words, ports.words)
    assert held.ends[-1] > seen.ends[-1]
    assert (seen.latency, seen.interval) == (ports.latency, ports.interval) and seen.latency > seen.interval > 0
    assert ports.layers == {} and ports.streams == {}


def test_occupancy_shows_blocks_but_not_their_fifos(made):
    accelerator, plan, x = made
    seen = watch(accelerator, plan, x[:2])
    assert "conv_window" in seen.occupancy and not [name for name in seen.occupancy if name.endswith("_fifo")]
    valid, ready = seen.occupancy["conv_window"]
    assert len(valid) == len(ready) and 0 < (valid & ready).sum() < len(valid)
