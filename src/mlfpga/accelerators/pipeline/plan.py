"""How much hardware each layer of an integer network gets: what arrives in a beat, and what leaves in one.

A *beat* of a stream holds `pixels` neighbouring pixels of one row and `channels` channels of each. Folding a layer
means sharing its multipliers between channels: fewer channels in a beat, more cycles. Which blocks of RTL follow from a
plan is in `stages`, how many cycles they take in `timing`, what they cost in `cost`, which plan to take in `planner`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlfpga.accelerators.pipeline.network import Argmax, AvgPool2d, Conv2d, Dense, MaxPool2d, Network, ReLU

_WINDOWED = (Conv2d, MaxPool2d, AvgPool2d)
_STREAM_BITS = (32, 64)


class PlanError(ValueError):
    """A plan that no hardware can follow; the message names the layer, the value and what would do."""


@dataclass(frozen=True)
class Folding:
    """What one layer takes and gives in a beat, and what its multipliers are made of.

    pixels        neighbouring pixels in an input beat; divides the width
    channels_in   channels of each pixel in an input beat; divides the channels that arrive
    channels_out  channels of each pixel in an output beat; divides the channels that leave. Pooling and ReLU give as
                  many as they take, argmax gives 1
    use_dsp       multipliers are DSP48E2 blocks instead of LUTs; only convolutions and dense layers have any
    fifo          depth in beats of the FIFO behind the layer, at least 2
    """

    pixels: int = 1
    channels_in: int = 1
    channels_out: int = 1
    use_dsp: bool = False
    fifo: int = 2


@dataclass(frozen=True)
class Plan:
    """A network and the hardware for each of its layers.

    network          what is computed
    foldings         layer's name -> Folding
    pixels_per_beat  pixels (for an input of shape (N,): elements) that arrive in one beat of the unpacked input
    stream_bits      width of both AXI4-Streams, 32 or 64
    clock_mhz        clock it is meant for
    """

    network: Network
    foldings: Mapping[str, Folding]
    pixels_per_beat: int = 1
    stream_bits: int = 32
    clock_mhz: float = 100.0

    def replace(self, **changes) -> "Plan":
        """The same plan with fields changed."""
        return replace(self, **changes)

    def folded(self, layer: str, **changes) -> "Plan":
        """The same plan with fields of one layer's folding changed."""
        return replace(self, foldings={**self.foldings, layer: replace(self.foldings[layer], **changes)})


def kernel_of(layer) -> tuple[int, int]:
    """(height, width) of a convolution's or pooling's window."""
    return tuple(layer.weights.shape[1:3]) if isinstance(layer, Conv2d) else tuple(layer.kernel)


def default_plan(network: Network, stream_bits: int = 32, clock_mhz: float = 100.0) -> Plan:
    """The smallest legal folding: one pixel, one channel in and one out at a time, multipliers of LUTs."""
    foldings = {layer.name: Folding() for layer in network.layers}
    return Plan(network, foldings, 1, stream_bits, clock_mhz)


