# The AUP-ZU3 as the Zynq UltraScale+ processing system (PS) must know it, so that no board files are needed.
#
# Under PYNQ the boot image has started the PS long before an overlay is loaded: of what stands here only the clock and
# the ports matter to an overlay. Reference clock, DDR4, boot card and console are the board's own all the same, so that
# the exported hardware platform is true; an image of your own would also need USB and more, from the board files.
# Values: the board's public base designs, github.com/Xilinx/AUP-ZU3 and github.com/RealDigitalOrg/aup-zu3-bsp.

# Returns the list of CONFIG.* names and values for a PS cell.
#   variant:   8GB (four x8 chips) or 4GB (two x16 chips)
#   clock_mhz: frequency asked of pl_clk0
#   second_clock_mhz: frequency asked of pl_clk1, or "" to leave it off
proc board_ps_configuration {variant clock_mhz {second_clock_mhz ""}} {
    return [concat [board_clocks $clock_mhz] [board_second_clock $second_clock_mhz] [board_memory $variant] \
        [board_pins] [board_ports]]
}

proc board_clocks {clock_mhz} {
    return [list \
        CONFIG.PSU__PSS_REF_CLK__FREQMHZ             33.33333 \
        CONFIG.PSU__CRF_APB__ACPU_CTRL__FREQMHZ      1200 \
        CONFIG.PSU__FPGA_PL0_ENABLE                  1 \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__SRCSEL    IOPLL \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ   $clock_mhz \
        CONFIG.PSU__USE__FABRIC__RST                 1 \
        CONFIG.PSU__NUM_FABRIC_RESETS                1 \
    ]
}

proc board_second_clock {clock_mhz} {
    if {$clock_mhz eq ""} {
        return {}
    }
    return [list \
        CONFIG.PSU__FPGA_PL1_ENABLE                1 \
        CONFIG.PSU__CRL_APB__PL1_REF_CTRL__SRCSEL  IOPLL \
        CONFIG.PSU__CRL_APB__PL1_REF_CTRL__FREQMHZ $clock_mhz \
    ]
}

# DDR4-2400 on a 32-bit bus. The variants differ in the chips: width, bank groups, and so the highest address.
proc board_memory {variant} {
    switch -- $variant {
        8GB { set chips {"8 Bits" 2 0x1FFFFFFFF} }
        4GB { set chips {"16 Bits" 1 0xFFFFFFFF} }
        default { error "board variant \"$variant\" is not known; choose 8GB or 4GB" }
    }
    lassign $chips chip_width bank_group_bits highest_address
    return [list \
        CONFIG.PSU__DDRC__ENABLE                1 \
        CONFIG.PSU__DDRC__MEMORY_TYPE           "DDR 4" \
        CONFIG.PSU__DDRC__COMPONENTS            "Components" \
        CONFIG.PSU__DDRC__SPEED_BIN             "DDR4_2400T" \
        CONFIG.PSU__CRF_APB__DDR_CTRL__FREQMHZ  1200 \
        CONFIG.PSU__DDRC__BUS_WIDTH             "32 Bit" \
        CONFIG.PSU__DDRC__DEVICE_CAPACITY       "16384 MBits" \
        CONFIG.PSU__DDRC__DRAM_WIDTH            $chip_width \
        CONFIG.PSU__DDRC__BG_ADDR_COUNT         $bank_group_bits \
        CONFIG.PSU__DDRC__BANK_ADDR_COUNT       2 \
        CONFIG.PSU__DDRC__ROW_ADDR_COUNT        17 \
        CONFIG.PSU__DDRC__COL_ADDR_COUNT        10 \
        CONFIG.PSU__DDRC__RANK_ADDR_COUNT       0 \
        CONFIG.PSU__DDRC__BRC_MAPPING           "BANK_ROW_COL" \
        CONFIG.PSU__DDRC__DDR4_ADDR_MAPPING     1 \
        CONFIG.PSU__DDRC__CL                    17 \
        CONFIG.PSU__DDRC__CWL                   16 \
        CONFIG.PSU__DDRC__T_RCD                 17 \
        CONFIG.PSU__DDRC__T_RP                  17 \
        CONFIG.PSU__DDRC__T_RC                  46.16 \
        CONFIG.PSU__DDRC__T_RAS_MIN             32.0 \
        CONFIG.PSU__DDRC__T_FAW                 30.0 \
        CONFIG.PSU__DDRC__ECC                   "Disabled" \
        CONFIG.PSU__HIGH_ADDRESS__ENABLE        1 \
        CONFIG.PSU_DDR_RAM_HIGHADDR             $highest_address \
        CONFIG.PSU_DDR_RAM_HIGHADDR_OFFSET      0x800000000 \
        CONFIG.PSU_DDR_RAM_LOWADDR_OFFSET       0x80000000 \
    ]
}

# The SD card the board boots from and the serial console.
proc board_pins {} {
    return [list \
        CONFIG.PSU_BANK_0_IO_STANDARD            LVCMOS33 \
        CONFIG.PSU_BANK_1_IO_STANDARD            LVCMOS33 \
        CONFIG.PSU_BANK_2_IO_STANDARD            LVCMOS33 \
        CONFIG.PSU_BANK_3_IO_STANDARD            LVCMOS18 \
        CONFIG.PSU__SD0__PERIPHERAL__ENABLE      1 \
        CONFIG.PSU__SD0__PERIPHERAL__IO          "MIO 13 .. 16 21 22" \
        CONFIG.PSU__SD0__DATA_TRANSFER_MODE      "4Bit" \
        CONFIG.PSU__SD0__SLOT_TYPE               "SD 2.0" \
        CONFIG.PSU__SD0__GRP_CD__ENABLE          1 \
        CONFIG.PSU__SD0__GRP_CD__IO              "MIO 24" \
        CONFIG.PSU__UART1__PERIPHERAL__ENABLE    1 \
        CONFIG.PSU__UART1__PERIPHERAL__IO        "MIO 32 .. 33" \
    ]
}

# One port each way: M_AXI_HPM0_LPD (GP2) reaches the registers, S_AXI_HP0_FPD (GP2 of the slaves) reaches the DDR.
# The ports that a bare PS turns on by itself are turned off: an open port is a clock left unconnected.
proc board_ports {} {
    return [list \
        CONFIG.PSU__USE__M_AXI_GP0      0 \
        CONFIG.PSU__USE__M_AXI_GP1      0 \
        CONFIG.PSU__USE__M_AXI_GP2      1 \
        CONFIG.PSU__MAXIGP2__DATA_WIDTH 32 \
        CONFIG.PSU__USE__S_AXI_GP2      1 \
        CONFIG.PSU__SAXIGP2__DATA_WIDTH 128 \
    ]
}
