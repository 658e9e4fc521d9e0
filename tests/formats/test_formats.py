"""Fixed-point numbers agree with exact arithmetic; stream words hold what the layout says, and nothing is lost."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlfpga.formats import FixedPoint, FormatError, RangeError, StreamFormat

# What ap_fixed's quantization modes mean (AMD UG1399), in exact arithmetic.
ORACLE = {
    "TRN": math.floor,
    "TRN_ZERO": math.trunc,
    "RND": lambda v: math.floor(v + Fraction(1, 2)),
    "RND_MIN_INF": lambda v: math.ceil(v - Fraction(1, 2)),
    "RND_INF": lambda v: (1 if v > 0 else -1) * math.floor(abs(v) + Fraction(1, 2)),
    "RND_ZERO": lambda v: (1 if v > 0 else -1) * math.ceil(abs(v) - Fraction(1, 2)),
    "RND_CONV": round,
}

formats = st.builds(
    FixedPoint,
    width=st.integers(1, 53),
    integer=st.integers(-10, 60),
    signed=st.booleans(),
    rounding=st.sampled_from(sorted(ORACLE)),
)


@given(form=formats, values=st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=20))
def test_quantizing_agrees_with_exact_arithmetic_and_saturates_at_the_ends(form, values):
    raw = form.to_raw(values, saturate=True)
    for value, got in zip(values, raw, strict=True):
        if math.isinf(value):
            expected = form.raw_maximum if value > 0 else form.raw_minimum
        else:
            exact = ORACLE[form.rounding](Fraction(value) * Fraction(2) ** form.fraction)
            expected = min(max(exact, form.raw_minimum), form.raw_maximum)
        assert got == expected


@given(form=formats, data=st.data())
def test_every_raw_number_survives_the_way_to_reality_and_back(form, data):
    raw = data.draw(st.lists(st.integers(form.raw_minimum, form.raw_maximum), min_size=1))
    assert form.to_raw(form.from_raw(raw)).tolist() == raw


def test_the_value_just_below_one_half_is_not_rounded_up():
    assert FixedPoint(8, 8, rounding="RND").to_raw(0.49999999999999994) == 0


@pytest.mark.parametrize("form", ["fixed<64,64>", "ufixed<64,64>", "fixed<64,1>"])
def test_sixty_four_bits_saturate_at_their_own_ends(form):
    form = FixedPoint.parse(form)
    raw = form.to_raw([math.inf, -math.inf], saturate=True)
    assert [int(value) for value in raw] == [form.raw_maximum, form.raw_minimum]


def test_ranges_are_those_of_the_data_type():
    form = FixedPoint(16, 6)
    assert (form.step, form.minimum, form.maximum) == (2**-10, -32.0, 32 - 2**-10)
    form = FixedPoint(8, 0, signed=False)
    assert (form.step, form.minimum, form.maximum) == (2**-8, 0.0, 255 / 256)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("fixed<16,6>", "fixed<16,6>"),
        ("ap_fixed<16,6,AP_TRN,AP_WRAP,0>", "fixed<16,6>"),
        (" ap_ufixed< 8, 0, AP_RND, AP_SAT > ", "ufixed<8,0,RND,SAT>"),
        ("fixed<6,-2,RND_CONV,SAT_SYM>", "fixed<6,-2,RND_CONV,SAT_SYM>"),
    ],
)
def test_hls_spellings_are_read_and_written_short(text, short):
    assert str(FixedPoint.parse(text)) == short
    assert FixedPoint.parse(short) == FixedPoint.parse(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FixedPoint.parse("float"), "'float' is not a fixed-point format; write fixed<16,6>, ufixed<8,0> or "
         "fixed<16,6,RND,SAT>"),
        (lambda: FixedPoint(0, 0), "fixed-point width 0 is not supported; choose 1 to 64 bits"),
        (lambda: FixedPoint(65, 0), "fixed-point width 65 is not supported; choose 1 to 64 bits"),
        (lambda: FixedPoint(8, 0, rounding="UP"), "rounding 'UP' does not exist; choose one of TRN, TRN_ZERO, RND, "
         "RND_MIN_INF, RND_INF, RND_ZERO, RND_CONV"),
        (lambda: FixedPoint(8, 0, overflow="CLIP"), "overflow 'CLIP' does not exist; choose one of WRAP, SAT, "
         "SAT_ZERO, SAT_SYM, WRAP_SM"),
        (lambda: StreamFormat(FixedPoint(8, 0), (4,), 24), "stream width 24 is not supported; choose 32 or 64"),
        (lambda: StreamFormat(FixedPoint(8, 0), ()), "sample shape () has no elements; give at least one axis, none of "
         "length 0"),
        (lambda: StreamFormat(FixedPoint(33, 0), (4,)), "a fixed<33,0> element needs a lane of 64 bits, more than the "
         "stream width 32; choose stream width 64 or a number of at most 32 bits"),
    ],
)  # fmt: skip
def test_formats_that_do_not_exist_are_refused(make, message):
    with pytest.raises(FormatError) as caught:
        make()
    assert str(caught.value) == message


def test_a_value_out_of_range_is_named_with_the_range_and_the_way_out():
    with pytest.raises(RangeError) as caught:
        FixedPoint.parse("ufixed<8,0>").to_raw([0.5, 1.5, -1.0])
    assert str(caught.value) == (
        "2 of 3 values are outside ufixed<8,0>, which holds 0 to 0.996094 (the first is 1.5); scale the data, "
        "or pass saturate=True to clip it"
    )


@pytest.mark.parametrize("values", [["1"], [1j], [None]])
def test_what_is_no_real_number_is_refused(values):
    values = np.array(values)
    with pytest.raises(FormatError) as caught:
        FixedPoint(8, 8).to_raw(values, saturate=True)
    assert str(caught.value) == f"values are {values.dtype}; fixed<8,8> takes real numbers"


@pytest.mark.parametrize("saturate", [False, True])
def test_nan_is_never_a_number(saturate):
    with pytest.raises(RangeError) as caught:
        FixedPoint(8, 0).to_raw([0.0, math.nan], saturate)
    assert str(caught.value) == "1 of 2 values are NaN; fixed<8,0> cannot hold them"


def smallest_by_search(values) -> tuple[int, int, bool]:
    """Width, integer bits and sign, by trying: the coarsest step that divides all, then one bit more until all fit."""
    fractions = [Fraction(value) for value in values]
    step = Fraction(2) ** 40
    while any(value % step for value in fractions):
        step /= 2
    signed = any(value < 0 for value in fractions)
    width = 1
    while True:
        low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
        if all(low <= value / step <= high for value in fractions):
            return width, width + int(math.log2(step)), signed
        width += 1


@given(
    form=st.builds(FixedPoint, width=st.integers(1, 32), integer=st.integers(-10, 40), signed=st.booleans()),
    data=st.data(),
)
def test_the_exact_format_is_the_smallest_that_holds_every_value(form, data):
    raw = data.draw(st.lists(st.integers(form.raw_minimum, form.raw_maximum), min_size=1, max_size=9).filter(any))
    values = form.from_raw(raw)
    made = FixedPoint.exact(values.astype(np.float64))
    assert (made.width, made.integer, made.signed) == smallest_by_search(values)
    assert made.from_raw(made.to_raw(values)).tolist() == values.tolist()
    assert made.width <= form.width


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, -0.0], "ufixed<1,1>"),
        ([1.0], "ufixed<1,1>"),
        ([-1.0], "fixed<1,1>"),
        ([-1.0, 1.0], "fixed<2,2>"),
        ([[-0.5, 0.25]], "fixed<2,0>"),
        ([0.0, 96.0], "ufixed<2,7>"),
        ([2.0**-20], "ufixed<1,-19>"),
        (np.float32([0.1]), "ufixed<24,-3>"),
        (np.array([3, -128]), "fixed<8,8>"),
        (np.array([True]), "ufixed<1,1>"),
        (5e-324, "ufixed<1,-1073>"),
    ],
)
def test_exact_formats_known_by_hand(values, expected):
    assert str(FixedPoint.exact(values)) == expected


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FixedPoint.exact([1.0, 2.0**-8], max_width=8), FormatError, "values up to 1 in steps of 0.00390625 "
         "need 9 bits, more than max_width 8; round them to fewer bits first (quantize the model), or allow a larger "
         "max_width"),
        (lambda: FixedPoint.exact([0.1]), FormatError, "values up to 0.1 in steps of 2.77556e-17 need 52 bits, more "
         "than max_width 32; round them to fewer bits first (quantize the model), or allow a larger max_width"),
        (lambda: FixedPoint.exact([1.0], 65), FormatError, "max_width 65 is not supported; choose 1 to 64 bits"),
        (lambda: FixedPoint.exact(np.zeros((3, 0))), FormatError, "values of shape (3, 0) hold no number; give at "
         "least one"),
        (lambda: FixedPoint.exact(["1"]), FormatError, "values are <U1; a fixed-point format holds real numbers"),
        (lambda: FixedPoint.exact([1.0, math.nan, -math.inf]), RangeError, "2 of 3 values are NaN or infinite; no "
         "fixed-point format holds them"),
    ],
)  # fmt: skip
def test_values_that_no_small_format_holds_are_refused(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def lanes_by_hand(raw, form):
    """The words of one sample, built bit by bit from the layout's description."""
    words = []
    for group in np.asarray(raw, dtype=object).reshape(-1, form.shape[-1]):
        group = list(group)
        while group:
            word = 0
            for lane in range(form.stream_bits // form.lane_bits):
                if group:
                    word |= (int(group.pop(0)) % (1 << form.lane_bits)) << (lane * form.lane_bits)
            words.append(word)
    return words


streams = st.builds(
    StreamFormat,
    number=st.builds(FixedPoint, width=st.integers(1, 32), integer=st.integers(-4, 40), signed=st.booleans()),
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    stream_bits=st.sampled_from([32, 64]),
)


@settings(deadline=None)
@given(form=streams, samples=st.integers(0, 3), data=st.data())
def test_words_are_laid_out_as_described_and_come_back(form, samples, data):
    size = samples * math.prod(form.shape)
    ends = st.integers(form.number.raw_minimum, form.number.raw_maximum)
    raw = np.array(data.draw(st.lists(ends, min_size=size, max_size=size)), dtype=np.int64).reshape(-1, *form.shape)
    words = form.pack(raw)
    assert words.dtype == form.word_dtype and words.shape == (samples, form.words_per_sample)
    for sample, row in zip(raw, words, strict=True):
        assert row.tolist() == lanes_by_hand(sample, form)
    assert (form.unpack(words) == raw).all()
    assert StreamFormat.from_dict(form.to_dict()) == form


def test_three_colours_travel_in_one_word():
    form = StreamFormat(FixedPoint(8, 0, signed=False), (2, 2, 3))
    assert form.words_per_sample == 4
    assert form.pack(np.arange(12).reshape(1, 2, 2, 3))[0, :2].tolist() == [0x020100, 0x050403]


def test_neighbouring_pixels_travel_in_one_word():
    form = StreamFormat(FixedPoint(8, 0, signed=False), (28, 28, 1), 32, pixels=4)
    assert (form.groups, form.elements_per_group, form.words_per_sample) == (196, 4, 196)
    raw = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1))
    words = form.pack(raw)
    assert (words == raw.astype("u1").reshape(2, -1).view("<u4")).all()
    assert (form.unpack(words) == raw).all()
    assert form.to_dict()["pixels"] == 4 and StreamFormat.from_dict(form.to_dict()) == form