def out_pixels(layer, folding: Folding) -> int:
    """Pixels in a beat that leaves a layer."""
    if isinstance(layer, _WINDOWED):
        return max(1, folding.pixels // layer.stride[1])
    return 1 if isinstance(layer, Dense | Argmax) else folding.pixels


def check(plan: Plan) -> None:
    """Raise PlanError unless hardware can follow `plan`: everything divides, by name and with what would divide."""
    if plan.stream_bits not in _STREAM_BITS:
        raise PlanError(f"stream_bits {plan.stream_bits} is not supported; choose 32 or 64")
    if not plan.clock_mhz > 0:
        raise PlanError(f"clock_mhz {plan.clock_mhz} is not a clock; choose a positive frequency in MHz")
    names = [layer.name for layer in plan.network.layers]
    for name in names:
        if name not in plan.foldings:
            raise PlanError(f"the plan has no folding for layer {name}; give one (default_plan has them all)")
    for name in plan.foldings:
        if name not in names:
            raise PlanError(f"the plan folds {name}, which is no layer; the layers are {', '.join(names)}")
    shape = plan.network.input.shape
    width, unit = (shape[1], "row") if len(shape) == 3 else (shape[0], "vector")
    _divides("the input", "pixels_per_beat", plan.pixels_per_beat, width, f"its {unit} of {width}")
    arriving = plan.pixels_per_beat
    for layer, tensor in zip(plan.network.layers, plan.network.tensors, strict=True):
        folding = plan.foldings[layer.name]
        _check_layer(layer, tensor.shape, folding, arriving if len(tensor.shape) == 3 else 1)
        arriving = out_pixels(layer, folding)


def _check_layer(layer, shape: tuple[int, ...], folding: Folding, arriving: int) -> None:
    name, channels = layer.name, shape[-1]
    for field in ("pixels", "channels_in", "channels_out", "fifo"):
        value = getattr(folding, field)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PlanError(f"{name}: {field} {value!r} is not a whole number")
    if folding.fifo < 2:
        raise PlanError(f"{name}: fifo {folding.fifo} is too short; a FIFO holds at least 2 beats")
    if folding.use_dsp and not isinstance(layer, Conv2d | Dense):
        raise PlanError(f"{name}: use_dsp is for convolutions and dense layers; {_kind(layer)} multiplies nothing")
    if folding.pixels not in (arriving, 1):
        choice = f"{arriving} or 1" if arriving > 1 else "1"
        raise PlanError(f"{name}: pixels {folding.pixels}, but {arriving} arrive in a beat; choose {choice}")
    if folding.pixels != 1 and isinstance(layer, Dense):
        raise PlanError(f"{name}: pixels {folding.pixels}, but a dense layer takes one after the other; choose 1")
    _divides(name, "channels_in", folding.channels_in, channels, f"its {channels} input channels")
    if isinstance(layer, _WINDOWED):
        _check_window(layer, shape, folding)
    if isinstance(layer, Conv2d | Dense):
        leaving = layer.output.shape[-1]
        _divides(name, "channels_out", folding.channels_out, leaving, f"its {leaving} output channels")
        return
    expected = 1 if isinstance(layer, Argmax) else folding.channels_in
    if folding.channels_out != expected:
        reason = "gives one index" if isinstance(layer, Argmax) else "gives as many channels as it takes"
        raise PlanError(f"{name}: channels_out {folding.channels_out}, but {_kind(layer)} {reason}; choose {expected}")


def _check_window(layer, shape: tuple[int, ...], folding: Folding) -> None:
    name, pixels, stride_x = layer.name, folding.pixels, layer.stride[1]
    (kernel_y, kernel_x), (top, _, left, _) = kernel_of(layer), layer.padding
    if top >= kernel_y or left >= kernel_x:
        raise PlanError(
            f"{name}: padding {top} at the top and {left} at the left needs a kernel that is larger; "
            f"it is {kernel_y}x{kernel_x}"
        )
    legal = legal_pixels(layer, shape)
    if pixels in legal:
        return
    choice = f"choose one of {', '.join(map(str, legal))}"
    if shape[1] % pixels:
        raise PlanError(f"{name}: pixels {pixels} does not divide its row of {shape[1]}; {choice}")
    if pixels % stride_x:
        raise PlanError(f"{name}: pixels {pixels} is not a multiple of its stride {stride_x}; {choice}")
    width = layer.output.shape[1]
    raise PlanError(
        f"{name}: pixels {pixels} gives {pixels // stride_x} in an output beat, which does not divide its output row "
        f"of {width}; {choice}"
    )


def legal_pixels(layer, shape: tuple[int, ...]) -> list[int]:
    """Every number of pixels per beat that a layer's block can take on an input of `shape`, smallest first."""
    if len(shape) != 3 or isinstance(layer, Dense):
        return [1]
    pixels = divisors(shape[1])
    if isinstance(layer, _WINDOWED):
        stride_x, out_width = layer.stride[1], layer.output.shape[1]
        pixels = [n for n in pixels if n == 1 or (n % stride_x == 0 and out_width % (n // stride_x) == 0)]
    return pixels


def divisors(number: int) -> list[int]:
    """Every divisor of a positive whole number, smallest first."""
    return [n for n in range(1, number + 1) if number % n == 0]


def _divides(name: str, field: str, value: int, whole: int, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or whole % value:
        choice = ", ".join(map(str, divisors(whole)))
        raise PlanError(f"{name}: {field} {value} does not divide {what}; choose one of {choice}")


def _kind(layer) -> str:
    return {ReLU: "a ReLU", Argmax: "an argmax"}.get(type(layer), "pooling")
