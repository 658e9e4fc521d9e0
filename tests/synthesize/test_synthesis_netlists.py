"""The netlist does what the RTL does, cycle for cycle; our model of the DSP slice does what its guide says."""

from pathlib import Path

import numpy as np
import pytest

import mlfpga.synthesize.netlists as netlist_module
from mlfpga.simulate.rtl import RtlError, RtlSimulation, module
from mlfpga.synthesize import SynthesisError, area_of, design_of, gate_level, netlist

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
DSP = Path(netlist_module.__file__).parent / "cells" / "DSP48E2.sv"
MASK = (1 << 48) - 1


def run(core, words, seed):
    """The words that leave, as Python's integers, and the cycles in which they did."""
    with RtlSimulation(core) as simulation:
        if seed:
            simulation.stall("s_axis", 0.3, seed)
            simulation.stall("m_axis", 0.4, seed + 1)
        simulation.offer("s_axis", words)
        simulation.allow("m_axis", len(words))
        simulation.advance(20 * len(words), until="full")
        rows = simulation.collect("m_axis")[0]
        stamps = simulation.stamps("m_axis")
    return [sum(int(part) << 64 * i for i, part in enumerate(np.atleast_1d(row))) for row in rows], stamps


@pytest.fixture(scope="module")
def cores(workbench):
    top, files, parameters, data = workbench
    rtl = module(top, files, {"s_axis": 32, "m_axis": 160}, parameters, data)
    return rtl, gate_level(rtl)


@pytest.mark.parametrize("seed", [0, 3, 11])
def test_netlist_gives_the_words_of_the_rtl_in_the_same_cycles(cores, seed):
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**32, 1500, dtype=np.uint32)
    extremes = np.array([0x80808080, 0x7F7F7F7F, 0xFFFFFFFF, 0, 0x80007FFF, 0x7FFF8000], dtype=np.uint32)
    words[200:400] = rng.choice(extremes, 200)
    expected, cycles = run(cores[0], words, seed)
    given, at = run(cores[1], words, seed)
    assert len(expected) == len(words)
    assert given == expected
    assert (at == cycles).all()


def test_netlist_computes_what_the_source_says(cores):
    words = np.random.default_rng(5).integers(0, 2**32, 600, dtype=np.uint32)
    given, _ = run(cores[1], words, 7)
    signed = words.astype("<u4").view(np.int8).reshape(-1, 4).astype(int)
    products = np.concatenate([[0], signed[:, 0] * signed[:, 1]])
    assert [word & 0xFFFFFFFF for word in given] == [int(s) & 0xFFFFFFFF for s in np.cumsum(products)[:-1]]
    memory = [(37 * i + 11) % 256 for i in range(32)]
    for word, out in zip(words.tolist(), given, strict=True):
        address = word >> 16 & 31
        assert out >> 72 & 255 == memory[address]
        if word >> 31:
            memory[address] = word & 255
    assert [word >> 96 & 0xFFFF for word in given] == [7 + 5 * (i + 1) for i in range(len(words))]
    late = [0] * 19 + (words & 255).tolist()[: len(words) - 19]
    assert [word >> 64 & 255 for word in given] == late


def test_netlist_holds_the_cells_and_their_models_only(workbench):
    folder = netlist(*workbench)
    cells = (folder / "cells.sv").read_text()
    assert "module DSP48E2" in cells and "module RAM32M16" in cells and "module RAM64M8" not in cells
    assert "specify" not in cells
    assert "module workbench(" in (folder / "netlist.v").read_text()


def test_cell_without_a_model_is_refused_by_name():
    with pytest.raises(SynthesisError) as raised:
        netlist_module._models("top", ["FDRE", "URAM288"])
    assert str(raised.value) == (
        "the netlist of top holds URAM288, for which there is no model to simulate; keep its memories in LUTs "
        '((* ram_style = "distributed" *)), or simulate the RTL'
    )


# name: (words, bits of a word, which block RAM it becomes)
MEMORIES = {"deep": (4096, 4, "RAMB18E2"), "bytes": (4096, 9, "RAMB36E2"), "wide": (512, 36, "RAMB18E2")}


