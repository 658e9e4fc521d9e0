"""Module references: a module's catalogue entry, with the interfaces that Vivado infers from the names of its ports.

s_axis_tdata, s_axis_tvalid, … are a stream s_axis; aclk and sys_clk are clocks, aresetn and rst_n resets (UG994,
"Referencing RTL Modules"; UG1118, "Inferring Signals"). The attributes X_INTERFACE_INFO and X_INTERFACE_PARAMETER of a
port say the same in so many words, and win.
"""

import re

from mlfpga.blockdesign import axi
from mlfpga.blockdesign.expressions import evaluate
from mlfpga.blockdesign.hdl import Module

_STREAM = "TDATA TKEEP TSTRB TLAST TVALID TREADY TID TDEST TUSER".split()
_MEMORY = [*axi.READ, *axi.WRITE, *(f"{channel}REGION" for channel in ("AR", "AW")), "WID", "WUSER", "BUSER", "RUSER"]
_BUSES = {"axis": _STREAM, "aximm": sorted(set(_MEMORY))}
# A bus is only inferred if these are among its signals.
_NEEDED = {"axis": [{"TVALID", "TDATA"}], "aximm": [{"AWADDR", "AWVALID"}, {"ARADDR", "ARVALID"}]}
_CLOCK = re.compile(r"(clk|clock)$", re.IGNORECASE)
_RESET = re.compile(r"(rst|reset)(_?n)?$", re.IGNORECASE)
_INTERRUPT = re.compile(r"(irq|interrupt|intr)$", re.IGNORECASE)
_KINDS = {"clock": "clk", "reset": "rst", "interrupt": "INTERRUPT"}
# What Vivado assumes of a register interface that it knows nothing else about.
_RANGE = 0x10000


def module_entry(module: Module) -> dict:
    """The catalogue entry of a module: xilinx.com:module_ref:<name>:1.0."""
    buses = _stated(module) | _guessed(module)
    on_buses = {pin for pins in buses.values() for pin in pins.values()}
    kinds = {name: "" if name in on_buses else _kind(port) for name, port in module.ports.items()}
    kinds |= {pin: key[1] for key, pins in buses.items() if key[1] in _KINDS for pin in pins.values()}
    ports = [_port(port, kinds[port.name]) for port in module.ports.values()]
    interfaces = [_interface(module, key, pins, kinds) for key, pins in buses.items() if key[1] not in _KINDS]
    memory = [one for one in interfaces if one["bus"] == "aximm"]
    return {
        "vlnv": f"xilinx.com:module_ref:{module.name}:1.0",
        "revision": 1,
        "cell_type": "module",
        "class": "PERIPHERAL",
        "about": f"The module {module.name} of the project's sources.",
        "parameters": {name: {"default": value.strip('"')} for name, value in _plain(module).items()},
        "computed": _constants(module),
        "ports": ports,
        "interfaces": interfaces,
        "address_spaces": [
            {"name": one["name"], "interfaces": [one["name"]], "bits": one["address_bits"]}
            for one in memory
            if one["type"] == "MASTER"
        ],
        "segments": [
            {"interface": one["name"], "name": "reg0", "usage": "register", "size": _range(one), "block": _RANGE}
            for one in memory
            if one["type"] == "SLAVE"
        ],
    }


def _range(interface) -> str:
    """What the address pins tell apart; of a whole 32-bit address Vivado gives a module no more than usual."""
    bits = interface["address_bits"]
    return f"2 ** ({bits}) if ({bits}) < 31 else {_RANGE}"


def _constants(module) -> dict[str, str]:
    """What follows from the parameters, as far as the catalogue's expressions can say it."""
    values, kept = _plain(module), {}
    for name, text in module.constants.items():
        try:
            values[name] = str(evaluate(text, values))
            kept[name] = text
        except ValueError:
            continue
    return kept


def _plain(module) -> dict[str, str]:
    """Defaults of parameters as values: those that are expressions of other parameters are worked out."""
    values: dict[str, str] = {}
    for name, text in (module.constants | module.parameters).items():
        try:
            values[name] = text if text.startswith('"') else str(evaluate(text, values))
        except ValueError:
            values[name] = text
    return {name: values[name] for name in module.parameters}


