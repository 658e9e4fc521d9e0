"""Places boxes in columns and leads wires between them, around the boxes and each on a track of its own.

The usual way for layered graphs (Sugiyama, Tagawa, Toda 1981): columns along the edges' direction, places kept free in
the columns that a wire passes, an order in each column that keeps wires short, then a track for each wire in the gaps
between columns. All lengths in points; y grows upwards.
"""

from collections import defaultdict
from dataclasses import dataclass, field

ROW, GAP, TRACK, SPACING = 24, 56, 11, 30
_SWEEPS, _PASSING = 12, 10


@dataclass(eq=False)
class Node:
    """A box, or the place where a wire passes a column.

    left, right: keys of its ports, from top to bottom; `above` is the room over them, and `offsets` says how far down a
    port is where they do not follow each other. A box that is not `fixed` becomes as wide as the others of its column.
    """

    name: object
    width: float = 0
    height: float = _PASSING
    left: list = field(default_factory=list)
    right: list = field(default_factory=list)
    above: float = 0
    offsets: dict = field(default_factory=dict)
    column: int = 0
    fixed: bool = False
    x: float = 0
    top: float = 0

    @property
    def bottom(self) -> float:
        return self.top - self.height

    @property
    def middle(self) -> float:
        return self.top - self.height / 2

    def port(self, key) -> tuple[float, float]:
        """Where a wire meets the box."""
        side = self.right if key in self.right else self.left
        down = self.offsets.get(key)
        if down is None:
            down = self.above + ROW * (side.index(key) + 0.5)
        return self.x + (self.width if side is self.right else 0), self.top - down


@dataclass(eq=False)
class Edge:
    """A wire between two boxes; `key` is its port on both. `points` is its way, from source to target."""

    key: object
    source: object
    target: object
    points: list = field(default_factory=list)


def columns_of(names: list, arrows: list[tuple], first=(), last=()) -> dict:
    """Column of each box: every arrow leads to the right, except those that would close a circle.

    first, last: boxes that stand in the first or last column, whatever the arrows say.
    """
    onward = defaultdict(list)
    for source, target in arrows:
        if source != target and target not in first and source not in last:
            onward[source].append(target)
    kept, order = _without_circles(names, onward)
    column = dict.fromkeys(names, 0)
    for name in order:
        for target in kept[name]:
            column[target] = max(column[target], column[name] + 1)
    entered = {target for targets in kept.values() for target in targets}
    for name in reversed(order):
        if name not in entered and kept[name] and name not in first:
            column[name] = min(column[target] for target in kept[name]) - 1
    low = min([column[name] for name in names if name not in first], default=0)
    for name in names:
        column[name] = 0 if name in first else column[name] - low + bool(first)
    end = max([column[name] for name in names if name not in last], default=0) + 1
    return {name: end if name in last else column[name] for name in names}


def _without_circles(names, onward):
    """The arrows without those that lead back, and the boxes in an order that the arrows follow."""
    kept, state, done = defaultdict(list), {}, []
    for start in names:
        stack = [] if start in state else [(start, iter(onward[start]))]
        if stack:
            state[start] = "open"
        while stack:
            name, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                state[name] = "done"
                done.append(name)
                stack.pop()
            elif state.get(target) != "open":
                kept[name].append(target)
                if target not in state:
                    state[target] = "open"
                    stack.append((target, iter(onward[target])))
    return kept, done[::-1]


