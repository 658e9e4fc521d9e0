"""Draws a block design: one picture that a student can read, also at half size and in grey.

Cells stand in columns from left to right, away from the processing system: what it controls, what reads and writes
memory, then along the streams. A hierarchy is a frame with its cells in it; of a very large design it is a box with its
pins. Clocks and resets reach every cell and would hide everything else if drawn as wires: each cell names what drives
its own, beside a sample of the line.
"""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from mlfpga.artifacts import writing
from mlfpga.blockdesign.design import Design, Link, Pin, parent_of
from mlfpga.blockdesign.layout import ROW, Edge, Layout, Node, columns_of

# All lengths in points (1/72 inch).
_TITLE, _PADDING, _MARGIN, _LEGEND, _NOTE, _FRAME = 48, 12, 24, 44, 19, 22
_LETTER = 7.0
# Above this many cells hierarchies are drawn closed.
_MANY_CELLS = 60
_LARGEST_PNG = 24e6


@dataclass(frozen=True)
class _Style:
    label: str
    colour: str
    width: float
    dashes: str | tuple


# Told apart by width and dashes first, by colour only second.
_STYLES = {
    "data": _Style("data (streams, memory)", "#12406f", 3.2, "-"),
    "control": _Style("control (registers)", "#b4570c", 1.5, "-"),
    "other": _Style("other interfaces", "#555555", 1.2, (0, (5, 2, 1, 2))),
    "clk": _Style("clock", "#2e6b2e", 1.7, (0, (6, 2.5))),
    "rst": _Style("reset", "#6d2077", 2.0, (0, (1, 1.8))),
}
_FILL = {"PROCESSOR": "#dfe7f1", "BUS": "#f2f2f2", "SUPPORT": "#ece4f0", "PORT": "#ffffff", "CLOSED": "#e9f1e4"}
_OTHER_FILL = "#fdf3dc"


@dataclass
class _Group:
    """One level of the design, laid out: its boxes and wires from its own bottom left corner, and levels inside."""

    layout: Layout
    links: dict[int, Link]
    inner: dict[str, "_Group"] = field(default_factory=dict)


def draw(design: Design, path, clocks: bool = True, resets: bool = True) -> Path:
    """Draw the design into a file; the suffix (.svg or .png) says how. Returns the path."""
    path = _checked(path)
    picture = Picture(design, [kind for kind, wanted in (("clk", clocks), ("rst", resets)) if wanted])
    figure, axes = canvas(picture.width, picture.height)
    picture.paint(axes)
    return save(figure, path)


def _checked(path) -> Path:
    path = Path(path)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f'pictures are .svg or .png, not "{path.suffix}"')
    return path


