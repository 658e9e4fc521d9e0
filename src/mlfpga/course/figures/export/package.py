"""Write the IP: its Verilog, its ROM files, and component.xml as Vitis HLS writes it."""

from pathlib import Path

import numpy as np

from mlfpga.course.figures.export import blocks, processes
from mlfpga.course.figures.export.network import TABLE_BITS, Network
from mlfpga.course.figures.export.top import BUS, STREAM, fifos, ports, top_module

_SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
_NOTE = "// An IP in the shape of a Vitis HLS export, generated to measure simulators with.\n"
# name, offset, bits: name, width
_REGISTERS = (
    ("CTRL", 0, (("AP_START", 0, 1), ("AP_DONE", 1, 1), ("AP_IDLE", 2, 1), ("AP_READY", 3, 1), ("AUTO_RESTART", 7, 1))),
    ("GIER", 4, (("Enable", 0, 1),)),
    ("IP_IER", 8, (("CHAN0_INT_EN", 0, 1), ("CHAN1_INT_EN", 1, 1))),
    ("IP_ISR", 12, (("CHAN0_INT_ST", 0, 1), ("CHAN1_INT_ST", 1, 1))),
)


def write_export(network: Network, folder: Path) -> Path:
    """Write the IP of a network into `folder` and return it."""
    verilog = folder / "hdl/verilog"
    verilog.mkdir(parents=True, exist_ok=True)
    files = _modules(network)
    for name, text in files.items():
        (verilog / name).write_text(_NOTE + text.lstrip("\n") if name.endswith(".v") else text)
    (folder / "component.xml").write_text(_component(network.top, sorted(files)))
    return folder


def line_count(folder: Path) -> int:
    """Lines of Verilog of an IP folder."""
    return sum(len(path.read_text().splitlines()) for path in (folder / "hdl/verilog").glob("*.v"))


def _modules(network: Network) -> dict[str, str]:
    top, multipliers = network.top, set()
    made = {
        f"{top}_control_s_axi": blocks.control(top),
        f"{top}_regslice_both": blocks.register_slice(top),
        f"{top}_Loop_INPUT_LOOP_proc": processes.input_loop(f"{top}_Loop_INPUT_LOOP_proc", network.words_in),
        f"{top}_Loop_OUTPUT_LOOP_proc": processes.output_loop(
            f"{top}_Loop_OUTPUT_LOOP_proc", network.words_out, network.layers[-1].channels_out
        ),
        top: top_module(network),
    }
    roms = {}
    for layer in network.layers:
        module = f"{top}_{layer.name}"
        process, sums = (
            (processes.dense, processes.stepped_sums)
            if layer.dense
            else (processes.convolution, processes.pipelined_sums)
        )
        made[module] = process(top, module, layer)
        made[f"{module}_mult"] = sums(top, f"{module}_mult", layer, multipliers)
        if layer.tabled:
            rom = f"{module}_tanh_table_ROM_AUTO_1R"
            made[rom] = blocks.rom(rom, layer.channels_out, 1 << TABLE_BITS, 16)
            roms[f"{rom}.dat"] = "".join(f"{value:04x}\n" for value in layer.table.view(np.uint16))
    made |= {name: blocks.fifo(name, bits, depth) for name, (bits, depth) in fifos(network).items()}
    made |= {name: blocks.multiplier(name) for name in sorted(multipliers)}
    return {f"{name}.v": text for name, text in made.items()} | roms


