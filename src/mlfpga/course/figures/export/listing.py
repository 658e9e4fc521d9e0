"""Verilog as Vitis HLS lists it: one declaration a line, every assignment by itself, registers in enabled blocks."""

from collections.abc import Iterable

import numpy as np

from mlfpga.course.figures.export.network import FRACTION


class Listing:
    """The body of one module: declarations, instances, clocked blocks and assignments, gathered in any order."""

    def __init__(self):
        self._declared: list[str] = []
        self._instances: list[str] = []
        self._clocked: dict[str, list[str]] = {}
        self._assigned: list[str] = []
        self._number = 0

    def wire(self, name: str, bits: int, value: str | None = None, signed: bool = False) -> str:
        """A wire, with what it is assigned; its name is made unique, and returned."""
        name = self._unique(name)
        self._declared.append(f"wire  {'signed ' if signed else ''} {_range(bits)}{name};")
        if value is not None:
            self._assigned.append(f"assign {name} = {value};\n")
        return name

    def register(self, name: str, bits: int, value: str, enable: str) -> str:
        """A register that takes `value` in the cycles in which `enable` holds."""
        name = self._unique(f"{name}_reg")
        self._declared.append(f"reg   {_range(bits)}{name};")
        self._clocked.setdefault(enable, []).append(f"        {name} <= {value};")
        return name

    def instance(self, module: str, name: str, parameters: dict[str, int], pins: dict[str, str]) -> None:
        set_to = ",\n".join(f"    .{key}( {value} )" for key, value in parameters.items())
        wired = ",\n".join(f"    .{key}({value})" for key, value in pins.items())
        self._instances.append(f"{module} #(\n{set_to})\n{name}(\n{wired}\n);\n")

    @property
    def text(self) -> str:
        blocks = [
            f"always @ (posedge ap_clk) begin\n    if ({enable}) begin\n{chr(10).join(lines)}\n    end\nend\n"
            for enable, lines in self._clocked.items()
        ]
        return "\n".join([*self._declared, "", *self._instances, *blocks, *self._assigned])

    def _unique(self, name: str) -> str:
        self._number += 1
        return f"{name}_{self._number}"


class Products:
    """Constant multiplications in a listing; the same one is made once, powers of two and their pairs by shifting."""

    def __init__(self, listing: Listing, top: str, multipliers: set[str]):
        self._listing = listing
        self._top = top
        self._multipliers = multipliers
        self._made: dict[tuple[str, int], str] = {}

    def of(self, operand: str, weight: int) -> str:
        """The wire of (operand * weight) >> FRACTION, 16 bits, for a signed 16-bit operand."""
        key = operand, weight
        if key not in self._made:
            self._made[key] = self._cut(operand, weight)
        return self._made[key]

    def _cut(self, operand: str, weight: int) -> str:
        digits = signed_digits(weight)
        if len(digits) <= 2:
            terms = [self._shifted(operand, place, sign) for place, sign in digits]
            product = terms[0]
            if len(terms) == 2:
                product = self._listing.wire("add_ln42_fu", 24, f"($signed({terms[0]}) + $signed({terms[1]}))")
        else:
            product = self._multiplied(operand, weight)
        return self._listing.wire("mult_fu", 16, f"{{{{{product}[{FRACTION + 15}:{FRACTION}]}}}}")

    def _shifted(self, operand: str, place: int, sign: int) -> str:
        listing = self._listing
        shifted = operand
        if place:
            shifted = listing.wire("p_shl_fu", 16 + place, f"{{{{{operand}}}, {{{place}'d0}}}}")
        extended = listing.wire("sext_ln42_fu", 24, f"$signed({shifted})", signed=True)
        if sign > 0:
            return extended
        return listing.wire("sub_ln42_fu", 24, f"($signed(24'd0) - $signed({extended}))")

    def _multiplied(self, operand: str, weight: int) -> str:
        listing = self._listing
        bits = max(abs(weight), 1).bit_length() + 1
        module = f"{self._top}_mul_16s_{bits}s_24_1_1"
        self._multipliers.add(module)
        left = listing.wire("mul_ln73_p0", 16, operand, signed=True)
        right = listing.wire("mul_ln73_p1", bits, f"{bits}'d{weight % (1 << bits)}")
        product = listing.wire("mul_ln73_p2", 24, signed=True)
        number = product.rsplit("_", 1)[1]
        listing.instance(
            module,
            f"mul_16s_{bits}s_24_1_1_U{number}",
            {"ID": 1, "NUM_STAGE": 1, "din0_WIDTH": 16, "din1_WIDTH": bits, "dout_WIDTH": 24},
            {"din0": left, "din1": right, "dout": product},
        )
        return product


def tree(listing: Listing, terms: Iterable[str]) -> str:
    """The wire of a balanced tree of 16-bit additions."""
    terms = list(terms)
    while len(terms) > 1:
        paired = [
            listing.wire("add_ln58_fu", 16, f"({first} + {second})")
            for first, second in zip(terms[::2], terms[1::2], strict=False)
        ]
        terms = paired + terms[len(terms) & ~1 :]
    return terms[0]


def signed_digits(number: int) -> list[tuple[int, int]]:
    """The canonical signed digits of a number, (place, +1 or -1), from the lowest place on."""
    digits, place = [], 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)
            digits.append((place, sign))
            number -= sign
        number >>= 1
        place += 1
    return digits


def _range(bits: int) -> str:
    return f"[{bits - 1}:0] " if bits > 1 else ""


def literal(value: int, bits: int = 16) -> str:
    """A number as an unsigned literal of its two's complement."""
    return f"{bits}'d{int(value) % (1 << bits)}"


def nonzero(weights: np.ndarray) -> list[tuple[int, int]]:
    """(index, weight) of the weights of one output that are not zero."""
    return [(index, int(weight)) for index, weight in enumerate(weights) if weight]
