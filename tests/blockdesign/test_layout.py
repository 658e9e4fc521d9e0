"""The layout: for any boxes and wires, no box on another, no wire through a box, no two wires in one line."""

import itertools
import random

import pytest

from mlfpga.blockdesign.layout import ROW, Edge, Layout, Node, columns_of


def random_layout(seed):
    choice = random.Random(seed)
    names = [f"n{n}" for n in range(choice.randint(2, 25))]
    pairs = [tuple(choice.sample(names, 2)) for _ in range(choice.randint(1, 40))]
    column = columns_of(names, pairs)
    nodes = {name: Node(name, width=choice.randint(60, 200), column=column[name], above=40) for name in names}
    for n, (source, target) in enumerate(pairs):
        nodes[source].__dict__[choice.choice(("left", "right"))].append(n)
        nodes[target].__dict__[choice.choice(("left", "right"))].append(n)
    for node in nodes.values():
        node.height = 50 + ROW * max(len(node.left), len(node.right))
    layout = Layout(list(nodes.values()), [Edge(n, *pair) for n, pair in enumerate(pairs)])
    return layout, list(nodes.values())


@pytest.mark.parametrize("seed", range(40))
def test_no_box_lies_on_another_and_no_wire_leads_through_one(seed):
    layout, boxes = random_layout(seed)
    for a, b in itertools.combinations(boxes, 2):
        assert a.x + a.width <= b.x or b.x + b.width <= a.x or a.bottom >= b.top or b.bottom >= a.top
    for edge in layout.edges:
        for (x1, y1), (x2, y2) in itertools.pairwise(edge.points):
            assert abs(x1 - x2) < 0.6 or abs(y1 - y2) < 0.6, "only across and up"
            for box in boxes:
                beside = max(x1, x2) <= box.x + 0.1 or min(x1, x2) >= box.x + box.width - 0.1
                assert beside or max(y1, y2) <= box.bottom or min(y1, y2) >= box.top, (edge.key, box.name)
    for box in boxes:
        assert 0 <= box.x and box.x + box.width <= layout.width and 0 <= box.bottom and box.top <= layout.height


@pytest.mark.parametrize("seed", range(40))
def test_wires_end_at_their_ports(seed):
    layout, boxes = random_layout(seed)
    at = {box.name: box for box in boxes}
    for edge in layout.edges:
        assert edge.points[0] == at[edge.source].port(edge.key)
        assert edge.points[-1] == at[edge.target].port(edge.key)


@pytest.mark.parametrize("seed", range(40))
def test_no_two_wires_share_an_upright_line(seed):
    layout, _ = random_layout(seed)
    upright = [
        (round(x1, 3), min(y1, y2), max(y1, y2), edge.key)
        for edge in layout.edges
        for (x1, y1), (x2, y2) in itertools.pairwise(edge.points)
        if x1 == x2 and abs(y1 - y2) > 1
    ]
    for (xa, lowa, higha, a), (xb, lowb, highb, b) in itertools.combinations(upright, 2):
        assert a == b or xa != xb or higha <= lowb or highb <= lowa


# Layouts in which wires would lie in line if they took their tracks by height alone. (Where two wires change places at
# equal heights, no order of tracks keeps them apart.)
@pytest.mark.parametrize("seed", [1, 5, 14, 16, 17, 21, 24, 33])
def test_no_two_wires_share_a_level_line_where_an_order_keeps_them_apart(seed):
    layout, _ = random_layout(seed)
    level = [
        (y1, min(x1, x2), max(x1, x2), edge.key)
        for edge in layout.edges
        for (x1, y1), (x2, y2) in itertools.pairwise(edge.points)
        if abs(y1 - y2) < 0.6 and x1 != x2
    ]
    for (ya, lefta, righta, a), (yb, leftb, rightb, b) in itertools.combinations(level, 2):
        assert a == b or abs(ya - yb) >= 0.5 or min(righta, rightb) - max(lefta, leftb) <= 0.5


def test_arrows_lead_to_the_right_and_circles_are_cut():
    column = columns_of(["ps", "smc", "dma", "acc"], [("ps", "smc"), ("smc", "dma"), ("dma", "acc"), ("acc", "dma")])
    assert column == {"ps": 0, "smc": 1, "dma": 2, "acc": 3}


def test_a_source_stands_just_before_what_it_feeds():
    arrows = [("ps", "smc"), ("smc", "dma"), ("adc", "dma")]
    assert columns_of(["ps", "smc", "dma", "adc"], arrows)["adc"] == 1


def test_first_and_last_are_kept_apart():
    column = columns_of(["a", "b", "in", "out"], [("b", "in"), ("out", "a"), ("a", "b")], {"in"}, {"out"})
    assert column["in"] == 0 and column["out"] == max(column.values()) and 0 < column["a"] < column["b"] < column["out"]


def test_wires_of_boxes_side_by_side_are_straight():
    nodes = [Node("a", 80, 90, right=[0], above=40), Node("b", 80, 90, left=[0], above=40, column=1)]
    layout = Layout(nodes, [Edge(0, "a", "b")])
    assert len({y for _, y in layout.edges[0].points}) == 1
