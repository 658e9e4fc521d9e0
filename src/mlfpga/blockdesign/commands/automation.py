"""apply_bd_automation: the cells and connections that Vivado's assistants would make.

The rules are not documented; names and connections follow designs that Vivado has built. A rule that is not modelled is
an error: to guess would be to check another design than the one that is built.
"""

import re

from mlfpga.blockdesign.commands.addresses import AddressCommands
from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.design import Pin
from mlfpga.blockdesign.sandbox import CommandError

_STEMS = {"zynq_ultra_ps_e": "ps8_0", "processing_system7": "ps7_0"}


class AutomationCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session
        self._addresses = AddressCommands(session)

    def apply_bd_automation(self, *words):
        options, rest = parse_options(words, valued=["-rule", "-config", "-dict", "-board_component"])
        session = self._session
        rule = options.get("-rule", "").rpartition(":")[2]
        rules = {
            "zynq_ultra_ps_e": self._processor,
            "processing_system7": self._processor,
            "axi4": self._axi4,
            "clkrst": self._clock,
        }
        if rule not in rules:
            raise CommandError(f'rule "{options.get("-rule", "")}" is not modelled; write its connections out')
        objects = session.words(rest)
        if not objects:
            session.blame_miss("which object?")
        config = self._config(options.get("-config", ""))
        for item in objects:
            rules[rule](item, config)

    def _config(self, text) -> dict[str, str]:
        """The -config list as a dict with lower-case keys; of "/ps/pl_clk0 (100 MHz)" only the object stays."""
        words = self._session.split(text)
        if len(words) % 2:
            # Some scripts write values in round brackets, which are no Tcl lists.
            words = [word for pair in re.findall(r"(\w+)\s+[{(\"]([^{}\")]*)", text) for word in pair]
        pairs = zip(words[::2], words[1::2], strict=False)
        return {name.lower(): re.sub(r"\s*\(.*", "", value).strip() for name, value in pairs}

    # The processing system.

    def _processor(self, item, config):
        session = self._session
        path = session.path(item)
        session.need(path in session.design.cells, f'there is no cell "{item}"')
        if config.get("apply_board_preset") == "1":
            session.apply_preset(session.design.cells[path])
        for name in config.get("make_external", "").replace(",", " ").split():
            pin = Pin(path, name)
            if name in session.design.shape(path).interfaces and session.design.partner(pin) is None:
                session.make_external(pin, name)

    # A master and a slave, through an interconnect.

    def _axi4(self, item, config):
        session, design = self._session, self._session.design
        own = session.pin(item, "interface")
        master, slave = (self._end(config.get(name), own) for name in ("master", "slave"))
        if master == slave:
            raise CommandError(f"{item}: -config names no {'slave' if design.interface(own).drives else 'master'}")
        clock = self._chosen_clock(config, master, slave)
        interconnect = self._interconnect(config.get("intc_ip", "Auto"), master, slave)
        ports = []
        if not self._reaches(master, interconnect):
            ports.append(self._new_port(interconnect, "NUM_SI", "S"))
            session.connect_interfaces([master, Pin(interconnect, ports[-1])])
        if not self._reaches(slave, interconnect):
            ports.append(self._new_port(interconnect, "NUM_MI", "M"))
            session.connect_interfaces([Pin(interconnect, ports[-1]), slave])
        reset = self._reset_for(clock)
        for cell, wanted in ((master.cell, [master.port]), (slave.cell, [slave.port]), (interconnect, ports)):
            self._connect_clocks(cell, wanted, clock)
            if cell != self._processor_cell():
                self._connect_resets(cell, clock, reset)
        self._address(master)

    def _end(self, text, own) -> Pin:
        if not text or text.lower() == "auto":
            return own
        return self._session.pin(text, "interface")

    def _interconnect(self, wanted, master, slave) -> str:
        """The interconnect that one of the ends has already, else the one that is named, else a new one."""
        session, design = self._session, self._session.design
        for end in (master, slave):
            partner = design.partner(end)
            if partner and design.cells[partner.cell].ip.kind == "BUS":
                return partner.cell
        if wanted.startswith("/"):
            path = session.path(wanted)
            session.need(path in design.cells, f'there is no interconnect "{wanted}"')
            return path
        smart = "interconnect" not in wanted.lower()
        from_processor = design.cells[master.cell].ip.kind == "PROCESSOR"
        older = f"{self._stem()}_axi_periph" if from_processor else "axi_mem_intercon"
        name = self._free("axi_smc" if smart else older)
        kind = "smartconnect" if smart else "axi_interconnect"
        session.add_cell(name, session.find_ip(f"xilinx.com:ip:{kind}"))
        for count in ("NUM_SI", "NUM_MI"):
            session.set_parameter(design.cells[name], count, "1")
        return name

    def _reaches(self, end, interconnect) -> bool:
        partner = self._session.design.partner(end)
        return partner is not None and partner.cell == interconnect

    def _new_port(self, interconnect, count, letter) -> str:
        """The first port of an interconnect that is free, or one more."""
        design = self._session.design
        cell = design.cells[interconnect]
        number = int(cell.values[count])
        for index in range(number):
            if design.partner(Pin(interconnect, f"{letter}{index:02d}_AXI")) is None:
                return f"{letter}{index:02d}_AXI"
        self._session.set_parameter(cell, count, str(number + 1))
        return f"{letter}{number:02d}_AXI"

    def _address(self, master):
        design = self._session.design
        for name, space in design.cells[master.cell].shape.spaces.items():
            if master.port in space.interfaces:
                self._addresses.assign_bd_address("-target_address_space", f"/{master.cell}/{name}")

    # Clocks and resets.

    def _clock(self, item, config):
        session = self._session
        pin = session.pin(item, "pin")
        clock = session.pin(config["clk"], "pin") if config.get("clk", "Auto") != "Auto" else self._first("clk")
        if session.design.net_of(pin) is None:
            session.connect([clock, pin])
        self._connect_resets(pin.cell, clock, self._reset_for(clock))

    def _chosen_clock(self, config, master, slave) -> Pin:
        for key in ("clk_xbar", "clk_slave", "clk_master"):
            if config.get(key, "Auto").lower() != "auto":
                return self._session.pin(config[key], "pin")
        design = self._session.design
        for end in (slave, master):
            if design.interface(end).clock and design.clock_of(end):
                return design.clock_of(end)
        return self._first("clk")

    def _first(self, kind) -> Pin:
        """The first clock or reset that the processing system gives."""
        processor = self._processor_cell()
        for port in self._session.design.shape(processor).ports.values():
            if port.kind == kind and port.direction == "O":
                return Pin(processor, port.name)
        raise CommandError(f"{processor} gives no {'clock' if kind == 'clk' else 'reset'}; turn one on first")

    def _processor_cell(self) -> str:
        for cell in self._session.design.cells.values():
            if cell.ip.kind == "PROCESSOR":
                return cell.name
        raise CommandError("there is no processing system to take a clock from; name the clock in -config")

    def _reset_for(self, clock) -> str:
        """The reset cell in step with a clock; a new one is called after the clock's frequency."""
        session, design = self._session, self._session.design
        for cell in design.cells.values():
            net = design.net_of(Pin(cell.name, "slowest_sync_clk"))
            if cell.ip.name == "proc_sys_reset" and net and design.driver(net) == clock:
                return cell.name
        megahertz = design.port(clock).megahertz or 100
        name = self._free(f"rst_{self._stem()}_{int(megahertz)}M")
        session.add_cell(name, session.find_ip("xilinx.com:ip:proc_sys_reset"))
        session.connect([clock, Pin(name, "slowest_sync_clk")])
        session.connect([self._first("rst"), Pin(name, "ext_reset_in")])
        return name

    def _connect_clocks(self, cell, interfaces, clock):
        """The clocks of these interfaces of a cell, and an interconnect's own."""
        session, design = self._session, self._session.design
        shape = design.shape(cell)
        names = {shape.interfaces[name].clock for name in interfaces}
        if design.cells[cell].ip.kind == "BUS":
            names |= {"ACLK", "aclk"}
        for name in sorted(names & set(shape.ports)):
            if design.net_of(Pin(cell, name)) is None:
                session.connect([clock, Pin(cell, name)])

    def _connect_resets(self, cell, clock, reset):
        """Open resets of a cell whose clocks are all this one get the peripheral reset."""
        session, design = self._session, self._session.design
        for port in design.shape(cell).ports.values():
            pin = Pin(cell, port.name)
            if port.kind == "rst" and port.direction == "I" and design.net_of(pin) is None:
                kind = "peripheral_reset" if port.polarity == "ACTIVE_HIGH" else "peripheral_aresetn"
                session.connect([Pin(reset, kind), pin])

    def _stem(self) -> str:
        kind = self._session.design.cells[self._processor_cell()].ip.name
        return _STEMS.get(kind, kind)

    def _free(self, name) -> str:
        path, number = self._session.path(name), 0
        while path in self._session.design.cells:
            number += 1
            path = f"{self._session.path(name)}_{number}"
        return path