class Layout:
    """Places boxes that know their sizes, columns and ports, and finds the ways of wires. The origin is bottom left."""

    def __init__(self, nodes: list[Node], edges: list[Edge]):
        self.nodes, self.edges = nodes, edges
        self._at = {node.name: node for node in nodes}
        self._count = max((node.column for node in nodes), default=0) + 1
        self._pieces: dict[int, list] = defaultdict(list)
        self._ways = {id(edge): self._way(edge) for edge in edges}
        self._columns = [[node for node in self.nodes if node.column == n] for n in range(self._count)]
        self._order()
        self._sort_ports()
        self._place_vertically()
        self._place_horizontally()
        for edge in edges:
            edge.points = self._points(edge)

    # A way is a list of pieces; a piece lies in one gap: (gap, node, key, node, key). Gap n is left of column n.

    def _way(self, edge):
        source, target = self._at[edge.source], self._at[edge.target]
        gap, end = (node.column + (edge.key in node.right) for node in (source, target))
        way, node = [], source
        while gap != end:
            column = gap if gap < end else gap - 1
            passing = Node(("pass", id(edge), column), column=column, left=[edge.key], right=[edge.key])
            passing.offsets[edge.key] = _PASSING / 2
            self.nodes.append(passing)
            way.append((gap, node, passing))
            node, gap = passing, gap + (1 if gap < end else -1)
        way.append((gap, node, target))
        for gap, first, second in way:
            self._pieces[gap].append((edge, first, second))
        return way

    def _neighbours(self, node):
        return [(edge, second if first is node else first) for gap in (node.column, node.column + 1)
                for edge, first, second in self._pieces[gap] if node in (first, second)]  # fmt: skip

    def _order(self):
        """Sort each column by the middle of what its boxes are wired to, back and forth."""
        place = {node: n for column in self._columns for n, node in enumerate(column)}
        size = {node: max(len(self._columns[node.column]), 1) for node in self.nodes}
        near = {node: [other for _, other in self._neighbours(node) if other is not node] for node in self.nodes}

        def pull(node):
            return sum((place[n] + 0.5) / size[n] for n in near[node]) / len(near[node]) if near[node] else None

        for sweep in range(_SWEEPS):
            for column in self._columns if sweep % 2 == 0 else reversed(self._columns):
                wish = {node: pull(node) for node in column}
                own = {node: (place[node] + 0.5) / len(column) for node in column}
                column.sort(key=lambda node: own[node] if wish[node] is None else wish[node])
                place |= {node: n for n, node in enumerate(column)}
        for column in self._columns:
            column.sort(key=lambda node: not near[node])

    def _sort_ports(self):
        place = {node: n for column in self._columns for n, node in enumerate(column)}
        for node in self.nodes:
            if not node.offsets:
                height = {edge.key: place[other] for edge, other in self._neighbours(node)}
                node.left.sort(key=lambda key: height.get(key, 0))
                node.right.sort(key=lambda key: height.get(key, 0))

    def _place_vertically(self):
        for column in self._columns:
            top = 0
            for node in column:
                node.top, top = top, top - node.height - self._space(node)
        links = {node: self._neighbours(node) for node in self.nodes}
        for sweep in range(_SWEEPS):
            for column in self._columns if sweep % 2 == 0 else reversed(self._columns):
                self._settle(column, links)
        lowest = min((node.bottom for node in self.nodes), default=0)
        for node in self.nodes:
            node.top -= lowest
        self.height = max((node.top for node in self.nodes), default=0)

    def _settle(self, column, links):
        """Move boxes towards straight wires. Those that would overlap move as one, to the mean of their wishes."""
        blocks = []
        for node in column:
            shifts = [
                other.port(edge.key)[1] - node.port(edge.key)[1] for edge, other in links[node] if other is not node
            ]
            weight = len(shifts) * (8 if isinstance(node.name, tuple) and node.name[0] == "pass" else 1)
            wish = node.top + sorted(shifts)[len(shifts) // 2] if shifts else node.top
            if not shifts and blocks:
                blocks[-1][0].append(node)  # nothing draws it anywhere: it stands below the one above
                continue
            blocks.append([[node], wish, weight or 0.1])
            while len(blocks) > 1 and self._foot(blocks[-2]) < blocks[-1][1]:
                nodes, wish, weight = blocks.pop()
                upper = blocks[-1]
                start = wish + upper[1] - self._foot(upper)
                upper[1] = (upper[1] * upper[2] + start * weight) / (upper[2] + weight)
                upper[0], upper[2] = upper[0] + nodes, upper[2] + weight
        for nodes, top, _ in blocks:
            for node in nodes:
                node.top, top = top, top - node.height - self._space(node)

    def _foot(self, block):
        return block[1] - sum(node.height + self._space(node) for node in block[0])

    @staticmethod
    def _space(node):
        return SPACING if node.width else _PASSING / 2

    def _place_horizontally(self):
        self._tracks, x = {}, 0
        for gap in range(self._count + 1):
            pieces = [piece for piece in self._pieces[gap] if not self._is_straight(*piece)]
            rank = sorted(pieces, key=lambda piece, gap=gap: self._track_order(piece, gap))
            rank = self._without_overlaps(rank, gap)
            outer = gap in (0, self._count)
            width = (GAP if not outer else 0) + TRACK * len(pieces) + (14 if outer and pieces else 0)
            for number, piece in enumerate(rank):
                start = x + (width - TRACK * (len(pieces) - 1)) / 2
                self._tracks[gap, id(piece[0]), piece[1], piece[2]] = start + TRACK * number
            x += width
            if gap < self._count:
                column = self._columns[gap]
                wide = max((node.width for node in column), default=0)
                common = max((node.width for node in column if not node.fixed), default=0)
                for node in column:
                    node.x, node.width = x, wide if not node.width else node.width if node.fixed else common
                x += wide
        self.width = x

    @staticmethod
    def _is_straight(edge, first, second):
        return first is not second and abs(first.port(edge.key)[1] - second.port(edge.key)[1]) < 0.5

    @staticmethod
    def _heights(piece, gap):
        """Where a piece of a wire enters its gap on the left, and where on the right; both ends may be on one side."""
        edge, *ends = piece
        heights = [(node.column < gap, node.port(edge.key)[1]) for node in ends]
        return [y for left, y in heights if left], [y for left, y in heights if not left]

    def _track_order(self, piece, gap):
        """Of wires that lead down to the right the upper ones turn last, of those that lead up the lower ones."""
        lefts, rights = self._heights(piece, gap)
        start, end = (lefts or rights)[0], (rights or lefts)[-1]
        return (0, start) if end < start else (1, -start)

    def _without_overlaps(self, rank, gap):
        """A wire that enters on the left where another leaves on the right turns first, or both would lie in line."""
        waiting = [(piece, *self._heights(piece, gap)) for piece in rank]
        sorted_out = []
        while waiting:
            free = [
                item for item in waiting if not any(_in_line(other, item) for other in waiting if other is not item)
            ]
            chosen = (free or waiting)[0]
            waiting.remove(chosen)
            sorted_out.append(chosen[0])
        return sorted_out

    def _points(self, edge):
        points = [self._at[edge.source].port(edge.key)]
        for gap, first, second in self._ways[id(edge)]:
            if first.name and isinstance(first.name, tuple) and first.name[0] == "pass":
                points.append((self._far(first, gap), first.port(edge.key)[1]))
            start, end = first.port(edge.key)[1], second.port(edge.key)[1]
            track = self._tracks.get((gap, id(edge), first, second))
            if track is not None:
                points += [(track, start), (track, end)]
        points.append(self._at[edge.target].port(edge.key))
        return points

    @staticmethod
    def _far(node, gap):
        return node.x + (node.width if gap > node.column else 0)


def _in_line(first, second) -> bool:
    """Whether one piece of a wire enters its gap on the left where another does on the right."""
    return any(abs(left - right) < 2 for left in first[1] for right in second[2])
