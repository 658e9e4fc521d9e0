"""Fixed-point numbers and stream words: what crosses the wire between software and an accelerator.

Two ideas, and everything that moves uses both:

* `FixedPoint`: a number is a *raw* integer times a power of two (AMD UG1399, "Arbitrary Precision Fixed-Point Data
  Types": `ap_fixed<W, I, Q, O>` has W bits in all, I of them before the binary point).
* `StreamFormat`: the raw numbers of one sample, laid side by side in the words of an AXI4-Stream.

Only NumPy is needed and nothing else of mlfpga, because a copy of this very file travels to the board in each bundle.
"""

import re
from dataclasses import dataclass
from math import prod

import numpy as np

__all__ = ["FixedPoint", "FormatError", "RangeError", "StreamFormat"]

_NUMBER = re.compile(r"(?:ap_)?(u?)fixed<\s*(\d+)\s*,\s*(-?\d+)\s*(?:,\s*(\w+)\s*)?(?:,\s*(\w+)\s*)?(?:,\s*0\s*)?>")
# Quantization modes of ap_fixed (UG1399), on numbers already scaled so that the step is 1. Ties are found from the
# exact remainder: adding one half first would round the double just below one half up.
_ROUNDING = {
    "TRN": np.floor,
    "TRN_ZERO": np.trunc,
    "RND": lambda x: np.floor(x) + (x - np.floor(x) >= 0.5),
    "RND_MIN_INF": lambda x: np.ceil(x) - (np.ceil(x) - x >= 0.5),
    "RND_INF": lambda x: np.copysign(np.floor(abs(x)) + (abs(x) - np.floor(abs(x)) >= 0.5), x),
    "RND_ZERO": lambda x: np.copysign(np.ceil(abs(x)) - (np.ceil(abs(x)) - abs(x) >= 0.5), x),
    "RND_CONV": np.rint,
}
_OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM", "WRAP_SM")
_STREAM_BITS = (32, 64)
_LANE_BITS = (8, 16, 32, 64)


class FormatError(ValueError):
    """A format that does not exist, or data of a shape that does not fit it."""


class RangeError(ValueError):
    """A value that the format cannot hold."""


