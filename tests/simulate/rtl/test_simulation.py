"""A small IP, cycle by cycle, against NumPy."""

import numpy as np
import pytest
from small_ips import ROM, doubler, stream, write_ip

from mlfpga.simulate.rtl import Advance, RtlError, RtlSimulation, open_ip


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    return {bits: open_ip(doubler(tmp_path_factory.mktemp(f"doubler{bits}"), bits)) for bits in (32, 64, 128)}


@pytest.fixture
def sim(cores):
    with RtlSimulation(cores[32]) as simulation:
        yield simulation


def expected(words: np.ndarray, scale: int) -> np.ndarray:
    return words * words.dtype.type(scale) + np.resize(np.array(ROM, dtype=words.dtype), len(words))


def random_words(count: int, dtype=np.uint32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    words = rng.integers(0, np.iinfo(dtype).max, count, dtype=dtype, endpoint=True)
    words[:4] = 0, np.iinfo(dtype).max, 1, np.iinfo(dtype).max >> 1
    return words, rng.random(count) < 0.2


@pytest.mark.parametrize(("bits", "dtype"), [(32, np.uint32), (64, np.uint64)])
def test_words_and_tlast_are_what_numpy_says(cores, bits, dtype):
    words, last = random_words(400, dtype)
    with RtlSimulation(cores[bits]) as sim:
        sim.write(0x10, 5)
        sim.write(0x00, 0x81)
        sim.allow("m_axis", None)
        sim.offer("s_axis", words, last)
        sim.advance(10_000)
        out, out_last = sim.collect("m_axis")
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected(words, 5))
    np.testing.assert_array_equal(out_last, last)


def test_words_wider_than_64_bits_come_in_columns(cores):
    words = np.arange(16, dtype=np.uint64).reshape(8, 2)
    with RtlSimulation(cores[128]) as sim:
        sim.write(0x00, 0x81)
        sim.allow("m_axis", None)
        sim.offer("s_axis", words)
        sim.advance(1_000)
        out, _ = sim.collect("m_axis")
    np.testing.assert_array_equal(out[:, 0], expected(words[:, 0], 2))
    np.testing.assert_array_equal(out[:, 1], words[:, 1] * 2)


def test_random_stalls_change_the_time_and_not_the_words(cores):
    words, last = random_words(400)
    cycles = []
    for seed in (1, 1, 2):
        with RtlSimulation(cores[32]) as sim:
            sim.write(0x00, 0x81)
            sim.allow("m_axis", None)
            sim.stall("s_axis", 0.4, seed)
            sim.stall("m_axis", 0.6, seed + 10)
            sim.offer("s_axis", words, last)
            sim.advance(100_000, quiet_cycles=200)
            out, out_last = sim.collect("m_axis")
            cycles.append(tuple(sim.stamps("m_axis")))
            assert sim.waited("m_axis") > 100
        np.testing.assert_array_equal(out, expected(words, 2))
        np.testing.assert_array_equal(out_last, last)
    assert cycles[0] == cycles[1] != cycles[2]
    assert cycles[0][-1] - cycles[0][0] > 800


def test_a_long_random_stall_is_no_standstill(sim):
    """A reader that rests a thousand cycles on average takes the word some time, though nothing changes till then."""
    words, last = random_words(5)
    sim.write(0x00, 0x81)
    sim.allow("m_axis", None)
    sim.stall("m_axis", 0.999, 7)
    sim.offer("s_axis", words, last)
    assert sim.advance(200_000, quiet_cycles=50_000).stop == "quiet"
    np.testing.assert_array_equal(sim.collect("m_axis")[0], expected(words, 2))


def test_handshakes_tell_for_every_cycle_who_waits_for_whom(sim):
    sim.write(0x00, 0x81)
    sim.stall("s_axis", 0.4, 3)
    sim.stall("m_axis", 0.6, 4)
    sim.allow("m_axis", None)
    sim.offer("s_axis", *random_words(400))
    changes = {port: [sim.handshakes(port)] for port in ("s_axis", "m_axis")}
    for _ in range(40):
        sim.advance(50)
        for port, found in changes.items():
            found.append(sim.handshakes(port))
    for port, found in changes.items():
        cycles, states = (np.concatenate(part) for part in zip(*found, strict=True))
        each = np.repeat(np.append(0, states), np.diff([0, *cycles, sim.cycle]))
        assert np.flatnonzero(each == 3).tolist() == sim.stamps(port).tolist() and len(sim.stamps(port)) == 400
        assert np.count_nonzero(each == 1) == sim.waited(port) > 0
        assert np.count_nonzero(each == 2) > 100  # both sides rest at times


