"""How fast the logic is, from the cycles at which words moved: latency, initiation interval, utilisation."""

from dataclasses import dataclass

import numpy as np

from mlfpga.board.activity import Activity, Beats
from mlfpga.board.errors import BoardError


@dataclass(frozen=True)
class Performance:
    """What one accelerator did, sample by sample, in cycles of the PL clock at `mhz`.

    latency      (samples,) from the first word that it took of a sample to the last word that it gave
    interval     (samples - 1,) between the first words taken of two samples that follow each other
    input_share  share of the cycles, from the first input word to the last, in which a word was taken
    output_share the same for the output
    cycles       from the first word taken to the last word given
    """

    name: str
    mhz: float
    latency: np.ndarray
    interval: np.ndarray
    input_share: float
    output_share: float
    cycles: int

    @property
    def samples(self) -> int:
        return len(self.latency)

    @property
    def samples_per_s(self) -> float:
        """Throughput of the logic alone, without the CPU's part."""
        return self.samples * self.mhz * 1e6 / self.cycles

    def __str__(self) -> str:
        microseconds = np.median(self.latency) / self.mhz
        lines = [
            f"{self.name}: {self.samples:,} samples in {self.cycles:,} cycles at {self.mhz:.6g} MHz, "
            f"{self.samples_per_s:,.0f} samples/s without the CPU's part",
            f"  latency              {np.median(self.latency):,.0f} cycles ({microseconds:,.2f} µs)",
        ]
        if len(self.interval):
            lines.append(f"  initiation interval  {np.median(self.interval):,.0f} cycles")
        lines.append(
            f"  streams              input {self.input_share:.0%} of the cycles, output {self.output_share:.0%}"
        )
        return "\n".join(lines)


def measure(
    name: str, activity: Activity, taken: Beats, given: Beats, words_in: int | None, words_out: int | None
) -> Performance:
    """Performance of an accelerator from the beats it took and gave.

    words_in, words_out  words of a sample; None: a sample ends with TLAST

    Raises BoardError if no whole sample went through.
    """
    begins, ends = _samples(taken, words_in), _samples(given, words_out)
    count = min(len(begins), len(ends))
    if not count:
        raise BoardError(
            f"no whole sample went through {name} yet: {len(taken.cycles):,} words were taken, {len(given.cycles):,} "
            "were given; measure after a transfer, and give the words of a sample if they do not end with TLAST"
        )
    # Only the newest beats are kept: samples are paired from the end.
    first, last = begins[-count:, 0], ends[-count:, 1]
    return Performance(
        name=name,
        mhz=activity.mhz,
        latency=last - first + 1,
        interval=np.diff(first),
        input_share=taken.utilisation,
        output_share=given.utilisation,
        cycles=int(last[-1] - first[0] + 1),
    )


def _samples(beats: Beats, words: int | None) -> np.ndarray:
    """(first, last) cycle of each whole sample, oldest first."""
    ends = np.flatnonzero(beats.last) if words is None else np.arange(words - 1, len(beats.cycles), words)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    return np.stack([beats.cycles[starts], beats.cycles[ends]], axis=1)
