// One accelerator under Verilator, behind a plain C interface: streams with queues, AXI4-Lite accesses, cycle stamps.
//
// `pins.h` is generated from the core's ports. It includes the Verilated headers and names, with X-macros, the clocks,
// resets, streams and register interfaces. Everything here runs without a call into Python per cycle or beat.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pins.h"
#include "verilated.h"

#if defined(RTL_TRACE_FST)
#include "verilated_fst_c.h"
using Trace = VerilatedFstC;
#elif defined(RTL_TRACE_VCD)
#include "verilated_vcd_c.h"
using Trace = VerilatedVcdC;
#endif
using SteadyClock = std::chrono::steady_clock;

// Verilator's own handlers end the process; a simulation inside Python must end with an exception instead.
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string{file} + ":" + std::to_string(line) + ": " + message);
}
void vl_stop(const char* file, int line, const char*) { vl_fatal(file, line, "", "the design called $stop"); }
void vl_finish(const char* file, int line, const char*) { vl_fatal(file, line, "", "the design called $finish"); }
void vl_warn(const char* file, int line, const char* hierarchy, const char* message) {
    vl_fatal(file, line, hierarchy, message);
}

namespace {

// A port of the top module: Verilator keeps its bits in little-endian order in `bytes` bytes.
struct Pin {
    uint8_t* at = nullptr;
    size_t bytes = 0;
    int bits = 0;

    explicit operator bool() const { return at; }
    uint64_t get() const {
        switch (bytes) {
            case 0: return 0;
            case 1: return *at;
            case 2: return read<uint16_t>();
            case 4: return read<uint32_t>();
            default: return read<uint64_t>();
        }
    }
    // Whether the port's value changed.
    bool set(uint64_t value) {
        if (!at || get() == value) return false;
        std::memcpy(at, &value, bytes < 8 ? bytes : 8);
        return true;
    }
    bool fill(bool one) {
        if (!at) return false;
        bool changed = false;
        for (size_t i = 0; i < bytes; ++i) {
            const int left = bits - static_cast<int>(8 * i);
            const uint8_t mask = left >= 8 ? 255 : left > 0 ? (1 << left) - 1 : 0;
            changed |= at[i] != (one ? mask : 0);
            at[i] = one ? mask : 0;
        }
        return changed;
    }
    bool full() const {
        if (bits < 64) return get() == (uint64_t{1} << bits) - 1;
        for (int i = 0; i < bits / 8; ++i)
            if (at[i] != 255) return false;
        return true;
    }

private:
    template <typename T>
    uint64_t read() const {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
};

template <typename Port>
Pin pin_of(Port& port, int bits) {
    return {reinterpret_cast<uint8_t*>(&port), sizeof port, bits};
}

// Stalls that come at random but the same every time.
struct Stalls {
    uint64_t state = 0;
    uint32_t threshold = 0;  // of 2^32

    bool now() {
        if (!threshold) return false;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<uint32_t>(state >> 16) < threshold;
    }
};

struct Stream {
    bool gives;
    Pin data, keep, strb, last, valid, ready;
    size_t word_bytes;
    std::vector<uint8_t> words{}, lasts{};
    std::vector<int64_t> stamps{};
    size_t next = 0;        // of a source: the first word that was not taken yet
    int64_t allowance = 0;  // of a sink: words it still takes; negative for no limit
    int64_t moved = 0, waited = 0, partial = 0;
    std::vector<int64_t> turns{};   // cycles at which TVALID or TREADY changed, and
    std::vector<uint8_t> states{};  // TVALID + 2 * TREADY from then on
    uint8_t state = 0;
    bool driving = false;
    Stalls stalls{};

    Stream(bool gives, int bits, Pin data, Pin keep, Pin strb, Pin last, Pin valid, Pin ready)
        : gives{gives}, data{data}, keep{keep}, strb{strb}, last{last}, valid{valid}, ready{ready},
          word_bytes{bits <= 8 ? 1u : bits <= 16 ? 2u : bits <= 32 ? 4u : (bits + 63u) / 64u * 8u} {}

};

}  // namespace

#include "axi_memory.h"

namespace {

struct Bus {
    Pin awaddr, awvalid, awready, wdata, wstrb, wvalid, wready, bresp, bvalid, bready;
    Pin araddr, arvalid, arready, rdata, rresp, rvalid, rready;
};

enum Until { PACKET = 1, TAKEN = 2, ANSWERED = 4, FULL = 8, INTERRUPT = 16 };
enum Stop { STOP_LIMIT, STOP_QUIET, STOP_STILL, STOP_PACKET, STOP_TAKEN, STOP_ANSWERED, STOP_FULL, STOP_INTERRUPT };
enum Access { ACCESS_DONE, ACCESS_REFUSED, ACCESS_SILENT, ACCESS_FAILED };
// Why a waveform ended before the simulation, if it is no number of the system's errors.
enum TraceEnd { TRACE_LIMIT = -1 };

#ifdef RTL_TRACE_VCD
// Verilator's own file takes an error for the end of the program.
class TraceFile : public VerilatedVcdFile {
public:
    int error = 0;

