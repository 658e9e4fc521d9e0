# What one build needs to know. Each line below is the default and says what it means.
#
# To change some of them, write a Tcl file with lines like
#     set settings(clock_mhz) 150.0
# and give its path to the build:
#     vivado -mode batch -source vivado/build.tcl -tclargs my_settings.tcl

# The accelerator: its IP (vendor:library:name:version), the name of its cell, and the folder with the exported IP.
set settings(accelerator_vlnv) "mlfpga:hls:accelerator_axi:1.0"
set settings(accelerator_name) "accelerator_0"
set settings(ip_repository)    ""

# Width of the accelerator's input stream in bits: 32 or 64. (The DMA takes the output stream's width from the wire.)
set settings(stream_bits) 32

# More accelerators in the same design, each with a DMA of its own: a list of {name vlnv stream_bits}, up to seven, e.g.
#     set settings(more_accelerators) {{cnn_0 mlfpga:hls:mnist_cnn_axi:1.0 64}}
set settings(more_accelerators) {}

# Clock of everything in the programmable logic, in MHz.
set settings(clock_mhz) 100

# Another clock for the accelerators and their data, in MHz; "" for the same one. Registers stay on clock_mhz.
set settings(accelerator_clock_mhz) ""

# 1: an overlay that misses timing is an error; 0: it is exported all the same, with a warning.
set settings(require_timing) 1

# The board: its part, and how much DDR4 it carries (8GB or 4GB). Board files are not needed.
set settings(part)          "xczu3eg-sfvc784-2-e"
set settings(board_variant) "8GB"

# Names: of the block design, and the stem that overlay.bit, overlay.hwh and overlay.xsa share (PYNQ wants one stem).
set settings(design_name)  "accelerator_system"
set settings(overlay_name) "overlay"

# Where the Vivado project is made (an old one is replaced) and where the results go; jobs is the number of processes.
set settings(project_folder) "vivado_project"
set settings(output_folder)  "vivado_output"
set settings(jobs)           2

# The overrides. A misspelt name would silently build something else, so only the names above are taken.
set known_settings [array names settings]
if {[info exists argv] && [llength $argv] > 0} {
    source [lindex $argv 0]
}
foreach name [array names settings] {
    if {$name ni $known_settings} {
        error "settings: unknown name \"$name\"; choose from [lsort $known_settings]"
    }
}
foreach {name choices} {stream_bits {32 64} board_variant {8GB 4GB} require_timing {0 1}} {
    if {$settings($name) ni $choices} {
        error "settings: $name \"$settings($name)\" is not supported; choose from $choices"
    }
}
foreach name {design_name overlay_name accelerator_name} {
    if {![regexp {^[A-Za-z]\w*$} $settings($name)]} {
        error "settings: $name \"$settings($name)\" is not a name; use letters, digits and _"
    }
}
if {$settings(clock_mhz) eq ""} {
    error "settings: clock_mhz is empty; the design needs a clock"
}
foreach name {clock_mhz accelerator_clock_mhz} {
    if {$settings($name) ne "" && !([string is double $settings($name)] && $settings($name) > 0)} {
        error "settings: $name \"$settings($name)\" is not a frequency in MHz"
    }
}
if {![string is integer -strict $settings(jobs)] || $settings(jobs) < 1} {
    error "settings: jobs \"$settings(jobs)\" is not a number of processes"
}
if {[llength $settings(more_accelerators)] > 7} {
    error "settings: more_accelerators lists [llength $settings(more_accelerators)]; the interconnect has room for 7"
}
foreach accelerator $settings(more_accelerators) {
    if {[llength $accelerator] != 3 || [lindex $accelerator 2] ni {32 64}} {
        error "settings: more_accelerators \"$accelerator\" is not {name vlnv stream_bits}, with 32 or 64 bits"
    }
}
