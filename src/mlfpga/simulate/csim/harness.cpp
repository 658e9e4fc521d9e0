// Drives a top function with two AXI4-Streams from Python: whole samples in, whole samples out.
//
// Compiled with -DSIM_TOP=… (the top function), -DSIM_HEADER="…", -DSIM_STREAM_BITS=…, -DSIM_WORDS_IN=… and
// -DSIM_WORDS_OUT=… (words of one sample). One call of SIM_TOP is one ap_start.
#include <chrono>
#include <cstdint>
#include <type_traits>

#include SIM_HEADER

typedef std::conditional<SIM_STREAM_BITS == 64, uint64_t, uint32_t>::type word_t;

enum Fault { INPUT_LEFT = -1, TOO_FEW_WORDS = -2, TOO_MANY_WORDS = -3, KEEP_NOT_ONES = -4 };

// Must be called before the first sample.
extern "C" void mlfpga_weights_folder(const char *folder) { mlfpga_weights = folder; }

// Runs samples for a short while, at most `samples` of them; returns how many it ran, or a Fault.
extern "C" long mlfpga_run(const word_t *in, const uint8_t *in_last, long samples, word_t *out, uint8_t *out_last) {
    hls::stream<axis_word> s_axis("s_axis"), m_axis("m_axis");
    const ap_uint<SIM_STREAM_BITS / 8> all_bytes = -1;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
    for (long sample = 0; sample < samples; sample++) {
        if (sample && std::chrono::steady_clock::now() > end)
            return sample;
        for (int i = 0; i < SIM_WORDS_IN; i++) {
            axis_word word;
            word.data = *in++;
            word.keep = word.strb = all_bytes;
            word.last = *in_last++;
            s_axis.write(word);
        }
        SIM_TOP(s_axis, m_axis);
        if (!s_axis.empty())
            return INPUT_LEFT;
        for (int i = 0; i < SIM_WORDS_OUT; i++) {
            if (m_axis.empty())
                return TOO_FEW_WORDS;
            const axis_word word = m_axis.read();
            if (word.keep != all_bytes)
                return KEEP_NOT_ONES;
            *out++ = word.data.to_uint64();
            *out_last++ = word.last.to_uint();
        }
        if (!m_axis.empty())
            return TOO_MANY_WORDS;
    }
    return samples;
}
