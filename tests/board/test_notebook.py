"""The on-board notebook, cell by cell in this process, on the overlay of the course's own block design."""

import gc
import json
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mlfpga.artifacts import course_root


def notebook() -> dict:
    return json.loads((course_root() / "deploy_templates" / "deploy.ipynb").read_text())


def code_cells(without: tuple[str, ...] = ()) -> list[str]:
    return [
        "".join(cell["source"])
        for cell in notebook()["cells"]
        if cell["cell_type"] == "code" and not set(without) & set(cell["metadata"].get("tags", []))
    ]


MODULES = ("manifest", "formats", "exercises", "driver")


@pytest.fixture
def run(board, write_bundle, course_handoff, monkeypatch):
    """Run cells in a fresh bundle; returns the folder and what the cells defined, figures as `figures`."""
    figures = []

    def show():
        figures.append(plt.gcf())
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    monkeypatch.setenv("MLFPGA_CHECKS", "strict")
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def execute(cells: list[str], case: str = "mlp", before=lambda folder: None, **settings):
        folder = write_bundle({"case": case}, text=course_handoff, **settings)
        before(folder)
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        names: dict = {}
        for cell in cells:
            exec(compile(cell, "deploy.ipynb", "exec"), names)
        return folder, names | {"figures": figures}

    yield execute
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
def test_every_cell_runs_and_the_results_are_whole(run, board, capsys):
    gc.collect()  # buffers that earlier tests left in cycles
    free = board.machine.memory.free_bytes
    folder, names = run(code_cells())
    results = json.loads((folder / "results.json").read_text())
    assert results["device"] == "AUP-ZU3 (virtual)" and results["virtual"] is True
    assert results["samples"] == 50 and results["accuracy"] == 1.0
    assert results["words_compared"] == results["words_equal"] == 150
    assert np.array(results["confusion"]).shape == (3, 3) and np.trace(results["confusion"]) == 50
    assert 0 < results["latency_ms"] < 5
    assert results["throughput_per_s"] == max(point["throughput_per_s"] for point in results["batches"])
    assert [point["batch"] for point in results["batches"]] == [1, 2, 5, 10, 20, 50]
    assert names["status"] == 0x5011
    printed = capsys.readouterr().out
    assert printed.count("✓") == 4 and "✗" not in printed and "not solved" not in printed
    assert "the simulation's time, not the board's" in printed
    names.clear()
    gc.collect()
    assert board.machine.memory.free_bytes == free


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
def test_a_recommender_is_measured_by_its_ranking(run):
    """Oracle: the place of the label in Python's own stable sort of the sums."""
    folder, names = run(code_cells(), case="rnn")
    results = json.loads((folder / "results.json").read_text())
    assert "confusion" not in results
    inputs, labels = names["inputs"], names["labels"]
    sums = inputs[:, :3] + inputs[:, 1:4] + inputs[:, 2:]
    wrong = (labels + np.arange(len(labels))) % 3  # what follows is asked about labels that are not all the best ones
    for each in (labels, wrong):
        names["labels"] = each
        (cell,) = [cell for cell in code_cells() if "top_{k}" in cell]
        exec(cell, names)
        orders = [sorted(range(3), key=lambda item, row=row: -row[item]) for row in sums]
        places = np.array([1 + order.index(label) for order, label in zip(orders, each, strict=True)])
        assert names["ranking"]["top_1"] == np.mean(places == 1) == names["accuracy"]
        assert names["ranking"]["mrr_10"] == pytest.approx(np.mean(1 / places))
        assert names["ranking"]["top_5"] == names["ranking"]["top_10"] == 1.0
    assert {name: results[name] for name in ("top_1", "top_5", "top_10", "mrr_10")} == {
        "top_1": 1.0, "top_5": 1.0, "top_10": 1.0, "mrr_10": 1.0
    }  # fmt: skip
    (axis,) = names["figures"][2].axes
    assert axis.get_xlabel() == "place of the right item"
    assert "| Top-1 | Top-5 | Top-10 | MRR@10 |" in names["table"][0]


@pytest.mark.filterwarnings("ignore::mlfpga.board.BoardWarning")
@pytest.mark.parametrize(
    "case, shape, kind", [("mlp", (5,), "lines"), ("rnn", (5,), "lines"), ("cnn", (1, 5, 1), "images")]
)
def test_a_sample_is_drawn_as_what_it_is(run, case, shape, kind):
    _, names = run(code_cells()[:8], case=case, sample_shape=shape)
    left, right = names["figures"][0].axes
    assert len(getattr(left, kind)) == 1 and len(right.images) == 1
    if case == "mlp":
        assert left.lines[0].get_ydata().tolist() == (names["inputs"][0] * 65536).tolist(), "raw counts"
    if case == "cnn":
        assert left.images[0].get_array().shape == (1, 5)


def test_a_release_without_solutions_runs_too(run, capsys):
    run(code_cells(without=("solution",)))
    assert capsys.readouterr().out.count("not solved yet") == 4


def test_a_wrong_word_fails_the_notebook_but_leaves_the_results(run, board, monkeypatch):
    model = board.models["accelerator_0"]
    right = model.run

    def wrong(words, last):
        out, flags = right(words, last)
        if len(out) > 3:  # the sample by hand passes; the batch does not
            out[4] += 1
        return out, flags

    monkeypatch.setattr(model, "run", wrong)
    with pytest.raises(AssertionError, match="1 words differ from the simulation"):
        run(code_cells())
    with open("results.json") as file:
        assert json.load(file)["words_equal"] == 149


def test_a_changed_bundle_stops_at_the_first_cell(run, board):
    def change(folder):
        with open(folder / "overlay.hwh", "a") as file:
            file.write("<!-- changed -->")

    with pytest.raises(Exception, match="overlay.hwh is not the file this bundle was made with"):
        run(code_cells()[:1], before=change)


def test_it_is_committed_clean_and_for_both_boards():
    content = notebook()
    assert content["metadata"]["kernelspec"] == {
        "display_name": "AUP-ZU3 (virtual)",
        "language": "python",
        "name": "aup-zu3-virtual",
    }
    for cell in content["cells"]:
        assert cell["id"]
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    source = "\n".join(code_cells())
    assert "mlfpga" not in source and "pandas" not in source
