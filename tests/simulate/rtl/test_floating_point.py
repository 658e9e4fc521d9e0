"""The floating-point operator against NumPy, bit by bit, and its latency and clock enable in a core that uses it."""

import ctypes
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_ips import stream, write_ip

import mlfpga.simulate.rtl
from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip
from mlfpga.simulate.rtl.vendor import cores_of_scripts

ROOM = Path(mlfpga.simulate.rtl.__file__).parent
(BOTH, ADD, SUBTRACT, MULTIPLY, DIVIDE, ROOT, COMPARE, FIXED_TO_FLOAT, FLOAT_TO_FIXED, CONVERT, EXP, LOG, FUSED, FMA,
 FMS, RECIPROCAL, RECIPROCAL_ROOT, ABSOLUTE) = range(18)  # fmt: skip
FORMATS = {np.float16: (16, 11), np.float32: (32, 24), np.float64: (64, 53)}
RAW = {np.float16: np.uint16, np.float32: np.uint32, np.float64: np.uint64}


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    library = tmp_path_factory.mktemp("operator") / "operator.so"
    subprocess.run(
        ["g++", "-O2", "-std=c++20", "-shared", "-fPIC", str(ROOM / "floating_point.cpp"), "-o", str(library)],
        check=True,
    )
    function = ctypes.CDLL(str(library)).mlfpga_float
    function.restype = ctypes.c_uint64
    function.argtypes = [ctypes.c_uint, ctypes.c_int, ctypes.c_int, ctypes.c_uint, *[ctypes.c_uint64] * 3]

    def call(code, formats, a, b=None, c=None, operation=0, fixed_unsigned=False):
        (a_bits, a_fraction), (r_bits, r_fraction) = formats
        packed = a_bits | a_fraction << 8 | r_bits << 16 | r_fraction << 24
        zero = np.zeros(len(a), np.uint64)
        columns = zip(a.tolist(), (zero if b is None else b).tolist(), (zero if c is None else c).tolist(), strict=True)
        return np.array([function(packed, fixed_unsigned, code, operation, *row) for row in columns], np.uint64)

    return call


