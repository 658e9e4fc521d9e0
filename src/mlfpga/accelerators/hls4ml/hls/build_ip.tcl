# C synthesis of the accelerator beside this script, and its export as an IP for Vivado.
#
#   vitis-run --mode hls --tcl build_ip.tcl     Vitis 2023.1 and later
#   vitis_hls -f build_ip.tcl                   before
#
# Reads settings.tcl. Leaves the IP (component.xml) in ip_project/solution1/impl/ip and the report in
# ip_project/solution1/syn/report.

cd [file dirname [file normalize [info script]]]
source settings.tcl
lassign [split $vlnv :] vendor library ip_name version

open_project -reset ip_project
set_top $top
add_files $top.cpp -cflags "-std=c++14 -I."
add_files firmware/$name.cpp -cflags "-std=c++14 -I."

open_solution -reset -flow_target vivado solution1
set_part $part
create_clock -period $period -name default

# hls4ml builds long type names; shortened ones would collide.
config_compile -name_max_length 80
config_schedule -enable_dsp_full_reg=false

csynth_design
export_design -format ip_catalog -rtl verilog \
    -vendor $vendor -library $library -ipname $ip_name -version $version \
    -display_name $name -description "Neural network $name behind AXI4-Stream and AXI4-Lite"
exit
