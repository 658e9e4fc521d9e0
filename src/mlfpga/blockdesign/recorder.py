"""The Vivado commands that build scripts use, recorded into a `Design` instead of executed.

What a command accepts follows the Vivado Tcl command reference (UG835). Objects are what they are in Vivado when
printed: /axi_dma_0 is a cell, /axi_dma_0/axi_resetn a pin. One thing is stricter on purpose: where Vivado only warns
that nothing matches (get_bd_pins with a wrong name) and goes on with an empty list, the dry run stops at that line.
"""

import fnmatch
from pathlib import Path

from mlfpga.blockdesign.catalogue import IP, CatalogueError, did_you_mean
from mlfpga.blockdesign.design import Cell, Design, Link, Mapping, Net, Pin
from mlfpga.blockdesign.expressions import number
from mlfpga.blockdesign.sandbox import CommandError

# What `version -short` answers: the newest Vivado whose handoff the dry run was compared with.
VIVADO_VERSION = "2024.1"

_UNITS = {"K": 10, "M": 20, "G": 30}
# Options that every command of Vivado takes.
_COMMON = ("-quiet", "-verbose")


def parse_options(words, flags=(), valued=()):
    """Split a command's words into ({option: value, or True for a flag}, the rest). Vivado's options start with -.

    >>> parse_options(["-force", "demo", "-part", "xczu3eg"], flags=["-force"], valued=["-part"])
    ({'-force': True, '-part': 'xczu3eg'}, ['demo'])
    """
    options, rest, words, flags = {}, [], list(words), (*flags, *_COMMON)
    while words:
        word = words.pop(0)
        if word in flags:
            options[word] = True
        elif word in valued:
            if not words:
                raise CommandError(f"option {word} needs a value")
            options[word] = words.pop(0)
        elif word.startswith("-") and word[1:2].isalpha():
            raise CommandError(f"unknown option {word}{did_you_mean(word, [*flags, *valued])}")
        else:
            rest.append(word)
    return options, rest


def parse_size(text: str) -> int:
    """An address or a range: decimal, 0x…, or with a unit: 64K, 2G."""
    value = number(text[:-1] if text[-1:].upper() in _UNITS else text)
    if not isinstance(value, int):
        raise CommandError(f'"{text}" is not an address or a size')
    return value << _UNITS.get(text[-1:].upper(), 0)