def test_without_stalls_a_word_moves_every_cycle(sim):
    sim.write(0x00, 0x81)
    sim.allow("m_axis", None)
    sim.offer("s_axis", np.zeros(100, np.uint32))
    assert sim.advance(1_000, until="packet").stop == "packet"
    taken, given = sim.stamps("s_axis"), sim.stamps("m_axis")
    np.testing.assert_array_equal(np.diff(taken), 1)
    np.testing.assert_array_equal(given, taken + 1)
    np.testing.assert_array_equal(sim.stamps("m_axis", 98), given[98:])
    assert sim.cycle == given[-1] + 1


def test_a_reader_that_allows_little_holds_the_source_back(sim):
    words, last = random_words(40)
    sim.write(0x00, 0x81)
    sim.offer("s_axis", words, last)
    assert sim.advance(1_000).stop == "still"
    assert (sim.taken("s_axis"), sim.given("m_axis"), sim.waiting("s_axis")) == (1, 0, 39)
    sim.allow("m_axis", 7)
    assert sim.advance(1_000, until="full").stop == "full"
    assert (sim.given("m_axis"), sim.allowed("m_axis")) == (7, 0)
    assert sim.advance(1_000).stop == "still"
    assert (sim.taken("s_axis"), sim.given("m_axis"), sim.allowed("m_axis")) == (8, 7, 0)
    sim.allow("m_axis", None)
    sim.advance(1_000)
    np.testing.assert_array_equal(sim.collect("m_axis")[0], expected(words, 2))


def test_stands_still_before_start_and_says_so(sim):
    sim.allow("m_axis", None)
    sim.offer("s_axis", np.zeros(8, np.uint32))
    ended = sim.advance(1_000_000)
    assert ended.stop == "still" and ended.quiet and ended.cycles < 200
    assert sim.taken("s_axis") == 0


def test_one_start_takes_one_sample(sim):
    sim.allow("m_axis", None)
    sim.offer("s_axis", np.zeros(8, np.uint32))
    sim.write(0x00, 0x01)
    sim.advance(1_000)
    assert sim.taken("s_axis") == 4
    assert sim.read(0x00) == 0b0110  # idle and done
    assert sim.read(0x00) == 0b0100  # done is cleared by reading


def test_interrupt_rises_with_the_sample_and_falls_when_acknowledged(sim):
    sim.write(0x04, 1)
    sim.write(0x08, 1)
    sim.write(0x00, 1)
    sim.allow("m_axis", None)
    assert not sim.interrupt
    sim.offer("s_axis", np.zeros(4, np.uint32))
    assert sim.advance(1_000, until="interrupt").stop == "interrupt"
    assert sim.interrupt
    sim.write(0x0C, 1)
    assert not sim.interrupt


def test_registers_keep_what_is_written_and_accesses_are_remembered(sim):
    sim.write(0x10, 0xDEADBEEF)
    assert sim.read(0x10, "s_axi_control") == 0xDEADBEEF
    assert [(a.offset, a.value, a.wrote) for a in sim.accesses] == [
        (0x10, 0xDEADBEEF, True),
        (0x10, 0xDEADBEEF, False),
    ]
    assert sim.accesses[0].cycle < sim.accesses[1].cycle < sim.cycle


def test_what_was_not_taken_can_be_withdrawn(sim):
    sim.write(0x00, 0x81)
    sim.offer("s_axis", np.arange(10, dtype=np.uint32))
    sim.advance(100)
    sim.withdraw("s_axis")
    assert sim.waiting("s_axis") == 0
    sim.allow("m_axis", None)
    sim.advance(100)
    assert (sim.taken("s_axis"), sim.given("m_axis")) == (1, 1)


def test_advance_stops_when_taken_answered_or_at_its_limit(sim):
    sim.write(0x00, 0x81)
    sim.allow("m_axis", None)
    sim.offer("s_axis", np.zeros(50, np.uint32))
    assert sim.advance(10) == Advance(10, "limit")
    assert sim.advance(1_000, until="taken").stop == "taken"
    assert sim.waiting("s_axis") == 0
    sim.offer("s_axis", np.zeros(4, np.uint32))
    assert sim.advance(1_000, until=["answered", "full"]).stop == "answered"