@dataclass(frozen=True)
class FixedPoint:
    """A fixed-point format: `width` bits in all, `integer` of them before the binary point (sign included).

    `integer` may be negative or larger than `width`, as in `ap_fixed`. `rounding` is one of ap_fixed's quantization
    modes without their `AP_`: "TRN" (towards minus infinity), "RND" (to nearest, ties towards plus infinity), …;
    `overflow` likewise: what the hardware does with a result that does not fit. Software never wraps: see `to_raw`.
    """

    width: int
    integer: int
    signed: bool = True
    rounding: str = "TRN"
    overflow: str = "WRAP"

    def __post_init__(self):
        if not 1 <= self.width <= 64:
            raise FormatError(f"fixed-point width {self.width} is not supported; choose 1 to 64 bits")
        if self.rounding not in _ROUNDING:
            raise FormatError(f"rounding {self.rounding!r} does not exist; choose one of {', '.join(_ROUNDING)}")
        if self.overflow not in _OVERFLOW:
            raise FormatError(f"overflow {self.overflow!r} does not exist; choose one of {', '.join(_OVERFLOW)}")

    @classmethod
    def parse(cls, text: str) -> "FixedPoint":
        """Read `fixed<16,6>` or `ufixed<8,0,RND,SAT>` as hls4ml writes it, `ap_fixed<16,6,AP_RND,AP_SAT,0>` as C++."""
        match = _NUMBER.fullmatch(str(text).strip())
        if not match:
            raise FormatError(
                f"{text!r} is not a fixed-point format; write fixed<16,6>, ufixed<8,0> or fixed<16,6,RND,SAT>"
            )
        unsigned, width, integer, rounding, overflow = match.groups()
        return cls(
            int(width),
            int(integer),
            not unsigned,
            (rounding or "TRN").removeprefix("AP_"),
            (overflow or "WRAP").removeprefix("AP_"),
        )

    @classmethod
    def exact(cls, values, max_width: int = 32) -> "FixedPoint":
        """The narrowest format that holds every one of `values` (any shape) exactly; signed if one is negative.

        Its step is the largest power of two that divides them all, so `integer` may be negative or larger than `width`.
        All zeros give ufixed<1,1>. Raises FormatError if that takes more than `max_width` (1 … 64) bits or if there is
        no value, RangeError for NaN and infinities.
        """
        if not 1 <= max_width <= 64:
            raise FormatError(f"max_width {max_width} is not supported; choose 1 to 64 bits")
        x = np.asarray(values)
        if x.dtype.kind not in "biuf":
            raise FormatError(f"values are {x.dtype}; a fixed-point format holds real numbers")
        if not x.size:
            raise FormatError(f"values of shape {x.shape} hold no number; give at least one")
        x = x.astype(np.float64).ravel()
        if not np.isfinite(x).all():
            raise RangeError(
                f"{int((~np.isfinite(x)).sum())} of {x.size} values are NaN or infinite; no fixed-point format holds "
                "them"
            )
        x = x[x != 0]
        if not x.size:
            return cls(1, 1, signed=False)
        # |x| = mantissa · 2^exponent with 1/2 ≤ mantissa < 1. As a 53-bit integer, the mantissa shows its lowest one.
        mantissa, exponent = np.frexp(x)
        whole = np.abs(mantissa * 2.0**53).astype(np.int64)
        lowest = int((exponent - 53 + np.frexp((whole & -whole).astype(np.float64))[1] - 1).min())
        signed = bool((x < 0).any())
        # A sign takes one bit more, except that two's complement reaches -2^n with the bits that end below +2^n.
        integer = int((exponent + (signed & (mantissa != -0.5))).max())
        width = integer - lowest
        if width > max_width:
            raise FormatError(
                f"values up to {np.abs(x).max():g} in steps of {2.0**lowest:g} need {width} bits, more than max_width "
                f"{max_width}; round them to fewer bits first (quantize the model), or allow a larger max_width"
            )
        return cls(width, integer, signed)

    def __str__(self) -> str:
        modes = "" if (self.rounding, self.overflow) == ("TRN", "WRAP") else f",{self.rounding},{self.overflow}"
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    @property
    def fraction(self) -> int:
        """Bits after the binary point."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """Distance between neighbouring values."""
        return 2.0**-self.fraction

    @property
    def raw_minimum(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def raw_maximum(self) -> int:
        return (1 << (self.width - 1)) - 1 if self.signed else (1 << self.width) - 1

    @property
    def minimum(self) -> float:
        return self.raw_minimum * self.step

    @property
    def maximum(self) -> float:
        return self.raw_maximum * self.step

    def to_raw(self, x, saturate: bool = False) -> np.ndarray:
        """Quantize real numbers to raw integers (int64; uint64 for unsigned 64-bit formats), same shape as `x`.

        A value outside the range raises RangeError, or becomes the nearest end of the range if `saturate` is true;
        NaN always raises. Exact for all widths up to 53 bits, the precision of a double. Raises FormatError for values
        that are no real numbers.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise FormatError(f"values are {x.dtype}; {self} takes real numbers")
        x = x.astype(np.float64)
        if np.isnan(x).any():
            raise RangeError(f"{int(np.isnan(x).sum())} of {x.size} values are NaN; {self} cannot hold them")
        # Infinities are out of range whatever the rounding; beyond 2**65 nothing fits 64 bits, so they may stand there.
        with np.errstate(over="ignore"):
            scaled = np.clip(np.ldexp(x, self.fraction), -(2.0**65), 2.0**65)
        rounded = _ROUNDING[self.rounding](scaled)
        outside = (rounded < self.raw_minimum) | (rounded > self.raw_maximum)
        if outside.any() and not saturate:
            worst = x[outside].flat[0]
            raise RangeError(
                f"{int(outside.sum())} of {x.size} values are outside {self}, which holds {self.minimum:g} to "
                f"{self.maximum:g} (the first is {worst:g}); scale the data, or pass saturate=True to clip it"
            )
        low, high = outside & (rounded < 0), outside & (rounded > 0)
        raw = np.where(outside, 0, rounded).astype(self._raw_dtype)
        raw[low], raw[high] = self.raw_minimum, self.raw_maximum
        return raw

    def from_raw(self, raw) -> np.ndarray:
        """Real numbers (float64) that raw integers stand for."""
        return np.ldexp(np.asarray(raw).astype(np.float64), -self.fraction)

    @property
    def _raw_dtype(self):
        return np.uint64 if not self.signed and self.width == 64 else np.int64


