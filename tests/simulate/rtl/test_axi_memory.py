"""AXI4 masters against memory: every kind of burst, byte for byte, and what is told of it."""

from dataclasses import dataclass

import numpy as np
import pytest
from small_ips import adder, prober

from mlfpga.simulate.rtl import Ram, RtlError, RtlSimulation, open_ip

BASE, SIZE = 0x4000_0000, 1 << 14
FIXED, INCR, WRAP = range(3)


@dataclass
class Burst:
    """One burst, and the beats that AMBA AXI4 ("Burst address") says it has."""

    address: int
    length: int
    log_size: int
    kind: int
    tag: int = 0

    @property
    def command(self) -> int:
        fields = (self.length - 1) << 32 | self.log_size << 40 | self.kind << 43 | self.tag << 45
        return self.address | fields

    def beats(self) -> list[tuple[int, int]]:
        """(address, bytes) of each beat."""
        size, start = 1 << self.log_size, self.address
        aligned, total = start // size * size, self.length * size
        lower = start // total * total
        if self.kind == FIXED:
            return [(start, aligned + size - start)] * self.length
        if self.kind == WRAP:
            return [(lower + (start - lower + n * size) % total, size) for n in range(self.length)]
        return [(start, aligned + size - start)] + [(aligned + n * size, size) for n in range(1, self.length)]


