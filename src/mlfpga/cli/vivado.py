"""`vivado`: the block design drawn, checked and handed off without Vivado, built with it; reports as tables."""

import argparse
import sys
from pathlib import Path

from mlfpga.cli.verbs import InputError, UsageError, add_dataset, add_group, add_verb, dataset_of

# Settings of the block design that name places: seen from where the command was typed, not from where Vivado runs.
_PLACES = ("ip_repository", "project_folder", "output_folder")


def add_verbs(verbs) -> None:
    """`vivado graph`, `hwh`, `check`, `build` and `report`."""
    vivado = add_group(
        verbs,
        "vivado",
        "The block design: drawn, checked and handed off without Vivado, built with it",
        """
mlfpga vivado check                              what is wrong with the course's design, without Vivado
mlfpga vivado check theirs.tcl --ip ip.zip       what is wrong with another one, made of this IP
mlfpga vivado graph --output design.svg          a picture, and the address map
mlfpga vivado hwh theirs.tcl --output their.hwh  the hardware handoff of a dry run
mlfpga vivado graph --set stream_bits=64         settings of vivado/settings.tcl, changed
mlfpga vivado build --output OUT --set ip_repository=IP    the bitstream, with Vivado on PATH (20 to 60 minutes)
mlfpga vivado report OUT                         utilization, timing and power that a build has reported
""",
    )
    graph = add_verb(vivado, "graph", "Draw the block design and print its address map", work_graph)
    graph.add_argument("--output", type=Path, default=Path("design.svg"), help=".svg or .png (default: design.svg)")
    graph.add_argument("--addresses", type=Path, metavar="FILE", help="draw the address map too (.svg or .png)")
    graph.add_argument("--no-clocks", action="store_true", help="leave the clocks out of the picture")
    graph.add_argument("--no-resets", action="store_true", help="leave the resets out of the picture")
    hwh = add_verb(vivado, "hwh", "Write the hardware handoff that pynq reads, from a dry run", work_hwh)
    hwh.add_argument("--output", type=Path, default=Path("overlay.hwh"), help="(default: overlay.hwh)")
    hwh.add_argument("--compare", type=Path, metavar="HWH", help="say how far it agrees with one that Vivado wrote")
    check = add_verb(vivado, "check", "Check the block design; the exit code is 1 if it has an error", work_check)
    build = add_verb(vivado, "build", "Build bitstream, handoff and XSA with Vivado", work_build)
    build.add_argument("--output", type=Path, required=True, help="folder for the results and Vivado's log")
    for verb in (graph, hwh, check, build):
        verb.add_argument("script", type=Path, nargs="?", help="the Tcl script (default: vivado/build.tcl)")
        add_dataset(verb)
        verb.add_argument(
            "--accelerator", type=Path, help="folder with accelerator.json (default: the dataset's stage)"
        )
        verb.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; can be repeated")
    for verb in (graph, hwh, check):
        verb.add_argument(
            "--ip",
            type=Path,
            action="append",
            default=[],
            metavar="ARCHIVE",
            help="IP archive (.zip) or folder with component.xml; can be repeated",
        )
        verb.add_argument("--trust", action="store_true", help="let the script read files anywhere and start programs")
    report = add_verb(vivado, "report", "Show what Vivado has reported: utilization, timing, power", work_report)
    report.add_argument("folder", type=Path, help="folder with utilization.rpt, timing.rpt and power.rpt")


def work_graph(chosen: argparse.Namespace) -> int:
    for path in (chosen.output, chosen.addresses):
        if path and path.suffix not in (".svg", ".png"):
            raise UsageError(f"--output {path}: pictures are .svg or .png")
    design = made_design(chosen)
    design.draw(chosen.output, clocks=not chosen.no_clocks, resets=not chosen.no_resets)
    print(*design.address_map(), sep="\n")
    print(f"picture: {chosen.output}")
    if chosen.addresses:
        design.draw_addresses(chosen.addresses)
        print(f"address map: {chosen.addresses}")
    return tell_errors(design)


