"""Generated pipelines against the integer reference: random networks, plans and stalls, resets, registers, lint.

Several accelerators stand in one bench, which is one Verilator build: it also shows that they can live in one design.
"""

import subprocess

import numpy as np
import pytest
from networks import random_inputs, random_network
from plans import Bench, random_plan

from mlfpga.accelerators.pipeline import reference
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, MaxPool2d, ReLU, Tensor
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.plan import Folding, Plan, default_plan
from mlfpga.accelerators.pipeline.stages import blocks
from mlfpga.accelerators.pipeline.timing import timeline
from mlfpga.accelerators.pipeline.top import top_module
from mlfpga.simulate.rtl import RtlSimulation, open_ip
from mlfpga.simulate.rtl.verilator import find_verilator
from mlfpga.synthesize import design_of, find_yosys

# Random networks and plans; together with `wide` they use every block, strides, 1x1 kernels, odd sizes.
SEEDS = {
    "mixed": dict(seed=10, kind="any"),
    "vectors": dict(seed=12, kind="dense"),
    "lowest": dict(seed=25, kind="any", weights="lowest"),
    "zero": dict(seed=30, kind="any", weights="zero"),
}
NAMES = [*SEEDS, "wide"]


def design(name) -> Plan:
    if name == "wide":
        return wide()
    network = random_network(**SEEDS[name])
    return random_plan(network, SEEDS[name]["seed"])


def wide() -> Plan:
    """Several pixels in a beat up to the output, and channels in twos that must become channels in threes."""
    rng = np.random.default_rng(0)
    first = Conv2d(
        *("first", rng.integers(-4, 4, (6, 3, 3, 3)), rng.integers(-99, 99, 6), rng.integers(9, 30, 6), 6, 3),
        *((1, 1), (1, 1, 1, 1), Tensor((5, 8, 6), 6, True)),
    )
    pool = MaxPool2d("pool", (3, 3), (2, 2), (1, 1, 1, 1), Tensor((3, 4, 6), 6, True))
    mix = Conv2d(
        *("mix", rng.integers(-64, 64, (4, 1, 1, 6)), rng.integers(-99, 99, 4), [9, 8, 7, 6], [9, 10, 8, 9], 7),
        *((1, 1), (0, 0, 0, 0), Tensor((3, 4, 4), 7, True)),
    )
    mean = AvgPool2d("mean", (2, 2), (1, 1), (0, 0, 0, 1), 1, 2, Tensor((2, 4, 4), 7, True))
    network = Network("wide", Tensor((5, 8, 3), 5, True), (first, pool, mix, mean))
    foldings = {
        "first": Folding(4, 3, 2),
        "pool": Folding(4, 2, 2),
        "mix": Folding(2, 3, 4, use_dsp=True),
        "mean": Folding(2, 2, 2, fifo=5),
    }
    return Plan(network, foldings, pixels_per_beat=4)


