"""Models that hls4ml refuses late or changes silently are refused at once, with the layer's name and the way out."""

import re

import numpy as np
import pytest

from mlfpga.accelerators import AcceleratorError
from mlfpga.accelerators.hls4ml.checks import check_model, check_name

tf = pytest.importorskip("tensorflow", reason="host environment only")
qkeras = pytest.importorskip("qkeras", reason="host environment only")
keras, layers = tf.keras, tf.keras.layers


def chain(*inner, name="pixels"):
    return keras.Sequential([keras.Input((4,), name=name), *inner, layers.Dense(2, name="logits")])


def refusal(model):
    with pytest.raises(AcceleratorError) as caught:
        check_model(model)
    return str(caught.value)


def test_a_layer_that_hls4ml_cannot_take_is_named():
    assert re.fullmatch(
        r"layer 'noise' is a GaussianNoise, which hls4ml cannot turn into hardware; it takes Activation, .*Dense.* and "
        r"more \(hls4ml.converters.get_supported_keras_layers\(\) lists all\)",
        refusal(chain(layers.GaussianNoise(0.1, name="noise"))),
    )


def test_what_the_course_uses_is_taken():
    quantizer = qkeras.quantized_bits(6, 0, alpha=1)
    check_model(chain(layers.Dense(3), layers.ReLU(), layers.Dropout(0.1), layers.Dense(3, activation="relu")))
    check_model(
        chain(
            qkeras.QDense(3, kernel_quantizer=quantizer, bias_quantizer=quantizer, name="hidden"),
            qkeras.QActivation(qkeras.quantized_relu(6, 2), name="relu"),
            qkeras.QDense(3, kernel_quantizer=quantizer, bias_quantizer=quantizer, activation="quantized_relu(4, 1)"),
        )
    )


def test_one_input_and_one_output_are_needed():
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)])
    assert refusal(two) == (
        "the model has 1 inputs and 2 outputs; an accelerator has one input stream and one output stream"
    )
    for without in (keras.Sequential([layers.Dense(2)]), "a text"):
        assert refusal(without) == "the model has no input yet; make keras.Input((features,)) its first layer"


def test_the_name_that_hls4ml_keeps_for_itself_is_refused():
    expected = "a layer is called 'input', a name that hls4ml keeps for itself; rename it (name=...)"
    assert refusal(chain(name="input")) == expected
    assert refusal(chain(layers.Dense(3, name="input"))) == expected


@pytest.mark.parametrize("name", ["hidden-1", "1st", "double"])
def test_names_that_cpp_cannot_bear_are_refused(name):
    assert refusal(chain(layers.Dense(3, name=name))) == (
        f"layer '{name}' gives its name to C++ variables, and C++ cannot bear it; use letters, digits and _ (name=...)"
    )


def test_an_activation_that_hls4ml_has_not_is_refused():
    assert refusal(chain(layers.Dense(3, activation="gelu", name="hidden"))) == (
        "layer 'hidden' has activation gelu, which hls4ml cannot turn into hardware; it takes linear, relu, sigmoid, "
        "tanh, softmax, hard_sigmoid, elu, selu, softplus, softsign"
    )


@pytest.mark.parametrize("setting, value", [("max_value", 6.0), ("negative_slope", 0.5), ("threshold", 1.0)])
def test_a_relu_that_would_become_a_plain_one_is_refused(setting, value):
    assert refusal(chain(layers.ReLU(name="relu", **{setting: value}))) == (
        f"layer 'relu' is a ReLU with {setting} {value:g}, which hls4ml would leave out; use a plain ReLU, LeakyReLU "
        "or a quantized_relu, which saturates"
    )


def test_weights_that_are_no_numbers_are_refused():
    model = chain(layers.Dense(3, name="hidden"))
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[1, 2] = np.nan
    model.get_layer("hidden").set_weights([kernel, bias])
    assert refusal(model) == "layer 'hidden' has weights that are NaN or infinite; train the model again"


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (
            layers.GRU(3, reset_after=False, name="cell"),
            "layer 'cell' has reset_after=False, which hls4ml cannot do; use reset_after=True, Keras's default",
        ),
        (layers.LSTM(3, use_bias=False, name="cell"), "layer 'cell' has use_bias=False, which hls4ml cannot do; use "
         "use_bias=True"),
        (layers.SimpleRNN(3, go_backwards=True, name="cell"), "layer 'cell' has go_backwards=True, which hls4ml cannot "
         "do; use go_backwards=False, and turn the samples round"),
        (layers.LSTM(3, recurrent_activation="hard_sigmoid", name="cell"), "layer 'cell' has recurrent_activation "
         "hard_sigmoid; in a recurrent layer hls4ml takes tanh, sigmoid, relu"),
    ],
)  # fmt: skip
def test_recurrent_layers_that_would_become_others_are_refused(layer, told):
    inputs = keras.Input((5,), name="items")
    assert refusal(keras.Model(inputs, layer(layers.Embedding(9, 2, name="embedding")(inputs)))) == told


