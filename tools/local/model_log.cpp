// SPDX-License-Identifier: MIT
#include "local/model_log.hpp"

#include <fmt/format.h>

#include <deque>
#include <iterator>

#include "card/model/chip.hpp"

namespace skald::local {
namespace {

namespace model = card::model;

static_assert(ModelLog::kBounds == model::kBounds && ModelLog::kParts == model::kParts);

constexpr std::string_view kEngines[] = {"sequencer", "memory",    "vector",    "matrix",
                                         "vector",    "attention", "selection", "link"};

std::optional<std::uint64_t> experts_of(const model::Retired& micro_op) {
    const bool product = isa::find_op(micro_op.op.opcode)->engine == isa::Engine::Matrix;
    if (!product || (micro_op.op.flags & isa::kFlagGrouped) == 0)
        return std::nullopt;
    return micro_op.counts.experts;
}

// It received, and that took longest. Chips that exchange do so at the same time.
bool waited_for_others(const model::Retired& micro_op) {
    if (micro_op.timing.bound != model::Bound::kLink)
        return false;
    const isa::Work work = isa::find_op(micro_op.op.opcode)->work(micro_op.op, micro_op.counts);
    return work.received != 0 && work.sent == 0;
}

}  // namespace

class ModelLog::Listener final : public model::Observer {
  public:
    explicit Listener(bool keep) : keep_(keep) {}

    void retired(const model::Retired& micro_op) override {
        const std::scoped_lock guard(lock_);
        const model::Timing& timing = micro_op.timing;
        sums.moved[static_cast<std::size_t>(timing.bound)] += timing.moved - timing.launch;
        sums.moved[static_cast<std::size_t>(model::Bound::kSequencer)] += timing.launch;
        sums.time += timing.moved;
        sums.waited += waited_for_others(micro_op) ? timing.moved - timing.launch : 0;
        sums.dram_bytes += timing.dram_bytes;
        for (std::size_t part = 0; part < kParts; ++part)
            sums.energy[part] += timing.energy[part];
        const isa::OpInfo& info = *isa::find_op(micro_op.op.opcode);
        // What the sequencer does by itself between two steps has no time of its own.
        if (!keep_ || !info.costs || micro_op.counts.rows == 0)
            return;
        const isa::Work work = info.work(micro_op.op, micro_op.counts);
        slices.push_back({info.name, kEngines[static_cast<std::size_t>(info.engine)],
                          model::name(timing.bound), micro_op.op_index, timing.issued, timing.begin,
                          timing.end, timing.moved, micro_op.counts.rows, timing.dram_bytes,
                          work.macs, work.weights + work.kv, experts_of(micro_op)});
    }

    std::optional<std::uint64_t> experts() override {
        const std::scoped_lock guard(lock_);
        if (routing.empty())
            return std::nullopt;
        const std::uint64_t next = routing.front();
        routing.pop_front();
        return next;
    }

    mutable std::mutex lock_;  // of what follows
    Sums sums;
    std::vector<ModelSlice> slices;
    std::deque<std::uint64_t> routing;  // of products to come

  private:
    const bool keep_;
};

std::string_view ModelLog::bound_name(std::size_t bound) {
    return model::name(static_cast<model::Bound>(bound));
}

std::string_view ModelLog::part_name(std::size_t part) {
    return model::name(static_cast<model::Part>(part));
}

ModelLog::ModelLog(bool keep_slices) : listener_(std::make_shared<Listener>(keep_slices)) {}

void ModelLog::begin() {
    const std::scoped_lock guard(listener_->lock_);
    listener_->sums = {};
    listener_->slices.clear();
}

ModelLog::Sums ModelLog::sums() const {
    const std::scoped_lock guard(listener_->lock_);
    return listener_->sums;
}

std::vector<ModelSlice> ModelLog::slices() const {
    const std::scoped_lock guard(listener_->lock_);
    return listener_->slices;
}

void ModelLog::route_as(const std::vector<ModelSlice>& run) {
    const std::scoped_lock guard(listener_->lock_);
    listener_->routing.clear();
    for (const ModelSlice& slice : run)
        if (slice.experts)
            listener_->routing.push_back(*slice.experts);
}

std::shared_ptr<model::Observer> ModelLog::observer() const {
    return listener_;
}

// The JSON trace format: complete events in microseconds, threads named by metadata.
std::string perfetto_trace(const std::vector<ModelSlice>& slices, std::string_view name) {
    std::string chip;
    for (const char c : name)  // may be that of a file
        chip += c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' ? '_' : c;
    std::string out = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
    fmt::format_to(std::back_inserter(out),
                   R"({{"ph":"M","pid":1,"name":"process_name","args":{{"name":"{}"}}}})", chip);
    for (std::size_t i = 0; i < std::size(kEngines); ++i)
        fmt::format_to(
            std::back_inserter(out),
            ",\n"
            R"({{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":"{}"}}}})",
            i + 1, kEngines[i]);
    const auto thread = [](std::string_view engine) {
        std::size_t i = 0;
        while (kEngines[i] != engine)
            ++i;
        return i + 1;
    };
    for (const ModelSlice& slice : slices)
        fmt::format_to(std::back_inserter(out),
                       ",\n"
                       R"({{"ph":"X","pid":1,"tid":{},"name":"{}","ts":{}.{:06},"dur":{}.{:06},)"
                       R"("args":{{"op":{},"rows":{},"bound":"{}","dram_bytes":{}}}}})",
                       thread(slice.engine), slice.name, slice.begin / 1000000,
                       slice.begin % 1000000, (slice.end - slice.begin) / 1000000,
                       (slice.end - slice.begin) % 1000000, slice.op_index, slice.rows, slice.bound,
                       slice.dram_bytes);
    return out + "\n]}\n";
}

}  // namespace skald::local