    ssize_t write(const char* text, ssize_t length) override {
        for (ssize_t done = 0; done < length && !error;) {
            errno = 0;
            const ssize_t wrote = VerilatedVcdFile::write(text + done, length - done);
            if (wrote > 0) done += wrote;
            else if (errno != EINTR && errno != EAGAIN) error = errno ? errno : EIO;
        }
        return length;
    }
};
#endif

// $readmemh names a file beside the simulation; this is the folder it means, for as long as the object lives.
class WorkingFolder {
public:
    explicit WorkingFolder(const char* folder) : before_{open(".", O_RDONLY | O_CLOEXEC)} {
        if (before_ < 0 || chdir(folder)) throw std::runtime_error(std::string{"cannot enter "} + folder);
    }
    ~WorkingFolder() {
        if (fchdir(before_)) {}  // the folder we came from is gone: there is nowhere to go back to
        close(before_);
    }

private:
    int before_;
};

class Simulation {
public:
    // A waveform goes to `trace`, until it has `trace_limit` bytes; its times are those of a clock of `period` ps.
    Simulation(const char* folder, const char* trace, double period, int64_t trace_limit)
        : top_{&context_, "top"}, half_period_{period / 2}, trace_limit_{trace_limit} {
        const WorkingFolder roms{folder};
#define RTL_CLOCK(pin) clocks_.push_back(pin);
#define RTL_RESET(pin, active) resets_.push_back({pin, active});
#define RTL_INTERRUPT(pin) interrupts_.push_back(pin);
#define RTL_TIED(pin) pin.set(1);
#define RTL_STREAM(...) streams_.push_back({__VA_ARGS__});
#define RTL_BUS(...) buses_.push_back({__VA_ARGS__});
#define RTL_MEMORY(...) memories_.push_back({__VA_ARGS__});
#define PIN(name, bits) pin_of(top_.name, bits)
        RTL_PINS
#undef PIN
        for (Stream& stream : streams_) {
            if (stream.gives) continue;
            stream.keep.fill(true);
            stream.strb.fill(true);
        }
        start_trace(trace);
        set_clocks(0);
        top_.eval();
        reset();
        watch_trace();
    }
    ~Simulation() {
        try {
            end_trace();
            top_.final();
        } catch (const std::exception&) {  // a `final` block that calls $finish: that is where we are
        }
    }

    std::vector<Stream>& streams() { return streams_; }
    std::vector<MemoryPort>& memories() { return memories_; }
    void set_ram(const Ram& ram) { ram_ = ram; }
    int64_t cycle() const { return cycle_; }
    void finish_trace() { end_trace(); }
    int trace_end() const { return trace_end_; }
    bool interrupt() {
        settle();
        for (const Pin& pin : interrupts_)
            if (pin.get()) return true;
        return false;
    }

    Access write(int index, uint64_t offset, uint32_t value, int64_t limit) {
        Bus& bus = buses_[index];
        const int lane = lane_of(bus.wdata, offset);
        drive(bus.awaddr, offset);
        drive(bus.wdata, uint64_t{value} << 8 * lane);
        drive(bus.wstrb, uint64_t{15} << lane);
        drive(bus.awvalid, 1);
        drive(bus.wvalid, 1);
        drive(bus.bready, 1);
        Access result = ACCESS_SILENT;
        for (int64_t i = 0; i < limit && result == ACCESS_SILENT; ++i) {
            settle();
            const bool address = bus.awvalid.get() & bus.awready.get(), data = bus.wvalid.get() & bus.wready.get();
            if (bus.bvalid.get()) result = bus.bresp.get() & 2 ? ACCESS_REFUSED : ACCESS_DONE;
            tick();
            if (address) drive(bus.awvalid, 0);
            if (data) drive(bus.wvalid, 0);
        }
        drive(bus.awvalid, 0);
        drive(bus.wvalid, 0);
        drive(bus.bready, 0);
        return result;
    }

