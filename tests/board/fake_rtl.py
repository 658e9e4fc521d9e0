"""RTL in miniature for the board's tests: a core and a simulation with the interface of mlfpga.simulate.rtl.

Each cycle it moves at most one word at each port, so what the board must get right (backpressure, TLAST, cycle stamps,
registers on a bus) is there, and NumPy predicts every word.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Named:
    """Anything with a name: a field of a register."""

    name: str


@dataclass
class Register:
    name: str
    offset: int
    fields: tuple = ()


@dataclass
class Interface:
    name: str
    registers: tuple = ()
    address_bits: int = 6


@dataclass
class Advance:
    stop: str


@dataclass
class Port:
    bits: int
    role: str
    has_last: bool = True


def ports(bits: int = 32, **roles) -> dict[str, Port]:
    return {name: Port(bits, role) for name, role in roles.items()}


CONTROL = (Register("CTRL", 0x00, (Named("AP_START"), Named("AP_DONE"))), Register("scale", 0x10))


@dataclass
class Core:
    """A core that multiplies words by its register `scale`; `samples` words make one start."""

    vlnv: str = "mlfpga:hls:mixer_axi:1.0"
    streams: dict = field(default_factory=lambda: ports(s_axis="slave", m_axis="master"))
    registers: dict = field(default_factory=lambda: {"s_axi_control": Interface("s_axi_control", CONTROL)})
    memories: dict = field(default_factory=dict)
    revision: int = 0
    sample: int = 5
    latency: int = 20
    free_running: bool = False
    drops_last: bool = False
    answers: bool = True
    keeps_counting: bool = False

    @property
    def name(self) -> str:
        return self.vlnv.split(":")[2]


class Simulation:
    """One start takes `sample` words, multiplies each by `scale` and gives it `latency` cycles later."""

    def __init__(self, core: Core):
        self.core = core
        self.cycle = 0
        self.interrupt = False
        self.accesses: list[tuple] = []
        self.enabled = self.done = self.auto_restart = False
        self.left = 0
        self.scale = 1
        self.values: dict[tuple, int] = {}
        self.queue: list[tuple[int, bool]] = []
        self.inside: list[tuple[int, int, bool]] = []
        self.given: list[tuple[int, bool]] = []
        self.allowed: int | None = 0
        self.moved = {port: [] for port in core.streams}
        self.turns = {port: [] for port in core.streams}
        self.states = dict.fromkeys(core.streams, 0)
        self.busy_until = 0
        self.closed = False

    def write(self, offset: int, value: int, interface: str | None = None) -> None:
        self._bus("write", offset, interface)
        if offset == 0x00 and value & 1:
            self.left = self.core.sample
            self.auto_restart = bool(value & 0x80)
            self.busy_until = 0 if self.core.streams else self.cycle + 5000
        elif offset == 0x04:
            self.enabled = bool(value & 1)
        elif offset == 0x0C:
            self.interrupt = False
        elif offset == 0x10:
            self.scale = value
        self.values[interface, offset] = value

    def read(self, offset: int, interface: str | None = None) -> int:
        self._bus("read", offset, interface)
        if offset == 0x00:
            done = self.done or (not self.core.streams and self.busy_until and self.cycle >= self.busy_until)
            self.done = False
            if done:
                self.busy_until = 0
            return bool(done) << 1
        return self.values.get((interface, offset), 0)

    def offer(self, port: str, words: np.ndarray, last: np.ndarray) -> None:
        self.queue += list(zip(words.tolist(), last.tolist(), strict=True))

    def withdraw(self, port: str) -> None:
        self.queue.clear()

    def allow(self, port: str, words: int | None) -> None:
        self.allowed = words

    def advance(self, max_cycles: int, until=None) -> Advance:
        for _ in range(max_cycles):
            before = self.state()
            self._tick()
            if self.given and self.given[-1][1]:
                return Advance("packet")
            if self.state() == before and not self.busy_until > self.cycle and not self.core.keeps_counting:
                return Advance("still")
        return Advance("limit")

    def state(self) -> tuple:
        ripe = bool(self.inside) and self.inside[0][0] <= self.cycle
        return len(self.queue), len(self.inside), len(self.given), ripe or len(self.inside) and self.cycle

    def taken(self, port: str) -> int:
        return len(self.moved[port])

    def collect(self, port: str) -> tuple[np.ndarray, np.ndarray]:
        given, self.given = self.given, []
        return np.array([w for w, _ in given], dtype="<u4"), np.array([last for _, last in given], dtype=bool)

    def stamps(self, port: str, first: int = 0) -> np.ndarray:
        return np.array(self.moved[port][first:], dtype=np.int64)

    def handshakes(self, port: str) -> tuple[np.ndarray, np.ndarray]:
        turns, self.turns[port] = self.turns[port], []
        return np.array([t[0] for t in turns], dtype=np.int64), np.array([t[1] for t in turns], dtype=np.uint8)

    def close(self) -> None:
        self.closed = True

    def _bus(self, what: str, offset: int, interface: str | None) -> None:
        self.accesses.append((what, offset, interface))
        self.cycle += 4

    def _note(self, port: str, state: int) -> None:
        if state != self.states[port]:
            self.states[port] = state
            self.turns[port].append((self.cycle, state))

    def _tick(self) -> None:
        names = {port.role: name for name, port in self.core.streams.items()}
        ready = self.allowed is None or self.allowed > 0
        gives = bool(self.inside) and self.inside[0][0] <= self.cycle and self.core.answers
        if names:
            self._note(names["master"], gives + 2 * ready)
        if gives and ready:
            _, word, last = self.inside.pop(0)
            self.given.append((word, last and not self.core.drops_last))
            self.moved[names["master"]].append(self.cycle)
            self.allowed = None if self.allowed is None else self.allowed - 1
            if not self.inside and not self.left:
                self.done = True
                self.interrupt = self.enabled
        takes = bool(self.left or self.core.free_running) and len(self.inside) < 16
        if names:
            self._note(names["slave"], bool(self.queue) + 2 * takes)
        if self.queue and takes:
            word, last = self.queue.pop(0)
            self.inside.append((self.cycle + self.core.latency, word * self.scale & 0xFFFF_FFFF, last))
            self.moved[names["slave"]].append(self.cycle)
            self.left = max(self.left - 1, 0) or (self.core.sample if self.auto_restart else 0)
        self.cycle += 1


class Library:
    """Stands for mlfpga.board.library.IpLibrary: cores by VLNV, and the simulations made of them by IP name."""

    def __init__(self, *cores: Core):
        self.cores = {core.vlnv: core for core in cores}
        self.made: dict[str, Simulation] = {}

    def find(self, vlnv: str, revision: int = 0) -> Core | None:
        return self.cores.get(vlnv)

    def unused(self, vlnvs) -> list[str]:
        return []

    def simulate(self, core: Core, name: str, memory, mhz: float = 100.0) -> Simulation:
        self.made[name] = Simulation(core)
        return self.made[name]
