"""The one shape that every dataset has."""

from dataclasses import dataclass, field

import numpy as np

from mlfpga.formats import FixedPoint, RangeError

_SPLITS = ("train", "validation", "test")


class DatasetError(Exception):
    """A dataset that does not exist, cannot be had, or is not what it should be."""


@dataclass(frozen=True)
class Dataset:
    """Samples and labels of a classification task, in three splits that share no sample.

    x_*          float32 (n, features), already normalised, every value exactly representable in `number`
    y_*          int64 (n,), the class's index, 0 … len(classes) - 1
    classes      the classes' names, in the order of their index
    image_shape  how one sample's features are laid out as a picture, e.g. (8, 8)
    number       fixed-point format of one feature as the accelerator's input takes it, e.g. "ufixed<8,1>"

    Fit on `train`, choose (epochs, widths, bits) on `validation`, report on `test`. Raises DatasetError if the arrays
    contradict this description.
    """

    name: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_validation: np.ndarray = field(repr=False)
    y_validation: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]
    number: str
    source: str = field(repr=False)
    licence: str = field(repr=False)
    citation: str = field(repr=False)

    def __post_init__(self):
        for split in _SPLITS:
            x, y = self.split(split)
            if x.ndim != 2 or len(x) == 0 or x.shape[1] != np.prod(self.image_shape) or y.shape != (len(x),):
                raise DatasetError(
                    f"{self.name}: x_{split} {x.shape} and y_{split} {y.shape} do not belong together; "
                    f"expected (n, {np.prod(self.image_shape)}) and (n,)"
                )
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
        return self.x_train.shape[1]

    @property
    def input_range(self) -> tuple[float, float]:
        """Smallest and largest value over all splits."""
        every = [self.split(split)[0] for split in _SPLITS]
        return float(min(x.min() for x in every)), float(max(x.max() for x in every))

    def images(self, x: np.ndarray) -> np.ndarray:
        """Samples (n, features) as pictures (n, *image_shape)."""
        return np.asarray(x).reshape(-1, *self.image_shape)

    def describe(self) -> str:
        """A few lines to read: sizes, ranges, format, origin."""
        low, high = self.input_range
        step = FixedPoint.parse(self.number).step
        sizes = " + ".join(f"{len(self.split(split)[1]):,} {split}" for split in _SPLITS)
        return "\n".join(
            (
                f"{self.name}: {sizes} samples",
                f"  sample    {self.features} features, a picture of {' × '.join(map(str, self.image_shape))}",
                f"  values    {low:g} to {high:g}, exact in {self.number} (step {step:g})",
                f"  classes   {len(self.classes)}: {', '.join(self.classes)}",
                f"  source    {self.source}",
                f"  licence   {self.licence}",
                f"  citation  {self.citation}",
            )
        )