    Access read(int index, uint64_t offset, uint32_t* value, int64_t limit) {
        Bus& bus = buses_[index];
        drive(bus.araddr, offset);
        drive(bus.arvalid, 1);
        drive(bus.rready, 1);
        Access result = ACCESS_SILENT;
        for (int64_t i = 0; i < limit && result == ACCESS_SILENT; ++i) {
            settle();
            const bool address = bus.arvalid.get() & bus.arready.get();
            if (bus.rvalid.get()) {
                result = bus.rresp.get() & 2 ? ACCESS_REFUSED : ACCESS_DONE;
                *value = static_cast<uint32_t>(bus.rdata.get() >> 8 * lane_of(bus.rdata, offset));
            }
            tick();
            if (address) drive(bus.arvalid, 0);
        }
        drive(bus.arvalid, 0);
        drive(bus.rready, 0);
        return result;
    }

    // At most `cycles` more cycles; stops before on an event of `until`, or when nothing can move any more (STILL), or
    // when nothing moved on any stream for `quiet` cycles. A `fresh` call forgets the events of the calls before. Comes
    // back after a short while in any case, so that Python sees a Ctrl-C.
    Stop advance(int64_t cycles, unsigned until, int64_t quiet, bool fresh, int64_t* done) {
        if (fresh) {
            events_ = 0;
            quiet_ = 0;
            next_look_ = FIRST_LOOK;
        }
        Stop stop = STOP_LIMIT;
        int64_t passed = 0;
        const auto end = SteadyClock::now() + SLICE;
        while (stop == STOP_LIMIT && passed < cycles) {
            const bool look = quiet_ >= next_look_ && !stalling_;
            if (look) remember();
            tick();
            ++passed;
            if (until) stop = stop_of(until);
            if (stop != STOP_LIMIT) break;
            if (look) {
                if (unchanged()) stop = STOP_STILL;
                next_look_ *= 2;
            }
            if (quiet_ >= quiet) stop = STOP_QUIET;
            if (passed % LOOK_AT_TIME == 0 && SteadyClock::now() > end) break;
        }
        watch_trace();
        *done = passed;
        return stop;
    }

    void set_stalls(int index, double probability, uint64_t seed) {
        Stalls& stalls = streams_[index].stalls;
        stalls.threshold = static_cast<uint32_t>(probability * 4294967295.0);
        stalls.state = (seed + 1) * 0x9E3779B97F4A7C15u | 1;
        stalling_ = false;
        for (const Stream& stream : streams_) stalling_ |= stream.stalls.threshold != 0;
    }

private:
    // The first look whether the whole state stands still, in cycles without a beat; then twice as many each time.
    static constexpr int64_t FIRST_LOOK = 64;
    static constexpr int RESET_CYCLES = 16;
    static constexpr std::chrono::milliseconds SLICE{50}, FLUSH{200};
    static constexpr int LOOK_AT_TIME = 32;  // cycles

    struct Reset {
        Pin pin;
        int active;
    };

    static int lane_of(const Pin& data, uint64_t offset) { return data.bytes == 8 ? offset & 4 : 0; }

    void drive(Pin& pin, uint64_t value) { unsettled_ |= pin.set(value); }

    void settle() {
        drive_streams();
        if (!unsettled_) return;
        top_.eval();
        unsettled_ = false;
    }

    void drive_streams() {
        if (driven_) return;
        driven_ = true;
        for (Stream& stream : streams_) {
            if (stream.gives) drive(stream.ready, stream.allowance != 0 && !stream.stalls.now());
            else drive_source(stream);
        }
        for (MemoryPort& memory : memories_) unsettled_ |= memory.drive(ram_);
    }

    // Once TVALID is up it stays, with its word, until the word is taken (AXI4-Stream, "Handshake signaling").
    void drive_source(Stream& stream) {
        if (stream.driving) return;
        if (stream.next == stream.lasts.size() || stream.stalls.now()) {
            drive(stream.valid, 0);
            return;
        }
        const uint8_t* word = &stream.words[stream.next * stream.word_bytes];
        if (std::memcmp(stream.data.at, word, used(stream)) != 0) {
            std::memcpy(stream.data.at, word, used(stream));
            unsettled_ = true;
        }
        drive(stream.last, stream.lasts[stream.next]);
        drive(stream.valid, 1);
        stream.driving = true;
    }

    static size_t used(const Stream& stream) {
        return stream.data.bytes < stream.word_bytes ? stream.data.bytes : stream.word_bytes;
    }