class Recorder:
    """Records commands into `design`. `commands()` gives them to the sandbox; `sandbox` is set once it exists.

    catalogue: the IPs that exist, by VLNV
    files: collects the paths of files that Vivado would have written
    """

    def __init__(self, catalogue: dict[str, IP], files: set):
        self.design = Design()
        self.sandbox = None
        self._catalogue, self._files = catalogue, files
        self._project = self._folder = ""
        self._properties: dict[tuple[str, str], str] = {}
        self._done: set[str] = set()

    def commands(self) -> dict:
        """Command name -> function. Every public method below `# Commands` is one."""
        names = [name for name in dir(self) if not name.startswith("_") and name not in ("commands",)]
        return {name: getattr(self, name) for name in names if callable(getattr(self, name))}

    # Commands: project.

    def version(self, *words):
        parse_options(words, flags=["-short"])
        return VIVADO_VERSION

    def create_project(self, *words):
        options, names = parse_options(words, flags=["-force", "-in_memory", "-ip"], valued=["-part"])
        self._project = names[0] if names else "project_1"
        self._folder = names[1] if len(names) > 1 else self._project
        self.design.part = options.get("-part", "")
        self.design.where = self.sandbox.where
        return self._project

    def current_project(self, *words):
        options, _ = parse_options(words)
        self._need(self._project or "-quiet" in options, "there is no open project; create_project makes one")
        return self._project

    def set_param(self, name, value):
        self._properties["param", name] = value

    def update_ip_catalog(self, *words):
        parse_options(words, flags=["-rebuild"], valued=["-repo_path"])

    def get_ipdefs(self, *words):
        _, patterns = parse_options(words, flags=["-all"])
        patterns = patterns[0].split() if patterns else ["*"]
        return [vlnv for vlnv in self._catalogue if any(fnmatch.fnmatchcase(vlnv, p) for p in patterns)]

    def set_property(self, *words):
        options, rest = parse_options(words, valued=["-dict", "-name", "-value", "-objects"])
        rest = [options[name] for name in ("-name", "-value") if name in options] + rest
        rest += [options["-objects"]] if "-objects" in options else []
        if "-dict" in options:
            pairs, objects = self._split(options["-dict"]), rest
            if len(pairs) % 2:
                raise CommandError(f"-dict has {len(pairs)} words; it needs names and values in turn")
            properties = list(zip(pairs[::2], pairs[1::2], strict=True))
        else:
            if len(rest) < 3:
                raise CommandError("expected a name, a value and one or more objects")
            properties, objects = [(rest[0], rest[1])], rest[2:]
        for item in self._objects(objects):
            for name, value in properties:
                self._set(item, name, value)

    def get_property(self, *words):
        _, (name, item) = parse_options(words)
        cell = self.design.cells.get(item.lstrip("/"))
        if cell and name.upper().startswith("CONFIG."):
            return cell.values.get(name[7:], "")
        if cell and name.upper() == "VLNV":
            return cell.ip.vlnv
        if (item, name.upper()) in self._properties:
            return self._properties[item, name.upper()]
        raise CommandError(f'the dry run knows no property {name} of "{item}"')

    # Commands: cells and wires.

    def create_bd_design(self, *words):
        self._need(self._project, "there is no open project; create_project makes one")
        _, (name,) = parse_options(words, valued=["-dir"])
        self.design.name = name
        return name

    def current_bd_design(self, *words):
        return self.design.name

    def create_bd_cell(self, *words):
        options, (name,) = parse_options(words, valued=["-type", "-vlnv"])
        self._need(self.design.name, "there is no block design; create_bd_design makes one")
        if options.get("-type") != "ip" or "-vlnv" not in options:
            raise CommandError("the dry run makes cells of IPs only: -type ip -vlnv vendor:library:name:version")
        name = name.lstrip("/")
        if name in self.design.cells:
            raise CommandError(f'there is already a cell "{name}" ({self.design.cells[name].where})')
        self.design.cells[name] = Cell(name, self._find_ip(options["-vlnv"]), self.sandbox.where)
        return f"/{name}"

    def get_bd_cells(self, *words):
        options, patterns = parse_options(words)
        names = self._split(patterns[0]) if patterns else ["*"]
        found = [f"/{cell}" for name in names for cell in fnmatch.filter(self.design.cells, name.lstrip("/"))]
        if not found and "-quiet" not in options:
            raise CommandError(f'there is no cell "{patterns[0]}"{did_you_mean(names[0], self.design.cells)}')
        return found

    def get_bd_pins(self, *words):
        return self._get_members(words, "pin")

    def get_bd_intf_pins(self, *words):
        return self._get_members(words, "interface")

    def connect_bd_net(self, *words):
        _, rest = parse_options(words, valued=["-net"])
        pins = [Pin(*name.lstrip("/").split("/")) for word in rest for name in self._split(word)]
        if len(pins) < 2:
            raise CommandError("expected two pins or more")
        for pin in pins:
            self._check_exists(pin, "pin")
        touched = [net for net in self.design.nets if any(pin in net.pins for pin in pins)]
        net = Net({pin: where for old in touched for pin, where in old.pins.items()})
        for pin in pins:
            net.pins.setdefault(pin, self.sandbox.where)
        drivers = [pin for pin in net.pins if self.design.port(pin).direction == "O"]
        if len(drivers) > 1:
            raise CommandError(f"{drivers[0]} and {drivers[1]} would drive the same wire")
        self.design.nets = [old for old in self.design.nets if old not in touched] + [net]

    def connect_bd_intf_net(self, *words):
        _, rest = parse_options(words, valued=["-intf_net"])
        pins = [Pin(*name.lstrip("/").split("/")) for word in rest for name in self._split(word)]
        if len(pins) != 2:
            raise CommandError(f"expected two interfaces, not {len(pins)}")
        for pin in pins:
            self._check_exists(pin, "interface")
            if self.design.partner(pin):
                raise CommandError(f"{pin} is already connected to {self.design.partner(pin)}")
        first, second = (self.design.interface(pin) for pin in pins)
        if first.bus != second.bus:
            raise CommandError(f"{pins[0]} is {first.bus} and {pins[1]} is {second.bus}; they cannot be connected")
        if first.drives == second.drives:
            raise CommandError(f"{pins[0]} and {pins[1]} are both {first.type.lower()}s; one must be the other kind")
        source, target = pins if first.drives else reversed(pins)
        self.design.links.append(Link(source, target, self.sandbox.where))
        self._follow_widths(source, target)

    # Commands: addresses.

    def get_bd_addr_spaces(self, *words):
        options, patterns = parse_options(words)
        paths = [f"/{cell.name}/{space}" for cell in self.design.cells.values() for space in cell.shape.spaces]
        return self._matching(paths, patterns, options, "address space")

    def get_bd_addr_segs(self, *words):
        options, patterns = parse_options(words)
        paths = [f"/{cell.name}/{path}" for cell in self.design.cells.values() for path in cell.shape.segments]
        return self._matching(paths, patterns, options, "address segment")

    def assign_bd_address(self, *words):
        options, rest = parse_options(words, flags=["-force"], valued=["-offset", "-range", "-target_address_space"])
        if not {"-offset", "-range", "-target_address_space"} <= set(options) or len(rest) != 1:
            raise CommandError("the dry run needs -offset, -range, -target_address_space and one segment")
        offset, size = parse_size(options["-offset"]), parse_size(options["-range"])
        self._map(options["-target_address_space"], rest[0], offset, size)

    def exclude_bd_addr_seg(self, *words):
        options, rest = parse_options(words, valued=["-target_address_space", "-offset", "-range"])
        if "-target_address_space" not in options or len(rest) != 1:
            raise CommandError("the dry run needs -target_address_space and one segment")
        self._map(options["-target_address_space"], rest[0], None, 0)

    # Commands: what follows the block design. They leave the files that Vivado would.

    def regenerate_bd_layout(self, *words):
        parse_options(words, flags=["-routing"], valued=["-hierarchy", "-layout_file"])

    def validate_bd_design(self, *words):
        parse_options(words, flags=["-force", "-include_pfm"], valued=["-design"])

    def save_bd_design(self, *words):
        self._properties[f"{self.design.name}.bd", "NAME"] = self.design.name

    def get_files(self, *words):
        options, (pattern,) = parse_options(words)
        file = f"{self.design.name}.bd"
        found = [file] if fnmatch.fnmatchcase(file, Path(pattern).name) else []
        self._need(found or "-quiet" in options, f'there is no file "{pattern}" in the project')
        return found

    def generate_target(self, *words):
        self._generate()

    def make_wrapper(self, *words):
        parse_options(words, flags=["-top", "-import", "-force"], valued=["-files", "-fileset"])
        self._done.add("wrapper")
        return f"{self.design.name}_wrapper.v"

    def current_fileset(self, *words):
        return "sources_1"

    def update_compile_order(self, *words):
        parse_options(words, valued=["-fileset"])

    def get_runs(self, *words):
        options, patterns = parse_options(words)
        names = self._split(patterns[0]) if patterns else ["*"]
        found = [run for name in names for run in fnmatch.filter(["synth_1", "impl_1"], name)]
        if not found and "-quiet" not in options:
            raise CommandError(f'there is no run "{patterns[0]}"; a new project has synth_1 and impl_1')
        return found

    def launch_runs(self, *words):
        options, names = parse_options(words, flags=["-force"], valued=["-jobs", "-to_step", "-dir"])
        self._need(names, "which run? A new project has synth_1 and impl_1")
        self._need("wrapper" in self._done, "the design has no top module; make_wrapper makes one")
        self._generate()
        for run in [run for name in names for run in self.get_runs(name)]:
            folder = self._resolved(Path(self._folder, f"{self._project}.runs", run))
            told = {"PROGRESS": "100%", "STATUS": "dry run", "DIRECTORY": str(folder)}
            told |= {"STATS.WNS": "", "STATS.WHS": ""}  # no slack: nothing was timed
            self._properties |= {(run, name): value for name, value in told.items()}
            if run == "impl_1" and options.get("-to_step") == "write_bitstream":
                self._wrote(folder / f"{self.design.name}_wrapper.bit")

    def wait_on_run(self, *words):
        parse_options(words, valued=["-timeout"])

    def wait_on_runs(self, *words):
        parse_options(words, valued=["-timeout", "-exit_condition"])

    def open_run(self, *words):
        parse_options(words, valued=["-name"])

    def report_utilization(self, *words):
        self._report(words, ["-hierarchical"], ["-hierarchical_depth"])

    def report_timing_summary(self, *words):
        flags = ["-setup", "-hold", "-report_unconstrained", "-warn_on_violation", "-datasheet", "-input_pins"]
        valued = ["-delay_type", "-max_paths", "-nworst", "-path_type", "-slack_lesser_than", "-significant_digits"]
        self._report(words, [*flags, "-unique_pins", "-routable_nets", "-no_detailed_paths"], valued)

    def report_power(self, *words):
        self._report(words, ["-advisory"], ["-hier", "-format"])

    def write_hw_platform(self, *words):
        flags = ["-fixed", "-include_bit", "-force", "-minimal", "-hw", "-include_sim_content"]
        options, rest = parse_options(words, flags=flags, valued=["-file"])
        (path,) = rest or [options["-file"]]
        self._wrote(path)

    # How they do it.

    def _need(self, condition, message):
        if not condition:
            raise CommandError(message)

    def _split(self, text):
        return list(self.sandbox.split(text))

    def _resolved(self, path) -> Path:
        return self.sandbox.resolve(path)

    def _wrote(self, path):
        self._files.add(str(self._resolved(path)))

    def _generate(self):
        sources = Path(self._folder, f"{self._project}.gen", "sources_1", "bd", self.design.name)
        self._wrote(sources / "hw_handoff" / f"{self.design.name}.hwh")

    def _report(self, words, flags, valued):
        flags, valued = [*flags, "-append", "-return_string", "-no_header"], [*valued, "-file", "-name", "-rpx"]
        options, _ = parse_options(words, flags=flags, valued=valued)
        if "-file" in options:
            self._wrote(options["-file"])

    def _find_ip(self, vlnv):
        # Vivado takes a VLNV without its version and finds the newest.
        found = [name for name in self._catalogue if name == vlnv or name.rpartition(":")[0] == vlnv]
        if not found:
            raise CommandError(f'there is no IP "{vlnv}"{did_you_mean(vlnv, self._catalogue)}')
        return self._catalogue[max(found)]

    def _objects(self, words):
        objects = [name for word in words for name in self._split(word)]
        self._need(objects, "there is no object to set properties of")
        return objects

    def _set(self, item, name, value):
        cell = self.design.cells.get(item.lstrip("/"))
        if not (cell and name.upper().startswith("CONFIG.")):
            self._properties[item, name.upper()] = value
            return
        parameter, _, aspect = name[7:].partition(".")
        if aspect.upper() == "VALUE_SRC" and parameter in cell.ip.parameters:
            return  # who has set the value (USER, …): only the value itself counts here
        try:
            cell.ip.check_parameter(name[7:], value)
        except CatalogueError as error:
            raise CommandError(f"{cell.name}: {error}", word=name) from error
        cell.changes[name[7:]] = value
        cell.changed_at[name[7:]] = self.sandbox.where_of(name)
        try:
            _ = cell.values
        except ValueError as error:
            raise CommandError(f"{cell.name}: {error}", word=name) from error

    def _get_members(self, words, what):
        options, patterns = parse_options(words)
        names = self._split(patterns[0]) if patterns else []
        names = [member for name in names for member in self._members(name, what)]
        pins = [Pin(*self._cell_and_member(name, what)) for name in names]
        if "-quiet" in options:
            return [f"/{pin}" for pin in pins if self._exists(pin, what)]
        for pin in pins:
            self._check_exists(pin, what)
        return [f"/{pin}" for pin in pins]

    def _members(self, name, what):
        """The pins or interfaces that a name with * or ? in it stands for; any other name as it is."""
        if not set(name) & set("*?"):
            return [name]
        cells = self.design.cells.values()
        paths = [f"{c.name}/{m}" for c in cells for m in (c.shape.ports if what == "pin" else c.shape.interfaces)]
        return fnmatch.filter(paths, name.lstrip("/")) or [name]

    def _cell_and_member(self, name, what):
        parts = name.strip("/").split("/")
        if len(parts) != 2:
            raise CommandError(f'"{name}" is not a cell and {what}: cell/{what}')
        return parts

    def _exists(self, pin, what):
        cell = self.design.cells.get(pin.cell)
        return cell is not None and pin.port in (cell.shape.ports if what == "pin" else cell.shape.interfaces)

    def _check_exists(self, pin, what):
        if pin.cell not in self.design.cells:
            raise CommandError(f'there is no cell "{pin.cell}"{did_you_mean(pin.cell, self.design.cells)}')
        if not self._exists(pin, what):
            cell = self.design.cells[pin.cell]
            why = cell.shape.missing(pin.port, what)
            raise CommandError(f'{pin.cell} ({cell.ip.name}) has no {what} "{pin.port}"{why}')

    def _matching(self, paths, patterns, options, what):
        names = self._split(patterns[0]) if patterns else ["*"]
        found = [path for name in names for path in fnmatch.filter(paths, "/" + name.lstrip("/"))]
        if not found and "-quiet" not in options:
            close = did_you_mean(names[0], [path[1:] for path in paths])
            raise CommandError(f'there is no {what} "{patterns[0]}"{close}')
        return found

    def _follow_widths(self, source, target):
        """A slave stream whose width is not its own takes on that of its source, as Vivado's validation does."""
        cell = self.design.cells[target.cell]
        for name, rules in cell.ip.parameters.items():
            if rules.get("follows") == target.port:
                cell.followed[name] = str(self.design.interface(source).data_bits)

    def _map(self, space_path, segment_path, offset, size):
        master, space = space_path.strip("/").split("/")
        slave, segment = segment_path.strip("/").split("/", 1)
        key = (master, space, slave, segment)
        mappings = self.design.mappings
        old = next((m for m in mappings if (m.master, m.space, m.slave, m.segment) == key), None)
        if old:
            mappings.remove(old)
        mappings.append(Mapping(*key, offset, size, self.sandbox.where))
