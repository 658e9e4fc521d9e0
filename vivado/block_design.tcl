# The block design that every accelerator of the course drops into.
#
#   registers   ps/M_AXI_HPM0_LPD -> registers_smc -> axi_dma_0/S_AXI_LITE, accelerator/s_axi_control
#   data        DDR -> axi_dma_0 (MM2S) -> accelerator -> axi_dma_0 (S2MM) -> DDR, by memory_smc and ps/S_AXI_HP0_FPD
#   clock       ps/pl_clk0, one for all; reset_0 turns ps/pl_resetn0 into resets in step with it
#
# With more accelerators (settings.tcl) there is a DMA for each: axi_dma_1 and so on. With a clock for the accelerators,
# ps/pl_clk1 and reset_1 serve them, the memory side of the DMAs and memory_smc; only registers_smc sees both clocks.
#
# Every wire and every address is written out: what stands here is what is built, in any version of Vivado.

# Makes the block design from the settings (see settings.tcl) and leaves it open and validated.
proc create_block_design {} {
    global settings
    create_bd_design $settings(design_name)
    create_cells
    connect_clocks_and_resets
    connect_registers
    connect_data
    assign_addresses
    regenerate_bd_layout
    validate_bd_design
    save_bd_design
}

# All accelerators of the design: a list of {name vlnv stream_bits dma}.
proc accelerators {} {
    global settings
    set first [list $settings(accelerator_name) $settings(accelerator_vlnv) $settings(stream_bits)]
    set all {}
    foreach accelerator [linsert $settings(more_accelerators) 0 $first] {
        lappend all [concat $accelerator axi_dma_[llength $all]]
    }
    return $all
}

# The newest version of an IP in the catalogue: versions move with Vivado (the PS is 3.4 in 2022.2, 3.5 in 2024.1).
proc newest_ip {pattern} {
    set found [get_ipdefs $pattern]
    if {[llength $found] == 0} {
        error "no IP matches \"$pattern\"; is its folder in settings(ip_repository)?"
    }
    return [lindex [lsort -dictionary $found] end]
}

proc create_cells {} {
    global settings
    set count [llength [accelerators]]
    set clocks [expr {$settings(accelerator_clock_mhz) eq "" ? 1 : 2}]

    set ps [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:zynq_ultra_ps_e:*] ps]
    set configuration \
        [board_ps_configuration $settings(board_variant) $settings(clock_mhz) $settings(accelerator_clock_mhz)]
    set_property -dict $configuration $ps

    for {set i 0} {$i < $clocks} {incr i} {
        create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:proc_sys_reset:*] reset_$i
    }

    foreach accelerator [accelerators] {
        lassign $accelerator name vlnv stream_bits dma
        create_dma $dma $stream_bits
        create_bd_cell -type ip -vlnv [newest_ip $vlnv] $name
    }

    set registers_smc [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:smartconnect:*] registers_smc]
    set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI [expr {2 * $count}]] $registers_smc
    if {$clocks > 1} {
        set_property CONFIG.NUM_CLKS $clocks $registers_smc
    }

    set memory_smc [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:smartconnect:*] memory_smc]
    set_property -dict [list CONFIG.NUM_SI [expr {2 * $count}] CONFIG.NUM_MI 1] $memory_smc
}

# Direct register mode (no scatter-gather), transfers up to 2^26-1 bytes. 64-bit memory ports serve both widths of
# stream; 32-bit addresses suffice because PYNQ allocates its buffers in the low 2 GB.
proc create_dma {name stream_bits} {
    set dma [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:axi_dma:*] $name]
    set_property -dict [list \
        CONFIG.c_include_sg               0 \
        CONFIG.c_sg_include_stscntrl_strm 0 \
        CONFIG.c_sg_length_width          26 \
        CONFIG.c_micro_dma                0 \
        CONFIG.c_addr_width               32 \
        CONFIG.c_include_mm2s             1 \
        CONFIG.c_include_s2mm             1 \
        CONFIG.c_m_axi_mm2s_data_width    64 \
        CONFIG.c_m_axi_s2mm_data_width    64 \
        CONFIG.c_m_axis_mm2s_tdata_width  $stream_bits \
        CONFIG.c_mm2s_burst_size          16 \
        CONFIG.c_s2mm_burst_size          16 \
    ] $dma
}

