"""From a plan to blocks: which block of RTL stands where, with which parameters, and the streams between them.

    chain = blocks(plan, "digits")      Block after Block, in the order of the data

Where one layer's beats are not what the next one takes, blocks that regroup them stand between. Each layer ends with a
FIFO. What joins beats stands before it, so that it can collect while the next layer still works; what splits them,
behind it. A convolution of 1x1 with stride 1 needs no window, and a ReLU of unsigned numbers needs no block at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import frexp, lcm

import numpy as np

from mlfpga.accelerators.pipeline.bounds import layer_bounds
from mlfpga.accelerators.pipeline.images import Image, channel_image, weight_image
from mlfpga.accelerators.pipeline.layers import AvgPool2d, Conv2d, Dense, MaxPool2d, ReLU, Tensor
from mlfpga.accelerators.pipeline.plan import Folding, Plan, check, out_pixels
from mlfpga.formats import FixedPoint, StreamFormat


@dataclass(frozen=True)
class Stream:
    """What a stream between two blocks carries: beats of `pixels` x `lanes` elements of `bits` each."""

    pixels: int
    lanes: int
    bits: int
    signed: bool

    @property
    def width(self) -> int:
        """Bits of TDATA."""
        return self.pixels * self.lanes * self.bits

    def __str__(self) -> str:
        return f"{self.pixels} x {self.lanes} x {self.bits} bits"


@dataclass(frozen=True)
class Block:
    """One instance of a block of RTL.

    name        of the instance;  module: of its SystemVerilog
    layer       it belongs to; "input" and "output" for what turns words into elements and back
    parameters  in the order in which they are written; a text is a text, for example a file's name
    takes       the stream that comes in;  gives: the one that goes out
    images      file's name -> content, of the ROMs in it
    """

    name: str
    module: str
    layer: str
    parameters: Mapping[str, int | str]
    takes: Stream
    gives: Stream
    images: Mapping[str, Image] = field(default_factory=dict)


def input_format(plan: Plan) -> StreamFormat:
    """How a sample travels: `pixels_per_beat` pixels of a row share words, a vector is one group."""
    tensor = plan.network.input
    pixels = plan.pixels_per_beat if len(tensor.shape) > 1 else 1
    return StreamFormat(number(tensor), tensor.shape, plan.stream_bits, pixels)


def output_format(plan: Plan) -> StreamFormat:
    """How a result travels: as many pixels of a row share words as the last layer gives in a beat."""
    tensor, pixels = plan.network.output, plan.pixels_per_beat
    for layer in plan.network.layers:
        pixels = out_pixels(layer, plan.foldings[layer.name])
    return StreamFormat(number(tensor), tensor.shape, plan.stream_bits, pixels)


def number(tensor: Tensor) -> FixedPoint:
    """The fixed-point format of a tensor whose scale is a power of two: engineering units.

    Another scale is no fixed-point format; then it is that of the integers themselves.
    """
    mantissa, exponent = frexp(tensor.scale)  # scale = mantissa * 2^exponent; of a power of two, mantissa is 1/2
    return FixedPoint(tensor.bits, tensor.bits + (exponent - 1 if mantissa == 0.5 else 0), tensor.signed)


def blocks(plan: Plan, name: str) -> tuple[Block, ...]:
    """The blocks of a plan for an IP called `name`, which begins the names of its memory images.

    Raises PlanError for a plan that no hardware can follow, NetworkError for an accumulator that could overflow.
    """
    check(plan)
    chain = _Chain(plan, name)
    for layer, tensor in zip(plan.network.layers, plan.network.tensors, strict=True):
        chain.add_layer(layer, tensor, plan.foldings[layer.name])
    chain.pack(plan.network.output, output_format(plan))
    return tuple(chain.blocks)


class _Chain:
    """Blocks so far, and the stream that leaves the last of them."""

    def __init__(self, plan: Plan, name: str):
        self.prefix = f"{name}_"
        self.word = Stream(1, 1, plan.stream_bits, False)
        self.stream = self.word
        self.layer = "input"
        self.blocks: list[Block] = []
        self.waiting: tuple[str, int] | None = None  # layer and depth of the FIFO that comes next
        self._unpack(plan.network.input, input_format(plan))

    def add_layer(self, layer, tensor: Tensor, folding: Folding) -> None:
        if isinstance(layer, ReLU) and not tensor.signed:
            return
        self.layer = layer.name
        self._regroup(tensor.shape[-1], folding.pixels, folding.channels_in)
        if isinstance(layer, Conv2d):
            self._convolution(layer, tensor, folding)
        elif isinstance(layer, Dense):
            beats = tensor.size // folding.channels_in
            self._matvec(layer, tensor, folding, beats)
        elif isinstance(layer, MaxPool2d | AvgPool2d):
            self._pooling(layer, tensor, folding)
        elif isinstance(layer, ReLU):
            self._add("relu", self.stream, PIXELS=self.stream.pixels, LANES=self.stream.lanes, BITS=self.stream.bits)
        else:
            self._argmax(tensor)
        self._fifo(folding.fifo)

    def pack(self, tensor: Tensor, form: StreamFormat) -> None:
        """Elements become words: all of a group at once, or as many as fill words exactly."""
        self.layer = "output"
        whole = _elements_at_once(form)
        if self.stream.pixels > 1 or self.stream.lanes % whole:
            self._regroup(tensor.shape[-1], self.stream.pixels, whole // self.stream.pixels)
        elements = self.stream.pixels * self.stream.lanes
        words = -(-elements // form.lanes)
        self._add(
            "pack",
            self.word,
            WORD_BITS=form.stream_bits,
            WORDS=words,
            LANE_BITS=form.lane_bits,
            ELEMENTS=elements,
            BITS=self.stream.bits,
            SIGNED=int(tensor.signed),
        )

    def _unpack(self, tensor: Tensor, form: StreamFormat) -> None:
        elements = _elements_at_once(form)
        self._add(
            "unpack",
            Stream(form.pixels, elements // form.pixels, tensor.bits, tensor.signed),
            WORD_BITS=form.stream_bits,
            WORDS=-(-elements // form.lanes),
            LANE_BITS=form.lane_bits,
            ELEMENTS=elements,
            BITS=tensor.bits,
        )
        self._fifo(2)

    def _regroup(self, channels: int, pixels: int, lanes: int) -> None:
        """To beats of `pixels` x `lanes`, of an image with so many channels."""
        now = self.stream
        if pixels != now.pixels:
            # All channels of the pixels that come side by side; then they are one pixel with more channels.
            self._regroup_lanes(channels)
            self._end_layer()
            self.stream = Stream(1, now.pixels * channels, now.bits, now.signed)
        elif max(now.lanes, lanes) % min(now.lanes, lanes):
            self._regroup_lanes(lcm(now.lanes, lanes))
        self._regroup_lanes(lanes)

    def _regroup_lanes(self, lanes: int) -> None:
        now = self.stream
        if lanes != now.lanes:
            gives = replace(now, lanes=lanes)
            self._add("regroup", gives, PIXELS=now.pixels, FROM=now.lanes, TO=lanes, BITS=now.bits)

    def _convolution(self, layer: Conv2d, tensor: Tensor, folding: Folding) -> None:
        if layer.kernel != (1, 1) or layer.stride != (1, 1) or any(layer.padding):
            self._window(layer, tensor, folding, pad=0)
        self._matvec(layer, tensor, folding, tensor.shape[-1] // folding.channels_in)

    def _window(self, layer, tensor: Tensor, folding: Folding, pad: int) -> None:
        (height, width, channels), (kernel_y, kernel_x) = tensor.shape, layer.kernel
        (top, bottom, left, right), (stride_y, stride_x) = layer.padding, layer.stride
        lanes, pixels = folding.channels_in, folding.pixels
        self._add(
            "window",
            replace(self.stream, pixels=max(1, pixels // stride_x), lanes=kernel_y * kernel_x * lanes),
            HEIGHT=height,
            WIDTH=width,
            GROUPS=channels // lanes,
            LANES=lanes,
            BITS=tensor.bits,
            PIXELS=pixels,
            KERNEL_Y=kernel_y,
            KERNEL_X=kernel_x,
            STRIDE_Y=stride_y,
            STRIDE_X=stride_x,
            PAD_TOP=top,
            PAD_BOTTOM=bottom,
            PAD_LEFT=left,
            PAD_RIGHT=right,
            PAD_VALUE=pad,
        )

    def _matvec(self, layer: Conv2d | Dense, tensor: Tensor, folding: Folding, beats: int) -> None:
        now, lanes = self.stream, folding.channels_out
        folds = len(layer.weights) // lanes
        # Never narrower than a product: that is what weights of zero alone would ask for.
        bits = max(layer_bounds(layer, tensor).accumulator_bits, tensor.bits + layer.weight_bits)
        self._add(
            "matvec",
            Stream(now.pixels, lanes, bits, True),
            PIXELS=now.pixels,
            LANES_IN=now.lanes,
            LANES_OUT=lanes,
            BEATS=beats,
            FOLDS=folds,
            IN_BITS=now.bits,
            IN_SIGNED=int(now.signed),
            WEIGHT_BITS=layer.weight_bits,
            ACC_BITS=bits,
            USE_DSP=int(folding.use_dsp),
            WEIGHTS=weight_image(layer, folding),
            BIASES=channel_image(layer.bias, lanes, bits),
        )
        if layer.multiplier is not None:
            self._requantize(layer.multiplier, layer.shift, layer.output)

    def _pooling(self, layer: MaxPool2d | AvgPool2d, tensor: Tensor, folding: Folding) -> None:
        largest = isinstance(layer, MaxPool2d)
        taps = layer.kernel[0] * layer.kernel[1]
        self._window(layer, tensor, folding, pad=tensor.low if largest else 0)
        bits = tensor.bits if largest else layer_bounds(layer, tensor).accumulator_bits
        gives = Stream(self.stream.pixels, folding.channels_in, bits, tensor.signed or not largest)
        self._add(
            "pool",
            gives,
            PIXELS=gives.pixels,
            LANES=gives.lanes,
            TAPS=taps,
            BITS=tensor.bits,
            SIGNED=int(tensor.signed),
            MODE="max" if largest else "sum",
            OUT_BITS=bits,
        )
        if not largest:
            channels = np.ones(gives.lanes, np.int64)
            self._requantize(layer.multiplier * channels, layer.shift * channels, layer.output)

    def _requantize(self, multiplier: np.ndarray, shift: np.ndarray, output: Tensor) -> None:
        now = self.stream
        multiplier_bits, shift_bits = (max(1, int(values.max()).bit_length()) for values in (multiplier, shift))
        common = (shift == shift[0]).all()
        shifts = {} if common else {"SHIFTS": channel_image(shift, now.lanes, shift_bits)}
        self._add(
            "requantize",
            Stream(now.pixels, now.lanes, output.bits, output.signed),
            PIXELS=now.pixels,
            LANES=now.lanes,
            FOLDS=len(multiplier) // now.lanes,
            IN_BITS=now.bits,
            OUT_BITS=output.bits,
            OUT_SIGNED=int(output.signed),
            MULTIPLIER_BITS=multiplier_bits,
            SHIFT_BITS=shift_bits,
            COMMON_SHIFT=int(shift[0]) if common else -1,
            MULTIPLIERS=channel_image(multiplier, now.lanes, multiplier_bits),
            **shifts,
        )

    def _argmax(self, tensor: Tensor) -> None:
        if not self.stream.signed:
            self._extend(self.stream.bits + 1)  # argmax compares signed numbers
        gives = Stream(1, 1, max(1, (tensor.size - 1).bit_length()), False)
        self._add("argmax", gives, ELEMENTS=tensor.size, LANES=self.stream.lanes, BITS=self.stream.bits)

    def _extend(self, bits: int) -> None:
        """Unsigned numbers with so many bits instead, so that they are signed ones too: wires."""
        now = self.stream
        gives = replace(now, bits=bits, signed=True)
        words = {"WORD_BITS": gives.width, "WORDS": 1, "LANE_BITS": bits, "ELEMENTS": now.lanes}
        self._add("pack", gives, **words, BITS=now.bits, SIGNED=0)

    def _fifo(self, depth: int) -> None:
        """The layer's last block, for as soon as it is known what joins its beats."""
        self.waiting = (self.layer, depth)

    def _end_layer(self) -> None:
        """Append the FIFO that waits, if one does."""
        if self.waiting is not None:
            (layer, depth), self.waiting = self.waiting, None
            self._append(layer, "fifo", self.stream, {"WIDTH": self.stream.width, "DEPTH": depth})

    def _add(self, module: str, gives: Stream, **parameters: int | str | Image) -> None:
        """Append a block of the current layer; one that joins beats still belongs to the layer before."""
        if self.waiting is not None and module == "regroup" and gives.lanes > self.stream.lanes:
            self._append(self.waiting[0], module, gives, parameters)
            return
        self._end_layer()
        self._append(self.layer, module, gives, parameters)

    def _append(self, layer: str, module: str, gives: Stream, parameters: dict[str, int | str | Image]) -> None:
        """Append a block; an image among its parameters becomes a file, and the parameter that file's name."""
        stem = f"{layer}_{module}"
        same = sum(block.layer == layer and block.module == module for block in self.blocks)
        images = {}
        for key, value in parameters.items():
            if isinstance(value, Image):
                parameters[key] = f"{self.prefix}{layer}_{key.lower()}.hex"
                images[parameters[key]] = value
        name = f"{stem}_{same + 1}" if same else stem
        self.blocks.append(Block(name, module, layer, parameters, self.stream, gives, images))
        self.stream = gives


def _elements_at_once(form: StreamFormat) -> int:
    """Elements that can be packed and unpacked by themselves: those of one word if words hold whole groups of them."""
    if form.pixels == 1 and form.elements_per_group % form.lanes == 0:
        return form.lanes
    return form.elements_per_group
