"""The layer SimpleRNN for hls4ml's Vitis backend, which knows GRU and LSTM only (hls4ml 1.3.0).

hls4ml reads the layer and its weights; what it lacks is the C++ to write for it. Its extension interface takes exactly
that: a template for the layer's settings, one for the call, and a header (hls/nnet_simple_rnn.h).
"""

from functools import cache
from pathlib import Path

_HEADER = Path(__file__).parent / "hls" / "nnet_simple_rnn.h"
_MATRIX = """struct config{index}_{part} : nnet::dense_config {{
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = {reuse};
    static const unsigned n_zeros = {zeros};
    static const unsigned n_nonzeros = {nonzeros};
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    static const bool store_weights_in_bram = false;
    typedef {accum} accum_t;
    typedef {bias} bias_t;
    typedef {weight} weight_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};
"""
_LAYER = """struct {activation}_config{index} : nnet::activ_config {{
    static const unsigned n_in = {n_state};
    static const unsigned table_size = {table_size};
    static const unsigned io_type = nnet::io_stream;
    static const unsigned reuse_factor = {reuse};
    typedef {table} table_t;
}};

struct config{index} {{
    typedef {accum} accum_t;
    typedef {weight} weight_t;
    typedef {recurrent_weight} recurrent_weight_t;
    typedef {bias} bias_t;
    typedef config{index}_1 mult_config1;
    typedef config{index}_2 mult_config2;
    typedef {activation}_config{index} ACT_CONFIG_T;
    template<class x_T, class y_T, class config_T>
    using activation = nnet::activation::{activation}<x_T, y_T, config_T>;
    static const unsigned n_in = {n_in};
    static const unsigned n_state = {n_state};
    static const unsigned n_sequence = {steps};
    static const bool return_sequences = {return_sequences};
}};
"""


@cache
def register() -> None:
    """Make the layer known to hls4ml; once in a process is enough."""
    import hls4ml
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.model.layers import SimpleRNN

    class Settings(LayerConfigTemplate):
        def __init__(self):
            super().__init__(SimpleRNN)

        def format(self, node):
            steps, n_in = node.get_input_variable().shape
            n_state = node.get_attr("n_out")
            kernel, recurrent = node.get_weights("weight"), node.get_weights("recurrent_weight")
            types = {key.removesuffix("_t"): type_.name for key, type_ in node.types.items()}
            common = {"index": node.index, "reuse": node.get_attr("reuse_factor"), **types}
            matrices = [
                _MATRIX.format(
                    **common | {"weight": type_}, part=part, n_in=rows, n_out=n_state, zeros=matrix.nzeros,
                    nonzeros=matrix.nonzeros,
                )
                for part, rows, matrix, type_ in (
                    (1, n_in, kernel, types["weight"]),
                    (2, n_state, recurrent, types["recurrent_weight"]),
                )
            ]  # fmt: skip
            layer = _LAYER.format(
                **common,
                activation=node.get_attr("activation"),
                table_size=node.get_attr("table_size"),
                n_in=n_in,
                n_state=n_state,
                steps=steps,
                return_sequences="true" if node.get_attr("return_sequences") else "false",
            )
            return "\n".join([*matrices, layer])

    class Call(FunctionCallTemplate):
        def __init__(self):
            super().__init__(SimpleRNN, include_header=["nnet_utils/nnet_simple_rnn.h"])

        def format(self, node):
            params = self._default_function_params(node)
            weights = ", ".join(node.get_weights(name).name for name in ("weight", "recurrent_weight", "bias"))
            return (
                f"nnet::simple_rnn_stack<{params['input_t']}, {params['output_t']}, {params['config']}>"
                f"({params['input']}, {params['output']}, {weights});"
            )

    backend = hls4ml.backends.get_backend("Vitis")
    backend.register_template(Settings)
    backend.register_template(Call)
    backend.register_source(_HEADER.resolve())
