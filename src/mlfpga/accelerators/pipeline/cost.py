"""What a plan takes on the device before Yosys has run: LUT cells, flip-flops, DSP48E2, block RAM of each block.

Counts from the structure of each block (a product of Booth rows, an adder tree, a ROM …), with factors found against
Yosys 0.70 by synthesising single blocks; `tests/accelerators/pipeline/measure_costs.py` prints model against Yosys.
LUT cells are LUT1 … LUT6, as everywhere in the course; memories made of LUTs are counted apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import ceil, log2

from mlfpga.accelerators.pipeline.plan import Plan
from mlfpga.accelerators.pipeline.stages import Block, blocks


@dataclass(frozen=True)
class Cost:
    """Estimated cells. `lutram`: LUTs that are memory (a RAM32M16 takes 8); `bram36`: block RAMs of 36 Kbit."""

    luts: float = 0.0
    lutram: float = 0.0
    flip_flops: float = 0.0
    dsps: float = 0.0
    bram36: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    return sum(costs, Cost())


def costs(plan: Plan) -> dict[str, Cost]:
    """Stage -> Cost: "control" (registers and door), "input", each layer that has blocks, "output"."""
    found = {"control": CONTROL}
    for block in blocks(plan, "plan"):
        found[block.layer] = found.get(block.layer, Cost()) + block_cost(block)
    return found


def block_cost(block: Block) -> Cost:
    """The cost of one block, from its parameters."""
    return _MODELS[block.module](block.parameters)


def _matvec(p) -> Cost:
    lanes, outputs = p["LANES_IN"], p["PIXELS"] * p["LANES_OUT"]
    dots, product = _dot(lanes, p["IN_BITS"], p["WEIGHT_BITS"], p["USE_DSP"])
    words, sums = p["BEATS"] * p["FOLDS"], outputs * p["ACC_BITS"]
    weights = lanes * p["LANES_OUT"] * p["WEIGHT_BITS"]
    luts = outputs * dots
    rom, bram = (0.0, 0.0) if words == 1 else _rom(words, weights)
    if words == 1 and not p["USE_DSP"]:
        luts *= _CONSTANT
    bias = 0.0 if p["FOLDS"] == 1 else _rom(p["FOLDS"], p["LANES_OUT"] * p["ACC_BITS"])[0]
    accumulate = sums * (1 if p["BEATS"] == 1 else 2)
    # A constant weight leaves half of the bits of a product.
    products = lanes * product * (0.5 if words == 1 and not p["USE_DSP"] else 1)
    registers = outputs * (products + product + _bits(lanes)) + sums + (0 if words == 1 else weights) + 40
    return Cost(
        luts=luts + rom + bias + accumulate + _CONTROL_LUTS,
        lutram=_lutram(sums, p["FOLDS"]) if p["FOLDS"] > 1 and p["BEATS"] > 1 else 0,
        flip_flops=registers,
        dsps=outputs * lanes if p["USE_DSP"] else 0,
        bram36=bram,
    )


def _dot(lanes: int, x_bits: int, weight_bits: int, dsp: int) -> tuple[float, int]:
    """(LUT cells of a dot product, bits of a product): Booth's rows of x_bits + 2, then a tree of adders."""
    product = x_bits + weight_bits
    luts, level, count = 0 if dsp else lanes * ceil(weight_bits / 2) * (x_bits + 2), 1, lanes
    while count > 1:
        luts += count // 2 * (product + level - 1)
        count, level = (count + 1) // 2, level + 1
    return luts, product


def _requantize(p) -> Cost:
    elements = p["LANES"] * p["PIXELS"]
    # With one fold, shifts are constants: wires.
    shifted = p["COMMON_SHIFT"] < 0 and p["FOLDS"] > 1
    product = p["IN_BITS"] + p["MULTIPLIER_BITS"] + 1
    # A DSP48E2 multiplies 27 by 18 signed bits.
    dsps = ceil(p["IN_BITS"] / 26)
    luts = p["OUT_BITS"] * 1.5 + product / 8 + ((p["OUT_BITS"] + 4) * p["SHIFT_BITS"] * 0.6 if shifted else 0)
    if dsps > 1:
        luts += product
    scale = p["MULTIPLIER_BITS"] + (p["SHIFT_BITS"] if shifted else 0)
    rom = _rom(p["FOLDS"], p["LANES"] * scale)[0] if p["FOLDS"] > 1 else 0
    return Cost(
        luts=elements * luts + rom + _SMALL_CONTROL,
        flip_flops=elements * (14 + p["OUT_BITS"]),
        dsps=elements * dsps,
    )


