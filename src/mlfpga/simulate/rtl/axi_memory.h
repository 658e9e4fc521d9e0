// The memory at the other end of an AXI4 master: reads and writes in bursts, straight in the host's arrays.
//
// Every address is taken at once, and every cycle moves one word each way: the memory's own latency is not modelled.
// Responses come in the order of the addresses (AMBA AXI4, "Transaction ordering"), data in the lanes that the address
// and the size of a beat select ("Narrow transfers").

#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

namespace {

// Physical memory from `base` on. A cached page has two contents, and hardware sees DDR's. A page that is not cached
// (where `shared` is not 0) has one: it lies in `cpu`, and what hardware touches of it is the same in `ddr` from then on.
struct Ram {
    uint64_t base = 0, size = 0, page = 1;
    uint8_t *ddr = nullptr, *cpu = nullptr;
    const uint8_t* shared = nullptr;

    bool holds(uint64_t address) const { return address - base < size; }
    uint8_t get(uint64_t address) const {
        const uint64_t at = address - base;
        if (!holds(address)) return 0;
        if (shared[at / page]) ddr[at] = cpu[at];
        return ddr[at];
    }
    void put(uint64_t address, uint8_t value) const {
        const uint64_t at = address - base;
        if (!holds(address)) return;
        ddr[at] = value;
        if (shared[at / page]) cpu[at] = value;
    }
};

// Neighbouring bytes that a port read or wrote since the log was last fetched.
struct Touched {
    uint64_t address, bytes;
};

struct MemoryPort {
    enum { FIXED, INCR, WRAP };
    static constexpr uint64_t DECODE_ERROR = 3;

    struct Burst {
        uint64_t address, id, size, left, wrap_base = 0, wrap_end = 0;
        unsigned kind;

        Burst(const Pin& addr, const Pin& len, const Pin& log_size, const Pin& burst, const Pin& tag, uint64_t width)
            : address{addr.get()}, id{tag.get()}, size{log_size ? uint64_t{1} << log_size.get() : width},
              left{len.get() + 1}, kind{burst ? static_cast<unsigned>(burst.get()) : INCR} {
            if (kind != WRAP) return;
            wrap_base = address / (size * left) * (size * left);
            wrap_end = wrap_base + size * left;
        }
        // The first address of the beat, in its lane, and how many bytes are left of its size from there.
        uint64_t bytes() const { return size - address % size; }
        // Go on to the next beat; whether there is none.
        bool next() {
            if (kind != FIXED) address = address / size * size + size;
            if (kind == WRAP && address == wrap_end) address = wrap_base;
            return --left == 0;
        }
    };
    struct Answer {
        uint64_t id, response;
    };

    Pin araddr, arlen, arsize, arburst, arid, arvalid, arready;
    Pin rdata, rresp, rlast, rid, rvalid, rready;
    Pin awaddr, awlen, awsize, awburst, awid, awvalid, awready;
    Pin wdata, wstrb, wvalid, wready;
    Pin bresp, bid, bvalid, bready;

    std::vector<Touched> read{}, written{};
    int64_t beats = 0;
    std::deque<Burst> reads{}, writes{};
    std::deque<Answer> answers{};
    bool presented = false;

    // What this end says in the coming cycle; whether any pin changed.
    bool drive(const Ram& ram) {
        bool changed = arready.set(1) | awready.set(1);
        changed |= rvalid.set(!reads.empty());
        if (!reads.empty() && !presented) {
            present(ram);
            presented = changed = true;
        }
        changed |= wready.set(!writes.empty());
        changed |= bvalid.set(!answers.empty());
        if (!answers.empty()) changed |= bid.set(answers.front().id) | bresp.set(answers.front().response);
        return changed;
    }

    // The handshakes of this cycle; whether there was one.
    bool sample(const Ram& ram) {
        const int64_t before = beats;
        const bool given = rvalid.get() & rready.get(), answered = bvalid.get() & bready.get();
        const bool taken = wvalid.get() & wready.get();
        if (given) {
            presented = false;
            if (reads.front().next()) reads.pop_front();
            ++beats;
        }
        if (answered) {
            answers.pop_front();
            ++beats;
        }
        if (taken) {
            store(ram);
            ++beats;
        }
        if (arvalid.get() & arready.get()) {
            reads.emplace_back(araddr, arlen, arsize, arburst, arid, rdata.bytes);
            note(read, reads.back());
            ++beats;
        }
        if (awvalid.get() & awready.get()) {
            writes.emplace_back(awaddr, awlen, awsize, awburst, awid, wdata.bytes);
            note(written, writes.back());
            ++beats;
        }
        return beats != before;
    }

    void clear() {
        reads.clear();
        writes.clear();
        answers.clear();
        read.clear();
        written.clear();
        presented = false;
        beats = 0;
    }

private:
    void present(const Ram& ram) {
        const Burst& burst = reads.front();
        for (uint64_t i = 0; i < burst.bytes(); ++i)
            rdata.at[(burst.address + i) % rdata.bytes] = ram.get(burst.address + i);
        rid.set(burst.id);
        rlast.set(burst.left == 1);
        rresp.set(ram.holds(burst.address) ? 0 : DECODE_ERROR);
    }

    void store(const Ram& ram) {
        Burst& burst = writes.front();
        const uint64_t line = burst.address / wdata.bytes * wdata.bytes;
        for (size_t lane = 0; lane < wdata.bytes; ++lane)
            if (!wstrb || wstrb.at[lane / 8] >> lane % 8 & 1) ram.put(line + lane, wdata.at[lane]);
        const Answer answer{burst.id, ram.holds(burst.address) ? 0 : DECODE_ERROR};
        if (!burst.next()) return;
        answers.push_back(answer);
        writes.pop_front();
    }

    static void note(std::vector<Touched>& log, const Burst& burst) {
        const uint64_t first = burst.kind == WRAP ? burst.wrap_base : burst.address;
        const uint64_t bytes = burst.kind == FIXED ? burst.bytes() : burst.left * burst.size - first % burst.size;
        if (!log.empty() && log.back().address + log.back().bytes == first) log.back().bytes += bytes;
        else log.push_back({first, bytes});
    }
};

}  // namespace
