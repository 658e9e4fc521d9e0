"""Commands that connect: pins to wires, interfaces to each other."""

from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.session import Session
from mlfpga.blockdesign.sandbox import CommandError


class WiringCommands:
    """Every public method is a command of Vivado."""

    def __init__(self, session: Session):
        self._session = session

    def connect_bd_net(self, *words):
        options, rest = parse_options(words, valued=["-net", "-boundary_type"])
        session = self._session
        if any(not session.split(word) for word in rest) or not rest:
            session.blame_miss("expected pins")
        name = session.path(options["-net"]).rpartition("/")[2] if "-net" in options else ""
        pins = [session.pin(word, "pin") for word in session.words(rest)]
        session.need(len(pins) > 1 or name, "expected two pins or more")
        return f"/{session.connect(pins, name).name}"

    def connect_bd_intf_net(self, *words):
        options, rest = parse_options(words, flags=["-auto_remote"], valued=["-intf_net", "-boundary_type"])
        session = self._session
        if any(not session.split(word) for word in rest) or not rest:
            session.blame_miss("expected two interfaces")
        name = session.path(options["-intf_net"]).rpartition("/")[2] if "-intf_net" in options else ""
        pins = [session.pin(word, "interface") for word in session.words(rest)]
        if len(pins) < 2:
            raise CommandError(f"expected two interfaces, not {len(pins)}")
        return f"/{session.connect_interfaces(pins, name).name}"

    def disconnect_bd_net(self, *words):
        _, (name, *rest) = parse_options(words)
        session = self._session
        net = session.net(name)
        session.need(net, f'there is no net "{name}"')
        for word in session.words(rest):
            net.pins.pop(session.pin(word, "pin"), None)
        session.design.local_nets = [net for net in session.design.local_nets if net.pins]
        session.design.rewired()

    def disconnect_bd_intf_net(self, *words):
        _, (name, *_) = parse_options(words)
        session = self._session
        link = session.link(name)
        session.need(link, f'there is no interface net "{name}"')
        session.design.local_links.remove(link)
        session.design.rewired()
