"""Reference networks of the case studies, in Keras, and the training step they share.

    mlp, cnn, rnn   one builder for each case; every argument is explained there, with what it costs in hardware
    for_case        the student or the teacher that fits a dataset
    train, logits   fit, with checks; and the answers
    save, load      keep in `.h5` files

Every model ends in *logits*: a linear layer, with `from_logits=True` in the loss. Softmax changes no decision, costs a
table in hardware, and applied twice (once in the model, once in a loss or a distillation) it quietly ruins training;
so it is applied where probabilities are shown (`mlfpga.evaluate.softmax`) and nowhere else.
"""

from mlfpga.models.cases import for_case
from mlfpga.models.cnn import cnn
from mlfpga.models.copying import copy_model
from mlfpga.models.errors import ModelError
from mlfpga.models.mlp import mlp, teacher
from mlfpga.models.rnn import rnn
from mlfpga.models.storage import load, save
from mlfpga.models.training import TrainingError, logits, logits_loss, train

__all__ = [
    "ModelError",
    "TrainingError",
    "cnn",
    "copy_model",
    "for_case",
    "load",
    "logits",
    "logits_loss",
    "mlp",
    "rnn",
    "save",
    "teacher",
    "train",
]