def work_hwh(chosen: argparse.Namespace) -> int:
    from mlfpga.blockdesign import compare

    design = made_design(chosen)
    print(design.write_hwh(chosen.output))
    code = tell_errors(design)
    if not chosen.compare:
        return code
    agreement = compare(chosen.output, chosen.compare)
    for kind, facts in agreement.items():
        print(f"{kind:<22} {facts}")
        print(*(f"  only in {chosen.compare.name}: {fact}" for fact in facts.missing), sep="\n", end="")
        print(*(f"  only in {chosen.output.name}: {fact}" for fact in facts.extra), sep="\n", end="")
    return code if agreement.complete else 1


def tell_errors(design) -> int:
    """The design's errors on stderr, and the exit code: what is wrong can still be looked at."""
    errors = [finding for finding in design.check() if finding.severity == "error"]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


def work_check(chosen: argparse.Namespace) -> int:
    findings = dry_run(chosen, check=False).check()
    print(*findings or ["the design has no errors and no warnings"], sep="\n")
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def work_build(chosen: argparse.Namespace) -> None:
    from mlfpga import blockdesign

    settings, _ = design_inputs(chosen)
    result = blockdesign.build(settings, chosen.output, chosen.script)
    show_reports(result.utilization, result.slack_ns, result.power_w)
    print(f"bitstream {result.bitstream}")


def work_report(chosen: argparse.Namespace) -> None:
    from mlfpga.blockdesign import read_reports

    reports = read_reports(chosen.folder)
    show_reports(reports.utilization, reports.slack_ns, reports.power_w, reports.timed)


def show_reports(utilization: dict, slack_ns: float | None, power_w: float | None, timed: bool = True) -> None:
    """What Vivado reported, a line each; `timed` says whether there is a report on timing."""
    for resource, (used, available) in utilization.items():
        print(f"{resource:<8} {used:>9,.10g} of {available:>9,.10g}  ({used / available:.1%})")
    if slack_ns is None:
        timing = "unconstrained" if timed else "not reported"
    else:
        timing = "met" if slack_ns >= 0 else "NOT met"
    print(f"timing   {timing}" + ("" if slack_ns is None else f", worst slack {slack_ns} ns"))
    if power_w is not None:
        print(f"power    {power_w} W, estimated")


def made_design(chosen: argparse.Namespace):
    """The design that the chosen script makes, unchecked. InputError if it makes none."""
    design = dry_run(chosen, check=False)
    if not design.name:
        raise InputError(f"{chosen.script or 'the script'} makes no block design (create_bd_design): nothing to show")
    return design


def dry_run(chosen: argparse.Namespace, check: bool = True):
    """The design that the chosen script and settings make, without Vivado."""
    from mlfpga import blockdesign

    if chosen.script and not chosen.set and not chosen.accelerator:
        # Somebody else's script: nothing of the course's own goes in.
        return blockdesign.dry_run(chosen.script, None, chosen.ip, check, trusted=chosen.trust)
    settings, ip = design_inputs(chosen)
    return blockdesign.dry_run(chosen.script, settings, [*chosen.ip, ip], check, trusted=chosen.trust)


def design_inputs(chosen: argparse.Namespace) -> tuple[dict, dict]:
    """The settings of the block design, and the catalogue entry of the accelerator in it.

    Without a finished accelerator one that keeps the contract stands in: the design around it is the same.
    """
    from mlfpga.blockdesign import accelerator_ip
    from mlfpga.course.stages import digest, stage_folder

    settings: dict = {}
    for assignment in chosen.set:
        name, equals, value = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set {assignment}: write NAME=VALUE")
        settings[name] = Path(value).resolve() if name in _PLACES and value else value
    dataset = dataset_of(chosen)
    folder = chosen.accelerator or (stage_folder(dataset, "accelerator") if digest(dataset, "accelerator") else None)
    if folder:
        from mlfpga.accelerators import Accelerator

        made = Accelerator.load(folder)
        settings = {
            "accelerator_vlnv": made.vlnv,
            "stream_bits": made.stream_bits,
            "clock_mhz": made.clock_mhz,
            **settings,
        }
    settings.setdefault("accelerator_vlnv", "mlfpga:hls:accelerator_axi:1.0")
    bits = settings.get("stream_bits", 32)
    if not str(bits).isdecimal():
        raise UsageError(f"--set stream_bits={bits}: write a number of bits, 32 or 64")
    return settings, accelerator_ip(settings["accelerator_vlnv"], int(bits), int(bits))
