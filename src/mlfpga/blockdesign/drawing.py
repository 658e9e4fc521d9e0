"""Draws a block design: one picture that a student can read, also at half size and in grey.

Cells stand in columns from left to right, along the way of the data: the processing system, the interconnects, what
reads and writes memory (the DMA), then what it streams to. Wires run in the gaps between the columns. Clocks and resets
would hide everything else if drawn from pin to pin; each is a rail at the bottom, with one riser a column.
"""

import itertools
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from mlfpga.artifacts import writing
from mlfpga.blockdesign.design import Design, Link, Net, Pin, size_text

# All lengths in points (1/72 inch).
_ROW, _TITLE, _PADDING = 24, 50, 14
_GAP, _WIRE_STEP, _BOX_SPACING, _MARGIN = 104, 11, 34, 24
_RAIL_STEP, _LEGEND = 26, 48
_LETTER = 7.4


@dataclass(frozen=True)
class _Style:
    label: str
    colour: str
    width: float
    dashes: str | tuple


# Told apart by width and dashes first, by colour only second.
_STYLES = {
    "data": _Style("data (streams, memory)", "#12406f", 3.4, "-"),
    "control": _Style("control (registers)", "#b4570c", 1.5, "-"),
    "clk": _Style("clock", "#2e6b2e", 1.5, (0, (7, 3))),
    "rst": _Style("reset", "#6d2077", 1.8, (0, (1, 2.2))),
}
_FILL = {"PROCESSOR": "#dfe7f1", "BUS": "#f2f2f2", "PERIPHERAL": "#fdf3dc", "SUPPORT": "#ece4f0"}


@dataclass
class _Box:
    """A cell in the picture. Ports are (label, what connects there); y grows upwards, `top` is the upper edge."""

    name: str
    column: int
    left: list = field(default_factory=list)
    right: list = field(default_factory=list)
    subtitle: str = ""
    x: float = 0
    top: float = 0
    width: float = 0

    @property
    def height(self):
        last = [self.row(side, len(getattr(self, side)) - 1) for side in ("left", "right") if getattr(self, side)]
        return _TITLE + _ROW * (max(last, default=0) + 1) + _PADDING

    @property
    def bottom(self):
        return self.top - self.height

    def needed_width(self):
        rows = itertools.zip_longest(self.left, self.right, fillvalue=("", None))
        labels = [f"{left}    {right}" for (left, _), (right, _) in rows]
        return _LETTER * max(map(len, [*labels, self.subtitle + "  ", self.name + "    "]), default=0) + 14

    def side_of(self, key):
        return "left" if any(what is key for _, what in self.left) else "right"

    def port(self, key, side=None):
        """Where a wire (a link or a net, by identity) meets the box: (x, y)."""
        side = side or self.side_of(key)
        index = next(index for index, (_, what) in enumerate(getattr(self, side)) if what is key)
        return self.x + (self.width if side == "right" else 0), self.top - _TITLE - _ROW * (self.row(side, index) + 0.5)

    def row(self, side, index) -> float:
        """Row of a port. Clocks and resets stand between the rows, so that no two wires of a gap share a height."""
        is_net = isinstance(getattr(self, side)[index][1], Net)
        return index + (0.5 if side == "left" else 0.8) * is_net


def draw(design: Design, path, clocks: bool = True, resets: bool = True) -> Path:
    """Draw the design into a file; the suffix (.svg or .png) says how. Returns the path."""
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f'pictures are .svg or .png, not "{path.suffix}"')
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Picture(design, [kind for kind, wanted in (("clk", clocks), ("rst", resets)) if wanted])
    figure = Figure(figsize=(picture.width / 72, picture.height / 72))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, picture.width)
    axes.set_ylim(0, picture.height)
    axes.axis("off")
    picture.paint(axes)
    _save(figure, path)
    return path


