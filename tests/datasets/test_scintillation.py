"""The generator of pulses: its physics against closed forms, its settings against unlabelled real pulses."""

from dataclasses import replace

import numpy as np
import pytest

from mlfpga import datasets
from mlfpga.datasets import DatasetError, scintillation
from mlfpga.datasets.scintillation import Detector, generate

# Nothing random but the photons: one value for every range.
PLAIN = Detector(
    ultraviolet_share=(0.02, 0.02),
    direct_share_gamma=(0, 0),
    direct_share_neutron=(0, 0),
    slow_decay_ns=(1000, 1000),
    rise_gamma_ns=(3, 3),
    rise_neutron_ns=(20, 20),
    photoelectrons_per_kev=(1e5, 1e5),
    neutron_spread=0,
    neutron_tail=0,
    fall_ns=(100, 100),
    bandwidth_ns=(10, 10),
    gain_spread=0,
    baselines=(400,),
    any_baseline=(400, 400),
    noise_counts=(0, 0),
    threshold_spread=0,
    trigger_jitter=0,
)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """All real pulses in counts; nobody looks at the labels here."""
    try:
        data = datasets.load("pulses-transfer")
    except DatasetError:
        pytest.skip("the real pulses are not here; MLFPGA_DATA names the folder that holds them")
    return np.round(data.x_test * 512)


def test_pulses_are_counts_of_nine_bits_and_half_of_each_class():
    counts, labels = generate(1001, seed=5)
    assert counts.shape == (1001, 161) and counts.dtype == labels.dtype == np.int64
    assert counts.min() >= 0 and counts.max() <= 511
    assert np.bincount(labels).tolist() == [501, 500]
    assert (np.diff(labels) != 0).mean() > 0.4


