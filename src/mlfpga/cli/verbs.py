"""How a verb is added: one helper, so that all look alike."""

import argparse
from collections.abc import Callable


class UsageError(Exception):
    """Arguments that the parser could take but that make no sense; the exit code is 2."""


class InputError(Exception):
    """A file that a verb was given and cannot use; the exit code is 1."""


ALL = "all"

Work = Callable[[argparse.Namespace], int | None]


def add_verb(verbs, name: str, summary: str, work: Work | None = None, examples: str = "") -> argparse.ArgumentParser:
    """Add a verb whose help shows `summary` and `examples`; `work` does it and returns an exit code (None: 0)."""
    verb = verbs.add_parser(
        name,
        help=summary[0].lower() + summary[1:],
        description=summary + ".",
        epilog=examples and "examples:\n" + "".join(f"  {line}\n" for line in examples.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if work is not None:
        verb.set_defaults(work=work)
    return verb


def add_group(verbs, name: str, summary: str, examples: str = ""):
    """Add a verb that has verbs of its own; returns where to add them."""
    return add_verb(verbs, name, summary, examples=examples).add_subparsers(metavar="ACTION", required=True)


def add_dataset(verb: argparse.ArgumentParser, several: bool = False) -> None:
    """The option that chooses the dataset, with the same default as in the labs; `several`: it may be `all`."""
    names = "digits, mnist, pulses, recommender or another"
    default = "default: MLFPGA_DATASET, else digits"
    more = "; all: one dataset for each of the three cases, none of which needs a network" if several else ""
    verb.add_argument("--dataset", metavar="NAME", help=f"{names} ({default}){more}")


def datasets_of(chosen: argparse.Namespace) -> list[str]:
    """As `dataset_of`, for verbs that serve several: `all` is the dataset of each case that needs no network."""
    from mlfpga import course

    if course.workspace(chosen.dataset).dataset == ALL:
        return list(course.DEFAULTS.values())
    return [dataset_of(chosen)]


def dataset_of(chosen: argparse.Namespace) -> str:
    """The dataset that the option or the environment chooses; refused here and now if there is none of that name."""
    from mlfpga import course, datasets

    return datasets.check_name(course.workspace(chosen.dataset).dataset)
