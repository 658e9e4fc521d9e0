# C synthesis of the accelerator beside this script, and its export as an IP for Vivado.
#
#   vitis-run --mode hls --tcl build_ip.tcl     Vitis 2023.1 and later
#   vitis_hls -f build_ip.tcl                   before
#
# Reads settings.tcl. Leaves the IP (component.xml) in ip_project/solution1/impl/ip and the report in
# ip_project/solution1/syn/report; the exit code is 0 only if every step succeeded.
#
# With MLFPGA_CHECKS="csim cosim" (or one of the two) in the environment the test bench runs too, on the samples of
# vectors.txt: as C++ before synthesis, and as the circuit itself afterwards.

proc build_ip {} {
    source settings.tcl
    lassign [split $vlnv :] vendor library ip_name version
    set checks [expr {[info exists ::env(MLFPGA_CHECKS)] ? $::env(MLFPGA_CHECKS) : ""}]

    open_project -reset ip_project
    set_top $top
    # Every include is found beside the file that asks for it; C++14 is what Vitis's stream header needs.
    add_files $top.cpp -cflags "-std=c++14"
    add_files firmware/$name.cpp -cflags "-std=c++14"
    if {[llength $checks] > 0} {
        add_files -tb testbench.cpp -cflags "-std=c++14"
        add_files -tb vectors.txt
        add_files -tb firmware/weights
    }

    open_solution -reset -flow_target vivado solution1
    set_part $part
    create_clock -period $period -name default

    # hls4ml builds long type names; shortened ones would collide.
    config_compile -name_max_length 80
    config_schedule -enable_dsp_full_reg=false

    if {"csim" in $checks} {
        csim_design
    }
    csynth_design
    if {"cosim" in $checks} {
        cosim_design
    }
    export_design -format ip_catalog -rtl verilog \
        -vendor $vendor -library $library -ipname $ip_name -version $version \
        -display_name $name -description "Neural network $name behind AXI4-Stream and AXI4-Lite"
}

if {[catch {
    cd [file dirname [file normalize [info script]]]
    build_ip
} message]} {
    puts "ERROR: build_ip.tcl: $message"
    exit 1
}
exit 0
