# The block design that every accelerator of the course drops into.
#
#   registers   ps/M_AXI_HPM0_LPD -> registers_smc -> axi_dma_0/S_AXI_LITE, accelerator/s_axi_control
#   data        DDR -> axi_dma_0 (MM2S) -> accelerator -> axi_dma_0 (S2MM) -> DDR, by memory_smc and ps/S_AXI_HP0_FPD
#   clock       ps/pl_clk0, one for all; reset_0 turns ps/pl_resetn0 into resets in step with it
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
    set ps [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:zynq_ultra_ps_e:*] ps]
    set_property -dict [board_ps_configuration $settings(board_variant) $settings(clock_mhz)] $ps

    create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:proc_sys_reset:*] reset_0

    # Direct register mode (no scatter-gather), transfers up to 2^26-1 bytes. 64-bit memory ports serve both widths of
    # stream; 32-bit addresses suffice because PYNQ allocates its buffers in the low 2 GB.
    set dma [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:axi_dma:*] axi_dma_0]
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
        CONFIG.c_m_axis_mm2s_tdata_width  $settings(stream_bits) \
        CONFIG.c_mm2s_burst_size          16 \
        CONFIG.c_s2mm_burst_size          16 \
    ] $dma

    set registers_smc [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:smartconnect:*] registers_smc]
    set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 2] $registers_smc

    set memory_smc [create_bd_cell -type ip -vlnv [newest_ip xilinx.com:ip:smartconnect:*] memory_smc]
    set_property -dict [list CONFIG.NUM_SI 2 CONFIG.NUM_MI 1] $memory_smc

    create_bd_cell -type ip -vlnv [newest_ip $settings(accelerator_vlnv)] $settings(accelerator_name)
}

proc connect_clocks_and_resets {} {
    global settings
    set accelerator $settings(accelerator_name)

    set clock [get_bd_pins ps/pl_clk0]
    connect_bd_net $clock [get_bd_pins ps/maxihpm0_lpd_aclk]
    connect_bd_net $clock [get_bd_pins ps/saxihp0_fpd_aclk]
    connect_bd_net $clock [get_bd_pins reset_0/slowest_sync_clk]
    connect_bd_net $clock [get_bd_pins registers_smc/aclk]
    connect_bd_net $clock [get_bd_pins memory_smc/aclk]
    connect_bd_net $clock [get_bd_pins axi_dma_0/s_axi_lite_aclk]
    connect_bd_net $clock [get_bd_pins axi_dma_0/m_axi_mm2s_aclk]
    connect_bd_net $clock [get_bd_pins axi_dma_0/m_axi_s2mm_aclk]
    connect_bd_net $clock [get_bd_pins $accelerator/ap_clk]

    connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_0/ext_reset_in]
    set interconnect_reset [get_bd_pins reset_0/interconnect_aresetn]
    connect_bd_net $interconnect_reset [get_bd_pins registers_smc/aresetn]
    connect_bd_net $interconnect_reset [get_bd_pins memory_smc/aresetn]
    set peripheral_reset [get_bd_pins reset_0/peripheral_aresetn]
    connect_bd_net $peripheral_reset [get_bd_pins axi_dma_0/axi_resetn]
    connect_bd_net $peripheral_reset [get_bd_pins $accelerator/ap_rst_n]
}

proc connect_registers {} {
    global settings
    set accelerator $settings(accelerator_name)
    connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins registers_smc/S00_AXI]
    connect_bd_intf_net [get_bd_intf_pins registers_smc/M00_AXI] [get_bd_intf_pins axi_dma_0/S_AXI_LITE]
    connect_bd_intf_net [get_bd_intf_pins registers_smc/M01_AXI] [get_bd_intf_pins $accelerator/s_axi_control]
}

proc connect_data {} {
    global settings
    set accelerator $settings(accelerator_name)
    connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins $accelerator/s_axis]
    connect_bd_intf_net [get_bd_intf_pins $accelerator/m_axis] [get_bd_intf_pins axi_dma_0/S_AXIS_S2MM]
    connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_MM2S] [get_bd_intf_pins memory_smc/S00_AXI]
    connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_S2MM] [get_bd_intf_pins memory_smc/S01_AXI]
    connect_bd_intf_net [get_bd_intf_pins memory_smc/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]
}

proc assign_addresses {} {
    global settings
    set processor [get_bd_addr_spaces ps/Data]
    assign_bd_address -offset 0x80000000 -range 0x10000 -target_address_space $processor \
        [get_bd_addr_segs axi_dma_0/S_AXI_LITE/Reg]
    assign_bd_address -offset 0x80010000 -range 0x10000 -target_address_space $processor \
        [get_bd_addr_segs $settings(accelerator_name)/s_axi_control/Reg]

    foreach channel {Data_MM2S Data_S2MM} {
        set space [get_bd_addr_spaces axi_dma_0/$channel]
        assign_bd_address -offset 0x00000000 -range 0x80000000 -target_address_space $space \
            [get_bd_addr_segs ps/SAXIGP2/HP0_DDR_LOW]
        # The rest of what HP0 could reach stays closed to the DMA. Which of these exist depends on the PS's settings.
        foreach other {HP0_DDR_HIGH HP0_LPS_OCM HP0_QSPI} {
            set segment [get_bd_addr_segs -quiet ps/SAXIGP2/$other]
            if {[llength $segment] == 1} {
                exclude_bd_addr_seg -target_address_space $space $segment
            }
        }
    }
}
