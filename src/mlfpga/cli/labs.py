"""Running the labs, and what is read off afterwards: `run`, `report`, `figures`."""

import argparse
import sys

from mlfpga.cli.verbs import add_dataset, add_verb, dataset_of


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    run = add_verb(
        verbs,
        "run",
        "Run labs 01 to 05 in order, headless, and write the report; what is up to date is skipped",
        work_run,
        """
mlfpga run                              the whole course on digits
mlfpga run --dataset mnist              the same on MNIST
mlfpga run --only training compression  two labs
mlfpga run --list                       the stages, and which are up to date
""",
    )
    add_dataset(run)
    run.add_argument("--fresh", action="store_true", help="run notebooks even if they are up to date")
    run.add_argument("--only", nargs="+", metavar="STAGE", help="run only these stages (and what they lack)")
    run.add_argument("--list", action="store_true", help="list the stages instead of running them")

    report = add_verb(
        verbs,
        "report",
        "Write build/report/index.html from the stages that are finished",
        work_report,
        "mlfpga report --dataset mnist",
    )
    add_dataset(report)

    figures = add_verb(
        verbs,
        "figures",
        "Measure the figures the course must reach, into build/figures.json",
        work_figures,
        """
mlfpga figures
mlfpga figures --only path    the path from training to the board
mlfpga figures --only board   the virtual board: RTL, DMA, cocotb beside it
""",
    )
    figures.add_argument("--only", metavar="GROUP", help="measure one group only")


def work_run(chosen: argparse.Namespace) -> int | None:
    from mlfpga import course
    from mlfpga.course import report, runner

    dataset = dataset_of(chosen)
    for name in chosen.only or []:
        course.stage(name)
    if chosen.list:
        return list_stages(dataset)
    try:
        runner.run(dataset, chosen.only, chosen.fresh)
    finally:
        print(f"report: {report.write(dataset)}")


def list_stages(dataset: str) -> None:
    """Print the stages, the notebooks that make them, and how they stand."""
    from mlfpga.course import STAGES, runner

    for stage in STAGES:
        last = runner.last_run(dataset, stage)
        state = "up to date" if runner.is_up_to_date(dataset, stage) else "to be run again" if last else "not run yet"
        print(f"{stage.name:<12} {state:<16} {stage.notebook}")


def work_report(chosen: argparse.Namespace) -> None:
    from mlfpga.course import report

    print(report.write(dataset_of(chosen)))


def work_figures(chosen: argparse.Namespace) -> int:
    from mlfpga.course import figures

    return 0 if figures.measure(chosen.only, sys.stdout) else 1