proc connect_clocks_and_resets {} {
    global settings
    set clock [get_bd_pins ps/pl_clk0]
    set data_clock $clock
    set data_reset reset_0
    connect_bd_net $clock [get_bd_pins ps/maxihpm0_lpd_aclk]
    connect_bd_net $clock [get_bd_pins reset_0/slowest_sync_clk]
    connect_bd_net $clock [get_bd_pins registers_smc/aclk]
    connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_0/ext_reset_in]
    if {$settings(accelerator_clock_mhz) ne ""} {
        set data_clock [get_bd_pins ps/pl_clk1]
        set data_reset reset_1
        connect_bd_net $data_clock [get_bd_pins reset_1/slowest_sync_clk]
        connect_bd_net $data_clock [get_bd_pins registers_smc/aclk1]
        connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_1/ext_reset_in]
    }
    connect_bd_net $data_clock [get_bd_pins ps/saxihp0_fpd_aclk]
    connect_bd_net $data_clock [get_bd_pins memory_smc/aclk]
    connect_bd_net [get_bd_pins reset_0/interconnect_aresetn] [get_bd_pins registers_smc/aresetn]
    connect_bd_net [get_bd_pins $data_reset/interconnect_aresetn] [get_bd_pins memory_smc/aresetn]
    foreach accelerator [accelerators] {
        lassign $accelerator name vlnv stream_bits dma
        connect_bd_net $clock [get_bd_pins $dma/s_axi_lite_aclk]
        connect_bd_net $data_clock [get_bd_pins $dma/m_axi_mm2s_aclk]
        connect_bd_net $data_clock [get_bd_pins $dma/m_axi_s2mm_aclk]
        connect_bd_net $data_clock [get_bd_pins $name/ap_clk]
        connect_bd_net [get_bd_pins reset_0/peripheral_aresetn] [get_bd_pins $dma/axi_resetn]
        connect_bd_net [get_bd_pins $data_reset/peripheral_aresetn] [get_bd_pins $name/ap_rst_n]
    }
}

proc connect_registers {} {
    connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins registers_smc/S00_AXI]
    set port 0
    foreach accelerator [accelerators] {
        lassign $accelerator name vlnv stream_bits dma
        foreach slave [list $dma/S_AXI_LITE $name/s_axi_control] {
            set master [format "registers_smc/M%02d_AXI" $port]
            connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
            incr port
        }
    }
}

proc connect_data {} {
    set port 0
    foreach accelerator [accelerators] {
        lassign $accelerator name vlnv stream_bits dma
        connect_bd_intf_net [get_bd_intf_pins $dma/M_AXIS_MM2S] [get_bd_intf_pins $name/s_axis]
        connect_bd_intf_net [get_bd_intf_pins $name/m_axis] [get_bd_intf_pins $dma/S_AXIS_S2MM]
        foreach master [list $dma/M_AXI_MM2S $dma/M_AXI_S2MM] {
            set slave [format "memory_smc/S%02d_AXI" $port]
            connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
            incr port
        }
    }
    connect_bd_intf_net [get_bd_intf_pins memory_smc/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]
}

# Registers from 0x80000000 on: 64K for a DMA, 64K for its accelerator, then the next pair.
proc assign_addresses {} {
    set processor [get_bd_addr_spaces ps/Data]
    set offset 0x80000000
    foreach accelerator [accelerators] {
        lassign $accelerator name vlnv stream_bits dma
        foreach segment [list $dma/S_AXI_LITE/Reg $name/s_axi_control/Reg] {
            assign_bd_address -offset [format 0x%08X $offset] -range 0x10000 -target_address_space $processor \
                [get_bd_addr_segs $segment]
            incr offset 0x10000
        }
        foreach channel {Data_MM2S Data_S2MM} {
            give_memory [get_bd_addr_spaces $dma/$channel]
        }
    }
}

# A DMA channel sees the low 2 GB of DDR. The rest of what HP0 could reach stays closed to it; which of these segments
# exist depends on the PS's settings.
proc give_memory {space} {
    assign_bd_address -offset 0x00000000 -range 0x80000000 -target_address_space $space \
        [get_bd_addr_segs ps/SAXIGP2/HP0_DDR_LOW]
    foreach other {HP0_DDR_HIGH HP0_LPS_OCM HP0_QSPI} {
        set segment [get_bd_addr_segs -quiet ps/SAXIGP2/$other]
        if {[llength $segment] == 1} {
            exclude_bd_addr_seg -target_address_space $space $segment
        }
    }
}
