"""How far two hardware handoffs agree: the dry run's and the one that Vivado wrote for the same design.

agreement = compare("dry.hwh", "vivado.hwh")
print(agreement)                    # modules 6/6, bus interfaces 18/18, …
agreement["address ranges"].missing, agreement["address ranges"].extra

Compared is what software and the logic depend on, and nothing that only one tool can know: not the order of anything,
not the names of wires or of the design, not time stamps, descriptions, or pins that lead nowhere.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

_UNCONNECTED = ("__NOC__", "", None)
_CLOCKS_AND_RESETS = ("clk", "rst")
# Parameters that pynq reads from a handoff (pynq/pl_server, pynq/lib, pynqmetadata), whatever the IP is called.
_READ_BY_PYNQ = {
    *(f"C_{ports}{n}_DATA_WIDTH" for ports, count in (("MAXIGP", 3), ("SAXIGP", 7)) for n in range(count)),
    *(f"PSU__FPGA_PL{n}_ENABLE" for n in range(4)),
    *(
        f"PSU__CRL_APB__PL{n}_REF_CTRL__{name}"
        for n in range(4)
        for name in ("DIVISOR0", "DIVISOR1", "ACT_FREQMHZ", "SRCSEL")
    ),
    *(f"PCW_FPGA_FCLK{n}_ENABLE" for n in range(4)),
    *(f"PCW_FCLK{n}_PERIPHERAL_{name}" for n in range(4) for name in ("DIVISOR0", "DIVISOR1", "CLKSRC")),
    *(f"c_{name}" for name in ("include_mm2s", "include_s2mm", "include_sg", "sg_length_width", "micro_dma")),
    *(f"c_include_{channel}_dre" for channel in ("mm2s", "s2mm")),
    *(f"c_m_axi_{channel}_data_width" for channel in ("mm2s", "s2mm")),
    *(f"c_{channel}_burst_size" for channel in ("mm2s", "s2mm")),
    "ENABLE_DFX",
}
# And those of which other IPs have some of the same name: by the IP that pynq reads them of.
_READ_OF = {
    "axi_vdma": (
        "C_NUM_FSTORES",
        *(f"C_INCLUDE_{channel}" for channel in ("MM2S", "S2MM")),
        *(f"C_M_AXI_{channel}_ADDR_WIDTH" for channel in ("MM2S", "S2MM")),
    ),
    "axis_switch": ("NUM_MI",),
    "xlconcat": ("NUM_PORTS",),
    "xlslice": ("DIN_FROM",),
}


class HandoffError(ValueError):
    """A file is not a hardware handoff, or only a part of one."""


@dataclass(frozen=True)
class Agreement:
    """One kind of fact: how many of Vivado's are the `same` here, which are `missing` and which are too many (`extra`).

    A fact that differs is in both lists: as Vivado says it in `missing`, as it is here in `extra`.
    """

    same: int
    missing: tuple
    extra: tuple

    @property
    def total(self) -> int:
        """How many facts of the kind Vivado's handoff has."""
        return self.same + len(self.missing)

    @property
    def complete(self) -> bool:
        return not self.missing and not self.extra

    def __str__(self):
        return f"{self.same}/{self.total}" + (f" and {len(self.extra)} too many" if self.extra else "")


class Comparison(dict):
    """Kind of fact -> Agreement."""

    @property
    def complete(self) -> bool:
        """Whether the two handoffs agree in everything that is compared."""
        return all(agreement.complete for agreement in self.values())

    def __str__(self):
        return ", ".join(f"{kind} {agreement}" for kind, agreement in self.items())


def compare(ours: Path | str, theirs: Path | str) -> Comparison:
    """Compare two handoffs fact by fact; `theirs` is the measure.

    Kinds of fact, each a set of tuples:
      modules               path, VLNV
      bus interfaces        module, interface, role (MASTER, INITIATOR, …), type (VLNV), what is at the other ends
      clock and reset pins  module, pin, clk or rst, direction, what is at the other ends
      connections           module, pin, direction, other ends: of all other pins that no bus interface carries
      external ports        ports and interfaces of the design: name, direction or role, other ends
      address ranges        master, its interface, slave, its interface, first and last address, REGISTER or MEMORY
      parameters            module, name, value: of those that pynq reads

    Raises FileNotFoundError if there is no such file, HandoffError (a ValueError) if one is none or only a part of one.
    """
    first, second = facts(ours), facts(theirs)
    return Comparison(
        {
            kind: Agreement(
                len(first[kind] & second[kind]),
                tuple(sorted(second[kind] - first[kind], key=str)),
                tuple(sorted(first[kind] - second[kind], key=str)),
            )
            for kind in second
        }
    )


