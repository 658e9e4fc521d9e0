"""The report shows what stages recorded, and says what was not run."""

import re
from html.parser import HTMLParser

import pytest

from mlfpga import course
from mlfpga.course import report, runner
from mlfpga.course.pictures import accuracy_picture

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def own_build_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


def publish(name, dataset="digits", **metrics):
    with course.workspace(dataset).publish(name, **metrics) as folder:
        return folder


class Text(HTMLParser):
    """A page's visible text; fails on tags that do not close in order."""

    VOID = {"meta", "img", "line", "circle"}

    def __init__(self, page):
        super().__init__()
        self.open, self.words = [], []
        self.feed(page)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"{tag} closes out of order"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def text_of(page):
    return re.sub(r"\s+", " ", " ".join(Text(page).words))


def written(*datasets):
    return report.write(list(datasets or ["digits"])).read_text()


def test_without_any_stage_everything_is_said_to_be_not_run():
    text = text_of(written())
    assert text.count("not run yet") == 4 + 4 + 5 + 14  # cards, picture, sections, notebooks
    assert "%" not in text.split("Confusion")[0].split("Accuracy at every stage")[1].split("not run yet 0 %")[0]


def test_recorded_accuracies_and_their_changes_are_shown():
    publish("training", accuracy=0.9750)
    publish("compression", accuracy=0.9700)
    text = text_of(written())
    assert "Float 97.50 %" in text
    assert "Compressed 97.00 % -0.50 pp · " in text
    assert "C simulation – not run yet" in text


def test_a_recommender_is_measured_by_its_ranking():
    row = {"name": "float", "accuracy": 0.197, "top_5": 0.707}
    ranking = {"accuracy": 0.197, "top_1": 0.197, "top_5": 0.707, "top_10": 0.991, "mrr_10": 0.402}
    publish("training", "recommender-generated", confusion=[[1] * 100] * 100, **ranking)
    publish("compression", "recommender-generated", table=[row], **ranking | {"top_10": 0.981})
    text = text_of(written("recommender-generated"))
    assert "Top-10 at every stage" in text and "Float 99.10 %" in text
    assert "Compressed 98.10 % -1.00 pp · " in text
    assert "place Top-1 Top-5 Top-10 MRR@10 Float 19.70 % 70.70 % 99.10 % 0.402 Compressed 19.70 %" in text
    assert "model accuracy Top-5 float 19.70 % 70.70 %" in text
    assert "Confusion" not in text


def test_several_datasets_stand_on_one_page_each_with_its_own_measures():
    publish("training", accuracy=0.9750)
    publish("training", "pulses-generated", accuracy=0.9950)
    page = written("digits", "pulses-generated")
    first, second = page.split('<article id="pulses-generated">')
    assert "97.50 %" in text_of(page).split("pulses-generated: an MLP on detector pulses")[0]
    assert "99.50 %" in second and "97.50 %" not in second
    assert 'href="#digits"' in first and 'href="#pulses-generated"' in first
    assert page.count("Figures the course must reach") == 1


def test_every_technique_has_its_table():
    for name in ("quantization", "pruning", "distillation"):
        publish(name, table=[{"name": f"best of {name}", "accuracy": 0.9}])
    text = text_of(written())
    assert "Pruning model accuracy best of pruning 90.00 % Distillation model" in text
    assert text.count("Lab 02: not run yet") == 0


def test_change_is_not_claimed_across_a_stage_that_is_missing():
    publish("training", accuracy=0.9750)
    publish("accelerator", accuracy=0.9600)
    assert " pp · " not in text_of(written())


def test_confusion_counts_wrong_answers():
    publish("training", accuracy=0.9, confusion=[[5, 1], [0, 4]], classes=["cat", "dog"])
    text = text_of(written())
    assert "Float · 1 of 10 wrong" in text
    assert "cat 5 1" in text


def test_page_needs_no_network():
    publish("training", accuracy=0.9)
    page = written()
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert "<script" not in page


def test_what_stages_wrote_cannot_become_markup():
    publish("training", accuracy=0.9, confusion=[[1, 0], [0, 1]], classes=["<b>", "&"])
    assert "&lt;b&gt;" in written()


def test_facts_carry_the_unit_that_their_name_ends_in():
    publish("accelerator", accuracy=0.9, agreement_with_keras=0.9972, interval_cycles=16)
    publish("board", accuracy=0.9, latency_ms=0.914, throughput_per_s=2133.0, latency={"worst_us": 1200}, word_bits=32)
    text = text_of(written())
    for shown in ("latency 0.914 ms", "throughput 2,133 per second", "latency worst 1,200 µs", "word 32 bits"):
        assert shown in text
    assert "agreement with keras 99.72 %" in text
    assert "interval 16 cycles" in text


def test_virtual_board_is_never_passed_off_as_hardware():
    publish("board", accuracy=0.9, virtual=True, words_equal=10, words_compared=10)
    text = text_of(written())
    assert "10 of 10 raw output words equal those of the C simulation." in text
    assert "This was the virtual board" in text
    publish("board", accuracy=0.9, virtual=False, words_equal=10, words_compared=10)
    assert "This was the virtual board" not in text_of(written())


