"""The course's block design as the dry run sees it."""

import json
import time

import pytest

from mlfpga.blockdesign import accelerator_ip, dry_run
from mlfpga.blockdesign.design import Pin, size_text

VLNV = "mlfpga:hls:digits_mlp_axi:1.0"


def test_the_course_design_has_no_findings(design):
    assert design.check() == []


@pytest.mark.parametrize("bits_in", [32, 64])
@pytest.mark.parametrize("bits_out", [32, 64])
@pytest.mark.parametrize("variant", ["8GB", "4GB"])
def test_every_width_and_board_variant_is_clean(run, bits_in, bits_out, variant):
    design = run(bits_in=bits_in, bits_out=bits_out, board_variant=variant)
    assert design.check() == []
    dma = design.cells["axi_dma_0"].values
    assert dma["c_m_axis_mm2s_tdata_width"] == str(bits_in)
    assert dma["c_s_axis_s2mm_tdata_width"] == str(bits_out)


def test_the_address_map_is_what_the_course_promises(design):
    rows = [(row.master, row.through, row.slave, row.base, row.size, row.usage) for row in design.address_map()]
    assert rows == [
        ("ps/Data", "M_AXI_HPM0_LPD", "axi_dma_0/S_AXI_LITE", 0x8000_0000, 0x1_0000, "register"),
        ("ps/Data", "M_AXI_HPM0_LPD", "accelerator_0/s_axi_control", 0x8001_0000, 0x1_0000, "register"),
        ("axi_dma_0/Data_MM2S", "M_AXI_MM2S", "ps/S_AXI_HP0_FPD", 0, 0x8000_0000, "memory"),
        ("axi_dma_0/Data_S2MM", "M_AXI_S2MM", "ps/S_AXI_HP0_FPD", 0, 0x8000_0000, "memory"),
    ]
    assert str(design.address_map()[0]) == (
        "ps/Data                  0x80000000 … 0x8000FFFF    64K  axi_dma_0/S_AXI_LITE"
    )


def test_the_design_can_be_told_as_json(design):
    told = json.loads(json.dumps(design.to_dict()))
    assert list(told["cells"]) == list(design.cells)
    assert {"from": "axi_dma_0/M_AXIS_MM2S", "to": "accelerator_0/s_axis"} in told["interfaces"]
    assert told["addresses"][1] == {
        "master": "ps/Data",
        "slave": "accelerator_0/s_axi_control",
        "from": "0x80010000",
        "to": "0x8001FFFF",
        "size": "64K",
        "usage": "register",
    }
    assert sum(len(net["to"]) for net in told["nets"]) == 14


def test_one_clock_drives_everything(design):
    clocks = [
        (cell.name, port.name)
        for cell in design.cells.values()
        for port in cell.shape.ports.values()
        if port.kind == "clk" and port.direction == "I"
    ]
    assert len(clocks) == 9
    assert {design.driver(design.net_of(Pin(*clock))) for clock in clocks} == {Pin("ps", "pl_clk0")}


def test_settings_reach_the_design(run):
    design = run(accelerator_name="mlp", clock_mhz=150.0, design_name="lab")
    assert design.name == "lab"
    assert "mlp" in design.cells
    assert design.cells["ps"].values["PSU__CRL_APB__PL0_REF_CTRL__DIVISOR0"] == "10"


def test_the_board_variants_differ_in_their_memory_chips(run):
    eight, four = (run(board_variant=variant).cells["ps"].values for variant in ("8GB", "4GB"))
    differing = {name: (eight[name], four[name]) for name in eight if eight[name] != four[name]}
    assert differing == {
        "PSU__DDRC__DRAM_WIDTH": ("8 Bits", "16 Bits"),
        "PSU__DDRC__BG_ADDR_COUNT": ("2", "1"),
        "PSU_DDR_RAM_HIGHADDR": ("0x1FFFFFFFF", "0xFFFFFFFF"),
    }


def test_the_ip_repository_is_given_to_the_project(run, tmp_path):
    assert run(ip_repository=tmp_path / "a folder [with] $signs").check() == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clok_mhz": 100}, 'settings: unknown name "clok_mhz"; choose from accelerator_clock_mhz accelerator_name'),
        ({"stream_bits": 24}, 'settings: stream_bits "24" is not supported; choose from 32 64'),
        ({"design_name": "my design"}, 'settings: design_name "my design" is not a name; use letters, digits and _'),
        ({"overlay_name": "a/b"}, 'settings: overlay_name "a/b" is not a name; use letters, digits and _'),
        ({"clock_mhz": "fast"}, 'settings: clock_mhz "fast" is not a frequency in MHz'),
        ({"clock_mhz": ""}, "settings: clock_mhz is empty; the design needs a clock"),
        ({"accelerator_clock_mhz": -5}, 'settings: accelerator_clock_mhz "-5" is not a frequency in MHz'),
        ({"jobs": 0}, 'settings: jobs "0" is not a number of processes'),
        ({"board_variant": "16GB"}, 'settings: board_variant "16GB" is not supported; choose from 8GB 4GB'),
        ({"accelerator_vlnv": "me:hls:other:1.0"}, 'no IP matches "me:hls:other:1.0"; is its folder in settings(ip_r'),
        ({"clock_mhz": 2000}, "set_property: ps: a PL clock of 2000 MHz is out of range; choose at most 1500 MHz"),
        ({"more_accelerators": [["x", VLNV, 24]]}, f'settings: more_accelerators "x {VLNV} 24" is not {{name vlnv str'),
        (
            {"more_accelerators": [["x", VLNV, 32]] * 8},
            "settings: more_accelerators lists 8; the interconnect has room",
        ),
        ({"accelerator_name": "ps"}, 'create_bd_cell: there is already a cell "ps" (block_design.tcl:'),
    ],
)
def test_bad_settings_are_refused(run, settings, message):
    with pytest.raises(Exception) as caught:
        run(**settings)
    assert message in str(caught.value)


