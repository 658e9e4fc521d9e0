"""The generated IP: bit-exact against plain Python, whatever its streams do, and about as large as promised."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlfpga.course.figures.export import Layer, Network, large, line_count, small, write_export
from mlfpga.course.figures.export.listing import signed_digits
from mlfpga.course.figures.rtl_run import start, stream
from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip

pytestmark = pytest.mark.host


def wrapped(number: int) -> int:
    """A number as 16 bits of two's complement hold it."""
    return (number + 0x8000) % 0x10000 - 0x8000


def layer_by_hand(layer: Layer, x: list[list[int]]) -> list[list[int]]:
    """One sample through a layer, in whole numbers of Python."""
    results = []
    for first in range(0, layer.length - layer.window + 1, layer.stride):
        sums = []
        for channel in range(layer.channels_out):
            total = int(layer.bias[channel])
            for place in range(layer.window):
                for source in range(layer.channels_in):
                    total += math.floor(x[first + place][source] * int(layer.weights[place, source, channel]) / 128)
            upper = math.floor(wrapped(total) / 64)
            sums.append(round(20_000 * math.tanh(upper / 200)) if layer.tabled else wrapped(total))
        results.append(sums)
    return results


def words_by_hand(network: Network, inputs: np.ndarray) -> list[int]:
    words = []
    for sample in inputs.reshape(-1, network.words_in).tolist():
        x = [[wrapped(word)] for word in sample]
        for layer in network.layers:
            x = layer_by_hand(layer, x)
        words += [value % (1 << 32) for position in x for value in position]
    return words


@pytest.fixture(scope="module")
def ip(tmp_path_factory):
    return write_export(small(), tmp_path_factory.mktemp("generated") / "small_net")


@pytest.fixture
def extreme_inputs():
    """Samples of the extremes alone, of both in turns, and random ones."""
    network = small()
    constant = np.repeat(np.array([0x8000, 0x7FFF, 0, 0xFFFF], dtype=np.uint32), network.words_in)
    turns = np.tile(np.array([0x8000, 0x7FFF], dtype=np.uint32), network.words_in // 2)
    return np.concatenate([constant, turns, network.inputs(15, seed=7)])


@pytest.mark.parametrize("network", [small(), large()], ids=["small", "large"])
def test_numpy_computes_what_plain_python_does(network):
    inputs = network.inputs(3, seed=5)
    assert network.words(inputs).tolist() == words_by_hand(network, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.0, 0.3, 0.8])
def test_the_rtl_gives_these_words_whatever_stalls(ip, extreme_inputs, probability):
    network = small()
    expected = words_by_hand(network, extreme_inputs)
    with RtlSimulation(open_ip(ip)) as simulation:
        start(simulation)
        simulation.stall("in_r", probability, seed=1)
        simulation.stall("out_r", probability, seed=2)
        simulation.offer("in_r", extreme_inputs)
        simulation.allow("out_r", None)
        simulation.advance(20_000)
        words, last = simulation.collect("out_r")
    assert words.tolist() == expected
    assert np.flatnonzero(last).tolist() == list(range(network.words_out - 1, len(expected), network.words_out))


@pytest.mark.slow
def test_it_takes_one_sample_for_each_start(ip):
    network, inputs = small(), small().inputs(2, seed=9)
    with RtlSimulation(open_ip(ip)) as simulation:
        simulation.offer("in_r", inputs)
        simulation.allow("out_r", None)
        idle = simulation.read(0)
        simulation.advance(500)
        assert (idle, simulation.given("out_r")) == (0x4, 0)
        for samples in (1, 2):
            simulation.write(0, 1)
            simulation.advance(500)
            assert simulation.given("out_r") == samples * network.words_out
            assert simulation.read(0) == 0xE  # ready, idle, done


@pytest.mark.slow
def test_words_that_are_not_the_expected_ones_are_counted(ip):
    network, inputs = small(), small().inputs(4, seed=3)
    expected = network.words(inputs)
    with RtlSimulation(open_ip(ip)) as simulation:
        start(simulation)
        found = stream(simulation, 0.05, inputs, expected)
        assert found["words"] > 0 and found["cycles"] > 0 and found["cpu_seconds"] >= 0.05
    expected[0] ^= 1
    with RtlSimulation(open_ip(ip)) as simulation:
        start(simulation)
        with pytest.raises(RtlError, match=r"^mlfpga:hls:small_net:1\.0: [\d,]+ of [\d,]+ words at out_r are not the"):
            stream(simulation, 0.05, inputs, expected)


@pytest.mark.slow
def test_the_speed_of_an_idle_accelerator_is_no_figure(ip):
    with (
        RtlSimulation(open_ip(ip)) as simulation,
        pytest.raises(RtlError, match=r"gave no word in [\d,]+ cycles; the speed of an idle accelerator says nothing"),
    ):
        stream(simulation, 0.02)


def test_component_xml_reads_as_that_of_an_export(ip):
    core = open_ip(ip)
    assert core.vlnv == "mlfpga:hls:small_net:1.0"
    assert {name: (port.role, port.bits, port.has_last) for name, port in core.streams.items()} == {
        "in_r": ("slave", 32, True),
        "out_r": ("master", 32, True),
    }
    registers = core.registers["s_axi_control"].registers
    assert [(one.name, one.offset) for one in registers] == [("CTRL", 0), ("GIER", 4), ("IP_IER", 8), ("IP_ISR", 12)]
    assert [path.name for path in core.sources.data] == ["small_net_conv1_tanh_table_ROM_AUTO_1R.dat"]


def test_the_large_one_has_about_50_000_lines_and_is_always_the_same(tmp_path):
    folders = [write_export(large(), tmp_path / name) for name in "ab"]
    assert 48_000 < line_count(folders[0]) < 52_000
    texts = [{path.name: path.read_bytes() for path in (one / "hdl/verilog").iterdir()} for one in folders]
    assert texts[0] == texts[1]


@given(st.integers(-(1 << 15), 1 << 15))
def test_signed_digits_add_up_and_are_never_neighbours(number):
    digits = signed_digits(number)
    assert sum(sign << place for place, sign in digits) == number
    places = [place for place, _ in digits]
    assert all(later - earlier > 1 for earlier, later in zip(places, places[1:], strict=False))