@dataclass(frozen=True)
class StreamFormat:
    """How one sample travels as AXI4-Stream words.

    number       the format of each element
    shape        of one sample, e.g. (64,) or (28, 28, 1)
    stream_bits  TDATA's width, 32 or 64
    pixels       how many neighbours on the last axis but one travel together

    The last axis is what the hardware takes at once: a whole vector, or the channels of one pixel (with `pixels`, those
    of so many neighbouring pixels). Such a *group* starts at a new word. Each element stands in a *lane*, the narrowest
    of 8, 16, 32 or 64 bits that holds it, first element in the lowest bits, sign-extended; lanes left over in a group's
    last word are zero. So a sample is a plain array of small integers in memory, and packing it costs a copy at most.
    """

    number: FixedPoint
    shape: tuple[int, ...]
    stream_bits: int = 32
    pixels: int = 1

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        if self.stream_bits not in _STREAM_BITS:
            raise FormatError(f"stream width {self.stream_bits} is not supported; choose 32 or 64")
        if not self.shape or min(self.shape) < 1:
            raise FormatError(f"sample shape {self.shape} has no elements; give at least one axis, none of length 0")
        if self.lane_bits > self.stream_bits:
            raise FormatError(
                f"a {self.number} element needs a lane of {self.lane_bits} bits, more than the stream width "
                f"{self.stream_bits}; choose stream width 64 or a number of at most 32 bits"
            )
        neighbours = self.shape[-2] if len(self.shape) > 1 else 1
        if self.pixels < 1 or neighbours % self.pixels:
            possible = ", ".join(str(n) for n in range(1, neighbours + 1) if neighbours % n == 0)
            raise FormatError(
                f"{self.pixels} pixels together do not divide the {neighbours} of a row of shape {self.shape}; choose "
                f"one of {possible}"
            )

    @property
    def lane_bits(self) -> int:
        return next(bits for bits in _LANE_BITS if bits >= self.number.width)

    @property
    def lanes(self) -> int:
        """Elements in one word."""
        return self.stream_bits // self.lane_bits

    @property
    def elements_per_group(self) -> int:
        return self.pixels * self.shape[-1]

    @property
    def groups(self) -> int:
        """Groups in one sample."""
        return prod(self.shape[:-1]) // self.pixels

    @property
    def words_per_group(self) -> int:
        return -(-self.elements_per_group // self.lanes)

    @property
    def words_per_sample(self) -> int:
        return self.groups * self.words_per_group

    @property
    def bytes_per_sample(self) -> int:
        return self.words_per_sample * self.stream_bits // 8

    @property
    def word_dtype(self) -> np.dtype:
        return np.dtype(f"<u{self.stream_bits // 8}")

    @property
    def _lane_dtype(self) -> np.dtype:
        return np.dtype(f"<{'i' if self.number.signed else 'u'}{self.lane_bits // 8}")

    def pack(self, raw) -> np.ndarray:
        """Raw integers (n, *shape) to words (n, words_per_sample) of `word_dtype`.

        Raises FormatError for another shape, RangeError for an integer that the number's width cannot hold.
        """
        raw = self._samples(raw)
        if raw.size and (raw.min() < self.number.raw_minimum or raw.max() > self.number.raw_maximum):
            raise RangeError(
                f"raw values {raw.min()} to {raw.max()} do not fit {self.number}, whose raw range is "
                f"{self.number.raw_minimum} to {self.number.raw_maximum}"
            )
        lanes = np.zeros((len(raw), self.groups, self.words_per_group * self.lanes), dtype=self._lane_dtype)
        lanes[..., : self.elements_per_group] = raw.reshape(len(raw), self.groups, self.elements_per_group)
        return lanes.view(self.word_dtype).reshape(len(raw), self.words_per_sample)

    def unpack(self, words) -> np.ndarray:
        """Words (n, words_per_sample), or the same words in one row, to raw integers (n, *shape)."""
        words = np.ascontiguousarray(words, dtype=self.word_dtype)
        if words.size % self.words_per_sample:
            raise FormatError(f"{words.size} words are not whole samples of {self.words_per_sample} words")
        lanes = words.reshape(-1, self.groups, self.words_per_group).view(self._lane_dtype)
        raw = lanes[..., : self.elements_per_group].reshape(-1, *self.shape)
        return raw.astype(self.number._raw_dtype)

    def encode(self, x, saturate: bool = False) -> np.ndarray:
        """Real numbers (n, *shape) to words (n, words_per_sample); see FixedPoint.to_raw for values out of range."""
        return self.pack(self.number.to_raw(self._samples(x), saturate))

    def decode(self, words) -> np.ndarray:
        """Words to real numbers (n, *shape), float64."""
        return self.number.from_raw(self.unpack(words))

    def to_dict(self) -> dict:
        return {
            "number": str(self.number),
            "shape": list(self.shape),
            "stream_bits": self.stream_bits,
            **({} if self.pixels == 1 else {"pixels": self.pixels}),
            "words_per_sample": self.words_per_sample,
        }

    @classmethod
    def from_dict(cls, entry: dict) -> "StreamFormat":
        """The inverse of `to_dict`; a `words_per_sample` that contradicts the rest raises FormatError."""
        number, shape = FixedPoint.parse(entry["number"]), tuple(entry["shape"])
        made = cls(number, shape, entry["stream_bits"], entry.get("pixels", 1))
        stated = entry.get("words_per_sample", made.words_per_sample)
        if stated != made.words_per_sample:
            raise FormatError(
                f"words_per_sample {stated} contradicts {made.number} {made.shape} on a {made.stream_bits}-bit stream, "
                f"which takes {made.words_per_sample}"
            )
        return made

    def _samples(self, x) -> np.ndarray:
        x = np.asarray(x)
        if x.shape[1:] != self.shape or x.ndim != len(self.shape) + 1:
            raise FormatError(
                f"input has shape {x.shape}; expected (n, {', '.join(map(str, self.shape))}), n samples of {self.shape}"
            )
        return x