def test_errors_name_the_port_the_offset_and_the_way_out(sim):
    for action, message in [
        (lambda: sim.offer("m_axis", np.zeros(1, np.uint32)), "m_axis of doubler is an output, not an input"),
        (lambda: sim.allow("s_axis", 1), "s_axis of doubler is an input, not an output"),
        (lambda: sim.taken("in"), "doubler has no stream in; it has s_axis, m_axis"),
        (
            lambda: sim.offer("s_axis", np.zeros(2, np.uint32), [True]),
            "2 words for s_axis came with 1 TLAST flags; give one for each word",
        ),
        (lambda: sim.read(0x40), "offset 0x40 is outside s_axi_control of doubler (0 … 0x3c)"),
        (lambda: sim.read(2), "offset 0x2 of s_axi_control is not a multiple of 4; registers are 32-bit words"),
        (lambda: sim.read(0, "ctrl"), "doubler: register interface ctrl is not known; it has s_axi_control"),
        (lambda: sim.write(0x3C, 0), "doubler refused the write to s_axi_control offset 0x3c (SLVERR)"),
        (lambda: sim.stall("s_axis", 1), "stall probability 1 is not in 0 … 1; 1 itself would stall for ever"),
        (
            lambda: sim.advance(1, until="done"),
            "advance until 'done' is not known; choose from packet, taken, answered, full, interrupt",
        ),
        (
            lambda: RtlSimulation(sim.core, trace="wave.txt"),
            "waveform wave.txt is neither .vcd nor .fst; choose one of them",
        ),
    ]:
        with pytest.raises(RtlError) as error:
            action()
        assert str(error.value) == message


def test_a_closed_simulation_says_so(cores):
    sim = RtlSimulation(cores[32])
    sim.close()
    sim.close()
    with pytest.raises(RtlError, match="^the simulation of doubler was closed; make a new RtlSimulation$"):
        sim.advance(1)


SILENT = """
module silent (input ap_clk, input ap_rst_n,
    input [31:0] s_axis_TDATA, input s_axis_TVALID, output s_axis_TREADY,
    output [31:0] m_axis_TDATA, output m_axis_TVALID, input m_axis_TREADY);
reg [31:0] count;
always @(posedge ap_clk) count <= ap_rst_n ? count + 1 : 0;
assign s_axis_TREADY = 0;
assign m_axis_TDATA = count;
assign m_axis_TVALID = 0;
always @(posedge ap_clk) if (count == 5000) $finish;
endmodule
"""


def test_a_core_that_never_answers_ends_by_quiet_cycles_and_finish_is_an_error(tmp_path):
    pins = {name: (role, stream(role, 32, last=False, keep=False)) for name, role in
            (("s_axis", "slave"), ("m_axis", "master"))}  # fmt: skip
    core = open_ip(write_ip(tmp_path, "silent", {"hdl/verilog/silent.v": SILENT}, pins))
    assert not core.streams["s_axis"].has_last and not core.registers
    with RtlSimulation(core) as sim:
        sim.offer("s_axis", np.zeros(1, np.uint32))
        # A counter inside runs on, so the design never stands still.
        assert sim.advance(100_000, quiet_cycles=1_000) == Advance(1_000, "quiet")
        with pytest.raises(RtlError, match=r"^silent stopped: .*silent\.v:\d+: the design called \$finish$"):
            sim.advance(100_000)
        for action in (lambda: sim.advance(1), lambda: sim.interrupt):
            with pytest.raises(RtlError, match=r"\$finish; make a new RtlSimulation$"):
                action()
        assert len(sim.collect("m_axis")[0]) == 0


