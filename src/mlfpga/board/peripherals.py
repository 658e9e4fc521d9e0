"""Simple AXI4-Lite IPs that designs hold beside their accelerators: GPIO, timers, block memories."""

from collections.abc import Callable, Mapping

import numpy as np

from mlfpga.board.bus import Device
from mlfpga.board.errors import BoardError, warn
from mlfpga.board.wiring import AddressRange, Design, Module

_ALL = 0xFFFF_FFFF


class AxiGpio:
    """AXI GPIO (AMD PG144): one or two channels of up to 32 pins.

    An output reads back as it was written, as at a pin that drives itself; an input reads what `set_input` gave, at
    first zero. A change of an input is an interrupt, if those are enabled.

    Each argument has an entry for each channel: pins; what the direction (1: input) and the data registers hold after a
    reset; whether the direction is fixed.
    """

    _GLOBAL_ENABLE, _STATUS, _ENABLE = 0x11C, 0x120, 0x128

    def __init__(
        self,
        name: str,
        widths: tuple[int, ...] = (32,),
        tri: tuple[int, ...] = (),
        outputs: tuple[int, ...] = (),
        fixed: tuple[bool, ...] = (),
    ):
        self.name = name
        self._masks = [(1 << width) - 1 for width in widths]
        self._tri = [value & mask for value, mask in zip(tri or (_ALL,) * len(widths), self._masks, strict=True)]
        self._outputs = [value & mask for value, mask in zip(outputs or (0,) * len(widths), self._masks, strict=True)]
        self._fixed = fixed or (False,) * len(widths)
        self._inputs = [0] * len(widths)
        self._global_enable = self._status = self._enable = 0

    @classmethod
    def of(cls, module: Module) -> "AxiGpio":
        """As the block design configured it."""
        widths, tri, outputs, fixed = [], [], [], []
        for suffix in ("", "_2")[: 1 + module.number("c_is_dual", 0)]:
            all_in, all_out = (module.number(f"c_all_{way}{suffix}", 0) for way in ("inputs", "outputs"))
            widths.append(module.number("c_gpio2_width" if suffix else "c_gpio_width", 32))
            tri.append(0 if all_out else _ALL if all_in else module.number(f"c_tri_default{suffix}", _ALL))
            outputs.append(module.number(f"c_dout_default{suffix}", 0))
            fixed.append(bool(all_in or all_out))
        return cls(module.name, tuple(widths), tuple(tri), tuple(outputs), tuple(fixed))

    def set_input(self, value: int, channel: int = 1) -> None:
        """What comes from outside at the pins of channel 1 or 2. Raises BoardError if they do not exist."""
        if not 1 <= channel <= len(self._masks):
            raise BoardError(f"{self.name} has no channel {channel}; it has {len(self._masks)}")
        index = channel - 1
        if value & ~self._masks[index]:
            pins = self._masks[index].bit_length()
            raise BoardError(f"{value:#x} does not fit the {pins} pins of channel {channel} of {self.name}")
        if (value ^ self._inputs[index]) & self._tri[index]:
            self._status |= 1 << index
        self._inputs[index] = value

    def output(self, channel: int = 1) -> int:
        """What the pins of a channel that are outputs drive; inputs are 0."""
        return self._outputs[channel - 1] & ~self._tri[channel - 1]

    @property
    def interrupt(self) -> bool:
        """The level of ip2intc_irpt."""
        return bool(self._global_enable and self._status & self._enable)

    def read(self, offset: int) -> int:
        index, is_tri = offset // 8, offset % 8 == 4
        if index < len(self._masks):
            tri = self._tri[index]
            return tri if is_tri else self._inputs[index] & tri | self._outputs[index] & ~tri
        registers = {self._GLOBAL_ENABLE: self._global_enable << 31, self._STATUS: self._status}
        return registers.get(offset, self._enable if offset == self._ENABLE else 0)

    def write(self, offset: int, value: int) -> None:
        index, is_tri = offset // 8, offset % 8 == 4
        if index < len(self._masks):
            if not is_tri:
                self._outputs[index] = value & self._masks[index]
            elif not self._fixed[index]:
                self._tri[index] = value & self._masks[index]
        elif offset == self._GLOBAL_ENABLE:
            self._global_enable = value >> 31
        elif offset == self._STATUS:
            self._status ^= value & 3  # toggles on write
        elif offset == self._ENABLE:
            self._enable = value & 3

    def is_waiting(self, offset: int) -> bool:
        return False


