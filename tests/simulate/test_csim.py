"""The C simulation passes words and TLAST through unchanged, and says what a misbehaving accelerator did."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mlfpga.simulate import SimulationError, load, read_description
from mlfpga.simulate.csim.simulation import _build

hls4ml = pytest.importorskip("hls4ml", reason="the ap_int headers come with hls4ml, in the host environment")

HEADER = """
#include "ap_axi_sdata.h"
#include "hls_stream.h"
typedef ap_axiu<{bits}, 0, 0, 0> axis_word;
void swap(hls::stream<axis_word> &s_axis, hls::stream<axis_word> &m_axis);
"""

# Gives a sample's two words in the other order, and their sum. What is odd about it depends on the first word.
SOURCE = """
#include "swap.h"
void swap(hls::stream<axis_word> &s_axis, hls::stream<axis_word> &m_axis) {
    axis_word first = s_axis.read();
    if (first.data == 1) return;
    axis_word second = s_axis.read();
    axis_word sum = second;
    sum.data = first.data + second.data;
    if (first.data == 2) return;
    first.last = 0;
    if (first.data == 4) sum.keep = 1;
    axis_word swapped = second;
    swapped.last = 0;
    m_axis.write(swapped);
    m_axis.write(first);
    m_axis.write(sum);
    if (first.data == 3) m_axis.write(sum);
}
"""


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def make(bits=32, source=SOURCE, **changes):
        folder = tmp_path_factory.mktemp("sim")
        shutil.copytree(Path(hls4ml.__file__).parent / "templates/vivado/ap_types", folder / "ap_types")
        (folder / "src").mkdir()
        (folder / "src/swap.h").write_text(HEADER.format(bits=bits))
        (folder / "src/swap.cpp").write_text(source)
        description = {
            "kind": "csim",
            "top": "swap",
            "header": "swap.h",
            "sources": ["src/swap.cpp"],
            "include": ["src", "ap_types"],
            "weights": "src",
            "stream_bits": bits,
            "words_in": 2,
            "words_out": 3,
        }
        (folder / "simulation.json").write_text(json.dumps(description | changes))
        return folder

    return make


@pytest.fixture(scope="module")
def folder(make):
    return make()


@pytest.mark.parametrize("bits", [32, 64])
def test_words_arrive_whole_and_in_order(make, bits):
    model = load(make(bits))
    assert (model.top, model.stream_bits, model.words_in, model.words_out) == ("swap", bits, 2, 3)
    random = np.random.default_rng(7)
    words = random.integers(5, 2**bits, size=(1000, 2), dtype=np.uint64)
    out, _ = model.run(words.reshape(-1))
    total = (words.sum(axis=1, dtype=np.uint64)) % (1 << bits if bits == 32 else 2**64)
    expected = np.column_stack([words[:, 1], words[:, 0], total])
    assert (out.reshape(-1, 3) == expected).all()


def test_tlast_is_given_and_returned_word_by_word(folder):
    words = np.full(8, 9, np.uint32)
    _, last = load(folder).run(words)
    assert np.flatnonzero(last).tolist() == [11]
    flags = np.zeros(8, bool)
    flags[[1, 5]] = True
    _, last = load(folder).run(words, flags)
    assert np.flatnonzero(last).tolist() == [2, 8]


def test_no_samples_give_no_results(folder):
    out, last = load(folder).run(np.zeros(0, np.uint32))
    assert out.size == last.size == 0


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (1, "swap left input words unread; it reads fewer than 2 words a sample"),
        (2, "swap gave fewer than 3 words for a sample"),
        (3, "swap gave more than 3 words for a sample"),
        (4, "swap gave a word whose TKEEP is not all ones"),
    ],
)
def test_a_top_that_breaks_the_contract_is_caught(make, first, message):
    # One that went wrong may have words left in its streams, so each case has a library of its own.
    with pytest.raises(SimulationError) as caught:
        load(make(source=SOURCE + f"// case {first}\n")).run(np.array([first, 9], np.uint32))
    assert str(caught.value) == message


def test_parts_of_samples_are_refused(folder):
    with pytest.raises(SimulationError) as caught:
        load(folder).run(np.zeros(3, np.uint32))
    assert str(caught.value) == "swap takes 2 words a sample; 3 words are not whole samples"
    with pytest.raises(SimulationError) as caught:
        load(folder).run(np.zeros(4, np.uint32), np.zeros(3, bool))
    assert str(caught.value) == "4 words came with 3 TLAST flags; give one for each word"


def test_what_was_compiled_once_is_not_compiled_again(make, folder, monkeypatch):
    load(folder)
    monkeypatch.setattr("mlfpga.simulate.csim.simulation._compile", lambda *_: pytest.fail("compiled again"))
    load(make())


def test_only_what_is_compiled_decides_whether_it_is_compiled_again(make, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path))
    folder = make()
    (folder / "src/swap.h").write_text(HEADER.format(bits=32) + '#include "deep.h"\n')
    (folder / "src/deep.h").write_text("// one level down\n")
    load(folder)
    compiled = []

    def count(*arguments):
        compiled.append(arguments)
        (arguments[-1] / "simulation.so").write_bytes(library)

    (kept,) = (tmp_path / "csim").iterdir()
    library = (kept / "simulation.so").read_bytes()
    monkeypatch.setattr("mlfpga.simulate.csim.simulation._compile", count)
    (folder / "src/ip_project").mkdir()
    (folder / "src/ip_project/report.h").write_text("what Vitis HLS leaves behind")
    (folder / "src/weights.txt").write_text("1.5\n")
    load(folder)
    assert not compiled
    for name in ("src/deep.h", "src/swap.cpp"):
        with open(folder / name, "a") as file:
            file.write("// changed\n")
        load(folder)
        load(folder)
    assert len(compiled) == 2


def test_a_library_cut_short_is_compiled_again(make, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path))
    folder = make()
    kept = _build(folder, read_description(folder))  # not loaded: who has mapped it would notice
    os.truncate(kept / "simulation.so", 5_000)
    capsys.readouterr()
    out, _ = load(folder).run(np.array([5, 6], np.uint32))
    assert out.tolist() == [6, 5, 11]
    assert capsys.readouterr().out == "building the C simulation of swap with g++ (it is damaged in the cache) …\n"


def test_ctrl_c_ends_a_long_run_and_the_next_one_is_right(make, monkeypatch):
    slow = "#include <unistd.h>\n" + SOURCE.replace("s_axis.read();", "s_axis.read(); usleep(1000);", 1)
    model = load(make(source=slow))
    # pytest's own handler may not be there: a job in the background inherits that SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = time.monotonic()
    try:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.run(np.full(20_000, 9, np.uint32))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 1
    out, _ = model.run(np.array([5, 6], np.uint32))
    assert out.tolist() == [6, 5, 11]


def test_after_a_sample_that_broke_the_contract_the_next_one_begins_anew(make):
    model = load(make(source=SOURCE + "// begins anew\n"))
    for first in (1, 3):
        with pytest.raises(SimulationError):
            model.run(np.array([first, 9], np.uint32))
        out, _ = model.run(np.array([5, 6], np.uint32))
        assert out.tolist() == [6, 5, 11]


def test_an_interrupted_build_is_not_taken_for_a_whole_one(make, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path))

    def interrupt(tools, command):
        if "-shared" in command:
            raise KeyboardInterrupt

    monkeypatch.setattr("mlfpga.simulate.csim.simulation._call", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load(make())
    assert list((tmp_path / "csim").iterdir()) == []


def test_the_compilers_first_error_is_told(make):
    with pytest.raises(SimulationError) as caught:
        load(make(source='#include "swap.h"\nint broken = nothing;\n'))
    assert "swap.cpp:2:14: error: ‘nothing’ was not declared in this scope" in str(caught.value)


def test_a_machine_without_a_compiler_is_told_what_to_install(folder, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == ("the C simulation needs g++, which is not on PATH; install it (sudo apt install g++)")


def test_descriptions_that_lead_nowhere_are_refused(make, tmp_path):
    with pytest.raises(SimulationError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path} is not a simulation folder: it has no simulation.json"
    folder = make(kind="rtl2c")
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder}: simulation kind 'rtl2c' is not known; known: csim, rtl"
    folder = make(sources=["src/gone.cpp"])
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder}/simulation.json names src/gone.cpp, which is not there"
    (folder / "simulation.json").write_text("{")
    with pytest.raises(SimulationError, match="is not JSON"):
        load(folder)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"top": None}, "top is None; expected a text. Make the accelerator again"),
        ({"words_in": "2"}, "words_in is '2'; expected an integer. Make the accelerator again"),
        ({"include": "src"}, "include is 'src'; expected a list. Make the accelerator again"),
        ({"words_out": 0}, "words_out is 0; a sample has at least one word"),
        ({"stream_bits": 8}, "stream width 8 is not supported; choose 32 or 64"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_before_it_is_compiled(make, change, message):
    folder = make(**change)
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder / 'simulation.json'}: {message}"


def test_a_description_that_is_no_object_is_refused(tmp_path):
    (tmp_path / "simulation.json").write_text("[]")
    with pytest.raises(SimulationError, match="does not describe a simulation; it must be an object with kind, top, …"):
        load(tmp_path)


def test_a_compiler_that_cxx_names_wrongly_is_named(folder, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == (
        "CXX names the compiler no-such-compiler, which is not on PATH; correct it or unset it for g++"
    )


def test_a_full_disk_is_said_plainly(folder, monkeypatch, tmp_path):
    compiler = tmp_path / "g++"
    compiler.write_text('#!/bin/sh\n[ $1 = --version ] || { echo "x.s: No space left on device" >&2; exit 1; }\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(SimulationError) as caught:
        load(folder)
    assert str(caught.value) == ("the disk became full while g++ ran; free some space and run again")
