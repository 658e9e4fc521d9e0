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


@pytest.fixture
def run(board, write_bundle, course_handoff, monkeypatch):
    """Run cells in a fresh bundle; returns the folder and what the cells defined."""
    folder = write_bundle(text=course_handoff)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    for name in ("manifest", "formats", "driver"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def execute(cells: list[str]):
        names: dict = {}
        for cell in cells:
            exec(compile(cell, "deploy.ipynb", "exec"), names)
        return folder, names

    yield execute
    for name in ("manifest", "formats", "driver"):
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
    assert printed.count("Well done") == 2
    assert "the simulation's time, not the board's" in printed
    names.clear()
    gc.collect()
    assert board.machine.memory.free_bytes == free


def test_a_release_without_solutions_runs_too(run):
    run(code_cells(without=("solution",)))


def test_a_wrong_word_fails_the_notebook_but_leaves_the_results(run, board, monkeypatch):
    model = board.models["accelerator_0"]
    right = model.run

    def wrong(words, last):
        out, flags = right(words, last)
        if len(out) > 3:  # the sample by hand passes; the batch does not
            out[4] += 1
        return out, flags

    monkeypatch.setattr(model, "run", wrong)
    with pytest.raises(AssertionError, match="1 words differ from the C simulation"):
        run(code_cells())
    with open("results.json") as file:
        assert json.load(file)["words_equal"] == 149


def test_a_changed_bundle_stops_at_the_first_cell(run, board):
    with open("overlay.hwh", "a") as file:
        file.write("<!-- changed -->")
    with pytest.raises(Exception, match="overlay.hwh is not the file this bundle was made with"):
        run(code_cells()[:1])


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
