"""The command line: instant help that teaches, exit codes that scripts can trust, errors of one line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mlfpga import cli, course, formats
from mlfpga.accelerators import Accelerator
from mlfpga.cli import vivado
from mlfpga.course import report, runner, side_by_side

pytestmark = pytest.mark.host

ENVIRONMENTS = Path(sys.prefix).parent


@pytest.fixture(autouse=True)
def own_build_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_BUILD", str(tmp_path / "build"))
    monkeypatch.delenv("MLFPGA_DATASET", raising=False)
    return tmp_path / "build"


def usage_error(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    return caught.value.code


@pytest.mark.parametrize("environment", ["host", "board"])
@pytest.mark.parametrize("arguments", [["-c", "import mlfpga"], ["-m", "mlfpga.cli", "--help"]])
def test_import_and_help_take_less_than_half_a_second_in_either_environment(environment, arguments):
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment {python}")
    best = min(_seconds([python, *arguments]) for _ in range(3))
    assert best < 0.5


def _seconds(command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def verbs(parser):
    """Every verb and action: its words and its parser."""
    for action in parser._actions:
        for inner in (getattr(action, "choices", None) or {}).values() if action.nargs == "A..." else ():
            yield inner.prog, inner
            yield from verbs(inner)


def test_every_verb_explains_itself():
    found = dict(verbs(cli.parser()))
    expected = {"run", "report", "figures", "data", "simulate", "vivado", "bundle", "board", "release", "editions"}
    expected |= {"pipeline", "area"}
    assert {name.split()[1] for name in found} == expected
    for name, parser in found.items():
        assert parser.description, name
        if len(name.split()) == 2:
            assert f"  mlfpga {name.split()[1]}" in parser.epilog, f"{name} has no example"


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "--fast"], ["data"], ["board", "fly"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    assert usage_error(*arguments) == 2
    assert "usage: mlfpga" in capsys.readouterr().err


def test_arguments_without_sense_exit_with_2(capsys, tmp_path):
    assert cli.main(["vivado", "check", "--set", "stream_bits"]) == 2
    assert cli.main(["vivado", "check", "--set", "=3"]) == 2
    assert cli.main(["vivado", "check", "--set", "stream_bits=wide"]) == 2
    assert cli.main(["vivado", "graph", "--output", "design.gif"]) == 2
    assert cli.main(["bundle", "--to", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "mlfpga: --set stream_bits: write NAME=VALUE\n"
        "mlfpga: --set =3: write NAME=VALUE\n"
        "mlfpga: --set stream_bits=wide: write a number of bits, 32 or 64\n"
        "mlfpga: --output design.gif: pictures are .svg or .png\n"
        f"mlfpga: {tmp_path} exists; name a new folder or remove this one\n"
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["data", "cifar"], "there is no dataset called 'cifar'; choose one of digits, "),
        (["run", "--dataset", "cifar"], "there is no dataset called 'cifar'; choose one of digits, "),
        (["report", "--dataset", "cifar"], "there is no dataset called 'cifar'; choose one of digits, "),
        (["bundle", "--dataset", "cifar"], "there is no dataset called 'cifar'; choose one of digits, "),
        (["vivado", "check", "--dataset", "cifar"], "there is no dataset called 'cifar'; choose one of digits, "),
        (["vivado", "check", "/nowhere.tcl"], "there is no script /nowhere.tcl"),
        (["run", "--only", "trainnig"], "there is no stage 'trainnig'; choose one of training, quantization, "),
        (["figures", "--only", "speed"], "there is no group of figures 'speed'; choose one of path, board"),
        (["vivado", "check", "--set", "stream_bits=24"], "input stream width 24 is not supported; choose 32 or 64"),
        (["bundle", "verify", "/nowhere"], "/nowhere is not a bundle"),
        (["board", "run", "/nowhere.ipynb"], "/nowhere.ipynb is not there"),
    ],
)
def test_work_that_fails_exits_with_1_and_one_line(arguments, message, capsys):
    assert cli.main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mlfpga: {message}")


def test_debug_shows_the_traceback():
    with pytest.raises(Exception, match="there is no dataset called"):
        cli.main(["--debug", "data", "cifar"])


def test_unforeseen_error_is_one_line_that_says_how_to_see_more(monkeypatch, capsys):
    monkeypatch.setattr(report, "write", lambda dataset: 1 / 0)
    assert cli.main(["report"]) == 1
    assert capsys.readouterr().err == "mlfpga: ZeroDivisionError: division by zero (`mlfpga --debug …` shows where)\n"


def test_interrupt_exits_as_shells_expect(monkeypatch, capsys):
    def interrupt(dataset):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write", interrupt)
    assert cli.main(["report"]) == 130
    assert "what was finished is kept" in capsys.readouterr().err


def test_run_writes_the_report_even_if_a_notebook_fails(monkeypatch, capsys, own_build_folder):
    def fail(dataset, names, fresh):
        raise course.StageError("labs/lab01_training/01_mlp.ipynb: cell 3 (of 4) raised ValueError: no luck")

    monkeypatch.setattr(runner, "run", fail)
    assert cli.main(["run"]) == 1
    said = capsys.readouterr()
    assert said.err == "mlfpga: labs/lab01_training/01_mlp.ipynb: cell 3 (of 4) raised ValueError: no luck\n"
    assert said.out == f"report: {own_build_folder / 'report' / 'index.html'}\n"
    assert (own_build_folder / "report" / "index.html").is_file()


def test_run_passes_its_choices_on(monkeypatch):
    calls = []
    monkeypatch.setattr(runner, "run", lambda *arguments: calls.append(arguments))
    assert cli.main(["run", "--dataset", "mnist", "--only", "training", "board", "--fresh"]) == 0
    assert calls == [("mnist", ["training", "board"], True)]


def test_all_runs_the_offline_dataset_of_each_case_side_by_side(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(side_by_side, "run", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(report, "write", lambda datasets: " ".join(datasets))
    assert cli.main(["run", "--dataset", "all", "--only", "training"]) == 0
    assert calls == [(list(course.DEFAULTS.values()), ["training"], False)]
    assert capsys.readouterr().out == "report: pulses-generated digits recommender-generated\n"


def test_all_is_no_dataset_where_one_is_needed(capsys):
    assert cli.main(["bundle", "--dataset", "all"]) == 1
    assert capsys.readouterr().err.startswith("mlfpga: there is no dataset called 'all'; choose one of digits, ")


def test_list_of_several_datasets_names_each(capsys):
    assert cli.main(["run", "--dataset", "all", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{name}:" for name in course.DEFAULTS.values()]
    assert len(lines) == sum(1 + len(course.stages_of(name)) for name in course.DEFAULTS.values())


def test_list_tells_what_was_run(capsys):
    assert cli.main(["run", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [stage.name for stage in course.stages_of("digits")]
    assert all("not run yet" in line for line in lines)


def test_data_describes_the_dataset(capsys):
    assert cli.main(["data", "digits"]) == 0
    assert capsys.readouterr().out.startswith("digits: 1,257 train + 180 validation + 360 test samples")


def test_vivado_graph_draws_and_prints_the_address_map(capsys, tmp_path):
    assert cli.main(["vivado", "graph", "--output", str(tmp_path / "design.svg")]) == 0
    assert "0x80000000 … 0x8000FFFF" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "design.svg").read_text()


def test_simulate_without_an_accelerator_says_what_is_missing(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((1, 64)))
    assert cli.main(["simulate", str(tmp_path), str(tmp_path / "x.npy")]) == 1
    assert capsys.readouterr().err == (
        f"mlfpga: {tmp_path} holds no accelerator (no accelerator.json); lab 03 makes one\n"
    )


@pytest.fixture
def doubling(monkeypatch, tmp_path):
    """An accelerator that gives two outputs for three inputs, and the command line to simulate it."""

    class Doubling:
        input, output = formats.StreamFormat(NUMBER, (3,)), formats.StreamFormat(NUMBER, (2,))

        def predict(self, x, saturate=False):
            return 2 * self.input.number.from_raw(self.input.number.to_raw(x, saturate))[:, :2]

    monkeypatch.setattr(Accelerator, "load", classmethod(lambda cls, folder: Doubling()))
    return lambda *arguments: cli.main(["simulate", "accelerator", *map(str, arguments)])


NUMBER = formats.FixedPoint(8, 4)


def test_simulate_keeps_the_outputs_under_the_very_name_given(doubling, tmp_path):
    np.save(tmp_path / "x.npy", [[1, 2, 3]])
    assert doubling(tmp_path / "x.npy", "--output", tmp_path / "y") == 0
    assert np.load(tmp_path / "y").tolist() == [[2, 4]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "y"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"hello", "{path} is not a whole .npy file of numbers: Cannot load file containing pickled data"),
        (b"", "{path} is not a whole .npy file of numbers: No data left in file"),
        ([["a", "b", "c"]], "values are <U1; fixed<8,4> takes real numbers"),
        ([[1j, 2, 3]], "values are complex128; fixed<8,4> takes real numbers"),
    ],
    ids=["text", "empty", "letters", "complex"],
)
def test_simulate_says_what_is_wrong_with_its_input(doubling, tmp_path, capsys, content, message):
    path = tmp_path / "x.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    assert doubling(path) == 1
    assert capsys.readouterr().err.startswith(f"mlfpga: {message.format(path=path)}")


def test_simulate_refuses_an_archive_of_arrays(doubling, tmp_path, capsys):
    np.savez(tmp_path / "x.npz", x=[[1, 2, 3]])
    assert doubling(tmp_path / "x.npz") == 1
    assert capsys.readouterr().err == (
        f"mlfpga: {tmp_path / 'x.npz'} is an archive of several arrays; write the samples alone, with numpy.save\n"
    )


def test_places_in_settings_are_seen_from_where_the_command_is_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    chosen = cli.parser().parse_args(["vivado", "build", "--output", "out", "--set", "ip_repository=my/ip"])
    settings, _ = vivado.design_inputs(chosen)
    assert settings["ip_repository"] == tmp_path / "my" / "ip"


def test_a_refusal_of_the_system_names_the_file(monkeypatch, capsys):
    def refuse(dataset):
        raise PermissionError(13, "Permission denied", "/build/x")

    monkeypatch.setattr(report, "write", refuse)
    assert cli.main(["report"]) == 1
    assert capsys.readouterr().err == "mlfpga: /build/x: Permission denied\n"


def test_folders_in_the_environment_are_seen_from_where_the_command_is_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFPGA_BUILD", "here/build")
    monkeypatch.setenv("MLFPGA_DATA", "")
    assert cli.main(["run", "--list"]) == 0
    assert (os.environ["MLFPGA_BUILD"], os.environ["MLFPGA_DATA"]) == (str(tmp_path / "here" / "build"), "")


def test_a_script_without_a_block_design_has_nothing_to_hand_off(tmp_path, capsys):
    script, handoff = tmp_path / "other.tcl", tmp_path / "overlay.hwh"
    script.write_text("puts hello\n", encoding="utf-8")
    assert cli.main(["vivado", "hwh", str(script), "--output", str(handoff)]) == 1
    assert f"{script} makes no block design (create_bd_design): nothing to show" in capsys.readouterr().err
    assert not handoff.exists()


def test_a_handoff_that_is_cut_short_cannot_be_compared(tmp_path, capsys):
    whole, cut = tmp_path / "whole.hwh", tmp_path / "cut.hwh"
    assert cli.main(["vivado", "hwh", "--output", str(whole)]) == 0
    cut.write_text(whole.read_text(encoding="utf-8")[:3000], encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["vivado", "hwh", "--output", str(whole), "--compare", str(cut)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mlfpga: {cut} is not a whole hardware handoff: ") and "Error" not in line


def test_a_folder_without_a_timing_report_is_not_called_unconstrained(tmp_path, capsys):
    (tmp_path / "power.rpt").write_text("| Total On-Chip Power (W)  | 2.345        |\n", encoding="utf-8")
    assert cli.main(["vivado", "report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == ["timing   not reported", "power    2.345 W, estimated"]
