"""Detector pulses from a model of what makes them: light in a crystal, a photodetector, an amplifier, a digitiser.

The crystal is Cs2LiYCl6:Ce (CLYC). A gamma ray knocks out electrons; the crystal answers with a slow glow of about a
microsecond and, at once, with a little ultraviolet light (core-to-valence luminescence). A neutron is captured by
lithium-6, and the alpha particle and triton that fly apart ionise so densely that the ultraviolet light is quenched and
the glow starts more slowly. So gamma pulses rise in two steps, neutron pulses in one. How much light there is does not
tell them apart for certain, although thermal neutrons all give nearly the same amount.

A pulse is made in the order of nature: an energy; the expected number of photoelectrons in every sampling interval
(sum of exponentials); Poisson statistics and the photodetector's own spread; the response of photodetector and
amplifier; baseline, noise, trigger, rounding to counts.

Where the numbers come from (each field of `Detector` says which):

[1]  J. Glodo and others, Scintillation properties of 1 inch Cs2LiYCl6:Ce crystals, IEEE Trans. Nucl. Sci. 55, 2008
     (its abstract): energy resolution 5.1 % at 662 keV, 4,500 photoelectrons/MeV, neutrons at 3.2 MeV.
[2]  6Li-enriched CLYC coupled with CMOS solid-state photomultipliers, Proc. SPIE 7961, 79610U, 2011: rise and decay
     6 ns and 55 ns for gammas, 70 ns and 900 ns for neutrons.
[3]  A. Bessière and others, J. Lumin. 117, 2006, for the sister crystal Cs2LiLuCl6: core-valence luminescence of 2 ns.
[4]  ICTP/AUP-ZU3-HLS4ML, wiki page 4: the same acquisition, energies of both kinds: gammas mostly below 0.7 MeV with
     the line of caesium-137, a few up to 3 MeV; neutrons around 3.2 MeV, a few down to 0.5 MeV.
[R]  Read off the 1,798 real pulses *without their labels*: medians and averages over all of them or over all within a
     band of amplitudes. These are settings of that acquisition (baseline, noise, gain, trigger, response times, how
     much of the ultraviolet light the photodetector sees), which no paper could know. Two of the bands, 60 to 120 and
     300 to 400 counts, are dominated by one kind of radiation each, as the physics says; nobody's labels were asked.
     Mind what that means: to look at such a band is nearly to know its class, and three ranges that are set from it
     (ultraviolet_share, the lower end of rise_neutron_ns, the upper end of slow_decay_ns) are shapes, not settings. So
     "trained on generated pulses alone" holds for the network; the generator has seen these pulses, unlabelled.
     tests/datasets/test_scintillation.py reads the directly visible ones off again.

Every range is drawn from anew for every pulse, and is wider than the uncertainty: a classifier that learns from such
pulses learns what all detectors of this kind have in common.
"""

from dataclasses import dataclass, fields

import numpy as np

from mlfpga.datasets.dataset import DatasetError

SAMPLES = 161
CLASSES = ("gamma", "neutron")
_BEFORE = 32  # samples of the simulated record before the particle arrives
_SPARE = 64  # samples of the simulated record beyond SAMPLES, so that the window can be cut around the trigger
_FULL_SCALE = 511  # nine bits
_CESIUM_LINE, _CESIUM_COMPTON_EDGE = 662.0, 477.0  # keV