class AxiTimer:
    """AXI timer (AMD PG079): two counters of 32 bits of the virtual clock, in generate mode.

    now  tells the clock's cycle
    """

    _DOWN, _RELOAD, _LOAD, _INTERRUPT_ENABLE, _ENABLE, _EVENT, _ALL_ENABLE, _CASCADE = (
        1 << bit for bit in (1, 4, 5, 6, 7, 8, 10, 11)
    )

    def __init__(self, name: str, now: Callable[[], int]):
        self.name = name
        self._now = now
        self._control = [0, 0]
        self._load = [0, 0]
        self._first = [0, 0]  # what the counter was loaded with
        self._steps = [0, 0]  # cycles that it counted since
        self._since = [0, 0]
        self._held = [False, False]  # at the end of a count without reload

    @property
    def running(self) -> bool:
        """Whether a counter counts."""
        self._pass()
        return any(
            c & self._ENABLE and not c & self._LOAD and not h for c, h in zip(self._control, self._held, strict=True)
        )

    @property
    def interrupt(self) -> bool:
        """The level of the interrupt output."""
        self._pass()
        wanted = self._EVENT | self._INTERRUPT_ENABLE
        return any(control & wanted == wanted for control in self._control)

    def read(self, offset: int) -> int:
        self._pass()
        timer, register = divmod(offset, 0x10)
        if timer > 1 or register > 8:
            return 0
        if register == 8:
            return self._counter(timer)
        return (self._control if register == 0 else self._load)[timer]

    def write(self, offset: int, value: int) -> None:
        self._pass()
        timer, register = divmod(offset, 0x10)
        if timer > 1:
            return
        if register == 4:
            self._load[timer] = value
        elif register == 0:
            self._write_control(timer, value)
        if self._control[timer] & self._LOAD:
            self._first[timer], self._steps[timer], self._held[timer] = self._load[timer], 0, False

    def is_waiting(self, offset: int) -> bool:
        return False

    def _write_control(self, timer: int, value: int) -> None:
        if value & self._CASCADE:
            warn(f"{self.name}: the cascade of both counters is not modelled; they count apart, 32 bits each")
        for other in (0, 1):  # ENALL is one bit for both
            enable = self._ENABLE if value & self._ALL_ENABLE else 0
            self._control[other] = self._control[other] & ~self._ALL_ENABLE | value & self._ALL_ENABLE | enable
        event = self._control[timer] & self._EVENT & ~value
        enable = self._ENABLE if value & self._ALL_ENABLE else 0
        self._control[timer] = value & 0xFFF & ~self._EVENT | event | enable

    def _pass(self) -> None:
        """Count up to now."""
        now = self._now()
        for timer, control in enumerate(self._control):
            elapsed, self._since[timer] = now - self._since[timer], now
            if control & self._ENABLE and not control & self._LOAD and not self._held[timer]:
                self._advance(timer, elapsed)

    def _way(self, timer: int) -> int:
        """Steps from the first value to the last."""
        return self._first[timer] if self._control[timer] & self._DOWN else _ALL - self._first[timer]

    def _counter(self, timer: int) -> int:
        down = self._control[timer] & self._DOWN
        if self._held[timer]:
            return _ALL if down else 0
        steps = min(self._steps[timer], self._way(timer))
        return self._first[timer] + (-steps if down else steps)

    def _advance(self, timer: int, cycles: int) -> None:
        self._steps[timer] += cycles
        over = self._steps[timer] - (self._way(timer) + 2)  # the interval of PG079, "Generate Mode"
        if over < 0:
            return
        self._control[timer] |= self._EVENT
        if self._control[timer] & self._RELOAD:
            self._first[timer] = self._load[timer]
            self._steps[timer] = over % (self._way(timer) + 2)
        else:
            self._held[timer] = True


class BramController:
    """AXI BRAM controller (AMD PG078): words of a memory that other controllers may share."""

    def __init__(self, name: str, content: np.ndarray):
        self.name = name
        self._content = content

    def read(self, offset: int) -> int:
        return int(self._content[offset // 4 % len(self._content)])

    def write(self, offset: int, value: int) -> None:
        self._content[offset // 4 % len(self._content)] = value

    def is_waiting(self, offset: int) -> bool:
        return False


PERIPHERALS = ("axi_gpio", "axi_timer", "axi_bram_ctrl")
"""The types of IP that `make_peripherals` knows."""


def make_peripherals(design: Design, now: Callable[[], int]) -> dict[str, Device]:
    """The peripherals of a design by name. `now` tells the cycle of the virtual clock."""
    memories = _block_memories(design)
    made: dict[str, Device] = {}
    for module in design.modules:
        if module.ip == "axi_gpio":
            made[module.name] = AxiGpio.of(module)
        elif module.ip == "axi_timer":
            made[module.name] = AxiTimer(module.name, now)
        elif module.name in memories:
            made[module.name] = BramController(module.name, memories[module.name])
    return made


def _block_memories(design: Design) -> Mapping[str, np.ndarray]:
    """The words (uint32, zeros) behind each BRAM controller: one array for all that reach the same memory."""
    ranges: dict[str, AddressRange] = {m.name: r for m, r in design.registers() if m.ip == "axi_bram_ctrl"}
    sides: dict[str | None, list[str]] = {}
    for module in design.modules:
        for interface in module.interfaces:
            if interface.kind == "bram" and interface.bus not in ("__NOC__", "", None):
                sides.setdefault(interface.bus, []).append(module.name)
    kinds = {module.name: module.ip for module in design.modules}
    memory_of = {
        name: next((n for n in names if kinds[n] == "blk_mem_gen"), name) for names in sides.values() for name in names
    }
    content: dict[str, np.ndarray] = {}
    for name, entry in sorted(ranges.items(), key=lambda item: -item[1].size):
        content.setdefault(memory_of.get(name, name), np.zeros(entry.size // 4, dtype=np.uint32))
    for name, memory in memory_of.items():
        if memory in content and kinds[name] not in ("axi_bram_ctrl", "blk_mem_gen"):
            warn(f"{name} works on the memory {memory} through pins that are not modelled; the CPU sees nothing of it")
    return {name: content[memory_of.get(name, name)] for name in ranges}