def _component(top: str, files: list[str]) -> str:
    bus = _interface("s_axi_control", "aximm", "aximm_rtl", _SLAVE, {n: f"s_axi_control_{n}" for n, _, _ in BUS})
    clock = {"ASSOCIATED_BUSIF": "s_axi_control:in_r:out_r", "ASSOCIATED_RESET": "ap_rst_n"}
    names = [name for name, _ in STREAM] + ["TVALID", "TREADY"]
    interfaces = [
        bus,
        _interface("ap_clk", "clock", "clock_rtl", "<spirit:slave/>", {"CLK": "ap_clk"}, clock, "signal"),
        _interface(
            "ap_rst_n", "reset", "reset_rtl", "<spirit:slave/>", {"RST": "ap_rst_n"},
            {"POLARITY": "ACTIVE_LOW"}, "signal",
        ),
        _interface(
            "interrupt", "interrupt", "interrupt_rtl", "<spirit:master/>", {"INTERRUPT": "interrupt"},
            {"SENSITIVITY": "LEVEL_HIGH"}, "signal",
        ),
        _interface("in_r", "axis", "axis_rtl", "<spirit:slave/>", {n: f"in_r_{n}" for n in names}),
        _interface("out_r", "axis", "axis_rtl", "<spirit:master/>", {n: f"out_r_{n}" for n in names}),
    ]  # fmt: skip
    views = [
        _view(top, "xilinx_verilogsynthesis", "verilogSource:vivado.xilinx.com:synthesis"),
        _view(top, "xilinx_verilogbehavioralsimulation", "verilogSource:vivado.xilinx.com:simulation"),
    ]
    filesets = "".join(
        f"    <spirit:fileSet>\n      <spirit:name>{name}_view_fileset</spirit:name>\n"
        f"{''.join(map(_file, files))}    </spirit:fileSet>\n"
        for name in ("xilinx_verilogsynthesis", "xilinx_verilogbehavioralsimulation")
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<spirit:component xmlns:spirit="{_SPIRIT}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <spirit:vendor>mlfpga</spirit:vendor>
  <spirit:library>hls</spirit:library>
  <spirit:name>{top}</spirit:name>
  <spirit:version>1.0</spirit:version>
  <spirit:busInterfaces>
{"".join(interfaces)}  </spirit:busInterfaces>
  <spirit:memoryMaps>
    <spirit:memoryMap>
      <spirit:name>s_axi_control</spirit:name>
      <spirit:addressBlock>
        <spirit:name>Reg</spirit:name>
        <spirit:baseAddress spirit:format="long">0</spirit:baseAddress>
        <spirit:range spirit:format="long">65536</spirit:range>
        <spirit:width spirit:format="long">32</spirit:width>
        <spirit:usage>register</spirit:usage>
        <spirit:access>read-write</spirit:access>
{"".join(_register(*register) for register in _REGISTERS)}      </spirit:addressBlock>
    </spirit:memoryMap>
  </spirit:memoryMaps>
  <spirit:model>
    <spirit:views>
{"".join(views)}    </spirit:views>
    <spirit:ports>
{"".join(_port(*port) for port in ports())}    </spirit:ports>
  </spirit:model>
  <spirit:fileSets>
{filesets}  </spirit:fileSets>
  <spirit:description>An IP generated to measure simulators with</spirit:description>
</spirit:component>
"""


_SLAVE = '<spirit:slave><spirit:memoryMapRef spirit:memoryMapRef="s_axi_control"/></spirit:slave>'


def _interface(
    name: str,
    kind: str,
    abstraction: str,
    role: str,
    pins: dict[str, str],
    parameters: dict[str, str] | None = None,
    library: str = "interface",
) -> str:
    maps = "".join(
        f"        <spirit:portMap>\n          <spirit:logicalPort><spirit:name>{logical}</spirit:name>"
        f"</spirit:logicalPort>\n          <spirit:physicalPort><spirit:name>{physical}</spirit:name>"
        "</spirit:physicalPort>\n        </spirit:portMap>\n"
        for logical, physical in pins.items()
    )
    values = "".join(
        f"        <spirit:parameter><spirit:name>{key}</spirit:name><spirit:value>{value}</spirit:value>"
        "</spirit:parameter>\n"
        for key, value in (parameters or {}).items()
    )
    typed = f'spirit:vendor="xilinx.com" spirit:library="{library}"'
    return (
        f"    <spirit:busInterface>\n      <spirit:name>{name}</spirit:name>\n"
        f'      <spirit:busType {typed} spirit:name="{kind}" spirit:version="1.0"/>\n'
        f'      <spirit:abstractionType {typed} spirit:name="{abstraction}" spirit:version="1.0"/>\n'
        f"      {role}\n      <spirit:portMaps>\n{maps}      </spirit:portMaps>\n"
        + (f"      <spirit:parameters>\n{values}      </spirit:parameters>\n" if values else "")
        + "    </spirit:busInterface>\n"
    )


def _register(name: str, offset: int, bits: tuple[tuple[str, int, int], ...]) -> str:
    fields = "".join(
        f"          <spirit:field>\n            <spirit:name>{field}</spirit:name>\n"
        f"            <spirit:bitOffset>{at}</spirit:bitOffset>\n"
        f'            <spirit:bitWidth spirit:format="long">{width}</spirit:bitWidth>\n'
        "            <spirit:access>read-write</spirit:access>\n          </spirit:field>\n"
        for field, at, width in bits
    )
    return (
        f"        <spirit:register>\n          <spirit:name>{name}</spirit:name>\n"
        f"          <spirit:addressOffset>{offset}</spirit:addressOffset>\n"
        '          <spirit:size spirit:format="long">32</spirit:size>\n'
        f"          <spirit:access>read-write</spirit:access>\n{fields}        </spirit:register>\n"
    )


def _view(top: str, name: str, environment: str) -> str:
    return (
        f"      <spirit:view>\n        <spirit:name>{name}</spirit:name>\n"
        f"        <spirit:envIdentifier>{environment}</spirit:envIdentifier>\n"
        f"        <spirit:language>verilog</spirit:language>\n        <spirit:modelName>{top}</spirit:modelName>\n"
        f"        <spirit:fileSetRef><spirit:localName>{name}_view_fileset</spirit:localName></spirit:fileSetRef>\n"
        "      </spirit:view>\n"
    )


def _port(direction: str, name: str, bits: int) -> str:
    vector = ""
    if bits > 1:
        vector = (
            f'<spirit:vector><spirit:left spirit:format="long">{bits - 1}</spirit:left>'
            '<spirit:right spirit:format="long">0</spirit:right></spirit:vector>'
        )
    short = {"input": "in", "output": "out"}[direction]
    return (
        f"      <spirit:port>\n        <spirit:name>{name}</spirit:name>\n"
        f"        <spirit:wire><spirit:direction>{short}</spirit:direction>{vector}</spirit:wire>\n"
        "      </spirit:port>\n"
    )


def _file(name: str) -> str:
    kind = "<spirit:fileType>verilogSource</spirit:fileType>"
    if name.endswith(".dat"):
        kind = "<spirit:userFileType>mem_init_file</spirit:userFileType>"
    return f"      <spirit:file><spirit:name>hdl/verilog/{name}</spirit:name>{kind}</spirit:file>\n"