def _window(p) -> Cost:
    step = p["PIXELS"] * p["LANES"] * p["BITS"]
    column, above = p["KERNEL_Y"] * step, (p["KERNEL_Y"] - 1) * step
    pixels, stride = p["PIXELS"], p["STRIDE_X"]
    lag = (((pixels // stride or 1) - 1) * stride - p["PAD_LEFT"] + p["KERNEL_X"] - 1) // pixels
    past = (lag + ceil(p["PAD_LEFT"] / pixels)) * p["GROUPS"] * column
    places = p["WIDTH"] // pixels * p["GROUPS"]
    return Cost(luts=_WINDOW_CONTROL, lutram=_lutram(above, places), flip_flops=column + past + 40, dsps=0, bram36=0)


def _pool(p) -> Cost:
    each = p["BITS"] * 2.3 if p["MODE"] == "max" else (p["BITS"] + log2(p["TAPS"]) / 2)
    elements = p["LANES"] * p["PIXELS"]
    return Cost(luts=elements * (p["TAPS"] - 1) * each + 3, flip_flops=elements * p["OUT_BITS"] + 1)


def _fifo(p) -> Cost:
    bits = _bits(p["DEPTH"])
    return Cost(luts=5 * bits + 3, lutram=_lutram(p["WIDTH"], p["DEPTH"]), flip_flops=3 * bits + 3)


def _regroup(p) -> Cost:
    if p["FROM"] == p["TO"]:
        return Cost()
    wide = max(p["FROM"], p["TO"]) * p["PIXELS"] * p["BITS"]
    split = p["FROM"] > p["TO"]
    return Cost(luts=(wide if split else 0) + _SMALL_CONTROL, flip_flops=wide + 6)


def _words(p) -> Cost:
    """unpack, pack: a regroup of words."""
    if p["WORDS"] == 1:
        return Cost()
    bits = p["ELEMENTS"] * p["BITS"]
    return Cost(luts=_SMALL_CONTROL + (bits if "SIGNED" in p else 0), flip_flops=bits + 6)


def _relu(p) -> Cost:
    bits = p["LANES"] * p["PIXELS"] * p["BITS"]
    return Cost(luts=3, flip_flops=bits + 1)


def _argmax(p) -> Cost:
    bits = p["BITS"] + _bits(p["ELEMENTS"])
    return Cost(luts=p["LANES"] * 1.7 * bits + _SMALL_CONTROL, flip_flops=2 * bits + 12)


def _rom(words: int, bits: int) -> tuple[float, float]:
    """(LUT cells, BRAM36) of a memory that is only read: a LUT6 holds 64 words of a bit."""
    if words * bits > _LUT_ROM_BITS:
        return 0.0, min(ceil(words / deep) * ceil(bits / wide) for deep, wide in _RAMB18) / 2
    # The bits of two words are wires, those of four are mostly part of what reads them.
    return bits * ceil(words / 64) * (0.0 if words <= 2 else 0.3 if words <= 4 else 1.0), 0.0


def _lutram(bits: int, places: int) -> float:
    """LUTs of a memory with one port to write and one to read: a RAM32M16 has 14 bits, a RAM64M8 has 7 (UG574)."""
    return 8 * ceil(bits / 14) if places <= 32 else 8 * ceil(bits / 7) * ceil(places / 64)


def _bits(count: int) -> int:
    return max(1, (count - 1).bit_length())


# Fitted by hand to the blocks that `measure_costs.py` prints (Yosys 0.70): numbers of 4 and 8 bits, weights of 4.
# argmax, relu, pack and average pooling are counted from their structure alone; none was measured.
_CONSTANT = 0.3  # of a product whose weight is a constant, in random weights of 4 bits
_LUT_ROM_BITS = 8192  # larger ones become block RAM; between 4,608 (LUTs) and 31,360 (block RAM) none was tried
_CONTROL_LUTS, _SMALL_CONTROL, _WINDOW_CONTROL = 35.0, 8.0, 42.0
CONTROL = Cost(luts=57, lutram=8, flip_flops=49)
"""The registers and the door that every IP has: `ap_control.sv`, `samples.sv` (784 words in, 10 out), by Yosys."""

# Words and bits of a block RAM of 18 Kbit (UG573).
_RAMB18 = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))

_MODELS = {
    "matvec": _matvec,
    "requantize": _requantize,
    "window": _window,
    "pool": _pool,
    "fifo": _fifo,
    "regroup": _regroup,
    "unpack": _words,
    "pack": _words,
    "relu": _relu,
    "argmax": _argmax,
}
