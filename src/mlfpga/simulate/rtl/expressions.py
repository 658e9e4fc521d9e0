"""Numbers and formulas of IP-XACT: `31`, `0x1F`, `(spirit:decode(id('MODELPARAM_VALUE.WIDTH')) - 1)`."""

import ast
import operator
import re

_REFERENCE = re.compile(
    r"""(?:\w+:)?decode\(\s*id\(\s*['"](?:\w+\.)*(\w+)['"]\s*\)\s*\)|id\(\s*['"](?:\w+\.)*(\w+)['"]\s*\)"""
)
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    # XPath's div divides exactly; every width that comes out of it is whole.
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def evaluate(text: str, parameters: dict[str, int]) -> int | None:
    """The integer that `text` stands for, with `parameters` by name; None if it stands for none."""
    text = re.sub(r"^(['\"]?)0[xX]", r"\g<1>0x", text.strip())
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        expression = re.sub(r"\bdiv\b", "/", _REFERENCE.sub(lambda m: str(parameters[m[1] or m[2]]), text))
        return _value(ast.parse(expression, mode="eval").body, parameters)
    except (KeyError, SyntaxError, ValueError, ZeroDivisionError):
        return None


def _value(node: ast.expr, parameters: dict[str, int]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    if isinstance(node, ast.Name):
        return parameters[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, parameters), _value(node.right, parameters))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, parameters)
    raise ValueError(f"{ast.dump(node)} is not arithmetic")
