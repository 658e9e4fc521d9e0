// Arithmetic of the floating-point operator (AMD PG060): rounding to nearest, ties to even; a denormal operand counts as
// a zero of its sign and a denormal result becomes one; every NaN is the quiet one without sign.

#include <cmath>
#include <cstdint>

namespace {

// The order is that of `Function` in floating_point.sv.
enum Function {
    ADD_OR_SUBTRACT, ADD, SUBTRACT, MULTIPLY, DIVIDE, SQUARE_ROOT, COMPARE, FIXED_TO_FLOAT, FLOAT_TO_FIXED,
    FLOAT_TO_FLOAT, EXPONENTIAL, LOGARITHM, FUSED_EITHER, FUSED_ADD, FUSED_SUBTRACT, RECIPROCAL,
    RECIPROCAL_SQUARE_ROOT, ABSOLUTE
};

// `fraction` counts the hidden bit too, as the core's parameters do: single precision is {32, 24}.
struct Format {
    int bits, fraction;
    int exponent_bits() const { return bits - fraction; }
    int fields() const { return fraction - 1; }
    int bias() const { return (1 << (exponent_bits() - 1)) - 1; }
    uint64_t exponent_mask() const { return (uint64_t{1} << exponent_bits()) - 1; }
};

uint64_t low_bits(uint64_t value, int bits) { return bits >= 64 ? value : value & ((uint64_t{1} << bits) - 1); }

// Exact: no format is wider than double precision.
double decoded(uint64_t raw, Format format) {
    const bool negative = raw >> (format.bits - 1) & 1;
    const uint64_t exponent = raw >> format.fields() & format.exponent_mask();
    const uint64_t fraction = low_bits(raw, format.fields());
    double value;
    if (exponent == 0) value = 0;
    else if (exponent == format.exponent_mask()) value = fraction ? NAN : INFINITY;
    else value = std::ldexp(static_cast<double>(fraction | uint64_t{1} << format.fields()),
                            static_cast<int>(exponent) - format.bias() - format.fields());
    return negative ? -value : value;
}

uint64_t encoded(long double value, Format format) {
    const uint64_t infinity = format.exponent_mask() << format.fields();
    if (std::isnan(value)) return infinity | uint64_t{1} << (format.fields() - 1);
    const uint64_t sign = uint64_t{std::signbit(value)} << (format.bits - 1);
    if (std::isinf(value)) return sign | infinity;
    int exponent;
    const long double part = std::frexp(std::fabs(value), &exponent);
    if (part == 0) return sign;
    auto significand = static_cast<uint64_t>(std::rint(std::ldexp(part, format.fraction)));
    if (significand >> format.fraction) {
        significand >>= 1;
        ++exponent;
    }
    const int field = exponent - 1 + format.bias();
    if (field <= 0) return sign;
    if (field >= static_cast<int>(format.exponent_mask())) return sign | infinity;
    return sign | static_cast<uint64_t>(field) << format.fields() | low_bits(significand, format.fields());
}

// For a result that double precision rounds once and the target format would round again. With at most 25 bits of
// significand the second rounding changes nothing for + - * / and the square root (Figueroa, "When is double rounding
// innocuous?", 1995); double precision itself is rounded only once.
uint64_t fused(double a, double b, double c, Format format) {
    if (format.bits == 32 && format.fraction == 24)
        return encoded(std::fmaf(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c)), format);
    return encoded(std::fma(a, b, c), format);
}

// Operation codes of PG060, table "Encoding of S_AXIS_OPERATION_TDATA": bits 5…3 say which comparison.
uint64_t compared(double a, double b, unsigned operation) {
    const bool unordered = std::isnan(a) || std::isnan(b);
    switch (operation >> 3 & 7) {
        case 0: return unordered;
        case 1: return a < b;
        case 2: return a == b;
        case 3: return a <= b;
        case 4: return a > b;
        case 5: return unordered || a != b;
        case 6: return a >= b;
        default: return uint64_t{unordered} << 3 | uint64_t{a > b} << 2 | uint64_t{a < b} << 1 | uint64_t{a == b};
    }
}

uint64_t from_fixed(uint64_t raw, Format fixed, bool is_unsigned, Format format) {
    raw = low_bits(raw, fixed.bits);
    const bool negative = !is_unsigned && raw >> (fixed.bits - 1) & 1;
    const uint64_t magnitude = negative ? low_bits(~raw + 1, fixed.bits) : raw;
    const long double value = std::ldexp(static_cast<long double>(magnitude), -fixed.fraction);
    return encoded(negative ? -value : value, format);
}

// Saturates; NaN gives the most negative number.
uint64_t to_fixed(double value, Format fixed) {
    const uint64_t most_negative = uint64_t{1} << (fixed.bits - 1);
    const long double scaled = std::rint(std::ldexp(static_cast<long double>(value), fixed.fraction));
    if (std::isnan(value) || scaled < -static_cast<long double>(most_negative)) return most_negative;
    if (scaled >= static_cast<long double>(most_negative)) return most_negative - 1;
    return low_bits(static_cast<uint64_t>(static_cast<int64_t>(scaled)), fixed.bits);
}

}  // namespace

// `formats`: width of A, its fraction width, width of the result, its fraction width; eight bits each, lowest first.
extern "C" unsigned long long mlfpga_float(unsigned formats, int fixed_unsigned, int function, unsigned operation,
                                           unsigned long long raw_a, unsigned long long raw_b,
                                           unsigned long long raw_c) {
    const Format in{static_cast<int>(formats & 255), static_cast<int>(formats >> 8 & 255)};
    const Format out{static_cast<int>(formats >> 16 & 255), static_cast<int>(formats >> 24 & 255)};
    if (function == FIXED_TO_FLOAT) return from_fixed(raw_a, in, fixed_unsigned, out);
    if (function == ABSOLUTE) return low_bits(raw_a, in.bits - 1);
    const double a = decoded(raw_a, in), b = decoded(raw_b, in), c = decoded(raw_c, in);
    switch (function) {
        case ADD_OR_SUBTRACT: return encoded(operation & 1 ? a - b : a + b, out);
        case ADD: return encoded(a + b, out);
        case SUBTRACT: return encoded(a - b, out);
        case MULTIPLY: return encoded(a * b, out);
        case DIVIDE: return encoded(a / b, out);
        case SQUARE_ROOT: return encoded(std::sqrt(a), out);
        case COMPARE: return compared(a, b, operation);
        case FLOAT_TO_FIXED: return to_fixed(a, out);
        case FLOAT_TO_FLOAT: return encoded(a, out);
        case EXPONENTIAL: return encoded(std::exp(static_cast<long double>(a)), out);
        case LOGARITHM: return encoded(std::log(static_cast<long double>(a)), out);
        case FUSED_EITHER: return fused(a, b, operation & 1 ? -c : c, out);
        case FUSED_ADD: return fused(a, b, c, out);
        case FUSED_SUBTRACT: return fused(a, b, -c, out);
        case RECIPROCAL: return encoded(1.0 / a, out);
        case RECIPROCAL_SQUARE_ROOT: return encoded(1 / std::sqrt(static_cast<long double>(a)), out);
        default: return 0;
    }
}