def _save(figure, path):
    import matplotlib

    # Text as text keeps the file small and searchable; a fixed salt keeps the same design the same bytes.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "mlfpga", "font.family": "sans-serif"}
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with writing(path) as temporary, matplotlib.rc_context(settings):
        figure.savefig(temporary, format=path.suffix[1:], dpi=96, metadata=metadata, facecolor="white")


class Picture:
    """Places the boxes, then paints them and the wires."""

    def __init__(self, design: Design, kinds: list[str]):
        self._design = design
        self._nets = [net for net in design.nets if _kind(design, net) in kinds]
        self._nets.sort(key=lambda net: (kinds.index(_kind(design, net)), str(design.driver(net))))
        self._columns = columns(design)
        self.boxes = {
            name: _Box(name, column, subtitle=self._subtitle(design.cells[name]))
            for name, column in self._columns.items()
        }
        self._control = control_links(design)
        self._attach()
        self.boxes = {name: box for name, box in self.boxes.items() if box.left or box.right}
        self._place()
        self._used: dict[int, int] = {}
        self._lanes = 0

    # Places.

    def _attach(self):
        """Give every box its ports: towards the partner's column; clocks and resets enter on the left."""
        order = list(self.boxes)
        links = sorted(self._design.links, key=lambda link: link not in self._control)
        for link in links:
            ends = (link.source, link.target)
            where = [self._columns[end.cell] for end in ends]
            for end, own, other in zip(ends, where, reversed(where), strict=True):
                side = "right" if other > own or (other == own and end is link.source) else "left"
                getattr(self.boxes[end.cell], side).append((end.port, link))
        for box in self.boxes.values():
            box.right.sort(key=lambda item: self._rank(item[1], box, order))
            box.left.sort(key=lambda item: self._rank(item[1], box, order))
        for net in self._nets:
            driver = self._design.driver(net)
            if driver:
                self.boxes[driver.cell].right.append((driver.port, net))
            for name in dict.fromkeys(pin.cell for pin in net.pins if pin != driver):
                pins = [pin.port for pin in net.pins if pin.cell == name and pin != driver]
                label = pins[0] if len(pins) == 1 else f"{pins[0]} + {len(pins) - 1}"
                self.boxes[name].left.append((label, net))

    def _rank(self, link, box, order):
        other = link.target if link.source.cell == box.name else link.source
        return link not in self._control, order.index(other.cell)

    def _place(self):
        if not self.boxes:
            raise ValueError("there is nothing to draw: the design has no connected cells")
        stacks = [list(boxes) for _, boxes in itertools.groupby(self.boxes.values(), key=lambda box: box.column)]
        x = _MARGIN
        for stack in stacks:
            x += _GAP
            width = max(box.needed_width() for box in stack)
            below = None
            for box in stack:
                box.x, box.width = x, width
                wanted = self._level_with_partner(box)
                box.top = wanted if below is None else min(wanted, below)
                below = box.bottom - _BOX_SPACING
            x += width
        self.width = x + _MARGIN + 20
        self._lift()

    def _level_with_partner(self, box):
        """The top that makes the first wire from the column on the left a straight one."""
        for _, link in box.left:
            for end in (link.source, link.target) if isinstance(link, Link) else ():
                other = self.boxes[end.cell]
                if other.column == box.column - 1:
                    box.top = 0
                    return other.port(link)[1] - box.port(link)[1]
        return 0

    def _lift(self):
        """Move everything up to leave room for the legend and the rails."""
        boxes = self.boxes.values()
        rails = _RAIL_STEP * len(self._nets) + (_BOX_SPACING if self._nets else 0)
        rise = _MARGIN + _LEGEND + rails - min(box.bottom for box in boxes)
        for box in boxes:
            box.top += rise
        self._ceiling = max(box.top for box in boxes)
        self.height = self._ceiling + _MARGIN + _WIRE_STEP * (1 + sum(map(self._skips, self._design.links)))

    def _skips(self, link):
        return abs(self._columns[link.source.cell] - self._columns[link.target.cell]) > 1

    def _wire_x(self, gap):
        """The next free place in the gap to the left of a column."""
        used = self._used.get(gap, 0)
        self._used[gap] = used + 1
        return self._gap_end(gap) - _GAP + 20 + _WIRE_STEP * used

    def _gap_end(self, column):
        ends = [box.x for box in self.boxes.values() if box.column == column]
        return ends[0] if ends else self.width - _MARGIN + _GAP

    # Paints.

    def paint(self, axes):
        for net in reversed(self._nets):
            self._paint_net(axes, net)
        for link in self._design.links:
            self._paint_link(axes, link)
        for box in self.boxes.values():
            self._paint_box(axes, box)
        self._paint_legend(axes)

    def _paint_box(self, axes, box):
        from matplotlib.patches import FancyBboxPatch

        cell = self._design.cells[box.name]
        fill = _FILL[cell.ip.kind if cell.shape.interfaces else "SUPPORT"]
        axes.add_patch(
            FancyBboxPatch(
                (box.x, box.bottom),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=6",
                facecolor=fill,
                edgecolor="#222222",
                linewidth=1.6,
                zorder=3,
            )
        )
        middle = box.x + box.width / 2
        axes.text(middle, box.top - 18, box.name, ha="center", va="center", fontsize=15, weight="bold", zorder=4)
        axes.text(middle, box.top - 37, box.subtitle, ha="center", va="center", fontsize=12, zorder=4)
        for side, inwards in (("left", 7), ("right", -7)):
            for label, what in getattr(box, side):
                x, y = box.port(what, side)
                axes.text(x + inwards, y, label, ha=side, va="center", fontsize=12, color="#111111", zorder=4)

    def _subtitle(self, cell):
        bases = [m for m in self._design.mappings if m.slave == cell.name and m.offset is not None]
        registers = [m for m in bases if self._design.segment(m).usage == "register"]
        if registers:
            return f"{cell.ip.name} @ 0x{registers[0].offset:08X}"
        return cell.ip.name

    def _paint_link(self, axes, link: Link):
        style = _STYLES["control" if link in self._control else "data"]
        start, end = (self.boxes[pin.cell].port(link) for pin in (link.source, link.target))
        source, target = self._columns[link.source.cell], self._columns[link.target.cell]
        (x1, y1), (x2, y2) = start, end
        forward = source < target
        first = self._wire_x(source + 1 if forward or source == target else source)
        if self._skips(link):
            self._lanes += 1
            lane = self._ceiling + _WIRE_STEP * self._lanes
            last = self._wire_x(target if forward else target + 1)
            points = [(x1, y1), (first, y1), (first, lane), (last, lane), (last, y2), (x2, y2)]
        else:
            points = [(x1, y1), (first, y1), (first, y2), (x2, y2)]
        self._line(axes, points, style)
        self._arrow(axes, points[-2], points[-1], style)
        interface = self._design.interface(link.source)
        if interface.bus == "axis":
            note = f"{interface.data_bits} bit"
            axes.text((x1 + x2) / 2, y1 + 4, note, ha="center", va="bottom", fontsize=11, color=style.colour, zorder=5)

    def _paint_net(self, axes, net: Net):
        style, driver = _STYLES[_kind(self._design, net)], self._design.driver(net)
        rail = _MARGIN + _LEGEND + _RAIL_STEP * (len(self._nets) - 1 - self._nets.index(net)) + 8
        risers = []
        if driver:
            box = self.boxes[driver.cell]
            x = self._wire_x(box.column + 1)
            start = box.port(net, "right")
            self._line(axes, [start, (x, start[1]), (x, rail)], style)
            risers.append(x)
        sinks = {pin.cell for pin in net.pins if pin != driver}
        for column in sorted({self._columns[name] for name in sinks}):
            x = self._wire_x(column)
            pins = [self.boxes[name].port(net, "left") for name in sinks if self._columns[name] == column]
            self._line(axes, [(x, rail), (x, max(y for _, y in pins))], style)
            for end, y in pins:
                self._line(axes, [(x, y), (end, y)], style)
                self._dot(axes, (x, y), style)
            risers.append(x)
        self._line(axes, [(min(risers), rail), (max(risers), rail)], style)
        for x in risers:
            self._dot(axes, (x, rail), style)
        axes.text(max(risers) + 8, rail, self._rail_label(driver), va="center", fontsize=12, color="#111111", zorder=4)

    def _rail_label(self, driver: Pin | None):
        megahertz = self._design.port(driver).megahertz if driver else None
        return f"{driver}" + (f", {megahertz:.6g} MHz" if megahertz else "")

    def _line(self, axes, points, style):
        xs, ys = zip(*points, strict=True)
        cap = {"dash_capstyle": "butt", "solid_capstyle": "round", "solid_joinstyle": "round"}
        axes.plot(xs, ys, color=style.colour, linewidth=style.width, linestyle=style.dashes, zorder=2, **cap)

    def _arrow(self, axes, start, end, style):
        arrow = {"arrowstyle": "-|>", "color": style.colour, "linewidth": style.width, "mutation_scale": 15}
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0}, zorder=2)

    def _dot(self, axes, point, style):
        axes.plot(*point, marker="o", markersize=4.5, color=style.colour, zorder=2)

    def _paint_legend(self, axes):
        shown = ["data", "control"] + list(dict.fromkeys(_kind(self._design, net) for net in self._nets))
        x = _MARGIN + 20
        for name in shown:
            style = _STYLES[name]
            self._line(axes, [(x, _MARGIN), (x + 44, _MARGIN)], style)
            axes.text(x + 52, _MARGIN, style.label, va="center", fontsize=12)
            x += 92 + 7.2 * len(style.label)
        axes.text(x, _MARGIN, "arrows: from master to slave", va="center", fontsize=12)
        memory = [row for row in self._design.address_map() if row.usage == "memory"]
        if memory:
            text = f"memory seen by the DMA: 0x{memory[0].base:08X}, {size_text(memory[0].size)}"
            axes.text(self.width - _MARGIN - 20, _MARGIN, text, va="center", ha="right", fontsize=12)