def test_a_group_of_several_pixels_begins_at_a_new_word():
    form = StreamFormat(FixedPoint(8, 0, signed=False), (1, 4, 3), pixels=2)
    assert form.words_per_sample == 4
    assert form.pack(np.arange(12).reshape(1, 1, 4, 3)).tolist() == [[0x03020100, 0x0504, 0x09080706, 0x0B0A]]


def test_pixels_are_only_spoken_of_where_there_are_several():
    assert "pixels" not in StreamFormat(FixedPoint(8, 0), (4, 4, 2)).to_dict()


@pytest.mark.parametrize(
    ("shape", "pixels", "message"),
    [
        ((2, 6, 3), 4, "4 pixels together do not divide the 6 of a row of shape (2, 6, 3); choose one of 1, 2, 3, 6"),
        ((2, 6, 3), 0, "0 pixels together do not divide the 6 of a row of shape (2, 6, 3); choose one of 1, 2, 3, 6"),
        ((8,), 2, "2 pixels together do not divide the 1 of a row of shape (8,); choose one of 1"),
    ],
)
def test_pixels_that_do_not_divide_a_row_are_refused(shape, pixels, message):
    with pytest.raises(FormatError) as caught:
        StreamFormat(FixedPoint(8, 0), shape, pixels=pixels)
    assert str(caught.value) == message


