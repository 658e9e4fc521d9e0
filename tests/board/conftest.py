"""A small hardware handoff of our own and accelerators that NumPy can predict."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("pynq") is None:
    collect_ignore_glob = ["test_*.py"]

PS_PARAMETERS = {"C_MAXIGP2_DATA_WIDTH": 32, "C_SAXIGP2_DATA_WIDTH": 128} | {
    f"PSU__{name}": value
    for n in range(4)
    for name, value in {
        f"CRL_APB__PL{n}_REF_CTRL__DIVISOR0": 15,
        f"CRL_APB__PL{n}_REF_CTRL__DIVISOR1": 1,
        f"CRL_APB__PL{n}_REF_CTRL__ACT_FREQMHZ": 99.999985,
        f"CRL_APB__PL{n}_REF_CTRL__SRCSEL": "IOPLL",
        f"FPGA_PL{n}_ENABLE": int(n == 0),
    }.items()
}
STAGES = ("float", "compressed", "c_simulation")
DMA_BASE, IP_BASE = 0x8000_0000, 0x8001_0000


def _attributes(**values) -> str:
    return " ".join(f'{name}="{value}"' for name, value in values.items())


def _interface(name: str, kind: str, role: str, bus: str = "__NOC__") -> str:
    vlnv = f"xilinx.com:interface:{kind}:1.0"
    return f"<BUSINTERFACE {_attributes(BUSNAME=bus, NAME=name, TYPE=role, VLNV=vlnv)}/>"


def _range(instance: str, base: int, high: int, master: str, slave: str, memory: bool) -> str:
    kind = _attributes(MEMTYPE="MEMORY" if memory else "REGISTER", ADDRESSBLOCK="Reg")
    where = _attributes(BASEVALUE=f"0x{base:08X}", HIGHVALUE=f"0x{high:08X}", INSTANCE=instance)
    return f"<MEMRANGE {where} {_attributes(MASTERBUSINTERFACE=master, SLAVEBUSINTERFACE=slave)} {kind}/>"


def _module(name: str, vlnv: str, parameters: dict, interfaces: list[str], ranges: list[str]) -> str:
    entries = "".join(f"<PARAMETER {_attributes(NAME=k, VALUE=v)}/>" for k, v in parameters.items())
    type_name = vlnv.split(":")[2]
    return (
        f"<MODULE {_attributes(FULLNAME='/' + name, INSTANCE=name, MODTYPE=type_name, VLNV=vlnv)}>"
        f"<PARAMETERS>{entries}</PARAMETERS><PORTS/><BUSINTERFACES>{''.join(interfaces)}</BUSINTERFACES>"
        f"<MEMORYMAP>{''.join(ranges)}</MEMORYMAP></MODULE>"
    )


def handoff(
    stream_bits: int = 32,
    length_bits: int = 26,
    dma: str = "axi_dma_0",
    accelerator: str | None = "accelerator_0",
    vlnv: str = "mlfpga:hls:mixer_axi:1.0",
    clock_mhz: float = 99.999985,
    **dma_parameters,
) -> str:
    """A .hwh: PS, one AXI DMA and one accelerator between its streams (None: the DMA's streams meet)."""
    parameters = {
        "c_include_mm2s": 1,
        "c_include_s2mm": 1,
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": length_bits,
        "c_addr_width": 32,
        "c_m_axi_mm2s_data_width": 64,
        "c_m_axi_s2mm_data_width": 64,
        "c_m_axis_mm2s_tdata_width": stream_bits,
        "c_s_axis_s2mm_tdata_width": stream_bits,
        "c_include_mm2s_dre": 0,
        "c_include_s2mm_dre": 0,
    } | dma_parameters
    back = "to_pl" if accelerator is None else "from_pl"
    registers = [_range(dma, DMA_BASE, DMA_BASE + 0xFFFF, "M_AXI_HPM0_LPD", "S_AXI_LITE", False)]
    modules = [
        _module(
            dma,
            "xilinx.com:ip:axi_dma:7.1",
            parameters,
            [
                _interface("S_AXI_LITE", "aximm", "SLAVE", "m00"),
                _interface("M_AXIS_MM2S", "axis", "INITIATOR", "to_pl"),
                _interface("S_AXIS_S2MM", "axis", "TARGET", back),
            ],
            [_range("ps", 0, 0x7FFF_FFFF, master, "S_AXI_HP0_FPD", True) for master in ("M_AXI_MM2S", "M_AXI_S2MM")],
        )
    ]
    if accelerator:
        registers.append(_range(accelerator, IP_BASE, IP_BASE + 0xFFFF, "M_AXI_HPM0_LPD", "s_axi_control", False))
        modules.append(
            _module(
                accelerator,
                vlnv,
                {},
                [
                    _interface("s_axi_control", "aximm", "SLAVE", "m01"),
                    _interface("s_axis", "axis", "TARGET", "to_pl"),
                    _interface("m_axis", "axis", "INITIATOR", "from_pl"),
                ],
                [],
            )
        )
    clocks = {"PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ": clock_mhz}
    modules.append(
        _module(
            "ps",
            "xilinx.com:ip:zynq_ultra_ps_e:3.5",
            PS_PARAMETERS | clocks,
            [
                _interface("M_AXI_HPM0_LPD", "aximm", "MASTER", "hpm0"),
                _interface("S_AXI_HP0_FPD", "aximm", "SLAVE", "hp0"),
            ],
            registers,
        ).replace("<MODULE ", '<MODULE IS_PL="FALSE" ')
    )
    return (
        '<?xml version="1.0"?><EDKSYSTEM EDWVERSION="1.2" VIVADOVERSION="2024.1">'
        f"<SYSTEMINFO {_attributes(ARCH='zynquplus', DEVICE='xczu3eg', NAME='design_1')}/><EXTERNALPORTS/>"
        f"<EXTERNALINTERFACES/><MODULES>{''.join(modules)}</MODULES></EDKSYSTEM>"
    )


class Mixer:
    """An accelerator: 5 words in, 3 words out, each result word a sum of neighbours. Counts its calls."""

    top = "mixer_axi"
    words_in = 5
    words_out = 3

    def __init__(self, stream_bits: int = 32):
        self.stream_bits = stream_bits
        self.calls = 0

    @staticmethod
    def expected(words: np.ndarray) -> np.ndarray:
        """Result words (n, 3) of input words (n, 5), computed apart from `run`."""
        return np.stack([words[:, i] + words[:, i + 1] + words[:, i + 2] for i in range(3)], axis=1)

    def run(self, words: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        assert words.dtype == np.dtype(f"<u{self.stream_bits // 8}") and len(words) % 5 == 0 and len(words) == len(last)
        words, last = words.reshape(-1, 5), last.reshape(-1, 5)
        out_last = np.zeros((len(words), 3), dtype=bool)
        out_last[:, -1] = last[:, -1]
        return self.expected(words).reshape(-1), out_last.reshape(-1)


@pytest.fixture
def mixer():
    """The class of the small accelerator."""
    return Mixer


@pytest.fixture
def handoff_text():
    """The function that makes a .hwh's text."""
    return handoff


@pytest.fixture
def board(monkeypatch):
    """The virtual board of this process, impatient, with a Mixer for accelerator_0."""
    import mlfpga.board

    device = mlfpga.board.virtual_board()
    monkeypatch.setattr(type(device.machine), "patience_s", 0.02)
    monkeypatch.setattr(device, "models", {"accelerator_0": Mixer()})
    return device


@pytest.fixture
def write_overlay(tmp_path):
    """Write a .bit and .hwh pair; keyword arguments as for `handoff`, or `text`, the whole .hwh."""

    def write(folder: Path = tmp_path, stem: str = "overlay", text: str | None = None, **settings) -> Path:
        (folder / f"{stem}.hwh").write_text(text or handoff(**settings))
        bitstream = folder / f"{stem}.bit"
        bitstream.write_bytes(b"dry run")
        return bitstream

    return write


@pytest.fixture(scope="session")
def course_handoff(tmp_path_factory) -> str:
    """The .hwh that the course's own block design gives for the Mixer."""
    from mlfpga.artifacts import course_root
    from mlfpga.blockdesign import accelerator_ip, dry_run

    path = tmp_path_factory.mktemp("block_design") / "overlay.hwh"
    ip = accelerator_ip("mlfpga:hls:mixer_axi:1.0", 32, 32)
    dry_run(course_root() / "vivado" / "build.tcl", {"accelerator_vlnv": ip["vlnv"]}, ips=[ip]).write_hwh(path)
    return path.read_text()


@pytest.fixture
def overlay(board, write_overlay):
    """The small overlay, loaded."""
    from pynq import Overlay

    return Overlay(str(write_overlay()))


@pytest.fixture
def write_bundle(tmp_path, write_overlay):
    """Write a bundle around the Mixer: five fixed<32,16> numbers in, three sums of three out.

    Keyword arguments go to `handoff`; `manifest` overrides entries of manifest.json ("overlay.dma" for nested ones);
    `sample_shape` lays the five numbers out in another shape.
    """
    from mlfpga import exercises, formats
    from mlfpga.artifacts import course_root, sha256
    from mlfpga.bundle import manifest as manifest_module

    def write(manifest: dict | None = None, sample_shape: tuple[int, ...] = (5,), **settings) -> Path:
        folder = tmp_path / "bundle"
        folder.mkdir()
        write_overlay(folder, **settings)
        templates = course_root() / "deploy_templates"
        modules = (formats, exercises, manifest_module)
        sources = [templates / "driver.py", templates / "deploy.ipynb", *(module.__file__ for module in modules)]
        for source in map(Path, sources):
            (folder / source.name).write_text(source.read_text())
        inputs = np.random.default_rng(5).integers(0, 4096, (50, 5)) / 256
        sums = inputs[:, :3] + inputs[:, 1:4] + inputs[:, 2:]
        expected_words = np.round(sums * 65536).astype("<u4")
        labels = sums.argmax(axis=1)
        inputs = inputs.reshape(-1, *sample_shape)
        np.savez(folder / "vectors.npz", inputs=inputs, labels=labels, expected_words=expected_words)
        stream = {"number": "fixed<32,16>", "stream_bits": 32}
        entry = {
            "schema": manifest_module.SCHEMA,
            "name": "mixer",
            "case": "mlp",
            "board": "AUP-ZU3",
            "part": "xczu3eg-sfvc784-2-e",
            "clock_mhz": 100.0,
            "overlay": {
                "bitstream": "overlay.bit",
                "handoff": "overlay.hwh",
                "origin": "dry run",
                "dma": "axi_dma_0",
                "accelerator": "accelerator_0",
                "vlnv": "mlfpga:hls:mixer_axi:1.0",
            },
            "input": stream | {"shape": list(sample_shape), "words_per_sample": 5},
            "output": stream | {"shape": [3], "words_per_sample": 3},
            "classes": ["left", "middle", "right"],
            "vectors": "vectors.npz",
            "expected": {"samples": 50, "accuracy": dict.fromkeys(STAGES, 1.0), "ranking": {}},
            "files": {path.name: sha256(path) for path in folder.iterdir()},
        }
        for name, value in (manifest or {}).items():
            *rooms, last = name.split(".")
            target = entry
            for room in rooms:
                target = target[room]
            target[last] = value
        (folder / "manifest.json").write_text(json.dumps(entry))
        return folder

    return write


@pytest.fixture
def driver(monkeypatch):
    """`driver.py` as it is imported inside a bundle: its neighbours stand beside it, not in a package."""
    from mlfpga import formats
    from mlfpga.artifacts import course_root
    from mlfpga.bundle import manifest

    monkeypatch.setitem(sys.modules, "formats", formats)
    monkeypatch.setitem(sys.modules, "manifest", manifest)
    spec = importlib.util.spec_from_file_location("bundle_driver", course_root() / "deploy_templates" / "driver.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bundle_driver", module)
    spec.loader.exec_module(module)
    return module