    // One clock cycle: what the pins say before the rising edge is what happens at it.
    void tick() {
        settle();
        half_cycle();
        ++quiet_;
        for (Stream& stream : streams_) sample(stream);
        for (MemoryPort& memory : memories_)
            if (memory.sample(ram_)) quiet_ = 0, next_look_ = FIRST_LOOK;
        rising_edge();
        ++cycle_;
        driven_ = false;
    }

    void sample(Stream& stream) {
        // A stream without TREADY moves a word in every cycle with TVALID.
        const bool valid = stream.valid.get(), ready = !stream.ready || stream.ready.get();
        if (const uint8_t state = valid + 2 * ready; state != stream.state) {
            stream.state = state;
            stream.turns.push_back(cycle_);
            stream.states.push_back(state);
        }
        if (!valid) return;
        if (!ready) {
            ++stream.waited;
            return;
        }
        ++stream.moved;
        stream.stamps.push_back(cycle_);
        quiet_ = 0;
        next_look_ = FIRST_LOOK;
        if (stream.gives) sample_sink(stream);
        else {
            ++stream.next;
            stream.driving = false;
        }
    }

    void sample_sink(Stream& stream) {
        const size_t end = stream.words.size();
        stream.words.resize(end + stream.word_bytes);
        std::memcpy(&stream.words[end], stream.data.at, used(stream));
        const bool last = stream.last.get();
        stream.lasts.push_back(last);
        if (stream.keep && !stream.keep.full()) ++stream.partial;
        if (stream.allowance > 0 && --stream.allowance == 0) events_ |= FULL;
        if (last) events_ |= PACKET;
    }

    Stop stop_of(unsigned until) {
        if (until & FULL && events_ & FULL) return STOP_FULL;
        if (until & PACKET && events_ & PACKET) return STOP_PACKET;
        if (until & (TAKEN | ANSWERED) && all_taken()) {
            if (until & TAKEN) return STOP_TAKEN;
            if (events_ & PACKET) return STOP_ANSWERED;
        }
        return until & INTERRUPT && interrupt() ? STOP_INTERRUPT : STOP_LIMIT;
    }

    bool all_taken() const {
        for (const Stream& stream : streams_)
            if (!stream.gives && stream.next != stream.lasts.size()) return false;
        return true;
    }

    void set_clocks(int level) {
        for (Pin& clock : clocks_) clock.set(level);
    }

#if defined(RTL_TRIGGER) && !defined(RTL_TRACE)
    // The design knows its clock only as one rising edge, so the falling half is skipped: Verilator is told that the
    // clock was low before. `verilator.py` checks that nothing else in the design looks at the clock.
    void half_cycle() {}
    void rising_edge() {
        set_clocks(1);
        top_.rootp->RTL_TRIGGER = 0;
        top_.eval();
    }
#else
    void half_cycle() {
        dump();
        set_clocks(0);
        top_.eval();
        dump();
    }
    void rising_edge() {
        set_clocks(1);
        top_.eval();
    }
#endif

    void reset() {
        for (Reset& reset : resets_) reset.pin.set(reset.active);
        unsettled_ = true;
        for (int i = 0; i < RESET_CYCLES; ++i) tick();
        for (Reset& reset : resets_) reset.pin.set(!reset.active);
        unsettled_ = true;
        cycle_ = 0;
        quiet_ = 0;
        for (Stream& stream : streams_) {
            stream.words.clear();
            stream.lasts.clear();
            stream.stamps.clear();
            stream.turns.clear();
            stream.states.clear();
            stream.state = 0;
            stream.moved = stream.waited = stream.partial = 0;
        }
        for (MemoryPort& memory : memories_) memory.clear();
    }

