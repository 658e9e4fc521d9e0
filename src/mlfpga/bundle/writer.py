"""Fill the deployment templates into a bundle."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlfpga import exercises, formats
from mlfpga.artifacts import course_root, writing_folder
from mlfpga.bundle import manifest as manifest_module
from mlfpga.bundle.manifest import CASES, SCHEMA, BundleError, Manifest, load, sha256
from mlfpga.bundle.overlay import check_overlay

_BOARD = "AUP-ZU3"


@dataclass(frozen=True)
class Overlay:
    """The hardware to put into a bundle.

    bitstream, handoff  paths of the .bit and the .hwh
    origin              "dry run", or the Vivado that built it
    dma, accelerator    names of the IPs in the block design
    """

    bitstream: Path
    handoff: Path
    origin: str
    dma: str = "axi_dma_0"
    accelerator: str = "accelerator_0"


def write(
    folder: Path | str,
    accelerator,
    overlay: Overlay,
    inputs: np.ndarray,
    labels: np.ndarray,
    classes: list[str],
    accuracy: dict[str, float],
    case: str | None = None,
    ranking: dict[str, dict[str, float]] | None = None,
) -> Manifest:
    """Write the bundle of an accelerator; it appears whole or not at all, and is verified before it appears.

    accelerator  an mlfpga.accelerators.Accelerator; its simulation goes along, for the virtual board
    inputs       test inputs (n, *shape) in engineering units; every expected word comes from the simulation of these
    labels       (n,) integers
    accuracy     by stage, over these inputs: "float", "compressed"; "c_simulation" (of C++, or of RTL) is measured here
    case         what a sample is: "mlp", "cnn" or "rnn"; None: "cnn" if it has more than one axis, else "mlp"
    ranking      of the case rnn: top_1, top_5, top_10 and mrr_10 by stage, as `accuracy`

    Raises RangeError if an input is outside the accelerator's input format, BundleError if labels do not fit inputs or
    the overlay is not the accelerator's.
    """
    case = case or ("cnn" if len(accelerator.input.shape) > 1 else "mlp")
    if case not in CASES:
        raise BundleError(f"there is no case {case!r}; choose one of {', '.join(CASES)}")
    if len(labels) != len(inputs) or not len(inputs):
        raise BundleError(f"{len(inputs)} inputs came with {len(labels)} labels; give one for each, and at least one")
    check_overlay(
        Path(overlay.handoff), overlay.dma, overlay.accelerator, accelerator.vlnv, accelerator.input.stream_bits
    )
    inputs = np.asarray(inputs, dtype=np.float32)  # what the board will read is what is simulated
    expected_words = accelerator.predict_words(accelerator.input.encode(inputs))
    results = accelerator.output.decode(expected_words).reshape(len(inputs), -1)
    accuracy = accuracy | {"c_simulation": float(np.mean(results.argmax(axis=1) == labels))}
    ranking = (ranking or {}) | ({"c_simulation": _ranking(results, np.asarray(labels))} if case == "rnn" else {})

    with writing_folder(folder) as target:
        shutil.copy(overlay.bitstream, target / "overlay.bit")
        shutil.copy(overlay.handoff, target / "overlay.hwh")
        np.savez_compressed(
            target / "vectors.npz",
            inputs=inputs,
            labels=np.asarray(labels, dtype=np.int64),
            expected_words=expected_words,
        )
        _copy_board_code(target)
        _copy_simulation(accelerator.folder, target / "sim")
        # A notebook changes with every run and every save in JupyterLab; it is the user's own.
        files = {
            path.relative_to(target).as_posix(): sha256(path)
            for path in sorted(target.rglob("*"))
            if path.is_file() and path.suffix != ".ipynb"
        }
        manifest = Manifest(
            schema=SCHEMA,
            name=accelerator.name,
            case=case,
            board=_BOARD,
            part=accelerator.part,
            clock_mhz=accelerator.clock_mhz,
            overlay=manifest_module.Overlay(
                "overlay.bit", "overlay.hwh", overlay.origin, overlay.dma, overlay.accelerator, accelerator.vlnv
            ),
            input=_stream(accelerator.input),
            output=_stream(accelerator.output),
            classes=tuple(str(name) for name in classes),
            vectors="vectors.npz",
            expected=manifest_module.Expected(len(inputs), accuracy, ranking),
            files=files,
        )
        (target / "manifest.json").write_text(json.dumps(manifest.to_dict(), indent=2) + "\n")
        load(target).verify()
    return load(folder)


def _ranking(results: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """top_1, top_5, top_10 and mrr_10 of results (n, items); of equal results the item with the smaller index leads."""
    own = np.take_along_axis(results, labels[:, None], axis=1)
    ahead = (results > own) | ((results == own) & (np.arange(results.shape[1]) < labels[:, None]))
    place = 1 + ahead.sum(axis=1)
    top = {f"top_{k}": float(np.mean(place <= k)) for k in (1, 5, 10)}
    return top | {"mrr_10": float(np.mean(np.where(place <= 10, 1 / place, 0)))}


def _stream(form: formats.StreamFormat) -> manifest_module.Stream:
    return manifest_module.Stream(str(form.number), form.shape, form.stream_bits, form.words_per_sample, form.pixels)


def _copy_board_code(target: Path) -> None:
    templates = course_root() / "deploy_templates"
    for source in (
        templates / "driver.py",
        templates / "deploy.ipynb",
        Path(formats.__file__),
        Path(exercises.__file__),
        Path(manifest_module.__file__),
    ):
        shutil.copy(source, target / source.name)


def _copy_simulation(accelerator: Path, target: Path) -> None:
    """The parts of an accelerator's folder that its simulation.json names."""
    description = json.loads((accelerator / "simulation.json").read_text())
    if description["kind"] == "rtl":
        names = [description["ip"]]
    else:
        names = [*description["sources"], *description["include"], description["weights"]]
    target.mkdir()
    shutil.copy(accelerator / "simulation.json", target / "simulation.json")
    for root in sorted({Path(name).parts[0] for name in names}):
        if (accelerator / root).is_dir():
            shutil.copytree(accelerator / root, target / root, ignore=shutil.ignore_patterns("ip_project", "*.log"))
        else:
            shutil.copy(accelerator / root, target / root)
