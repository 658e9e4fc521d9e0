"""What a design takes on the device: `area`."""

import argparse
from pathlib import Path

from mlfpga.cli.verbs import UsageError, add_verb


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    area = add_verb(
        verbs,
        "area",
        "Estimate with Yosys what RTL takes on the device: LUT, DSP, block RAM, flip-flops",
        work_area,
        """
mlfpga area top top.sv block.sv                  one module and all below it
mlfpga area fifo fifo.sv -G WIDTH=8 -G DEPTH=64  with its parameters
mlfpga area top *.sv --data weights.hex          with what its $readmemh reads
mlfpga area --ip my_ip --blocks                  an IP (component.xml), and each block in it
mlfpga area --ip my_ip --blocks 2 --picture area.svg
""",
    )
    area.add_argument("top", metavar="TOP", nargs="?", help="the module (not with --ip)")
    area.add_argument("files", metavar="FILE", nargs="*", type=Path, help="SystemVerilog, all of it")
    area.add_argument(
        "-G", dest="parameters", metavar="NAME=VALUE", action="append", default=[], help="a parameter of the module"
    )
    area.add_argument("--data", type=Path, action="append", default=[], metavar="FILE", help="what $readmemh reads")
    area.add_argument("--ip", type=Path, metavar="ARCHIVE", help="an IP archive (.zip) or folder with component.xml")
    area.add_argument(
        "--blocks", type=int, nargs="?", const=1, metavar="LEVEL", help="each block, LEVEL (1) below the top module"
    )
    area.add_argument("--picture", type=Path, metavar="FILE", help="with --blocks: draw it (.png, .svg, .pdf)")


def work_area(chosen: argparse.Namespace) -> None:
    from mlfpga import synthesize
    from mlfpga.simulate.rtl import open_ip

    if bool(chosen.ip) == bool(chosen.files):
        raise UsageError("name a module and its files (mlfpga area TOP FILE …), or an IP (mlfpga area --ip ARCHIVE)")
    if chosen.ip and (chosen.top or chosen.parameters or chosen.data):
        raise UsageError("an IP brings its own top module, parameters and data; leave TOP, -G and --data out")
    if chosen.picture and chosen.blocks is None:
        raise UsageError("--picture draws the blocks; add --blocks")
    design = (
        synthesize.design_of(open_ip(chosen.ip))
        if chosen.ip
        else synthesize.design(chosen.top, chosen.files, dict(map(parameter, chosen.parameters)), chosen.data)
    )
    if chosen.blocks is not None:
        show_blocks(synthesize.area_by_block_of(design, chosen.blocks), chosen.picture)
        return
    area = synthesize.area_of(design)
    print(f"{area.luts:,} LUT cells")
    print(f"{area.lutram_luts + area.shift_registers:,} LUTs in memories and shift registers")
    print(f"{area.flip_flops:,} flip-flops")
    print(f"{area.dsps:,} DSP48E2")
    print(f"{area.bram36:g} BRAM36")


def parameter(text: str) -> tuple[str, int | str]:
    """The name and the value of `NAME=VALUE`; what is no number is a text."""
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise UsageError(f"-G {text} is not NAME=VALUE")
    try:
        return name, int(value, 0)
    except ValueError:
        return name, value


def show_blocks(areas, picture: Path | None) -> None:
    """Print the table, and draw the picture if there is to be one."""
    from mlfpga.artifacts import writing
    from mlfpga.evaluate import area_table, plot_area

    print(area_table(areas).to_string())
    if picture:
        with writing(picture) as file:
            plot_area(areas).savefig(file)
        print(f"{picture} shows it")
