// SimpleRNN for hls4ml's streams: h = activation(x * W + h * U + b), one step for each group of the input stream.
//
// hls4ml's Vitis backend has GRU and LSTM; this is the same, with one matrix of each kind and no gates.
#ifndef NNET_SIMPLE_RNN_H_
#define NNET_SIMPLE_RNN_H_

#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_dense.h"
#include "nnet_recr_activations.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void simple_rnn_stack(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                      typename CONFIG_T::weight_t kernel[CONFIG_T::n_in * CONFIG_T::n_state],
                      typename CONFIG_T::recurrent_weight_t recurrent[CONFIG_T::n_state * CONFIG_T::n_state],
                      typename CONFIG_T::bias_t bias[CONFIG_T::n_state]) {
    typedef typename CONFIG_T::accum_t accum_T;
    typedef typename data_T::value_type x_T;
    typedef typename res_T::value_type h_T;

    x_T x[CONFIG_T::n_in];
    h_T state[CONFIG_T::n_state];
    accum_T from_input[CONFIG_T::n_state], from_state[CONFIG_T::n_state], sum[CONFIG_T::n_state];
    // The bias goes in with the input; the product with the state has none.
    typename CONFIG_T::bias_t no_bias[CONFIG_T::n_state];
    #pragma HLS ARRAY_PARTITION variable=x complete
    #pragma HLS ARRAY_PARTITION variable=state complete
    #pragma HLS ARRAY_PARTITION variable=from_input complete
    #pragma HLS ARRAY_PARTITION variable=from_state complete
    #pragma HLS ARRAY_PARTITION variable=sum complete
    #pragma HLS ARRAY_PARTITION variable=no_bias complete

Reset:
    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        state[i] = 0;
        no_bias[i] = 0;
    }

Steps:
    for (int step = 0; step < CONFIG_T::n_sequence; step++) {
        data_T group = data_stream.read();
        for (int i = 0; i < CONFIG_T::n_in; i++) {
            #pragma HLS UNROLL
            x[i] = group[i];
        }
        nnet::dense<x_T, accum_T, typename CONFIG_T::mult_config1>(x, from_input, kernel, bias);
        nnet::dense<h_T, accum_T, typename CONFIG_T::mult_config2>(state, from_state, recurrent, no_bias);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            sum[i] = from_input[i] + from_state[i];
        }
        CONFIG_T::template activation<accum_T, h_T, typename CONFIG_T::ACT_CONFIG_T>::activation(sum, state);

        if (CONFIG_T::return_sequences || step == CONFIG_T::n_sequence - 1) {
            res_T result;
            for (int i = 0; i < CONFIG_T::n_state; i++) {
                #pragma HLS UNROLL
                result[i] = state[i];
            }
            res_stream.write(result);
        }
    }
}

} // namespace nnet

#endif
