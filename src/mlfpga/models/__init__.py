"""Reference networks of the case studies, in Keras, and the training step they share.

    mlp, cnn, rnn   one builder for each case; every argument is explained there, with what it costs in hardware
    for_case        the student or the teacher that fits a dataset
    train, logits   fit, with checks; and the answers
    save, load      keep in `.h5` files
    copy_model      the same network with weights of its own, or with other layers in place of its own; whoever makes
                    QKeras describe itself does it under `quiet_serialization`
    check_built     refuses a model that does not know its input yet
    rounded         recurrent layers and embeddings that train with rounded weights

Every model ends in *logits*: a linear layer, with `from_logits=True` in the loss. Softmax changes no decision, costs a
table in hardware, and applied twice (once in the model, once in a loss or a distillation) it quietly ruins training;
so it is applied where probabilities are shown (`mlfpga.evaluate.softmax`) and nowhere else.
"""

from mlfpga.models.cases import for_case
from mlfpga.models.cnn import cnn
from mlfpga.models.copying import copy_model, quiet_serialization
from mlfpga.models.errors import ModelError, check_built
from mlfpga.models.mlp import mlp
from mlfpga.models.rnn import rnn
from mlfpga.models.storage import load, save
from mlfpga.models.training import TrainingError, logits, logits_loss, train

__all__ = [
    "ModelError",
    "TrainingError",
    "check_built",
    "cnn",
    "copy_model",
    "for_case",
    "load",
    "logits",
    "logits_loss",
    "mlp",
    "quiet_serialization",
    "rnn",
    "save",
    "train",
]
