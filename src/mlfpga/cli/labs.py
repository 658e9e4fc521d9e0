"""Running the labs, and what is read off afterwards: `run`, `report`, `figures`."""

import argparse
import sys

from mlfpga.cli.verbs import add_dataset, add_verb, datasets_of


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    run = add_verb(
        verbs,
        "run",
        "Run labs 01 to 06 in order, headless, and write the report; what is up to date is skipped",
        work_run,
        """
mlfpga run                              the whole course on digits
mlfpga run --dataset mnist              the same on MNIST
mlfpga run --dataset all                all three cases, on the datasets that need no network, side by side
mlfpga run --only training compression  two labs
mlfpga run --list                       the stages, and which are up to date
""",
    )
    add_dataset(run, several=True)
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
    add_dataset(report, several=True)

    figures = add_verb(
        verbs,
        "figures",
        "Measure the figures the course must reach, into build/figures.json",
        work_figures,
        """
mlfpga figures
mlfpga figures --only path    the path from training to the board
mlfpga figures --only board   the virtual board: RTL, DMA, cocotb beside it
mlfpga figures --only cases   the three case studies, on their real test sets (long; a run that was stopped goes on)
mlfpga figures --only pipeline   the pipeline on MNIST: every test image through its RTL, its area by Yosys
""",
    )
    figures.add_argument("--only", metavar="GROUP", help="measure one group only")


def work_run(chosen: argparse.Namespace) -> int | None:
    from mlfpga.course import report, runner, side_by_side
    from mlfpga.course.stages import check_name

    datasets = datasets_of(chosen)
    for name in chosen.only or []:
        check_name(name)
    if chosen.list:
        return list_stages(datasets)
    try:
        if len(datasets) == 1:
            runner.run(datasets[0], chosen.only, chosen.fresh)
        else:
            side_by_side.run(datasets, chosen.only, chosen.fresh)
    finally:
        print(f"report: {report.write(datasets)}")


def list_stages(datasets: list[str]) -> None:
    """Print the stages, the notebooks that make them, and how they stand; of several datasets, one after another."""
    from mlfpga.course import runner, stages_of

    for dataset in datasets:
        if len(datasets) > 1:
            print(f"{dataset}:")
        for stage in stages_of(dataset):
            last = runner.last_run(dataset, stage)
            fresh = runner.is_up_to_date(dataset, stage)
            state = "up to date" if fresh else "to be run again" if last else "not run yet"
            print(f"{stage.name:<15} {state:<16} {stage.notebook}")


def work_report(chosen: argparse.Namespace) -> None:
    from mlfpga.course import report

    print(report.write(datasets_of(chosen)))


def work_figures(chosen: argparse.Namespace) -> int:
    from mlfpga.course import figures

    return 0 if figures.measure(chosen.only, sys.stdout) else 1
