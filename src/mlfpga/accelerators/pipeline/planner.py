"""Choosing a plan: enough hardware for a target rate, or the best rate that a board has room for.

Each layer's legal foldings are enumerated with their cycles per image and their cost; one that is neither faster nor
cheaper than another is dropped. A rate asks of every stage that it keeps up, so the cheapest plan takes from each layer
the cheapest folding that does. What remains is to let the pixels in a beat fit from layer to layer, which is a shortest
path. For a board the rates are tried, best first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mlfpga.accelerators.pipeline.cost import Cost, block_cost, costs, total
from mlfpga.accelerators.pipeline.layers import Argmax, Conv2d, Dense
from mlfpga.accelerators.pipeline.network import Network
from mlfpga.accelerators.pipeline.plan import (
    Folding,
    Plan,
    PlanError,
    default_plan,
    divisors,
    legal_pixels,
    out_pixels,
)
from mlfpga.accelerators.pipeline.stages import blocks, input_format
from mlfpga.accelerators.pipeline.timing import cycles, stage_cycles, timeline

AUP_ZU3 = {"luts": 70_560, "dsps": 360, "bram36": 216}
"""What the xczu3eg of the AUP-ZU3 holds (AMD DS891)."""

_NAMES = {"luts": "LUT cells", "dsps": "DSP48E2", "bram36": "BRAM36"}
# How dear a DSP48E2 is, relative to its share of the board, in the plans that are compared for a board.
_DSP_PRICES = (1.0, 0.3, 0.1, 0.03, 0.0, 3.0, 10.0)
# A memory of LUTs is 32 words deep, or 64: between 2 and 32 only the counters grow.
_FIFO_DEPTHS = (2, 8, 32, 128)
_MOST_PIXELS = 16


@dataclass(frozen=True)
class Choice:
    """A plan, what it is expected to do, and what holds it back.

    plan      the plan, with the depths of its FIFOs chosen
    cycles    stage -> cycles per image in which it is occupied
    costs     stage -> Cost, estimated; "control" is what every IP has
    interval  cycles per image of the whole pipeline;  latency: from the first word in to the last word out
    limiting  the stage that sets the rate
    reason    why, and what would change it
    target    cycles per image that were asked for; None if none were
    """

    plan: Plan
    cycles: Mapping[str, int]
    costs: Mapping[str, Cost]
    interval: int
    latency: int
    limiting: str
    reason: str
    target: int | None = None

    @property
    def cost(self) -> Cost:
        """Of the whole design."""
        return total(self.costs.values())

    @property
    def rows(self) -> list[dict]:
        """One row for each stage, plain numbers: what `evaluate.plot_plan` and `plan_table` show."""
        return [
            {
                "stage": stage,
                "cycles": self.cycles.get(stage, 0),
                "luts": round(cost.luts),
                "dsps": round(cost.dsps),
                "bram36": cost.bram36,
                "flip_flops": round(cost.flip_flops),
                "limiting": stage == self.limiting,
            }
            for stage, cost in self.costs.items()
        ]


@dataclass(frozen=True)
class _Option:
    folding: Folding
    cycles: int
    cost: Cost
    leaves: int


def smallest(network: Network) -> Choice:
    """The plan that takes the fewest LUT cells and DSP48E2, however slow; its FIFOs hold two beats."""
    return _judged(_best(network, None, (1,), 1.0, AUP_ZU3), None)


def plan_for_rate(
    network: Network, cycles_per_image: int, pixels_per_beat: int | None = None, board: Mapping[str, float] = AUP_ZU3
) -> Choice:
    """The cheapest plan that takes at most so many cycles per image. `pixels_per_beat` None: whatever is best.

    Raises PlanError for a rate that cannot be reached (which stage, and the best there is), or that does not fit
    `board` (which resource, by how much).
    """
    if cycles_per_image < 1:
        raise PlanError(f"cycles_per_image {cycles_per_image} is not a rate; choose 1 or more")
    found = _for_rate(network, cycles_per_image, _pixels(network, pixels_per_beat), board)
    if found is None:
        raise _unreachable(network, cycles_per_image, pixels_per_beat)
    excess = _excess(found.cost, board)
    if excess:
        best = plan_for_board(network, pixels_per_beat=pixels_per_beat, **board)
        raise PlanError(
            f"{network.name} at {cycles_per_image:,} cycles per image is larger than the board: {excess}; the best "
            f"rate that fits is {best.interval:,} cycles per image"
        )
    return found


def plan_for_board(
    network: Network,
    luts: float = AUP_ZU3["luts"],
    dsps: float = AUP_ZU3["dsps"],
    bram36: float = AUP_ZU3["bram36"],
    share: float = 1.0,
    pixels_per_beat: int | None = None,
) -> Choice:
    """The fastest plan that fits so many LUT cells, DSP48E2 and block RAMs, or a `share` (0 … 1) of them.

    Raises PlanError if even the smallest plan does not fit: which resource, by how much.
    """
    if not 0 < share <= 1:
        raise PlanError(f"share {share} is no part of a board; choose more than 0, at most 1")
    board = {"luts": luts * share, "dsps": dsps * share, "bram36": bram36 * share}
    least = smallest(network)
    if excess := _excess(least.cost, board):
        raise PlanError(
            f"{network.name} is larger than the board even with the smallest plan: {excess}; use fewer channels or a "
            "larger device"
        )
    pixels = _pixels(network, pixels_per_beat)
    rates = _rates(network, pixels)
    fitting, low, high = None, 0, len(rates) - 1
    while low <= high:
        middle = (low + high) // 2
        found = _for_rate(network, rates[middle], pixels, board)
        if found is not None and not _excess(found.cost, board):
            fitting, high = found, middle - 1
        else:
            low = middle + 1
    if fitting is None:
        return least
    faster = [rate for rate in rates if rate < max(fitting.cycles.values())]
    next_best = _best(network, faster[-1], pixels, 1.0, board) if faster else None
    if next_best is not None and _excess(total(costs(next_best).values()), board):
        reason = (
            f"{fitting.limiting} limits: no plan of {faster[-1]:,} cycles per image fits {board['luts']:,.0f} LUT "
            f"cells, {board['dsps']:,.0f} DSP48E2 and {board['bram36']:,.0f} BRAM36; more of them would change it"
        )
        return replace(fitting, reason=reason, target=None)
    if next_best is not None:
        reason = (
            f"{fitting.limiting} limits: its stages could work at {faster[-1]:,} cycles per image, but one would wait "
            "for another's bursts, and deeper FIFOs do not help"
        )
        return replace(fitting, reason=reason, target=None)
    return replace(fitting, target=None)


def describe(plan: Plan) -> Choice:
    """What a plan does and takes, as it is: cycles and cost of each stage, what limits it. Raises PlanError."""
    return _judged(plan, None)


def with_fifos(plan: Plan, interval: int | None = None) -> Plan:
    """The plan with the smallest depths of FIFOs that keep its rate: those that bursts of a stage need.

    interval  cycles per image to keep; None: what deep FIFOs give.
    """
    deep = _depths(plan, dict.fromkeys(plan.foldings, _FIFO_DEPTHS[-1]))
    shallow = _depths(plan, dict.fromkeys(plan.foldings, _FIFO_DEPTHS[0]))
    best = timeline(deep, busy=False).interval if interval is None else interval
    if timeline(shallow, busy=False).interval <= best:
        return shallow
    chosen = deep
    for layer in reversed(list(plan.foldings)):
        for depth in _FIFO_DEPTHS[:-1]:
            tried = chosen.folded(layer, fifo=depth)
            if timeline(tried, busy=False).interval <= best:
                chosen = tried
                break
    return chosen


def _depths(plan: Plan, depths: Mapping[str, int]) -> Plan:
    return plan.replace(foldings={name: replace(f, fifo=depths[name]) for name, f in plan.foldings.items()})


def _for_rate(network: Network, rate: int, pixels: tuple[int, ...], board: Mapping[str, float]) -> Choice | None:
    """The cheapest plan at that rate; one that fits the board if there is any. None if the rate cannot be reached."""
    too_large = None
    for price in _DSP_PRICES:
        within = rate
        while (plan := _best(network, within, pixels, price, board)) is not None:
            if _excess(total(costs(plan).values()), board):
                too_large = too_large or plan
                break
            if _deep_interval(plan) <= rate:
                return _judged(plan, rate)
            # Bursts that no FIFO evens out: ask more of the stages.
            within = min(within, _slowest(plan)) - 1
    return _judged(too_large, None) if too_large else None


def _slowest(plan: Plan) -> int:
    """Cycles per image of the slowest stage, without what stands between the layers."""
    tensors = dict(zip((layer.name for layer in plan.network.layers), plan.network.tensors, strict=True))
    slowest = _words(plan.network, plan.pixels_per_beat)
    arriving = plan.pixels_per_beat
    for layer in plan.network.layers:
        folding = plan.foldings[layer.name]
        option = _option(layer, tensors[layer.name], replace(folding, fifo=2), arriving)
        slowest, arriving = max(slowest, option.cycles), option.leaves
    return slowest


def _judged(plan: Plan, rate: int | None) -> Choice:
    """A plan and what it does; with a rate, its FIFOs are as deep as that rate needs."""
    plan = plan if rate is None else with_fifos(plan, rate)
    times, seen = cycles(plan), timeline(plan, busy=False)
    limiting = max(times, key=times.get)
    return Choice(plan, times, costs(plan), seen.interval, seen.latency, limiting, _reason(plan, times, limiting), rate)


def _deep_interval(plan: Plan) -> int:
    return timeline(_depths(plan, dict.fromkeys(plan.foldings, _FIFO_DEPTHS[-1])), busy=False).interval


def _reason(plan: Plan, times: Mapping[str, int], limiting: str) -> str:
    if limiting == "input":
        return (
            f"the input stream limits: {times[limiting]:,} words of {plan.stream_bits} bits per image; more pixels in "
            "a beat, fewer bits or a wider stream would change it"
        )
    if limiting == "output":
        return f"the output stream limits: {times[limiting]:,} words per image; a shorter result would change it"
    folding = plan.foldings[limiting]
    best = min(option.cycles for option in _layer_options(plan.network, limiting, folding.pixels))
    if best == times[limiting]:
        return (
            f"{limiting} limits and cannot be unrolled further at {folding.pixels} pixel"
            f"{'s' if folding.pixels > 1 else ''} in a beat; more pixels in a beat would change it"
        )
    return (
        f"{limiting} limits; it could take {best:,} cycles with more channels in a beat, for more LUT cells or DSP48E2"
    )


def _unreachable(network: Network, rate: int, pixels_per_beat: int | None) -> PlanError:
    pixels = _pixels(network, pixels_per_beat)
    for best in _rates(network, pixels):
        found = _for_rate(network, best, pixels, AUP_ZU3)
        if found is not None:
            return PlanError(
                f"{network.name} cannot reach {rate:,} cycles per image: the best is {found.interval:,}, where "
                f"{found.reason}"
            )
    return PlanError(f"{network.name} has no legal plan at pixels_per_beat {pixels_per_beat}")


def _excess(cost: Cost, board: Mapping[str, float]) -> str:
    return ", ".join(
        f"{_NAMES[name]}: {getattr(cost, name):,.0f} of {have:,.0f}, {getattr(cost, name) - have:,.0f} too many"
        for name, have in board.items()
        if getattr(cost, name) > have
    )


def _pixels(network: Network, pixels_per_beat: int | None) -> tuple[int, ...]:
    if len(network.input.shape) != 3:
        return (1,)
    legal = divisors(network.input.shape[1])
    if pixels_per_beat is None:
        return tuple(n for n in legal if n <= _MOST_PIXELS)
    if pixels_per_beat not in legal:
        choice = ", ".join(map(str, legal))
        raise PlanError(
            f"the input: pixels_per_beat {pixels_per_beat} does not divide its row of {network.input.shape[1]}; choose "
            f"one of {choice}"
        )
    return (pixels_per_beat,)


def _rates(network: Network, pixels: tuple[int, ...]) -> list[int]:
    """Every number of cycles that some stage of some plan can take, smallest first."""
    found = {_words(network, n) for n in pixels}
    reached = set(pixels)
    for layer, tensor in zip(network.layers, network.tensors, strict=True):
        leaving = set()
        for arriving in reached:
            for option in _options(network.name, layer, tensor, arriving):
                found.add(option.cycles)
                leaving.add(option.leaves)
        reached = leaving or {1}
    return sorted(found)


def _words(network: Network, pixels: int) -> int:
    return input_format(default_plan(network).replace(pixels_per_beat=pixels)).words_per_sample


def _best(
    network: Network, rate: int | None, pixels: tuple[int, ...], price: float, board: Mapping[str, float]
) -> Plan | None:
    """The cheapest plan whose every stage takes at most `rate` cycles, DSP48E2 at a `price`; None if there is none."""

    def score(cost: Cost) -> float:
        shares = {name: getattr(cost, name) / have for name, have in board.items() if have}
        return shares.get("luts", 0.0) + price * shares.get("dsps", 0.0) + shares.get("bram36", 0.0)

    # pixels that arrive -> (score, pixels at the input, foldings so far)
    paths: dict[int, tuple[float, int, tuple[Folding, ...]]] = {
        n: (0.0, n, ()) for n in pixels if rate is None or _words(network, n) <= rate
    }
    for layer, tensor in zip(network.layers, network.tensors, strict=True):
        paths = _extended(paths, network, layer, tensor, rate, score)
    if not paths:
        return None
    _, entering, foldings = min(paths.values(), key=lambda path: path[0])
    names = [layer.name for layer in network.layers]
    return Plan(network, dict(zip(names, foldings, strict=True)), entering)


def _extended(paths, network: Network, layer, tensor, rate: int | None, score: Callable[[Cost], float]) -> dict:
    longer = {}
    for arriving, (so_far, entering, foldings) in paths.items():
        for option in _options(network.name, layer, tensor, arriving):
            if rate is not None and option.cycles > rate:
                continue
            path = (so_far + score(option.cost), entering, (*foldings, option.folding))
            if option.leaves not in longer or path[0] < longer[option.leaves][0]:
                longer[option.leaves] = path
    return longer


_known: dict[tuple, list[_Option]] = {}


def _layer_options(network: Network, name: str, arriving: int) -> list[_Option]:
    layer, tensor = next((one, t) for one, t in zip(network.layers, network.tensors, strict=True) if one.name == name)
    return _options(network.name, layer, tensor, arriving)


def _options(network: str, layer, tensor, arriving: int) -> list[_Option]:
    """The foldings of a layer worth having: none is both slower and dearer than another that leaves as many pixels."""
    key = (network, layer.name, id(layer), tensor, arriving)
    if key not in _known:
        found = [_option(layer, tensor, folding, arriving) for folding in legal_foldings(layer, tensor.shape, arriving)]
        _known[key] = _pareto(found)
        # The layer is kept with its options, so that its id stays its own.
        _kept.append(layer)
    return _known[key]


_kept: list = []


def legal_foldings(layer, shape: tuple[int, ...], arriving: int) -> list[Folding]:
    """Every folding that a layer can have on an input of `shape` when `arriving` pixels come in a beat."""
    legal = legal_pixels(layer, shape)
    matrix = isinstance(layer, Conv2d | Dense)
    return [
        Folding(pixels, channels_in, channels_out, use_dsp)
        for pixels in sorted({arriving, 1})
        if pixels in legal
        for channels_in in divisors(shape[-1])
        for channels_out in (
            divisors(layer.output.shape[-1]) if matrix else (1,) if isinstance(layer, Argmax) else (channels_in,)
        )
        for use_dsp in ((False, True) if matrix else (False,))
    ]


def _option(layer, tensor, folding: Folding, arriving: int) -> _Option:
    plan = Plan(Network("option", tensor, (layer,)), {layer.name: folding}, arriving if len(tensor.shape) == 3 else 1)
    chain = blocks(plan, "option")
    own = [block for block in chain if block.layer == layer.name and block.module != "regroup"]
    beats = tensor.size // (folding.pixels * folding.channels_in)
    times = stage_cycles(own, beats)
    cost = total(block_cost(block) for block in own)
    return _Option(folding, times.get(layer.name, 0), cost, out_pixels(layer, folding))


def _pareto(options: list[_Option]) -> list[_Option]:
    def better(one: _Option, other: _Option) -> bool:
        a = (one.cycles, one.cost.luts, one.cost.dsps, one.cost.bram36)
        b = (other.cycles, other.cost.luts, other.cost.dsps, other.cost.bram36)
        return one.leaves == other.leaves and a != b and all(x <= y for x, y in zip(a, b, strict=True))

    return [option for option in options if not any(better(other, option) for other in options)]
