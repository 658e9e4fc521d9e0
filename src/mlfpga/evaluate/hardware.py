"""Pictures of a network on its way into hardware."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MultipleLocator, NullFormatter

from mlfpga.evaluate.style import bar_style, figure, series_style

_RESOURCES = {"lut": "LUT", "ff": "flip-flops", "dsp": "DSP", "bram18": "block RAM (18 Kbit)"}


def plot_ranges(profiles: Sequence, title: str = "Numbers and the formats that hold them") -> Figure:
    """One row for each profile of `accelerators.hls4ml.profile`: what its format covers, how large its values are.

    Grey, from the smallest step to the largest value of the format; on it a box plot of the magnitudes (minimum,
    quartiles, maximum; zeros left out). A line that sticks out to the right overflows; one to the left rounds to zero.
    """
    with figure(width=9, height=0.42 * len(profiles) + 1.6) as (made, axis):
        rows = range(len(profiles))[::-1]
        for row, profile in zip(rows, profiles, strict=True):
            number = profile.number
            low, high = np.log2(number.step), np.log2(max(number.maximum, -number.minimum))
            covers = Rectangle((low, row - 0.4), high - low, 0.8, facecolor="#dddddd", edgecolor="#888888")
            axis.add_patch(covers)
            if profile.magnitudes:
                least, first, middle, third, most = np.log2(profile.magnitudes)
                axis.plot([least, most], [row, row], color="black", linewidth=1.2)
                axis.add_patch(
                    Rectangle((first, row - 0.22), third - first, 0.44, facecolor="white", edgecolor="black")
                )
                axis.plot([middle, middle], [row - 0.22, row + 0.22], color="black", linewidth=2)
                if profile.overflows:
                    axis.text(most + 0.2, row, f"{profile.overflows:.1%} overflow", va="center", weight="bold")
        axis.autoscale_view()
        axis.set_yticks(rows, [f"{p.layer} {p.what}   {p.number}" for p in profiles], fontsize=10)
        axis.xaxis.set_major_locator(MultipleLocator(4))
        axis.xaxis.set_major_formatter(lambda value, _: f"$2^{{{value:.0f}}}$")
        axis.grid(axis="y", visible=False)
        axis.set(xlabel="magnitude (logarithmic); grey: from the format's step to its largest value", title=title)
    return made


def plot_reuse(choices: Mapping[int, Mapping[str, Mapping[str, int]]], clock_mhz: float, words: int = 0) -> Figure:
    """Multipliers against the initiation interval, for several tables of `accelerators.hls4ml.reuse_table`.

    choices    multiplier budget -> its reuse table
    clock_mhz  turns cycles into microseconds
    words      stream words of one sample: they come in one a cycle, and no layer can be faster than that

    The estimate of the initiation interval is the slowest layer's reuse factor, or `words` if that is larger.
    """
    points = [
        (
            max(words, *(row.get("cycles", row["reuse_factor"]) for row in choices[budget].values())),
            sum(row["multipliers"] for row in choices[budget].values()),
            budget,
        )
        for budget in sorted(choices, reverse=True)
    ]
    with figure(width=7.6, height=4.4) as (made, axis):
        cycles, multipliers, budgets = (np.array(column) for column in zip(*points, strict=True))
        axis.plot(cycles / clock_mhz, multipliers, **series_style(0))
        for x, y, budget in zip(cycles / clock_mhz, multipliers, budgets, strict=True):
            axis.annotate(f"budget {budget}", (x, y), textcoords="offset points", xytext=(10, 4), fontsize=10)
        if words:
            limit = f"stream: {words} words"
            axis.axvline(words / clock_mhz, color="black", linewidth=1.2, linestyle="--", label=limit, zorder=1)
            axis.legend(loc="upper right")
        axis.set_xscale("log")
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        # A span of less than a decade would have one tick or none at the powers of ten.
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.margins(x=0.2, y=0.12)
        axis.set(
            xlabel=f"initiation interval at {clock_mhz:g} MHz (µs, logarithmic, estimated)",
            ylabel="multipliers (logarithmic)",
            title="Reuse buys area with time",
        )
    return made


def plot_estimate(
    figures: Mapping[str, Mapping], device: Mapping[str, int], title: str = "Use of the device"
) -> Figure:
    """Bars of what designs use of a device, in percent: one group for each resource, one bar in it for each design.

    figures  by design's name, as `accelerators.hls4ml.estimate` gives them; each bar says whether it is an estimate
    device   how many of each resource there are, e.g. `accelerators.hls4ml.DEVICE`
    """
    with figure(width=8.4, height=4.4) as (made, axis):
        width = 0.8 / len(figures)
        highest = 100.0
        for index, (name, of_design) in enumerate(figures.items()):
            used = [100 * of_design[resource] / have for resource, have in device.items()]
            places = np.arange(len(device)) + (index - (len(figures) - 1) / 2) * width
            axis.bar(places, used, width * 0.92, label=f"{name} ({of_design['origin']})", **bar_style(index))
            for place, percent in zip(places, used, strict=True):
                weight = "bold" if percent > 100 else "normal"
                axis.annotate(
                    f"{percent:.0f}%", (place, percent), textcoords="offset points", xytext=(0, 3), ha="center",
                    fontsize=10, weight=weight,
                )  # fmt: skip
            highest = max(highest, *used)
        axis.axhline(100, color="black", linewidth=1.2, linestyle="--")
        axis.text(len(device) - 0.45, 100, "all there is", va="bottom", ha="right", fontsize=10)
        axis.set_xticks(range(len(device)), [f"{_RESOURCES.get(r, r)}\n{have:,}" for r, have in device.items()])
        axis.grid(axis="x", visible=False)
        axis.set_ylim(0, highest * 1.3)
        axis.legend(loc="upper left", ncols=min(len(figures), 2), fontsize=10)
        axis.set(ylabel="used (percent of the device)", title=title)
    return made


def plot_agreement(reference, result, step: float, title: str = "C simulation against Keras") -> Figure:
    """Two results (n, outputs) of the same samples: each against the other, and how far they differ in output steps."""
    reference, result = np.ravel(reference), np.ravel(result)
    difference = (result - reference) / step
    with figure(width=10, height=4.2, columns=2) as (made, axes):
        # A few thousand points show the line as well as all of them, and keep the notebook small.
        shown = np.random.default_rng(0).permutation(len(reference))[:3000]
        axes[0].plot(reference[shown], result[shown], linestyle="none", marker=".", color="#0072b2", markersize=4)
        ends = [min(reference.min(), result.min()), max(reference.max(), result.max())]
        axes[0].plot(ends, ends, color="black", linewidth=1, linestyle="--", label="equal")
        axes[0].set(xlabel="logit, Keras", ylabel="logit, C simulation", title=title)
        axes[0].legend()
        axes[1].hist(difference, bins=41, **bar_style(0))
        axes[1].set_yscale("log")
        axes[1].set_ylim(bottom=0.7)  # below a single logit, which is what one looks for
        axes[1].set(xlabel=f"difference (output steps of {step:g})", ylabel="logits (count, logarithmic)")
    return made