def canvas(width: float, height: float):
    """A figure and axes of this size in points, in which a length of 1 is a point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    return figure, axes


def save(figure, path) -> Path:
    """Write a figure as .svg or .png; a figure that is the same gives the same bytes."""
    import matplotlib

    path = _checked(path)
    # Text as text keeps the file small and searchable; a fixed salt keeps the same design the same bytes.
    settings = {"svg.fonttype": "none", "svg.hashsalt": "mlfpga", "font.family": "sans-serif"}
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    width, height = figure.get_size_inches()
    dots = min(96, (_LARGEST_PNG / (width * height)) ** 0.5)
    with writing(path) as temporary, matplotlib.rc_context(settings):
        figure.savefig(temporary, format=path.suffix[1:], dpi=dots, metadata=metadata, facecolor="white")
    return path


class Picture:
    """Lays out all levels, then paints them."""

    def __init__(self, design: Design, kinds: list[str]):
        self._design, self._kinds = design, kinds
        self._closed = len(design.cells) > _MANY_CELLS
        self._control = {id(link) for flat in control_links(design) for link in _chain(design, flat)}
        self._notes = {name: self._clocks_and_resets(name) for name in design.cells}
        self._used: set[str] = set()
        self._group = self._lay_out("", {})
        layout = self._group.layout
        if not layout.nodes:
            raise ValueError("there is nothing to draw: the design has no connected cells")
        self.width = max(layout.width + 2 * _MARGIN, 640)
        self.height = layout.height + 2 * _MARGIN + _LEGEND

    def boxes(self) -> dict[str, tuple[float, float, float, float]]:
        """(left, bottom, right, top) of every cell and hierarchy in the picture, by path."""
        return {node.name: (x, y, x + node.width, y + node.height) for node, x, y in self._all_boxes()}

    def wires(self) -> list[list[tuple[float, float]]]:
        """The corners of every wire in the picture."""
        return [[(x + dx, y + dy) for x, y in edge.points] for group, dx, dy in self._levels()
                for edge in group.layout.edges]  # fmt: skip

    # What is in the picture.

    def _clocks_and_resets(self, name) -> list[tuple[str, str, bool]]:
        """(kind, text, whether the cell drives it) of the clocks and resets of a cell."""
        inputs, outputs = {}, {}
        for port in self._design.cells[name].shape.ports.values():
            net = self._design.net_of(Pin(name, port.name))
            driver = self._design.driver(net) if net else None
            if port.kind not in self._kinds or driver is None:
                continue
            if driver == Pin(name, port.name):
                speed = f", {port.megahertz:.6g} MHz" if port.megahertz else ""
                outputs[port.kind, f"{port.name}{speed}", True] = None
            elif driver.cell != name:
                inputs[port.kind, str(driver), False] = None
        return sorted([*outputs, *inputs], key=lambda note: (not note[2], self._kinds.index(note[0])))

    def _lay_out(self, level: str, sides: dict[str, str]) -> _Group:
        design = self._design
        links = {n: link for n, link in enumerate(design.local_links) if link.level == level and _drawn(design, link)}
        ends = {n: (_member(link.source, level), _member(link.target, level)) for n, link in links.items()}
        inside = [path for path in (*design.cells, *design.hierarchies) if path and parent_of(path) == level]
        linked = {name for pair in ends.values() for name in pair}
        sources = [path for path in inside if any(note[2] for note in self._notes.get(path, ()))]
        names = [path for path in _processors_first(design, inside) if path in linked or path in sources]
        pins = [
            name for name in dict.fromkeys(name for pair in ends.values() for name in pair) if isinstance(name, Pin)
        ]
        first = {pin for pin in pins if level and sides.get(pin.port) == "left"}
        last = {pin for pin in pins if level and pin not in first}
        arrows = [ends[n] if self._leads_on(link) else ends[n][::-1] for n, link in links.items()]
        column = columns_of([*names, *pins], arrows, first, last)
        nodes = {name: Node(name, column=column[name]) for name in column}
        for n, (source, target) in ends.items():
            # Within one column, both ends turn to the right.
            nodes[source].__dict__["right" if column[target] >= column[source] else "left"].append(n)
            if source != target:
                nodes[target].__dict__["left" if column[source] < column[target] else "right"].append(n)
        group = _Group(None, links)
        for name, node in nodes.items():
            self._size(group, name, node, links)
        edges = [Edge(n, *ends[n]) for n in links if ends[n][0] != ends[n][1]]
        group.layout = Layout(list(nodes.values()), edges)
        return group

    def _leads_on(self, link) -> bool:
        """Whether a link leads away from the processor; the memory that a master asks is on the processor's side."""
        return self._design.interface(link.source).bus != "aximm" or id(link) in self._control

    def _size(self, group, name, node, links):
        if isinstance(name, Pin):
            node.width, node.height, node.fixed = _LETTER * len(name.port) + 22, ROW, True
            return
        if name in self._design.hierarchies and not self._closed:
            sides = {self._port_name(links[n], name): side for side in ("left", "right") for n in getattr(node, side)}
            inner = group.inner[name] = self._lay_out(name, sides)
            node.fixed = True
            node.width = max(inner.layout.width + 2 * _FRAME, _LETTER * 1.3 * len(name) + 30)
            node.height = inner.layout.height + _FRAME + 40
            at = {other.name.port: other for other in inner.layout.nodes if isinstance(other.name, Pin)}
            for n in [*node.left, *node.right]:
                pin = at.get(self._port_name(links[n], name))
                node.offsets[n] = node.height - _FRAME - pin.middle if pin else node.height - 10
            return
        rows = max(len(node.left), len(node.right))
        labels = [[self._port_name(links[n], name) for n in getattr(node, side)] for side in ("left", "right")]
        widest = sum(max(map(len, side), default=0) for side in labels) + 3
        notes = self._notes.get(name, [])
        texts = [len(text) + 6 for _, text, _ in notes]
        node.above = _TITLE
        node.height = _TITLE + ROW * rows + _PADDING + _NOTE * len(notes)
        heads = [1.25 * len(name.rpartition("/")[2]) + 3, len(self._subtitle(name)) + 2]
        node.width = _LETTER * max(widest, *heads, *texts) + 12

    @staticmethod
    def _port_name(link, name) -> str:
        return link.source.port if link.source.cell == name else link.target.port

    def _subtitle(self, name) -> str:
        design = self._design
        if name in design.hierarchies:
            return f"hierarchy of {sum(path.startswith(f'{name}/') for path in design.cells)} cells"
        registers = [
            mapping
            for mapping in design.mappings
            if mapping.slave == name and mapping.offset is not None and design.segment(mapping).usage == "register"
        ]
        return design.cells[name].ip.name + (f" @ 0x{registers[0].offset:08X}" if registers else "")

    # Paints.

    def _levels(self):
        """(group, x, y) of every level, x and y of its bottom left corner."""
        waiting = deque([(self._group, _MARGIN, _MARGIN + _LEGEND)])
        while waiting:
            group, x, y = waiting.popleft()
            yield group, x, y
            for node in group.layout.nodes:
                if node.name in group.inner:
                    waiting.append((group.inner[node.name], x + node.x + _FRAME, y + node.bottom + _FRAME))

    def _all_boxes(self):
        for group, x, y in self._levels():
            for node in group.layout.nodes:
                if isinstance(node.name, str):
                    yield node, x + node.x, y + node.bottom

    def paint(self, axes) -> None:
        for depth, (group, x, y) in enumerate(self._levels()):
            for node in group.layout.nodes:
                if node.name in group.inner:
                    self._paint_frame(axes, group, node, x, y, depth)
                elif isinstance(node.name, Pin):
                    self._paint_pin(axes, node, x, y)
                elif isinstance(node.name, str):
                    self._paint_box(axes, group, node, x, y)
            for edge in group.layout.edges:
                self._paint_link(axes, group.links[edge.key], [(px + x, py + y) for px, py in edge.points])
        self._paint_legend(axes)

    def _rectangle(self, axes, node, x, y, **style):
        from matplotlib.patches import FancyBboxPatch

        corner = (x + node.x, y + node.bottom)
        shape = f"round,pad=0,rounding_size={style.pop('rounding', 6)}"
        axes.add_patch(FancyBboxPatch(corner, node.width, node.height, boxstyle=shape, **style))

    def _paint_frame(self, axes, group, node, x, y, depth):
        fill = "#fbfbf7" if depth % 2 == 0 else "#f4f4ee"
        style = {"facecolor": fill, "edgecolor": "#777777", "linewidth": 1.3, "linestyle": (0, (8, 3)), "rounding": 10}
        self._rectangle(axes, node, x, y, zorder=0.5 + 0.01 * depth, **style)
        name, subtitle = node.name.rpartition("/")[2], "hierarchy"
        left, line = x + node.x + 12, y + node.top - 18
        axes.text(left, line, name, fontsize=14, weight="bold", va="center", zorder=4)
        axes.text(left + 1.35 * _LETTER * len(name) + 10, line, subtitle, fontsize=11, va="center", zorder=4)
        inner = group.inner[node.name].layout
        at = {other.name.port: other for other in inner.nodes if isinstance(other.name, Pin)}
        for n in [*node.left, *node.right]:
            link, edge_x = group.links[n], x + node.port(n)[0]
            pin = at.get(self._port_name(link, node.name))
            if pin:
                near = x + node.x + _FRAME + pin.x + (0 if n in node.left else pin.width)
                height = y + node.port(n)[1]
                self._line(axes, [(edge_x, height), (near, height)], self._style(link))

    def _paint_pin(self, axes, node, x, y):
        """A port of the design, or a pin of a hierarchy on its inner side."""
        middle = y + node.middle
        box = {"boxstyle": "round4,pad=0.28", "facecolor": "white", "edgecolor": "#777777", "linewidth": 1}
        axes.text(x + node.x + node.width / 2, middle, node.name.port, ha="center", va="center", fontsize=11,
                  bbox=box, zorder=4)  # fmt: skip
        ends = [x + node.x, x + node.x + node.width]
        for n in [*node.left, *node.right]:
            self._line(axes, [(end, middle) for end in ends], self._style(self._design.local_links[n]), zorder=1.9)

    def _paint_box(self, axes, group, node, x, y):
        name, design = node.name, self._design
        if name in design.hierarchies:
            fill = _FILL["CLOSED"]
        else:
            cell = design.cells[name]
            fill = _FILL.get(cell.shape.kind if cell.shape.interfaces else "SUPPORT", _OTHER_FILL)
        self._rectangle(axes, node, x, y, facecolor=fill, edgecolor="#222222", linewidth=1.6, zorder=3)
        middle, top = x + node.x + node.width / 2, y + node.top
        short = name.rpartition("/")[2]
        axes.text(middle, top - 17, short, ha="center", va="center", fontsize=14, weight="bold", zorder=4)
        axes.text(middle, top - 35, self._subtitle(name), ha="center", va="center", fontsize=11, zorder=4)
        for side, inwards in (("left", 7), ("right", -7)):
            for n in getattr(node, side):
                px, py = node.port(n)
                label = self._port_name(group.links[n], name)
                axes.text(
                    x + px + inwards, y + py, label, ha=side, va="center", fontsize=11.5, color="#111111", zorder=4
                )
        for row, (kind, text, drives) in enumerate(reversed(self._notes.get(name, []))):
            self._paint_note(
                axes, x + node.x + 8, y + node.bottom + _PADDING / 2 + _NOTE * (row + 0.5), kind, text, drives
            )

    def _paint_note(self, axes, x, y, kind, text, drives):
        """The line of a clock or a reset, and what drives it; with an arrow if it is this cell."""
        style = _STYLES[kind]
        self._used.add(kind)
        self._line(axes, [(x, y), (x + 24, y)], style, zorder=4)
        if drives:
            self._arrow(axes, (x + 22, y), (x + 32, y), style, zorder=4)
        axes.text(x + 36, y, text, va="center", fontsize=10.5, weight="bold" if drives else "normal", zorder=4)

    def _style(self, link) -> _Style:
        bus = self._design.interface(link.source).bus
        name = "other" if bus not in ("aximm", "axis") else "control" if id(link) in self._control else "data"
        self._used.add(name)
        return _STYLES[name]

    def _paint_link(self, axes, link: Link, points):
        style = self._style(link)
        self._line(axes, points, style)
        self._arrow(axes, points[-2], points[-1], style)
        interface = self._design.interface(link.source)
        if interface.bus == "axis" and interface.data_bits:
            (x, y), (after, _) = points[:2]
            away, side = (6, "left") if after >= x else (-6, "right")
            axes.text(x + away, y + 3, f"{interface.data_bits} bit", ha=side, va="bottom", fontsize=10,
                      color=style.colour, zorder=5)  # fmt: skip

    def _line(self, axes, points, style, zorder=2):
        xs, ys = zip(*points, strict=True)
        cap = {"dash_capstyle": "butt", "solid_capstyle": "butt", "solid_joinstyle": "round"}
        axes.plot(xs, ys, color=style.colour, linewidth=style.width, linestyle=style.dashes, zorder=zorder, **cap)

    def _arrow(self, axes, start, end, style, zorder=2.1):
        arrow = {"arrowstyle": "-|>", "color": style.colour, "linewidth": style.width, "mutation_scale": 14}
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0}, zorder=zorder)

    def _paint_legend(self, axes):
        x, y = _MARGIN, _MARGIN
        for name, style in _STYLES.items():
            if name in self._used:
                self._line(axes, [(x, y), (x + 40, y)], style)
                axes.text(x + 47, y, style.label, va="center", fontsize=11.5)
                x += 70 + 6.6 * len(style.label)
        axes.text(x, y, "arrows: from master to slave", va="center", fontsize=11.5)


