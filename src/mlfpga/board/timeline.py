"""A picture of what moved when: writes to registers, DMA transfers, and the handshake of each stream."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mlfpga.board.activity import Activity, Handshakes, Transfer
from mlfpga.board.errors import BoardError
from mlfpga.evaluate import bar_style, figure

_BINS = 400
_LANE = 0.72  # height of a stream's lane; lanes are 1 apart
_MOST_MARKS = 60
_SINGLE_WORDS = 150  # in a window of so many cycles, words are told apart
_MOVES, _SOURCE_WAITS, _READER_WAITS = 3, 1, 2
# Drawn from the bottom of a lane up; told apart by shade and hatch too.
_STATES = {
    _MOVES: ("a word moves", {"facecolor": bar_style(0)["color"], "edgecolor": "none"}),
    _SOURCE_WAITS: (
        "source waits (TVALID, no TREADY)",
        {"facecolor": "white", "edgecolor": bar_style(1)["color"], "hatch": "////"},
    ),
    _READER_WAITS: ("reader waits (TREADY, no TVALID)", {"facecolor": "#dcdcdc", "edgecolor": "none"}),
}
_MARKS = {
    "write": {"marker": "D", "color": "black", "markersize": 5, "linestyle": "none"},
    "last": {"marker": "v", "color": "black", "markersize": 5, "linestyle": "none"},
    "transfer": {"marker": "|", "color": "#444444", "markersize": 10},
    "open": {"marker": ">", "color": "#444444", "markersize": 7, "linestyle": "none"},
    "failed": {"marker": "X", "color": "#444444", "markersize": 8, "linestyle": "none"},
}


def draw(
    activity: Activity,
    first: int | None = None,
    last: int | None = None,
    under_way: Sequence[Transfer] = (),
    readers: Mapping[str, str] | None = None,
) -> Figure:
    """Draw cycles `first` … `last` of the record; without them, the newest transfer of each channel.

    under_way  transfers that have not ended
    readers    who reads a stream, by its name

    A stream's lane shows its handshake in every cycle: a word moves, or one side waits for the other, or neither is
    ready (empty). Where a pixel stands for many cycles, the heights are their shares.

    Raises BoardError if nothing was recorded, or if `first` is not below `last`.
    """
    if not activity.streams:
        raise BoardError("there is nothing to draw yet: no word has moved; draw the timeline after a transfer")
    transfers = [*activity.transfers, *under_way]
    first, last = _window(activity, transfers, bool(under_way), first, last)
    streams = activity.streams[::-1]
    channels = sorted({transfer.channel for transfer in transfers}, reverse=True)
    names = [f"{name}\n→ {readers[name]}" if readers and name in readers else name for name in streams]
    labels = [*names, *channels, "register writes"]
    with figure(10.0, 1.9 + 0.62 * len(labels)) as (made, axes):
        shown = set()
        for row, name in enumerate(streams):
            shown |= _draw_stream(axes, row, activity, name, first, last)
        for row, name in enumerate(channels, start=len(streams)):
            of_channel = [t for t in transfers if t.channel == name and t.end >= first and t.begin <= last]
            shown |= _draw_transfers(axes, row, of_channel, under_way, first, last)
        shown |= _draw_writes(axes, len(labels) - 1, activity, first, last)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(-0.6, len(labels) - 0.4)
        axes.set_xlim(first, last)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_xlabel(f"cycle of the PL clock ({activity.mhz:.6g} MHz)")
        _add_microseconds(axes, activity.mhz)
        made.legend(handles=_legend(shown), loc="outside lower center", ncols=3, fontsize=10)
    return made


def _window(
    activity: Activity, transfers: list[Transfer], unfinished: bool, first: int | None, last: int | None
) -> tuple[int, int]:
    """What to show: as asked, else the newest transfers and a little around them."""
    newest = {transfer.channel: transfer for transfer in transfers}.values()
    begin = min((t.begin for t in newest), default=0) if first is None else first
    end = max((t.end for t in newest), default=activity.cycles) if last is None else last
    if first is None and last is None and unfinished:
        end = max(activity.cycles, begin + 30)
    if end <= begin:
        raise BoardError(f"cycles {begin} to {end} are no span of time; give `first` below `last`")
    margin = max((end - begin) // 40, 2)
    before = margin if first is None else 0
    # Room to see that what did not end does not end.
    after = 0 if last is not None else (end - begin) // 5 if unfinished else margin
    return max(begin - before, 0), end + after


def _draw_stream(axes: Axes, row: int, activity: Activity, name: str, first: int, last: int) -> set:
    """Draw the handshake and the TLASTs of one stream; what was drawn."""
    low = row - _LANE / 2
    edges = np.linspace(first, last + 1, min(_BINS, last + 1 - first) + 1)
    beats, handshakes = activity.beats(name), activity.handshakes(name)
    shares = {_MOVES: np.histogram(beats.cycles, edges)[0] / np.diff(edges)}
    shares |= {state: _share(handshakes, state, edges) for state in (_SOURCE_WAITS, _READER_WAITS)}
    base = np.full(len(edges) - 1, low)
    for state, share in shares.items():
        top = np.minimum(base + _LANE * share, low + _LANE)
        axes.stairs(top, edges, baseline=base, fill=True, linewidth=0, **_STATES[state][1])
        base = top
    if last - first <= _SINGLE_WORDS:
        inside = beats.cycles[(beats.cycles >= first) & (beats.cycles <= last)]
        axes.vlines(inside, low, low + _LANE, color="white", linewidth=0.8)
    shown = {state for state, share in shares.items() if share.any()}
    ends = beats.cycles[beats.last & (beats.cycles >= first) & (beats.cycles <= last)]
    if 0 < len(ends) <= _MOST_MARKS:
        axes.plot(ends + 0.5, np.full(len(ends), low + _LANE + 0.07), **_MARKS["last"])
        shown.add("last")
    return shown


def _share(handshakes: Handshakes, state: int, edges: np.ndarray) -> np.ndarray:
    """The share of the cycles between two edges in which the handshake was in `state`."""
    if not len(handshakes.cycles):
        return np.zeros(len(edges) - 1)
    # Cycles in this state up to each change, then up to each edge.
    lengths = np.diff(handshakes.cycles, append=np.maximum(handshakes.cycles[-1], edges[-1]))
    inside = handshakes.state == state
    before = np.concatenate([[0], np.cumsum(lengths * inside)])
    at = np.interp(edges, np.append(handshakes.cycles, handshakes.cycles[-1] + lengths[-1]), before)
    return np.diff(at) / np.diff(edges)


def _draw_transfers(
    axes: Axes, row: int, transfers: list[Transfer], under_way: Sequence[Transfer], first: int, last: int
) -> set:
    for transfer in transfers:
        still = transfer in under_way
        begin, end = transfer.begin, last if still else transfer.end
        axes.plot([begin, end], [row, row], **_MARKS["transfer"])
        if still or transfer.failed:
            axes.plot([end], [row], **_MARKS["open" if still else "failed"], clip_on=False, zorder=4)
        begin, end = max(begin, first), min(end, last)
        if end - begin > (last - first) / 6:
            axes.text((begin + end) / 2, row + 0.1, f"{transfer.nbytes:,} bytes", ha="center", va="bottom", fontsize=10)
    kinds = {"open" if t in under_way else "failed" if t.failed else "transfer" for t in transfers}
    return kinds | {"transfer"} if kinds else kinds


def _draw_writes(axes: Axes, row: int, activity: Activity, first: int, last: int) -> set:
    """A mark for each group of writes that lie too close to be told apart, with their number beside it."""
    groups: list[list[int]] = []
    for access in activity.accesses:
        if first <= access.cycle <= last:
            if groups and access.cycle - groups[-1][0] < (last - first) / 25:
                groups[-1].append(access.cycle)
            else:
                groups.append([access.cycle])
    begins = [group[0] for group in groups]
    axes.plot(begins, np.full(len(groups), row), **_MARKS["write"], clip_on=False)
    for group in groups:
        if len(group) > 1:
            axes.annotate(
                f"×{len(group)}", (group[0], row), (7, 0), textcoords="offset points", va="center", fontsize=10
            )
    return {"write"} if groups else set()


def _legend(shown: set) -> list:
    """A handle for each kind of mark that was drawn."""
    texts = {
        "last": "TLAST",
        "write": "register write (×n: n of them)",
        "transfer": "DMA transfer, begin to end",
        "open": "still under way",
        "failed": "DMA error",
    }
    blocks = [Patch(label=label, **style) for state, (label, style) in _STATES.items() if state in shown]
    return blocks + [Line2D([], [], label=text, **_MARKS[kind]) for kind, text in texts.items() if kind in shown]


def _add_microseconds(axes: Axes, mhz: float) -> None:
    above = axes.secondary_xaxis("top", functions=(lambda cycle: cycle / mhz, lambda time: time * mhz))
    above.set_xlabel("time (µs)")
    above.spines["top"].set_visible(True)
