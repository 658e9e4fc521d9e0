"""The course's CNN in a file: what its training left, and what is needed to make the module again."""

from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from torch import nn

from mlfpga.accelerators.pipeline.graph import GraphError
from mlfpga.accelerators.pipeline.recipe import cnn
from mlfpga.artifacts import writing

if TYPE_CHECKING:
    from mlfpga.datasets import Dataset


def save_module(module: nn.Sequential, data: "Dataset", path: Path | str) -> None:
    """Keep a module that `cnn` made for `data` in the file `path`, whole or not at all."""
    entry = {
        "dataset": data.name,
        "input_shape": list(data.sample_shape),
        "classes": len(data.classes),
        "weights": module.state_dict(),
    }
    with writing(Path(path)) as temporary:
        torch.save(entry, temporary)


def load_module(path: Path | str) -> tuple[nn.Sequential, str]:
    """The module that `save_module` kept, and the name of the dataset it was trained on.

    Nothing in the file is executed. Raises GraphError if the file holds no such module.
    """
    try:
        entry = torch.load(path, weights_only=True)
        module = cnn(entry["input_shape"], entry["classes"])
        module.load_state_dict(entry["weights"])
        return module, str(entry["dataset"])
    except (RuntimeError, UnpicklingError, KeyError, TypeError, EOFError, ValueError) as error:
        raise GraphError(
            f"{path} holds no network that `mlfpga pipeline train` wrote ({type(error).__name__}); train it again"
        ) from error
