"""Editions of the course: `course_instances/*.md`, each with YAML front matter that is checked here."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from mlfpga.artifacts import course_root

FENCE = "---"

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "place", "dates", "audience", "format", "hardware", "tools", "labs", "observations"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "place": {"type": "string", "minLength": 1},
        "dates": {
            "type": "object",
            "additionalProperties": False,
            "required": ["from", "to"],
            "properties": {"from": {"type": "string", "format": "date"}, "to": {"type": "string", "format": "date"}},
        },
        "audience": {"type": "string", "minLength": 1},
        "format": {"enum": ["in person", "online", "hybrid"]},
        "hardware": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "tools": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "labs": {"type": "array", "items": {"type": "string", "pattern": "^lab[0-9]{2}_"}, "minItems": 1},
        "observations": {"type": "array", "items": {"type": "string"}},
    },
}


class EditionError(Exception):
    """An edition's front matter is missing or says something that cannot be."""


@dataclass(frozen=True)
class Edition:
    """One edition of the course, as its front matter describes it; `text` is what stands below."""

    title: str
    place: str
    dates: str
    audience: str
    format: str
    hardware: tuple[str, ...]
    tools: tuple[str, ...]
    labs: tuple[str, ...]
    observations: tuple[str, ...]
    text: str


def check(paths: list[Path] | None = None) -> dict[Path, Edition]:
    """The editions of these files (all of `course_instances/` if None). Raises EditionError naming every problem."""
    if paths is None:
        paths = sorted(path for path in (course_root() / "course_instances").glob("*.md") if path.stem != "README")
    editions, problems = {}, []
    for path in paths:
        try:
            editions[path] = read(path)
        except EditionError as error:
            problems.append(str(error))
    if problems:
        raise EditionError("\n".join(problems))
    return editions


def read(path: Path) -> Edition:
    """One edition. Raises EditionError naming the file and all that is wrong with its front matter."""
    front, text = split(path)
    problems = problems_of(front)
    if problems:
        raise EditionError("\n".join(f"{path.name}: {problem}" for problem in problems))
    first, last = front["dates"]["from"], front["dates"]["to"]
    lists = {name: tuple(front[name]) for name in ("hardware", "tools", "labs", "observations")}
    rest = {name: front[name] for name in ("title", "place", "audience", "format")}
    return Edition(dates=first if first == last else f"{first} to {last}", text=text, **lists, **rest)


def split(path: Path) -> tuple[dict, str]:
    """The front matter, dates as ISO texts, and the text below it."""
    import yaml

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise EditionError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EditionError(f"{path.name}: not a text in UTF-8: {error.reason}") from error
    if not lines or lines[0] != FENCE or FENCE not in lines[1:]:
        raise EditionError(
            f"{path.name}: no front matter; the file must begin with a block between two lines `{FENCE}`"
        )
    end = lines.index(FENCE, 1)
    try:
        front = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark else ""
        raise EditionError(
            f"{path.name}: the front matter is not YAML{where}: {getattr(error, 'problem', error)}"
        ) from error
    if not isinstance(front, dict):
        raise EditionError(f"{path.name}: the front matter is empty; it must give {', '.join(SCHEMA['required'])}")
    return _plain_dates(front), "\n".join(lines[end + 1 :]).strip()


def problems_of(front: dict) -> list[str]:
    """What is wrong with a front matter, in the order of its keys; empty if nothing is."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["date"]))
    found = sorted(validator.iter_errors(front), key=lambda error: list(map(str, error.absolute_path)))
    problems = [_explain(error) for error in found]
    if not problems and front["dates"]["from"] > front["dates"]["to"]:
        problems.append(f"dates: from {front['dates']['from']} is after to {front['dates']['to']}")
    if not problems:
        known = {path.name for path in (course_root() / "labs").glob("lab*")}
        unknown = [name for name in front["labs"] if name not in known]
        problems += [f"labs: there is no {name} in labs/; there are {', '.join(sorted(known))}" for name in unknown]
    return problems


def _explain(error) -> str:
    where = ".".join(map(str, error.absolute_path)) or "front matter"
    value = error.instance
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in value]
        return f"{where}: {', '.join(missing)} missing"
    if error.validator == "additionalProperties":
        unknown = [name for name in value if name not in error.schema["properties"]]
        return f"{where}: {', '.join(unknown)} not known; known are {', '.join(error.schema['properties'])}"
    expected = {
        "enum": lambda: f"choose one of {', '.join(error.validator_value)}",
        "format": lambda: "write a date as 2026-11-21",
        "type": lambda: f"expected {'a list' if error.validator_value == 'array' else 'a ' + error.validator_value}",
        "pattern": lambda: "name a folder of labs/, such as lab01_training",
        "minLength": lambda: "must not be empty",
        "minItems": lambda: "must not be empty",
    }[error.validator]()
    return f"{where}: {value!r} does not fit; {expected}"


def _plain_dates(front: dict) -> dict:
    # YAML turns 2026-11-21 into a date of its own accord; the schema speaks of text.
    dates = front.get("dates")
    if isinstance(dates, dict):
        dates = {key: day.isoformat() if isinstance(day, datetime.date) else day for key, day in dates.items()}
        return {**front, "dates": dates}
    return front
