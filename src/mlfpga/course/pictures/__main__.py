"""`python -m mlfpga.course.pictures [--record]`"""

import argparse
import sys

from mlfpga.artifacts import course_root
from mlfpga.course.pictures import draw, record


def main(arguments: list[str] | None = None) -> int:
    """Draw `img/` anew and write the README's table from the record; say what was written."""
    parser = argparse.ArgumentParser(
        prog="python -m mlfpga.course.pictures",
        description="Draw the pictures in img/ and write the table of results in README.md.",
    )
    parser.add_argument("--record", action="store_true", help="first read the results of the runs in build/")
    chosen = parser.parse_args(arguments)
    results = record.take_all() if chosen.record else record.load()
    record.write_into(course_root() / "README.md", results)
    print(*draw(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