def test_a_script_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no script .*nowhere.tcl"):
        dry_run(tmp_path / "nowhere.tcl")


def test_a_dry_run_takes_less_than_a_second(run):
    started = time.perf_counter()
    run()
    assert time.perf_counter() - started < 1


def test_sizes_are_told_in_the_unit_that_fits():
    assert [size_text(size) for size in (4096, 65536, 2**31, 12288, 100)] == ["4K", "64K", "2G", "12K", "100"]


def test_the_build_goes_through_all_its_steps(design):
    steps = [line.removeprefix("mlfpga: step: ") for line in design.output if "step:" in line]
    assert steps == [
        "project",
        "block design",
        "generated sources",
        "synthesis",
        "implementation",
        "reports",
        "overlay",
    ]


def test_interconnects_of_the_older_kind_work_too(run, seed_fault):
    """axi_interconnect has a clock and a reset for each port; with all of them wired the design is clean."""
    build, _ = seed_fault(
        "block_design.tcl",
        "[newest_ip xilinx.com:ip:smartconnect:*] registers_smc]",
        "[newest_ip xilinx.com:ip:axi_interconnect:*] registers_smc]",
    )
    text = build.with_name("block_design.tcl").read_text()
    for old, kind in (("$clock [get_bd_pins registers_smc/aclk]", "ACLK"), ("registers_smc/aresetn]", "ARESETN")):
        line = next(line for line in text.splitlines() if old in line)
        pins = [kind, f"S00_{kind}", f"M00_{kind}", f"M01_{kind}"]
        name = "aclk" if kind == "ACLK" else "aresetn"
        text = text.replace(line, "\n".join(line.replace(f"/{name}]", f"/{pin}]") for pin in pins))
    build.with_name("block_design.tcl").write_text(text)
    assert run(build).check() == []


def test_an_accelerator_is_described_by_the_contract():
    ip = accelerator_ip(VLNV, 64, 32)
    assert [interface["name"] for interface in ip["interfaces"]] == ["s_axi_control", "s_axis", "m_axis"]
    assert [port["name"] for port in ip["ports"]] == ["ap_clk", "ap_rst_n", "interrupt"]
    with pytest.raises(ValueError, match="input stream width 24 is not supported; choose 32 or 64"):
        accelerator_ip(VLNV, 24, 32)
    with pytest.raises(ValueError, match='"digits" is not vendor:library:name:version'):
        accelerator_ip("digits", 32, 32)


def test_a_second_accelerator_has_a_dma_and_addresses_of_its_own(run):
    design = run(more_accelerators=[["second", "mlfpga:hls:other_axi:1.0", 64]],
                 ips=[accelerator_ip(VLNV, 32, 32), accelerator_ip("mlfpga:hls:other_axi:1.0", 64, 64)])  # fmt: skip
    assert design.check() == []
    rows = {(row.slave, row.base) for row in design.address_map() if row.master == "ps/Data"}
    assert rows == {
        ("axi_dma_0/S_AXI_LITE", 0x8000_0000),
        ("accelerator_0/s_axi_control", 0x8001_0000),
        ("axi_dma_1/S_AXI_LITE", 0x8002_0000),
        ("second/s_axi_control", 0x8003_0000),
    }
    assert design.cells["axi_dma_1"].values["c_s_axis_s2mm_tdata_width"] == "64"


def test_the_accelerators_may_have_a_clock_of_their_own(run):
    design = run(accelerator_clock_mhz=200)
    assert design.check() == []
    clocks = {pin: str(design.clock_of(Pin(*pin.split("/")))) for pin in (
        "accelerator_0/s_axis", "accelerator_0/s_axi_control", "axi_dma_0/M_AXI_MM2S", "axi_dma_0/S_AXI_LITE",
        "ps/S_AXI_HP0_FPD", "ps/M_AXI_HPM0_LPD")}  # fmt: skip
    assert clocks == {
        "accelerator_0/s_axis": "ps/pl_clk1",
        "accelerator_0/s_axi_control": "ps/pl_clk1",
        "axi_dma_0/M_AXI_MM2S": "ps/pl_clk1",
        "axi_dma_0/S_AXI_LITE": "ps/pl_clk0",
        "ps/S_AXI_HP0_FPD": "ps/pl_clk1",
        "ps/M_AXI_HPM0_LPD": "ps/pl_clk0",
    }
    assert design.cells["ps"].values["PSU__CRL_APB__PL1_REF_CTRL__ACT_FREQMHZ"].startswith("187.")