def test_the_seed_repeats_every_count():
    first, again, other = (generate(50, seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_fewer_than_two_pulses_are_refused(count):
    with pytest.raises(DatasetError, match=f"{count} pulses cannot be of two classes; generate 2 or more"):
        generate(count, seed=0)


def test_a_neutron_without_noise_is_the_convolution_of_its_light_and_its_electronics():
    counts, labels = generate(40, 0, PLAIN)
    pulse = 400 - counts[labels == 1]
    # Independent oracle: the same exponentials, convolved by summing in steps of 0.1 ns.
    time = np.arange(0, 322, 0.1)
    light = np.exp(-time / 1000) - np.exp(-time / 20)
    response = np.exp(-time / 100) - np.exp(-time / 10)
    expected = np.convolve(light, response)[: len(time)]
    expected *= 345 / expected.max()
    arrival = np.interp(5.0, expected, time)  # when the trigger fires, after the particle
    # The trigger's place is known to one sample of 2 ns, and the model sums light over such samples.
    shifts = arrival - 17 * 2 + np.arange(-3, 3.1, 0.25)
    shifted = [np.interp(np.arange(161) * 2.0 + shift, time, expected, left=0) for shift in shifts]
    errors = np.abs(pulse[:, np.newaxis] - shifted).max(axis=2).min(axis=1)
    assert errors.max() < 2


def test_gammas_rise_in_two_steps_and_neutrons_in_one():
    # Both glow alike here: only the ultraviolet light makes the difference.
    counts, labels = generate(400, 1, replace(PLAIN, least_energy=500, rise_gamma_ns=(20, 20)))
    depth = 400.0 - counts
    early = depth[:, 40] / depth[:, -1]
    assert early[labels == 0].min() > early[labels == 1].max() + 0.05


def test_pulses_start_where_the_trigger_is():
    counts, _ = generate(200, 2, replace(PLAIN, least_energy=500))
    first = (400 - counts > 5).argmax(axis=1)
    assert set(first) <= {17, 18}


def test_signals_below_the_threshold_are_never_recorded():
    counts, labels = generate(300, 3, replace(PLAIN, least_energy=10, gamma_background_mean=20, threshold_counts=20))
    assert (400 - counts[labels == 0]).max(axis=1).min() >= 20


def test_photons_make_faint_pulses_uneven():
    dim, bright = (replace(PLAIN, photoelectrons_per_kev=(value, value)) for value in (1, 100))
    spread = []
    for detector in (dim, bright):
        counts, labels = generate(400, 4, detector)
        depth = 400.0 - counts[labels == 1]
        spread.append((depth[:, 80] / depth[:, -1]).std())
    assert 5 < spread[0] / spread[1] < 15  # Poisson: ten times


def test_light_is_all_given_off_in_the_end():
    assert scintillation._emitted(np.array([0.0, 1e6]), 20.0, 900.0) == pytest.approx([0, 1])
    time = np.linspace(0, 3000, 30001)
    density = (np.exp(-time / 900) - np.exp(-time / 20)) / 880
    assert scintillation._emitted(np.array([3000.0]), 20.0, 900.0)[0] == pytest.approx(
        np.trapz(density, time), abs=1e-6
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fall_ns": (140.0, 90.0)}, r"fall_ns is \(140.0, 90.0\); write the smaller end first"),
        ({"ultraviolet_share": (0.5, 1.5)}, r"ultraviolet_share is \(0.5, 1.5\); a share lies between 0 and 1"),
        ({"gamma_line": 0.9}, "the probabilities gamma_compton .* do not lie between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, text):
    with pytest.raises(DatasetError, match=text):
        replace(Detector(), **changes)


class TestSettingsReadOffTheRealPulses:
    """Every setting marked [R] that can be seen directly, read off again from all real pulses without their labels."""

    def test_baselines(self, counts):
        baseline = counts[:, :6].mean(axis=1)
        for level in Detector().baselines:
            assert np.median(baseline[abs(baseline - level) < 5]) == pytest.approx(level, abs=0.3)
        assert (np.abs(baseline[:, np.newaxis] - Detector().baselines).min(axis=1) < 5).mean() > 0.9

    def test_noise(self, counts):
        # Of neighbouring samples before the pulse; rounding adds the variance of one count spread evenly.
        total = np.diff(counts[:, :6], axis=1).std() / np.sqrt(2)
        low, high = Detector().noise_counts
        assert low < np.sqrt(total**2 - 1 / 12) < high

    def test_gain(self, counts):
        depth = counts[:, :6].mean(axis=1) - counts.min(axis=1)
        times, edges = np.histogram(depth, bins=20, range=(200, 400))
        peak = edges[times.argmax()] + 5
        assert peak == pytest.approx(Detector().peak_counts, abs=10)

    def test_trigger(self, counts):
        depth = np.median(counts[:, :6], axis=1, keepdims=True) - counts
        # Means of three samples: noise alone must not cross the threshold.
        depth = (depth[:, :-2] + depth[:, 1:-1] + depth[:, 2:]) / 3
        deep = depth[:, -1] > 20
        crossing = 1 + (depth[deep] > Detector().threshold_counts).argmax(axis=1)
        assert np.median(crossing) == pytest.approx(Detector().trigger_sample, abs=1)
        # Little light and much light cross this threshold at the same place, and others not: so it is the trigger's.
        little, much = (depth[deep][:, -1] < 40), (depth[deep][:, -1] > 200)
        assert np.median(crossing[little]) == pytest.approx(np.median(crossing[much]), abs=1)

    @pytest.mark.parametrize("band", [(60, 120), (300, 400)])
    def test_average_shape(self, counts, band):
        averages = []
        for pulses in (counts, generate(4000, 0)[0]):
            depth = pulses[:, :6].mean(axis=1, keepdims=True) - pulses
            final = depth[:, -6:].mean(axis=1)
            inside = (final > band[0]) & (final < band[1])
            averages.append(np.median(depth[inside] / final[inside, np.newaxis], axis=0))
        # The generator is made to be broader than this acquisition, not to copy it.
        assert np.abs(averages[0] - averages[1]).max() < 0.12
