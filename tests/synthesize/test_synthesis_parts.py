"""Cutting a design in Yosys' text form: equal blocks become equal texts, boxes keep their ports only."""

from mlfpga.synthesize.rtlil import cut, instances, modules

TEXT = r"""
autoidx 17
attribute \top 1
module \top
  attribute \src "a.sv:1"
  wire width 8 input 1 \a
  wire $7y
  cell \leaf$top.g[0].u \g[0].u
    connect \x \a [0]
    connect \y $7y
  end
  cell \leaf$top.u \u
    connect \x $7y
    connect \y { $7y \a [2:1] }
  end
  cell \deep$top.d \d
  end
end
attribute \keep_hierarchy 1
module \leaf$top.g[0].u
  attribute \hdlname "x"
  wire input 1 \x
  wire output 2 \y
  memory width 8 size 4 $mem$12
  cell $memrd_v2 $13
    parameter \MEMID "$mem$12"
    connect \A $13y
  end
  cell $not $auto$14
    connect \Y $13y
  end
end
attribute \keep_hierarchy 1
module \leaf$top.u
  attribute \hdlname "x"
  wire input 1 \x
  wire output 2 \y
  memory width 8 size 4 $mem$22
  cell $memrd_v2 $23
    parameter \MEMID "$mem$22"
    connect \A $23y
  end
  cell $not $auto$24
    connect \Y $23y
  end
end
module \deep$top.d
  wire \n
  cell \leaf$top.u \u
  end
end
"""


def test_instances_are_found_by_level():
    design = modules(TEXT)
    assert instances(design, r"\top", 1) == {
        "g[0].u": r"\leaf$top.g[0].u",
        "u": r"\leaf$top.u",
        "d": r"\deep$top.d",
    }
    assert instances(design, r"\top", 2) == {
        "g[0].u": r"\leaf$top.g[0].u",
        "u": r"\leaf$top.u",
        "d.u": r"\leaf$top.u",
    }


def test_equal_blocks_have_equal_texts_and_cells_keep_their_kind():
    design = modules(TEXT)
    first, boxes = cut(design, r"\leaf$top.g[0].u", set(), "block")
    assert first == cut(design, r"\leaf$top.u", set(), "block")[0]
    assert boxes == set()
    assert "cell $memrd_v2 $made1\n" in first and "cell $not $made3\n" in first
    assert 'parameter \\MEMID "$made0"' in first and "memory width 8 size 4 $made0\n" in first
    assert first.startswith("attribute \\keep_hierarchy 1\nmodule \\block\n")
    assert "hdlname" not in first


def test_rest_knows_the_blocks_by_their_ports_only():
    design = modules(TEXT)
    text, boxes = cut(design, r"\top", {r"\leaf$top.g[0].u", r"\leaf$top.u"}, "block")
    assert boxes == {"part1", "part2"}
    assert "module \\block\n" in text and "  cell \\part1 \\g[0].u\n" in text and "  cell \\part3 \\d\n" in text
    assert "attribute \\blackbox 1\nmodule \\part2\n  wire input 1 \\x\n  wire output 2 \\y\nend\n" in text
    assert "memory" not in text
