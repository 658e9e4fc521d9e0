"""A simulation folder that names an IP is a StreamModel like any other."""

import json

import numpy as np
import pytest
from small_ips import ROM, doubler, stream

from mlfpga.simulate import SimulationError, load


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def make(**changes):
        folder = tmp_path_factory.mktemp("sim")
        ip = changes.pop("ip_changes", {})
        doubler(folder / "ip", **ip)
        description = {"kind": "rtl", "ip": "ip", "words_in": 4, "words_out": 4, **changes}
        (folder / "simulation.json").write_text(json.dumps({k: v for k, v in description.items() if v is not None}))
        return folder

    return make


def test_batches_come_back_whole_one_after_the_other(make):
    model = load(make())
    assert (model.top, model.stream_bits, model.words_in, model.words_out) == ("doubler", 32, 4, 4)
    rng = np.random.default_rng(3)
    for samples in (1, 0, 300):
        words = rng.integers(0, 2**32, 4 * samples, dtype=np.uint32)
        last = rng.random(4 * samples) < 0.3
        out, out_last = model.run(words, last)
        np.testing.assert_array_equal(out, words * np.uint32(2) + np.tile(np.array(ROM, np.uint32), samples))
        np.testing.assert_array_equal(out_last, last)
    _, out_last = model.run(np.zeros(8, np.uint32))
    np.testing.assert_array_equal(np.flatnonzero(out_last), [7])


def test_a_core_that_gives_too_little_is_explained(make):
    model = load(make(words_out=5))
    with pytest.raises(SimulationError) as error:
        model.run(np.zeros(8, np.uint32))
    assert str(error.value) == (
        "doubler stands still: it gave 8 of 10 words and left 0 input words untaken; "
        "check that a sample has 4 words in and 5 words out"
    )


def test_a_model_has_the_widths_of_the_contract(make):
    with pytest.raises(SimulationError) as error:
        load(make(ip_changes={"bits": 128}))
    assert str(error.value) == "mlfpga:hls:doubler:1.0 has streams of 128 and 128 bits; choose 32 or 64 for both"


def test_after_an_interrupt_or_an_error_the_next_run_begins_anew(make, monkeypatch):
    model = load(make())
    words = np.arange(400, dtype=np.uint32)
    for end in (KeyboardInterrupt, SimulationError):
        advance = model.simulation.advance

        def stop(*_, advance=advance, end=end, **__):
            advance(13)
            raise end

        monkeypatch.setattr(model.simulation, "advance", stop)
        with pytest.raises(end):
            model.run(words)
        out, _ = model.run(words)
        np.testing.assert_array_equal(out, words * np.uint32(2) + np.resize(np.array(ROM, np.uint32), 400))


def test_words_must_be_whole_samples(make):
    with pytest.raises(SimulationError, match="^doubler takes 4 words a sample; 6 words are not whole samples$"):
        load(make()).run(np.zeros(6, np.uint32))


def test_a_description_must_say_all(make):
    folder = make(words_out=None)
    with pytest.raises(SimulationError) as error:
        load(folder)
    assert str(error.value) == f"{folder}/simulation.json does not say words_out; a simulation of kind rtl needs it"


def test_an_accelerator_has_one_stream_each_way(make):
    streams = {"s_axis": ("slave", stream("slave", 32))}
    with pytest.raises(SimulationError) as error:
        load(make(ip_changes={"streams": streams}))
    assert str(error.value) == "mlfpga:hls:doubler:1.0 has 1 input and 0 output streams; an accelerator has one of each"