def _drawn(design, link) -> bool:
    """A wire between pins that are both there."""
    ends = (link.source, link.target)
    return all(end.port in design.shape(end.cell).interfaces for end in ends)


def _member(pin: Pin, level: str):
    """What a pin belongs to on a level: a cell or a hierarchy by its path, or the level's own pin."""
    return pin if pin.cell == level else pin.cell


def _processors_first(design, paths) -> list[str]:
    """Processors, then all else as the script made it."""
    return sorted(paths, key=lambda path: path not in design.cells or design.cells[path].shape.kind != "PROCESSOR")


def _chain(design, flat: Link) -> list[Link]:
    """The links, level by level, that a flat link is made of."""
    found = [link for link in design.local_links if link.source == flat.source]
    while found and found[-1].target != flat.target:
        onward = [link for link in design.local_links if link.source == found[-1].target and link is not found[-1]]
        if not onward:
            break
        found.append(onward[0])
    return found


def control_links(design) -> list[Link]:
    """The links on the way from a processor to registers."""
    found = []
    waiting = deque(
        Pin(cell.name, interface.name)
        for cell in design.cells.values()
        if cell.shape.kind == "PROCESSOR"
        for interface in cell.shape.interfaces.values()
        if interface.drives and interface.bus == "aximm"
    )
    while waiting:
        link = design.link_of(waiting.popleft())
        if link is None or link in found:
            continue
        found.append(link)
        cell = design.cells.get(link.target.cell)
        if cell and cell.shape.kind == "BUS":
            interfaces = cell.shape.interfaces.values()
            waiting += [Pin(cell.name, item.name) for item in interfaces if item.drives and item.bus == "aximm"]
    return found