def random_burst(rng, bits: int) -> Burst:
    log_size = int(rng.integers(0, (bits // 8).bit_length()))
    kind = int(rng.integers(3))
    length = int(rng.choice([2, 4, 8, 16])) if kind == WRAP else int(rng.integers(1, 17 if kind == FIXED else 257))
    room = SIZE - (length << log_size) if kind == INCR else SIZE // 2
    address = int(rng.integers(0, max(room, 1)))
    if kind == WRAP:
        address = address >> log_size << log_size
    return Burst(BASE + address, length, log_size, kind, int(rng.integers(16)))


def columns(values: list[int], bits: int) -> np.ndarray:
    """Stream words of 2 * `bits`, at least 64, as the simulation takes them."""
    words = np.frombuffer(b"".join(value.to_bytes(2 * bits // 8, "little") for value in values), dtype=np.uint64)
    return words.reshape(len(values), -1)


@pytest.fixture(scope="module", params=[128])
def probed(request, tmp_path_factory):
    """(core, data bits) of a master whose every burst the test chooses."""
    return open_ip(prober(tmp_path_factory.mktemp("prober"), request.param)), request.param


def started(core, rng) -> tuple[RtlSimulation, Ram]:
    simulation = RtlSimulation(core)
    ddr = rng.integers(0, 256, SIZE, dtype=np.uint8)
    ram = Ram(BASE, ddr, ddr, np.zeros(SIZE // 4096, dtype=np.uint8))
    simulation.connect(ram)
    for port, seed in (("m_data", 1), ("m_resp", 2), ("s_data", 3), ("s_cmd", 4)):
        simulation.stall(port, 0.3, seed)
    for port in ("m_data", "m_resp"):
        simulation.allow(port, None)
    return simulation, ram


@pytest.mark.slow
def test_reads_give_what_the_memory_holds(probed):
    core, bits = probed
    rng = np.random.default_rng(bits)
    simulation, ram = started(core, rng)
    bursts = [random_burst(rng, bits) for _ in range(60)]
    simulation.offer("s_cmd", np.array([burst.command for burst in bursts], dtype=np.uint64))
    due = sum(burst.length for burst in bursts)
    simulation.advance(20 * due, quiet_cycles=200)
    words = simulation.collect("m_data")[0].reshape(due, -1)
    values = iter([int.from_bytes(word.tobytes(), "little") for word in words])
    for burst in bursts:
        for number, (address, nbytes) in enumerate(burst.beats(), 1):
            value = next(values)
            lane = address % (bits // 8)
            expected = ram.ddr[address - BASE : address - BASE + nbytes].tobytes()
            assert (value >> 8 * lane).to_bytes(2 * bits // 8, "little")[:nbytes] == expected
            assert value >> bits & 1 == (number == burst.length), "RLAST"
            assert value >> bits + 1 & 3 == 0, "RRESP"
            assert value >> bits + 3 & 15 == burst.tag, "RID"
    assert simulation.memory_beats("m_axi") == due + len(bursts)


@pytest.mark.slow
def test_writes_change_the_bytes_whose_strobe_is_set_and_no_others(probed):
    core, bits = probed
    rng = np.random.default_rng(bits + 1)
    simulation, ram = started(core, rng)
    expected = ram.ddr.copy()
    bursts = [random_burst(rng, bits) for _ in range(60)]
    words = []
    for burst in bursts:
        for number, (address, nbytes) in enumerate(burst.beats(), 1):
            data = rng.integers(0, 256, bits // 8, dtype=np.uint8)
            lane = address % (bits // 8)
            strobe = int(rng.integers(1 << nbytes)) << lane
            for i in range(lane, lane + nbytes):
                if strobe >> i & 1:
                    expected[address - BASE - lane + i] = data[i]
            last = (number == burst.length) << (2 * bits - 1)
            words.append(int.from_bytes(data.tobytes(), "little") | strobe << bits | last)
    simulation.offer("s_cmd", np.array([burst.command | 1 << 49 for burst in bursts], dtype=np.uint64))
    simulation.offer("s_data", columns(words, bits))
    simulation.advance(20 * len(words), quiet_cycles=200)
    answers, _ = simulation.collect("m_resp")
    assert answers.tolist() == [burst.tag << 2 for burst in bursts]
    assert np.array_equal(ram.ddr, expected)


@pytest.mark.slow
def test_outside_memory_reads_are_zero_writes_are_lost_and_both_are_told(probed):
    core, bits = probed
    simulation, ram = started(core, np.random.default_rng(3))
    before, outside = ram.ddr.copy(), Burst(BASE + SIZE, 2, 2, INCR)
    simulation.offer("s_cmd", np.array([outside.command, outside.command | 1 << 49], dtype=np.uint64))
    simulation.offer("s_data", columns([(1 << bits + 4) - 1] * 2, bits))
    simulation.advance(1000, quiet_cycles=200)
    given = [int.from_bytes(word.tobytes(), "little") for word in simulation.collect("m_data")[0]]
    assert [value >> bits + 1 & 3 for value in given] == [3, 3], "decode errors"
    assert given[0] & 0xFFFF_FFFF == 0
    assert simulation.collect("m_resp")[0].tolist() == [3]
    assert np.array_equal(ram.ddr, before)
    assert simulation.touched("m_axi", wrote=False).tolist() == [[BASE + SIZE, 8]]
    assert simulation.touched("m_axi", wrote=True).tolist() == [[BASE + SIZE, 8]]
    assert len(simulation.touched("m_axi", wrote=True)) == 0


@pytest.mark.slow
def test_shared_pages_are_the_cpus_and_others_are_ddrs(tmp_path):
    simulation = RtlSimulation(open_ip(adder(tmp_path / "adder")))
    ddr, cpu = np.zeros(2 * 4096, dtype=np.uint8), np.zeros(2 * 4096, dtype=np.uint8)
    ddr.view("<u4")[0], cpu.view("<u4")[0] = 10, 100
    ddr.view("<u4")[1024], cpu.view("<u4")[1024] = 20, 200
    simulation.connect(Ram(BASE, ddr, cpu, np.array([0, 1], dtype=np.uint8)))
    for source, target in ((0, 4), (4096, 4100)):
        for offset, value in ((0x10, BASE + source), (0x1C, BASE + target), (0x28, 1), (0x30, 7), (0x00, 1)):
            simulation.write(offset, value)
        assert simulation.advance(100).stop == "still"
    assert ddr.view("<u4")[[1, 1025]].tolist() == [17, 207]
    assert cpu.view("<u4")[[1, 1025]].tolist() == [0, 207]
    assert simulation.touched("m_axi", wrote=False).tolist() == [[BASE, 4], [BASE + 4096, 4]]


@pytest.mark.slow
def test_memory_of_another_shape_is_refused(tmp_path):
    simulation = RtlSimulation(open_ip(adder(tmp_path / "adder")))
    page = np.zeros(4096, dtype=np.uint8)
    with pytest.raises(RtlError, match="^4096 bytes of memory need as many of the CPU's, and a flag for each page$"):
        simulation.connect(Ram(BASE, page, page, page[:0]))
    with pytest.raises(RtlError, match="^memory is given as contiguous arrays of uint8$"):
        simulation.connect(Ram(BASE, page.view("<u4"), page, page))
