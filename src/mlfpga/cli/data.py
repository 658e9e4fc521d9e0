"""Numbers in, numbers out: `data` and `simulate`."""

import argparse
from pathlib import Path

from mlfpga.cli.verbs import InputError, UsageError, add_verb


def add_verbs(verbs) -> None:
    """Add this module's verbs."""
    data = add_verb(
        verbs,
        "data",
        "Load a dataset, verify it and describe it; public files are downloaded once if they are not on this machine",
        work_data,
        """
mlfpga data digits
mlfpga data pulses-generated --show pulses.png
MLFPGA_DATA=/folder/with/files mlfpga data mnist
""",
    )
    data.add_argument("name", help="digits, mnist, pulses, recommender or another; an unknown name lists them all")
    data.add_argument(
        "--show", metavar="FILE", type=Path, help="draw some of its samples into this file, e.g. data.png"
    )

    simulate = add_verb(
        verbs,
        "simulate",
        "Feed samples to an accelerator's C simulation and print, or keep, its outputs",
        work_simulate,
        """
mlfpga simulate build/digits/accelerator x.npy                  print the class of every sample
mlfpga simulate build/digits/accelerator x.npy --output y.npy   keep the outputs instead
""",
    )
    simulate.add_argument("folder", type=Path, help="the accelerator stage, or any folder with accelerator.json")
    simulate.add_argument("input", type=Path, help="NumPy file with samples, in engineering units")
    simulate.add_argument("--output", type=Path, help="write the outputs to this NumPy file")
    simulate.add_argument("--saturate", action="store_true", help="clip values outside the input format's range")


def read_samples(path: Path):
    """The array of real numbers in a .npy file. Raises InputError for a file that holds anything else."""
    import numpy as np

    try:
        samples = np.load(path)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is not a whole .npy file of numbers: {error}") from error
    if not isinstance(samples, np.ndarray):
        raise InputError(f"{path} is an archive of several arrays; write the samples alone, with numpy.save")
    return samples


def work_data(chosen: argparse.Namespace) -> None:
    from mlfpga import datasets

    data = datasets.load(chosen.name)
    print(data.describe())
    if chosen.show:
        _draw(data, chosen.show)


def _draw(data, path: Path) -> None:
    """`data.show()` in a picture file of the kind that its name says, whole or not at all."""
    from mlfpga.artifacts import writing

    picture = data.show()
    kind = path.suffix.removeprefix(".").lower()
    kinds = picture.canvas.get_supported_filetypes()
    if kind not in kinds:
        raise UsageError(
            f"{path} does not say what kind of picture it is; end it in .png or .{', .'.join(sorted(kinds))}"
        )
    with writing(path) as temporary:
        picture.savefig(temporary, format=kind)
    print(f"drawn into {path}")


def work_simulate(chosen: argparse.Namespace) -> None:
    import numpy as np

    from mlfpga.accelerators import Accelerator
    from mlfpga.artifacts import writing

    accelerator = Accelerator.load(chosen.folder)
    samples = read_samples(chosen.input)
    if samples.shape == accelerator.input.shape:
        samples = samples[np.newaxis]
    outputs = accelerator.predict(samples, saturate=chosen.saturate)
    if chosen.output:
        with writing(chosen.output) as temporary:
            with open(temporary, "wb") as stream:  # given a name, NumPy would add .npy to one without
                np.save(stream, outputs)
        print(f"{len(outputs)} outputs of shape {accelerator.output.shape} are in {chosen.output}")
    else:
        for sample, scores in enumerate(outputs):
            print(f"sample {sample}: class {int(np.argmax(scores))}, outputs {np.array2string(scores, precision=4)}")