def test_block_rams_read_what_was_written(tmp_path):
    """Each of them is read at one address and written at another in every cycle, reads before writes."""
    data = []
    for name, (words, bits, _) in MEMORIES.items():
        data.append(tmp_path / f"{name}.hex")
        data[-1].write_text("".join(f"{(n * 0x9E3779B97F) % (1 << bits):x}\n" for n in range(words)))
    rtl = module("memory_bench", [HERE / "memory_bench.sv"], {"s_axis": 64, "m_axis": 64}, data=data)
    cells = area_of(design_of(rtl)).cells
    assert (cells["RAMB18E2"], cells["RAMB36E2"]) == (2, 1)
    rng = np.random.default_rng(3)
    words = rng.integers(0, 2**64, 3000, dtype=np.uint64)
    words[::2] &= np.uint64(0xFFFFFFFF_FF07F07F)  # few addresses: what is read was written before
    given, _ = run(gate_level(rtl), words, 4)
    for at, name in enumerate(MEMORIES):
        depth, bits, _ = MEMORIES[name]
        memory = [(n * 0x9E3779B97F) % (1 << bits) for n in range(depth)]
        for step, (word, out) in enumerate(zip(words.tolist(), given, strict=True)):
            expected = memory[word % depth]
            assert out >> (0, 4, 13)[at] & ((1 << bits) - 1) == expected, f"{name}, step {step}"
            if word >> 63:
                memory[(word >> 12) % depth] = word >> 24 & ((1 << bits) - 1)


def dsp(**parameters):
    streams = {"s_axis": 128, "m_axis": 144}
    return module("dsp_bench", [HERE / "dsp_bench.sv", DSP], streams, parameters)


def word(a, b, c, opmode, carry=0, subtract=0, reset=0):
    value = a & (1 << 30) - 1 | (b & (1 << 18) - 1) << 30 | (c & MASK) << 48
    value |= opmode << 96 | carry << 105 | subtract << 106 | reset << 107
    return [value & (1 << 64) - 1, value >> 64]


def sum_of_slice(a, b, c, opmode, carry, subtract):
    """P of a slice without registers, from UG579's tables of OPMODE and ALUMODE; PCIN is 77."""
    product = {1: a * b}
    x = {0: 0, 3: (a & (1 << 30) - 1) << 18 | b & (1 << 18) - 1, **product}[opmode & 3]
    y = {0: 0, 2: MASK, 3: c, 1: 0}[opmode >> 2 & 3]
    z = {0: 0, 1: 77, 3: c}[opmode >> 4 & 7]
    w = {0: 0, 3: c}[opmode >> 7]
    return (z - (w + x + y + carry) if subtract else z + w + x + y + carry) & MASK


def test_dsp_slice_follows_its_guide():
    rng = np.random.default_rng(2)
    steps = []
    for n in range(800):
        a = int(rng.choice([-(1 << 26), (1 << 26) - 1, int(rng.integers(-(1 << 26), 1 << 26))]))
        b = int(rng.choice([-(1 << 17), (1 << 17) - 1, int(rng.integers(-(1 << 17), 1 << 17))]))
        c = int(rng.integers(-(1 << 47), 1 << 47))
        x = int(rng.choice([0, 1, 3]))
        y = 1 if x == 1 else int(rng.choice([0, 2, 3]))
        opmode = x | y << 2 | int(rng.choice([0, 1, 3])) << 4 | int(rng.choice([0, 3])) << 7
        steps.append((a, b, c, opmode, int(rng.integers(2)), int(rng.integers(2)), int(n % 97 == 5)))
    words = np.array([word(*step) for step in steps], dtype=np.uint64)
    given, _ = run(dsp(), words, 5)
    zero = (0, 0, 0, 0, 0, 0, 0)
    product = factors = total = 0
    for n, step in enumerate(steps):
        plain, accumulated, late = (given[n] >> 48 * i & MASK for i in range(3))
        assert plain == sum_of_slice(*step[:6]), f"step {n}: {step}"
        assert accumulated == total, f"step {n}"
        total, product, factors = 0 if step[6] else (total + product) & MASK, factors, step[0] * step[1]
        before, earlier = (steps[n - k] if n >= k else zero for k in (1, 2))
        assert late == (before[2] - earlier[0] * earlier[1]) & MASK, f"step {n}"


@pytest.mark.parametrize("opmode", [0b00_000_00_01, 0b00_000_01_00, 0b00_010_01_01, 0b00_100_01_01, 0b10_000_01_01])
def test_dsp_slice_refuses_a_mode_that_it_has_not(opmode, capfd):
    with pytest.raises(RtlError, match=r"^dsp_bench stopped: .*DSP48E2.sv:\d+: the design called \$stop"):
        run(dsp(), np.array([word(1, 1, 1, opmode)], dtype=np.uint64), 0)
    said = f"this model of DSP48E2 has no OPMODE {opmode:09b} with ALUMODE 0000, INMODE 00000"
    assert said in capfd.readouterr().out


def test_dsp_slice_refuses_parameters_that_it_has_not(capfd):
    with pytest.raises(RtlError, match=r"DSP48E2.sv:\d+: the design called \$stop"):
        RtlSimulation(dsp(SIMD="FOUR12")).advance(1)
    assert "this model of DSP48E2 has no SIMD (USE_SIMD)" in capfd.readouterr().out
