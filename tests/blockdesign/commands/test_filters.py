"""-filter expressions against the same condition in Python."""

import pytest

from mlfpga.blockdesign.commands.filters import parse_filter
from mlfpga.blockdesign.sandbox import CommandError

PROPERTIES = {"NAME": "m_axi_aclk", "TYPE": "clk", "DIR": "I", "LEFT": "31", "CONFIG.HAS_RESET": "1", "INTF": "FALSE"}


def keeps(text):
    return parse_filter(text)(lambda name: PROPERTIES.get(name, ""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TYPE == clk", True),
        ('TYPE=="clk"', True),
        ("TYPE == CLK", False),
        ("TYPE != clk", False),
        ('NAME =~ "*_aclk"', True),
        ("NAME =~ *_aclk", True),
        ("NAME !~ m_*", False),
        ("TYPE == clk && DIR == O", False),
        ("TYPE == rst || DIR == I", True),
        ("TYPE == rst || DIR == O || LEFT >= 31", True),
        ("TYPE == rst && DIR == I || LEFT < 32", True),
        ("TYPE == clk && (DIR == O || LEFT > 30)", True),
        ("!(TYPE == clk)", False),
        ("CONFIG.HAS_RESET", True),
        ("!INTF && TYPE == clk", True),
        ("LEFT <= 30.5", False),
        ("NAME < 3", False),
        ("UNKNOWN == {}", True),
        ("VLNV =~ {a b}", False),
    ],
)
def test_it_keeps_what_the_expression_says(text, expected):
    assert keeps(text) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TYPE == ", '-filter "TYPE == ": a name or a value is missing'),
        ("(TYPE == clk", '-filter "(TYPE == clk": a bracket is not closed'),
        ("TYPE == clk DIR", '-filter "TYPE == clk DIR": "DIR" is too much'),
        ('TYPE == "clk', '-filter "TYPE == "clk" cannot be read at " "clk"'),
    ],
)
def test_a_broken_expression_is_named(text, message):
    with pytest.raises(CommandError) as caught:
        parse_filter(text)
    assert str(caught.value) == message
