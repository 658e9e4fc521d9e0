"""What an archive says of itself is read; what is wrong with one is named."""

import shutil
import zipfile

import pytest
from small_ips import DOUBLER, adder, doubler, stream, write_ip

from mlfpga.simulate.rtl import RtlError, RtlSimulation, open_ip
from mlfpga.simulate.rtl.expressions import evaluate


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path_factory.mktemp("cache")))


def packed(folder, archive, prefix=""):
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(folder.rglob("*")):
            target.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


@pytest.mark.parametrize("form", ["folder", "above", "zip", "zip above"])
def test_folder_and_archive_are_the_same_core(tmp_path, form):
    folder = doubler(tmp_path / "made" / "doubler", bits=64)
    path = {
        "folder": lambda: folder,
        "above": lambda: folder.parent,
        "zip": lambda: packed(folder, tmp_path / "ip.zip"),
        "zip above": lambda: packed(folder, tmp_path / "ip.zip", "inner/"),
    }[form]()
    core = open_ip(path)
    assert (core.vlnv, core.name, core.top) == ("mlfpga:hls:doubler:1.0", "doubler", "doubler")
    assert {name: (s.role, s.bits, s.has_last) for name, s in core.streams.items()} == {
        "s_axis": ("slave", 64, True),
        "m_axis": ("master", 64, True),
    }
    control = core.registers["s_axi_control"]
    assert (control.address_bits, control.data_bits, control.span) == (6, 32, 65536)
    assert [(r.offset, r.name, r.bits) for r in control.registers] == [
        (0x00, "CTRL", 32),
        (0x04, "GIER", 32),
        (0x08, "IP_IER", 32),
        (0x0C, "IP_ISR", 32),
        (0x10, "scale", 32),
    ]
    assert [(f.name, f.offset, f.width, f.access) for f in control.registers[0].fields] == [("LOW", 0, 7, "read-only")]
    assert core.clocks["ap_clk"].interfaces == ("s_axi_control", "s_axis", "m_axis")
    assert (core.clocks["ap_clk"].reset, core.resets["ap_rst_n"].active) == ("ap_rst_n", 0)
    assert [pin.name for pin in core.interrupts] == ["interrupt"]
    assert [path.name for path in core.sources.data] == ["doubler_rom.dat"]


def test_bus_masters_and_the_revision_are_read(tmp_path):
    core = open_ip(adder(tmp_path / "adder", revision=2114361000))
    assert core.revision == 2114361000 and not core.streams
    assert {name: (m.data_bits, m.address_bits) for name, m in core.memories.items()} == {"m_axi": (32, 32)}
    assert core.memories["m_axi"].pins["AWBURST"].bits == 2
    plain = open_ip(doubler(tmp_path / "doubler"))
    assert plain.revision == 0 and plain.memories == {}


def test_an_archive_is_unpacked_once(tmp_path):
    archive = packed(doubler(tmp_path / "ip"), tmp_path / "ip.zip")
    first = open_ip(archive).folder
    (first / "mark").touch()
    assert (open_ip(archive).folder / "mark").exists()


@pytest.mark.parametrize("name", ["../outside.v", "/outside.v", "hdl/../../outside.v", "..\\outside.v", "C:/outside.v"])
def test_an_archive_that_would_write_outside_is_refused(tmp_path, name):
    archive = packed(doubler(tmp_path / "ip"), tmp_path / "ip.zip")
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr(name, "module outside; endmodule")
    with pytest.raises(RtlError) as error:
        open_ip(archive)
    assert str(error.value) == f"{archive} holds {name}, which would lie outside its folder; it was not unpacked"
    assert not list(tmp_path.rglob("outside.v"))


