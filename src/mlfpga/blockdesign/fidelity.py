"""How far two hardware handoffs agree: the dry run's and the one that Vivado wrote for the same design.

agreement = compare("dry.hwh", "vivado.hwh")
print(agreement)                    # modules 6/6, bus interfaces 18/18, …
agreement["address ranges"].missing, agreement["address ranges"].extra
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

_UNCONNECTED = ("__NOC__", "", None)
# Parameters that pynq reads from a handoff (pynq/pl_server/hwh_parser.py and pynq/ps.py), besides those of its IPs.
_READ_BY_PYNQ = (
    *(f"C_{ports}{n}_DATA_WIDTH" for ports, count in (("MAXIGP", 3), ("SAXIGP", 7)) for n in range(count)),
    *(f"PSU__FPGA_PL{n}_ENABLE" for n in range(4)),
    *(f"PSU__CRL_APB__PL{n}_REF_CTRL__{name}" for n in range(4) for name in ("DIVISOR0", "DIVISOR1", "ACT_FREQMHZ")),
    *(f"c_{name}" for name in ("include_mm2s", "include_s2mm", "include_sg", "sg_length_width", "micro_dma")),
    *(f"c_m_axi_{channel}_data_width" for channel in ("mm2s", "s2mm")),
)


@dataclass(frozen=True)
class Agreement:
    """One kind of fact: how many of Vivado's are the same here, which are missing and which are too many."""

    same: int
    missing: tuple
    extra: tuple

    @property
    def total(self) -> int:
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
        return all(agreement.complete for agreement in self.values())

    def __str__(self):
        return ", ".join(f"{kind} {agreement}" for kind, agreement in self.items())


def compare(ours: Path | str, theirs: Path | str) -> Comparison:
    """Compare two handoffs fact by fact; `theirs` is the measure. Raises OSError or ValueError for a broken file."""
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
    """What a handoff says, as sets of facts that do not depend on the names of wires or on the order of anything."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is not a whole hardware handoff: {error}") from None
    modules = root.findall("./MODULES/MODULE")
    return {
        "modules": {(_name(module), module.get("VLNV")) for module in modules},
        "bus interfaces": _interfaces(modules),
        "clock and reset pins": {
            (_name(module), port.get("NAME"), port.get("SIGIS"), port.get("DIR"), _other_ends(port))
            for module in modules
            for port in module.findall("./PORTS/PORT")
            if port.get("SIGIS") in ("clk", "rst")
        },
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
            if parameter.get("NAME") in _READ_BY_PYNQ
        },
    }


def _name(module) -> str:
    return module.get("FULLNAME", "").strip("/") or module.get("INSTANCE", "")


def _interfaces(modules) -> set[tuple]:
    """(module, name, role, bus type, what is at the other end of the wire)."""
    every = [
        (_name(module), interface.get("NAME"), interface.get("TYPE"), interface.get("VLNV"), interface.get("BUSNAME"))
        for module in modules
        for interface in module.findall("./BUSINTERFACES/BUSINTERFACE")
    ]
    ends: dict[str, list] = {}
    for module, name, _, _, bus in every:
        ends.setdefault(bus, []).append(f"{module}/{name}")
    return {
        (module, name, role, vlnv, tuple(sorted(set(ends[bus]) - {f"{module}/{name}"})))
        if bus not in _UNCONNECTED
        else (module, name, role, vlnv, ())
        for module, name, role, vlnv, bus in every
    }


def _other_ends(port) -> tuple:
    return tuple(sorted((c.get("INSTANCE"), c.get("PORT")) for c in port.findall("./CONNECTIONS/CONNECTION")))
