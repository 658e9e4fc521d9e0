"""Towards the board: `bundle` and `board`."""

import argparse
import sys
from pathlib import Path

from mlfpga.cli.verbs import UsageError, add_dataset, add_group, add_verb, dataset_of


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    add_bundle(verbs)
    add_board(verbs)


def add_bundle(verbs) -> None:
    """`bundle` and `bundle verify`."""
    bundle = add_verb(
        verbs,
        "bundle",
        "Make the folder that goes to a board, running the labs it lacks",
        work_bundle,
        """
mlfpga bundle                       make the bundle of digits and say where it is
mlfpga bundle --to ~/digits      and copy it there, verified
mlfpga bundle verify ~/digits    every file is there and is what the manifest says
""",
    )
    add_dataset(bundle)
    bundle.add_argument("--to", type=Path, metavar="FOLDER", help="copy the bundle to a new folder")
    actions = bundle.add_subparsers(metavar="ACTION")
    verify = add_verb(
        actions, "verify", "Check every file of a bundle, and its overlay, against its manifest", work_bundle_verify
    )
    verify.add_argument("folder", type=Path)


def add_board(verbs) -> None:
    """`board run`, `board jupyter` and `board info`."""
    board = add_group(
        verbs,
        "board",
        "The virtual AUP-ZU3: a board that needs no hardware, behind the real pynq package",
        """
mlfpga board run ~/digits/deploy.ipynb --output ~/executed.ipynb
mlfpga board run theirs.ipynb --ip exported_ip.zip    simulate the RTL that Vitis HLS exported
mlfpga board jupyter --ip exported_ip.zip             JupyterLab on a virtual board with that accelerator
mlfpga board overlay OUT --ip my_ip                   an overlay around your own IP, without Vivado
mlfpga board info
""",
    )
    run = add_verb(
        board, "run", "Execute a notebook in the virtual board's kernel, in the notebook's own folder", work_board_run
    )
    run.add_argument("notebook", type=Path)
    run.add_argument("--output", type=Path, help="the executed notebook (default: NOTEBOOK's name + _executed)")
    jupyter = add_verb(
        board, "jupyter", "Open JupyterLab; its kernel AUP-ZU3 (virtual) is the board", work_board_jupyter
    )
    jupyter.add_argument("folder", type=Path, nargs="?", default=Path(), help="where it opens (default: here)")
    jupyter.add_argument(
        "--options", default="", help='JupyterLab\'s own, in one text: --options="--no-browser --port 8890"'
    )
    for verb in (run, jupyter):
        verb.add_argument(
            "--ip",
            type=Path,
            action="append",
            default=[],
            metavar="ARCHIVE",
            help="IP archive (.zip) or folder with component.xml, to simulate its RTL; can be repeated",
        )
        verb.add_argument("--trace", type=Path, metavar="FOLDER", help="write a waveform (VCD) for each of these IPs")
        verb.add_argument(
            "--fst", action="store_true", help="write the waveforms as FST: much smaller, lost if the kernel is killed"
        )
    overlay = add_verb(
        board,
        "overlay",
        "Put an IP into the course's block design: an overlay for the virtual board",
        work_board_overlay,
    )
    overlay.add_argument("folder", type=Path, help="gets overlay.bit, overlay.hwh and sim/; must not exist")
    overlay.add_argument(
        "--ip",
        type=Path,
        required=True,
        metavar="ARCHIVE",
        help="IP archive (.zip) or folder with component.xml, that keeps the accelerator contract (README.md)",
    )
    overlay.add_argument("--clock-mhz", type=float, default=100.0, help="of the programmable logic (default: 100)")
    add_verb(board, "info", "Say which board environment and kernel are in use", work_board_info)


def work_bundle(chosen: argparse.Namespace) -> None:
    import shutil

    from mlfpga import course
    from mlfpga.artifacts import writing_folder
    from mlfpga.bundle import load

    if chosen.to and chosen.to.exists():
        raise UsageError(f"{chosen.to} exists; name a new folder or remove this one")
    made = course.workspace(dataset_of(chosen)).need("bundle")
    load(made).verify()
    if chosen.to:
        with writing_folder(chosen.to) as folder:
            # The stage's two records are the course's, not the board's.
            shutil.copytree(
                made, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stage.json", "metrics.json")
            )
    print(f"{chosen.to or made} is ready: copy it to the board and open deploy.ipynb there")


def work_bundle_verify(chosen: argparse.Namespace) -> None:
    from mlfpga.bundle import check_overlay, load

    manifest = load(chosen.folder)
    manifest.verify()
    overlay = manifest.overlay
    handoff = chosen.folder / overlay.handoff
    check_overlay(handoff, overlay.dma, overlay.accelerator, overlay.vlnv, manifest.input.stream_bits)
    print(f"{chosen.folder}: {manifest.name} for {manifest.board}, {len(manifest.files)} files, all as in the manifest")