def _kind(design, net: Net) -> str:
    """clk, rst, or what else a net carries."""
    driver = design.driver(net)
    return design.port(driver or next(iter(net.pins))).kind


def control_links(design) -> list[Link]:
    """The links on the way from a processor to registers."""
    found = []
    waiting = deque(
        Pin(cell.name, interface.name)
        for cell in design.cells.values()
        if cell.ip.kind == "PROCESSOR"
        for interface in cell.shape.interfaces.values()
        if interface.drives
    )
    while waiting:
        link = design.link_of(waiting.popleft())
        if link is None or link in found:
            continue
        found.append(link)
        cell = design.cells[link.target.cell]
        if cell.ip.kind == "BUS":
            waiting += [Pin(cell.name, item.name) for item in cell.shape.interfaces.values() if item.drives]
    return found


def columns(design) -> dict[str, int]:
    """Column of each cell: processors and helpers 0, interconnects 1, masters of memory 2, then along the streams."""
    found, waiting = {}, deque()
    for cell in design.cells.values():
        streams = [item for item in cell.shape.interfaces.values() if item.bus == "axis"]
        if cell.ip.kind == "PROCESSOR" or not cell.shape.interfaces:
            found[cell.name] = 0
        elif cell.ip.kind == "BUS":
            found[cell.name] = 1
        elif cell.shape.spaces or not streams:
            found[cell.name] = 2
            waiting.append(cell.name)
    while waiting:
        name = waiting.popleft()
        for link in design.links:
            for end, other in ((link.source, link.target), (link.target, link.source)):
                if end.cell == name and other.cell not in found:
                    found[other.cell] = found[name] + 1
                    waiting.append(other.cell)
    for name in design.cells:
        found.setdefault(name, 2)
    return {name: found[name] for name in sorted(found, key=lambda name: (found[name], _order(design, name)))}


def _order(design, name):
    """Processors first, then as the script made them."""
    return design.cells[name].ip.kind != "PROCESSOR", list(design.cells).index(name)
