"""A plan that hardware cannot follow is refused, by name and with what would do."""

import numpy as np
import pytest

from mlfpga.accelerators.pipeline.network import Argmax, AvgPool2d, Conv2d, Dense, MaxPool2d, Network, ReLU, Tensor
from mlfpga.accelerators.pipeline.plan import Folding, Plan, PlanError, check, default_plan, divisors, legal_pixels


def network() -> Network:
    rng = np.random.default_rng(0)
    return Network(
        "shapes",
        Tensor((6, 12, 2), 8, False),
        (
            Conv2d("conv", rng.integers(-8, 8, (4, 3, 3, 2)), [0] * 4, [9] * 4, [9] * 4, 4, (1, 2), (1, 1, 1, 1),
                   Tensor((6, 6, 4), 4, True)),
            ReLU("relu", Tensor((6, 6, 4), 4, True)),
            MaxPool2d("pool", (2, 2), (2, 2), (0, 0, 0, 0), Tensor((3, 3, 4), 4, True)),
            AvgPool2d("mean", (3, 3), (1, 1), (0, 0, 0, 0), 7, 6, Tensor((1, 1, 4), 4, True)),
            Dense("scores", rng.integers(-8, 8, (6, 4)), [0] * 6, None, None, 4, Tensor((6,), 32, True)),
            Argmax("best", Tensor((1,), 3, False)),
        ),
    )  # fmt: skip


def plan(pixels_per_beat=4, **changes) -> Plan:
    foldings = {
        "conv": Folding(4, 2, 4),
        "relu": Folding(2, 4, 4),
        "pool": Folding(2, 2, 2),
        "mean": Folding(1, 2, 2),
        "scores": Folding(1, 4, 3, True),
        "best": Folding(1, 3, 1),
    }
    return Plan(network(), foldings | changes, pixels_per_beat)


def test_plans_that_divide_are_accepted():
    check(plan())
    check(default_plan(network()))
    check(plan(12, conv=Folding(1, 1, 2), relu=Folding(1, 4, 4), pool=Folding(1, 1, 1, fifo=99)))


@pytest.mark.parametrize(
    "wrong, message",
    [
        (plan(5), "the input: pixels_per_beat 5 does not divide its row of 12; choose one of 1, 2, 3, 4, 6, 12"),
        (plan(conv=Folding(2, 2, 4)), "conv: pixels 2, but 4 arrive in a beat; choose 4 or 1"),
        (
            plan(3, conv=Folding(3, 2, 4)),
            "conv: pixels 3 is not a multiple of its stride 2; choose one of 1, 2, 4, 6, 12",
        ),
        (plan(conv=Folding(4, 3, 4)), "conv: channels_in 3 does not divide its 2 input channels; choose one of 1, 2"),
        (
            plan(conv=Folding(4, 2, 3)),
            "conv: channels_out 3 does not divide its 4 output channels; choose one of 1, 2, 4",
        ),
        (
            plan(12, conv=Folding(12, 2, 4), relu=Folding(6, 4, 4), pool=Folding(6, 2, 1)),
            "pool: channels_out 1, but pooling gives as many channels as it takes; choose 2",
        ),
        (plan(relu=Folding(2, 4, 2)), "relu: channels_out 2, but a ReLU gives as many channels as it takes; choose 4"),
        (plan(best=Folding(1, 3, 3)), "best: channels_out 3, but an argmax gives one index; choose 1"),
        (plan(pool=Folding(2, 2, 2, fifo=1)), "pool: fifo 1 is too short; a FIFO holds at least 2 beats"),
        (
            plan(pool=Folding(2, 2, 2, use_dsp=True)),
            "pool: use_dsp is for convolutions and dense layers; pooling multiplies nothing",
        ),
        (plan(conv=Folding(4, 2.0, 4)), "conv: channels_in 2.0 is not a whole number"),
        (plan(conv=Folding(4, 0, 4)), "conv: channels_in 0 does not divide its 2 input channels; choose one of 1, 2"),
        (
            plan(other=Folding()),
            "the plan folds other, which is no layer; the layers are conv, relu, pool, mean, scores, best",
        ),
        (plan().replace(stream_bits=24), "stream_bits 24 is not supported; choose 32 or 64"),
        (plan().replace(clock_mhz=0), "clock_mhz 0 is not a clock; choose a positive frequency in MHz"),
        (plan().replace(foldings={}), "the plan has no folding for layer conv; give one (default_plan has them all)"),
    ],
)
def test_what_does_not_divide_is_named(wrong, message):
    with pytest.raises(PlanError) as error:
        check(wrong)
    assert str(error.value) == message


def test_windows_of_a_beat_must_divide_the_output_row():
    layer = Conv2d("conv", np.ones((1, 1, 3, 1)), [0], [1], [0], 2, (1, 1), (0, 0, 0, 0), Tensor((4, 4, 1), 8, False))
    one = Network("one", Tensor((4, 6, 1), 8, False), (layer,))
    assert legal_pixels(layer, (4, 6, 1)) == [1, 2]
    message = "conv: pixels 3 gives 3 in an output beat, which does not divide its output row of 4; choose one of 1, 2"
    with pytest.raises(PlanError, match=message):
        check(Plan(one, {"conv": Folding(3)}, 3))


def test_divisors():
    assert divisors(28) == [1, 2, 4, 7, 14, 28] and divisors(1) == [1]


def test_a_dense_layer_takes_one_pixel_at_a_time_even_if_several_arrive():
    image = Tensor((2, 4, 1), 4, False)
    layer = Dense("scores", np.ones((3, 8), int), [0] * 3, None, None, 4, Tensor((3,), 32, True))
    assert legal_pixels(layer, image.shape) == [1]
    with pytest.raises(PlanError) as caught:
        check(Plan(Network("flat", image, (layer,)), {"scores": Folding(2, 1, 1)}, 2))
    assert str(caught.value) == "scores: pixels 2, but a dense layer takes one after the other; choose 1"