def test_a_virtual_board_is_named_so_wherever_its_numbers_stand():
    publish("board", accuracy=0.9, virtual=True, latency_ms=0.61, confusion=[[9, 1], [0, 0]])
    text = text_of(written())
    assert "Virtual board 90.00 %" in text and "Virtual board · 1 of 10 wrong" in text
    assert "0.61 ms for one sample (the simulation's time)" in text
    assert "No board was there" in text
    publish("board", accuracy=0.9, virtual=False, latency_ms=0.61)
    text = text_of(written())
    assert "Board 90.00 %" in text and "0.61 ms for one sample" in text
    assert "simulation's time" not in text and "No board was there" not in text


def test_every_stage_says_what_it_costs():
    publish("training", accuracy=0.9, parameters=52650)
    publish("compression", accuracy=0.9, weight_bits=6, sparsity=0.75)
    publish("accelerator", accuracy=0.9, multipliers=137, estimated_initiation_interval_cycles=1392)
    text = text_of(written())
    assert "52,650 parameters of 32 bits" in text
    assert "weights of 6 bits, 75% of them zero" in text
    assert "137 multipliers, a sample every 1,392 cycles (estimated)" in text


def test_compression_table_has_units_and_says_which_model_went_on():
    row = {"accuracy": 0.9, "sparsity": 0.5, "size_bits": 1684800, "nonzero_bits": 79416}
    table = [{"name": "float", **row}, {"name": "all three", **row}]
    publish("compression", accuracy=0.9, table=table, winner="all three")
    text = text_of(written())
    assert "model accuracy zeros memory (kbit) without zeros (kbit)" in text
    assert "float 90.00 % 50.00 % 1,685 79.42 all three (went on) 90.00 % 50.00 % 1,685 79.42" in text


def test_columns_of_a_table_carry_their_unit():
    publish("board", accuracy=0.9, batches=[{"batch": 1, "throughput_per_s": 1581.97}])
    assert "batch throughput (per second) 1 1,582" in text_of(written())


def test_what_vitis_hls_reported_is_shown():
    publish("accelerator", accuracy=0.9)
    assert "What Vitis HLS made of it" not in text_of(written())
    reports = course.workspace("digits").need("accelerator") / "hls/ip_project/solution1/syn/report"
    reports.mkdir(parents=True)
    (reports / "csynth.xml").write_text(
        "<profile><PerformanceEstimates><SummaryOfOverallLatency><Worst-caseLatency>812</Worst-caseLatency>"
        "<Interval-max>401</Interval-max></SummaryOfOverallLatency></PerformanceEstimates>"
        "<AreaEstimates><Resources><DSP>137</DSP></Resources></AreaEstimates></profile>"
    )
    text = text_of(written())
    for shown in (
        "What Vitis HLS made of it",
        "latency 812 cycles",
        "interval 401 cycles",
        "clock unknown ns",
        "DSP 137",
    ):
        assert shown in text


def test_design_picture_is_embedded_and_addresses_are_hexadecimal(own_build_folder):
    with course.workspace("digits").publish("overlay") as folder:
        (folder / "design.svg").write_text("<svg/>")
        (folder / "design.json").write_text('{"address_map": [{"slave": "axi_dma_0", "base": 2147483648}]}')
    page = written()
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page
    assert "axi_dma_0 0x80000000" in text_of(page)


def test_notebooks_link_to_their_html_and_failed_ones_are_marked(own_build_folder):
    html = runner.executed_notebook("digits", course.stages_of("digits")[0]).with_suffix(".html")
    html.parent.mkdir(parents=True)
    html.write_text("")
    page = written()
    assert 'href="../digits/labs/lab01_02_cnn.html"' in page
    assert (own_build_folder / "report" / "../digits/labs/lab01_02_cnn.html").is_file()
    assert '<span class="state failed">failed</span>' in page


def test_figures_are_shown_with_their_verdict(own_build_folder):
    entry = {"name": "path.help", "value": 0.61, "unit": "s", "limit": 0.5, "met": False, "how": "stopwatch"}
    own_build_folder.mkdir()
    (own_build_folder / "figures.json").write_text(f"[{entry}]".replace("'", '"').replace("False", "false"))
    assert "path.help 0.61 s 0.5 stopwatch missed" in text_of(written())


@pytest.mark.parametrize("value", [0.0, 0.5, 0.99999, 1.0])
def test_accuracy_picture_keeps_its_dots_inside(value):
    picture = accuracy_picture([("a", value), ("b", None), ("c", 1 - value)])
    across = [float(x) for x in re.findall(r'cx="([\d.]+)"', picture)]
    assert len(across) == 2
    assert all(118 <= x <= 640 - 76 for x in across)


def test_lab_06_shows_its_accuracy_and_what_it_compared():
    rows = [{"bits": 4, "luts": 900}, {"bits": 3, "luts": 700}]
    found = report.pipeline_facts({"accuracy": 0.9914, "interval_cycles": 994, "table": rows})
    assert found["facts"] == [
        {"name": "accuracy_on_the_test_images", "value": "99.14 %", "unit": ""},
        {"name": "interval", "value": 994, "unit": "cycles"},
    ]
    assert found["tables"] == [("what_was_compared", rows)]
