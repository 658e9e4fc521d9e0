// Between AXI4-Stream words and the streams of hls4ml.
//
// hls4ml moves a *group* at a time: nnet::array<T, N>, a whole vector or the channels of one pixel. On the wire a group
// starts at a new word; each element stands in a lane of LANE_BITS, first element lowest, sign-extended; lanes left over
// in a group's last word are zero. Python's mlfpga.formats.StreamFormat states the same layout.
//
// Both functions move one word a clock (II=1), so neither limits a network that needs longer than its words.
#ifndef MLFPGA_AXIS_H_
#define MLFPGA_AXIS_H_

#include "ap_axi_sdata.h"
#include "ap_int.h"
#include "hls_stream.h"

namespace mlfpga {

// Words of one sample -> GROUPS groups. `last` receives the TLAST that came with the sample's last word.
template <int GROUPS, int LANE_BITS, class word_T, class group_T, int STREAM_BITS>
void unpack(hls::stream<word_T> &words, hls::stream<group_T> &groups, hls::stream<bool> &last) {
    const int LANES = STREAM_BITS / LANE_BITS;
    const int SIZE = group_T::size;
    const int WORDS = (SIZE + LANES - 1) / LANES;

    typename group_T::value_type elements[SIZE];
    #pragma HLS ARRAY_PARTITION variable=elements complete
    bool ends_packet = false;
    int word_of_group = 0;

Unpack:
    for (int i = 0; i < GROUPS * WORDS; i++) {
        #pragma HLS PIPELINE II=1
        const word_T word = words.read();
        ends_packet = word.last;
        for (int lane = 0; lane < LANES; lane++) {
            #pragma HLS UNROLL
            const int element = word_of_group * LANES + lane;
            if (element < SIZE) {
                const int low = lane * LANE_BITS;
                const int width = group_T::value_type::width;
                elements[element].range(width - 1, 0) = word.data.range(low + width - 1, low);
            }
        }
        if (word_of_group == WORDS - 1) {
            group_T group;
            for (int element = 0; element < SIZE; element++) {
                #pragma HLS UNROLL
                group[element] = elements[element];
            }
            groups.write(group);
            word_of_group = 0;
        } else {
            word_of_group++;
        }
    }
    last.write(ends_packet);
}

// GROUPS groups -> words of one result, TKEEP all ones, TLAST on the last one if `last` says so.
template <int GROUPS, int LANE_BITS, bool SIGNED, class group_T, class word_T, int STREAM_BITS>
void pack(hls::stream<group_T> &groups, hls::stream<bool> &last, hls::stream<word_T> &words) {
    const int LANES = STREAM_BITS / LANE_BITS;
    const int SIZE = group_T::size;
    const int WORDS = (SIZE + LANES - 1) / LANES;

    group_T group;
    int word_of_group = 0;

Pack:
    for (int i = 0; i < GROUPS * WORDS; i++) {
        #pragma HLS PIPELINE II=1
        if (word_of_group == 0)
            group = groups.read();
        word_T word;
        word.data = 0;
        for (int lane = 0; lane < LANES; lane++) {
            #pragma HLS UNROLL
            const int element = word_of_group * LANES + lane;
            if (element < SIZE) {
                const int width = group_T::value_type::width;
                ap_uint<LANE_BITS> bits = 0;
                if (SIGNED && group[element][width - 1])
                    bits = ~bits;
                bits.range(width - 1, 0) = group[element].range(width - 1, 0);
                word.data.range(lane * LANE_BITS + LANE_BITS - 1, lane * LANE_BITS) = bits;
            }
        }
        word.keep = -1;
        word.strb = -1;
        // The flag is read with the last word and not before: a network may give its first results while its input is
        // still coming in.
        word.last = i == GROUPS * WORDS - 1 ? last.read() : false;
        words.write(word);
        word_of_group = word_of_group == WORDS - 1 ? 0 : word_of_group + 1;
    }
}

} // namespace mlfpga

#endif
