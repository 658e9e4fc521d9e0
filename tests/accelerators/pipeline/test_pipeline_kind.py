"""The folder of a pipeline: what is in it, that Vivado's stand-in and a bundle take it, and what is refused."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mlfpga import blockdesign, bundle
from mlfpga.accelerators import Accelerator, AcceleratorError
from mlfpga.accelerators.pipeline import export, reference
from mlfpga.accelerators.pipeline.kind import build
from mlfpga.accelerators.pipeline.layers import Conv2d, Dense, NetworkError, Tensor
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.plan import Folding, Plan, PlanError, default_plan
from mlfpga.course.overlays import write_overlay
from mlfpga.simulate.rtl import open_ip

SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"


def network(scale=2.0**-8) -> Network:
    rng = np.random.default_rng(1)
    conv = Conv2d(
        *("edges", rng.integers(-8, 8, (2, 3, 3, 1)), [0, 90], [200, 150], [12, 11], 4, (2, 2), (1, 1, 1, 1)),
        Tensor((2, 4, 2), 4, False),
    )
    dense = Dense("scores", rng.integers(-8, 8, (3, 16)), [5, 0, -5], None, None, 4, Tensor((3,), 32, True, 2.0**-6))
    return Network("shapes", Tensor((4, 8, 1), 8, False, scale), (conv, dense))


def plan(stream_bits=32) -> Plan:
    foldings = {"edges": Folding(4, 1, 2), "scores": Folding(1, 1, 3)}
    return Plan(network(), foldings, pixels_per_beat=4, stream_bits=stream_bits)


@pytest.fixture(scope="module")
def accelerator(tmp_path_factory):
    return build(plan(), tmp_path_factory.mktemp("made") / "accelerator", name="shapes_ip")


def test_the_folder_holds_all_that_there_is_to_know(accelerator):
    assert Accelerator.load(accelerator.folder) == accelerator
    assert (accelerator.kind, accelerator.top, accelerator.vlnv) == (
        *("pipeline", "shapes_ip"),
        "mlfpga:pipeline:shapes_ip:1.0",
    )
    assert (str(accelerator.input.number), accelerator.input.pixels, accelerator.input.words_per_sample) == (
        *("ufixed<8,0>", 4),
        8,
    )
    assert str(accelerator.output.number) == "fixed<32,26>" and accelerator.output.shape == (3,)
    assert export.load(accelerator.folder / "network") == network()
    settings = accelerator.settings
    assert settings["layers"]["edges"]["folding"]["pixels"] == 4 and settings["cycles"]["edges"] > 0
    assert json.loads((accelerator.folder / "simulation.json").read_text()) == {
        "kind": "rtl",
        "ip": "ip",
        "words_in": 8,
        "words_out": 3,
    }


def test_vivado_finds_sources_and_memories(accelerator):
    root = ElementTree.parse(accelerator.folder / "ip" / "component.xml").getroot()
    files = {}
    for file in root.iter(f"{SPIRIT}file"):
        name = file.find(f"{SPIRIT}name").text
        files[name] = (file.findtext(f"{SPIRIT}fileType"), file.findtext(f"{SPIRIT}userFileType"))
    on_disk = {f"hdl/{path.name}" for path in (accelerator.folder / "ip" / "hdl").iterdir()}
    assert set(files) == on_disk
    assert files["hdl/shapes_ip.sv"] == ("systemVerilogSource", None)
    assert files["hdl/shapes_ip_edges_weights.hex"] == (None, "mif")
    families = [family.text for family in root.iter("{http://www.xilinx.com}family")]
    assert "zynquplus" in families
    views = {view.findtext(f"{SPIRIT}name"): view.findtext(f"{SPIRIT}modelName") for view in root.iter(f"{SPIRIT}view")}
    assert views == dict.fromkeys(("xilinx_verilogsynthesis", "xilinx_verilogbehavioralsimulation"), "shapes_ip")


def test_only_blocks_that_are_used_are_taken_along(accelerator):
    blocks = {path.stem for path in (accelerator.folder / "ip" / "hdl").glob("*.sv")}
    assert {"window", "matvec", "dot", "requantize", "fifo", "regroup", "unpack", "pack"} < blocks
    assert not {"pool", "argmax", "relu"} & blocks


@pytest.mark.parametrize("stream_bits", [32, 64])
def test_its_ports_are_those_that_its_component_xml_lists(tmp_path, stream_bits):
    core = open_ip(build(plan(stream_bits), tmp_path / "made").folder / "ip")
    text = (core.folder / "hdl" / "shapes.sv").read_text()
    ports = text[text.index("module shapes (") : text.index(");")]
    found = {}
    for line in ports.splitlines():
        words = line.replace("[", " [").split()
        if words and words[0] in ("input", "output"):
            high = int(words[2].strip("[]").split(":")[0]) if words[2].startswith("[") else 0
            found[words[-1].rstrip(",")] = ("in" if words[0] == "input" else "out", high + 1)
    assert found == {name: (pin.direction, pin.bits) for name, pin in core.pins.items()}
    assert core.clocks["ap_clk"].interfaces == ("s_axi_control", "s_axis", "m_axis")
    assert [register.name for register in core.registers["s_axi_control"].registers] == [
        *("CTRL", "GIER", "IP_IER"),
        "IP_ISR",
    ]


@pytest.fixture
def dry_run(accelerator, tmp_path):
    bits = accelerator.stream_bits
    settings = {"accelerator_vlnv": accelerator.vlnv, "stream_bits": bits, "clock_mhz": accelerator.clock_mhz}
    made = blockdesign.dry_run(settings=settings, ips=[blockdesign.accelerator_ip(accelerator.vlnv, bits, bits)])
    made.write_hwh(tmp_path / "design.hwh")
    made.write_bitstream_standin(tmp_path / "design.bit")
    return bundle.Overlay(tmp_path / "design.bit", tmp_path / "design.hwh", "dry run")


@pytest.mark.slow
def test_it_goes_through_the_block_design_into_a_bundle(accelerator, dry_run, tmp_path):
    raw = np.random.default_rng(0).integers(0, 256, (20, 4, 8, 1))
    expected = reference.run(network(), raw)
    inputs, labels = accelerator.input.number.from_raw(raw), expected.argmax(axis=1)
    manifest = bundle.write(tmp_path / "made", accelerator, dry_run, inputs, labels, list("abc"), {"float": 1.0})
    assert manifest.input.pixels == 4 and manifest.expected.accuracy["c_simulation"] == 1
    with np.load(manifest.folder / "vectors.npz") as vectors:
        np.testing.assert_array_equal(accelerator.output.unpack(vectors["expected_words"]), expected)
    assert open_ip(manifest.folder / "sim" / "ip").vlnv == accelerator.vlnv
    assert not (manifest.folder / "sim" / "network").exists()


def test_an_overlay_is_made_around_its_ip(accelerator, tmp_path):
    bitstream = write_overlay(accelerator.folder / "ip", tmp_path / "overlay")
    assert bitstream.exists() and (tmp_path / "overlay/sim/ip/hdl/shapes_ip_scores_biases.hex").exists()
    assert accelerator.vlnv in (tmp_path / "overlay/overlay.hwh").read_text()


def test_a_scale_that_is_no_power_of_two_leaves_integers(tmp_path):
    made = build(network(scale=1 / 255), tmp_path / "made")
    assert str(made.input.number) == "ufixed<8,8>" and made.settings["input_scale"] == 1 / 255


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Digits", "use lower-case letters, digits and _, a letter first"),
        ("a b", "use lower-case letters, digits and _, a letter first"),
        ("small", "it is a word of SystemVerilog; choose another name"),
        ("window", "a block in rtl/ has that name; choose another name"),
    ],
)
def test_names_that_no_module_can_have_are_refused(tmp_path, name, why):
    with pytest.raises(AcceleratorError) as caught:
        build(network(), tmp_path / "made", name=name)
    assert str(caught.value) in (f"{name!r} cannot name an IP; {why}", f"{name!r} cannot name an IP: {why}")
    assert not (tmp_path / "made").exists()


def test_what_does_not_divide_or_could_overflow_leaves_no_folder(tmp_path):
    with pytest.raises(
        PlanError, match="edges: channels_out 3 does not divide its 2 output channels; choose one of 1, 2"
    ):
        build(default_plan(network()).folded("edges", channels_out=3), tmp_path / "made")
    wild = Dense("wild", np.full((1, 32), 127), [2**31 - 1], None, None, 8, Tensor((1,), 32, True))
    with pytest.raises(NetworkError, match="layer wild, channel 0: its accumulator can reach"):
        build(Network("wild", Tensor((4, 8, 1), 8, False), (wild,)), tmp_path / "made")
    assert not (tmp_path / "made").exists()
