"""hls4ml tells on standard output what it does; a notebook shows results instead."""

import io
import warnings
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet():
    """Nothing is printed in the block.

    Keras warns, when hls4ml saves a QKeras model, that a quantizer is not a constraint; it is kept correctly anyway.
    hls4ml warns about itself, when it makes a convolution of 1 × 1 pixels a layer of another kind.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The `keras.constraints.serialize")
        warnings.filterwarnings("ignore", message="Overriding attribute 'strategy'")
        yield
