"""The driver of a bundle on the virtual board: results, splitting, refusals, and what it says when all stands still."""

import subprocess
import sys

import numpy as np
import pytest

from mlfpga.board import BoardWarning, StalledError
from mlfpga.bundle import BundleError
from mlfpga.formats import FormatError, RangeError


@pytest.fixture
def accelerator(board, driver, write_bundle):
    with driver.Accelerator(write_bundle()) as made:
        yield made


def sums(x: np.ndarray) -> np.ndarray:
    return x[:, :3] + x[:, 1:4] + x[:, 2:]


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(-4096, 4096, (count, 5)) / 256


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_predict_gives_engineering_units_for_any_batch(accelerator, count):
    x = samples(count)
    assert np.array_equal(accelerator.predict(x), sums(x))
    assert accelerator.last.samples == count and accelerator.last.transfers == min(count, 1)


def test_predict_raw_equals_the_vectors_word_for_word(accelerator):
    with np.load(accelerator.manifest.folder / "vectors.npz") as vectors:
        words = accelerator.predict_raw(accelerator.input.encode(vectors["inputs"]))
        assert np.array_equal(words, vectors["expected_words"])


def test_a_batch_is_one_transfer_and_one_call(accelerator, board):
    before = board.models["accelerator_0"].calls
    accelerator.predict(samples(10_000))
    assert accelerator.last.transfers == 1 and board.models["accelerator_0"].calls == before + 1