def _stated(module) -> dict:
    """(interface, bus, VLNV) -> {logical: port}, from X_INTERFACE_INFO = "VLNV interface signal"."""
    found: dict[tuple, dict] = {}
    for port in module.ports.values():
        for statement in port.attributes.get("X_INTERFACE_INFO", "").split(","):
            words = statement.split()
            if len(words) == 3 and words[0].count(":") == 3:
                bus = words[0].split(":")[2].removesuffix("_rtl")
                found.setdefault((words[1], bus, words[0]), {})[words[2]] = port.name
    return found


def _guessed(module) -> dict:
    """The same, from names."""
    taken = {pin for pins in _stated(module).values() for pin in pins.values()}
    found: dict[tuple, dict] = {}
    for name in module.ports:
        stem, _, signal = name.rpartition("_")
        for bus, signals in _BUSES.items():
            if stem and name not in taken and signal.upper() in signals:
                vlnv = f"xilinx.com:interface:{bus}:1.0"
                found.setdefault((stem, bus, vlnv), {})[signal.upper()] = name
    return {key: pins for key, pins in found.items() if any(needed <= set(pins) for needed in _NEEDED[key[1]])}


def _kind(port) -> str:
    if _CLOCK.search(port.name):
        return "clock"
    if _RESET.search(port.name) and port.direction == "I":
        return "reset"
    return "interrupt" if _INTERRUPT.search(port.name) and port.direction == "O" else ""


def _told(port) -> dict[str, str]:
    """X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW, ASSOCIATED_BUSIF a:b" as a dict."""
    pairs = (item.split(None, 1) for item in port.attributes.get("X_INTERFACE_PARAMETER", "").split(","))
    return {pair[0].upper(): pair[1].strip() for pair in pairs if len(pair) == 2}


def _port(port, kind) -> dict:
    entry = {"name": port.name, "direction": port.direction, "optional": kind not in ("clock", "reset")}
    if port.width:
        entry["width"] = port.width
    if kind in _KINDS:
        entry["kind"] = _KINDS[kind]
    if kind == "reset":
        low = "ACTIVE_LOW" if port.name.lower().endswith("n") else None
        polarity = _told(port).get("POLARITY", low)
        entry |= {"polarity": polarity} if polarity else {}
    if kind == "interrupt":
        entry["sensitivity"] = _told(port).get("SENSITIVITY", "LEVEL_HIGH")
    return entry


def _interface(module, key, pins, kinds) -> dict:
    name, bus, vlnv = key
    entry = {"name": name, "bus": bus, "bus_vlnv": vlnv.replace("_rtl:", ":"), "map": pins,
             "clock": _clock_of(module, name, kinds)}  # fmt: skip
    drives = _drives(module, bus, pins)
    if bus == "aximm":
        entry["type"] = "MASTER" if drives else "SLAVE"
        entry["protocol"] = "AXI4" if {"AWLEN", "ARLEN"} & set(pins) else "AXI4LITE"
        widths = {"data_bits": ("WDATA", "RDATA"), "address_bits": ("AWADDR", "ARADDR"), "id_bits": ("AWID", "ARID")}
    else:
        entry["type"] = "INITIATOR" if drives else "TARGET"
        widths = {"data_bits": ("TDATA",), "id_bits": ("TID",), "dest_bits": ("TDEST",), "user_bits": ("TUSER",)}
    for what, signals in widths.items():
        pin = next((pins[signal] for signal in signals if signal in pins), None)
        if pin:
            entry[what] = module.ports[pin].width or 1
    return entry


def _drives(module, bus, pins) -> bool:
    if bus in _BUSES:
        signal = next((signal for signal in pins if signal.endswith("VALID")), next(iter(pins)))
        return axi.master_drives(signal) == (module.ports[pins[signal]].direction == "O")
    return any(module.ports[pin].direction != "I" for pin in pins.values())


def _clock_of(module, interface, kinds) -> str:
    """The clock that says it is this interface's, that is named after it, or the only one."""
    clocks = [name for name, kind in kinds.items() if kind == "clock" and module.ports[name].direction == "I"]
    for name in clocks:
        if interface in _told(module.ports[name]).get("ASSOCIATED_BUSIF", "").split(":"):
            return name
    named = [name for name in clocks if name.lower().startswith(f"{interface.lower()}_")]
    return (named or clocks or [""])[0] if named or len(clocks) == 1 else ""
