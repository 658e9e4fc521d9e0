# A sound design of many IPs, one step a line, so that a fault is a change of one line. Faults are put into copies of it.

create_project sound sound_project -part xczu3eg-sfvc784-2-e
create_bd_design sound

# The processing system: two clocks, a port for registers, a port to the memory, an interrupt.
create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e:3.5 ps
set_property CONFIG.PSU__USE__M_AXI_GP0 0 [get_bd_cells ps]
set_property CONFIG.PSU__USE__M_AXI_GP1 0 [get_bd_cells ps]
set_property CONFIG.PSU__USE__M_AXI_GP2 1 [get_bd_cells ps]
set_property CONFIG.PSU__MAXIGP2__DATA_WIDTH 32 [get_bd_cells ps]
set_property CONFIG.PSU__USE__S_AXI_GP2 1 [get_bd_cells ps]
set_property CONFIG.PSU__USE__IRQ0 1 [get_bd_cells ps]
set_property CONFIG.PSU__FPGA_PL1_ENABLE 1 [get_bd_cells ps]
set_property CONFIG.PSU__CRL_APB__PL1_REF_CTRL__FREQMHZ 200 [get_bd_cells ps]

# Everything else.
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset:5.0 reset_0
create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset:5.0 reset_1
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:1.0 registers
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 3} [get_bd_cells registers]
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:1.0 memory
set_property -dict {CONFIG.NUM_SI 2 CONFIG.NUM_MI 1} [get_bd_cells memory]
create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma:7.1 axi_dma_0
set_property CONFIG.c_include_sg 0 [get_bd_cells axi_dma_0]
set_property CONFIG.c_sg_length_width 26 [get_bd_cells axi_dma_0]
set_property CONFIG.c_m_axis_mm2s_tdata_width 32 [get_bd_cells axi_dma_0]
set_property CONFIG.c_m_axi_mm2s_data_width 64 [get_bd_cells axi_dma_0]
set_property CONFIG.c_m_axi_s2mm_data_width 64 [get_bd_cells axi_dma_0]
create_bd_cell -type ip -vlnv mlfpga:hls:accelerator_axi:1.0 accelerator_0
create_bd_cell -type ip -vlnv xilinx.com:ip:axi_gpio:2.0 gpio_0
set_property CONFIG.C_GPIO_WIDTH 8 [get_bd_cells gpio_0]
create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat:2.1 interrupts
set_property CONFIG.NUM_PORTS 2 [get_bd_cells interrupts]
create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant:1.1 one
set_property CONFIG.CONST_WIDTH 1 [get_bd_cells one]
set_property CONFIG.CONST_VAL 1 [get_bd_cells one]
create_bd_cell -type hier results
create_bd_pin -dir I -type clk results/clk
create_bd_pin -dir I -type rst results/resetn
create_bd_intf_pin -mode Slave -vlnv xilinx.com:interface:axis_rtl:1.0 results/from_accelerator
create_bd_intf_pin -mode Master -vlnv xilinx.com:interface:axis_rtl:1.0 results/to_memory
create_bd_cell -type ip -vlnv xilinx.com:ip:axis_data_fifo:2.0 results/fifo
set_property CONFIG.FIFO_DEPTH 1024 [get_bd_cells results/fifo]
create_bd_intf_port -mode Master -vlnv xilinx.com:interface:gpio_rtl:1.0 leds

# The slow clock: registers only.
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins ps/maxihpm0_lpd_aclk]
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins reset_0/slowest_sync_clk]
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins registers/aclk]
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins gpio_0/s_axi_aclk]
connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins axi_dma_0/s_axi_lite_aclk]
set_property CONFIG.NUM_CLKS 2 [get_bd_cells registers]

# The fast clock: data.
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins registers/aclk1]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins ps/saxihp0_fpd_aclk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins reset_1/slowest_sync_clk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins memory/aclk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins axi_dma_0/m_axi_mm2s_aclk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins axi_dma_0/m_axi_s2mm_aclk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins accelerator_0/ap_clk]
connect_bd_net [get_bd_pins ps/pl_clk1] [get_bd_pins results/clk]
connect_bd_net [get_bd_pins results/clk] [get_bd_pins results/fifo/s_axis_aclk]

