"""Reference networks of the case studies, in Keras, and the training step they share.

Every model ends in *logits*: a linear layer, with `from_logits=True` in the loss. Softmax changes no decision, costs a
table in hardware, and applied twice (once in the model, once in a loss or a distillation) it quietly ruins training;
so it is applied where probabilities are shown (`mlfpga.evaluate.softmax`) and nowhere else.
"""

from mlfpga.models.copying import copy_model
from mlfpga.models.mlp import ModelError, mlp, teacher
from mlfpga.models.storage import load, save
from mlfpga.models.training import TrainingError, logits, logits_loss, train

__all__ = [
    "ModelError",
    "TrainingError",
    "copy_model",
    "load",
    "logits",
    "logits_loss",
    "mlp",
    "save",
    "teacher",
    "train",
]
