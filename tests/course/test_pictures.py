"""Pictures: what is committed is what the code draws, it can be read, and its numbers are those of finished runs."""

import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
from PIL import ImageFont

from mlfpga import course
from mlfpga.artifacts import course_root
from mlfpga.course import StageError
from mlfpga.course.pictures import PICTURES, draw, record
from mlfpga.course.pictures.__main__ import main
from mlfpga.course.pictures.board_setup import board_setup
from mlfpga.course.pictures.result import result
from mlfpga.course.pictures.sheet import Look, Sheet
from mlfpga.course.pictures.workflow import workflow

pytestmark = pytest.mark.host

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SVG = "{http://www.w3.org/2000/svg}"

RESULT = {
    "accuracy": {"training": 0.98, "compression": 0.975, "accelerator": 0.97, "board": 0.97},
    "samples": 400,
    "words_compared": 4000,
    "words_equal": 4000,
    "weight_bits": 6,
    "sparsity": 0.5,
}
TWO = {"digits": RESULT, "mnist": RESULT | {"samples": 10_000}}
FOUR = TWO | {"pulses-generated": RESULT, "recommender-generated": RESULT}
HAND_WRITTEN = {"workflow": workflow(), "board_setup": board_setup(), "result": result(FOUR)}


@pytest.mark.parametrize("name", PICTURES)
def test_committed_picture_is_what_the_code_draws(name, tmp_path):
    PICTURES[name](tmp_path / name)
    committed = course_root() / "img" / name
    assert committed.read_bytes() == (tmp_path / name).read_bytes(), "run `python -m mlfpga.course.pictures`"


def test_img_holds_only_what_can_be_drawn_again():
    assert {path.name for path in (course_root() / "img").iterdir()} == {*PICTURES, Path(record.FILE).name}


