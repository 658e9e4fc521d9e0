"""Figures of the Vivado side: pairs from outside are counted fact by fact, faults and false alarms as they are."""

import shutil

import pytest

from mlfpga.blockdesign import accelerator_ip, dry_run, faults
from mlfpga.course import StageError
from mlfpga.course.figures import vivado

pytestmark = pytest.mark.host
KINDS = {"modules", "bus_interfaces", "clock_and_reset_pins", "address_ranges"}


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A pair of a script and its handoff, as MLFPGA_PAIRS names it: here the dry run itself has written the handoff."""
    folder = tmp_path / "pairs/sound"
    folder.mkdir(parents=True)
    script = faults.SOUND.read_text().replace(
        "mlfpga:hls:accelerator_axi:1.0 accelerator_0", "xilinx.com:ip:axis_data_fifo:2.0 accelerator_0"
    )
    script = script.replace("accelerator_0/s_axis]", "accelerator_0/S_AXIS]").replace(
        "accelerator_0/m_axis]", "accelerator_0/M_AXIS]"
    )
    script = script.replace("accelerator_0/ap_clk", "accelerator_0/s_axis_aclk").replace(
        "accelerator_0/ap_rst_n", "accelerator_0/s_axis_aresetn"
    )
    script = "\n".join(line for line in script.splitlines() if "s_axi_control" not in line)
    (folder / "design.tcl").write_text(script)
    dry_run(folder / "design.tcl").write_hwh(folder / "design.hwh")
    monkeypatch.setenv(vivado.PAIRS, str(tmp_path / "pairs"))
    return folder


def measured():
    pairs = vivado._measure_pairs(vivado._pair_folders())
    return pairs, {entry["name"].removeprefix("vivado."): entry for entry in vivado._agreement(pairs)}


def test_a_pair_that_agrees_is_100_percent_without_an_error(pair):
    pairs, entries = measured()
    assert entries.keys() >= KINDS
    assert {entry["value"] for entry in entries.values()} == {100} and all(entry["met"] for entry in entries.values())
    assert (pairs.count, pairs.checked, pairs.alarms, pairs.stopped) == (1, 1, 0, [])


def test_every_fact_that_differs_counts(pair):
    handoff = (pair / "design.hwh").read_text()
    assert handoff.count("0x80020000") >= 1
    (pair / "design.hwh").write_text(handoff.replace("0x80020000", "0x80040000").replace("0x8002FFFF", "0x8004FFFF"))
    _, entries = measured()
    # Of the four ranges one is missing and one too many: three of five agree.
    assert entries["address_ranges"]["value"] == 60 and not entries["address_ranges"]["met"]
    assert entries["modules"]["value"] == 100


def test_a_script_that_stops_agrees_in_nothing_and_is_named(pair):
    (pair / "design.tcl").write_text("create_project p p\nno_such_command\n")
    pairs, entries = measured()
    assert {entries[kind]["value"] for kind in KINDS} == {0}
    assert "1 of them not run (sound)" in entries["modules"]["how"]
    assert pairs.checked == 0


def test_an_error_on_a_design_that_vivado_built_is_a_false_alarm(pair):
    text = (pair / "design.tcl").read_text()
    (pair / "design.tcl").write_text(text.replace("-offset 0x80020000", "-offset 0x80000000"))
    pairs, _ = measured()
    assert pairs.alarms == 1
    entry = vivado._false_alarms(pairs)
    assert (entry["value"], entry["met"]) == (1, False)
    assert vivado._false_alarms(vivado._Pairs())["met"]


def test_a_folder_without_pairs_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv(vivado.PAIRS, str(tmp_path))
    with pytest.raises(StageError, match="where no folder holds design.tcl and design.hwh; correct or unset it"):
        vivado._pair_folders()


def test_ips_beside_a_pair_are_found(pair):
    shutil.copytree(pair, pair / "ips/one")
    (pair / "ips/one/component.xml").write_text("")
    (pair / "ips/two.zip").write_bytes(b"")
    assert vivado._ips(pair) == [pair / "ips/one", pair / "ips/two.zip"]


def test_a_fault_that_is_missed_is_a_missed_figure(monkeypatch):
    harmless = faults.Fault("harmless", "save_bd_design\n", "\n", "warning", "the design is not saved")
    few = {"overlap": faults.FAULTS["overlap"], "harmless": harmless}
    monkeypatch.setattr(faults, "FAULTS", few)
    caught, missed = vivado._faults()
    assert (caught["value"], caught["met"]) == (1, False)
    assert (missed["value"], missed["met"]) == (1, False) and missed["how"].startswith("of 2 seeded faults: harmless")


def test_the_speed_is_that_of_a_design_of_ten_cells(monkeypatch):
    design = dry_run(faults.SOUND, ips=[accelerator_ip("mlfpga:hls:accelerator_axi:1.0", 32, 32)])
    assert len(design.cells) >= 10
    monkeypatch.setattr(vivado, "_RUNS", 1)
    entry = vivado._speed()
    assert entry["name"] == "vivado.dry_run" and 0 < entry["value"] < 20
    assert entry["how"].startswith(f"{len(design.cells)} cells")
