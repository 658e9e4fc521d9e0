"""Train a PyTorch network, or its quantization-aware twin: a short loop that gives the same result every time."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from mlfpga.datasets import Dataset


class TrainingError(ValueError):
    """A training that cannot give a useful network."""


def train(
    module: torch.nn.Module,
    data: "Dataset",
    epochs: int,
    learning_rate: float = 5e-3,
    batch_size: int = 128,
    augment: int = 0,
    seed: int = 0,
    progress=print,
) -> list[float]:
    """Adam on the training split, the learning rate rising briefly and then falling to 0; the validation accuracies.

    augment   every batch is shifted by up to so many pixels, anew each time; what moves in is black (0). Pictures only
    seed      of the order and the shifts; with torch.manual_seed before the module is made, all of it is repeatable
    progress  called with a line of text about four times; None for silence

    One thread, because the order of sums, and so the result, depends on their number. Raises TrainingError for
    settings that train nothing, for data that does not fit the module, and if the loss becomes NaN.
    """
    if epochs < 1 or not 0 < learning_rate < np.inf or batch_size < 2 or augment < 0:
        raise TrainingError(
            f"epochs {epochs}, learning_rate {learning_rate}, batch_size {batch_size}, augment {augment}; choose "
            "epochs of at least 1, a learning rate above 0, batches of at least 2 and an augment of 0 or more pixels"
        )
    x, y = as_torch(data.x_train), torch.as_tensor(data.y_train)
    if augment and x.ndim != 4:
        raise TrainingError(f"augment shifts pictures, and {data.name} has none; leave it at 0")
    batch_size = min(batch_size, len(x))
    batches = len(x) // batch_size
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * batches, pct_start=0.1
    )
    history = []
    with single_thread():
        for epoch in range(1, epochs + 1):
            module.train()
            order = torch.randperm(len(x), generator=random)[: batches * batch_size]
            for chosen in order.view(batches, batch_size):
                images = _shifted(x[chosen], augment, random) if augment else x[chosen]
                loss = functional.cross_entropy(module(images), y[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            if not torch.isfinite(loss):
                raise TrainingError(f"the loss is {loss.item()} after epoch {epoch}; choose a smaller learning_rate")
            history.append(accuracy(module, data.x_validation, data.y_validation))
            if progress and (epoch % -(-epochs // 4) == 0 or epoch == epochs):
                progress(f"epoch {epoch}/{epochs}: loss {loss.item():.3f}, validation accuracy {history[-1]:.2%}")
    return history


def accuracy(module: torch.nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The part of samples `x` (n, *sample shape, channels last) whose largest logit is that of label `y`."""
    return float((logits(module, x).argmax(1) == np.asarray(y)).mean())


def logits(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """The module's answers (n, classes) to `x` (n, *sample shape, channels last), as when it is not training."""
    was_training = module.training
    module.eval()
    with torch.no_grad():
        answers = torch.cat([module(batch) for batch in as_torch(x).split(1000)]).numpy()
    module.train(was_training)
    return answers


def as_torch(x: np.ndarray) -> torch.Tensor:
    """Samples as PyTorch takes them: (n, H, W, C) becomes (n, C, H, W), float32; rows stay."""
    x = np.asarray(x, np.float32)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x))


@contextmanager
def single_thread():
    """PyTorch with one thread, which gives the same sums on every machine of a kind."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _shifted(images: torch.Tensor, pixels: int, random: torch.Generator) -> torch.Tensor:
    down, right = torch.randint(0, 2 * pixels + 1, (2,), generator=random).tolist()
    height, width = images.shape[2:]
    return functional.pad(images, (pixels,) * 4)[:, :, down : down + height, right : right + width]
