"""Expressions in the IP catalogue: `c_include_sg == 0`, `c_m_axi_mm2s_data_width // 8`.

A catalogue file is data, so its expressions must not run code: integers, strings, names of parameters, arithmetic,
comparisons, `a in ("b", "c")`, `and`/`or`/`not`, `a if b else c`, and calls of the functions named here are all there
is. `total("IN{}_WIDTH", 3)` adds up IN0_WIDTH, IN1_WIDTH and IN2_WIDTH; `given("NAME", 1)` is 1 if nobody has set NAME;
`leading("4096 MBits")` is 4096; `log(2, N)` has its base first, as in IP-XACT.
"""

import ast
import math
import operator
import re
from functools import cache

from mlfpga.blockdesign.clocks import fclk_divisor, pl_clock
from mlfpga.blockdesign.mmcm import mmcm_megahertz


class ExpressionError(ValueError):
    """An expression of the catalogue cannot be evaluated."""


def log2(value: int) -> int:
    """Bits needed to number `value` things.

    >>> log2(1), log2(1024), log2(1025)
    (0, 10, 11)
    """
    return (value - 1).bit_length()


def _power(base, exponent):
    """A power that no file can use to keep the machine busy for ever."""
    if not abs(exponent) <= _LARGEST_EXPONENT:
        raise ExpressionError(f"{base} ** {exponent} is too large")
    return base**exponent


_LARGEST_EXPONENT = 256
_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda first, second: first // second if first % second == 0 else first / second,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.LShift: lambda value, bits: value * _power(2, bits),
    ast.RShift: operator.rshift,
}
_COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, several: item in several,
}
_FUNCTIONS = {
    "abs": abs,
    "ceiling": math.ceil,
    "floor": math.floor,
    "int": lambda value: int(float(value)),
    "leading": lambda text: int(re.match(r"\d*", str(text))[0] or 0),
    "log": lambda *words: round(math.log(*reversed(words)), 9),
    "log2": log2,
    "max": max,
    "min": min,
    "mmcm_megahertz": mmcm_megahertz,
    "pow": _power,
}
# Functions that see all parameters.
_WITH_PARAMETERS = {
    "given": lambda parameters, name, otherwise: number(parameters.get(name, otherwise)),
    "fclk_divisor": fclk_divisor,
    "pl_clock": pl_clock,
    "total": lambda parameters, template, count: sum(number(parameters[template.format(i)]) for i in range(count)),
}


def number(text):
    """A parameter's value as an integer if it is one (decimal or 0x…; true and false are 1 and 0), else as it is.

    >>> number("0x10"), number("IOPLL"), number("false")
    (16, 'IOPLL', 0)
    """
    if not isinstance(text, str):
        return text
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    try:
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return text


def evaluate(expression, parameters: dict):
    """The value of an expression; `parameters` gives the names in it. Integers stand for themselves."""
    if isinstance(expression, (int, bool)):
        return expression
    try:
        return _value(_parsed(expression), parameters)
    except (SyntaxError, TypeError, KeyError, ZeroDivisionError) as error:
        raise ExpressionError(f"cannot evaluate {expression!r}: {error}") from error


@cache
def _parsed(expression):
    return ast.parse(expression, mode="eval").body


def _value(node, parameters):
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in parameters:
            raise ExpressionError(f"unknown parameter {node.id!r} in an expression")
        return number(parameters[node.id])
    if isinstance(node, ast.Tuple):
        return tuple(_value(item, parameters) for item in node.elts)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, parameters), _value(node.right, parameters))
    if isinstance(node, ast.BoolOp):
        values = [_value(item, parameters) for item in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, parameters)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, parameters)
    if isinstance(node, ast.IfExp):
        return _value(node.body if _value(node.test, parameters) else node.orelse, parameters)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return _COMPARE[type(node.ops[0])](_value(node.left, parameters), _value(node.comparators[0], parameters))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _WITH_PARAMETERS:
        return _WITH_PARAMETERS[node.func.id](parameters, *(_value(item, parameters) for item in node.args))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*(_value(item, parameters) for item in node.args))
    raise ExpressionError(f"{ast.unparse(node)!r} is not allowed in the catalogue")
