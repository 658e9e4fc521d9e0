"""Waveforms show what moved, at the times of the design's clock, and end with a warning when they cannot go on."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from small_ips import doubler

from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip, verilator
from mlfpga.simulate.rtl.simulation import _is_whole_fst

WORDS = np.random.default_rng(4).integers(0, 2**32, 40, dtype=np.uint32)
LAST = np.random.default_rng(5).random(40) < 0.3
RESET_CYCLES = 16
HERE = {"vcd", "fst"} if verilator.best_trace()[0] == ".fst" else {"vcd"}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return open_ip(doubler(tmp_path_factory.mktemp("doubler")))


def run(sim: RtlSimulation) -> tuple[np.ndarray, np.ndarray]:
    """Send the words through; the words that came back, and the cycles at which they did."""
    sim.write(0x00, 0x81)
    sim.allow("m_axis", None)
    sim.offer("s_axis", WORDS, LAST)
    sim.advance(60)
    return sim.collect("m_axis")[0], sim.stamps("m_axis")


class Vcd:
    """A value change dump (IEEE 1364-2001, clause 18), as far as it was written."""

    def __init__(self, text: str):
        header, _, body = text.partition("$enddefinitions")
        self.timescale = re.search(r"\$timescale\s+(\S+)\s+\$end", header)[1]
        declared = re.findall(r"\$var\s+\w+\s+\d+\s+(\S+)\s+(\w+)", header)
        codes = {name: code for code, name in reversed(declared)}  # of equal names the outermost, the top's own port
        changes = {code: [] for code, _ in declared}
        self.end = 0
        for line in body.splitlines()[1:]:
            if line.startswith("#"):
                self.end = int(line[1:])
            elif line.startswith("b"):
                value, code = line[1:].split()
                changes[code].append((self.end, int(value, 2)))
            elif line[:1] in ("0", "1"):
                changes[line[1:]].append((self.end, int(line[0])))
        self.signals = {name: changes[code] for name, code in codes.items()}

    def at(self, name: str, picosecond: float) -> int:
        return [value for time, value in self.signals[name] if time <= round(picosecond)][-1]


@pytest.mark.parametrize("mhz", [100.0, 300.0])
def test_every_word_stands_at_its_cycle_in_the_time_of_the_clock(core, tmp_path, mhz):
    with RtlSimulation(core, trace=tmp_path / "wave.vcd", clock_mhz=mhz) as sim:
        out, cycles = run(sim)
        end = sim.cycle
    with RtlSimulation(core) as sim:
        untraced = run(sim)
    np.testing.assert_array_equal(out, untraced[0])
    np.testing.assert_array_equal(cycles, untraced[1])
    wave, period = Vcd((tmp_path / "wave.vcd").read_text()), 1e6 / mhz
    assert wave.timescale == "1ps" and wave.end == round((end + RESET_CYCLES) * period)
    for word, cycle in zip(out, cycles, strict=True):
        begun = (cycle + RESET_CYCLES) * period
        for moment in (begun, begun + 0.99 * period):
            assert wave.at("m_axis_TDATA", moment) == word
            assert wave.at("m_axis_TVALID", moment) == wave.at("m_axis_TREADY", moment) == 1
        assert wave.at("ap_clk", begun + 0.25 * period) == 1 and wave.at("ap_clk", begun + 0.75 * period) == 0
    assert [value for _, value in wave.signals["ap_rst_n"]] == [0, 1]
    assert abs(wave.signals["ap_rst_n"][1][0] - RESET_CYCLES * period) < 1


@pytest.mark.skipif("fst" not in HERE, reason="lz4 and zlib are not installed, which FST files are compressed with")
def test_an_fst_file_is_whole_and_spans_the_same_time(core, tmp_path):
    path = tmp_path / "wave.fst"
    with RtlSimulation(core, trace=path, clock_mhz=250) as sim:
        run(sim)
        end = sim.cycle
    content = path.read_bytes()
    # The header block: kind 0, 329 bytes; first and last time; the timescale's power of ten at its 73rd byte.
    assert content[:9] == b"\0" + (329).to_bytes(8, "big")
    assert int.from_bytes(content[9:17], "big") == 0
    assert int.from_bytes(content[17:25], "big") == (end + RESET_CYCLES) * 4000
    assert int.from_bytes(content[73:74], "big", signed=True) == -12
    assert _is_whole_fst(path)
    for length in (len(content) - 1, len(content) - 60, 400, 338, 338 - 1, 5, 0):
        path.write_bytes(content[:length])
        assert not _is_whole_fst(path)


def test_where_fst_is_not_possible_the_way_out_is_named(core, tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "_COMPRESSION", (("-l:no-such-library.so",),))
    verilator._compression.cache_clear()
    way = "an .fst waveform needs the libraries lz4 and zlib (sudo apt install liblz4-dev zlib1g-dev)"
    try:
        assert verilator.best_trace() == (".vcd", way)
        with pytest.raises(RtlError) as error:
            RtlSimulation(core, trace=tmp_path / "wave.fst")
        assert str(error.value) == f"{way}; or choose .vcd, which every viewer opens too"
    finally:
        verilator._compression.cache_clear()


def test_a_waveform_ends_at_its_limit_and_the_simulation_goes_on(core, tmp_path, monkeypatch):
    path = tmp_path / "wave.vcd"
    sim = RtlSimulation(core, trace=path, trace_limit=3_000)
    time.sleep(0.25)  # longer than between two looks at the file
    with pytest.warns(RuntimeWarning) as warned:
        run(sim)
    size = path.stat().st_size
    assert [str(warning.message) for warning in warned] == [
        f"the waveform {path} ends at cycle {sim.cycle}: it has {size:,} bytes, the most it may have; "
        "the simulation goes on without it"
    ]
    sim.offer("s_axis", WORDS)
    sim.advance(100)
    np.testing.assert_array_equal(len(sim.collect("m_axis")[0]), 40)
    sim.close()
    assert path.stat().st_size == size and Vcd(path.read_text()).end > 0


def test_a_full_disk_ends_the_waveform_and_not_the_simulation(core, tmp_path):
    path = tmp_path / "wave.vcd"
    path.symlink_to("/dev/full")
    with RtlSimulation(core) as sim:
        expected = run(sim)
    sim = RtlSimulation(core, trace=path)
    with pytest.warns(RuntimeWarning) as warned:
        out, cycles = run(sim)
        end = sim.cycle
        sim.close()
    np.testing.assert_array_equal(out, expected[0])
    np.testing.assert_array_equal(cycles, expected[1])
    assert [str(warning.message) for warning in warned] == [
        f"the waveform {path} ends at cycle {end}: No space left on device; the simulation goes on without it"
    ]


@pytest.mark.parametrize("kind", sorted(HERE))
def test_a_place_that_cannot_be_written_is_named(core, tmp_path, kind):
    path = tmp_path / f"missing/wave.{kind}"
    with pytest.raises(RtlError, match=f"did not start: cannot write {path}: No such file or directory$"):
        RtlSimulation(core, trace=path)


def test_what_a_killed_simulation_wrote_can_be_read(core, tmp_path):
    path = tmp_path / "wave.vcd"
    script = (
        "import json, sys, time; import numpy as np; from mlfpga.simulate.rtl import RtlSimulation, open_ip\n"
        "sim = RtlSimulation(open_ip(sys.argv[1]), trace=sys.argv[2])\n"
        "sim.write(0, 0x81); sim.allow('m_axis', None); sim.offer('s_axis', np.arange(40, dtype=np.uint32))\n"
        "sim.advance(50); time.sleep(0.3); sim.advance(10)\n"
        "print(json.dumps([sim.cycle, sim.stamps('m_axis').tolist()]), flush=True); time.sleep(100)\n"
    )
    command = [sys.executable, "-c", script, str(core.folder), str(path)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    while not (line := running.stdout.readline()).startswith("["):
        assert running.poll() is None
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    cycle, stamps = json.loads(line)
    wave = Vcd(path.read_text())
    assert wave.end >= (cycle + RESET_CYCLES - 1) * 10_000
    assert [wave.at("m_axis_TDATA", (s + RESET_CYCLES) * 10_000) for s in stamps[-2:]] == [38 * 2 + 4, 39 * 2 + 1]