    // Verilator keeps all state of the design in one object. A cycle that leaves every byte of it as it was, with the
    // inputs as they were, will be followed by the same cycle for ever.
    void remember() {
        settle();
        const auto* state = reinterpret_cast<const uint8_t*>(top_.rootp->vlSymsp);
        remembered_.assign(state, state + sizeof *top_.rootp->vlSymsp);
    }
    bool unchanged() {
        settle();
        return std::memcmp(remembered_.data(), top_.rootp->vlSymsp, remembered_.size()) == 0;
    }

#ifdef RTL_TRACE
    void start_trace(const char* path) {
        if (!path || !*path) return;
        context_.traceEverOn(true);
        context_.timeunit(-9);
        context_.timeprecision(-12);
        trace_path_ = path;
        // The writers themselves do not all say it.
        const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (file < 0) throw std::runtime_error("cannot write " + trace_path_ + ": " + std::strerror(errno));
        close(file);
#ifdef RTL_TRACE_VCD
        trace_ = std::make_unique<Trace>(&trace_file_);
#else
        trace_ = std::make_unique<Trace>();
#endif
        top_.trace(trace_.get(), 99);
        trace_->open(path);
    }
    void dump() {
        if (trace_) trace_->dump(static_cast<uint64_t>(std::llround(static_cast<double>(ticks_++) * half_period_)));
    }
    // What was written can be read if we are killed (a VCD file; an FST file gets its names when it is closed).
    void watch_trace() {
        if (!trace_ || SteadyClock::now() < next_flush_) return;
#ifdef RTL_TRACE_VCD
        trace_->flush();
        if (trace_file_.error) trace_end_ = trace_file_.error;
#endif
        struct stat status {};
        if (!stat(trace_path_.c_str(), &status) && status.st_size >= trace_limit_ && !trace_end_)
            trace_end_ = TRACE_LIMIT;
        if (trace_end_) end_trace();
        next_flush_ = SteadyClock::now() + FLUSH;
    }
    void end_trace() {
        if (!trace_) return;
        dump();  // what the last edge changed
        trace_->close();
        trace_.reset();
#ifdef RTL_TRACE_VCD
        if (!trace_end_) trace_end_ = trace_file_.error;
#endif
    }
#ifdef RTL_TRACE_VCD
    TraceFile trace_file_;
#endif
    std::unique_ptr<Trace> trace_;
    std::string trace_path_;
    SteadyClock::time_point next_flush_ = SteadyClock::now() + FLUSH;
    int64_t ticks_ = 0;
#else
    void start_trace(const char*) {}
    void dump() {}
    void watch_trace() {}
    void end_trace() {}
#endif