def test_shapes_that_do_not_fit_are_named():
    form = StreamFormat(FixedPoint(8, 1, signed=False), (64,))
    for wrong in ((64,), (2, 63), (2, 64, 1)):
        with pytest.raises(FormatError) as caught:
            form.encode(np.zeros(wrong))
        assert str(caught.value) == f"input has shape {wrong}; expected (n, 64), n samples of (64,)"
    with pytest.raises(FormatError) as caught:
        form.unpack(np.zeros(17, np.uint32))
    assert str(caught.value) == "17 words are not whole samples of 16 words"


def test_raw_values_too_wide_for_the_number_are_refused_although_the_lane_would_hold_them():
    form = StreamFormat(FixedPoint(6, 1), (4,))
    with pytest.raises(RangeError) as caught:
        form.pack(np.array([[0, 31, 32, -32]]))
    assert str(caught.value) == "raw values -32 to 32 do not fit fixed<6,1>, whose raw range is -32 to 31"


def test_a_stated_word_count_that_contradicts_the_rest_is_refused():
    entry = StreamFormat(FixedPoint(8, 1), (10,)).to_dict() | {"words_per_sample": 4}
    with pytest.raises(FormatError) as caught:
        StreamFormat.from_dict(entry)
    assert str(caught.value) == ("words_per_sample 4 contradicts fixed<8,1> (10,) on a 32-bit stream, which takes 3")