def test_a_link_in_an_archive_is_refused(tmp_path):
    archive = packed(doubler(tmp_path / "ip"), tmp_path / "ip.zip")
    link = zipfile.ZipInfo("hdl/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr(link, "/etc")
    with pytest.raises(RtlError, match="holds hdl/link, which would lie outside its folder; it was not unpacked$"):
        open_ip(archive)


def test_what_is_missing_is_named(tmp_path):
    def without(name):
        folder = doubler(tmp_path / name.replace("/", "_"))
        (folder / name).unlink()
        return folder

    text = tmp_path / "ip.txt"
    text.write_text("no zip")
    several = tmp_path / "several"
    doubler(several / "one"), doubler(several / "two")
    rom, verilog = "hdl/verilog/doubler_rom.dat", "hdl/verilog/doubler.v"
    other = {verilog: "module other(input ap_clk); endmodule\n"}
    bare = without("component.xml")
    for path, message in [
        (bare, f"{bare} holds no component.xml; export the IP from Vitis HLS with export_design"),
        (several, f"{several} holds several IPs (one, two); name the folder of one"),
        (text, f"{text} is not a zip archive; give an IP archive (.zip) or a folder with component.xml"),
        (
            tmp_path / "nothing.zip",
            f"{tmp_path}/nothing.zip does not exist; give an IP archive (.zip) or a folder with component.xml",
        ),
        (
            without(rom),
            "mlfpga:hls:doubler:1.0: hdl/verilog/doubler.v reads doubler_rom.dat, which the archive does not hold; "
            "export the IP again",
        ),
        (
            without(verilog),
            "mlfpga:hls:doubler:1.0: component.xml lists hdl/verilog/doubler.v, which the archive does not hold; "
            "export the IP again",
        ),
        (
            doubler(tmp_path / "topless", files=other),
            "mlfpga:hls:doubler:1.0: none of its 1 Verilog files holds the top module doubler; export it again",
        ),
        (
            doubler(tmp_path / "vhdl", files={"hdl/vhdl/doubler.vhd": ""}),
            "mlfpga:hls:doubler:1.0 holds no Verilog; VHDL is not simulated: export the IP with -rtl verilog",
        ),
        (
            doubler(tmp_path / "closed", files={verilog: "`pragma protect begin_protected\n"}),
            "mlfpga:hls:doubler:1.0: hdl/verilog/doubler.v is encrypted and there is no model for it; "
            "it cannot be simulated",
        ),
    ]:
        with pytest.raises(RtlError) as error:
            open_ip(path)
        assert str(error.value) == message


def test_a_description_that_is_cut_short_is_named(tmp_path):
    folder = doubler(tmp_path)
    xml = folder / "component.xml"
    xml.write_text(xml.read_text()[:2000])
    with pytest.raises(RtlError) as error:
        open_ip(folder)
    assert str(error.value).startswith(f"{xml} is not well-formed XML: ")
    assert str(error.value).endswith("; get the archive again")


def test_a_vendor_core_without_a_model_is_refused_by_name(tmp_path):
    top = "module tiny (input ap_clk, input ap_rst_n); fir_compiler_v7_2_18 core (.aclk(ap_clk)); endmodule\n"
    core = open_ip(write_ip(tmp_path, "tiny", {"hdl/verilog/tiny.v": top}, {}))
    with pytest.raises(RtlError) as error:
        RtlSimulation(core)
    assert str(error.value) == (
        "mlfpga:hls:tiny:1.0 uses fir_compiler_v7_2_18, for which the archive holds no Verilog and for which there is "
        "no model; replace that operation in the HLS source"
    )


def test_a_port_that_the_top_lacks_is_named(tmp_path):
    top = "module tiny (input ap_clk, input ap_rst_n); endmodule\n"
    streams = {"s_axis": ("slave", stream("slave", 32))}
    core = open_ip(write_ip(tmp_path, "tiny", {"hdl/verilog/tiny.v": top}, streams))
    with pytest.raises(RtlError) as error:
        RtlSimulation(core)
    assert str(error.value) == (
        "mlfpga:hls:tiny:1.0: component.xml lists port s_axis_TDATA, which module tiny lacks; export it again"
    )


def test_a_failed_build_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFPGA_CACHE", str(tmp_path / "cache"))
    folder = doubler(tmp_path / "ip", files={
        "hdl/verilog/doubler.v": "module doubler (input ap_clk); broken;",
        "hdl/verilog/doubler_rom.dat": "0\n",
    })  # fmt: skip
    with pytest.raises(RtlError, match=r"^mlfpga:hls:doubler:1\.0: Verilator cannot read its Verilog: %Error"):
        RtlSimulation(open_ip(folder))
    shutil.rmtree(folder)
    assert not list((tmp_path / "cache").rglob("*.*"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("31", 31),
        ("0x1F", 31),
        ("(spirit:decode(id('MODELPARAM_VALUE.C_WIDTH')) - 1)", 7),
        ("((8 * C_WIDTH) div 4) + 2 ** 3", 24),
        ("id('PARAM_VALUE.C_WIDTH') - -1", 9),
        ("std_logic", None),
        ("(1", None),
        ("", None),
    ],
)
def test_numbers_and_formulas_have_their_value(text, value):
    assert evaluate(text, {"C_WIDTH": 8}) == value


def test_a_rom_whose_name_is_a_parameter_is_found_by_its_suffix(tmp_path):
    verilog = DOUBLER.replace("parameter WIDTH", 'parameter ROM = "doubler_rom.hex", WIDTH').replace(
        '"./doubler_rom.dat"', "ROM"
    )
    files = {"hdl/doubler.v": verilog, "hdl/doubler_rom.hex": "3\n1\n4\n1\n", "hdl/notes.txt": ""}
    folder = doubler(tmp_path / "doubler", files=files)
    assert [path.as_posix() for path in open_ip(folder).sources.data] == ["hdl/doubler_rom.hex"]
    (folder / "hdl/doubler_rom.hex").unlink()
    with pytest.raises(RtlError) as caught:
        open_ip(folder)
    assert str(caught.value) == (
        "mlfpga:hls:doubler:1.0: component.xml lists hdl/doubler_rom.hex, which the archive does not hold; "
        "export the IP again"
    )
