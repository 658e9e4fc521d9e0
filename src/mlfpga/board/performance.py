"""How fast the logic is, from the cycles at which words moved: latency, initiation interval, utilisation."""

from dataclasses import dataclass

import numpy as np

from mlfpga.board.activity import Activity, Beats
from mlfpga.board.errors import BoardError


@dataclass(frozen=True, repr=False)
class Performance:
    """What one accelerator did, sample by sample, in cycles of the PL clock at `mhz`.

    A C simulation has no clock: then everything but `samples` is None, and shown as unknown.

    samples      whole samples that went through
    packets      whether what ends with TLAST was counted as one sample
    latency      (samples,) from the first word that it took of a sample to the last word that it gave, both included
    interval     (samples - 1,) between the first words taken of two samples that follow each other
    input_share  share of the cycles, from the first input word to the last, in which a word was taken
    output_share the same for the output
    cycles       from the first word taken to the last word given
    simulated_hz cycles that the simulation ran in a second of this machine's time; None if it did not run

    `print` gives it as text; a notebook shows it as a table.
    """

    name: str
    mhz: float
    samples: int
    packets: bool = False
    latency: np.ndarray | None = None
    interval: np.ndarray | None = None
    input_share: float | None = None
    output_share: float | None = None
    cycles: int | None = None
    simulated_hz: float | None = None

    @property
    def samples_per_s(self) -> float | None:
        """Throughput of the logic alone, without the CPU's part."""
        return None if self.cycles is None else self.samples * self.mhz * 1e6 / self.cycles

    def __str__(self) -> str:
        rows = self._rows()
        width = max(len(quantity) for quantity, _, _ in rows)
        lines = [f"  {quantity:<{width}}  {value}" for quantity, value, _ in rows]
        return "\n".join([f"{self.name}, {self._clock()}", *lines])

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        """A table in a notebook."""
        lines = [f"| {quantity} | {value} | {meaning} |" for quantity, value, meaning in self._rows()]
        return "\n".join([f"| {self.name} | {self._clock()} | |", "|:---|:---|:---|", *lines])

    def _clock(self) -> str:
        return "a C simulation, which has no clock" if self.cycles is None else f"PL clock of {self.mhz:.6g} MHz"

    def _rows(self) -> list[tuple[str, str, str]]:
        """(quantity, value, meaning) of each line."""
        rows = [("samples", f"{self.samples:,}", "that went through as a whole")]
        if self.packets:
            inside = "counted as samples; performance(words_in=…, words_out=…) looks inside"
            rows = [("packets", f"{self.samples:,}", inside)]
        if self.cycles is None:
            names = ("latency", "initiation interval", "input stream", "output stream", "throughput")
            return rows + [(name, "unknown", "needs RTL: give the IP archive") for name in names]
        rows += [("latency", self._cycles_and_time(self.latency), "first word of a sample taken to last word given")]
        if len(self.interval):
            rows += [("initiation interval", self._cycles_and_time(self.interval), "from one sample to the next")]
        span = "of the cycles, from its first word to its last"
        rows += [
            ("input stream", f"busy {self.input_share:.1%}", span),
            ("output stream", f"busy {self.output_share:.1%}", span),
            (
                "throughput",
                f"{self.samples_per_s:,.0f} samples/s",
                f"in {self.cycles:,} cycles, without the CPU's part",
            ),
        ]
        if self.simulated_hz:
            slower = self.mhz * 1e6 / self.simulated_hz
            rows += [
                (
                    "simulation",
                    f"{self.simulated_hz / 1e3:,.0f} kcycles/s",
                    f"on this machine; the board is {slower:,.0f} times as fast",
                )
            ]
        return rows

    def _cycles_and_time(self, cycles: np.ndarray) -> str:
        """The median, its time, and the extremes if not all are alike."""
        middle, least, most = np.median(cycles), cycles.min(), cycles.max()
        spread = f", {least:,} to {most:,}" if least != most else ""
        return f"{middle:,.10g} cycles ({middle / self.mhz:,.4g} µs){spread}"


def measure(
    name: str, activity: Activity, taken: Beats, given: Beats, words_in: int | None, words_out: int | None
) -> Performance:
    """Performance of an accelerator from the beats it took and gave.

    words_in, words_out  words of a sample; None: a sample ends with TLAST

    Raises BoardError if no whole sample went through.
    """
    (oldest_in, begins), (oldest_out, ends) = _samples(taken, words_in), _samples(given, words_out)
    # The n-th result belongs to the n-th sample; only the newest words are kept, and a sample may still be inside.
    oldest = max(oldest_in, oldest_out)
    first, last = begins[oldest - oldest_in :, 0], ends[oldest - oldest_out :, 1]
    count = min(len(first), len(last))
    if not count:
        raise BoardError(
            f"no whole sample went through {name} yet: {len(taken.cycles):,} words were taken, {len(given.cycles):,} "
            "were given; measure after a transfer, and give the words of a sample if they do not end with TLAST"
        )
    first, last = first[:count], last[:count]
    cycles, seconds = activity.ran
    return Performance(
        name=name,
        mhz=activity.mhz,
        samples=count,
        packets=words_in is None or words_out is None,
        latency=last - first + 1,
        interval=np.diff(first),
        input_share=taken.utilisation,
        output_share=given.utilisation,
        cycles=int(last[-1] - first[0] + 1),
        simulated_hz=cycles / seconds if seconds else None,
    )


def _samples(beats: Beats, words: int | None) -> tuple[int, np.ndarray]:
    """The number of the oldest whole sample that is still known, and (first, last) cycle of each from there on."""
    if words is None:
        oldest, ends = beats.packets_before, np.flatnonzero(beats.last)
        starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
        if beats.cut:
            oldest, starts, ends = oldest + 1, starts[1:], ends[1:]
    else:
        oldest = -(-beats.words_before // words)
        ends = np.arange((oldest + 1) * words - beats.words_before - 1, len(beats.cycles), words)
        starts = ends - (words - 1)
    return oldest, np.stack([beats.cycles[starts], beats.cycles[ends]], axis=1)
