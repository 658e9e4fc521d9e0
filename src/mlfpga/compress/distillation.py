"""Knowledge distillation (Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network, 2015).

A teacher's logits say more than a label: that this 4 looks a little like a 9. The student learns both.
"""

from math import inf

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mlfpga.compress.errors import CompressError
from mlfpga.models import check_built


def distillation_loss(teacher_logits, student_logits, temperature: float) -> tf.Tensor:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)), one number per sample; logits are (n, classes), where the
    classes may be the items of a ranking.

    A high temperature T shows the teacher's small probabilities. It also shrinks the gradient by 1/T²; the factor T²
    restores it, so that the weight between this loss and the label's keeps its meaning when T changes.
    """
    teacher_log = tf.nn.log_softmax(tf.cast(teacher_logits, tf.float32) / temperature)
    student_log = tf.nn.log_softmax(tf.cast(student_logits, tf.float32) / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(teacher_log) * (teacher_log - student_log), axis=-1)


class Distiller(keras.Model):
    """Trains `student` with loss (1 - weight) · cross-entropy with the label + weight · `distillation_loss`.

    Penalties of the student's own layers (L2) are added as always.

    Compile and fit it like any model, or hand it to `models.train`; afterwards `student` is the trained model. The
    student may be quantized, prunable, or both. Samples have any shape. The teacher is not changed.

    Raises CompressError if the two networks do not take the same samples or do not know the same classes, if one of
    them ends in softmax or holds weights that are NaN, or if they are one and the same.

    temperature  > 0; 1 takes the teacher's probabilities as they are, 2 … 6 is usual
    weight       0 … 1; how much the teacher counts
    """

    def __init__(self, student: keras.Model, teacher: keras.Model, temperature: float = 4.0, weight: float = 0.7):
        super().__init__(name=f"distilled_{student.name}")
        if not 0 < temperature < inf:
            raise CompressError(f"temperature is {temperature}; choose more than 0 (2 to 6 is usual)")
        if not 0 <= weight <= 1:
            raise CompressError(f"the teacher's weight is {weight}; choose 0 to 1")
        if student is teacher:
            raise CompressError(
                f"{student.name} is student and teacher at once; teach another network, or a copy: "
                f"models.copy_model({student.name})"
            )
        for model in (teacher, student):
            check_built(model, CompressError)
        if _shapes(teacher) != _shapes(student):
            raise CompressError(
                f"teacher {teacher.name} maps {_shapes(teacher)}, but student {student.name} maps {_shapes(student)}; "
                "they must agree"
            )
        for model in (teacher, student):
            if _ends_in_softmax(model):
                raise CompressError(
                    f"{model.name} ends in softmax, and distillation applies softmax itself; end it in logits (a Dense "
                    "without activation)"
                )
            bad = sum(int((~np.isfinite(weight)).sum()) for weight in model.get_weights())
            if bad:
                raise CompressError(f"{model.name} holds {bad} weights that are NaN or infinite; train it again")
        self.student = student
        self.temperature = temperature
        self.weight = weight
        # The loss that progress lines and histories show; left to itself, Keras would show the label's part alone.
        self._mean_loss = keras.metrics.Mean(name="loss")
        # Behind a function, Keras does not find the teacher's weights: they are neither trained nor saved.
        self._teacher_logits = lambda x: tf.stop_gradient(teacher(x, training=False))

    def compile(self, optimizer="adam", loss=None, **settings):
        """As `keras.Model.compile`; `loss` compares logits with labels, cross-entropy if not given."""
        loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        super().compile(optimizer=optimizer, **settings)
        self._label_loss = loss

    def call(self, x, training=None):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        taught = distillation_loss(self._teacher_logits(x), y_pred, self.temperature)
        if sample_weight is not None:
            taught *= tf.cast(sample_weight, taught.dtype)
        label = self._label_loss(y, y_pred, sample_weight)
        total = (1 - self.weight) * label + self.weight * tf.reduce_mean(taught) + sum(self.losses)
        self._mean_loss.update_state(total, sample_weight=tf.shape(y_pred)[0])
        return total

    @property
    def input_shape(self):
        return self.student.input_shape

    @property
    def output_shape(self):
        return self.student.output_shape


def _shapes(model: keras.Model) -> str:
    return f"{model.input_shape[1:]} to {model.output_shape[1:]}"


def _ends_in_softmax(model: keras.Model) -> bool:
    last = model.layers[-1]
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