# Registers 64 bits wide, whose address is taken before the data, with counts of all handshakes; a stream that gives
# TKEEP and TSTRB of each word it takes, with the word's low bits as its own TKEEP.
LANES = """
module lanes (input ap_clk, input ap_rst_n,
    input [31:0] s_axis_TDATA, input [3:0] s_axis_TKEEP, input [3:0] s_axis_TSTRB, input s_axis_TVALID,
    output s_axis_TREADY,
    output [31:0] m_axis_TDATA, output [3:0] m_axis_TKEEP, output m_axis_TVALID, input m_axis_TREADY,
    input [5:0] s_axi_control_AWADDR, input s_axi_control_AWVALID, output s_axi_control_AWREADY,
    input [63:0] s_axi_control_WDATA, input [7:0] s_axi_control_WSTRB, input s_axi_control_WVALID,
    output s_axi_control_WREADY, output [1:0] s_axi_control_BRESP, output s_axi_control_BVALID,
    input s_axi_control_BREADY,
    input [5:0] s_axi_control_ARADDR, input s_axi_control_ARVALID, output s_axi_control_ARREADY,
    output [63:0] s_axi_control_RDATA, output [1:0] s_axi_control_RRESP, output s_axi_control_RVALID,
    input s_axi_control_RREADY);
reg [63:0] store;
reg [7:0] addresses, datas, reads;
reg [1:0] age;
reg [2:0] answer, reading;
reg [5:0] at;
assign s_axi_control_AWREADY = 1;
assign s_axi_control_WREADY = age == 3;
assign s_axi_control_BRESP = 0;
assign s_axi_control_BVALID = answer == 4;
assign s_axi_control_ARREADY = 1;
assign s_axi_control_RVALID = reading == 4;
assign s_axi_control_RDATA = at[5:3] == 0 ? store : {40'd0, reads, datas, addresses};
assign s_axi_control_RRESP = at == 6'h10 ? 2 : at == 6'h18 ? 1 : 0;
assign s_axis_TREADY = m_axis_TREADY;
assign m_axis_TVALID = s_axis_TVALID;
assign m_axis_TDATA = {24'd0, s_axis_TKEEP, s_axis_TSTRB};
assign m_axis_TKEEP = s_axis_TDATA[3:0];
integer i;
always @(posedge ap_clk)
    if (~ap_rst_n) {addresses, datas, reads, age, answer, reading} <= 0;
    else begin
        if (s_axi_control_AWVALID) addresses <= addresses + 1;
        if (s_axi_control_ARVALID) begin
            reads <= reads + 1;
            at <= s_axi_control_ARADDR;
        end
        if (s_axi_control_WVALID) age <= age + 1;
        if (s_axi_control_WVALID & s_axi_control_WREADY) begin
            datas <= datas + 1;
            for (i = 0; i < 8; i = i + 1) if (s_axi_control_WSTRB[i]) store[8*i +: 8] <= s_axi_control_WDATA[8*i +: 8];
            answer <= 1;
        end else if (answer != 0 && answer != 4) answer <= answer + 1;
        else if (s_axi_control_BREADY) answer <= 0;
        if (s_axi_control_ARVALID) reading <= 1;
        else if (reading != 0 && reading != 4) reading <= reading + 1;
        else if (s_axi_control_RREADY) reading <= 0;
    end
endmodule
"""


def test_wide_registers_slow_answers_and_byte_enables(tmp_path):
    sides = {"s_axis": "slave", "m_axis": "master"}
    pins = {name: (role, stream(role, 32, last=False)) for name, role in sides.items()}
    pins["s_axis"][1]["TSTRB"] = ("in", 4)
    files = {"hdl/verilog/lanes.v": LANES}
    core = open_ip(write_ip(tmp_path, "lanes", files, pins, registers={0: "low", 4: "high"}, register_bits=64))
    with RtlSimulation(core) as sim:
        sim.write(0, 0x11223344)
        sim.write(4, 0xAABBCCDD)
        assert (sim.read(0), sim.read(4)) == (0x11223344, 0xAABBCCDD)
        sim.write(0, 0x55667788)
        assert (sim.read(0), sim.read(4)) == (0x55667788, 0xAABBCCDD)
        # Each access was one handshake of its address and one of its data.
        assert sim.read(8) == 3 | 3 << 8 | 5 << 16
        with pytest.raises(RtlError, match=r"^lanes refused the read of s_axi_control offset 0x10 \(SLVERR\)$"):
            sim.read(0x10)
        assert sim.read(0x18) == 3 | 3 << 8 | 7 << 16  # EXOKAY is no error
        sim.allow("m_axis", None)
        sim.offer("s_axis", np.array([0xF, 0x3, 0xF], np.uint32))
        sim.advance(20)
        assert sim.collect("m_axis")[0].tolist() == [0xFF] * 3
        assert sim.partial("m_axis") == 1