def test_an_embedding_that_masks_is_refused():
    inputs = keras.Input((5,), name="items")
    x = layers.LSTM(3)(layers.Embedding(9, 2, mask_zero=True, name="embedding")(inputs))
    assert refusal(keras.Model(inputs, x)).startswith("layer 'embedding' masks zeros (mask_zero), which hls4ml would")


def test_a_layer_that_stands_in_two_places_is_refused():
    inputs, twice = keras.Input((4,), name="x"), layers.Dense(4, name="twice")
    assert refusal(keras.Model(inputs, twice(twice(inputs)))) == (
        "layer 'twice' is used 2 times, and hls4ml would build it once; give each place a layer of its own"
    )
    model = keras.Model(inputs, twice(inputs))
    keras.Model(inputs, layers.ReLU()(twice(model.input)))
    check_model(model)  # what stands in another model, too, is used once in this one


def test_samples_of_any_length_are_refused():
    model = keras.Sequential([layers.Embedding(9, 2), layers.GRU(3)])  # knows no length without keras.Input((5,))
    assert refusal(model) == (
        "the model takes samples of shape (None,), where None is any size; a circuit has one; begin it with "
        "keras.Input and all sizes, such as keras.Input((30,)) for sequences of 30 items"
    )


@pytest.mark.parametrize("kind", [layers.Conv2D, qkeras.QConv2D])
def test_a_dilated_window_is_refused(kind):
    model = keras.Sequential([keras.Input((8, 8, 1), name="image"), kind(2, 3, dilation_rate=2, name="wide")])
    assert refusal(model) == (
        "layer 'wide' has dilation_rate 2, 2, which hls4ml would leave out; use 1, and a larger kernel or pooling "
        "before it"
    )


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        (
            layers.MaxPooling2D((3, 2), strides=2, name="pool"),
            "layer 'pool' pools 3 × 2 values with strides 2, 2; a stream is pooled in windows side by side: give "
            "strides equal to pool_size",
        ),
        (
            layers.AveragePooling2D(3, padding="same", name="pool"),
            "layer 'pool' pools (8, 8) values in windows of 3 × 3 with padding='same', which hls4ml cannot do in a "
            "stream; use padding='valid'",
        ),
    ],
)
def test_pooling_that_would_end_the_process_is_refused(pool, told):
    assert refusal(keras.Sequential([keras.Input((8, 8, 1), name="image"), pool, layers.Flatten()])) == told


def test_pooling_side_by_side_is_taken():
    for pool in (layers.MaxPooling2D(3), layers.AveragePooling2D((2, 4), padding="same")):
        check_model(keras.Sequential([keras.Input((8, 8, 1), name="image"), pool, layers.Flatten()]))
    check_model(keras.Sequential([keras.Input((9, 2), name="signal"), layers.MaxPooling1D(2), layers.Flatten()]))


def test_more_than_two_joined_are_refused():
    inputs = keras.Input((4,), name="x")
    branches = [layers.Dense(3, name=name)(inputs) for name in "abc"]
    assert refusal(keras.Model(inputs, layers.Add(name="all")(branches))) == (
        "layer 'all' joins 3 inputs, and hls4ml two; join two at a time"
    )


@pytest.mark.parametrize("name", ["My Net", "1st", "naïve", "", "Net"])
def test_names_of_accelerators_are_plain(name):
    with pytest.raises(AcceleratorError) as caught:
        check_name(name)
    assert str(caught.value) == f"'{name}' cannot name an IP; use lower-case letters, digits and _, a letter first"


@pytest.mark.parametrize("name", ["main", "int", "hls"])
def test_names_that_mean_something_else_are_refused(name):
    with pytest.raises(AcceleratorError) as caught:
        check_name(name)
    assert str(caught.value) == f"'{name}' cannot name an IP: in C++ it means something else; choose another name"