def facts(path: Path | str) -> dict[str, set[tuple]]:
    """What a handoff says, by kind of fact (see `compare`). Raises as `compare` does."""
    root = _read(path)
    modules = root.findall("./MODULES/MODULE")
    _forget_own_name(root)
    bus_ends = _bus_ends(root)
    pins = [(module, port, _on_bus(module)) for module in modules for port in module.findall("./PORTS/PORT")]
    return {
        "modules": {(_name(module), module.get("VLNV")) for module in modules},
        "bus interfaces": {
            (_name(module), *_interface(interface, bus_ends, _name(module)))
            for module in modules
            for interface in module.findall("./BUSINTERFACES/BUSINTERFACE")
        },
        "clock and reset pins": {
            (_name(module), port.get("NAME"), port.get("SIGIS"), port.get("DIR"), _other_ends(port))
            for module, port, _ in pins
            if port.get("SIGIS") in _CLOCKS_AND_RESETS
        },
        "connections": {
            (_name(module), port.get("NAME"), port.get("DIR"), _other_ends(port))
            for module, port, on_bus in pins
            if port.get("SIGIS") not in _CLOCKS_AND_RESETS and port.get("NAME") not in on_bus and _other_ends(port)
        },
        "external ports": _external(root, bus_ends),
        "address ranges": {
            (
                _name(module),
                entry.get("MASTERBUSINTERFACE"),
                entry.get("INSTANCE"),
                entry.get("SLAVEBUSINTERFACE"),
                int(entry.get("BASEVALUE", "0"), 0),
                int(entry.get("HIGHVALUE", "0"), 0),
                entry.get("MEMTYPE"),
            )
            for module in modules
            for entry in module.findall("./MEMORYMAP/MEMRANGE")
        },
        "parameters": {
            (_name(module), parameter.get("NAME"), parameter.get("VALUE"))
            for module in modules
            for parameter in module.findall("./PARAMETERS/PARAMETER")
            if parameter.get("NAME") in (*_READ_BY_PYNQ, *_READ_OF.get(module.get("MODTYPE"), ()))
        },
    }


def _read(path) -> ElementTree.Element:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no handoff {path}; give a .hwh file")
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        hint = "; it is an archive: unpack the .hwh from it" if path.read_bytes()[:2] == b"PK" else ""
        raise HandoffError(f"{path} is not a whole hardware handoff: {error}{hint}") from None
    if root.tag != "EDKSYSTEM" or root.find("./MODULES") is None:
        raise HandoffError(f"{path} is not a hardware handoff: its root is {root.tag}, expected EDKSYSTEM with MODULES")
    return root


def _forget_own_name(root) -> None:
    """Wires that end at an interface of the design name the design there: NAME_imp. What it is called is no fact."""
    instances = {module.get("INSTANCE") for module in root.findall("./MODULES/MODULE")}
    for end in root.iter("CONNECTION"):
        if end.get("INSTANCE", "").endswith("_imp") and end.get("INSTANCE") not in instances:
            end.set("INSTANCE", "External_Interface")


def _name(module) -> str:
    return module.get("FULLNAME", "").strip("/") or module.get("INSTANCE", "")


def _bus_ends(root) -> dict[str, set[str]]:
    """All ends of an interface connection, by its name."""
    ends: dict[str, set[str]] = {}
    outer = [("External_Interface", item) for item in root.findall("./EXTERNALINTERFACES/BUSINTERFACE")]
    inner = [
        (_name(module), item)
        for module in root.findall("./MODULES/MODULE")
        for item in module.findall("./BUSINTERFACES/BUSINTERFACE")
    ]
    for owner, interface in (*outer, *inner):
        if interface.get("BUSNAME") not in _UNCONNECTED:
            ends.setdefault(interface.get("BUSNAME"), set()).add(f"{owner}/{interface.get('NAME')}")
    return ends


def _interface(interface, bus_ends, owner) -> tuple:
    """(name, role, bus type, what is at the other ends)."""
    name = interface.get("NAME")
    others = bus_ends.get(interface.get("BUSNAME"), set()) - {f"{owner}/{name}"}
    return name, interface.get("TYPE"), interface.get("VLNV"), tuple(sorted(others))


def _on_bus(module) -> set[str]:
    """Pins that a connected bus interface carries: its connection says where they lead."""
    return {
        pair.get("PHYSICAL")
        for interface in module.findall("./BUSINTERFACES/BUSINTERFACE")
        if interface.get("BUSNAME") not in _UNCONNECTED
        for pair in interface.iter("PORTMAP")
    }


def _external(root, bus_ends) -> set[tuple]:
    interfaces = root.findall("./EXTERNALINTERFACES/BUSINTERFACE")
    carried = {pair.get("PHYSICAL") for interface in interfaces for pair in interface.iter("PORTMAP")}
    ports = [port for port in root.findall("./EXTERNALPORTS/PORT") if port.get("NAME") not in carried]
    return {(port.get("NAME"), port.get("DIR"), _other_ends(port)) for port in ports} | {
        _interface(interface, bus_ends, "External_Interface") for interface in interfaces
    }


def _other_ends(port) -> tuple:
    return tuple(sorted((c.get("INSTANCE"), c.get("PORT")) for c in port.findall("./CONNECTIONS/CONNECTION")))