@dataclass(frozen=True)
class Detector:
    """Crystal, photodetector, electronics and digitiser; pairs are ranges, each pulse draws its own value from them.

    Raises DatasetError for a range whose ends are swapped, and for a share or a probability outside 0 … 1.
    """

    # Light
    ultraviolet_share: tuple[float, float] = (0.010, 0.030)  # of a gamma's detected light; [R]
    ultraviolet_decay_ns: float = 2.0  # [3]
    direct_share_gamma: tuple[float, float] = (0.0, 0.03)  # of the detected light, straight from cerium; [R]
    direct_share_neutron: tuple[float, float] = (0.0, 0.01)  # the same, quenched; [R]
    direct_decay_ns: tuple[float, float] = (45.0, 65.0)  # around 55; [2]
    slow_decay_ns: tuple[float, float] = (800.0, 1500.0)  # 900 in [2], up to the tail in [R]
    rise_gamma_ns: tuple[float, float] = (2.0, 4.0)  # exponential; 6 from 10 % to 90 % in [2], divided by ln 9
    rise_neutron_ns: tuple[float, float] = (8.0, 32.0)  # the same of 70 in [2], and faster as in [R]
    photoelectrons_per_kev: tuple[float, float] = (2.0, 6.0)  # around 4.5; [1]
    excess_spread: float = 0.35  # standard deviation of one photoelectron's charge; crosstalk and gain of a SiPM

    # Energies, in keV electron equivalent
    least_energy: float = 60.0  # below, nothing triggers
    largest_energy: float = 4000.0  # [4]
    neutron_peak: float = 3200.0  # [1], [4]
    neutron_spread: float = 0.04  # standard deviation / peak, wider than the 2.9 % of [1] to allow for drifts
    neutron_tail: float = 0.15  # probability of less: fast neutrons, captures near the surface; [4] shows fewer
    neutron_tail_from: float = 400.0  # [4]
    gamma_compton: float = 0.45  # probability: caesium-137, scattered once, flat up to its edge
    gamma_line: float = 0.15  # probability: caesium-137, fully absorbed
    gamma_background: float = 0.30  # probability: falling spectrum of natural radiation
    gamma_background_mean: float = 500.0
    gamma_line_spread: float = 0.038  # standard deviation / energy; [1] has 5.1 % full width at half maximum = 0.022
    gamma_any_to: float = 3400.0  # the remaining gammas lie evenly up to here, so that energy alone never decides

    # Photodetector, amplifier, digitiser
    period_ns: float = 2.0  # between samples; not published, but with 2 ns the decay in [2] agrees best with [R]
    fall_ns: tuple[float, float] = (90.0, 140.0)  # recovery of the photodetector with its amplifier; [R]
    bandwidth_ns: tuple[float, float] = (6.0, 14.0)  # time constant of its leading edge; [R]
    peak_counts: float = 345.0  # where the neutrons' peak lies above the baseline; [R]
    gain_spread: float = 0.03  # standard deviation / gain: temperature, bias
    baselines: tuple[float, ...] = (385.2, 403.2, 500.3)  # counts, three runs; [R]
    any_baseline: tuple[float, float] = (375.0, 508.0)  # half of the pulses: an evenly drawn baseline instead
    noise_counts: tuple[float, float] = (0.45, 0.65)  # standard deviation, white, before rounding; [R]
    threshold_counts: float = 5.0  # leading-edge trigger, this far from the baseline; [R]
    threshold_spread: float = 0.5
    trigger_sample: int = 17  # where in the window the trigger falls; [R]
    trigger_jitter: float = 1.5  # samples, standard deviation; [R]

    def __post_init__(self):
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, tuple) and entry.name != "baselines" and not value[0] <= value[1]:
                raise DatasetError(f"{entry.name} is {value}; write the smaller end first")
            if "share" in entry.name and not 0 <= value[0] <= value[1] <= 1:
                raise DatasetError(f"{entry.name} is {value}; a share lies between 0 and 1")
        for entries in (("neutron_tail",), ("gamma_compton", "gamma_line", "gamma_background")):
            if not 0 <= sum(getattr(self, name) for name in entries) <= 1:
                raise DatasetError(f"the probabilities {' + '.join(entries)} do not lie between 0 and 1")


def generate(count: int, seed: int, detector: Detector | None = None) -> tuple[np.ndarray, np.ndarray]:
    """`count` pulses in ADC counts, int64 (count, 161), negative-going, and their classes, int64 (count,).

    Half of them are gammas (0), half neutrons (1), one gamma more if `count` is odd, in random order. The same `seed`
    gives the same pulses. Raises DatasetError for a `count` below 2.
    """
    if count < 2:
        raise DatasetError(f"{count} pulses cannot be of two classes; generate 2 or more")
    detector = detector or Detector()
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2)
    pulses = np.empty((count, SAMPLES), dtype=np.int64)
    for kind in (0, 1):
        pulses[labels == kind] = _recorded(detector, kind == 1, int((labels == kind).sum()), rng)
    return pulses, labels.astype(np.int64)


