// Stand-in for Vitis HLS's header of the same name, for C simulation with g++ alone.
//
// hls4ml ships the open headers for ap_int, ap_fixed and hls::stream, but not this one. Only what the wrapper uses is
// here: the data word of an AXI4-Stream with TKEEP, TSTRB and TLAST. It must never be on Vitis HLS's include path.
#ifndef MLFPGA_AP_AXI_SDATA_H_
#define MLFPGA_AP_AXI_SDATA_H_

#include "ap_int.h"

template <int DATA_BITS, int USER_BITS, int ID_BITS, int DEST_BITS> struct ap_axiu {
    static_assert(USER_BITS == 0 && ID_BITS == 0 && DEST_BITS == 0, "TUSER, TID and TDEST are not modelled");
    ap_uint<DATA_BITS> data;
    ap_uint<DATA_BITS / 8> keep;
    ap_uint<DATA_BITS / 8> strb;
    ap_uint<1> last;
};

#endif
