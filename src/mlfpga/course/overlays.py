"""An overlay for the virtual board around any IP that keeps the accelerator contract, without Vivado."""

import json
import shutil
from pathlib import Path

from mlfpga import blockdesign
from mlfpga.artifacts import writing_folder
from mlfpga.simulate.rtl import IpCore, RtlError, open_ip


def write_overlay(archive: Path | str, folder: Path | str, clock_mhz: float = 100.0) -> Path:
    """Put the IP into the course's block design, in a dry run; returns the new `folder`'s overlay.bit.

    archive    an IP archive (.zip), or a folder with component.xml
    folder     gets overlay.bit (a stand-in), overlay.hwh, and sim/ with the IP, whose RTL the virtual board simulates;
               what was there is replaced
    clock_mhz  of the programmable logic

    Raises RtlError if the IP cannot be opened or does not keep the accelerator contract.
    """
    core = open_ip(archive)
    bits_in, bits_out = (_stream_bits(core, name, role) for name, role in (("s_axis", "slave"), ("m_axis", "master")))
    if "s_axi_control" not in core.registers:
        raise RtlError(f"{core.vlnv} has no AXI4-Lite slave s_axi_control, by which the accelerator contract starts it")
    settings = {"accelerator_vlnv": core.vlnv, "stream_bits": bits_in, "clock_mhz": clock_mhz}
    design = blockdesign.dry_run(settings=settings, ips=[blockdesign.accelerator_ip(core.vlnv, bits_in, bits_out)])
    with writing_folder(Path(folder)) as made:
        design.write_hwh(made / "overlay.hwh")
        design.write_bitstream_standin(made / "overlay.bit")
        shutil.copytree(core.folder, made / "sim" / "ip")
        (made / "sim" / "simulation.json").write_text(json.dumps({"kind": "rtl", "ip": "ip"}) + "\n")
    return Path(folder) / "overlay.bit"


def _stream_bits(core: IpCore, name: str, role: str) -> int:
    stream = core.streams.get(name)
    if stream is None or stream.role != role:
        raise RtlError(f"{core.vlnv} has no AXI4-Stream {role} {name}, which the accelerator contract asks for")
    return stream.bits
