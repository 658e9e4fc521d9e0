"""The README keeps its word: links, commands, messages and numbers in it are those of the repository."""

import ast
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

from mlfpga import cli
from mlfpga.artifacts import course_root
from mlfpga.course import DEFAULTS, editions, stages_of

pytestmark = pytest.mark.host

ROOT = course_root()
PAGES = [ROOT / "README.md", ROOT / "course_instances" / "README.md"]
README = PAGES[0].read_text()


def code(text: str) -> list[str]:
    """Every code span (line breaks become spaces) and every line of a code block, in a page."""
    blocks = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)
    prose = re.sub(r"^ {4,}\S.*$", "", text, flags=re.MULTILINE)
    return blocks + [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose)]


def code_of_pages() -> list[str]:
    return [span for page in PAGES for span in code(page.read_text())]


def commands(program: str) -> list[list[str]]:
    """The arguments of each call of a program in the pages, without comments and settings of variables."""
    found = []
    for span in code_of_pages():
        words = shlex.split(span, comments=True) if "'" not in span else span.split()
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and words[0] == program:
            found.append(words[1:])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_and_pictures_are_there(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [target for target in targets if not target.startswith(("http://", "https://", "#"))]
    assert local
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_paths_in_code_are_there():
    folders = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and path.name not in ("build", ".venv"))
    paths = [word for span in code_of_pages() for word in span.split() if word.startswith(folders)]
    assert len(paths) > 4
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_make_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"\$[({]([A-Z]+)", makefile)) | set(re.findall(r"\$\(if \$\(([A-Z]+)\)", makefile))
    called = commands("make")
    assert {"labs", "test", "lab", "figures"} <= {words[0] for words in called if words}
    for words in called:
        for word in words:
            name, equals, _ = word.partition("=")
            assert name in (variables if equals else targets), f"make {' '.join(words)}"


def test_mlfpga_commands_are_understood(capsys):
    called = [words for words in commands("mlfpga") if "VERB" not in words]
    assert len(called) > 8
    for words in called:
        try:
            chosen = cli.parser().parse_args(words)
        except SystemExit:
            pytest.fail(f"mlfpga {' '.join(words)}: {capsys.readouterr().err}")
        assert callable(chosen.work), f"mlfpga {' '.join(words)} does nothing"


def test_modules_that_are_run_exist():
    modules = re.findall(r"-m (mlfpga[\w.]*)", " ".join(code_of_pages()))
    assert modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_environment_variables_are_read_somewhere():
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    sources += (ROOT / "environments" / "setup.py").read_text()
    named = set(re.findall(r"\b(MLFPGA_\w+|UV_\w+|HTTPS_PROXY)", README))
    assert "MLFPGA_DATA" in named
    assert [name for name in named if name not in sources] == []


def test_messages_in_the_troubleshooting_are_real():
    """Each code span of the first column stands in one string of the sources."""
    section = README.split("## If something goes wrong")[1].split("##")[0]
    rows = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[1:]
    quoted = [span for row in rows for span in re.findall(r"`([^`]+)`", row) if not span.startswith("make ")]
    assert len(quoted) > 8
    files = [*(ROOT / "src").rglob("*.py"), ROOT / "environments" / "setup.py", ROOT / "deploy_templates" / "driver.py"]
    strings = [text for path in files for text in strings_of(path)]
    assert [message for message in quoted if not any(message in text for text in strings)] == []


def strings_of(path: Path) -> list[str]:
    """Every string in a module; the gaps of an f-string are an ellipsis."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
    return found


def test_map_of_the_labs_is_complete():
    table = README.split("## The labs")[1].split("##")[0]
    for dataset in DEFAULTS.values():
        notebooks = dict.fromkeys(stage.notebook for stage in stages_of(dataset))  # the one on the board serves twice
        positions = [table.index(f"({notebook})") for notebook in notebooks]
        assert positions == sorted(positions), "in the order of the course"
    for stage in {stage for dataset in DEFAULTS.values() for stage in stages_of(dataset)}:
        row = next(line for line in table.splitlines() if f"({stage.notebook})" in line)
        assert f"`{stage.name}`" in row


def test_every_room_of_the_library_is_on_the_map():
    rooms = {path.stem for path in (ROOT / "src" / "mlfpga").iterdir() if not path.name.startswith("_")}
    assert [room for room in sorted(rooms) if f"[{room}](src/mlfpga/{room}" not in README] == []


def test_requirements_are_those_that_set_up_checks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "environments"))
    monkeypatch.delitem(sys.modules, "setup", raising=False)
    setup = importlib.import_module("setup")
    needs = README.split("What is needed")[1].split("## ")[0]
    assert f"Python {setup.WANTED_PYTHON[0]}.{setup.WANTED_PYTHON[1]}" in needs
    assert f"| disk | {setup.NEEDED_GIGABYTES:g} GB free |" in needs
    for package in ("python3.11-venv", "python3-tk", "make", "g++"):
        assert package in needs


def test_no_measured_number_is_typed_in():
    """Percentages stand only where the record is shown."""
    typed = re.sub(r"<!-- measured: begin -->.*<!-- measured: end -->", "", README, flags=re.DOTALL)
    assert re.findall(r"\d[\d.]* ?%", typed) == []


def test_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text()
    package = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.*)"$', package, re.MULTILINE)[1]
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == version
    assert re.search(r"^license: MIT$", citation, re.MULTILINE) and 'license = "MIT"' in package
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")


def test_editions_of_the_course_fit_and_the_example_says_what_it_is():
    found = {path.name: edition for path, edition in editions.check().items()}
    labs = tuple(sorted(path.name for path in (ROOT / "labs").iterdir() if path.is_dir()))
    assert found["TEMPLATE.md"].labs == labs
    examples = [edition for name, edition in found.items() if "example" in name]
    assert examples and all("did not take place" in edition.text for edition in examples)
