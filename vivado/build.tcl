# From nothing to overlay.bit, overlay.hwh, overlay.xsa and reports, in batch mode:
#
#     vivado -mode batch -source vivado/build.tcl -tclargs my_settings.tcl
#
# Without arguments the defaults of settings.tcl hold. Works with Vivado 2022.2 and later. The exit code is 0 only if
# every step succeeded; otherwise the last line says which did not. The same script runs without Vivado in mlfpga's dry
# run.

set scripts [file dirname [file normalize [info script]]]

proc build {} {
    global settings
    announce "project"
    open_new_project
    announce "block design"
    create_block_design
    announce "generated sources"
    generate_sources
    announce "synthesis"
    run_and_wait synth_1
    announce "implementation"
    run_and_wait impl_1 -to_step write_bitstream
    announce "reports"
    write_reports
    require_timing
    announce "overlay"
    export_overlay
    puts "mlfpga: done: [file join $settings(output_folder) $settings(overlay_name)].bit"
}

# One line a step, in a form that a program can follow.
proc announce {step} {
    puts "mlfpga: step: $step"
}

proc open_new_project {} {
    global settings
    create_project -force $settings(design_name) $settings(project_folder) -part $settings(part)
    if {$settings(ip_repository) ne ""} {
        # A relative path would start at the project's folder.
        set_property ip_repo_paths [list [file normalize $settings(ip_repository)]] [current_project]
        update_ip_catalog -rebuild
    }
}

proc generate_sources {} {
    global settings
    set design [get_files $settings(design_name).bd]
    generate_target all $design
    make_wrapper -files $design -top -import
    set_property top $settings(design_name)_wrapper [current_fileset]
    update_compile_order -fileset sources_1
}

# launch_runs returns before the run has ended, and what wait_on_runs says of failure differs between versions (some
# raise an error even for a run that only misses timing): ask the run itself.
proc run_and_wait {run args} {
    global settings
    launch_runs $run {*}$args -jobs $settings(jobs)
    catch {wait_on_runs $run}
    set run [get_runs $run]
    if {[get_property PROGRESS $run] ne "100%"} {
        error "$run failed: [get_property STATUS $run]; see [get_property DIRECTORY $run]/runme.log"
    }
}

proc write_reports {} {
    global settings
    file mkdir $settings(output_folder)
    open_run impl_1
    report_utilization -file [file join $settings(output_folder) utilization.rpt]
    report_timing_summary -file [file join $settings(output_folder) timing.rpt]
    report_power -file [file join $settings(output_folder) power.rpt]
}

# A run that misses timing is "complete" all the same. Its overlay may compute wrong results now and then.
proc require_timing {} {
    global settings
    set run [get_runs impl_1]
    set setup [get_property STATS.WNS $run]
    set hold [get_property STATS.WHS $run]
    set missed [string match "*Failed Timing*" [get_property STATUS $run]]
    foreach slack [list $setup $hold] {
        if {$slack ne "" && $slack < 0} {
            set missed 1
        }
    }
    if {!$missed} {
        return
    }
    set found "timing is not met (worst slack: setup $setup ns, hold $hold ns)"
    if {$settings(require_timing)} {
        set report [file join $settings(output_folder) timing.rpt]
        error "$found: see $report; lower settings(clock_mhz), or give the slowest layer a larger reuse factor"
    }
    puts "mlfpga: warning: $found"
}

proc export_overlay {} {
    global settings
    set overlay [file join $settings(output_folder) $settings(overlay_name)]
    set bitstream [file join [get_property DIRECTORY [get_runs impl_1]] $settings(design_name)_wrapper.bit]
    file copy -force $bitstream $overlay.bit
    file copy -force [hardware_handoff] $overlay.hwh
    write_hw_platform -fixed -include_bit -force $overlay.xsa
}

# Vivado writes the handoff next to the generated sources; the folder's name differs between versions (.gen, .srcs).
proc hardware_handoff {} {
    global settings
    foreach sources {gen srcs} {
        set handoff [file join $settings(project_folder) $settings(design_name).$sources sources_1 bd \
            $settings(design_name) hw_handoff $settings(design_name).hwh]
        if {[file exists $handoff]} {
            return $handoff
        }
    }
    error "no hardware handoff (.hwh) under $settings(project_folder)"
}

if {[catch {
    source [file join $scripts settings.tcl]
    source [file join $scripts board.tcl]
    source [file join $scripts block_design.tcl]
    build
} message]} {
    puts stderr $::errorInfo
    puts stderr "mlfpga: error: $message"
    exit 1
}
