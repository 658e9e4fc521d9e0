"""Expressions in the IP catalogue: `c_include_sg == 0`, `c_m_axi_mm2s_data_width // 8`.

A catalogue file is data, so its expressions must not run code: integers, strings, names of parameters, arithmetic,
comparisons, `and`/`or`/`not`, `a if b else c`, and calls of the functions named here are all there is.
"""

import ast
import operator

from mlfpga.blockdesign.clocks import pl_divisor0, pl_divisor1, pl_megahertz

_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS = {
    "max": max,
    "min": min,
    "pl_divisor0": pl_divisor0,
    "pl_divisor1": pl_divisor1,
    "pl_megahertz": pl_megahertz,
}


class ExpressionError(ValueError):
    """An expression of the catalogue cannot be evaluated."""


def number(text):
    """A parameter's value as an integer if it is one (decimal or 0x…), else as it is.

    >>> number("0x10"), number("IOPLL")
    (16, 'IOPLL')
    """
    if not isinstance(text, str):
        return text
    try:
        return int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return text


def evaluate(expression, parameters: dict):
    """The value of an expression; `parameters` gives the names in it. Integers stand for themselves."""
    if isinstance(expression, (int, bool)):
        return expression
    try:
        return _value(ast.parse(expression, mode="eval").body, parameters)
    except (SyntaxError, TypeError, ZeroDivisionError) as error:
        raise ExpressionError(f"cannot evaluate {expression!r}: {error}") from error


def _value(node, parameters):
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in parameters:
            raise ExpressionError(f"unknown parameter {node.id!r} in an expression")
        return number(parameters[node.id])
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
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*(_value(item, parameters) for item in node.args))
    raise ExpressionError(f"{ast.unparse(node)!r} is not allowed in the catalogue")
