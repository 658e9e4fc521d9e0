"""Areas: cells that are known beforehand, blocks against the whole, what is kept, and what is refused."""

import importlib.util
import shutil

import pytest

from mlfpga.synthesize import Area, SynthesisError, area, area_by_block, design, design_of, find_yosys
from mlfpga.synthesize.design import Design

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def blocks(workbench):
    return area_by_block(*workbench)


def test_blocks_have_the_cells_that_their_sources_say(blocks):
    assert list(blocks.blocks) == ["u_mac", "u_twin", "u_delay", "u_store"]
    assert blocks.blocks["u_delay"].cells == {"SRLC32E": 8}, "8 bits, 20 late"
    assert blocks.blocks["u_store"].cells.get("RAM32M16") == 1 and blocks.blocks["u_store"].flip_flops == 8
    mac = blocks.blocks["u_mac"]
    assert (mac.dsps, mac.flip_flops, mac.carry) == (1, 16 + 32, 32)
    assert mac == blocks.blocks["u_twin"]
    # valid, and 16 + 16 + 16 + 32 registered bits between the blocks
    assert (blocks.rest.flip_flops, blocks.rest.dsps, blocks.rest.lutrams) == (1 + 80, 1, 0)


def test_whole_is_near_the_sum_of_its_blocks_and_is_what_area_says(blocks, workbench):
    total, whole = blocks.total, blocks.whole
    assert (total.flip_flops, total.dsps, total.lutrams, total.shift_registers) == (185, 3, 1, 8)
    assert (whole.flip_flops, whole.dsps, whole.lutrams, whole.shift_registers) == (185, 3, 1, 8)
    assert 0.9 * total.luts < whole.luts <= 1.1 * total.luts
    assert area(*workbench) == whole


def test_second_time_runs_nothing(blocks, workbench, monkeypatch):
    monkeypatch.setattr("mlfpga.synthesize.areas.run", lambda *_: pytest.fail("Yosys was run again"))
    assert area_by_block(*workbench) == blocks


def test_level_below_the_blocks_gives_the_blocks_themselves(blocks, workbench, monkeypatch):
    monkeypatch.setattr("mlfpga.synthesize.areas.run", lambda *_: pytest.fail("Yosys was run again"))
    assert area_by_block(*workbench, level=2).blocks == blocks.blocks
    with pytest.raises(SynthesisError, match="^level 0 of the hierarchy is not below workbench; choose 1 or more$"):
        area_by_block(*workbench, level=0)


def test_luts_of_each_kind_are_counted_apart():
    one = Area(
        {"LUT1": 1, "LUT2": 2, "LUT6": 4, "INV": 8, "RAM32M16": 2, "RAM64X1D": 3, "SRL16E": 16, "SRLC32E": 32}
        | {"CARRY4": 3, "CARRY8": 1, "RAMB36E2": 2, "RAMB18E2": 3, "URAM288": 1, "DSP48E2": 5, "FDRE": 7, "FDPE": 1}
    )
    assert (one.luts, one.lutrams, one.lutram_luts, one.shift_registers) == (7, 5, 2 * 8 + 3 * 2, 48)
    assert one.luts_total == 7 + 8 + 22 + 48
    assert (one.bram36, one.urams, one.dsps, one.flip_flops, one.carry) == (3.5, 1, 5, 8, 20)
    assert (one + Area({"LUT6": 1, "MUXF7": 2}, 1.5)).cells == {**one.cells, "LUT6": 5, "MUXF7": 2}


def test_what_decides_the_result_decides_the_key(workbench, tmp_path):
    top, files, parameters, data = workbench
    moved, table = tmp_path / "elsewhere.sv", tmp_path / "table.hex"
    shutil.copy(files[0], moved)
    table.write_text(data[0].read_text().replace("0b\n", "0c\n"))
    first = design(top, files, parameters, data)
    key = first.key(first.read())
    keys = {key}
    for changed in (
        design(top, files, {**parameters, "STEP": 6}, data),
        design(top, files, parameters, [table]),
        Design(top, first.files, first.parameters, first.data, headers=(table,)),
    ):
        keys.add(changed.key(changed.read()))
    assert len(keys) == 4
    same = design(top, [moved], parameters, data)
    assert same.key(same.read()) == key, "where a file lies decides nothing"


def test_what_is_not_there_is_named(workbench, tmp_path):
    top, files, parameters, data = workbench
    with pytest.raises(SynthesisError, match="^workbench has no parameter STEPS; it has STEP, TABLE$"):
        area(top, files, {"STEPS": 1})
    with pytest.raises(SynthesisError, match=f"^workbench needs {tmp_path}/no.sv, which is not there$"):
        area(top, [*files, tmp_path / "no.sv"])
    with pytest.raises(SynthesisError, match="^none of the 1 files holds a module wokbench$"):
        area("wokbench", files)


def test_error_in_the_source_is_told_with_file_and_line(tmp_path):
    broken = tmp_path / "broken.sv"
    broken.write_text("module broken (\n    output logic y\n);\n    assign y = nowhere;\nendmodule\n")
    with pytest.raises(SynthesisError, match="^broken: broken.sv:4: ERROR: use of undeclared identifier 'nowhere'$"):
        area("broken", [broken])


def test_parameters_are_found_however_they_are_declared(tmp_path):
    source = tmp_path / "many.sv"
    source.write_text(
        "module many #(parameter int A = 3, B = (A == 2) ? 1 : 0, // C = 3\n"
        '  parameter FILE = "x.hex", parameter bit [1:0] D = 2\'b1) (input logic i);\n'
        "  parameter E = 1;\n  localparam int F = 4;\nendmodule\n"
    )
    with pytest.raises(SynthesisError, match="^many has no parameter Z; it has A, B, D, E, FILE$"):
        design("many", [source], {"Z": 1})


def test_vendor_cores_without_verilog_are_refused(workbench):
    from dataclasses import replace

    from mlfpga.simulate.rtl import module
    from mlfpga.simulate.rtl.vendor import Core

    core = module("workbench", workbench[1], {"s_axis": 32, "m_axis": 160})
    fields = {name: "" for name in Core.__dataclass_fields__} | {"module": "fadd_core"}
    core = replace(core, sources=replace(core.sources, cores=(Core(**fields),)))
    with pytest.raises(SynthesisError, match="uses fadd_core: cores of its vendor that come without Verilog"):
        design_of(core)


@pytest.fixture
def unsearched():
    find_yosys.cache_clear()
    yield
    find_yosys.cache_clear()


def test_missing_yosys_is_named_with_how_to_get_it(monkeypatch, tmp_path, unsearched):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SynthesisError) as raised:
        find_yosys()
    assert str(raised.value) == (
        "estimating area needs Yosys with its SystemVerilog reader (slang), and neither is there; install the Python "
        "package (pip install pyosys), or put a yosys that has the plugin slang on PATH"
    )


@pytest.mark.parametrize("has_slang", [True, False])
def test_native_yosys_is_taken_if_it_reads_systemverilog(monkeypatch, tmp_path, unsearched, has_slang):
    program, share = tmp_path / "bin" / "yosys", tmp_path / "share" / "yosys" / "xilinx"
    for folder in (program.parent, share):
        folder.mkdir(parents=True)
    (share / "cells_sim.v").write_text("")
    program.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo "Yosys 9.9" && exit 0\nexit {0 if has_slang else 1}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    found = find_yosys()
    if has_slang:
        assert (found.command[0], found.version, found.share) == (str(program), "Yosys 9.9", share.parent)
    else:
        assert found.version.startswith("pyosys ")
