"""Addresses: given, chosen as Vivado chooses them, moved and excluded."""

import pytest

from mlfpga.blockdesign import ScriptError, dry_run

WIRED = """
set_property CONFIG.NUM_MI 2 [set smc [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect smc]]
set_property CONFIG.NUM_SI 1 $smc
set_property CONFIG.NUM_MI 1 [set memory [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect memory]]
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins smc/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins smc/M00_AXI] [get_bd_intf_pins dma/S_AXI_LITE]
connect_bd_intf_net [get_bd_intf_pins smc/M01_AXI] [get_bd_intf_pins net/s_axi_control]
connect_bd_intf_net [get_bd_intf_pins dma/M_AXI_MM2S] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins dma/M_AXI_S2MM] [get_bd_intf_pins memory/S01_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]
"""


def rows(design):
    return {(row.master, row.slave, row.segment, hex(row.base), row.size) for row in design.address_map()}


LOW = {(f"dma/Data_{channel}", "ps/S_AXI_HP0_FPD", "HP0_DDR_LOW", "0x0", 1 << 31) for channel in ("MM2S", "S2MM")}


def test_without_arguments_everything_gets_the_lowest_free_address(run_lines):
    assert rows(run_lines(WIRED + "assign_bd_address")) == LOW | {
        ("ps/Data", "dma/S_AXI_LITE", "Reg", "0x80000000", 65536),
        ("ps/Data", "net/s_axi_control", "Reg", "0x80010000", 65536),
    }


def test_chosen_addresses_avoid_those_that_are_given(run_lines):
    design = run_lines(
        WIRED
        + "assign_bd_address -offset 0x80000000 -range 128K -target_address_space /ps/Data [get_bd_addr_segs "
        + "net/s_axi_control/Reg] -force\nassign_bd_address [get_bd_addr_segs dma/S_AXI_LITE/Reg]"
    )
    assert rows(design) == {
        ("ps/Data", "net/s_axi_control", "Reg", "0x80000000", 131072),
        ("ps/Data", "dma/S_AXI_LITE", "Reg", "0x80020000", 65536),
    }


def test_the_older_form_and_moves_by_the_mapped_name(run_lines):
    design = run_lines(
        WIRED
        + "create_bd_addr_seg -range 0x10000 -offset 0x80050000 [get_bd_addr_spaces ps/Data] "
        + "[get_bd_addr_segs dma/S_AXI_LITE/Reg] SEG_dma_Reg\n"
        + "assign_bd_address -offset 0x8006_0000 -range 32K [get_bd_addr_segs {ps/Data/SEG_dma_Reg}]\n"
        + "set_property offset 0x80070000 [get_bd_addr_segs {ps/Data/SEG_dma_Reg}]"
    )
    assert rows(design) == {("ps/Data", "dma/S_AXI_LITE", "Reg", "0x80070000", 32768)}


def test_what_is_excluded_has_no_address(run_lines):
    text = WIRED + "assign_bd_address\nexclude_bd_addr_seg [get_bd_addr_segs dma/Data_MM2S/SEG_ps_HP0_DDR_LOW]\n"
    kept = {row for row in LOW if "S2MM" in row[0]}
    assert {row for row in rows(run_lines(text)) if row[0].startswith("dma")} == kept
    text += "include_bd_addr_seg [get_bd_addr_segs dma/Data_MM2S/SEG_ps_HP0_DDR_LOW]"
    assert {row for row in rows(run_lines(text)) if row[0].startswith("dma")} == LOW


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "assign_bd_address -offset 12X -range 64K -target_address_space ps/Data dma/S_AXI_LITE/Reg",
            '"12X" is not an',
        ),
        ("assign_bd_address -target_address_space ps/Dota dma/S_AXI_LITE/Reg", 'there is no address space "ps/Dota"'),
        ("assign_bd_address dma/S_AXI_LITE/Rag", 'there is no address segment "dma/S_AXI_LITE/Rag"'),
    ],
)
def test_what_does_not_exist_is_named(run_lines, line, message):
    with pytest.raises(ScriptError) as caught:
        run_lines(WIRED + line)
    assert caught.value.message.startswith(f"assign_bd_address: {message}")


@pytest.mark.parametrize(("hpm0", "base"), [(0, 0xA000_0000), (1, 0xB000_0000)])
def test_hpm1_begins_where_hpm0_would_if_that_is_off(run_lines, hpm0, base):
    design = run_lines(
        f"set_property -dict {{CONFIG.PSU__USE__M_AXI_GP0 {hpm0} CONFIG.PSU__USE__M_AXI_GP1 1 "
        "CONFIG.PSU__USE__M_AXI_GP2 0} $ps\n"
        "connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM1_FPD] [get_bd_intf_pins net/s_axi_control]\n"
        "assign_bd_address"
    )
    assert rows(design) == {("ps/Data", "net/s_axi_control", "Reg", hex(base), 65536)}
    assert not any("out of reach" in str(finding) for finding in design.check())


def test_behind_a_zynq_7000_slaves_stand_at_the_places_of_their_kinds(script):
    design = dry_run(
        script(
            """
            create_project demo work -part xc7z020clg400-1
            create_bd_design demo_bd
            create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps
            set smc [create_bd_cell -type ip -vlnv xilinx.com:ip:axi_interconnect smc]
            set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 4} $smc
            connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_GP0] [get_bd_intf_pins smc/S00_AXI]
            foreach {kind slave} {axi_dma S_AXI_LITE axi_gpio S_AXI axi_timer S_AXI axi_intc s_axi} {
                create_bd_cell -type ip -vlnv xilinx.com:ip:$kind $kind
                connect_bd_intf_net [get_bd_intf_pins smc/M0[incr port]_AXI] [get_bd_intf_pins $kind/$slave]
            }
            assign_bd_address
        """.replace("M0[incr port]", "M0[expr {[incr port] - 1}]")
        ),
        check=False,
    )
    assert {row.slave.split("/")[0]: row.base for row in design.address_map() if row.master == "ps/Data"} == {
        "axi_dma": 0x4040_0000,
        "axi_gpio": 0x4120_0000,
        "axi_timer": 0x43C0_0000,
        "axi_intc": 0x4180_0000,
    }


def test_the_older_form_tells_which_space_is_missing(run_lines):
    with pytest.raises(ScriptError) as caught:
        run_lines("create_bd_addr_seg -range 4K -offset 0 [get_bd_addr_spaces dma/None] [get_bd_addr_segs x/y] SEG")
    assert caught.value.message.startswith("get_bd_addr_s")
