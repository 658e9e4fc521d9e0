"""What starts an accelerator and lets its samples in and out: ap_control.sv and samples.sv, wired as in every top.

The bench gives every channel of the AXI4-Lite bus as a stream of its own, so that addresses, data and answers are late
in all ways that AXI allows, and plays the pipeline: it takes the words of samples and gives words of results whenever
it likes. A model of the two modules then follows the run cycle by cycle from what was seen on the wires.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from blocks import RTL, reset

from mlfpga.simulate.rtl import RtlSimulation, module

# name: (words of a sample, words of a result, samples that may be inside)
SHAPES = {"plain": (5, 3, 3), "single": (1, 1, 2), "manyin": (8, 1, 2), "manyout": (1, 4, 5)}
CYCLES = 3000
CTRL, GIER, IP_IER, IP_ISR = 0x0, 0x4, 0x8, 0xC
# Bits of the stream `watch`, which has a word each cycle.
WATCHED = ("start", "idle", "ready", "done", "interrupt")

_INSTANCE = """
    logic {n}_start, {n}_ready, {n}_done, {n}_idle, {n}_interrupt;
    assign m_{n}_watch_tdata = {{{n}_interrupt, {n}_done, {n}_ready, {n}_idle, {n}_start}};
    assign m_{n}_watch_tvalid = 1'b1;
    ap_control {n}_control (
        .clk, .rst_n(alive), .start({n}_start), .ready({n}_ready), .done({n}_done), .idle({n}_idle),
        .interrupt_request({n}_interrupt),
        .s_axi_control_AWADDR(s_{n}_aw_tdata), .s_axi_control_AWVALID(s_{n}_aw_tvalid),
        .s_axi_control_AWREADY(s_{n}_aw_tready),
        .s_axi_control_WDATA(s_{n}_w_tdata[31:0]), .s_axi_control_WSTRB(s_{n}_w_tdata[35:32]),
        .s_axi_control_WVALID(s_{n}_w_tvalid), .s_axi_control_WREADY(s_{n}_w_tready),
        .s_axi_control_BRESP(m_{n}_b_tdata), .s_axi_control_BVALID(m_{n}_b_tvalid),
        .s_axi_control_BREADY(m_{n}_b_tready),
        .s_axi_control_ARADDR(s_{n}_ar_tdata), .s_axi_control_ARVALID(s_{n}_ar_tvalid),
        .s_axi_control_ARREADY(s_{n}_ar_tready),
        .s_axi_control_RDATA(m_{n}_r_tdata[31:0]), .s_axi_control_RRESP(m_{n}_r_tdata[33:32]),
        .s_axi_control_RVALID(m_{n}_r_tvalid), .s_axi_control_RREADY(m_{n}_r_tready)
    );
    samples #(.WORD_BITS(32), .WORDS_IN({words_in}), .WORDS_OUT({words_out}), .SAMPLES({room})) {n}_samples (
        .clk, .rst_n(alive), .start({n}_start), .ready({n}_ready), .done({n}_done), .idle({n}_idle),
        .s_axis_tdata(s_{n}_in_tdata), .s_axis_tlast(s_{n}_in_tlast ^ ~s_{n}_in_tvalid),
        .s_axis_tvalid(s_{n}_in_tvalid), .s_axis_tready(s_{n}_in_tready),
        .to_pipeline_tdata(m_{n}_to_tdata), .to_pipeline_tvalid(m_{n}_to_tvalid),
        .to_pipeline_tready(m_{n}_to_tready),
        .from_pipeline_tdata(s_{n}_from_tdata), .from_pipeline_tvalid(s_{n}_from_tvalid),
        .from_pipeline_tready(s_{n}_from_tready),
        .m_axis_tdata(m_{n}_out_tdata), .m_axis_tlast(m_{n}_out_tlast),
        .m_axis_tvalid(m_{n}_out_tvalid), .m_axis_tready(m_{n}_out_tready)
    );
"""
# What an answer or a word says stays until it is taken.
_WATCH = """
    logic {p}_waits;
    logic [{bits}:0] {p}_before;
    always_ff @(posedge clk) begin
        {p}_waits <= alive & {p}_tvalid & ~{p}_tready;
        {p}_before <= {{{last}, {p}_tdata}};
        if (alive & {p}_waits & (~{p}_tvalid | {{{last}, {p}_tdata}} != {p}_before)) $stop;
    end