def operands(kind, seed: int) -> np.ndarray:
    """Numbers over the whole range, near each other, and every special one."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, np.iinfo(RAW[kind]).max, 3000, dtype=RAW[kind], endpoint=True).view(kind)
    near = rng.normal(size=3000).astype(kind)
    info = np.finfo(kind)
    special = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny, -info.tiny, info.tiny / 2]
    return np.concatenate([raw, near, np.array(special, dtype=kind), rng.permutation(np.array(special, dtype=kind))])


def flushed(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) < np.finfo(values.dtype).tiny, np.copysign(values.dtype.type(0), values), values)


def bits(values: np.ndarray) -> np.ndarray:
    """Bit patterns as the core writes them: denormals are zeros, every NaN is the quiet one without sign."""
    kind = values.dtype.type
    quiet = RAW[kind]((1 << FORMATS[kind][0] - 1) - (1 << FORMATS[kind][1] - 2))
    return np.where(np.isnan(values), quiet, flushed(values).view(RAW[kind])).astype(np.uint64)


def raw(values: np.ndarray) -> np.ndarray:
    return values.view(RAW[values.dtype.type]).astype(np.uint64)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("code", "operation", "oracle"),
    [
        (ADD, 0, np.add),
        (SUBTRACT, 0, np.subtract),
        (BOTH, 0, np.add),
        (BOTH, 1, np.subtract),
        (MULTIPLY, 0, np.multiply),
        (DIVIDE, 0, np.divide),
    ],
)
def test_arithmetic_rounds_as_ieee_says(operator, kind, code, operation, oracle):
    a, b = operands(kind, 1), operands(kind, 2)
    with np.errstate(all="ignore"):
        expected = bits(oracle(flushed(a), flushed(b)))
    np.testing.assert_array_equal(operator(code, (FORMATS[kind],) * 2, raw(a), raw(b), operation=operation), expected)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_square_root_reciprocal_and_magnitude(operator, kind):
    a = operands(kind, 3)
    formats = (FORMATS[kind],) * 2
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(operator(ROOT, formats, raw(a)), bits(np.sqrt(flushed(a))))
        np.testing.assert_array_equal(operator(RECIPROCAL, formats, raw(a)), bits(kind(1) / flushed(a)))
        root = np.sqrt(flushed(a).astype(np.longdouble))
        np.testing.assert_array_equal(operator(RECIPROCAL_ROOT, formats, raw(a)), bits((1 / root).astype(kind)))
    np.testing.assert_array_equal(operator(ABSOLUTE, formats, raw(a)), raw(np.abs(a)))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("code", "oracle"), [(EXP, np.exp), (LOG, np.log)])
def test_exponential_and_logarithm_are_rounded_from_higher_precision(operator, kind, code, oracle):
    a = operands(kind, 4)
    with np.errstate(all="ignore"):
        expected = bits(oracle(flushed(a).astype(np.longdouble)).astype(kind))
    np.testing.assert_array_equal(operator(code, (FORMATS[kind],) * 2, raw(a)), expected)


def rounded(value: Fraction, kind) -> float:
    """The nearest number of a format, ties to even; in its normal range."""
    if value == 0:
        return 0.0
    digits = FORMATS[kind][1]
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + digits):
        exponent += 1
    while abs(value) < Fraction(2) ** (exponent + digits - 1):
        exponent -= 1
    return float(round(value / Fraction(2) ** exponent) * Fraction(2) ** exponent)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("code", "operation", "sign"), [(FMA, 0, 1), (FMS, 0, -1), (FUSED, 0, 1), (FUSED, 1, -1)])
def test_fused_operations_round_once(operator, kind, code, operation, sign):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 500)).astype(kind)
    c = (-sign * (a * b)).astype(kind)
    c[::2] = rng.normal(size=250).astype(kind)
    # The sum is a hair below the middle of two numbers; who rounds it to a wider format before takes it for a tie.
    step = kind(2) ** -(FORMATS[kind][1] - 1)
    a[0], b[0], c[0] = step / 2 * (1 + step), 1 - step, sign * (1 + step)
    exact = [
        Fraction(float(x)) * Fraction(float(y)) + sign * Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)
    ]
    expected = bits(np.array([rounded(value, kind) for value in exact], dtype=kind))
    assert expected[0] == raw(np.array([1 + step], kind))[0]
    out = operator(code, (FORMATS[kind],) * 2, raw(a), raw(b), raw(c), operation=operation)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("operation", "oracle"),
    [
        (0x04, lambda a, b: np.isnan(a) | np.isnan(b)),
        (0x0C, np.less),
        (0x14, np.equal),
        (0x1C, np.less_equal),
        (0x24, np.greater),
        (0x2C, np.not_equal),
        (0x34, np.greater_equal),
    ],
)
def test_comparisons_by_operation_code(operator, operation, oracle):
    a, b = operands(np.float32, 6), operands(np.float32, 7)
    b[::3] = a[::3]
    out = operator(COMPARE, ((32, 24), (1, 0)), raw(a), raw(b), operation=operation)
    np.testing.assert_array_equal(out, oracle(flushed(a), flushed(b)))


def test_the_condition_code_has_a_bit_for_each_relation(operator):
    a, b = operands(np.float32, 6), operands(np.float32, 7)
    b[::3] = a[::3]
    x, y = flushed(a), flushed(b)
    expected = (x == y) | (x < y) << 1 | (x > y) << 2 | (np.isnan(x) | np.isnan(y)) << 3
    np.testing.assert_array_equal(operator(COMPARE, ((32, 24), (4, 0)), raw(a), raw(b), operation=0x3C), expected)
    assert set(expected) == {1, 2, 4, 8}


@pytest.mark.parametrize(("source", "target"), [(a, b) for a in FORMATS for b in FORMATS if a is not b])
def test_conversions_between_float_formats(operator, source, target):
    a = operands(source, 8)
    with np.errstate(all="ignore"):
        expected = bits(flushed(a).astype(target))
    np.testing.assert_array_equal(operator(CONVERT, (FORMATS[source], FORMATS[target]), raw(a)), expected)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("width", "integer"), [(32, np.int32), (32, np.uint32), (64, np.int64), (64, np.uint64)])
def test_conversions_from_integers(operator, kind, width, integer):
    rng = np.random.default_rng(9)
    info = np.iinfo(integer)
    a = np.concatenate(
        [rng.integers(info.min, info.max, 3000, dtype=integer, endpoint=True), [info.min, info.max, 0, 1]]
    )
    a = a.astype(integer)
    out = operator(
        FIXED_TO_FLOAT, ((width, 0), FORMATS[kind]), a.view(f"u{width // 8}").astype(np.uint64),
        fixed_unsigned=info.min == 0,
    )  # fmt: skip
    np.testing.assert_array_equal(out, bits(a.astype(kind)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_conversions_to_integers_round_to_even_and_saturate(operator, kind):
    rng = np.random.default_rng(10)
    near = (rng.integers(-1000, 1000, 2000) / 4).astype(kind)  # many ties
    wide = (rng.normal(size=2000) * 2.0**31).astype(kind)
    a = np.concatenate([near, wide, np.array([np.inf, -np.inf, np.nan], kind)])
    expected = np.clip(np.rint(np.nan_to_num(a.astype(np.float64), nan=-np.inf)), -(2.0**31), 2.0**31 - 1)
    out = operator(FLOAT_TO_FIXED, (FORMATS[kind], (32, 0)), raw(a))
    np.testing.assert_array_equal(out.astype(np.uint32).view(np.int32), expected.astype(np.int64))


def test_fixed_point_numbers_have_a_fraction(operator):
    numbers = np.random.default_rng(12).integers(-(2**31), 2**31, 2000)
    fixed = numbers.astype(np.int32).view(np.uint32).astype(np.uint64)
    out = operator(FIXED_TO_FLOAT, ((32, 20), FORMATS[np.float64]), fixed)
    np.testing.assert_array_equal(out, bits(numbers / 2.0**20))
    np.testing.assert_array_equal(operator(FLOAT_TO_FIXED, (FORMATS[np.float64], (32, 20)), out), fixed)


@pytest.mark.parametrize("width", [8, 16, 32])
def test_conversions_saturate_exactly_at_the_ends(operator, width):
    top = 2.0 ** (width - 1)
    values = np.array([top - 1, top - 0.5, top, top + 1, -top, -top - 0.5, -top - 1, np.inf, -np.inf, -0.0, 1e-310])
    expected = [top - 1, top - 1, top - 1, top - 1, -top, -top, -top, top - 1, -top, 0, 0]
    out = operator(FLOAT_TO_FIXED, (FORMATS[np.float64], (width, 0)), raw(values))
    np.testing.assert_array_equal(out, np.array(expected, np.int64) % 2**width)


@pytest.mark.parametrize("nan", [0x7FC00000, 0xFFC00000, 0x7FC00001, 0x7F800001, 0xFF800001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_every_nan_becomes_the_one_quiet_nan(operator, nan):
    pair = np.array([nan, 0x3F800000], np.uint64)
    for code in (ADD, SUBTRACT, MULTIPLY, DIVIDE):
        out = operator(code, ((32, 24), (32, 24)), pair, pair[::-1])
        np.testing.assert_array_equal(out, 0x7FC00000)


def test_denormals_are_zeros_of_their_sign(operator):
    def one(code, a, b):
        a, b = (raw(np.array([value], np.float32)) for value in (a, b))
        return int(operator(code, ((32, 24), (32, 24)), a, b)[0])

    tiny, small, minus_zero = np.finfo(np.float32).tiny, np.float32(1e-40), 1 << 31
    assert one(ADD, -tiny, tiny + small) == 0 and one(ADD, tiny, -tiny - small) == minus_zero
    assert one(ADD, small, small) == 0 and one(ADD, -small, -small) == minus_zero
    assert one(MULTIPLY, small, 3e38) == 0 and one(MULTIPLY, -small, 3e38) == minus_zero
    assert one(MULTIPLY, 0.5, tiny) == 0 and one(MULTIPLY, -0.5, tiny) == minus_zero
    assert one(DIVIDE, 1, small) == 0x7F800000 and one(DIVIDE, 1, -small) == 0xFF800000
    assert one(DIVIDE, -small, tiny) == minus_zero


# A word goes through a core of latency 3; an enable that the reader's TREADY drives holds core and flags alike.
PIPELINE = """
module pipeline (input ap_clk, input ap_rst_n,
    input [31:0] s_axis_TDATA, input s_axis_TLAST, input s_axis_TVALID, output s_axis_TREADY,
    output [31:0] m_axis_TDATA, output m_axis_TLAST, output m_axis_TVALID, input m_axis_TREADY);
