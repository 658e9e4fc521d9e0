"""The area of each block of a design."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from threading import Lock

from mlfpga.artifacts import content_key
from mlfpga.simulate.building import Tools
from mlfpga.synthesize.areas import SYNTHESIS, Area, Job, kept, read_area, root, synthesised
from mlfpga.synthesize.design import Design, design
from mlfpga.synthesize.errors import SynthesisError
from mlfpga.synthesize.rtlil import cut, instances, modules
from mlfpga.synthesize.yosys import find_yosys, on_all_cores

_ELABORATED = "elaborated.il"
_BLOCK = "block"


@dataclass(frozen=True)
class BlockAreas:
    """What each block of a design takes, alone, and what the whole takes.

    blocks  path of the instance -> its area, synthesised alone: no optimisation reaches across its ports
    rest    what stands between the blocks
    whole   the design synthesised as one, hierarchy flattened: the figure to judge it by

    `total` (blocks and rest) is usually a little more than `whole`: alone, a block does not know that a neighbour feeds
    it a constant or ignores an output.
    """

    top: str
    blocks: dict[str, Area]
    rest: Area
    whole: Area

    @property
    def total(self) -> Area:
        """The sum of the blocks and the rest."""
        return reduce(add, self.blocks.values(), self.rest)


def area_by_block(
    top: str,
    files: Sequence[Path | str],
    parameters: Mapping[str, int | str] | None = None,
    data: Sequence[Path | str] = (),
    level: int = 1,
) -> BlockAreas:
    """Synthesise each instance of `top` alone, and the whole; see `area` for what is given.

    level  1: the instances in `top` itself; 2: the instances in those, and so on

    Both cores work, a line tells of each block that is finished. Every block is kept in the cache under its own
    content: a run that was stopped goes on where it was, equal blocks are synthesised once, and after a change only the
    blocks that it touched are. Raises SynthesisError as `area` does, and for a level below 1.
    """
    return area_by_block_of(design(top, files, parameters, data), level)


def area_by_block_of(chosen: Design, level: int = 1) -> BlockAreas:
    """As `area_by_block`, for a `Design`."""
    if level < 1:
        raise SynthesisError(f"level {level} of the hierarchy is not below {chosen.top}; choose 1 or more")
    elaborated = modules(_elaborate(chosen))
    blocks = instances(elaborated, f"\\{chosen.top}", level)
    texts = {path: cut(elaborated, module, set(), _BLOCK)[0] for path, module in blocks.items()}
    rest, boxes = cut(elaborated, f"\\{chosen.top}", set(blocks.values()), _BLOCK)
    first = {text: path for path, text in reversed(texts.items())}
    shown = _Progress(len(first) + 2)
    found: dict[str, Area] = {}

    def work(tools: Tools, job: tuple[str, str | None]) -> None:
        name, text = job
        area = _alone(tools, name, text) if text is not None else read_area(synthesised(tools, chosen))
        found[text if text is not None else ""] = area
        shown.finished(name, area)

    # The whole takes longest, so it begins first.
    jobs = [(f"{chosen.top}, all of it", None), ("what is between the blocks", rest)]
    on_all_cores(root(), work, [*jobs, *((path, text) for text, path in first.items())])
    between = {name: count for name, count in found[rest].cells.items() if name not in boxes}
    return BlockAreas(
        chosen.top,
        {path: found[text] for path, text in texts.items()},
        Area(between, found[rest].seconds),
        found[""],
    )


def _elaborate(chosen: Design) -> str:
    script = chosen.read(" --keep-hierarchy") + f"write_rtlil {_ELABORATED}\n"
    job = Job(chosen.top, script, chosen.lay_out, chosen.top, chosen.names)
    folders: list[Path] = []
    on_all_cores(root(), lambda tools, key: folders.append(kept(tools, job, key)), [chosen.key(script)])
    return (folders[0] / _ELABORATED).read_text()


def _alone(tools: Tools, name: str, text: str) -> Area:
    script = "read_rtlil block.il\n" + SYNTHESIS.format(top=_BLOCK)
    key = content_key(find_yosys().version, script, text)

    def lay_out(folder: Path) -> None:
        (folder / "block.il").write_text(text)

    return read_area(kept(tools, Job(_BLOCK, script, lay_out, name), key))


class _Progress:
    """One line for each part that is finished."""

    def __init__(self, parts: int):
        self._parts, self._done, self._lock = parts, 0, Lock()

    def finished(self, name: str, area: Area) -> None:
        with self._lock:
            self._done += 1
            print(f"  [{self._done}/{self._parts}] {name}: {area.luts:,} LUT cells, {area.dsps} DSP48E2", flush=True)
