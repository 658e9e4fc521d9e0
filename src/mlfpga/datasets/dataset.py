"""The one shape that every dataset has."""

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mlfpga.formats import FixedPoint, RangeError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPLITS = ("train", "validation", "test")
_CASES = {"mlp": 1, "cnn": 3, "rnn": 1}  # axes of one sample
_CLASSES_TOLD = 12
_SAMPLES_SHOWN = 2_000


class DatasetError(Exception):
    """A dataset that does not exist, cannot be had, or is not what it should be."""


@dataclass(frozen=True)
class Dataset:
    """Samples and labels of a classification task, in three splits that share no sample.

    case          the case study: "mlp" (rows of numbers), "cnn" (pictures) or "rnn" (sequences of item numbers)
    x_*           float32 (n, *sample_shape), already normalised, every value exactly representable in `number`
    y_*           int64 (n,), the class's index, 0 … len(classes) - 1; in an rnn, the item that comes next
    classes       the classes' names, in the order of their index
    sample_shape  of one sample: (features,), (height, width, channels) or (steps,)
    number        fixed-point format of one value as the accelerator's input takes it, e.g. "ufixed<8,1>"
    first_number  the number of a row's first value in the recording it was cut from, for the axis of a picture
    picture       of pictures laid out as rows (see `flat`): their (height, width, channels); else None

    Fit on `train`, choose (epochs, widths, bits) on `validation`, report on `test`. Raises DatasetError if the arrays
    contradict this description.
    """

    name: str
    case: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_validation: np.ndarray = field(repr=False)
    y_validation: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    sample_shape: tuple[int, ...]
    number: str
    source: str = field(repr=False)
    licence: str = field(repr=False)
    citation: str = field(repr=False)
    first_number: int = 0
    picture: tuple[int, ...] | None = None

    def __post_init__(self):
        if self.case not in _CASES:
            raise DatasetError(f"{self.name}: there is no case {self.case!r}; choose one of {', '.join(_CASES)}")
        if len(self.sample_shape) != _CASES[self.case]:
            raise DatasetError(
                f"{self.name}: samples of shape {self.sample_shape} do not fit the case {self.case}, "
                f"whose samples have {_CASES[self.case]} axes"
            )
        for split in _SPLITS:
            x, y = self.split(split)
            if len(x) == 0 or x.shape != (len(x), *self.sample_shape) or y.shape != (len(x),):
                raise DatasetError(
                    f"{self.name}: x_{split} {x.shape} and y_{split} {y.shape} do not belong together; "
                    f"expected (n, {', '.join(map(str, self.sample_shape))}) and (n,)"
                )
            if y.dtype.kind not in "iu":
                raise DatasetError(f"{self.name}: y_{split} holds {y.dtype}; labels are whole numbers (int64)")
            if y.min() < 0 or y.max() >= len(self.classes):
                raise DatasetError(
                    f"{self.name}: y_{split} holds labels {y.min()} to {y.max()}; "
                    f"{len(self.classes)} classes need labels 0 to {len(self.classes) - 1}"
                )
            self._check_values(f"x_{split}", x)

    def _check_values(self, what: str, x: np.ndarray) -> None:
        number = FixedPoint.parse(self.number)
        try:
            # In slices: the exact check works in doubles, and all of MNIST at once would need a gigabyte.
            for start in range(0, len(x), 4096):
                block = x[start : start + 4096]
                if not np.array_equal(number.from_raw(number.to_raw(block)), block):
                    raise DatasetError(f"{self.name}: {what} holds values between the steps of {number}")
        except RangeError as error:
            raise DatasetError(f"{self.name}: {what}: {error}") from error

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of "train", "validation" or "test"."""
        if name not in _SPLITS:
            raise DatasetError(f"there is no split called {name!r}; choose one of {', '.join(_SPLITS)}")
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    @property
    def features(self) -> int:
        """Numbers in one sample."""
        return prod(self.sample_shape)

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value over all splits."""
        every = [self.split(split)[0] for split in _SPLITS]
        return float(min(x.min() for x in every)), float(max(x.max() for x in every))

    def subset(self, n: int, seed: int) -> "Dataset":
        """The same with only `n` training samples, drawn by `seed`; validation and test stay whole.

        A smaller subset of the same seed is a part of a larger one. Raises DatasetError if there are not `n`.
        """
        if not 1 <= n <= len(self.x_train):
            raise DatasetError(f"{self.name} cannot give {n} training samples; choose 1 to {len(self.x_train):,}")
        chosen = np.random.default_rng(seed).permutation(len(self.x_train))[:n]
        return replace(self, x_train=self.x_train[chosen], y_train=self.y_train[chosen])

    def flat(self) -> "Dataset":
        """The same with every sample as one row (n, features), for a network without an idea of space.

        Pictures turn into rows, one line of pixels after another, and belong to the case "mlp" then; rows and
        sequences are flat already.
        """
        if self.case != "cnn":
            return self
        flattened = {f"x_{split}": self.split(split)[0].reshape(-1, self.features) for split in _SPLITS}
        return replace(self, case="mlp", sample_shape=(self.features,), picture=self.sample_shape, **flattened)

    def images(self, x: np.ndarray) -> np.ndarray:
        """Samples of image data as pictures (n, height, width), with an axis of channels only if there are several.

        Raises DatasetError for data that is no pictures.
        """
        shape = self.sample_shape if self.case == "cnn" else self.picture
        if shape is None:
            raise DatasetError(f"{self.name} holds no pictures; show() draws what it holds")
        return np.asarray(x).reshape(-1, *(shape[:2] if shape[2] == 1 else shape))

    def describe(self) -> str:
        """A few lines to read: sizes, ranges, format, origin."""
        low, high = self.input_range
        step = FixedPoint.parse(self.number).step
        sizes = " + ".join(f"{len(self.split(split)[1]):,} {split}" for split in _SPLITS)
        return "\n".join(
            (
                f"{self.name}: {sizes} samples",
                f"  sample    {self._sample_in_words()}",
                f"  values    {low:g} to {high:g}, exact in {self.number} (step {step:g})",
                f"  classes   {len(self.classes)}: {_enumeration(self.classes)}",
                f"  source    {self.source}",
                f"  licence   {self.licence}",
                f"  citation  {self.citation}",
            )
        )

    def show(self) -> "Figure":
        """A picture of the training split: images of every class, pulses and their mean, or sequences of items."""
        # Only here, and only now: datasets stands below evaluate, and whoever only loads data needs no matplotlib.
        from mlfpga.evaluate import data_plots

        x, y = self.x_train[:_SAMPLES_SHOWN], self.y_train[:_SAMPLES_SHOWN]
        if self.case == "rnn":
            # All of them: popularity is counted.
            return data_plots.plot_sequences(self.x_train, self.y_train, title=f"{self.name}: items in their order")
        if self.case == "cnn" or self.picture:
            return data_plots.plot_classes(self.images(x), y, self.classes, title=self.name)
        counts = FixedPoint.parse(self.number).to_raw(x)
        return data_plots.plot_pulses(
            counts, y, self.classes, self.first_number, title=f"{self.name}: a few of each class"
        )

    def _sample_in_words(self) -> str:
        if self.case == "rnn":
            return f"a sequence of {self.features} item numbers, the latest last"
        shape = self.sample_shape if self.case == "cnn" else self.picture
        if shape is None:
            return f"{self.features} features in a row"
        picture = f"a picture of {shape[0]} × {shape[1]} pixels, {shape[2]} channel{'s' if shape[2] > 1 else ''}"
        return f"{self.features} features, {picture}"


def _enumeration(names: tuple[str, ...]) -> str:
    """All the names, or the first few and the last."""
    if len(names) <= _CLASSES_TOLD:
        return ", ".join(names)
    return f"{', '.join(names[:3])}, … {names[-1]}"
