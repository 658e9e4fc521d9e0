"""What to do to a trained model, written down: a recipe has a name, can be compared, sent to another process, kept."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from tensorflow import keras

from mlfpga.compress.distillation import Distiller
from mlfpga.compress.errors import CompressError
from mlfpga.compress.finish import finish
from mlfpga.compress.folding import fold_batchnorm
from mlfpga.compress.pruning import prunable
from mlfpga.compress.quantization import quantize, ranges
from mlfpga.compress.structured import shrink
from mlfpga.datasets import Dataset
from mlfpga.models import copy_model, train

# Ranges are measured on this many training samples: plenty for a percentile, and a second instead of a minute.
_CALIBRATION = 5000

Bits = int | Mapping[str, int | None] | None


@dataclass(frozen=True)
class Recipe:
    """One way to compress a trained float model; `apply` does it.

    name             what tables and pictures call the result
    shrink           the fraction of neurons, channels and units that go (see `shrink`), 0: none
    weight_bits      of weights and biases, one width or one per layer name (see `quantize`); None: floating point
    activation_bits  of the hidden activations, likewise
    sparsity         the fraction of each kernel that becomes zero (see `prunable`), 0: no pruning
    pattern          (n, m): of every m weights n are kept (see `prunable`), instead of a sparsity
    distil           train with the teacher beside the labels (see `Distiller`), with this
    temperature      and this
    teacher_weight
    epochs           of training after the change; None: no training at all, which shows what rounding alone costs
    learning_rate    at the start; it falls to zero along a cosine (see `train`)
    batch_size       samples per step
    augment          pixels by which training pictures are shifted (see `train`)
    seed             of everything random in the training

    Raises CompressError for a recipe without a name, for no epochs, for None with a change that needs training, and for
    a sparsity beside a pattern.
    Other settings are checked by the functions named, when the recipe is applied and before a sweep begins.
    """

    name: str
    shrink: float = 0.0
    weight_bits: Bits = None
    activation_bits: Bits = None
    sparsity: float = 0.0
    pattern: tuple[int, int] | None = None
    distil: bool = False
    temperature: float = 4.0
    teacher_weight: float = 0.7
    epochs: int | None = 5
    learning_rate: float = 1e-3
    batch_size: int = 128
    augment: int = 0
    seed: int = 0

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name.strip():
            raise CompressError(f"a recipe is called {self.name!r}; give it a name to find it by in the table")
        if self.epochs is not None and self.epochs < 1:
            raise CompressError(
                f"recipe {self.name!r} has {self.epochs} epochs, which train nothing; choose 1 or more, or None for no "
                "training at all"
            )
        if self.sparsity and self.pattern is not None:
            raise CompressError(
                f"recipe {self.name!r} has the sparsity {self.sparsity} and the pattern {self.pattern}, which sets the "
                "sparsity itself; give one of them"
            )
        needing = {"shrinking": self.shrink, "pruning": self.prunes, "distillation": self.distil}
        if self.epochs is None and any(needing.values()):
            what = next(what for what, wanted in needing.items() if wanted)
            raise CompressError(f"recipe {self.name!r} has no epochs, and {what} needs training; give it 1 or more")

    @property
    def quantizes(self) -> bool:
        """Whether the result has fixed-point numbers."""
        return self.weight_bits is not None or self.activation_bits is not None

    @property
    def prunes(self) -> bool:
        """Whether weights are set to zero."""
        return self.sparsity != 0 or self.pattern is not None

    def content(self) -> str:
        """All that decides the result, as text: everything but the name."""
        settings = {key: value for key, value in asdict(self).items() if key != "name"}
        # A width or a fraction may come out of NumPy, which JSON does not know.
        return json.dumps(settings, sort_keys=True, default=lambda value: value.item())


def grid(name: Callable[["Recipe"], str] | None = None, **settings) -> list[Recipe]:
    """A recipe for every combination of the settings that are given as sequences; the others are the same for all.

        grid(weight_bits=(4, 6, 8), sparsity=(0, 0.5, 0.75), epochs=10)     nine recipes

    Only `weight_bits` given: activations get as many. `name` makes a recipe's name from the recipe; else it is made of
    what differs: "4 bit, 50 % zeros". Raises CompressError for a setting that no recipe has, and for an empty sequence.
    """
    known = {field.name for field in fields(Recipe)} - {"name"}
    if unknown := sorted(set(settings) - known):
        raise CompressError(f"a recipe has no {', '.join(unknown)}; settings are {', '.join(sorted(known))}")
    lists = {key: list(value) if _is_list(key, value) else [value] for key, value in settings.items()}
    if empty := [key for key, values in lists.items() if not values]:
        raise CompressError(f"no values are given for {', '.join(empty)}; give at least one")
    varied = [key for key, values in lists.items() if len(values) > 1]
    made = []
    for values in itertools.product(*lists.values()):
        chosen = dict(zip(lists, values, strict=True))
        if "activation_bits" not in chosen and not isinstance(chosen.get("weight_bits"), Mapping):
            chosen["activation_bits"] = chosen.get("weight_bits")
        recipe = Recipe("unnamed", **chosen)
        title = name(recipe) if name else ", ".join(_said(key, chosen) for key in varied) or "compressed"
        made.append(Recipe(title, **chosen))
    return made


def apply(recipe: Recipe, model: keras.Model, data: Dataset, teacher: keras.Model | None = None) -> keras.Model:
    """`model` compressed by `recipe` and finished (see `finish`), in this process; `model` itself is not changed.

    In this order: batch normalization folded, the least important neurons removed, ranges measured on training data,
    rounding and pruning put in place, and one training with all of it, the `teacher` beside the labels if the recipe
    says so. What lost neurons is trained once more before it is rounded or pruned: the ranges of a damaged network
    mislead. Sets Keras's seed to the recipe's. Prints the lines of `train`. Raises CompressError and TrainingError as
    the functions it calls do, and CompressError if a teacher is missing.
    """
    keras.utils.set_random_seed(recipe.seed)

    def repair(damaged: keras.Model) -> None:
        _train(recipe, _learner(recipe, damaged, teacher), data)

    made, learner = prepared(recipe, model, data, teacher, repair)
    if recipe.epochs is not None:
        _train(recipe, learner, data)
    return finish(made)


def prepared(
    recipe: Recipe,
    model: keras.Model,
    data: Dataset,
    teacher: keras.Model | None = None,
    repair: Callable[[keras.Model], None] | None = None,
) -> tuple[keras.Model, keras.Model]:
    """What is left of `model` and what is to be trained: the same, or a `Distiller` around it. All of `apply` that
    takes no time, and nearly all that can go wrong; raises as `apply`. `repair` trains what has lost neurons.
    """
    normalized = any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    made = fold_batchnorm(model) if normalized else copy_model(model)
    x = data.x_train[:_CALIBRATION]
    if recipe.shrink:
        made = shrink(made, recipe.shrink, x=x)
        if repair and (recipe.quantizes or recipe.prunes):
            repair(made)
    if recipe.quantizes:
        made = quantize(made, ranges(made, x), recipe.weight_bits, recipe.activation_bits)
    if recipe.prunes:
        steps = recipe.epochs * -(-len(data.x_train) // recipe.batch_size)
        made = prunable(made, recipe.sparsity or None, steps, recipe.pattern)
    return made, _learner(recipe, made, teacher)


def _learner(recipe: Recipe, made: keras.Model, teacher: keras.Model | None) -> keras.Model:
    if not recipe.distil:
        return made
    if teacher is None:
        raise CompressError("there is no teacher to distil from; give one")
    return Distiller(made, teacher, recipe.temperature, recipe.teacher_weight)


def _train(recipe: Recipe, learner: keras.Model, data: Dataset) -> None:
    train(learner, data, recipe.epochs, recipe.learning_rate, recipe.batch_size, augment=recipe.augment)


def _is_list(key: str, value) -> bool:
    # A pattern is itself a pair: (2, 4) is one pattern, [(2, 4), (1, 4)] are two.
    if key == "pattern" and isinstance(value, Sequence):
        return not all(isinstance(part, int) for part in value)
    return hasattr(value, "__iter__") and not isinstance(value, str | Mapping)


def _said(key: str, chosen: Mapping) -> str:
    value = chosen[key]
    if key == "weight_bits" and value is not None and not isinstance(value, Mapping):
        return f"{value} bit" if chosen["activation_bits"] == value else f"{value} bit weights"
    if key == "activation_bits" and value is not None and not isinstance(value, Mapping):
        return f"{value} bit activations"
    if key == "weight_bits" and value is None:
        return "float"
    if key == "sparsity":
        return f"{100 * value:g} % zeros"
    if key == "shrink":
        return f"{100 * value:g} % smaller"
    if key == "pattern":
        return "no pattern" if value is None else f"{value[0]} of {value[1]}"
    if key == "distil":
        return "taught" if value else "not taught"
    return f"{key.replace('_', ' ')} {value}"
