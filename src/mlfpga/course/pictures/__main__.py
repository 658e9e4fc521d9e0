"""`python -m mlfpga.course.pictures [--record DATASET ...]`"""

import argparse
import sys

from mlfpga.artifacts import course_root
from mlfpga.course.pictures import draw, record
from mlfpga.course.stages import StageError


def main(arguments: list[str] | None = None) -> int:
    """Draw `img/` anew and write the README's table from the record; say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m mlfpga.course.pictures",
        description="Draw the pictures in img/ and write the table of results in README.md.",
    )
    parser.add_argument("--record", nargs="+", metavar="DATASET", help="first read the results of these runs")
    chosen = parser.parse_args(arguments)
    try:
        results = record.update(chosen.record) if chosen.record else record.load()
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    record.write_into(course_root() / "README.md", results)
    print(*draw(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
