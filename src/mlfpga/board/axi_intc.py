"""AXI interrupt controller (AMD PG099), the part of it that pynq's interrupt code uses, with level-sensitive inputs."""

from collections.abc import Callable, Mapping
from typing import Any

from mlfpga.board.wiring import Design, Module

STATUS, PENDING, ENABLE, ACKNOWLEDGE = 0x00, 0x04, 0x08, 0x0C
SET_ENABLE, CLEAR_ENABLE, VECTOR, MASTER_ENABLE = 0x10, 0x14, 0x18, 0x1C
_MASTER, _HARDWARE = 1 << 0, 1 << 1
_NONE = 0xFFFF_FFFF

Level = Callable[[], bool]
_CONCATENATION = ("xlconcat", "ilconcat")
# Which interrupt output of a DMA belongs to which of its channels.
_DMA_PINS = {"mm2s_introut": "MM2S", "s2mm_introut": "S2MM"}


class AxiIntc:
    """Up to 32 interrupt inputs and one output. `inputs` maps an input's number to what tells its level."""

    def __init__(self, name: str):
        self.name = name
        self.inputs: dict[int, Level] = {}
        self.enable = 0
        self.master = 0
        self._status = 0

    @property
    def interrupt(self) -> bool:
        """The level of the output, `irq`."""
        return bool(self.master & _MASTER and self._pending())

    def read(self, offset: int) -> int:
        if offset == STATUS:
            return self._sampled()
        if offset == PENDING:
            return self._pending()
        if offset == VECTOR:
            pending = self._pending()
            return (pending & -pending).bit_length() - 1 if pending else _NONE
        return {ENABLE: self.enable, MASTER_ENABLE: self.master}.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        if offset == ENABLE:
            self.enable = value
        elif offset == SET_ENABLE:
            self.enable |= value
        elif offset == CLEAR_ENABLE:
            self.enable &= ~value
        elif offset == ACKNOWLEDGE:
            self._status = self._sampled() & ~value
        elif offset == MASTER_ENABLE:
            # Hardware interrupts, once enabled, stay enabled until a reset (PG099, MER).
            self.master = value & (_MASTER | _HARDWARE) | self.master & _HARDWARE

    def is_waiting(self, offset: int) -> bool:
        return offset in (STATUS, PENDING) and not self._sampled()

    def _sampled(self) -> int:
        """The status register: an input that is or was high stays in it until it is acknowledged while low."""
        if self.master & _HARDWARE:
            for number, level in self.inputs.items():
                self._status |= level() << number
        return self._status

    def _pending(self) -> int:
        return self._sampled() & self.enable


def connect_interrupts(design: Design, controllers: list[AxiIntc], devices: Mapping[str, Any]) -> None:
    """Connect each controller's inputs to the interrupt outputs of `devices`, through concatenations of pins."""
    modules = {module.name: module for module in design.modules}
    instances = {module.instance: module for module in design.modules}
    for controller in controllers:
        pins = _pins(modules[controller.name], "intr", instances)
        for number, (module, pin) in enumerate(pins):
            level = _level(devices.get(module.name), pin) if module else None
            if level is not None:
                controller.inputs[number] = level


def _pins(module: Module, port: str, instances: Mapping[str, Module]) -> list[tuple[Module | None, str]]:
    """The outputs that drive an input, lowest bit first; None for a bit that nothing drives."""
    driver = next(((i, p) for i, p in module.connections.get(port, ()) if i in instances), None)
    if driver is None:
        return [(None, "")]
    source, output = instances[driver[0]], driver[1]
    if source.ip not in _CONCATENATION:
        return [(source, output)]
    found: list[tuple[Module | None, str]] = []
    for number in range(source.number("num_ports", 2)):
        found += _pins(source, f"In{number}", instances)
    return found


def _level(device: Any, pin: str) -> Level | None:
    """What tells the level of an interrupt output of a device."""
    if pin in _DMA_PINS:
        channels = getattr(device, "channels", ())
        channel = next((c for c in channels if c.label == _DMA_PINS[pin]), None)
        return None if channel is None else lambda: channel.interrupt
    return (lambda: device.interrupt) if hasattr(device, "interrupt") else None
