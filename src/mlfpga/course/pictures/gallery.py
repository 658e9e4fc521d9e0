"""What stands in `img/`, and how each picture is drawn."""

from collections.abc import Callable
from pathlib import Path

from mlfpga.artifacts import course_root, writing
from mlfpga.course.pictures import record
from mlfpga.course.pictures.board_setup import board_setup
from mlfpga.course.pictures.result import result
from mlfpga.course.pictures.workflow import workflow


def draw(folder: Path | None = None) -> list[Path]:
    """Draw every picture into a folder, `img/` if None; returns their paths."""
    folder = Path(folder) if folder else course_root() / "img"
    drawn = []
    for name, picture in PICTURES.items():
        picture(folder / name)
        drawn.append(folder / name)
    return drawn


def draw_block_design(path: Path) -> None:
    """The block design as a dry run of `vivado/build.tcl` finds it, with a stand-in for the accelerator."""
    # The room of block designs needs a Tcl interpreter and matplotlib: only who draws this picture loads them.
    from mlfpga.blockdesign import accelerator_ip, dry_run

    accelerator = "mlfpga:hls:accelerator_axi:1.0"
    ip = accelerator_ip(accelerator, stream_bits_in=32, stream_bits_out=32)
    design = dry_run(course_root() / "vivado" / "build.tcl", {"accelerator_vlnv": accelerator}, [ip])
    # One clock and one reset go to everything; drawn, they would hide what matters here.
    design.draw(path, clocks=False, resets=False)


def _of_text(svg: Callable[[], str]) -> Callable[[Path], None]:
    """A function that writes what `svg` returns."""

    def write(path: Path) -> None:
        text = svg()
        with writing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    return write


PICTURES: dict[str, Callable[[Path], None]] = {
    "workflow.svg": _of_text(workflow),
    "block_design.svg": draw_block_design,
    "board_setup.svg": _of_text(board_setup),
    "result.svg": _of_text(lambda: result(record.load())),
}