wire enable = m_axis_TREADY | ~m_axis_TVALID;
reg [2:0] valids, lasts;
always @(posedge ap_clk)
    if (~ap_rst_n) valids <= 0;
    else if (enable) begin
        valids <= {valids, s_axis_TVALID};
        lasts <= {lasts, s_axis_TLAST};
    end
assign s_axis_TREADY = enable;
assign m_axis_TVALID = valids[2];
assign m_axis_TLAST = lasts[2];
pipeline_fadd_ip core (.aclk(ap_clk), .aclken(enable), .s_axis_a_tvalid(1'b1), .s_axis_a_tdata(s_axis_TDATA),
    .s_axis_b_tvalid(1'b1), .s_axis_b_tdata(32'h3f800000), .m_axis_result_tvalid(), .m_axis_result_tdata(m_axis_TDATA));
endmodule
"""
WRAPPER = """
module pipeline_fadd_ip (input aclk, input aclken, input s_axis_a_tvalid, input [31:0] s_axis_a_tdata,
    input s_axis_b_tvalid, input [31:0] s_axis_b_tdata, output m_axis_result_tvalid, output [31:0] m_axis_result_tdata);
floating_point_v7_1_42 #(.C_XDEVICEFAMILY("zynquplus"), .C_HAS_ADD(1), .C_A_WIDTH(32), .C_A_FRACTION_WIDTH(24),
    .C_RESULT_WIDTH(32), .C_RESULT_FRACTION_WIDTH(24), .C_LATENCY(3), .C_HAS_ACLKEN(1), .C_HAS_B(1), .C_NEWER(0),
    .C_THROTTLE_SCHEME(3)) inst (.aclk(aclk), .aclken(aclken), .aresetn(1'H1), .s_axis_a_tvalid(s_axis_a_tvalid),
    .s_axis_a_tready(), .s_axis_a_tdata(s_axis_a_tdata), .s_axis_b_tvalid(s_axis_b_tvalid),
    .s_axis_b_tdata(s_axis_b_tdata), .m_axis_result_tvalid(m_axis_result_tvalid), .m_axis_result_tready(1'H0),
    .m_axis_result_tdata(m_axis_result_tdata));
endmodule
"""
SCRIPT = """
create_ip -name floating_point -version 7.1 -vendor xilinx.com -library ip -module_name pipeline_fadd_ip
set_property -dict [list CONFIG.a_precision_type Single \\
                         CONFIG.add_sub_value Add \\
                         CONFIG.c_latency 3 \\
                         CONFIG.has_aclken true \\
                         CONFIG.operation_type Add_Subtract] -objects [get_ips pipeline_fadd_ip] -quiet
"""


VHDL = """
ENTITY pipeline_fadd_ip IS
  PORT (aclk : IN STD_LOGIC);
END pipeline_fadd_ip;
ARCHITECTURE arch OF pipeline_fadd_ip IS
  COMPONENT floating_point_v7_1_8 IS
    GENERIC (C_HAS_ADD : INTEGER);
  END COMPONENT;
BEGIN
  U0 : floating_point_v7_1_8
    GENERIC MAP (C_XDEVICEFAMILY => "zynq", C_HAS_ADD => 1, C_HAS_SUBTRACT => 0, C_HAS_B => 1, C_LATENCY => 3,
      C_HAS_ACLKEN => 1, C_ACCUM_LSB => -31)
    PORT MAP (aclk => aclk);
END arch;
"""


@pytest.mark.parametrize("form", ["wrapper", "script", "vhdl"])
def test_a_core_keeps_its_latency_under_stalls(tmp_path, form):
    files = {"hdl/verilog/pipeline.v": PIPELINE}
    files |= {
        "wrapper": {"hdl/ip/fadd_ip.v": WRAPPER},
        "script": {"hdl/ip/fadd_ip.tcl": SCRIPT},
        "vhdl": {"hdl/ip/fadd_ip.vhd": VHDL},
    }[form]
    pins = {name: (role, stream(role, 32, keep=False)) for name, role in (("s_axis", "slave"), ("m_axis", "master"))}
    core = open_ip(write_ip(tmp_path, "pipeline", files, pins))
    values = np.random.default_rng(11).normal(size=200).astype(np.float32)
    for probability in (0, 0.5):
        with RtlSimulation(core) as sim:
            sim.allow("m_axis", None)
            sim.stall("m_axis", probability, 1)
            sim.offer("s_axis", values.view(np.uint32))
            sim.advance(2_000, quiet_cycles=100)
            out, last = sim.collect("m_axis")
            first = sim.stamps("s_axis")[0], sim.stamps("m_axis")[0]
        np.testing.assert_array_equal(out.view(np.float32), values + np.float32(1))
        np.testing.assert_array_equal(np.flatnonzero(last), [199])
        assert probability or first[1] - first[0] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            (".C_HAS_ADD(1)", ".C_HAS_ACCUMULATOR_A(1)"),
            "floating_point_v7_1_42 with C_HAS_ACCUMULATOR_A has no model; replace that operation in the HLS source",
        ),
        (
            (".C_THROTTLE_SCHEME(3)", ".C_THROTTLE_SCHEME(1)"),
            "floating_point_v7_1_42 with flow control (C_THROTTLE_SCHEME 1) has no model",
        ),
    ],
)
def test_what_the_model_does_not_compute_is_refused(tmp_path, change, message):
    files = {"hdl/verilog/pipeline.v": PIPELINE, "hdl/ip/fadd_ip.v": WRAPPER.replace(*change)}
    pins = {name: (role, stream(role, 32, keep=False)) for name, role in (("s_axis", "slave"), ("m_axis", "master"))}
    with pytest.raises(RtlError) as error:
        RtlSimulation(open_ip(write_ip(tmp_path, "pipeline", files, pins)))
    assert str(error.value) == message


def test_a_script_for_another_vendor_core_is_refused(tmp_path):
    script = tmp_path / "core.tcl"
    script.write_text("create_ip -name cordic -vendor xilinx.com -library ip -module_name top_atan_ip\n")
    with pytest.raises(RtlError, match="^core.tcl creates the vendor core cordic, which has no model$"):
        cores_of_scripts([script], set())
    assert cores_of_scripts([script], {"top_atan_ip"}) == []


def test_a_script_says_operation_formats_and_latency(tmp_path):
    script = tmp_path / "core.tcl"
    script.write_text(
        "create_ip -name floating_point -version 7.1 -vendor xilinx.com -library ip -module_name top_sitofp_ip\n"
        "set_property -dict [list CONFIG.operation_type {Fixed_to_float} CONFIG.a_precision_type {Int32} "
        "CONFIG.result_precision_type {Double} CONFIG.c_latency 4] [get_ips top_sitofp_ip]\n"
    )
    (core,) = cores_of_scripts([script], set())
    parameters = dict(core.parameters)
    assert core.module == "top_sitofp_ip"
    assert {name: value for name, value in parameters.items() if name.startswith("C_HAS_") and value} == {
        "C_HAS_FIX_TO_FLT": 1
    }
    assert [parameters[f"C_{name}"] for name in ("A_WIDTH", "A_FRACTION_WIDTH", "RESULT_WIDTH", "LATENCY")] == [
        *(32, 0, 64, 4)
    ]
