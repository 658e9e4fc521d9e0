"""`pins.h` names every pin the harness drives: reset polarity, tied handshakes, names as Verilator writes them."""

from dataclasses import replace

import pytest
from small_ips import doubler

from mlfpga.simulate.rtl import RtlError, open_ip
from mlfpga.simulate.rtl.ipxact import Pin
from mlfpga.simulate.rtl.pins import pins_header, verilated_names


def header_of(core, **handshake) -> list[str]:
    return pins_header(core, "V", {name: name for name in (*core.pins, *handshake)}, None).splitlines()


@pytest.mark.parametrize(("polarity", "active"), [("ACTIVE_LOW", 0), ("ACTIVE_HIGH", 1)])
def test_the_reset_has_the_polarity_of_component_xml(tmp_path, polarity, active):
    description = doubler(tmp_path) / "component.xml"
    description.write_text(description.read_text().replace("ACTIVE_LOW", polarity))
    assert f"    RTL_RESET(PIN(ap_rst_n, 1), {active}) \\" in header_of(open_ip(tmp_path))


def test_a_handshake_without_registers_is_tied_to_run_for_ever(tmp_path):
    pins = {"AP_START": Pin("start", "in", 1), "AP_CONTINUE": Pin("go", "in", 1), "AP_DONE": Pin("done", "out", 1)}
    core = replace(open_ip(doubler(tmp_path)), handshakes={"ap_ctrl": pins})
    tied = [line.strip(" \\") for line in header_of(core, start=0, go=0, done=0) if "TIED" in line]
    assert tied == ["RTL_TIED(PIN(start, 1))", "RTL_TIED(PIN(go, 1))"]


def test_a_core_without_a_clock_is_refused(tmp_path):
    core = replace(open_ip(doubler(tmp_path)), clocks={})
    with pytest.raises(RtlError, match="^mlfpga:hls:doubler:1.0 has no clock interface; nothing can be simulated"):
        header_of(core)


def test_names_are_found_as_verilator_writes_them(tmp_path):
    core = replace(open_ip(doubler(tmp_path)), pins={"a__b": None, "register": None, "plain": None})
    header = "VL_IN8(&a___05Fb,0,0); VL_OUT64(&__SYM__register,63,0); VL_INW(&plain,127,0,4);"
    assert verilated_names(header, core) == {"a__b": "a___05Fb", "register": "__SYM__register", "plain": "plain"}
    with pytest.raises(RtlError) as error:
        verilated_names(header.replace("plain", "other"), core)
    assert str(error.value) == (
        "mlfpga:hls:doubler:1.0: component.xml lists port plain, which module doubler lacks; export it again"
    )