# Resets, in step with the clocks.
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_0/ext_reset_in]
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset_1/ext_reset_in]
connect_bd_net [get_bd_pins one/dout] [get_bd_pins reset_0/dcm_locked] [get_bd_pins reset_1/dcm_locked]
connect_bd_net [get_bd_pins reset_0/interconnect_aresetn] [get_bd_pins registers/aresetn]
connect_bd_net [get_bd_pins reset_0/peripheral_aresetn] [get_bd_pins gpio_0/s_axi_aresetn]
connect_bd_net [get_bd_pins reset_0/peripheral_aresetn] [get_bd_pins axi_dma_0/axi_resetn]
connect_bd_net [get_bd_pins reset_1/interconnect_aresetn] [get_bd_pins memory/aresetn]
connect_bd_net [get_bd_pins reset_1/peripheral_aresetn] [get_bd_pins accelerator_0/ap_rst_n]
connect_bd_net [get_bd_pins reset_1/peripheral_aresetn] [get_bd_pins results/resetn]
connect_bd_net [get_bd_pins results/resetn] [get_bd_pins results/fifo/s_axis_aresetn]

# Interrupts.
connect_bd_net [get_bd_pins axi_dma_0/mm2s_introut] [get_bd_pins interrupts/In0]
connect_bd_net [get_bd_pins axi_dma_0/s2mm_introut] [get_bd_pins interrupts/In1]
connect_bd_net [get_bd_pins interrupts/dout] [get_bd_pins ps/pl_ps_irq0]

# Registers.
connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_LPD] [get_bd_intf_pins registers/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins registers/M00_AXI] [get_bd_intf_pins axi_dma_0/S_AXI_LITE]
connect_bd_intf_net [get_bd_intf_pins registers/M01_AXI] [get_bd_intf_pins accelerator_0/s_axi_control]
connect_bd_intf_net [get_bd_intf_pins registers/M02_AXI] [get_bd_intf_pins gpio_0/S_AXI]
connect_bd_intf_net [get_bd_intf_ports leds] [get_bd_intf_pins gpio_0/GPIO]

# Data.
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXIS_MM2S] [get_bd_intf_pins accelerator_0/s_axis]
connect_bd_intf_net [get_bd_intf_pins accelerator_0/m_axis] [get_bd_intf_pins results/from_accelerator]
connect_bd_intf_net [get_bd_intf_pins results/from_accelerator] [get_bd_intf_pins results/fifo/S_AXIS]
connect_bd_intf_net [get_bd_intf_pins results/fifo/M_AXIS] [get_bd_intf_pins results/to_memory]
connect_bd_intf_net [get_bd_intf_pins results/to_memory] [get_bd_intf_pins axi_dma_0/S_AXIS_S2MM]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_MM2S] [get_bd_intf_pins memory/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins axi_dma_0/M_AXI_S2MM] [get_bd_intf_pins memory/S01_AXI]
connect_bd_intf_net [get_bd_intf_pins memory/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]

# Addresses.
assign_bd_address -offset 0x80000000 -range 64K -target_address_space ps/Data [get_bd_addr_segs axi_dma_0/S_AXI_LITE/Reg]
assign_bd_address -offset 0x80010000 -range 64K -target_address_space ps/Data [get_bd_addr_segs accelerator_0/s_axi_control/Reg]
assign_bd_address -offset 0x80020000 -range 64K -target_address_space ps/Data [get_bd_addr_segs gpio_0/S_AXI/Reg]
assign_bd_address -offset 0x0 -range 2G -target_address_space axi_dma_0/Data_MM2S [get_bd_addr_segs ps/SAXIGP2/HP0_DDR_LOW]
assign_bd_address -offset 0x0 -range 2G -target_address_space axi_dma_0/Data_S2MM [get_bd_addr_segs ps/SAXIGP2/HP0_DDR_LOW]
exclude_bd_addr_seg -target_address_space axi_dma_0/Data_MM2S [get_bd_addr_segs ps/SAXIGP2/HP0_LPS_OCM]
exclude_bd_addr_seg -target_address_space axi_dma_0/Data_S2MM [get_bd_addr_segs ps/SAXIGP2/HP0_LPS_OCM]

validate_bd_design
save_bd_design
make_wrapper -files [get_files sound.bd] -top
launch_runs impl_1 -to_step write_bitstream