def test_same_code_draws_the_same_bytes(tmp_path):
    first, second = draw(tmp_path / "first"), draw(tmp_path / "second")
    assert [path.name for path in first] == list(PICTURES)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def frames(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Where each text of a picture stands, measured in DejaVu Sans, the widest of the fonts it asks for."""
    found = {}
    for number, element in enumerate(ElementTree.fromstring(svg).iter(f"{SVG}text")):
        family = "DejaVuSansMono" if "Mono" in element.get("font-family", "") else "DejaVuSans"
        weight = "-Bold" if element.get("font-weight") == "bold" else ""
        size, x, y = (float(element.get(name)) for name in ("font-size", "x", "y"))
        width = ImageFont.truetype(str(FONTS / f"{family}{weight}.ttf"), 100).getlength(element.text) * size / 100
        left = x - {"start": 0, "middle": width / 2, "end": width}[element.get("text-anchor")]
        found[f"{number}: {element.text}"] = left, y - 0.75 * size, left + width, y + 0.2 * size
    return found


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_texts_stay_on_the_sheet_and_apart(name):
    svg = HAND_WRITTEN[name]
    root = ElementTree.fromstring(svg)
    texts = frames(svg)
    assert len(texts) > 10
    for text, (left, top, right, bottom) in texts.items():
        assert 4 <= left and right <= float(root.get("width")) - 4, text
        assert 4 <= top and bottom <= float(root.get("height")) - 4, text
    for (one, a), (other, b) in combinations(texts.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one!r} runs into {other!r}"


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_texts_can_be_read_at_half_size(name):
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', HAND_WRITTEN[name])]
    assert min(sizes) >= 16


def test_texts_cannot_become_markup():
    sheet = Sheet(100, 100, "a < b")
    sheet.text(50, 50, "<b> & 'c'")
    root = ElementTree.fromstring(sheet.svg())
    assert root.find(f"{SVG}title").text == "a < b"
    assert root.find(f"{SVG}text").text == "<b> & 'c'"


def test_arrow_ends_where_it_is_told_to():
    sheet = Sheet(100, 100, "arrow")
    sheet.arrow([(10, 20), (60, 20), (60, 80)], Look())
    root = ElementTree.fromstring(sheet.svg())
    tip = [tuple(map(float, point.split(","))) for point in root.find(f"{SVG}polygon").get("points").split()]
    assert tip[0] == (60, 80)
    assert all(y < 80 for _, y in tip[1:])
    line = root.find(f"{SVG}polyline").get("points").split()
    assert line[:2] == ["10,20", "60,20"]
    assert float(line[2].split(",")[1]) == tip[1][1], "the shaft ends where the head begins"


def test_workflow_names_every_lab_in_order():
    shown = [text for text in re.findall(r">(Lab \d\d)<", HAND_WRITTEN["workflow"])]
    assert sorted(set(shown)) == [f"Lab {path.name[3:5]}" for path in sorted((course_root() / "labs").glob("lab*"))]


def test_dots_of_the_result_stand_at_their_accuracy():
    """Oracle: the straight line through the heights of two labelled grid lines."""
    root = ElementTree.fromstring(result({"digits": RESULT}))
    ticks = [element for element in root.iter(f"{SVG}text") if re.fullmatch(r"\d+ %", element.text)]
    (low, y_low), (high, y_high) = [(float(e.text[:-2]), float(e.get("y")) - 6) for e in (ticks[0], ticks[-1])]
    dots = [float(circle.get("cy")) for circle in root.iter(f"{SVG}circle")]
    for y, accuracy in zip(dots, RESULT["accuracy"].values(), strict=True):
        assert y == pytest.approx(y_low + (100 * accuracy - low) / (high - low) * (y_high - y_low), abs=0.01)


@pytest.mark.parametrize("accuracies", [(0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0), (1.0, 0.1, 0.5, 0.0)])
def test_result_keeps_its_dots_on_the_sheet(accuracies):
    svg = result({"digits": RESULT | {"accuracy": dict(zip(record.MEASURED, accuracies, strict=True))}})
    assert all(40 < float(y) < 300 for y in re.findall(r'cy="([\d.]+)"', svg))


def test_result_says_if_words_differ():
    assert "all 4,000 output words" in result({"digits": RESULT})
    assert "3,999 of 4,000 output words" in result({"digits": RESULT | {"words_equal": 3999}})


# The record.


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in ("deploy_templates", "img"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").write_text(f"before\n{record.BEGIN}\nold\n{record.END}\nafter\n")
    monkeypatch.setenv("MLFPGA_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path / "build"))
    return tmp_path


def publish(**board):
    metrics = {
        "training": {"accuracy": 0.98123456},
        "compression": {"accuracy": 0.975, "weight_bits": 6, "sparsity": 0.501},
        "accelerator": {"accuracy": 0.97},
        "board": {"accuracy": 0.97, "samples": 400, "words_compared": 4000, "words_equal": 4000, "virtual": True}
        | board,
    }
    metrics["board"] |= board
    for name, values in metrics.items():
        with course.workspace("digits").publish(name, **values):
            pass


def test_record_holds_what_the_stages_recorded(checkout):
    publish()
    taken = record.take("digits")
    assert taken["accuracy"] == {"training": 0.9812, "compression": 0.975, "accelerator": 0.97, "board": 0.97}
    assert (taken["weight_bits"], taken["sparsity"], taken["words_equal"]) == (6, 0.501, 4000)


def test_a_recommender_is_recorded_by_its_leading_measure(checkout):
    for name in record.MEASURED:
        metrics = {"accuracy": 0.2, "top_10": 0.99, "samples": 400, "words_compared": 4000, "words_equal": 4000}
        with course.workspace("recommender-generated").publish(
            name, virtual=True, weight_bits=6, sparsity=0, **metrics
        ):
            pass
    taken = record.take("recommender-generated")
    assert set(taken["accuracy"].values()) == {0.99}
    assert record.about("recommender-generated", taken) == "Top-10 on 400 test sequences"
    assert record.about("pulses", taken) == "accuracy on 400 test pulses"


def test_stage_that_is_missing_is_named(checkout):
    with pytest.raises(StageError) as caught:
        record.take("digits")
    assert str(caught.value) == (
        "the stage training of digits is not up to date; `mlfpga run --dataset digits` makes it"
    )


def test_results_of_a_real_board_are_not_taken_for_the_virtual_ones(checkout):
    publish(virtual=False, device="AUP-ZU3")
    with pytest.raises(StageError, match="was run on AUP-ZU3, not on the virtual board"):
        record.take("digits")


def test_dataset_that_was_not_run_again_keeps_its_record(checkout):
    publish()
    (checkout / record.FILE).write_text(json.dumps({"mnist": RESULT, "digits": None}))
    found = record.update(["digits"])
    assert list(found) == ["digits", "mnist"]
    assert found["mnist"] == RESULT and found["digits"]["samples"] == 400
    assert record.load() == found


def test_table_is_written_between_its_markers_only():
    text = record.with_table(f"a\n{record.BEGIN}\nold\n{record.END}\nb\n", {"digits": RESULT})
    assert text.startswith(f"a\n{record.BEGIN}\n| dataset |") and text.endswith(f" |\n{record.END}\nb\n")
    row = (
        "| digits (accuracy on 400 test images) | 98.00% | 97.50% | 97.00% | 97.00% | 4,000 of 4,000 | at most 6 bits, "
    )
    assert f"{row}50% zero |" in text.splitlines()
    assert "old" not in text
    assert record.with_table(text, {"digits": RESULT}) == text


@pytest.mark.parametrize("text", ["", record.BEGIN, record.END, f"{record.END} {record.BEGIN}"])
def test_text_without_both_markers_is_refused(text):
    with pytest.raises(ValueError, match="must hold the lines <!-- measured: begin --> and <!-- measured: end -->"):
        record.with_table(text, {})


def test_readme_shows_the_record():
    text = (course_root() / "README.md").read_text()
    assert record.with_table(text, record.load()) == text, "run `python -m mlfpga.course.pictures`"


def test_command_refuses_to_record_what_was_not_run(checkout, capsys):
    assert main(["--record", "digits"]) == 1
    assert "the stage training of digits is not up to date" in capsys.readouterr().err
    assert "old" in (checkout / "README.md").read_text()
    assert not (checkout / record.FILE).exists()
