// Between AXI4-Stream words and the streams of hls4ml.
//
// hls4ml moves a *group* at a time: nnet::array<T, N>, a whole vector, an equal part of a long one, or the channels of
// one pixel. On the wire a group starts at a new word; each element stands in a lane of LANE_BITS, first element lowest,
// sign-extended; lanes left over in a group's last word are zero. Python's mlfpga.formats.StreamFormat states the same
// layout. (A part of a vector fills its words, so the wire does not show how a vector was cut.)
//
// Both functions move one word a clock (II=1), so neither limits a network that needs longer than its words. A group
// passes through a shift register: every index is known at compile time, where picking lanes by a running index would
// cost a multiplexer as wide as the group.
#ifndef MLFPGA_AXIS_H_
#define MLFPGA_AXIS_H_

#include "ap_axi_sdata.h"
#include "ap_int.h"
#include "hls_stream.h"

namespace mlfpga {

// How a group stands in words of STREAM_BITS.
template <class group_T, int LANE_BITS, int STREAM_BITS> struct layout {
    static const int LANES = STREAM_BITS / LANE_BITS;
    static const int SIZE = group_T::size;
    static const int WORDS = (SIZE + LANES - 1) / LANES;
    static const int WIDTH = group_T::value_type::width;
    static_assert(LANES * LANE_BITS == STREAM_BITS && WIDTH <= LANE_BITS, "an element needs a lane of its own");
};

// Words of one sample of ELEMENTS numbers -> its groups. `last` receives the TLAST that came with the last word.
template <int ELEMENTS, int LANE_BITS, int STREAM_BITS, class word_T, class group_T>
void unpack(hls::stream<word_T> &words, hls::stream<group_T> &groups, hls::stream<bool> &last) {
    typedef layout<group_T, LANE_BITS, STREAM_BITS> in;
    static_assert(ELEMENTS % in::SIZE == 0, "a sample is a whole number of groups");

    typename group_T::value_type elements[in::WORDS * in::LANES];
    #pragma HLS ARRAY_PARTITION variable=elements complete
    bool ends_packet = false;
    int words_of_group = 0;

Unpack:
    for (int i = 0; i < ELEMENTS / in::SIZE * in::WORDS; i++) {
        #pragma HLS PIPELINE II=1
        const word_T word = words.read();
        ends_packet = word.last;
        for (int k = 0; k < (in::WORDS - 1) * in::LANES; k++) {
            #pragma HLS UNROLL
            elements[k] = elements[k + in::LANES];
        }
        for (int lane = 0; lane < in::LANES; lane++) {
            #pragma HLS UNROLL
            const int low = lane * LANE_BITS;
            elements[(in::WORDS - 1) * in::LANES + lane].range(in::WIDTH - 1, 0) =
                word.data.range(low + in::WIDTH - 1, low);
        }
        words_of_group++;
        if (words_of_group == in::WORDS) {
            group_T group;
            for (int k = 0; k < in::SIZE; k++) {
                #pragma HLS UNROLL
                group[k] = elements[k];
            }
            groups.write(group);
            words_of_group = 0;
        }
    }
    last.write(ends_packet);
}

// Groups -> words of one result of ELEMENTS numbers, TKEEP all ones, TLAST on the last word if `last` says so.
template <int ELEMENTS, int LANE_BITS, int STREAM_BITS, bool SIGNED, class group_T, class word_T>
void pack(hls::stream<group_T> &groups, hls::stream<bool> &last, hls::stream<word_T> &words) {
    typedef layout<group_T, LANE_BITS, STREAM_BITS> out;
    static_assert(ELEMENTS % out::SIZE == 0, "a result is a whole number of groups");
    const int ALL_WORDS = ELEMENTS / out::SIZE * out::WORDS;

    ap_uint<LANE_BITS> elements[out::WORDS * out::LANES];
    #pragma HLS ARRAY_PARTITION variable=elements complete
    int words_of_group = 0;

Pack:
    for (int i = 0; i < ALL_WORDS; i++) {
        #pragma HLS PIPELINE II=1
        if (words_of_group == 0) {
            const group_T group = groups.read();
            for (int k = 0; k < out::WORDS * out::LANES; k++) {
                #pragma HLS UNROLL
                ap_uint<LANE_BITS> bits = 0;
                if (k < out::SIZE) {
                    if (SIGNED && group[k][out::WIDTH - 1])
                        bits = ~bits;
                    bits.range(out::WIDTH - 1, 0) = group[k].range(out::WIDTH - 1, 0);
                }
                elements[k] = bits;
            }
        } else {
            for (int k = 0; k < (out::WORDS - 1) * out::LANES; k++) {
                #pragma HLS UNROLL
                elements[k] = elements[k + out::LANES];
            }
        }
        words_of_group = words_of_group == out::WORDS - 1 ? 0 : words_of_group + 1;

        word_T word;
        for (int lane = 0; lane < out::LANES; lane++) {
            #pragma HLS UNROLL
            word.data.range(lane * LANE_BITS + LANE_BITS - 1, lane * LANE_BITS) = elements[lane];
        }
        word.keep = -1;
        word.strb = -1;
        // The flag is read with the last word and not before: a network may give its first results while its input is
        // still coming in.
        bool ends_packet = false;
        if (i == ALL_WORDS - 1)
            ends_packet = last.read();
        word.last = ends_packet;
        words.write(word);
    }
}

} // namespace mlfpga

#endif