@pytest.mark.parametrize("count", [819, 820, 2500])
def test_batches_beyond_the_dma_limit_go_in_parts(board, driver, write_bundle, count):
    accelerator = driver.Accelerator(write_bundle(length_bits=14))
    assert accelerator.samples_per_transfer == (2**14 - 1) // 20
    x = samples(count)
    assert np.array_equal(accelerator.predict(x), sums(x))
    assert accelerator.last.transfers == -(-count // 819)


def test_buffers_are_allocated_once_and_given_back(board, driver, write_bundle, monkeypatch):
    memory = board.machine.memory
    free, allocate, allocated = memory.free_bytes, memory.allocate, []
    monkeypatch.setattr(memory, "allocate", lambda nbytes: allocated.append(nbytes) or allocate(nbytes))
    with driver.Accelerator(write_bundle()) as accelerator:
        for count in (100, 65, 128, 1, 1, 100):
            accelerator.predict(samples(count))
        assert allocated == [128 * 20, 128 * 12, 20, 12]
    assert memory.free_bytes == free
    with pytest.raises(driver.DriverError, match="this accelerator was closed; make a new one"):
        accelerator.predict(samples(1))


def test_results_stay_when_the_next_call_reuses_the_buffers(accelerator):
    x = samples(8)
    first = accelerator.predict_raw(accelerator.input.encode(x))
    copy = first.copy()
    accelerator.predict(samples(7))
    assert np.array_equal(first, copy)


@pytest.mark.parametrize("shape", [(5,), (2, 4), (2, 5, 1)])
def test_another_shape_is_refused(accelerator, shape):
    with pytest.raises(FormatError) as error:
        accelerator.predict(np.zeros(shape))
    assert str(error.value).startswith(f"input has shape {shape}; expected (n, 5)")


def test_values_out_of_range_are_refused_or_saturated_on_request(accelerator):
    x = np.array([[1e6, 0, 0, 0, 0]])
    with pytest.raises(RangeError, match="pass saturate=True to clip it"):
        accelerator.predict(x)
    assert accelerator.predict(x, saturate=True)[0, 0] == pytest.approx(32768, abs=1e-4)


@pytest.mark.parametrize(
    "words, message",
    [
        (np.zeros((2, 4), "u4"), r"words have shape \(2, 4\); expected \(n, 5\), n samples of 5 words"),
        (np.zeros((2, 5), "i8"), r"words are int64; the stream takes uint32. input.encode\(x\) makes them"),
    ],
)
def test_words_of_another_kind_are_refused(accelerator, words, message):
    with pytest.raises(FormatError, match=message):
        accelerator.predict_raw(words)


def test_a_measurement_says_that_the_board_is_virtual(accelerator):
    accelerator.predict(samples(1))
    assert accelerator.virtual and accelerator.board == "AUP-ZU3 (virtual)"
    assert accelerator.last.latency_ms == 1000 * accelerator.last.seconds
    assert str(accelerator.last).endswith("ms (virtual board: the simulation's time, not the board's)")
    accelerator.predict(samples(20))
    assert accelerator.last.latency_ms is None
    assert accelerator.last.throughput_per_s == 20 / accelerator.last.seconds
    assert str(accelerator.last).startswith("20 samples in ")


def test_the_latency_of_one_sample_is_short(accelerator):
    assert 0 < accelerator.measure_latency(samples(4), repeats=50) < 2


def test_a_changed_file_is_named_before_anything_is_loaded(board, driver, write_bundle):
    folder = write_bundle()
    (folder / "overlay.hwh").write_text("changed")
    with pytest.raises(BundleError, match="overlay.hwh is not the file this bundle was made with"):
        driver.Accelerator(folder)


@pytest.mark.parametrize(
    "manifest, settings, message",
    [
        (
            {"overlay.accelerator": "mlp_0"},
            {},
            "overlay.bit has no IP named mlp_0; it has axi_dma_0, accelerator_0, ps. "
            "Make the bundle again from the overlay it belongs to",
        ),
        (
            {},
            {"dma": "dma"},
            "overlay.bit has no IP named axi_dma_0; it has dma, accelerator_0, ps. "
            "Make the bundle again from the overlay it belongs to",
        ),
        (
            {"overlay.vlnv": "mlfpga:hls:other_axi:1.0"},
            {},
            "accelerator_0 is mlfpga:hls:mixer_axi:1.0; the manifest was made for mlfpga:hls:other_axi:1.0. "
            "Make the bundle again from the overlay it belongs to",
        ),
        (
            {"overlay.dma": "accelerator_0"},
            {},
            "accelerator_0 is mlfpga:hls:mixer_axi:1.0; the manifest names it as the AXI DMA. "
            "Make the bundle again from the overlay it belongs to",
        ),
        (
            {},
            {"c_include_sg": 1},
            "axi_dma_0 has c_include_sg = 1; expected 0 (scatter-gather must be off). "
            "Build the block design with the settings of this accelerator",
        ),
        (
            {},
            {"stream_bits": 64},
            "axi_dma_0 has c_m_axis_mm2s_tdata_width = 64; expected 32 (the manifest's input stream_bits). "
            "Build the block design with the settings of this accelerator",
        ),
        (
            {},
            {"clock_mhz": 150.0},
            "overlay.bit clocks the logic at 150 MHz; the accelerator was built for at most 100 MHz. "
            "Build the block design with that clock",
        ),
        (
            {"input.shape": [64], "input.words_per_sample": 64},
            {"length_bits": 8},
            "one sample takes 256 bytes, but axi_dma_0 moves at most 255 in a transfer; "
            "raise c_sg_length_width in the block design",
        ),
    ],
)
def test_an_overlay_that_differs_from_the_manifest_is_refused(board, driver, write_bundle, manifest, settings, message):
    with pytest.raises(driver.DriverError) as error:
        driver.Accelerator(write_bundle(manifest, **settings))
    assert str(error.value) == message


def test_a_clock_that_the_board_cannot_give_exactly_may_be_slower(board, driver, write_bundle):
    bundle = write_bundle({"clock_mhz": 120.0}, clock_mhz=115.384598)  # 1500 MHz / 13
    with driver.Accelerator(bundle) as accelerator:
        assert np.array_equal(accelerator.predict(samples(3)), sums(samples(3)))
        assert accelerator.last.clock_mhz == accelerator.clock_mhz == 115.384598


def test_formats_that_contradict_themselves_are_refused(board, driver, write_bundle):
    with pytest.raises(FormatError, match="^manifest.json: input: words_per_sample 4 contradicts"):
        driver.Accelerator(write_bundle({"input.words_per_sample": 4}))


def test_a_dry_run_is_not_loaded_on_a_physical_board(board, driver, write_bundle, monkeypatch):
    monkeypatch.setattr(board, "virtual", False)
    with pytest.raises(driver.DriverError) as error:
        driver.Accelerator(write_bundle())
    assert str(error.value) == (
        "overlay.bit comes from a dry run and holds no logic: only the virtual board can load it. "
        "Build the block design with Vivado and make the bundle again"
    )


def test_a_dma_error_is_told_in_words_and_reset_helps(board, driver, write_bundle):
    accelerator = driver.Accelerator(write_bundle({"output.shape": [2], "output.words_per_sample": 2}))
    with pytest.warns(BoardWarning), pytest.raises(driver.DriverError) as error:
        accelerator.predict(samples(1))
    assert str(error.value) == (
        "the DMA stopped with an error: MM2S (send) is 0x1001 (halted); S2MM (receive) is 0x5011 (halted, internal "
        "error (on receive: the result was longer than the buffer)); accelerator_0 control: 0x81 (ap_start, "
        "auto_restart). "
        "Call reset() to load the overlay again before the next try"
    )
    accelerator.reset()
    assert accelerator.overlay.axi_dma_0.recvchannel.running


def test_fewer_result_words_than_the_manifest_says_are_refused(board, driver, write_bundle):
    accelerator = driver.Accelerator(write_bundle({"output.shape": [4], "output.words_per_sample": 4}))
    with pytest.raises(driver.DriverError, match="12 bytes came back for 1 samples; expected 16"):
        accelerator.predict(samples(1))


def test_a_stopped_accelerator_is_explained_by_the_virtual_board(accelerator, board):
    board.machine.accelerators[0].write(0x00, 0)
    accelerator.predict(samples(1))
    with pytest.raises(StalledError, match="because auto_restart is off"):
        accelerator.predict(samples(1))


def test_a_physical_board_that_does_not_answer_times_out_with_its_registers(accelerator, board, driver):
    board.machine.accelerators[0].write(0x00, 0)
    accelerator.predict(samples(1))
    accelerator.timeout_s = 0.005  # shorter than the virtual board's patience, so the driver's own limit is seen
    with pytest.raises(driver.DriverError) as error:
        accelerator.predict(samples(1))
    assert str(error.value) == (
        "no result within 0.005 s: MM2S (send) is 0x1000 (busy); S2MM (receive) is 0x1000 (busy); accelerator_0 "
        "control: 0xe (ap_done, ap_idle, ap_ready). Call reset() to load the overlay again before the next try"
    )


def test_after_reset_the_next_batch_is_right(accelerator, board):
    board.machine.accelerators[0].write(0x00, 0)
    accelerator.predict(samples(1))
    with pytest.raises(StalledError):
        accelerator.predict(samples(1))
    accelerator.reset()
    x = samples(9)
    assert np.array_equal(accelerator.predict(x), sums(x))


def test_an_interrupted_call_leaves_no_wrong_results(accelerator, board, driver, monkeypatch):
    def interrupted(words, last):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(board.models["accelerator_0"], "run", interrupted)
        accelerator.predict(samples(4))
    with pytest.raises(driver.DriverError) as error:
        accelerator.predict(samples(5))
    assert str(error.value) == (
        "the last call was interrupted or failed, and its transfer may still be under way. "
        "Call reset() before the next try"
    )
    accelerator.reset()
    assert np.array_equal(accelerator.predict(samples(5)), sums(samples(5)))


@pytest.mark.parametrize("count, repeats", [(0, 5), (2, 0)])
def test_a_latency_of_nothing_is_refused(accelerator, count, repeats):
    with pytest.raises(FormatError) as error:
        accelerator.measure_latency(samples(count), repeats)
    assert str(error.value) == (f"{count} samples, {repeats} repeats: to measure a latency give at least one of each")


def test_the_bundle_runs_on_its_own(write_bundle, tmp_path):
    """In a fresh process, inside the folder, with nothing but what stands there (and the virtual board)."""
    folder = write_bundle()
    program = (
        "import mlfpga.board, numpy as np\n"
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from model import Mixer\n"
        "mlfpga.board.virtual_board().models['accelerator_0'] = Mixer()\n"
        "from driver import Accelerator\n"
        "with Accelerator() as accelerator:\n"
        "    print(accelerator.predict(np.ones((1, 5))))\n"
    )
    (tmp_path / "model.py").write_text(
        "class Mixer:\n"
        "    stream_bits, words_in, words_out = 32, 5, 3\n"
        "    def run(self, words, last):\n"
        "        return words[:3] + words[1:4] + words[2:], last[2:]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[[3. 3. 3.]]\n", "")


def test_cycles_of_the_logic_are_told_apart_from_the_simulations_time(driver, monkeypatch):
    measured = driver.Measurement(200, 1, 0.5, True, cycles=100_000, clock_mhz=100.0)
    assert measured.throughput_per_s == 400 and measured.logic_throughput_per_s == 200_000
    assert str(measured) == (
        "200 samples in 0.5000 s, 400 samples/s (virtual board: the simulation's time, not the board's); the logic "
        "took 100,000 cycles at 100 MHz, 200,000 samples/s as a board's logic gives them"
    )
    unknown = driver.Measurement(200, 1, 0.5, True)
    assert unknown.logic_throughput_per_s is None and "cycles" not in str(unknown)
