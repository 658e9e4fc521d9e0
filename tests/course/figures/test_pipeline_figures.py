"""The figures of the pipeline: what is asked of the planner, and how two processes' results become figures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mlfpga.accelerators import pipeline as kind
from mlfpga.course import StageError
from mlfpga.course.figures import GROUPS, pipeline, pipeline_run

pytestmark = pytest.mark.host

DIGIT = np.random.default_rng(2).integers(0, 256, (40, 12, 12, 1)) / 256


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """A network of two classes for forty small pictures instead of MNIST; what each process would measure."""
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path))
    monkeypatch.setattr(pipeline, "IMAGES", 40)
    tensor = kind.Tensor((12, 12, 1), 8, False, 1 / 256)
    random = np.random.default_rng(1)
    weights, nothing = random.integers(-8, 8, (2, 3, 3, 1)), np.zeros(2, int)
    features = kind.Tensor((12, 12, 2), 4, False, 1.0)
    convolution = kind.Conv2d(
        "conv", weights, nothing, nothing + 20_000, nothing + 23, 4, (1, 1), (1, 1, 1, 1), features
    )
    dense = kind.Dense(
        "logits", random.integers(-8, 8, (10, 288)), np.zeros(10, int), None, None, 4, kind.Tensor((10,), 32, True)
    )
    network = kind.Network("little", tensor, (convolution, dense))
    kind.check(network)
    kind.save(network, tmp_path / "figures" / "pipeline" / "network")
    monkeypatch.setattr(pipeline, "_images", lambda: (DIGIT, np.zeros(40, int)))
    asked = []

    def measured_by(python, module, arguments, what, environment):
        asked.append((module.split(".")[-1], arguments))
        if module.endswith("area_once"):
            return {"luts": 4_000, "luts_total": 4_500, "dsps": 21, "bram36": 0.5}
        first, last = map(int, arguments[2:])
        count = last - first
        return {
            "samples": count,
            "cycles": 900 * count,
            "seconds": count * (0.0005 if first else 0.0006),
            "different": int(first > 0),
            "right": count - 1,
            "interval": 390.0 + first,
            "longest": 400 + first,
            "latency": 700 + first,
        }

    monkeypatch.setattr(pipeline, "measured_by", measured_by)
    return asked


def test_every_figure_is_made_of_both_processes(small_world):
    found = {entry["name"].removeprefix("pipeline."): entry for entry in GROUPS["pipeline"]()}
    assert {name.split("_")[0] for name in found} == {"small", "one", "four"}
    one = {name.removeprefix("one_pixel_"): entry for name, entry in found.items() if name.startswith("one_pixel_")}
    value = {name: entry["value"] for name, entry in one.items()}
    assert value["words_different"] == 1 and not one["words_different"]["met"]
    assert value["accuracy"] == 95.0 and not one["accuracy"]["met"], "38 of 40"
    assert (value["interval"], value["latency"]) == (410.0, 720), "of the slower one"
    assert value["speed"] == pytest.approx(1_500), "of the slower one: 900 cycles in 0.6 ms"
    assert (one["interval"]["limit"], one["latency"]["limit"], one["luts"]["limit"]) == (1_000, 1_500, 29_000)
    assert (found["four_pixels_interval"]["limit"], found["four_pixels_interval"]["met"]) == (400, False)
    assert (found["small_luts"]["limit"], found["small_dsps"]["limit"]) == (5_000, 20)
    assert found["small_dsps"]["met"] is False and found["small_luts"]["met"] is True
    assert found["small_interval"]["limit"] is None


def test_the_images_are_split_between_two_processes_after_one_that_builds(small_world, tmp_path):
    list(GROUPS["pipeline"]())
    parts = [arguments[2:] for module, arguments in small_world if module == "pipeline_run"]
    assert sorted(parts[:3]) == [["0", "1"], ["0", "20"], ["20", "40"]]
    with np.load(tmp_path / "figures" / "pipeline" / "four_pixels" / "vectors.npz") as vectors:
        assert vectors["inputs"].shape == (40, 36) and vectors["expected"].shape == (40, 10), "four pixels a word"


def test_images_that_did_not_go_through_are_no_figure(small_world, monkeypatch):
    known = pipeline.measured_by
    monkeypatch.setattr(pipeline, "measured_by", lambda *a: known(*a) | {"samples": 3})
    with pytest.raises(StageError, match="6 of 40 images went through the RTL"):
        list(GROUPS["pipeline"]())


def test_a_run_counts_words_answers_and_cycles(monkeypatch, tmp_path, capsys):
    """One process, on a simulation whose words and stamps are known."""
    expected = np.array([[1, 5], [7, 2], [3, 4], [9, 9], [0, 1], [0, 1]], dtype=np.uint32)
    given = expected.copy()
    given[4] = 6, 1
    np.savez(tmp_path / "v.npz", inputs=np.zeros((6, 3), np.uint32), expected=expected, labels=[1, 0, 0, 0, 0, 1])

    class Simulation:
        def __init__(self, core):
            self.cycle, self.count = 0, 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def offer(self, port, words):
            self.count = len(words) // 3

        def allow(self, port, words):
            assert words == 2 * self.count

        def advance(self, *_, **__):
            self.cycle = 500
            return SimpleNamespace(stop="full")

        def collect(self, port):
            return given[: self.count].reshape(-1), None

        def stamps(self, port):
            ends = np.array([30, 40, 50, 60, 75, 85])[: self.count]
            return np.stack([ends - 1, ends], axis=1).reshape(-1) if port == "out" else np.array([10])

    ports = {"in": SimpleNamespace(role="slave"), "out": SimpleNamespace(role="master")}
    monkeypatch.setattr(pipeline_run, "open_ip", lambda ip: SimpleNamespace(streams=ports, vlnv="x"))
    monkeypatch.setattr(pipeline_run, "RtlSimulation", Simulation)
    monkeypatch.setattr(pipeline_run, "start", lambda simulation: None)
    pipeline_run.main("ip", str(tmp_path / "v.npz"), "0", "6")
    told = json.loads(capsys.readouterr().out)
    assert (told["samples"], told["cycles"], told["different"], told["right"]) == (6, 500, 1, 5)
    assert (told["interval"], told["longest"], told["latency"]) == (12.5, 15, 21)
