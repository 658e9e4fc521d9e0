"""The table and the picture of a plan show the numbers they were given, and which stage limits."""

from mlfpga import evaluate

ROWS = [
    {"stage": "control", "cycles": 0, "luts": 150, "dsps": 0, "bram36": 0, "flip_flops": 90, "limiting": False},
    {"stage": "conv", "cycles": 1841, "luts": 1975, "dsps": 8, "bram36": 0.5, "flip_flops": 1550, "limiting": True},
    {"stage": "dense", "cycles": 784, "luts": 938, "dsps": 0, "bram36": 1, "flip_flops": 336, "limiting": False},
]


def test_the_table_has_a_line_for_each_stage_and_one_for_all():
    table = evaluate.plan_table(ROWS)
    assert list(table.index) == ["control", "conv (limits)", "dense", "all"]
    assert list(table.columns) == ["cycles per image", "LUT cells", "DSP48E2", "BRAM36", "flip-flops"]
    assert list(table.loc["conv (limits)"]) == ["1,841", "1,975", "8", "0.5", "1,550"]
    assert list(table.loc["all"]) == ["1,841", "3,063", "8", "1.5", "1,976"]


def test_the_picture_marks_what_limits_and_the_target():
    figure = evaluate.plot_plan(ROWS, 2000, "Digits")
    cycles, luts, dsps = figure.axes
    assert [bar.get_width() for bar in cycles.patches] == [0, 1841, 784]
    assert [bar.get_width() for bar in luts.patches] == [150, 1975, 938]
    assert [bar.get_width() for bar in dsps.patches] == [0, 8, 0]
    assert [bool(bar.get_hatch()) for bar in cycles.patches] == [False, True, False]
    assert [label.get_text() for label in cycles.get_yticklabels()] == ["control", "conv", "dense"]
    assert "2,000" in cycles.get_title(loc="left") + cycles.get_title()
    assert list(cycles.lines[0].get_xdata()) == [2000, 2000]
    assert not evaluate.plot_plan(ROWS).axes[0].lines


def test_a_target_beyond_all_bars_is_inside_the_picture():
    assert evaluate.plot_plan(ROWS, 9000).axes[0].get_xlim()[1] > 9000
