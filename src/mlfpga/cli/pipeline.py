"""`pipeline`: from a trained network to streaming RTL, a verb for each step."""

import argparse
from pathlib import Path

from mlfpga.cli.verbs import InputError, UsageError, add_dataset, add_group, add_verb, dataset_of


def add_verbs(verbs) -> None:
    """`pipeline train`, `quantize`, `plan`, `export`, `simulate` and `estimate`."""
    pipeline = add_group(
        verbs,
        "pipeline",
        "An accelerator of RTL, step by step: train, quantize, plan, export, simulate, estimate",
        """
mlfpga pipeline train --dataset digits digits.pt       a small CNN, in floating point
mlfpga pipeline quantize digits.pt digits_integers     trained on with 4 bits: network.json and .hex files
mlfpga pipeline quantize model.h5 integers --dataset digits --weight-bits 6   a Keras or QKeras model instead
mlfpga pipeline plan digits_integers --cycles 100      which stage gets how much hardware
mlfpga pipeline export digits_integers ip --cycles 100  the RTL: a Vivado IP, ready to be simulated
mlfpga pipeline simulate ip --dataset digits           every test sample through the RTL, bit by bit
mlfpga pipeline estimate ip --blocks                   its area by Yosys
""",
    )
    train = add_verb(pipeline, "train", "Train the course's CNN on pictures, in floating point", work_train)
    train.add_argument("model", type=Path, help="the file it is kept in, e.g. digits.pt")
    train.add_argument("--epochs", type=int, help="(default: as in the lab)")
    add_dataset(train)

    quantize = add_verb(pipeline, "quantize", "Make a trained network one of integers", work_quantize)
    quantize.add_argument("model", type=Path, help="what train wrote (.pt), or a Keras or QKeras model (.h5)")
    quantize.add_argument("network", type=Path, help="a folder: gets network.json and the .hex files; must not exist")
    quantize.add_argument("--weight-bits", type=int, default=4, help="2 to 8 (default: 4)")
    quantize.add_argument("--activation-bits", type=int, default=4, help="2 to 8 (default: 4)")
    quantize.add_argument(
        "--post-training", action="store_true", help="only calibrate; do not train with rounded numbers"
    )
    quantize.add_argument("--epochs", type=int, help="of the training with rounded numbers (default: as in the lab)")
    add_dataset(quantize)

    plan = add_verb(pipeline, "plan", "Say how much hardware each stage needs, and which one limits", work_plan)
    export = add_verb(pipeline, "export", "Write the RTL of a network: an IP, its weights, its simulation", work_export)
    for verb in (plan, export):
        verb.add_argument("network", type=Path, help="the folder that quantize wrote")
        verb.add_argument("--cycles", type=int, help="at most so many clock cycles an image")
        verb.add_argument("--pixels", type=int, help="pixels in a beat of the input stream (default: chosen)")
        verb.add_argument("--share", type=float, help="instead of --cycles: as fast as this share of the board allows")
    plan.add_argument("--picture", type=Path, metavar="FILE", help="draw it too (.png or .svg)")
    export.add_argument("accelerator", type=Path, help="a folder; must not exist")
    export.add_argument("--name", help="of the IP (default: the network's)")

    simulate = add_verb(pipeline, "simulate", "Send every test sample through the RTL and compare", work_simulate)
    simulate.add_argument("--samples", type=int, help="only the first so many")
    add_dataset(simulate)
    estimate = add_verb(pipeline, "estimate", "Estimate the area of the RTL with Yosys", work_estimate)
    estimate.add_argument("--blocks", action="store_true", help="of each block, too")
    for verb in (simulate, estimate):
        verb.add_argument("accelerator", type=Path, help="the folder that export wrote")


def work_train(chosen: argparse.Namespace) -> None:
    import torch

    from mlfpga.accelerators.pipeline import checkpoint, recipe, training
    from mlfpga.datasets import load

    data = _pictures(load(dataset_of(chosen)))
    settings = recipe.recipe_of(data)
    torch.manual_seed(0)
    module = recipe.cnn(data.sample_shape, len(data.classes))
    epochs = settings.float_epochs if chosen.epochs is None else chosen.epochs
    training.train(module, data, epochs, settings.float_rate, batch_size=settings.batch_size, augment=settings.augment)
    checkpoint.save_module(module, data, chosen.model)
    print(f"{chosen.model}: {training.accuracy(module, data.x_test, data.y_test):.2%} on the test samples")


def work_quantize(chosen: argparse.Namespace) -> None:
    from mlfpga.accelerators import pipeline

    _refuse_existing(chosen.network)
    if not chosen.model.is_file():
        raise FileNotFoundError(2, "no such file", str(chosen.model))
    if chosen.model.suffix == ".h5":
        network, data = _of_keras(chosen)
    elif chosen.model.suffix == ".pt":
        network, data = _of_torch(chosen)
    else:
        raise UsageError(f"{chosen.model} is neither a .pt that train wrote nor a Keras model in an .h5")
    pipeline.save(network, chosen.network)
    print(pipeline.describe(network).to_string())
    accuracy = pipeline.integer_accuracy(network, data.x_test, data.y_test)
    print(f"{chosen.network}: {accuracy:.2%} on the test samples, in integers")


