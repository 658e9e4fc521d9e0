"""The expressions of `get_… -filter`: TYPE == clk && (NAME =~ "*_aclk" || !CONFIG.HAS_RESET).

Vivado's comparisons are ==, != (text), =~, !~ (patterns with * and ?), <, >, <=, >= (numbers); && || ! and brackets
join them (UG894, "Filtering Based on Properties").
"""

import fnmatch
import re
from collections.abc import Callable

from mlfpga.blockdesign.sandbox import CommandError

_TOKEN = re.compile(
    r"""\s*(?:(?P<symbol>&&|\|\||[()]|==|!=|=~|!~|<=|>=|<|>|!)|"(?P<quoted>[^"]*)"|\{(?P<braced>[^}]*)\}"""
    r"""|(?P<word>[^\s()&|=!<>"]+))"""
)
_COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "=~": lambda a, b: fnmatch.fnmatchcase(a, b),
    "!~": lambda a, b: not fnmatch.fnmatchcase(a, b),
}
_ORDER = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_TRUE = ("1", "true", "yes")


def parse_filter(text: str) -> Callable[[Callable[[str], str]], bool]:
    """A test of one object: it is called with a function that gives the object's properties by name.

    >>> keep = parse_filter('TYPE == clk && NAME =~ "*_aclk"')
    >>> keep({"TYPE": "clk", "NAME": "m_axi_aclk"}.get)
    True
    """
    reader = _Reader(text)
    test = reader.either()
    if reader.tokens:
        raise CommandError(f'-filter "{text}": "{reader.tokens[0][1]}" is too much')
    return test


class _Reader:
    """Recursive descent over the tokens; each method reads one level of the grammar and returns a test."""

    def __init__(self, text):
        self._text = text
        self.tokens, place = [], 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if not match:
                raise CommandError(f'-filter "{text}" cannot be read at "{text[place:]}"')
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()

    def either(self):
        tests = [self._both()]
        while self._took("||"):
            tests.append(self._both())
        return lambda value: any(test(value) for test in tests)

    def _both(self):
        tests = [self._one()]
        while self._took("&&"):
            tests.append(self._one())
        return lambda value: all(test(value) for test in tests)

    def _one(self):
        if self._took("!"):
            test = self._one()
            return lambda value: not test(value)
        if self._took("("):
            test = self.either()
            if not self._took(")"):
                raise CommandError(f'-filter "{self._text}": a bracket is not closed')
            return test
        name = self._operand()
        for sign in (*_COMPARE, *_ORDER):
            if self._took(sign):
                return self._comparison(sign, name, self._operand())
        return lambda value: str(value(name)).lower() in _TRUE

    @staticmethod
    def _comparison(sign, name, wanted):
        if sign in _COMPARE:
            return lambda value: _COMPARE[sign](str(value(name)), wanted)

        def ordered(value):
            try:
                return _ORDER[sign](float(value(name)), float(wanted))
            except ValueError:
                return False

        return ordered

    def _operand(self):
        if not self.tokens or self.tokens[0][0] == "symbol":
            raise CommandError(f'-filter "{self._text}": a name or a value is missing')
        return self.tokens.pop(0)[1]

    def _took(self, symbol):
        if self.tokens and self.tokens[0] == ("symbol", symbol):
            self.tokens.pop(0)
            return True
        return False
