"""Pruning: the sparsity asked for is reached, kept, and survives quantization."""

import numpy as np
import pytest

compress = pytest.importorskip("mlfpga.compress", reason="needs TensorFlow")
from tensorflow_model_optimization.sparsity.keras import UpdatePruningStep  # noqa: E402

from mlfpga import models  # noqa: E402

pytestmark = pytest.mark.host


def pruned(model, data, sparsity, epochs=4, batch_size=32):
    made = compress.prunable(model, sparsity, epochs * -(-len(data.x_train) // batch_size))
    models.train(made, data, epochs, batch_size=batch_size, callbacks=[UpdatePruningStep()])
    return made


@pytest.mark.parametrize(("sparsity", "epochs"), [(0.5, 4), (0.75, 1), (0.9, 3)])
def test_every_kernel_reaches_the_sparsity_asked_for(trained, data, sparsity, epochs):
    made = compress.finish(pruned(trained, data, sparsity, epochs))
    for layer in made.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            assert np.mean(kernel == 0) == pytest.approx(sparsity, abs=1 / kernel.size)
            assert np.count_nonzero(bias) > 0


@pytest.mark.parametrize("steps", [1, 7, 59, 60, 61, 100, 101, 997, 6450])
def test_the_last_cut_comes_however_many_steps_there_are(trained, steps):
    made = compress.prunable(trained, 0.5, steps)
    schedule = next(layer for layer in made.layers if hasattr(layer, "pruning_schedule")).pruning_schedule
    cuts = [
        step
        for step in range(steps + 1)
        if schedule._should_prune_in_step(step, schedule.begin_step, schedule.end_step, schedule.frequency)
    ]
    assert cuts[-1] == schedule.end_step <= max(1, 0.6 * steps)


def test_pruned_weights_stay_zero_when_quantized(trained, data):
    quantized = compress.quantize(trained, compress.ranges(trained, data.x_train), 6, 6)
    both = pruned(quantized, data, 0.5)
    before = models.logits(both, data.x_test)
    shadow = [layer.layer.get_weights()[0] for layer in both.layers if hasattr(layer, "pruning_schedule")]
    finished = compress.finish(both)
    kernels = [layer.get_weights()[0] for layer in finished.layers if layer.get_weights()]
    for float_kernel, kernel in zip(shadow, kernels, strict=True):
        assert np.mean(float_kernel == 0) >= 0.5 - 1 / kernel.size
        assert np.all(kernel[float_kernel == 0] == 0)
    assert np.array_equal(models.logits(finished, data.x_test), before)


def test_the_original_is_not_changed(trained, data):
    before = trained.get_weights()
    pruned(trained, data, 0.9, epochs=1)
    assert all(np.array_equal(a, b) for a, b in zip(trained.get_weights(), before, strict=True))


def test_training_repairs_what_the_cut_broke(trained, data):
    made = compress.finish(pruned(trained, data, 0.5, epochs=15))
    at_once = models.copy_model(trained)
    at_once.set_weights(
        [np.where(np.abs(w) >= np.median(np.abs(w)), w, 0) if w.ndim == 2 else w for w in trained.get_weights()]
    )
    loss = models.logits_loss()
    assert loss(data.y_test, models.logits(made, data.x_test)) < loss(data.y_test, models.logits(at_once, data.x_test))


@pytest.mark.parametrize("sparsity", [0.0, 1.0, -0.1, 1.5])
def test_impossible_sparsities_are_refused(trained, sparsity):
    with pytest.raises(compress.CompressError) as error:
        compress.prunable(trained, sparsity, 100)
    assert str(error.value) == (f"sparsity is {sparsity}; choose more than 0 and less than 1 (at 1 no weight is left)")


def test_no_steps_are_refused(trained):
    with pytest.raises(compress.CompressError) as error:
        compress.prunable(trained, 0.5, 0)
    assert str(error.value) == "pruning over 0 steps does nothing; train for 1 epoch or more"
