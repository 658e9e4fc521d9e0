"""The course as others get it: `release` and `editions`."""

import argparse
from pathlib import Path

from mlfpga.cli.verbs import add_group, add_verb


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    release = add_verb(
        verbs,
        "release",
        "Write a copy of the course for students: cells tagged `solution` are dropped",
        work_release,
        "mlfpga release ~/course_2026",
    )
    release.add_argument("folder", type=Path, help="a folder that does not exist yet")

    editions = add_group(verbs, "editions", "Editions of the course in course_instances/", "mlfpga editions check")
    check = add_verb(editions, "check", "Check the front matter of every edition", work_check)
    check.add_argument("files", nargs="*", type=Path, help="check these files only")


def work_release(chosen: argparse.Namespace) -> None:
    from mlfpga.course import release

    notebooks = release.write(chosen.folder)
    print(f"{chosen.folder} holds the course with {len(notebooks)} notebooks, without solutions")


def work_check(chosen: argparse.Namespace) -> None:
    from mlfpga.course import editions

    for path, edition in editions.check(chosen.files or None).items():
        print(f"{path.name}: {edition.title}, {edition.place}, {edition.dates}")
