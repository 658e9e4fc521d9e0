"""Formulas of IP-XACT, such as `(spirit:decode(id('MODELPARAM_VALUE.WIDTH')) - 1)`, as expressions of the catalogue.

They are XPath of a modest kind: arithmetic and comparisons of parameters, which are named by an id or, in newer files,
by $NAME.
"""

import re

from mlfpga.blockdesign.expressions import number

_REFERENCE = re.compile(
    r"""(?:\w+:)?(?:decode\s*\(\s*)?id\s*\(\s*['"](?:\w+\.)?(?P<id>\w+)['"]\s*\)(?P<closing>\s*\))?|\$(?P<name>\w+)"""
)
_TOKEN = re.compile(r"""\s*(0[xX][0-9a-fA-F]+|\d+\.?\d*|"[^"]*"|'[^']*'|(?:\w+:)?[A-Za-z_]\w*|[<>!]=|[-+*/()=<>,])""")
_WORDS = {"div": "/", "mod": "%", "and": "and", "or": "or", "not": "not", "=": "==", "true": "1", "false": "0"}


def translate(formula: str) -> str:
    """The same formula as an expression of the catalogue. Raises ValueError for what is no formula of this kind.

    >>> translate("(spirit:decode(id('MODELPARAM_VALUE.WIDTH')) div 8) - 1")
    '( WIDTH / 8 ) - 1'
    >>> translate("$TYPE = 'true' or not($N > 2)")
    'TYPE == 1 or not ( N > 2 )'
    """
    text = _REFERENCE.sub(lambda match: f" {match['id'] or match['name']} ", formula)
    # Some tools write an empty pair of parentheses before a `not`.
    text = text.replace("()", " ")
    words, place = [], 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError(f"{formula!r} is not a formula of IP-XACT")
        words.append(_word(token[1]))
        place = token.end()
    return " ".join(words)


def _word(token: str) -> str:
    if token[0] in "'\"":
        value = number(token[1:-1])
        return str(value) if isinstance(value, int) else repr(value)
    name = token.rpartition(":")[2]
    return _WORDS.get(name, name)
