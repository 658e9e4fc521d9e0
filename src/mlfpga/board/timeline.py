"""A picture of what moved when: writes to registers, DMA transfers, and the words on each stream."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlfpga.board.activity import Activity, Beats
from mlfpga.board.errors import BoardError
from mlfpga.evaluate import bar_style, figure

_BINS = 400
_LANE = 0.7  # height of a lane; lanes are 1 apart


def draw(activity: Activity, first: int | None = None, last: int | None = None) -> Figure:
    """Draw cycles `first` … `last` of the record; without them, the newest transfer of each channel.

    A stream's lane is as full as the stream was busy: full height is a word in every cycle. The light part behind it
    spans a packet from its first word to its last, so what is light there is a stall. A triangle is a TLAST.

    Raises BoardError if nothing was recorded.
    """
    if not activity.streams:
        raise BoardError("there is nothing to draw yet: no word has moved; draw the timeline after a transfer")
    first, last = _window(activity, first, last)
    lanes = [*activity.streams][::-1]
    channels = sorted({transfer.channel for transfer in activity.transfers}, reverse=True)
    with figure(9.0, 1.6 + 0.55 * (len(lanes) + len(channels) + 1)) as (made, axes):
        labels = [*lanes, *channels, "register writes"]
        for row, name in enumerate(lanes):
            _draw_stream(axes, row, activity.beats(name), first, last, row)
        for row, name in enumerate(channels, start=len(lanes)):
            _draw_transfers(axes, row, activity, name, first, last)
        _draw_writes(axes, len(labels) - 1, activity, first, last)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(-0.5, len(labels) - 0.2)
        axes.set_xlim(first, last)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"cycle of the PL clock ({activity.mhz:.6g} MHz)")
        _add_microseconds(axes, activity.mhz)
    return made


def _window(activity: Activity, first: int | None, last: int | None) -> tuple[int, int]:
    """What to show: as asked, else the newest transfers and a little around them."""
    newest = {transfer.channel: transfer for transfer in activity.transfers}.values()
    begin = min((t.begin for t in newest), default=0) if first is None else first
    end = max((t.end for t in newest), default=activity.cycles) if last is None else last
    if end <= begin:
        raise BoardError(f"cycles {begin} to {end} are no span of time; give `first` below `last`")
    margin = 0 if first is not None or last is not None else max((end - begin) // 40, 2)
    return max(begin - margin, 0), end + margin


def _draw_stream(axes: Axes, row: int, beats: Beats, first: int, last: int, colour: int) -> None:
    style = bar_style(colour)["color"]
    low = row - _LANE / 2
    start, stop = np.searchsorted(beats.cycles, [first, last + 1])
    cycles, ends = beats.cycles[start:stop], beats.last[start:stop]
    if not len(cycles):
        return
    for begin, end in _packets(cycles, ends):
        axes.broken_barh([(begin, end - begin + 1)], (low, _LANE), color=style, alpha=0.22, linewidth=0)
    edges = np.linspace(first, last + 1, min(_BINS, last + 1 - first) + 1)
    busy, _ = np.histogram(cycles, edges)
    share = np.minimum(busy / np.diff(edges), 1.0)
    axes.stairs(low + _LANE * share, edges, baseline=low, fill=True, color=style)
    if ends.any() and ends.sum() <= 60:
        axes.plot(cycles[ends], np.full(int(ends.sum()), low + _LANE + 0.06), "v", color="black", markersize=5)


def _packets(cycles: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) cycle of each packet in the window, an unfinished one too."""
    stops = np.flatnonzero(ends)
    if not len(stops) or stops[-1] != len(cycles) - 1:
        stops = np.append(stops, len(cycles) - 1)
    starts = np.concatenate([[0], stops[:-1] + 1])
    return list(zip(cycles[starts].tolist(), cycles[stops].tolist(), strict=True))


def _draw_transfers(axes: Axes, row: int, activity: Activity, channel: str, first: int, last: int) -> None:
    for transfer in activity.transfers:
        if transfer.channel == channel and transfer.end >= first and transfer.begin <= last:
            axes.plot([transfer.begin, transfer.end], [row, row], color="#444444", marker="|", markersize=10)
            begin, end = max(transfer.begin, first), min(transfer.end, last)
            if end - begin > (last - first) / 6:
                axes.text(
                    (begin + end) / 2, row + 0.1, f"{transfer.nbytes:,} bytes", ha="center", va="bottom", fontsize=10
                )


def _draw_writes(axes: Axes, row: int, activity: Activity, first: int, last: int) -> None:
    """A mark for each group of writes that lie too close to be told apart, with their number beside it."""
    groups: list[list[int]] = []
    for access in activity.accesses:
        if first <= access.cycle <= last:
            if groups and access.cycle - groups[-1][0] < (last - first) / 25:
                groups[-1].append(access.cycle)
            else:
                groups.append([access.cycle])
    begins = [group[0] for group in groups]
    axes.plot(begins, np.full(len(groups), row), "D", color="black", markersize=5, linestyle="none", clip_on=False)
    for group in groups:
        if len(group) > 1:
            axes.annotate(
                f"{len(group)}", (group[0], row), (7, 0), textcoords="offset points", va="center", fontsize=10
            )


def _add_microseconds(axes: Axes, mhz: float) -> None:
    above = axes.secondary_xaxis("top", functions=(lambda cycle: cycle / mhz, lambda time: time * mhz))
    above.set_xlabel("µs")
    above.spines["top"].set_visible(True)
