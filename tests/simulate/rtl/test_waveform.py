"""A waveform says what the simulation counted: the same beats in the same cycles, of any width."""

import numpy as np
import pytest

from mlfpga.simulate.rtl import RtlError, RtlSimulation, module
from mlfpga.simulate.rtl.waveform import Waveform

ADD = """
module inner #(parameter int BITS = 8) (
    input logic clk, rst_n,
    input logic [BITS-1:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
    output logic [BITS-1:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready
);
    assign s_axis_tready = ~m_axis_tvalid | m_axis_tready;
    always_ff @(posedge clk)
        if (~rst_n) m_axis_tvalid <= 1'b0;
        else if (s_axis_tready) {m_axis_tvalid, m_axis_tdata} <= {s_axis_tvalid, s_axis_tdata + BITS'(1)};
endmodule
module twice (
    input logic clk, rst_n,
    input logic [79:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
    output logic [79:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready
);
    logic [79:0] middle_tdata;
    logic middle_tvalid, middle_tready;
    inner #(80) first (.m_axis_tdata(middle_tdata), .m_axis_tvalid(middle_tvalid), .m_axis_tready(middle_tready), .*);
    inner #(80) second (.s_axis_tdata(middle_tdata), .s_axis_tvalid(middle_tvalid), .s_axis_tready(middle_tready), .*);
endmodule
"""


@pytest.fixture(scope="module", params=[".vcd", ".fst"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("waveform")
    (folder / "twice.sv").write_text(ADD)
    core = module("twice", [folder / "twice.sv"], {"s_axis": 80, "m_axis": 80})
    words = np.random.default_rng(5).integers(0, 1 << 63, (200, 2), dtype=np.uint64)
    words[:, 1] &= 0xFFFF
    words[0] = 0xFFFFFFFFFFFFFFFF, 0x7FFF
    with RtlSimulation(core, trace=folder / f"w{request.param}") as simulation:
        simulation.stall("s_axis", 0.3, 1)
        simulation.stall("m_axis", 0.4, 2)
        simulation.offer("s_axis", words)
        simulation.allow("m_axis", len(words))
        simulation.advance(10_000, until="full")
        stamps = {port: simulation.stamps(port) for port in ("s_axis", "m_axis")}
    return Waveform(folder / f"w{request.param}"), [int(low) | int(high) << 64 for low, high in words], stamps


def test_beats_of_the_ports_are_those_that_the_simulation_counted(run):
    waveform, words, stamps = run
    for port, plus in (("s_axis", 0), ("m_axis", 2)):
        stream = waveform.stream(port)
        assert stream.cycles.tolist() == stamps[port].tolist()
        assert stream.data[stream.moves].tolist() == [word + plus for word in words]
    assert waveform.cycles >= stamps["m_axis"][-1]


def test_a_stream_inside_shows_what_no_port_does(run):
    waveform, words, stamps = run
    assert waveform.streams == ["s_axis", "m_axis", "middle"]
    middle = waveform.stream("middle")
    assert middle.data[middle.moves].tolist() == [word + 1 for word in words]
    assert (middle.cycles > stamps["s_axis"]).all() and (middle.cycles < stamps["m_axis"]).all()
    assert (middle.valid & ~middle.ready).any(), "somewhere a beat waits"


def test_an_instance_is_a_scope(run):
    waveform, words, _ = run
    inner = Waveform(waveform.path, scope="second")
    assert np.array_equal(inner.stream("s_axis").cycles, waveform.stream("middle").cycles)


def test_elements_are_cut_lowest_first_and_sign_extended(run):
    waveform, words, _ = run
    stream = waveform.stream("s_axis")
    unsigned, signed = stream.elements(8, signed=False), stream.elements(8, signed=True)
    assert unsigned.shape == (200, 10) and unsigned.min() >= 0 and unsigned.max() == 255
    assert np.array_equal(signed % 256, unsigned) and signed.min() >= -128 and signed.max() <= 127
    assert sum(int(value) << 8 * place for place, value in enumerate(unsigned[7])) == words[7]


def test_what_is_not_there_is_named(run, tmp_path):
    with pytest.raises(RtlError) as caught:
        run[0].stream("nothing")
    assert str(caught.value) == (
        "the waveform has no signal twice.nothing_tvalid; scope 'twice' has the streams ['s_axis', 'm_axis', 'middle']"
    )
    with pytest.raises(RtlError, match="there is no waveform .*absent.vcd; simulate with trace="):
        Waveform(tmp_path / "absent.vcd")
