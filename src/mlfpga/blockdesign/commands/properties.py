"""What objects say of themselves, and the commands that read and set it: get_property, set_property."""

from mlfpga.blockdesign.boards import find_board
from mlfpga.blockdesign.commands.options import parse_options, parse_size
from mlfpga.blockdesign.commands.renaming import RENAMED, rename
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.design import Pin, parent_of
from mlfpga.blockdesign.sandbox import CommandError

_MODE = {"MASTER": "Master", "INITIATOR": "Master", "SLAVE": "Slave", "TARGET": "Slave", "MONITOR": "Monitor"}
# Properties of a new project, and of things around it that the dry run does not look at: empty until they are set.
_PROJECT = {
    "BOARD_PART_REPO_PATHS": "",
    "DEFAULT_LIB": "xil_defaultlib",
    "IP_REPO_PATHS": "",
    "SIMULATOR_LANGUAGE": "Mixed",
    "TARGET_LANGUAGE": "Verilog",
    "XPM_LIBRARIES": "",
}
_OTHERS = {"IP_REPO_PATHS": "", "IS_LOCKED": "0", "LOCAL_ROOT_DIR": "", "SLACK": "", "TOP": ""}


class Properties:
    """The properties of a design's objects, by name."""

    def __init__(self, session: Session):
        self._session = session

    def read(self, item: str, name: str) -> str | None:
        """A property of an object by its name, or None if the dry run knows of none."""
        session, key = self._session, name.upper()
        kind, path = session.kind_of(item), session.path(item)
        if (item, key) in session.properties:
            return session.properties[item, key]
        if kind is not None:
            known = {"NAME": path.rpartition("/")[2], "PATH": f"/{path}"}
            if key in known:
                return known[key]
        readers = {
            "cell": self._of_cell,
            "pin": self._of_pin,
            "port": self._of_pin,
            "interface pin": self._of_interface,
            "interface port": self._of_interface,
            "segment": self._of_segment,
            "mapping": self._of_mapping,
            "space": self._of_space,
        }
        if kind in readers:
            return readers[kind](path, name)
        if kind is None:
            return self._of_project(item, key)
        return {"CLASS": {"net": "bd_net", "interface net": "bd_intf_net"}[kind]}.get(key)

    def _of_cell(self, path, name):
        design, key = self._session.design, name.upper()
        cell = design.cells.get(path)
        if cell is None:
            return {"TYPE": "hier", "CLASS": "bd_cell", "VLNV": ""}.get(key)
        if key.startswith("CONFIG."):
            return cell.values.get(name[7:])
        return {"VLNV": cell.ip.vlnv, "TYPE": cell.ip.cell_type, "CLASS": "bd_cell", "SELECTED_SIM_MODEL": "rtl"}.get(
            key
        )

    def _of_pin(self, path, name):
        design, key = self._session.design, name.upper()
        pin = Pin(parent_of(path), path.rpartition("/")[2])
        port = design.port(pin)
        kind = {"INTERRUPT": "intr"}.get(port.kind, port.kind)
        known = {"DIR": port.direction, "TYPE": kind, "CLASS": "bd_pin" if pin.cell else "bd_port", "INTF": "FALSE"}
        if port.width is not None:
            known |= {"LEFT": str(port.width - 1), "RIGHT": "0"}
        if key == "CONFIG.FREQ_HZ":
            return _hertz(port.megahertz) or _hertz(self._clock(design, pin))
        if key == "CONFIG.POLARITY":
            return port.polarity or ""
        return known.get(key)

    @staticmethod
    def _clock(design, pin):
        net = design.net_of(pin)
        driver = design.driver(net) if net else None
        return design.port(driver).megahertz if driver else None

    def _of_interface(self, path, name):
        pin = Pin(parent_of(path), path.rpartition("/")[2])
        interface = self._session.design.interface(pin)
        known = {"MODE": _MODE[interface.type], "VLNV": f"{interface.vlnv.rsplit(':', 1)[0]}_rtl:1.0"}
        known["CLASS"] = "bd_intf_pin" if pin.cell else "bd_intf_port"
        bits = str(interface.data_bits or "")
        widths = {"CONFIG.DATA_WIDTH": bits, "CONFIG.TDATA_NUM_BYTES": str((interface.data_bits or 0) // 8)}
        return (known | widths | {"CONFIG.PROTOCOL": interface.protocol}).get(name.upper())

    def _of_segment(self, path, name):
        cell = self._session.owner(path)
        segment = self._session.design.cells[cell].shape.segments[path.removeprefix(f"{cell}/")]
        return {"USAGE": segment.usage, "RANGE": hex(segment.size), "CLASS": "bd_addr_seg"}.get(name.upper())

    def _of_mapping(self, path, name):
        mapping = self._session.mapping(f"/{path}")
        offset = None if mapping.offset is None else f"0x{mapping.offset:08X}"
        return {"OFFSET": offset, "RANGE": f"0x{mapping.size:08X}", "CLASS": "bd_addr_seg"}.get(name.upper())

    def _of_space(self, path, name):
        space = self._session.design.cells[parent_of(path)].shape.spaces[path.rpartition("/")[2]]
        return {"RANGE": hex(1 << space.bits), "CLASS": "bd_addr_space"}.get(name.upper())

    def _of_project(self, item, key):
        session = self._session
        if item in (session.project, session.design.name):
            design = session.design
            known = {"NAME": item, "PART": design.part, "DIRECTORY": session.folder or ".", "BOARD_PART": ""}
            return (_PROJECT | known).get(key)
        board = find_board(item)
        return (_OTHERS | {"NAME": item, "PART_NAME": board.part if board else ""}).get(key)


class PropertyCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session
        self._properties = Properties(session)

    def get_property(self, *words):
        options, rest = parse_options(words, flags=["-min", "-max"])
        if len(rest) != 2:
            self._session.blame_miss("expected a property's name and one object")
        name, item = rest
        objects = self._session.split(item)
        if not objects:
            self._session.blame_miss(f"property {name} of nothing")
        value = self._properties.read(objects[0], name)
        if value is None:
            if "-quiet" in options or name.upper().startswith("CONFIG."):
                return ""
            raise CommandError(f'the dry run knows no property {name} of "{objects[0]}"')
        return value

    def list_property(self, *words):
        _, rest = parse_options(words, flags=["-class", "-regexp"])
        cell = self._session.design.cells.get(self._session.path(rest[0]))
        return ["NAME", "PATH", "TYPE", "VLNV", *(f"CONFIG.{name}" for name in (cell.values if cell else ()))]

    def set_property(self, *words):
        session = self._session
        options, rest = parse_options(words, valued=["-dict", "-name", "-value", "-objects"])
        rest = [options[name] for name in ("-name", "-value") if name in options] + rest
        rest += [options["-objects"]] if "-objects" in options else []
        if "-dict" in options:
            pairs, objects = session.split(options["-dict"]), rest
            if len(pairs) % 2:
                raise CommandError(f"-dict has {len(pairs)} words; it needs names and values in turn")
            properties = list(zip(pairs[::2], pairs[1::2], strict=True))
        else:
            if len(rest) < 3:
                raise CommandError("expected a name, a value and one or more objects")
            properties, objects = [(rest[0], rest[1])], rest[2:]
        objects = session.words(objects)
        if not objects:
            session.blame_miss("there is no object to set properties of")
        for item in objects:
            for name, value in properties:
                try:
                    self._set(item, name, value)
                except CommandError:
                    if "-quiet" not in options:
                        raise
        session.follow_wires()

    def reset_property(self, *words):
        _, (name, *objects) = parse_options(words)
        for item in self._session.words(objects):
            self._session.properties.pop((item, name.upper()), None)

    def _set(self, item, name, value):
        session = self._session
        path, key = session.path(item), name.upper()
        kind = session.kind_of(item)
        if kind == "cell" and key.startswith("CONFIG.") and path in session.design.cells:
            session.set_parameter(session.design.cells[path], name[7:], value)
        elif kind == "mapping" and key in ("OFFSET", "RANGE"):
            session.change_mapping(session.mapping(item), key.lower(), parse_size(value))
        elif key == "NAME" and kind in RENAMED:
            rename(session.design, kind, path, value)
        else:
            session.set_other(item, kind, key, value)


def _hertz(megahertz):
    return str(round(megahertz * 1e6)) if megahertz else ""
