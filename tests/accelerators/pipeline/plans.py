"""Random legal plans, and whole accelerators side by side on one bench, for tests of generated hardware.

plan = random_plan(network, seed)          pixels, channels and FIFOs at random, whatever divides
bench = Bench([accelerator, …])            all of them in one Verilator build, started, with a common reset
"""

from pathlib import Path

import numpy as np

from mlfpga.accelerators.pipeline.layers import Argmax, Conv2d, Dense
from mlfpga.accelerators.pipeline.plan import Folding, Plan, PlanError, check, divisors, legal_pixels, out_pixels
from mlfpga.simulate.rtl import RtlSimulation
from mlfpga.simulate.rtl.module import module


def random_plan(network, seed) -> Plan:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        plan = _any_plan(network, lambda choices: int(rng.choice(list(choices))))
        try:
            check(plan)
        except PlanError:
            continue
        return plan
    raise AssertionError(f"no plan found for {network.name}")


def _any_plan(network, pick) -> Plan:
    shape = network.input.shape
    pixels_per_beat = pick(divisors(shape[-2] if len(shape) == 3 else shape[0]))
    arriving, foldings = pixels_per_beat if len(shape) == 3 else 1, {}
    for layer, tensor in zip(network.layers, network.tensors, strict=True):
        possible = [1] if isinstance(layer, Dense | Argmax) else legal_pixels(layer, tensor.shape)
        pixels = pick({1, arriving} & set(possible))
        lanes = pick(divisors(tensor.shape[-1]))
        multiplies = isinstance(layer, Conv2d | Dense)
        given = pick(divisors(layer.output.shape[-1])) if multiplies else 1 if isinstance(layer, Argmax) else lanes
        foldings[layer.name] = Folding(pixels, lanes, given, bool(multiplies and pick((0, 1))), pick((2, 3, 8)))
        arriving = out_pixels(layer, foldings[layer.name])
    return Plan(network, foldings, pixels_per_beat, pick((32, 64)))


_INSTANCE = """
    logic started_{name};
    {name} dut_{name} (
        .ap_clk(clk), .ap_rst_n(alive),
        .s_axis_TDATA(s_{name}_tdata), .s_axis_TLAST(s_{name}_tlast),
        .s_axis_TVALID(s_{name}_tvalid), .s_axis_TREADY(s_{name}_tready), .s_axis_TKEEP('1), .s_axis_TSTRB('1),
        .m_axis_TDATA(m_{name}_tdata), .m_axis_TLAST(m_{name}_tlast),
        .m_axis_TVALID(m_{name}_tvalid), .m_axis_TREADY(m_{name}_tready),
        .s_axi_control_AWADDR(4'h0), .s_axi_control_WDATA(32'h81), .s_axi_control_WSTRB('1),
        .s_axi_control_AWVALID(alive & ~started_{name}), .s_axi_control_WVALID(alive & ~started_{name}),
        .s_axi_control_BREADY(1'b1),
        .s_axi_control_ARVALID(1'b0), .s_axi_control_RREADY(1'b1)
    );
    logic [{bits}:0] word_{name};
    logic waits_{name};
    always_ff @(posedge clk) begin
        started_{name} <= alive;
        word_{name} <= {{m_{name}_tlast, m_{name}_tdata}};
        waits_{name} <= m_{name}_tvalid & ~m_{name}_tready & alive;
        if (alive & waits_{name} & (~m_{name}_tvalid | {{m_{name}_tlast, m_{name}_tdata}} != word_{name})) $stop;
    end
"""
_PORTS = """,
    input logic [{top}:0] s_{name}_tdata, input logic s_{name}_tlast, s_{name}_tvalid, output logic s_{name}_tready,
    output logic [{top}:0] m_{name}_tdata, output logic m_{name}_tlast, m_{name}_tvalid, input logic m_{name}_tready"""
_BENCH = """module bench (
    input logic clk, input logic rst_n,
    input logic [31:0] s_reset_tdata, input logic s_reset_tvalid, output logic s_reset_tready{ports}
);
    logic [31:0] resets;
    wire alive = rst_n & ~resets[0];
    assign s_reset_tready = resets == 0;
    always_ff @(posedge clk) resets <= ~rst_n ? 0 : s_reset_tready & s_reset_tvalid ? s_reset_tdata : resets >> 1;
{instances}endmodule
"""


class Bench:
    """Accelerators side by side: `NAME` has the streams s_NAME and m_NAME, and is started after every reset.

    The bench stops the simulation if a word does not stay until it is taken. A word at s_reset holds all of them in
    reset for one cycle for each 1 in it.
    """

    def __init__(self, accelerators, folder: Path):
        shown = [{"name": one.name, "bits": one.stream_bits, "top": one.stream_bits - 1} for one in accelerators]
        text = _BENCH.format(
            ports="".join(_PORTS.format(**one) for one in shown),
            instances="".join(_INSTANCE.format(**one) for one in shown),
        )
        bench = folder / "bench.sv"
        bench.write_text(text)
        hdl = [path for one in accelerators for path in sorted((one.folder / "ip" / "hdl").iterdir())]
        sources = {path.name: path for path in hdl if path.suffix == ".sv"}  # blocks are the same everywhere
        streams = {f"{side}_{one['name']}": one["bits"] for one in shown for side in "sm"}
        self.core = module(
            "bench",
            [*sources.values(), bench],
            {"s_reset": 32, **streams},
            data=[path for path in hdl if path.suffix == ".hex"],
            last=list(streams),
        )

    def run(self, accelerator, words, last, stalls=(0.0, 0.0), seed=0, simulation=None):
        """Words (n, …) with the TLAST of each sample's last word; returns result words, their TLAST and the simulation.

        Both come back as rows of samples; other words carry a random TLAST, which must not matter.
        """
        simulation = simulation or RtlSimulation(self.core)
        source, sink = f"s_{accelerator.name}", f"m_{accelerator.name}"
        for port, probability in zip((source, sink), stalls, strict=True):
            simulation.stall(port, probability, seed)
        flags = np.random.default_rng(seed).integers(0, 2, words.shape).astype(bool)
        flags[:, -1] = last
        simulation.offer(source, words.reshape(-1), flags.reshape(-1))
        simulation.allow(sink, None)
        simulation.advance(5_000_000, quiet_cycles=100_000)
        assert simulation.waiting(source) == 0, "it does not take all words"
        results, given = simulation.collect(sink)
        size = accelerator.output.words_per_sample
        assert len(results) == len(words) * size, f"{len(results)} words for {len(words)} samples of {size}"
        return results.reshape(-1, size), given.reshape(-1, size), simulation
