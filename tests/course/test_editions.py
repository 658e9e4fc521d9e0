"""Editions: front matter that fits is read, and what does not fit is named."""

import pytest

from mlfpga.course import editions

pytestmark = pytest.mark.host

GOOD = """\
---
title: From Algorithm to Hardware
place: Trieste, Italy
dates: {from: 2026-05-04, to: 2026-05-15}
audience: Doctoral students
format: in person
hardware: [AUP-ZU3]
tools: [Vivado 2024.1]
labs: [lab01_training, lab05_deployment]
observations:
  - The second day needs more time.
---

# Text
"""


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    for name in ("deploy_templates", "course_instances", "labs/lab01_training", "labs/lab05_deployment"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("MLFPGA_ROOT", str(tmp_path))
    return tmp_path


def write(checkout, text, name="2026_trieste.md"):
    path = checkout / "course_instances" / name
    path.write_text(text)
    return path


def refused(checkout, old, new):
    """The message for the good edition with one change."""
    assert old in GOOD
    path = write(checkout, GOOD.replace(old, new))
    with pytest.raises(editions.EditionError) as caught:
        editions.read(path)
    return str(caught.value)


def test_good_edition_is_read(checkout):
    path = write(checkout, GOOD)
    edition = editions.check()[path]
    assert (edition.title, edition.dates) == ("From Algorithm to Hardware", "2026-05-04 to 2026-05-15")
    assert edition.labs == ("lab01_training", "lab05_deployment")
    assert edition.text == "# Text"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("place: Trieste, Italy\n", "", "front matter: place missing"),
        ("place:", "palce:", "front matter: palce not known; known are title, place, dates"),
        ("in person", "by post", "format: 'by post' does not fit; choose one of in person, online, hybrid"),
        ("2026-05-04", "May", "dates.from: 'May' does not fit; write a date as 2026-11-21"),
        ("to: 2026-05-15", "to: 2026-05-01", "dates: from 2026-05-04 is after to 2026-05-01"),
        ("[AUP-ZU3]", "AUP-ZU3", "hardware: 'AUP-ZU3' does not fit; expected a list"),
        ("[Vivado 2024.1]", "[]", "tools: [] does not fit; must not be empty"),
        ("lab01_training", "lesson1", "labs.0: 'lesson1' does not fit; name a folder of labs/, such as lab01_training"),
        ("lab01_training", "lab09_x", "labs: there is no lab09_x in labs/; there are lab01_training, lab05_deployment"),
    ],
)
def test_what_does_not_fit_is_named(checkout, old, new, message):
    assert f"2026_trieste.md: {message}" in refused(checkout, old, new)


def test_every_problem_is_named_at_once(checkout):
    message = refused(checkout, "audience: Doctoral students\nformat: in person", "format: by post")
    assert [line.split(": ")[1] for line in message.splitlines()] == ["front matter", "format"]


def test_file_without_front_matter_is_refused(checkout):
    path = write(checkout, "# Just text\n")
    with pytest.raises(editions.EditionError) as caught:
        editions.read(path)
    assert str(caught.value) == (
        "2026_trieste.md: no front matter; the file must begin with a block between two lines `---`"
    )


def test_front_matter_that_is_not_yaml_names_its_line(checkout):
    assert "the front matter is not YAML in line" in refused(checkout, "place: Trieste", "place: [Trieste")


def test_readme_is_no_edition(checkout):
    write(checkout, "# How to add one\n", "README.md")
    assert editions.check() == {}


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.md").write_bytes(b"\xff\xfe")
    with pytest.raises(editions.EditionError) as caught:
        editions.check([tmp_path / "x.md"])
    assert str(caught.value) == "x.md: not a text in UTF-8: invalid start byte"