    VerilatedContext context_;
    RTL_TOP top_;
    std::vector<Pin> clocks_, interrupts_;
    std::vector<Reset> resets_;
    std::vector<Stream> streams_;
    std::vector<Bus> buses_;
    std::vector<MemoryPort> memories_;
    Ram ram_;
    std::vector<uint8_t> remembered_;
    double half_period_;
    int64_t trace_limit_;
    int trace_end_ = 0;
    int64_t cycle_ = 0, quiet_ = 0, next_look_ = FIRST_LOOK;
    unsigned events_ = 0;
    bool unsettled_ = true, driven_ = false, stalling_ = false;
};

thread_local std::string problem;

// Runs `body`; an exception becomes `failed`, and its text waits in rtl_problem().
template <typename Result, typename Body>
Result guarded(Result failed, Body body) {
    try {
        return body();
    } catch (const std::exception& error) {
        problem = error.what();
        return failed;
    }
}

Stream& stream_of(void* simulation, int index) { return static_cast<Simulation*>(simulation)->streams()[index]; }

}  // namespace

// Everything else is hidden, so that the compiler may inline it.
#pragma GCC visibility push(default)
extern "C" {

const char* rtl_problem() { return problem.c_str(); }

void* rtl_open(const char* folder, const char* trace, double period, int64_t trace_limit) {
    return guarded<void*>(nullptr, [&] { return new Simulation{folder, trace, period, trace_limit}; });
}
void rtl_end_trace(void* simulation) { static_cast<Simulation*>(simulation)->finish_trace(); }
// 0, or why the waveform ended: an error number of the system, or a TraceEnd.
int rtl_trace_end(void* simulation) { return static_cast<Simulation*>(simulation)->trace_end(); }
void rtl_close(void* simulation) { delete static_cast<Simulation*>(simulation); }

int64_t rtl_cycle(void* simulation) { return static_cast<Simulation*>(simulation)->cycle(); }
int rtl_interrupt(void* simulation) {
    return guarded(-1, [&]() -> int { return static_cast<Simulation*>(simulation)->interrupt(); });
}
int rtl_write(void* simulation, int bus, uint64_t offset, uint32_t value, int64_t limit) {
    return guarded<int>(ACCESS_FAILED,
                        [&] { return static_cast<Simulation*>(simulation)->write(bus, offset, value, limit); });
}
int rtl_read(void* simulation, int bus, uint64_t offset, uint32_t* value, int64_t limit) {
    return guarded<int>(ACCESS_FAILED,
                        [&] { return static_cast<Simulation*>(simulation)->read(bus, offset, value, limit); });
}
int rtl_advance(void* simulation, int64_t cycles, unsigned until, int64_t quiet, int fresh, int64_t* done) {
    *done = 0;
    return guarded<int>(-1, [&] {
        return static_cast<Simulation*>(simulation)->advance(cycles, until, quiet, fresh, done);
    });
}
void rtl_stalls(void* simulation, int stream, double probability, uint64_t seed) {
    static_cast<Simulation*>(simulation)->set_stalls(stream, probability, seed);
}

int rtl_offer(void* simulation, int index, const uint8_t* words, const uint8_t* lasts, int64_t count) {
    return guarded(-1, [&] {
        Stream& stream = stream_of(simulation, index);
        if (stream.next == stream.lasts.size()) {
            stream.words.clear();
            stream.lasts.clear();
            stream.next = 0;
        }
        stream.words.insert(stream.words.end(), words, words + count * stream.word_bytes);
        stream.lasts.insert(stream.lasts.end(), lasts, lasts + count);
        return 0;
    });
}
// Of a source: nothing is offered any more, TVALID falls.
void rtl_withdraw(void* simulation, int index) {
    Stream& stream = stream_of(simulation, index);
    stream.words.clear();
    stream.lasts.clear();
    stream.next = 0;
    stream.driving = false;
}
void rtl_allow(void* simulation, int index, int64_t words) { stream_of(simulation, index).allowance = words; }
int64_t rtl_allowed(void* simulation, int index) { return stream_of(simulation, index).allowance; }
int64_t rtl_moved(void* simulation, int index) { return stream_of(simulation, index).moved; }
int64_t rtl_waited(void* simulation, int index) { return stream_of(simulation, index).waited; }
int64_t rtl_partial(void* simulation, int index) { return stream_of(simulation, index).partial; }
// Words of a source that were not taken, or of a sink that were not collected.
int64_t rtl_queued(void* simulation, int index) {
    const Stream& stream = stream_of(simulation, index);
    return static_cast<int64_t>(stream.lasts.size() - stream.next);
}
void rtl_collect(void* simulation, int index, uint8_t* words, uint8_t* lasts) {
    Stream& stream = stream_of(simulation, index);
    if (stream.lasts.empty()) return;
    std::memcpy(words, stream.words.data(), stream.words.size());
    std::memcpy(lasts, stream.lasts.data(), stream.lasts.size());
    stream.words.clear();
    stream.lasts.clear();
}
void rtl_stamps(void* simulation, int index, int64_t first, int64_t* stamps) {
    const Stream& stream = stream_of(simulation, index);
    if (first < static_cast<int64_t>(stream.stamps.size()))
        std::memcpy(stamps, &stream.stamps[first], (stream.stamps.size() - first) * sizeof(int64_t));
}
// Changes of TVALID and TREADY that were not fetched yet; `rtl_fetch_turns` hands them over.
int64_t rtl_turns(void* simulation, int index) {
    return static_cast<int64_t>(stream_of(simulation, index).turns.size());
}
void rtl_fetch_turns(void* simulation, int index, int64_t* cycles, uint8_t* states) {
    Stream& stream = stream_of(simulation, index);
    std::copy(stream.turns.begin(), stream.turns.end(), cycles);
    std::copy(stream.states.begin(), stream.states.end(), states);
    stream.turns.clear();
    stream.states.clear();
}
// The physical memory that AXI4 masters see; the arrays stay the caller's.
void rtl_memory(void* simulation, uint64_t base, uint64_t size, uint64_t page, uint8_t* ddr, uint8_t* cpu,
                const uint8_t* shared) {
    static_cast<Simulation*>(simulation)->set_ram({base, size, page, ddr, cpu, shared});
}
int64_t rtl_memory_beats(void* simulation, int index) {
    return static_cast<Simulation*>(simulation)->memories()[index].beats;
}
// Ranges that a port read (wrote: 1) since they were last fetched; `rtl_fetch_touched` hands them over.
int64_t rtl_touched(void* simulation, int index, int wrote) {
    const MemoryPort& port = static_cast<Simulation*>(simulation)->memories()[index];
    return static_cast<int64_t>((wrote ? port.written : port.read).size());
}
void rtl_fetch_touched(void* simulation, int index, int wrote, uint64_t* ranges) {
    MemoryPort& port = static_cast<Simulation*>(simulation)->memories()[index];
    std::vector<Touched>& log = wrote ? port.written : port.read;
    std::memcpy(ranges, log.data(), log.size() * sizeof(Touched));
    log.clear();
}

}  // extern "C"
#pragma GCC visibility pop