def work_board_run(chosen: argparse.Namespace) -> int:
    from mlfpga.course import notebooks
    from mlfpga.course.progress import Progress
    from mlfpga.course.stages import BOARD_KERNEL

    source = chosen.notebook
    target = chosen.output or source.with_name(f"{source.stem}_executed.ipynb")
    progress = Progress(sys.stdout)
    progress.stage(1, 1, source.name, "a run on the virtual board")
    environment = board_environment(chosen)
    outcome = notebooks.execute(source, source.resolve().parent, BOARD_KERNEL, environment, progress.cell)
    notebooks.save(outcome.notebook, target, source.resolve().parent)
    if outcome.failure:
        progress.failed(outcome.seconds)
        print(f"mlfpga: {source}: {outcome.failure} (as far as it came: {target})", file=sys.stderr)
        return 1
    progress.done(outcome.seconds)
    print(target)
    return 0


def work_board_jupyter(chosen: argparse.Namespace) -> int:
    import os
    import shlex
    import subprocess

    from mlfpga.course.stages import BOARD_KERNEL

    if not chosen.folder.is_dir():
        raise UsageError(f"{chosen.folder} is no folder; name one for JupyterLab to open")
    # The encryption is what keeps kernels from warning that they have none.
    command = [sys.executable, "-m", "jupyterlab", f"--MultiKernelManager.default_kernel_name={BOARD_KERNEL}"]
    command += ["--KernelManager.transport_encryption=auto", "--LabApp.news_url=None", *shlex.split(chosen.options)]
    return subprocess.call([*command, str(chosen.folder)], env={**os.environ, **board_environment(chosen)})


def board_environment(chosen: argparse.Namespace) -> dict[str, str]:
    """What tells the board's kernel which IP archives to simulate, and where waveforms go.

    The simulations are built here, so that what is wrong with an archive is said before a notebook runs, and nothing
    of the building stands among the notebook's outputs.
    """
    import os

    environment = {}
    suffix = trace_suffix(chosen.fst) if chosen.trace else None
    if chosen.ip:
        build_simulations(chosen.ip, suffix)
        environment["MLFPGA_IP"] = os.pathsep.join(str(archive.resolve()) for archive in chosen.ip)
    if chosen.trace:
        environment["MLFPGA_TRACE"] = str(chosen.trace.resolve())
        environment["MLFPGA_TRACE_KIND"] = suffix
    return environment


def trace_suffix(fst: bool) -> str:
    """The suffix of the waveforms: .vcd where FST was not asked for, or is not possible (then it is said)."""
    from mlfpga.simulate.rtl import best_trace

    suffix, reason = best_trace() if fst else (".vcd", "")
    if reason:
        print(f"{reason}; writing .vcd, which every viewer opens too", file=sys.stderr)
    return suffix


def build_simulations(archives: list[Path], trace: str | None) -> None:
    """Build the simulation of each IP archive into the cache, where the board's kernel finds it.

    trace  suffix of the waveforms that it will write, None for none
    """
    import tempfile

    from mlfpga.simulate.rtl import RtlSimulation, open_ip

    with tempfile.TemporaryDirectory() as folder:
        for archive in archives:
            RtlSimulation(open_ip(archive), trace=Path(folder) / f"trace{trace}" if trace else None).close()


def work_board_overlay(chosen: argparse.Namespace) -> None:
    from mlfpga.course.overlays import write_overlay

    if chosen.folder.exists():
        raise UsageError(f"{chosen.folder} exists; name a new folder or remove this one")
    print(f'Overlay("{write_overlay(chosen.ip, chosen.folder, chosen.clock_mhz)}") loads it on the virtual board')


def work_board_info(chosen: argparse.Namespace) -> None:
    import subprocess

    from mlfpga.course.kernels import default_board_python

    python = default_board_python()
    if not python.is_file():
        raise FileNotFoundError(2, "no such file", str(python))
    ask = "import sys, pynq, numpy; print(f'Python {sys.version.split()[0]}, pynq {pynq.__version__}, "
    ask += "NumPy {numpy.__version__}')"
    answer = subprocess.run([python, "-W", "ignore", "-c", ask], capture_output=True, text=True)
    print(f"interpreter  {python}")
    print(f"holds        {answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]}")
    print("kernel       AUP-ZU3 (virtual): pynq with a virtual AUP-ZU3 (xczu3eg-sfvc784-2-e) as its device")