def _of_torch(chosen: argparse.Namespace):
    from mlfpga.accelerators import pipeline
    from mlfpga.accelerators.pipeline import checkpoint, recipe, training
    from mlfpga.datasets import load

    module, trained_on = checkpoint.load_module(chosen.model)
    data = load(chosen.dataset or trained_on)
    samples, bits = data.x_train[:1024], (chosen.weight_bits, chosen.activation_bits)
    height, width, channels = data.sample_shape
    graph = pipeline.from_torch(module, (channels, height, width), f"{data.name}_cnn")
    if chosen.post_training:
        return pipeline.quantize(graph, samples, *bits), data
    settings = recipe.recipe_of(data)
    twin = pipeline.prepare(graph, samples, *bits)
    epochs = settings.twin_epochs if chosen.epochs is None else chosen.epochs
    training.train(
        twin, data, epochs, settings.twin_rate, batch_size=settings.batch_size, augment=settings.augment, seed=1
    )
    return pipeline.quantize(twin.graph()), data


def _of_keras(chosen: argparse.Namespace):
    from mlfpga import models
    from mlfpga.accelerators import pipeline
    from mlfpga.datasets import load

    data = load(dataset_of(chosen))
    graph = pipeline.from_keras(models.load(chosen.model))
    return pipeline.quantize(graph, data.x_train[:1024], chosen.weight_bits, chosen.activation_bits), data


def work_plan(chosen: argparse.Namespace) -> None:
    from mlfpga import evaluate

    choice = _choice(chosen)
    print(evaluate.plan_table(choice.rows).to_string())
    print(f"an image every {choice.interval:,} cycles, latency {choice.latency:,}; {choice.reason}")
    if chosen.picture:
        evaluate.plot_plan(choice.rows, choice.target).savefig(chosen.picture)
        print(chosen.picture)


def work_export(chosen: argparse.Namespace) -> None:
    from mlfpga.accelerators import pipeline

    _refuse_existing(chosen.accelerator)
    made = pipeline.build(_choice(chosen).plan, chosen.accelerator, chosen.name)
    print(f"{made.folder / 'ip'}: the IP {made.vlnv}, {len(list((made.folder / 'ip' / 'hdl').iterdir()))} files")


def work_simulate(chosen: argparse.Namespace) -> int:
    import numpy as np

    from mlfpga.accelerators import Accelerator, pipeline
    from mlfpga.datasets import load

    accelerator = Accelerator.load(chosen.accelerator)
    network = pipeline.load(chosen.accelerator / "network")
    data = load(dataset_of(chosen))
    x, y = data.x_test[: chosen.samples], data.y_test[: chosen.samples]
    expected = pipeline.run(network, pipeline.to_integers(network, x)).reshape(len(x), -1)
    seen = pipeline.watch(accelerator, None, x, inside=False)
    given = accelerator.output.unpack(seen.words).reshape(len(x), -1)
    different = int((given != expected).sum())
    answers = given[:, 0] if given.shape[1] == 1 else given.argmax(axis=1)
    print(f"{len(x):,} samples, {np.mean(answers == y):.2%} right")
    print(f"{different:,} of {expected.size:,} numbers differ from the reference")
    print(f"latency {seen.latency:,} cycles, then a result every {seen.interval:,} cycles")
    return 1 if different else 0


def work_estimate(chosen: argparse.Namespace) -> None:
    from mlfpga.cli import synthesis

    asked = argparse.Namespace(top=None, files=[], parameters=[], data=[], ip=chosen.accelerator / "ip")
    asked.blocks, asked.picture = 1 if chosen.blocks else None, None
    synthesis.work_area(asked)


def _choice(chosen: argparse.Namespace):
    """The plan that the options ask for, and what is expected of it."""
    from mlfpga.accelerators import pipeline

    network = pipeline.load(chosen.network)
    if chosen.cycles is not None and chosen.share is not None:
        raise UsageError("--cycles and --share are two ways to choose; give one of them")
    if chosen.cycles is not None:
        return pipeline.plan_for_rate(network, chosen.cycles, pixels_per_beat=chosen.pixels)
    if chosen.share is not None:
        return pipeline.plan_for_board(network, share=chosen.share, pixels_per_beat=chosen.pixels)
    return pipeline.smallest(network)


def _pictures(data):
    if data.case != "cnn":
        raise InputError(f"{data.name} has no pictures; the course's CNN learns from digits, mnist or fashion_mnist")
    return data


def _refuse_existing(folder: Path) -> None:
    if folder.exists():
        raise UsageError(f"{folder} exists; name a new folder or remove this one")