def _recorded(detector: Detector, neutron: bool, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` pulses that reached the trigger's threshold; the digitiser never sees the others."""
    kept: list[np.ndarray] = []
    while (missing := count - sum(map(len, kept))) > 0:
        kept.append(_window(detector, _signals(detector, neutron, missing, rng), rng))
    return np.concatenate(kept)


def _signals(detector: Detector, neutron: bool, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pulses before the digitiser, in counts away from the baseline (positive), float (count, record)."""
    photoelectrons_per_kev = _drawn(detector.photoelectrons_per_kev, count, rng)
    energies = (_neutron_energies if neutron else _gamma_energies)(detector, count, rng)
    expected = energies * photoelectrons_per_kev * _light(detector, neutron, count, rng)
    found = rng.poisson(expected)
    charges = found + detector.excess_spread * np.sqrt(found) * rng.standard_normal(found.shape)
    gain = _gain(detector) * rng.normal(1, detector.gain_spread, (count, 1)) / photoelectrons_per_kev
    fall, bandwidth = _drawn(detector.fall_ns, count, rng), _drawn(detector.bandwidth_ns, count, rng)
    return gain * _responded(charges, fall, bandwidth, detector.period_ns)


def _window(detector: Detector, signals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The digitised windows around the triggers (at most count, 161); signals without a trigger are dropped."""
    count = len(signals)
    above = signals > rng.normal(detector.threshold_counts, detector.threshold_spread, (count, 1))
    jitter = np.rint(rng.normal(0, detector.trigger_jitter, count)).astype(np.int64)
    start = above.argmax(axis=1) - detector.trigger_sample - jitter
    runs = rng.choice(detector.baselines, (count, 1))
    baseline = np.where(rng.random((count, 1)) < 0.5, runs, _drawn(detector.any_baseline, count, rng))
    noise = _drawn(detector.noise_counts, count, rng) * rng.standard_normal(signals.shape)
    counts = np.rint(baseline - signals + noise).clip(0, _FULL_SCALE).astype(np.int64)
    triggered = above.any(axis=1) & (start >= 0) & (start <= _SPARE)
    return np.take_along_axis(counts[triggered], start[triggered, np.newaxis] + np.arange(SAMPLES), axis=1)


def _light(detector: Detector, neutron: bool, count: int, rng: np.random.Generator) -> np.ndarray:
    """The share of a pulse's light that falls into every sampling interval (count, record)."""
    ultraviolet = 0.0 if neutron else _drawn(detector.ultraviolet_share, count, rng)
    direct = _drawn(detector.direct_share_neutron if neutron else detector.direct_share_gamma, count, rng)
    rise = _drawn(detector.rise_neutron_ns if neutron else detector.rise_gamma_ns, count, rng)
    edges = (np.arange(SAMPLES + _SPARE + 1) - _BEFORE) * detector.period_ns
    total = ultraviolet * _emitted(edges, 0.0, detector.ultraviolet_decay_ns)
    total = total + direct * _emitted(edges, rise, _drawn(detector.direct_decay_ns, count, rng))
    total = total + (1 - ultraviolet - direct) * _emitted(edges, rise, _drawn(detector.slow_decay_ns, count, rng))
    return np.diff(total, axis=1)


def _emitted(time, rise, decay) -> np.ndarray:
    """The share emitted until `time` by a glow that rises and decays exponentially: the integral of both, convolved."""
    time = np.maximum(time, 0)
    rising = rise * np.exp(-time / np.maximum(rise, 1e-9))
    return 1 - (decay * np.exp(-time / decay) - rising) / (decay - rise)


def _responded(charges: np.ndarray, fall: np.ndarray, bandwidth: np.ndarray, period: float) -> np.ndarray:
    """Charges (n, record) per interval after photodetector and amplifier: two exponentials of area 1."""
    record = charges.shape[1]
    time = np.arange(record) * period
    response = (np.exp(-time / fall) - np.exp(-time / bandwidth)) * period / (fall - bandwidth)
    # Twice the record: a product of spectra is a circular convolution, and nothing may come round to the beginning.
    spectrum = np.fft.rfft(charges, 2 * record) * np.fft.rfft(response, 2 * record)
    return np.fft.irfft(spectrum, 2 * record)[:, :record]


def _gain(detector: Detector) -> float:
    """Counts per photoelectron, times photoelectrons per keV, that put the typical neutron's pulse at `peak_counts`."""

    def middle(pair: tuple[float, float]) -> np.ndarray:
        return np.array([[np.mean(pair)]])

    typical = Detector(
        **{
            entry.name: (np.mean(value), np.mean(value)) if isinstance(value, tuple) and len(value) == 2 else value
            for entry in fields(detector)
            for value in (getattr(detector, entry.name),)
        }
    )
    light = _light(typical, True, 1, np.random.default_rng(0))
    response = _responded(light, middle(detector.fall_ns), middle(detector.bandwidth_ns), detector.period_ns)
    return detector.peak_counts / (detector.neutron_peak * response[0, _BEFORE : _BEFORE + SAMPLES].max())


def _neutron_energies(detector: Detector, count: int, rng: np.random.Generator) -> np.ndarray:
    peak = rng.normal(detector.neutron_peak, detector.neutron_peak * detector.neutron_spread, (count, 1))
    tail = rng.uniform(detector.neutron_tail_from, detector.neutron_peak, (count, 1))
    chosen = np.where(rng.random((count, 1)) < detector.neutron_tail, tail, peak)
    return chosen.clip(detector.least_energy, detector.largest_energy)


def _gamma_energies(detector: Detector, count: int, rng: np.random.Generator) -> np.ndarray:
    least = detector.least_energy
    compton = rng.uniform(min(least, _CESIUM_COMPTON_EDGE), _CESIUM_COMPTON_EDGE, (count, 1))
    line = rng.normal(_CESIUM_LINE, _CESIUM_LINE * detector.gamma_line_spread, (count, 1))
    background = least + rng.exponential(detector.gamma_background_mean, (count, 1))
    anything = rng.uniform(least, detector.gamma_any_to, (count, 1))
    ends = np.cumsum([detector.gamma_compton, detector.gamma_line, detector.gamma_background])
    which = np.searchsorted(ends, rng.random((count, 1)))
    return np.choose(which, (compton, line, background, anything)).clip(least, detector.largest_energy)


def _drawn(ends: tuple[float, float], count: int, rng: np.random.Generator) -> np.ndarray:
    """One value for every pulse, evenly between the ends (count, 1)."""
    return rng.uniform(*ends, (count, 1))