@pytest.fixture(scope="module")
def accelerators(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accelerators")
    return {name: build(design(name), folder / name, name=f"top_{name}") for name in NAMES}


@pytest.fixture(scope="module")
def bench(accelerators, tmp_path_factory):
    return Bench(list(accelerators.values()), tmp_path_factory.mktemp("bench"))


def samples(name, count=5):
    network = design(name).network
    x = random_inputs(network, count, seed=count)
    return x, reference.run(network, x)


def test_the_networks_of_these_tests_use_every_block():
    used = {block.module for name in NAMES for block in blocks(design(name), name)}
    every = {"window", "matvec", "pool", "requantize", "relu", "argmax", "regroup", "fifo", "unpack", "pack"}
    assert used == every


@pytest.mark.slow
@pytest.mark.parametrize("stalls", [(0, 0), (0.5, 0), (0, 0.5), (0.3, 0.6)])
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_the_references_whatever_stalls(accelerators, bench, name, stalls):
    accelerator, (x, expected) = accelerators[name], samples(name)
    last = np.random.default_rng(3).integers(0, 2, len(x)).astype(bool)
    words, given, _ = bench.run(accelerator, accelerator.input.pack(x), last, stalls, seed=7)
    np.testing.assert_array_equal(accelerator.output.unpack(words), expected)
    np.testing.assert_array_equal(given[:, -1], last)
    assert not given[:, :-1].any()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_images_follow_each_other_as_fast_as_the_plan_says(accelerators, bench, name):
    accelerator, (x, _) = accelerators[name], samples(name)
    *_, simulation = bench.run(accelerator, accelerator.input.pack(x), np.ones(len(x), bool))
    taken, given = simulation.stamps(f"s_top_{name}"), simulation.stamps(f"m_top_{name}")
    ends = given.reshape(len(x), -1)[:, -1]
    expected = timeline(design(name), images=len(x), busy=False)
    assert np.diff(ends).tolist() == np.diff(expected.ends).tolist()
    assert ends[0] - taken[0] == expected.latency


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_after_a_reset_in_the_middle_a_new_image_begins(accelerators, bench, name):
    accelerator, (x, expected) = accelerators[name], samples(name)
    words = accelerator.input.pack(x)
    simulation = RtlSimulation(bench.core)
    source, sink = f"s_top_{name}", f"m_top_{name}"
    part = words[:2].reshape(-1)[: 3 * words.shape[1] // 2]
    simulation.offer(source, part, np.ones(len(part), bool))
    simulation.allow(sink, 0)
    simulation.advance(100_000, quiet_cycles=1000)
    simulation.withdraw(source)
    simulation.offer("s_reset", np.array([0b111], np.uint32))
    simulation.advance(20)
    results, _, _ = bench.run(accelerator, words, np.ones(len(x), bool), seed=1, simulation=simulation)
    np.testing.assert_array_equal(accelerator.output.unpack(results), expected)


def small_network() -> Network:
    rng = np.random.default_rng(1)
    conv = Conv2d(
        *("edges", rng.integers(-4, 4, (2, 3, 3, 1)), [3, -9], [200, 150], [9, 9], 3, (2, 1), (1, 0, 1, 1)),
        Tensor((3, 6, 2), 5, True),
    )
    dense = Dense("scores", rng.integers(-8, 8, (3, 36)), [7, 0, -7], None, None, 4, Tensor((3,), 32, True, 0.25))
    return Network("little", Tensor((6, 6, 1), 6, True, 0.5), (conv, ReLU("positive", conv.output), dense))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    foldings = {"edges": Folding(2, 1, 2), "positive": Folding(2, 1, 1), "scores": Folding(1, 2, 1, use_dsp=True)}
    return build(Plan(small_network(), foldings, 2), tmp_path_factory.mktemp("made") / "little")


@pytest.mark.slow
def test_it_predicts_in_engineering_units(small):
    x = np.random.default_rng(2).integers(-32, 32, (4, 6, 6, 1)) * 0.5
    expected = reference.run(small_network(), (x * 2).astype(int)) * 0.25
    np.testing.assert_array_equal(small.predict(x), expected)
    assert str(small.input.number) == "fixed<6,5>" and str(small.output.number) == "fixed<32,30>"


@pytest.mark.slow
def test_one_start_is_one_sample_and_the_registers_tell(small):
    x = random_inputs(small_network(), 0, 0)[:1]
    simulation = RtlSimulation(open_ip(small.folder / "ip"))
    simulation.write(0x04, 1)
    simulation.write(0x08, 0b01)  # ap_done interrupts
    assert simulation.read(0x00) == 0b0100  # ap_idle
    words = np.tile(small.input.pack(x), (2, 1))
    simulation.offer("s_axis", words)
    simulation.allow("m_axis", None)
    simulation.advance(10_000, quiet_cycles=1000)
    assert simulation.taken("s_axis") == 0
    simulation.write(0x00, 0x01)
    assert simulation.advance(10_000, until="interrupt").stop == "interrupt"
    simulation.advance(10_000, quiet_cycles=1000)
    assert simulation.taken("s_axis") == words.shape[1]
    assert simulation.given("m_axis") == small.output.words_per_sample
    assert simulation.read(0x00) == 0b1110 and simulation.read(0x00) == 0b0100  # ap_done and ap_ready clear on read
    simulation.write(0x0C, 0b01)
    assert not simulation.interrupt


@pytest.mark.slow
def test_a_sample_behind_words_that_are_none_is_named(small):
    with pytest.raises(Exception, match="^little takes 18 words a sample; 17 words are not whole samples$"):
        small.simulation().run(np.zeros(17, np.uint32))


def lint(folder, top) -> str:
    tool = find_verilator()
    command = [*tool.command, "--lint-only", "-Wall", "--quiet", "--top-module", top, *sorted(folder.glob("*.sv"))]
    ran = subprocess.run([str(part) for part in command], env=tool.environment, capture_output=True, text=True)
    return ran.stdout + ran.stderr


def test_generated_tops_are_clean_under_lint(accelerators, small):
    for accelerator in (*accelerators.values(), small):
        assert lint(accelerator.folder / "ip" / "hdl", accelerator.top) == ""


@pytest.mark.slow
def test_yosys_reads_a_generated_top(small, tmp_path):
    made = design_of(open_ip(small.folder / "ip"))
    made.lay_out(tmp_path)
    (tmp_path / "run.ys").write_text(made.read() + "hierarchy -check -top little\n")
    ran = subprocess.run([*find_yosys().command, "run.ys"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0 and "Top module:  \\little" in ran.stdout, ran.stdout[-2000:] + ran.stderr


def test_the_top_says_what_it_is():
    text = top_module(default_plan(small_network()), "little")
    assert text.startswith("// The network little as a pipeline")
    assert "// edges     convolution 3x3, stride 2x1, padding 1+0 rows and 1+1 columns, 3-bit weights  6x6x1" in text
    assert "// scores    fully connected, 4-bit weights" in text
    assert "// s_axis         36 words a sample" in text and "// m_axis         3 words a result" in text
    assert "edges_matvec (" in text and '.WEIGHTS("little_edges_weights.hex")' in text


def test_every_block_hangs_on_the_reset_and_the_clock():
    text = top_module(wide(), "wide")
    instances = text.count(".clk(")
    assert instances == len(blocks(wide(), "wide")) + 2, "the blocks, the registers and the door"
    assert text.count(".clk(ap_clk)") == text.count(".rst_n(ap_rst_n)") == instances


def test_beats_of_two_channels_become_beats_of_three_by_way_of_six():
    chain = [block for block in blocks(wide(), "wide") if block.module == "regroup"]
    assert [(block.name, block.takes.lanes, block.gives.lanes, block.gives.pixels) for block in chain] == [
        ("pool_regroup", 2, 6, 2),
        ("mix_regroup", 6, 3, 2),
        ("mean_regroup", 4, 2, 2),
        ("mean_regroup_2", 2, 4, 2),
    ]


def test_what_joins_beats_stands_before_the_fifo_and_what_splits_them_behind_it():
    names = [block.name for block in blocks(wide(), "wide")]
    for joins in ("pool_regroup", "mean_regroup_2"):
        layer = joins.split("_")[0]
        assert names[names.index(joins) + 1] == f"{layer}_fifo"
    assert names[names.index("mix_regroup") - 1] == "pool_fifo"


def test_beats_of_four_channels_become_beats_of_six_by_way_of_twelve():
    tensor = Tensor((2, 2, 24), 4, False)
    first, second = (MaxPool2d(name, (1, 1), (1, 1), (0, 0, 0, 0), tensor) for name in ("first", "second"))
    foldings = {"first": Folding(1, 4, 4), "second": Folding(1, 6, 6)}
    chain = blocks(Plan(Network("lanes", tensor, (first, second)), foldings), "lanes")
    lanes = [(b.layer, b.takes.lanes, b.gives.lanes) for b in chain if b.module == "regroup" and b.layer != "input"]
    assert [entry for entry in lanes if entry[0] != "output"][:2] == [("first", 4, 12), ("second", 12, 6)]


def test_a_relu_of_unsigned_numbers_and_a_window_of_one_pixel_need_no_block():
    tensor = Tensor((4, 4, 2), 3, False)
    conv = Conv2d("one", np.ones((2, 1, 1, 2)), [0, 0], 1, 0, 2, (1, 1), (0, 0, 0, 0), tensor)
    network = Network("plain", tensor, (conv, ReLU("nothing", tensor)))
    modules = [block.module for block in blocks(default_plan(network), "plain")]
    assert "relu" not in modules and "window" not in modules


def test_pools_pad_with_what_never_counts():
    tensor = Tensor((4, 4, 1), 3, True)
    largest = MaxPool2d("largest", (2, 2), (2, 2), (1, 1, 1, 1), Tensor((3, 3, 1), 3, True))
    average = AvgPool2d("average", (3, 3), (1, 1), (1, 1, 1, 1), 57, 9, Tensor((3, 3, 1), 4, True))
    chain = blocks(default_plan(Network("pools", tensor, (largest, average))), "pools")
    windows = {block.layer: block.parameters["PAD_VALUE"] for block in chain if block.module == "window"}
    assert windows == {"largest": -4, "average": 0}