"""
_PORTS = {"in": 32, "aw": 4, "w": 36, "ar": 4, "from": 32}, {"to": 32, "out": 32, "b": 2, "r": 34, "watch": 5}


def _bench(folder):
    text, ports = "", ""
    streams, last = {"s_reset": 32}, []
    for n, (words_in, words_out, room) in SHAPES.items():
        text += _INSTANCE.format(n=n, words_in=words_in, words_out=words_out, room=room)
        for role, taken, given, widths in (("s", "input", "output", _PORTS[0]), ("m", "output", "input", _PORTS[1])):
            for kind, bits in widths.items():
                port = f"{role}_{n}_{kind}"
                streams[port] = bits
                ports += f",\n    {taken} logic [{bits - 1}:0] {port}_tdata, {taken} logic {port}_tvalid"
                ports += f", {given} logic {port}_tready"
                if kind in ("in", "out"):
                    last.append(port)
                    ports += f", {taken} logic {port}_tlast"
                if role == "m" and kind != "watch":
                    text += _WATCH.format(p=port, bits=bits, last=f"{port}_tlast" if kind == "out" else "1'b0")
    head = "module bench (\n    input logic clk, input logic rst_n,\n    input logic [31:0] s_reset_tdata, "
    head += f"input logic s_reset_tvalid, output logic s_reset_tready{ports}\n);\n"
    head += "    logic [31:0] resets;\n    wire alive = rst_n & ~resets[0];\n    assign s_reset_tready = resets == 0;\n"
    head += "    always_ff @(posedge clk)\n"
    head += "        resets <= ~rst_n ? 0 : s_reset_tready & s_reset_tvalid ? s_reset_tdata : resets >> 1;\n"
    path = folder / "bench.sv"
    path.write_text(head + text + "endmodule\n")
    files = [RTL / "common" / f"{name}.sv" for name in ("fifo", "samples", "ap_control")]
    return module("bench", [path, *files], streams, last=last)


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return _bench(tmp_path_factory.mktemp("bench"))


@dataclass
class Offered:
    """What a run of one instance offers; `writes` are (address, data, strobes), `reads` addresses."""

    words: np.ndarray
    lasts: np.ndarray
    results: np.ndarray
    writes: list[tuple[int, int, int]]
    reads: list[int]


def _offer(simulation: RtlSimulation, n: str, offered: Offered) -> None:
    simulation.offer(f"s_{n}_in", offered.words, offered.lasts)
    simulation.offer(f"s_{n}_from", offered.results)
    simulation.offer(f"s_{n}_aw", [address for address, _, _ in offered.writes])
    simulation.offer(f"s_{n}_w", [strobes << 32 | data for _, data, strobes in offered.writes])
    simulation.offer(f"s_{n}_ar", offered.reads)


class _Wires:
    """What was seen on the wires of an instance from cycle `begin` to `end`."""

    def __init__(self, simulation: RtlSimulation, n: str, begin: int):
        end = simulation.cycle
        self.cycles = end - begin
        self.valid, self.ready, self.collected = {}, {}, {}
        for name in (*_PORTS[0], *_PORTS[1]):
            port = f"{'s' if name in _PORTS[0] else 'm'}_{n}_{name}"
            changes, states = simulation.handshakes(port)
            level = np.zeros(end + 1, dtype=np.uint8)
            for cycle, state in zip(changes, states, strict=True):
                level[cycle:] = state
            self.valid[name], self.ready[name] = (level[begin:end] & 1) > 0, (level[begin:end] & 2) > 0
            if name in _PORTS[1]:
                self.collected[name] = simulation.collect(port)

    def moved(self, name: str) -> np.ndarray:
        return self.valid[name] & self.ready[name]


def _follow(n: str, offered: Offered, wires: _Wires) -> dict[str, int]:
    """Hold the wires against what the headers of the two modules say, cycle by cycle; how often things happened."""
    words_in, words_out, room = SHAPES[n]
    assert np.array_equal(wires.moved("aw"), wires.moved("w"))
    answers = iter(wires.collected["r"][0].tolist())
    watched = wires.collected["watch"][0]
    given, lasts = wires.collected["out"]
    assert np.array_equal(wires.collected["to"][0], offered.words[: wires.moved("in").sum()])
    assert np.array_equal(given, offered.results[: wires.moved("from").sum()])
    assert not wires.collected["b"][0].any()

    start = auto = done_flag = ready_flag = gier = 0
    enable = status = 0
    taken_words = given_words = samples_in = results_out = 0
    writes, reads, expected_lasts, wanted, owed = iter(offered.writes), iter(offered.reads), [], [], 0
    seen = {"ready": 0, "done": 0, "full": 0, "held": 0, "idle": 0, "interrupt": 0, "early": 0}
    for t in range(wires.cycles):
        v, r = ({name: bool(levels[t]) for name, levels in side.items()} for side in (wires.valid, wires.ready))
        known, full = samples_in > results_out, samples_in - results_out == room
        last_out = given_words % words_out == words_out - 1
        admit, released = start and not full, known or not last_out
        assert v["to"] == (v["in"] and admit) and r["in"] == (r["to"] and admit), t
        assert v["out"] == (v["from"] and released) and r["from"] == (r["out"] and released), t
        take, give = v["in"] and r["in"], v["out"] and r["out"]
        ready = take and taken_words % words_in == words_in - 1
        done = give and last_out
        idle = not start and not known
        interrupt = gier and status
        state = dict(zip(WATCHED, (start, idle, ready, done, interrupt), strict=True))
        assert [bool(watched[t] >> i & 1) for i in range(5)] == [bool(value) for value in state.values()], (t, state)
        seen["full"] += v["in"] and bool(start) and full
        seen["held"] += v["from"] and not released
        seen["early"] += give and not known
        for name in ("ready", "done", "idle", "interrupt"):
            seen[name] += bool(state[name])

        # The bus: one access at a time on each side; what an access sees is what was before this clock edge.
        owed += v["aw"] and r["aw"]
        write = next(writes) if v["aw"] and r["aw"] else (0, 0, 0)
        if v["ar"] and r["ar"]:
            control = start | done_flag << 1 | idle << 2 | ready_flag << 3 | auto << 7
            address = next(reads) & 0xC
            wanted.append({CTRL: control, GIER: gier, IP_IER: enable, IP_ISR: status}[address])
            if address == CTRL:
                done_flag = ready_flag = 0
        if v["r"] and r["r"]:
            assert next(answers) == wanted.pop(0), t
        owed -= v["b"] and r["b"]
        assert owed in (0, 1) and len(wanted) in (0, 1), t

        address, data, strobes = write
        address = address & 0xC if strobes & 1 else None
        if ready:
            start = auto
        if address == CTRL:
            start, auto = start | data & 1, data >> 7 & 1
        status ^= data & 3 if address == IP_ISR else 0
        status |= (done | ready << 1) & enable
        enable = data & 3 if address == IP_IER else enable
        gier = data & 1 if address == GIER else gier
        done_flag, ready_flag = done_flag | done, ready_flag | ready
        if ready:
            expected_lasts.append(offered.lasts[taken_words])
        taken_words, given_words = taken_words + take, given_words + give
        samples_in, results_out = samples_in + ready, results_out + done
    ends = np.zeros(len(lasts), dtype=bool)
    ends[words_out - 1 :: words_out] = expected_lasts[: len(lasts) // words_out]
    assert np.array_equal(lasts, ends)
    return seen


def _random_offer(n: str, random: np.random.Generator, for_good: bool) -> Offered:
    words_in, words_out, _ = SHAPES[n]
    samples = 400
    count = 400
    words = random.integers(0, 1 << 32, samples * words_in, dtype=np.uint32)
    lasts = random.random(len(words)) < 0.5
    results = random.integers(0, 1 << 32, samples * words_out, dtype=np.uint32)
    addresses = random.integers(0, 16, count)
    data = random.integers(0, 1 << 32, count)
    data[::3] &= ~np.int64(0x80)
    strobes = random.choice([15, 15, 1, 14], count)
    writes = list(zip(addresses.tolist(), data.tolist(), strobes.tolist(), strict=True))
    if for_good:
        writes = [(IP_IER, 3, 15), (GIER, 1, 15), (CTRL, 0x81, 15)] + [(IP_ISR, d & 3, 15) for _, d, _ in writes]
    return Offered(words, lasts, results, writes, random.integers(0, 16, count).tolist())


# The probabilities that the input, the pipeline's two sides, the output, and the bus wait.
PACES = {
    "freely": (0, 0, 0, 0, 0.9),
    "bus": (0.1, 0.1, 0.1, 0.1, 0.3),
    "slowout": (0, 0, 0.2, 0.9, 0.8),
    "slowpipeline": (0, 0.5, 0.9, 0, 0.8),
    "slowin": (0.9, 0, 0, 0, 0.5),
}


def _pace(simulation: RtlSimulation, n: str, pace: tuple[float, ...], seed: int) -> None:
    chances = dict(zip(("in", "to", "from", "out"), pace[:4], strict=True))
    for number, name in enumerate((*_PORTS[0], *_PORTS[1])):
        port = f"{'s' if name in _PORTS[0] else 'm'}_{n}_{name}"
        simulation.stall(port, 0 if name == "watch" else chances.get(name, pace[4]), 100 * seed + number)
        if name in _PORTS[1]:
            simulation.allow(port, None)


@pytest.mark.parametrize("for_good", [False, True], ids=["restarts", "for good"])
@pytest.mark.parametrize("pace", PACES)
def test_every_cycle_is_as_the_headers_say(core, pace, for_good):
    seed = 2 * list(PACES).index(pace) + for_good
    random = np.random.default_rng(seed)
    with RtlSimulation(core) as simulation:
        offered = {n: _random_offer(n, random, for_good) for n in SHAPES}
        for n in SHAPES:
            _pace(simulation, n, PACES[pace], seed)
            _offer(simulation, n, offered[n])
        simulation.advance(CYCLES)
        for n in SHAPES:
            seen = _follow(n, offered[n], _Wires(simulation, n, 0))
            assert seen["ready"] > 5 and seen["done"] > 5 and seen["interrupt"] > 5, seen
            if for_good and pace == "slowout":
                assert seen["full"] > 100, seen
            if for_good and pace == "slowin":
                assert seen["held"] > 100 and (SHAPES[n][1] == 1 or seen["early"]), seen


@pytest.mark.parametrize("cycles", [30, 101, 250])
def test_after_a_reset_everything_is_at_its_beginning(core, cycles):
    random = np.random.default_rng(cycles)
    with RtlSimulation(core) as simulation:
        for n in SHAPES:
            _pace(simulation, n, PACES["bus"], cycles)
            _offer(simulation, n, _random_offer(n, random, True))
        simulation.advance(cycles)
        outputs = [name for name in core.streams if name.startswith("m_")]
        for name in outputs:
            simulation.allow(name, 0)
        simulation.advance(5)  # answers and results wait now; none of them may outlive the reset
        reset(simulation)
        for name in outputs:
            simulation.allow(name, None)
        begin = simulation.cycle
        offered = {n: _random_offer(n, random, False) for n in SHAPES}
        for n in SHAPES:
            simulation.collect(f"m_{n}_watch")
            _offer(simulation, n, offered[n])
        simulation.advance(CYCLES // 3)
        for n in SHAPES:
            assert _follow(n, offered[n], _Wires(simulation, n, begin))["done"] > 5


def test_a_start_admits_one_sample_and_auto_restart_all(core):
    """The story without chance: one start, one sample; then for good."""
    words_in, words_out, _ = SHAPES["plain"]
    words = np.arange(4 * words_in, dtype=np.uint32)
    with RtlSimulation(core) as simulation:
        _pace(simulation, "plain", (0,) * 5, 0)
        simulation.offer("s_plain_in", words)
        simulation.advance(20)
        assert simulation.taken("s_plain_in") == 0
        for taken, data in ((words_in, 0x01), (2 * words_in, 0x01), (4 * words_in, 0x81)):
            simulation.offer("s_plain_aw", [CTRL])
            simulation.offer("s_plain_w", [0xF << 32 | data])
            simulation.advance(50)
            # The pipeline gave nothing yet, and SHAPES["plain"] has room for three samples.
            assert simulation.taken("s_plain_in") == min(taken, 3 * words_in)
        simulation.offer("s_plain_from", np.arange(words_out, dtype=np.uint32))
        simulation.advance(50)
        assert simulation.taken("s_plain_in") == 4 * words_in
        assert simulation.collect("m_plain_out")[1].tolist() == [False] * words_out  # its sample was not the last one
