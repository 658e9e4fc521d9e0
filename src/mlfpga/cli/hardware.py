"""Towards the board: `bundle`, `board`, `vivado`."""

import argparse
import sys
from pathlib import Path

from mlfpga.cli.verbs import add_dataset, add_group, add_verb


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    add_bundle(verbs)
    add_board(verbs)


def add_bundle(verbs) -> None:
    """`bundle write` and `bundle verify`."""
    bundle = add_group(
        verbs,
        "bundle",
        "The folder that goes to a board",
        """
mlfpga bundle write /tmp/digits     copy the finished bundle of digits there, verified
mlfpga bundle verify /tmp/digits    every file is there and is what the manifest says
""",
    )
    write = add_verb(
        bundle, "write", "Make the bundle (running the labs it lacks) and copy it to a folder", work_bundle_write
    )
    write.add_argument("folder", type=Path, help="where the bundle goes; must not exist yet")
    add_dataset(write)
    verify = add_verb(bundle, "verify", "Check every file of a bundle against its manifest", work_bundle_verify)
    verify.add_argument("folder", type=Path)


def add_board(verbs) -> None:
    """`board run` and `board info`."""
    board = add_group(
        verbs,
        "board",
        "The virtual AUP-ZU3: a board that needs no hardware, behind the real pynq package",
        """
mlfpga board run /tmp/digits/deploy.ipynb --output /tmp/executed.ipynb
mlfpga board info
""",
    )
    run = add_verb(
        board, "run", "Execute a notebook in the virtual board's kernel, in the notebook's own folder", work_board_run
    )
    run.add_argument("notebook", type=Path)
    run.add_argument("--output", type=Path, help="the executed notebook (default: NOTEBOOK's name + _executed)")
    add_verb(board, "info", "Say which board environment and kernel are in use", work_board_info)


def work_bundle_write(chosen: argparse.Namespace) -> None:
    import shutil

    from mlfpga import course
    from mlfpga.artifacts import writing_folder
    from mlfpga.bundle import load

    if chosen.folder.exists():
        raise FileExistsError(f"{chosen.folder} exists; name a new folder or remove this one")
    made = course.workspace(chosen.dataset).need("bundle")
    with writing_folder(chosen.folder) as folder:
        # The stage's own two records are the course's, not the board's.
        shutil.copytree(made, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stage.json", "metrics.json"))
        load(folder).verify()
    print(f"{chosen.folder} is ready: copy it to the board and open deploy.ipynb there")


def work_bundle_verify(chosen: argparse.Namespace) -> None:
    from mlfpga.bundle import load

    manifest = load(chosen.folder)
    manifest.verify()
    print(f"{chosen.folder}: {manifest.name} for {manifest.board}, {len(manifest.files)} files, all as in the manifest")


def work_board_run(chosen: argparse.Namespace) -> int:
    from mlfpga.course import notebooks
    from mlfpga.course.progress import Progress
    from mlfpga.course.stages import BOARD_KERNEL

    source = chosen.notebook
    target = chosen.output or source.with_name(f"{source.stem}_executed.ipynb")
    progress = Progress(sys.stdout)
    progress.stage(1, 1, source.name, "a run on the virtual board")
    outcome = notebooks.execute(source, source.resolve().parent, BOARD_KERNEL, {}, progress.cell)
    notebooks.save(outcome.notebook, target, source.resolve().parent)
    if outcome.failure:
        progress.failed(outcome.seconds)
        print(f"mlfpga: {source}: {outcome.failure} (as far as it came: {target})", file=sys.stderr)
        return 1
    progress.done(outcome.seconds)
    print(target)
    return 0


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
